"""Tuning and validation of cultures: targets, the protocol under which they are measured, and the search."""

from livn_gym.tuning.bench import Bench, CultureSet
from livn_gym.tuning.measurement import MEASURES, Measure, measure
from livn_gym.tuning.page import page
from livn_gym.tuning.protocol import Protocol
from livn_gym.tuning.result import record, write_params
from livn_gym.tuning.stages import Observation, observe
from livn_gym.tuning.study import Tuned, tune
from livn_gym.tuning.targets import Target, Targets, load
from livn_gym.tuning.validation import Report, validate, validation_sets

__all__ = [
    "MEASURES",
    "Bench",
    "CultureSet",
    "Measure",
    "Observation",
    "Protocol",
    "Report",
    "Target",
    "Targets",
    "Tuned",
    "load",
    "measure",
    "observe",
    "page",
    "record",
    "tune",
    "validate",
    "validation_sets",
    "write_params",
]
