"""The conformance checks find what they are for: environments that each break one rule."""

import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np
import pytest
from fakes import use_poisson_backend
from gymnasium import spaces

from livn_gym import testing
from livn_gym.errors import BackendUnavailable, InvalidInput, LivnWarning
from livn_gym.testing import NonConforming


class Walk(gym.Env):
    """A random walk in a box; ``fault`` names the rule that it breaks."""

    def __init__(self, fault="", render_mode=None):
        self.fault = fault
        self.render_mode = render_mode
        self.observation_space = spaces.Box(-100.0, 100.0, (2,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        if fault == "spec":
            self.observation_space = spaces.Box(-100.0, 100.0, (2,), np.float32, seed=0)
            self.observation_space.high[0] += Walk.made
            Walk.made += 1
        self.x = np.zeros(2, np.float32)

    made = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        draw = np.random.default_rng() if self.fault == "random" else self.np_random
        self.x = (np.zeros(2) if self.fault == "constant" else draw.normal(size=2)).astype(np.float32)
        return self._seen(), {"x": float(self.x[0])}

    def step(self, action):
        if self.fault == "constant":
            return self._seen(), 0.0, False, False, {"x": 0.0}
        change = action[0] + self.np_random.normal(size=2)
        if self.fault == "memory":
            self.x += change.astype(np.float32)
        else:
            self.x = (self.x + change).astype(np.float32)
        if self.fault == "bounds" and action[0] > 0.99:
            self.x[0] = 1000.0
        if self.fault == "nan" and abs(self.x[0]) > 2.0:
            self.x[0] = np.nan
        reward = float("nan") if self.fault == "reward" else float(self.x[1])
        info = {"x": float(self.x[0])} | ({"more": 1.0} if self.fault == "info" else {})
        return self._seen(), reward, np.bool_(False) if self.fault == "bool" else False, False, info

    def _seen(self):
        return self.x if self.fault == "memory" else np.clip(self.x, -100, 100) if self.fault == "" else self.x.copy()

    def close(self):
        if self.fault == "close" and getattr(self, "closed", False):
            raise RuntimeError("closed twice")
        self.closed = True


@pytest.fixture
def walk():
    """Registers the walk with a fault and gives its id."""
    made = []

    def register(fault=""):
        env_id = f"test/Walk{fault.capitalize()}-v0"
        gym.register(env_id, entry_point=Walk, max_episode_steps=100, disable_env_checker=True)
        if fault:
            gym.registry[env_id].kwargs["fault"] = fault
        made.append(env_id)
        return env_id

    yield register
    for env_id in made:
        del gym.registry[env_id]


@pytest.mark.parametrize(
    ("fault", "check", "message"),
    [
        ("random", testing.check_determinism, "differ"),
        ("constant", testing.check_determinism, "same observations"),
        ("constant", testing.check_observations, "constant"),
        ("bool", testing.check_observations, "bools"),
        ("reward", testing.check_observations, "Reward"),
        ("info", testing.check_observations, "other names"),
        ("memory", testing.check_memory, "changes what"),
        ("bounds", testing.check_bounds, "strongest"),
        ("nan", testing.check_rollout, "not finite"),
        ("random", testing.check_vector, "first observation"),
    ],
)
def test_a_broken_rule_is_found(walk, fault, check, message):
    with pytest.raises(NonConforming, match=message):
        check(walk(fault))


def test_what_closing_raises_comes_through(walk):
    with pytest.raises(RuntimeError, match="closed twice"):
        testing.check_closing(walk("close"))


@pytest.mark.filterwarnings("ignore:.*SyncVectorEnv")
def test_an_environment_without_faults_passes(walk):
    env_id = walk()
    for name in ("closing", "memory", "observations", "determinism", "vector", "bounds"):
        testing.CHECKS[name](env_id)
    assert testing.check_rollout(env_id, steps=10, num_envs=3) == 12


def test_all_checks_of_an_id_in_a_row(monkeypatch):
    use_poisson_backend(monkeypatch)
    assert testing.conform("livn/EI1-v0", settle_ms=200.0, max_episode_steps=20) == list(testing.CHECKS)


def test_an_episode_that_ends_within_a_check_is_no_fault(walk):
    env_id = walk()
    for name in ("memory", "observations", "determinism", "bounds"):
        testing.CHECKS[name](env_id, max_episode_steps=2)


def test_bounds_need_a_box():
    with pytest.raises(InvalidInput, match="box"):
        testing.check_bounds("CartPole-v1")


def test_any_id_may_be_checked():
    testing.check_determinism("CartPole-v1")
    testing.check_memory("CartPole-v1")
    with pytest.raises(Warning):
        testing.check_gymnasium("CartPole-v1", skip_render=True, sutton_barto_reward=True, max_episode_steps=3)


def test_without_matplotlib_all_but_rendering_is_checked(monkeypatch):
    for module in ("livn_gym.testing.single", "livn_gym.plot.style"):
        monkeypatch.setattr(f"{module}.find_spec", lambda name: None)
    with pytest.warns(LivnWarning, match=r"render modes are not checked.*livn_gym\[viz\]"):
        testing.check_gymnasium("livn/EI1-v0", settle_ms=200.0)
    with pytest.raises(BackendUnavailable, match="matplotlib"):
        testing.check_gymnasium("livn/EI1-v0", settle_ms=200.0, skip_render=False)


def test_a_missing_display_is_no_message_of_the_checks_and_a_broken_one_is(monkeypatch, caplog):
    before = plt.get_backend()
    plt.switch_backend("agg")
    try:
        testing.check_gymnasium("livn/EI1-v0", settle_ms=200.0)
        assert not caplog.records
        monkeypatch.setattr(plt, "get_backend", lambda: "TkAgg")
        monkeypatch.setattr(plt, "figure", unopened)
        testing.check_gymnasium("livn/EI1-v0", settle_ms=200.0)
        assert "No window can be opened (ImportError: no Tk)" in caplog.text
    finally:
        monkeypatch.undo()
        plt.switch_backend(before)


def unopened(*args, **options):
    raise ImportError("no Tk")
