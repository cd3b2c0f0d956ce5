"""Families for ``Pong``: one constant gain for all places of the ball."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from livn_gym.agents.reference_agents.family import AgentFamily
from livn_gym.agents.reference_agents.gains import Gains
from livn_gym.envs.culture_env import CultureEnv


def families(env: CultureEnv, info: Mapping[str, Any]) -> Sequence[AgentFamily]:
    """Return the families for the task."""
    return [AgentFamily("gain", partial(Gains, (None,)), {"gain": (-1.0, 1.0)}, first={"gain": 1.0})]
