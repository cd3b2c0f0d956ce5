"""Turns of engines with known times."""

import pytest


@pytest.fixture
def speed(script):
    return script("speed")


class Known:
    """An engine whose runs take known times, s."""

    def __init__(self, speed, log, name, walls):
        self.times = [speed.Times(wall, 2.0 * wall) for wall in walls]
        self.log, self.name, self.open = log, name, True

    def run(self, duration_ms):
        self.log.append((self.name, duration_ms))
        return self.times.pop(0)

    def close(self):
        self.open = False


def test_engines_take_turns_in_alternating_order(speed):
    log = []
    slow, slower = (Known(speed, log, name, [3.0, 1.0, 2.0]) for name in "ab")
    times = speed.in_turns({"a": (slow, 100.0), "b": (slower, 500.0)}, 3)
    assert "".join(name for name, _ in log) == "abbaab"
    assert {(name, duration) for name, duration in log} == {("a", 100.0), ("b", 500.0)}
    assert times == {"a": (2.0, 4.0), "b": (2.0, 4.0)}


def test_short_runs_are_repeated_without_the_first(speed):
    log = []
    engine = Known(speed, log, "a", [speed.TURN_S / 2.5, 0.001, 0.003])
    assert speed.in_turns({"a": (engine, 100.0)}, 1)["a"].wall_s == pytest.approx(0.002)
    assert len(log) == 3


def test_times_are_those_of_100_ms_of_a_culture(speed):
    def unavailable():
        raise speed.Unavailable("it is not installed")

    engine, contest = Known(speed, [], "a", [4.0]), speed.Contest()
    contest.add("eight", lambda: engine, 500.0, 8)
    contest.add("none", unavailable)
    assert contest.measure(1) == {"eight": pytest.approx((100.0, 200.0))}  # ms
    assert contest.absent == {"none": "it is not installed"}
    assert not engine.open
