"""Families of reference agents and their tuner."""

import gymnasium as gym
import numpy as np
import pytest
from fakes import use_poisson_backend

from livn_gym.agents.baselines import Constant
from livn_gym.agents.reference_agents import TUNING_SEED, AgentFamily, Budget, families_of, tune
from livn_gym.agents.reference_agents.tuner import FINALISTS, _spread
from livn_gym.envs import tasks
from livn_gym.errors import InvalidInput, UnknownName

SHORT = {"settle_ms": 200.0, "max_episode_steps": 5}


@pytest.mark.parametrize("task", [*tasks.names(), None])
def test_every_task_has_families_whose_agents_act(monkeypatch, tmp_path, task):
    use_poisson_backend(monkeypatch)
    if task is None:
        path = tmp_path / "quiet.py"
        path.write_text(TASK)
        task = f"{path}:Quiet"
    with gym.make("livn/Culture-v0", system="EI2", task=task, settle_ms=200.0) as env:
        observation, info = env.reset(seed=0)
        families = families_of(task, env.unwrapped, info)
        assert families and len({family.name for family in families}) == len(families)
        for family in families:
            for point in (family.first_point(), np.zeros(len(family.box)), np.ones(len(family.box))):
                agent = family.make(**family.parameters(point))
                agent.reset(env, info)
                assert agent.act(observation, info) in env.action_space


TASK = '''
import numpy as np
from gymnasium import spaces
from livn_gym.envs.tasks import Task

class Quiet(Task):
    """A user's task: the culture should be quiet."""

    def reset(self, rng):
        self._rate = 0.0

    @property
    def observation_space(self):
        return spaces.Box(0.0, 1.0, (1,), np.float32)

    def after_step(self, measurement):
        self._rate = measurement.rate_hz

    @property
    def reward(self):
        return -self._rate

    def observe(self, measurement):
        return np.zeros(1)

    def info(self, measurement):
        return {}
'''


def test_parameters_of_a_family():
    family = AgentFamily("f", Constant, {"a": (1.0, 100.0), "b": (-1.0, 3.0)}, frozenset({"a"}), {"a": 10.0, "b": 0.0})
    np.testing.assert_allclose(family.first_point(), [0.5, 0.25])
    assert family.parameters(np.array([0.5, 0.25])) == pytest.approx({"a": 10.0, "b": 0.0})
    assert family.parameters(np.array([0.0, 1.0])) == pytest.approx({"a": 1.0, "b": 3.0})
    with pytest.raises(InvalidInput, match="above 0"):
        AgentFamily("f", Constant, {"a": (0.0, 1.0)}, frozenset({"a"}))
    with pytest.raises(UnknownName, match="'b'"):
        AgentFamily("f", Constant, {"a": (0.0, 1.0)}, first={"b": 1.0})


def test_candidates_cover_every_parameter():
    points = _spread(64, 3)
    assert points.shape == (64, 3) and (points >= 0.0).all() and (points < 1.0).all()
    for column in points.T:  # no eighth of a range is left out
        assert set((column * 8).astype(int)) == set(range(8))


class Level(gym.Env):
    """The reward of an action is least far from 0.3."""

    observation_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)
    action_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), -abs(float(action[0]) - 0.3), False, False, {}


@pytest.fixture
def level():
    gym.register("test/Level-v0", entry_point=Level, max_episode_steps=2, disable_env_checker=True)
    yield "test/Level-v0"
    del gym.registry["test/Level-v0"]


def test_the_best_candidate_is_found_with_the_stated_budget_and_every_time(level):
    families = [AgentFamily("fixed", lambda: Constant(0.9)), AgentFamily("free", Constant, {"strength": (0.0, 1.0)})]
    budget = Budget(candidates=8, rounds=3, episodes=2)
    best = tune(families, level, budget)
    assert best.family.name == "free" and best.parameters["strength"] == pytest.approx(0.3, abs=0.05)
    # a family without parameters is played once, and three finalists twice as many episodes
    assert best.played == (1 + 3 * 8) * 2 + FINALISTS * 4
    assert best.mean_return == pytest.approx(-2 * abs(best.parameters["strength"] - 0.3), abs=1e-6)
    again = tune(families, level, budget)
    assert again.parameters == best.parameters and str(best).startswith("free (strength 0.")
    with pytest.raises(InvalidInput, match="different names"):
        tune([families[0], families[0]], level)


class Luck(Level):
    """The reward of the action 1 is large in the first two episodes of a search alone, that of the action 0 never."""

    def step(self, action):
        lucky = self.np_random_seed < TUNING_SEED + 2
        return np.zeros(1, np.float32), float(action[0]) * (5.0 if lucky else -5.0), False, False, {}


def test_finalists_play_new_episodes_that_decide(level):
    gym.registry[level].entry_point = Luck
    families = [AgentFamily("lucky", lambda: Constant(1.0)), AgentFamily("steady", lambda: Constant(0.0))]
    assert tune(families, level, Budget(1, 1, 2)).family.name == "steady"


def test_a_controller_beats_silence_on_its_target(monkeypatch):
    use_poisson_backend(monkeypatch)
    options = SHORT | {"system": "EI1", "task": "rate_tracking"}
    with gym.make("livn/Culture-v0", **options) as env:
        _, info = env.reset(seed=0)
        families = families_of("rate_tracking", env.unwrapped, info)
    silent = tune([AgentFamily("silent", lambda: Constant(0.0))], "livn/Culture-v0", Budget(1, 1, 2), **options)
    assert tune(families, "livn/Culture-v0", Budget(4, 1, 2), **options).mean_return > silent.mean_return
