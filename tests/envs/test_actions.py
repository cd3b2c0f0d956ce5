"""What counts as an action, at every door."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from livn_gym.envs.actions import ROUNDING_STEPS, checked_actions
from livn_gym.errors import InvalidInput

BOX = spaces.Box(-1.0, 1.0, (2,), np.float32)
STEP = float(np.finfo(np.float32).eps)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.int8])
def test_points_of_the_box_come_back_as_they_are(dtype):
    actions = np.array([[-1, 1], [0, 1]], dtype=dtype)
    np.testing.assert_array_equal(checked_actions(BOX, actions, 2), actions)
    assert checked_actions(BOX, actions, 2).dtype == dtype


def test_rounding_past_a_bound_is_clipped_and_more_is_refused():
    near, far = 1.0 + (ROUNDING_STEPS - 1) * STEP, 1.0 + (ROUNDING_STEPS + 1) * STEP
    np.testing.assert_array_equal(checked_actions(BOX, [[-near, near]], 1), [[-1.0, 1.0]])
    for wrong in (far, -far):
        with pytest.raises(InvalidInput, match="1.000002"):
            checked_actions(BOX, [[0.0, wrong]], 1)


@pytest.mark.parametrize(
    "wrong",
    [
        [[np.nan, 0.0]],
        [[np.inf, 0.0]],
        [[1j, 0.0]],
        [["1", "0"]],
        [[None, 0.0]],
        [[True, False]],
        [[0.0], [0.0, 1.0]],
        [[0.0]],
        0.0,
        None,
        np.ma.masked_array([[0.0, 0.5]], mask=[[False, True]]),
        np.zeros((1, 2), dtype="m8[s]"),
    ],
)
def test_what_is_no_action_is_refused(wrong):
    with pytest.raises(InvalidInput):
        checked_actions(BOX, wrong, 1)


@settings(max_examples=200, deadline=None)
@given(st.floats(-5.0, 5.0), st.floats(0.5, 10.0))
def test_the_bounds_of_a_rescaled_box_are_actions(low, width):
    """RescaleAction's own points, which float32 may carry past our bounds."""

    class Still(gym.Env):
        action_space, observation_space = BOX, BOX

        def step(self, action):
            return checked_actions(BOX, action[None], 1)[0], 0.0, False, False, {}

    env = gym.wrappers.RescaleAction(Still(), np.float32(low), np.float32(low + width))
    for bound, ours in ((env.action_space.low, BOX.low), (env.action_space.high, BOX.high)):
        np.testing.assert_allclose(env.step(bound)[0], ours, atol=1e-5)


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("vectors", [False, True])
def test_environments_take_rounded_bounds_as_the_bounds(vectors):
    def episode(action):
        env = gym.make_vec("livn/EI1-v0", num_envs=2, settle_ms=200.0) if vectors else gym.make("livn/EI1-v0")
        env.reset(seed=1)
        result = env.step(np.full(env.action_space.shape, action))
        env.close()
        return result[0]

    np.testing.assert_array_equal(episode(1.0), episode(1.0 + 3 * STEP))
    with pytest.raises(InvalidInput):
        episode(1.001)


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    "wrong", [[0.1, [0.2]], np.ma.masked_array([0.5], mask=[True]), "0.5", {"a": 1}, np.array([1j])], ids=repr
)
def test_environments_refuse_what_is_no_action_before_anything_runs(wrong):
    env = gym.make("livn/EI1-v0", settle_ms=200.0).unwrapped
    env.reset(seed=1)
    with pytest.raises(InvalidInput):
        env.step(wrong)
    assert env.measurement.time_ms == 0.0
    env.close()
