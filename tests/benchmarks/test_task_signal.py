"""Signal by noise of returns that are known."""

import numpy as np
import pytest

from livn_gym.agents.episodes import Episode

pytestmark = pytest.mark.needs("rl")  # the script takes its tasks from the benchmark of learners


@pytest.fixture(scope="module")
def signal(script):
    return script("task_signal")


def test_ratio(signal):
    assert signal.ratio([[0.0, 2.0], [10.0, 12.0]]) == pytest.approx(np.sqrt(50.0) / np.sqrt(2.0))
    assert signal.ratio([[0.0, 2.0], [1.0, 1.0]]) == 0.0


def test_a_wait_ends_with_a_pulse(signal):
    agent = signal.Wait(0.5)
    seen = [float(agent.act(np.array([9.0, since, 1.0, 0.0], np.float32), {})[0]) for since in (0.0, 0.4, 0.5, 3.0)]
    assert seen == [-1.0, -1.0, 1.0, 1.0]


def test_steps_get_the_same_seconds(signal, monkeypatch):
    asked = []

    def played(env_id, episodes, **options):
        asked.append(options)
        steps = options["max_episode_steps"]
        agents = {"low": (0.0, 2.0), "high": (10.0, 12.0)}
        return {name: [Episode(0, np.full(steps, r / steps), {}) for r in own] for name, own in agents.items()}

    monkeypatch.setattr(signal, "played", played)
    rows = signal.by_step(signal.TIMING, [100.0, 500.0], 2).splitlines()[2:]
    assert [(one["step_ms"], one["max_episode_steps"], one["encoding"]["rate_hz"]) for one in asked] == [
        (100.0, 1500, 10.0),
        (500.0, 300, 2.0),
    ]
    assert [row.split(" | ")[3:] for row in rows] == [["5.0", "high: 11.0 |"]] * 2
