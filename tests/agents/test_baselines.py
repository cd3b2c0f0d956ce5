import gymnasium as gym
import numpy as np
import pytest
from fakes import use_poisson_backend

from livn_gym.agents import Constant, ProportionalIntegral, Random, Silent
from livn_gym.errors import InvalidInput


@pytest.fixture
def env(monkeypatch):
    use_poisson_backend(monkeypatch)
    env = gym.make("livn/EI2-v0", target_hz=4.0)
    yield env
    env.close()


def run(env, agent, steps, seed=0):
    """Infos of an episode."""
    observation, info = env.reset(seed=seed)
    agent.reset(env, info)
    infos = []
    for _ in range(steps):
        action = agent.act(observation, info)
        assert action in env.action_space
        observation, _, _, _, info = env.step(action)
        infos.append(info)
    return infos


def test_silence_gives_no_charge(env):
    assert [info["charge_nC"] for info in run(env, Silent(), 3)] == [0.0] * 3


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_a_constant_is_its_share_of_the_highest_charge(env, strength):
    infos = run(env, Constant(strength), 3)
    # actions are float32: seven digits
    assert [info["charge_fraction"] for info in infos] == pytest.approx([strength] * 3, abs=1e-6)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_constant_outside_its_range_is_refused(strength):
    with pytest.raises(InvalidInput, match="strength"):
        Constant(strength)


def test_random_actions_fill_the_space_and_follow_their_seed(env):
    observation, info = env.reset(seed=0)
    agents = [Random(1), Random(1), Random(2)]
    for agent in agents:
        agent.reset(env, info)
    drawn = [np.array([agent.act(observation, info) for _ in range(50)]) for agent in agents]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
    # 800 uniform draws: the mean's standard error is 0.02, the extremes lie within 0.05 of the bounds
    assert abs(drawn[0].mean()) < 0.1
    assert drawn[0].min() < -0.95 and drawn[0].max() > 0.95


def test_the_controller_reaches_its_target(env):
    late = [info["rate_hz"] for info in run(env, ProportionalIntegral(), 100)[50:]]
    # 100 Poisson cells at 4 Hz for 10 s: standard error 0.06 Hz; silence is 1 Hz away and full charge 1.2 Hz
    assert np.mean(late) == pytest.approx(4.0, abs=0.3)


def test_the_controllers_output_is_that_of_its_equation(env):
    _, info = env.reset(seed=0)
    agent = ProportionalIntegral(gain=0.01, integral_s=2.0, bias=0.0)
    agent.reset(env, info)
    # errors of 4 and 2 Hz, steps of 0.2 s: the integral grows by 0.01 * e * 0.2 / 2
    for rate_hz, strength in ((6.0, 0.04 + 0.004), (8.0, 0.02 + 0.006)):
        action = agent.act(np.zeros(33), {"target_hz": 10.0, "rate_hz": rate_hz})
        np.testing.assert_allclose(action, 2 * strength - 1, rtol=1e-6)


def test_the_controller_does_not_wind_up(env):
    _, info = env.reset(seed=0)
    agent = ProportionalIntegral(gain=0.02, integral_s=1.0)
    agent.reset(env, info)
    for _ in range(1000):
        high = agent.act(np.zeros(33), {"target_hz": 90.0, "rate_hz": 0.0})
    assert (high == 1.0).all()
    # the integral stands at 1; an error of -25 Hz takes 0.1 a step from it and 0.5 at once
    first = agent.act(np.zeros(33), {"target_hz": 5.0, "rate_hz": 30.0})
    np.testing.assert_allclose(first, 2 * (1.0 - 0.1 - 0.5) - 1, atol=1e-6)
    for _ in range(1000):
        low = agent.act(np.zeros(33), {"target_hz": 5.0, "rate_hz": 30.0})
    assert (low == -1.0).all()
    assert (agent.act(np.zeros(33), {"target_hz": 10.0, "rate_hz": 0.0}) > -1.0).all()


def test_a_new_episode_forgets_the_last(env):
    agent = ProportionalIntegral()
    first = [info["charge_nC"] for info in run(env, agent, 5, seed=4)]
    assert first == [info["charge_nC"] for info in run(env, agent, 5, seed=4)]


@pytest.mark.parametrize("options", [{"gain": 0.0}, {"integral_s": -1.0}, {"gain": float("inf")}, {"bias": 1.5}])
def test_impossible_gains_are_refused(options):
    with pytest.raises(InvalidInput):
        ProportionalIntegral(**options)
