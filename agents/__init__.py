"""Agents for the environments: baselines, training with Stable-Baselines3, evaluation and the benchmark.

Only the modules ``sb3``, ``hyperparameters``, ``train``, ``learned``, ``policy``, ``checkpoint`` and ``logs`` import
PyTorch (extra ``rl``); this package itself does not.
"""

from livn_gym.agents.baselines import (
    Agent,
    BestConstant,
    Constant,
    OnOff,
    ProportionalIntegral,
    Random,
    Silent,
)
from livn_gym.agents.episodes import Episode, make_envs, run_episodes

__all__ = [
    "Agent",
    "BestConstant",
    "Constant",
    "Episode",
    "OnOff",
    "ProportionalIntegral",
    "Random",
    "Silent",
    "make_envs",
    "run_episodes",
]
