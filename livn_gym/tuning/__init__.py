"""Tuning and validation of cultures: targets, the protocol under which they are measured, and the search."""

from livn_gym.tuning.bench import Bench, CultureSet
from livn_gym.tuning.channel_measures import (
    CHANNEL_MEASURES,
    Probe,
    channel_text,
    evoked_gap,
    measure_channels,
    probe_response,
    spontaneous_part,
    train_rates,
)
from livn_gym.tuning.channel_page import channel_page
from livn_gym.tuning.measurement import MEASURES, Measure, measure
from livn_gym.tuning.page import page
from livn_gym.tuning.probe_sweep import ProbeSweep, record_sweep
from livn_gym.tuning.protocol import Protocol
from livn_gym.tuning.result import record, write_params
from livn_gym.tuning.stages import Observation, observe
from livn_gym.tuning.study import Tuned, tune
from livn_gym.tuning.targets import Target, Targets, load
from livn_gym.tuning.validation import Report, validate, validation_sets

__all__ = [
    "CHANNEL_MEASURES",
    "MEASURES",
    "Bench",
    "CultureSet",
    "Measure",
    "Observation",
    "Probe",
    "ProbeSweep",
    "Protocol",
    "Report",
    "Target",
    "Targets",
    "Tuned",
    "channel_page",
    "channel_text",
    "evoked_gap",
    "load",
    "measure",
    "measure_channels",
    "observe",
    "page",
    "probe_response",
    "record",
    "record_sweep",
    "spontaneous_part",
    "train_rates",
    "tune",
    "validate",
    "validation_sets",
    "write_params",
]
