"""Families for ``Discrimination``: constants, and few electrodes whose channels the decoder weighs for the pattern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from livn_gym.agents.reference_agents.family import AgentFamily
from livn_gym.agents.reference_agents.generic import CONSTANT
from livn_gym.envs.culture_env import CultureEnv


class ByWeight:
    """Agent that stimulates electrodes of the cued pattern whose decoder weight has the sign of the cue.

    Args:
        near: Channels of each cue, -1 and 1, those nearest to the middle of their channels first.
        electrodes: Number of electrodes, rounded.
        strength: Share of the largest amplitude at these electrodes.
    """

    def __init__(self, near: Mapping[int, NDArray[np.int64]], electrodes: float, strength: float) -> None:
        self._channels = {cue: channels[: round(electrodes)] for cue, channels in near.items()}
        self.strength = strength

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Read the action space."""
        self._space: Any = env.single_action_space if isinstance(env, VectorEnv) else env.action_space

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action ``[C]``; the last entry of the observation is the cue."""
        low, high = self._space.low, self._space.high
        share = np.zeros(len(low))
        share[self._channels[int(observation[-1])]] = self.strength
        return (low + share * (high - low)).astype(np.float32)


def families(env: CultureEnv, info: Mapping[str, Any]) -> Sequence[AgentFamily]:
    """Return the families for the task: stimulation where the decoder reads the cue, and where it reads the other."""
    task: Any = env.task
    electrodes_um = task.setup.electrodes_um("Discrimination")
    found = [CONSTANT]
    for name, sign in (("by weight", 1), ("against weight", -1)):
        near = {}
        for cue in (-1, 1):
            side_um = electrodes_um[task.weights * sign * cue > 0]
            channels = np.flatnonzero((task.pattern == cue) & (task.weights * sign * cue > 0))
            distance = np.linalg.norm(electrodes_um[channels] - side_um.mean(axis=0), axis=1)
            near[cue] = channels[np.argsort(distance, kind="stable")]
        most = float(max(1, *map(len, near.values())))
        box = {"electrodes": (1.0, most), "strength": (0.4, 1.0)}
        first = {"electrodes": min(4.0, most), "strength": 1.0}
        found.append(AgentFamily(name, partial(ByWeight, near), box, first=first))
    return found
