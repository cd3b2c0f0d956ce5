"""A task of one's own, without a config: as a class, a path and a mapping, alone and in a vector."""

from dataclasses import dataclass, replace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

import livn_gym
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.envs.tasks import Task
from livn_gym.errors import InvalidInput, UnknownOption
from livn_gym.testing import conform
from livn_gym.testing.vector import check_vector

pytestmark = pytest.mark.usefixtures("fake")

OWN = {"system": "EI1", "settle_ms": 200.0, "step_ms": 100.0}


class StayQuiet(Task):
    """As few spikes as possible; a step above the limit ends the episode."""

    @dataclass(frozen=True)
    class Options(Task.Options):
        limit_hz: float = 30.0

    @property
    def observation_space(self):
        return spaces.Box(0.0, 1e6, (1,), np.float32)

    def reset(self, rng):
        self.steps, self.rate_hz = 0, 0.0

    def after_step(self, measurement):
        self.steps += 1
        self.rate_hz = measurement.rate_hz

    @property
    def reward(self):
        return -self.rate_hz / self.options.limit_hz

    @property
    def terminated(self):
        return self.rate_hz > self.options.limit_hz

    def observe(self, measurement):
        return np.array([self.steps])

    def info(self, measurement):
        return {"steps": float(self.steps)}


def played(steps=3, **options):
    with gym.make("livn/Culture-v0", **OWN, **options) as env:
        found = [env.reset(seed=3), *(env.step(env.action_space.high) for _ in range(steps))]
    return [(result[0].tolist(), *result[1:]) for result in found]


def test_options_are_arguments_of_the_environment():
    loose, strict = played(task=StayQuiet), played(task=StayQuiet, limit_hz=0.5)
    assert [result[0] for result in loose] == [result[0] for result in strict]
    assert [result[4]["steps"] for result in loose[1:]] == [1.0, 2.0, 3.0]
    for result, other in zip(loose[1:], strict[1:], strict=True):
        assert result[1] == pytest.approx(-result[4]["rate_hz"] / 30.0)
        assert other[1] == pytest.approx(60.0 * result[1])
        assert other[2] == (result[4]["rate_hz"] > 0.5)


def test_a_mapping_and_a_path_are_the_same_task(tmp_path):
    path = tmp_path / "quiet.py"
    path.write_text(f"from {__name__} import StayQuiet as Base\n\n\nclass StayQuiet(Base):\n    pass\n")
    expected = played(task=StayQuiet, limit_hz=5.0)
    assert played(task={"name": StayQuiet, "limit_hz": 5.0}) == expected
    assert played(task=f"{path}:StayQuiet", limit_hz=5.0) == expected
    assert played(task={"name": str(path), "limit_hz": 5.0}) == expected


def test_a_shipped_class_has_the_numbers_of_its_config():
    by_name = LoopSpec.of("EI3", "discrimination")
    by_class = LoopSpec.of("EI3", type(by_name.make(1).tasks[0]))
    assert by_name.task_options == by_class.task_options and by_class.task_options["scale_hz"] == 2500.0


@pytest.fixture
def own_id():
    livn_gym.register("own/StayQuiet-v0", task=StayQuiet, **OWN)
    yield "own/StayQuiet-v0"
    del gym.registry["own/StayQuiet-v0"]


def test_its_vector_is_its_single_environments(own_id):
    check_vector(own_id, limit_hz=5.0)


@pytest.mark.slow
def test_it_conforms(own_id):
    assert "determinism" in conform(own_id)


@pytest.mark.parametrize("value", ["30", None, True, float("nan"), [30.0]])
def test_options_are_checked_by_their_annotations(value):
    with pytest.raises(InvalidInput, match="limit_hz"):
        StayQuiet.Options(limit_hz=value)


def test_what_is_no_task_is_refused():
    for task in (3, None, Task, StayQuiet.Options, "livn_gym.env:Env", {"limit_hz": 3.0}):
        with pytest.raises(InvalidInput):
            LoopSpec.of("EI1", task)
    with pytest.raises(UnknownOption, match="Did you mean 'limit_hz'"):
        LoopSpec.of("EI1", StayQuiet, limit=3.0)
    with pytest.raises(InvalidInput, match="only once"):
        LoopSpec.of("EI1", {"name": StayQuiet, "limit_hz": 3.0}, limit_hz=4.0)


def test_a_task_takes_its_own_options_alone():
    loop = LoopSpec.of("EI1", "rate_tracking").make()
    setup = loop.tasks[0].setup
    for options in (None, setup.options, {"limit_hz": 3.0}):
        with pytest.raises(InvalidInput, match="StayQuiet needs its own Options"):
            StayQuiet(replace(setup, options=options))
    assert StayQuiet(replace(setup, options=StayQuiet.Options())).options.limit_hz == 30.0
    loop.close()


def test_options_are_a_frozen_dataclass_with_defaults():
    with pytest.raises(InvalidInput, match="frozen dataclass"):

        class Forgotten(StayQuiet):
            class Options(Task.Options):
                limit_hz: float = 30.0

    with pytest.raises(InvalidInput, match="'limit_hz' of Needy needs a default"):

        class Needy(StayQuiet):
            @dataclass(frozen=True)
            class Options(Task.Options):
                limit_hz: float
