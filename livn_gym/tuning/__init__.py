"""Tuning and validation of cultures: targets, the protocol under which they are measured, and the search."""

from livn_gym.tuning.bench import Bench, Cultures
from livn_gym.tuning.measurement import MEASURES, Measure, measure
from livn_gym.tuning.protocol import Observation, Protocol, observe
from livn_gym.tuning.study import Tuned, tune
from livn_gym.tuning.targets import Target, Targets, load

__all__ = [
    "MEASURES",
    "Bench",
    "Cultures",
    "Measure",
    "Observation",
    "Protocol",
    "Target",
    "Targets",
    "Tuned",
    "load",
    "measure",
    "observe",
    "tune",
]
