"""Families for any task: constant agents, a proportional-integral controller, and linear policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from livn_gym.agents.baselines import CONTROLLED_VARIABLES, Constant, ProportionalIntegral
from livn_gym.agents.reference_agents.family import AgentFamily
from livn_gym.envs.culture_env import CultureEnv
from livn_gym.envs.layout import ObservationLayout

MAX_ENTRIES = 6
"""Largest number of a task's own entries that a linear policy uses; tasks with more entries get none."""

MAX_WEIGHTS = 24
"""Largest number of weights of a linear policy."""

CONSTANT = AgentFamily("constant", Constant, {"strength": (0.0, 1.0)})
"""Agents that apply the same amplitude to every channel at every step."""


def families(env: CultureEnv, info: Mapping[str, Any]) -> Sequence[AgentFamily]:
    """Return constants, a PI controller if info has a known target, and linear policies if they are small."""
    found = [CONSTANT]
    if any({variable.measured, variable.target} <= info.keys() for variable in CONTROLLED_VARIABLES):
        found.append(proportional_integral(env, info))
    linear = linear_family(env)
    return found if linear is None else [*found, linear]


def proportional_integral(env: CultureEnv, info: Mapping[str, Any]) -> AgentFamily:
    """Return PI controllers around the default settings of the variable that the task's info offers."""
    variable = next(v for v in CONTROLLED_VARIABLES if {v.measured, v.target} <= info.keys())
    box = {
        "gain": (variable.gain / 10.0, variable.gain * 30.0),
        "integral_s": (variable.integral_s / 3.0, variable.integral_s * 30.0),
        "bias": (0.0, 1.0),
    }
    first = {"gain": variable.gain, "integral_s": variable.integral_s, "bias": variable.bias}
    log = frozenset({"gain", "integral_s"})
    return AgentFamily("proportional-integral", ProportionalIntegral, box, log, first)


class Linear:
    """Linear policy of the task's own entries and the mean recorded rate, with a common value for all channels.

    Entries are scaled by their largest absolute bound, the mean rate by 20 Hz. If the action has one number per channel
    all of them are equal; otherwise each number of the action has weights of its own.

    Args:
        layout: Layout of the observation.
        scale: Scale of each entry of the observation, ``[F]``.
        weights: Weights by name: ``w0-0`` is that of the first input for the first action, ``b0`` the bias.
    """

    def __init__(self, layout: ObservationLayout, scale: NDArray[np.float64], **weights: float) -> None:
        self._layout, self._scale = layout, scale
        self._weights = np.array(list(weights.values()))

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Read the action space."""
        self._space: Any = env.single_action_space if isinstance(env, VectorEnv) else env.action_space

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action ``[A]``."""
        inputs = linear_inputs(observation, self._layout, self._scale)
        values = np.reshape(self._weights, (-1, len(inputs) + 1)) @ np.append(inputs, 1.0)
        share = (np.clip(values, -1.0, 1.0) + 1.0) / 2.0
        low, high = self._space.low, self._space.high
        return (low + share * (high - low)).astype(np.float32)


def linear_inputs(
    observation: NDArray[np.float32], layout: ObservationLayout, scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the inputs of a linear policy: the task's entries in shares of their bounds, then the mean rate."""
    recorded = layout.recorded
    own = observation[~recorded] / scale[~recorded]
    return np.append(own, observation[recorded].mean() / 20.0) if recorded.any() else own.astype(np.float64)


def linear_family(env: CultureEnv) -> AgentFamily | None:
    """Return the linear policies of an environment, or None if they have too many weights for a small search."""
    layout, space = env.observation_layout, env.action_space
    assert isinstance(space, spaces.Box) and isinstance(env.observation_space, spaces.Box)
    scale = np.maximum(np.abs(env.observation_space.low), np.abs(env.observation_space.high)).astype(np.float64)
    scale[scale == 0.0] = 1.0
    inputs = int(np.count_nonzero(~layout.recorded)) + bool(layout.recorded.any())
    common = bool((env.action_channels >= 0).all())
    outputs = 1 if common else int(np.prod(space.shape))
    if inputs > MAX_ENTRIES or outputs * (inputs + 1) > MAX_WEIGHTS:
        return None
    names = [name for a in range(outputs) for name in (*(f"w{a}_{k}" for k in range(inputs)), f"b{a}")]
    return AgentFamily("linear", partial(Linear, layout, scale), dict.fromkeys(names, (-2.0, 2.0)))
