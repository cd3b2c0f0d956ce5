"""Wrappers of a single environment that closed-loop experiments need and Gymnasium lacks.

What must act inside the loop (blanking, latency, faults, drift, ablations) is a condition, see
``livn_gym.envs.conditions``; it works in vector environments, too.
"""

from livn_gym.envs.wrappers.charge_budget import ChargeBudget
from livn_gym.envs.wrappers.electrode_mask import ElectrodeMask
from livn_gym.envs.wrappers.spike_counts import SpikeCounts

__all__ = ["ChargeBudget", "ElectrodeMask", "SpikeCounts"]
