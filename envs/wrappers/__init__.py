"""Wrappers of a single environment: charge budget, electrode mask, spike counts.

Changes inside the loop (blanking, latency, faults, drift, ablations) are conditions, see ``livn_gym.envs.conditions``;
they work in vector environments as well.
"""

from livn_gym.envs.wrappers.charge_budget import ChargeBudget
from livn_gym.envs.wrappers.electrode_mask import ElectrodeMask
from livn_gym.envs.wrappers.spike_counts import SpikeCounts

__all__ = ["ChargeBudget", "ElectrodeMask", "SpikeCounts"]
