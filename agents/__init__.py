"""What acts on the environments: baselines that need no learning, training, evaluation, a benchmark.

What needs PyTorch (extra ``rl``) is in modules of its own: ``sb3``, ``hyperparameters``, ``train``, ``learned``.
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
