"""What acts on the environments: simple baselines that need no learning, to compare everything else with."""

from livn_gym.agents.baselines import Agent, Constant, ProportionalIntegral, Random, Silent

__all__ = ["Agent", "Constant", "ProportionalIntegral", "Random", "Silent"]
