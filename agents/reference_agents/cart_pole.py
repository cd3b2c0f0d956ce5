"""Families for ``CartPole``: constant gains of the pole's angle and of its speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from livn_gym.agents.reference_agents.family import AgentFamily
from livn_gym.agents.reference_agents.gains import Gains
from livn_gym.envs.culture_env import CultureEnv


def families(env: CultureEnv, info: Mapping[str, Any]) -> Sequence[AgentFamily]:
    """Return the families for the task: variables 2 and 3 of the pole are its angle and the speed of the angle."""
    box = {"angle": (-1.0, 1.0), "angle_speed": (-1.0, 1.0)}
    return [AgentFamily("gains", partial(Gains, (2, 3)), box, first={"angle": 1.0, "angle_speed": 1.0})]
