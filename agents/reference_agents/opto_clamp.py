"""Families for ``OptoClamp``: constant light and a proportional-integral controller of the mean rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from livn_gym.agents.reference_agents.family import AgentFamily
from livn_gym.agents.reference_agents.generic import CONSTANT, proportional_integral
from livn_gym.envs.culture_env import CultureEnv


def families(env: CultureEnv, info: Mapping[str, Any]) -> Sequence[AgentFamily]:
    """Return the families for the task."""
    return [CONSTANT, proportional_integral(env, info)]
