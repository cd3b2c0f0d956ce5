"""Valid arguments for every public callable: by an argument's name, or for a single callable."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from doors import parameters

from livn_gym import make
from livn_gym.decoding import MeanFiringRate
from livn_gym.encoding import PulseAmplitude
from livn_gym.io import MEA
from livn_gym.plasticity import STDP, Plasticity
from livn_gym.pulses import Pulses
from livn_gym.stimulus import Stimulus

CELLS, CHANNELS, DURATION_MS = 10, 1, 1000.0


@cache
def env():
    return make("EI1", seed=1).record_spikes().record_voltage(sample_ms=1.0).record_membrane_current(sample_ms=1.0)


@cache
def recording():
    with make("EI1", seed=1).record_spikes().record_voltage(sample_ms=1.0) as own:
        return own.record_membrane_current(sample_ms=1.0).run(DURATION_MS)


@cache
def folder() -> Path:
    return Path(tempfile.mkdtemp())


def spikes(which):
    return recording().spikes[which]


def stimulus():
    return Stimulus.pulse_train([5.0] * env().io.num_channels, duration_ms=DURATION_MS)


def pulses():
    zero = np.zeros(2)
    return Pulses([0, 0], [0, 0], [0.0, 5.0], zero, zero + 0.2, zero + 1.0)


VALUES: dict[str, Any] = {
    "env": env,
    "view": env,
    "io": lambda: env().io,
    "system": lambda: env().system,
    "recording": recording,
    "stimulus": stimulus,
    "geometry": lambda: env().geometry,
    "t": lambda: spikes(2),
    "it": lambda: spikes(1),
    "gid": lambda: spikes(1),
    "gids": lambda: [0, 1],
    "times": lambda: [1.0, 2.0],
    "duration": lambda: DURATION_MS,
    "duration_ms": lambda: DURATION_MS,
    "bin_ms": lambda: 5.0,
    "window_ms": lambda: 100.0,
    "segment_ms": lambda: 500.0,
    "num_cells": lambda: CELLS,
    "cells": lambda: CELLS,
    "counts": lambda: np.random.default_rng(1).poisson(3.0, 1000),
    "before": lambda: np.arange(5.0),
    "after": lambda: np.arange(5.0) ** 2,
    "x": lambda: np.sin(np.arange(100.0)),
    "sample_hz": lambda: 1000.0,
    "segment": lambda: 50,
    "frequency": lambda: np.arange(100.0),
    "density": lambda: np.ones(100),
    "low_hz": lambda: 5.0,
    "high_hz": lambda: 50.0,
    "min_spikes": lambda: 3,
    "merge_ms": lambda: 10.0,
    "min_cells": lambda: 2.0,
    "mean": lambda: 2.0,
    "spikes": lambda: 100,
    "count": lambda: 200,
    "inputs": lambda: np.zeros(env().io.num_channels),
    "rates_hz": lambda: np.ones((1, CELLS)),
    "decoding": lambda: MeanFiringRate(DURATION_MS),
    "encoding": lambda: PulseAmplitude(),
    "decodings": lambda: {"a": MeanFiringRate(DURATION_MS)},
    "stages": lambda: [MeanFiringRate(DURATION_MS), len],
    "name": lambda: "EI1",
    "population": lambda: "EXC",
    "populations": lambda: "EXC",
    "post": lambda: "EXC",
    "sign": lambda: "e",
    "projection": lambda: env().system.projections[0],
    "receptor": lambda: "AMPA",
    "params": lambda: {"noise-g_e0": 1.0},
    "weights": lambda: {env().system.weight_names[0]: 0.5},
    "noise": lambda: {"g_e0": 1.0},
    "seed": lambda: 3,
    "culture": lambda: 0,
    "column": lambda: np.array([0, 0]),
    "onset_ms": lambda: np.array([0.0, 5.0]),
    "size": lambda: np.array([1.0, 1.0]),
    "offset_ms": lambda: np.zeros(2),
    "width_ms": lambda: np.full(2, 0.2),
    "dt": lambda: 0.1,
    "dt_ms": lambda: 0.1,
    "phase_ms": lambda: 0.2,
    "rate_hz": lambda: 20.0,
    "amplitude_uA": lambda: 5.0,
    "amplitude": lambda: [5.0, 5.0],
    "amplitudes": lambda: [5.0, 2.0],
    "channels": lambda: [0],
    "num_channels": lambda: 2,
    "num_columns": lambda: 2,
    "interval_ms": lambda: 10.0,
    "max_charge_nC": lambda: 3.0,
    "limit": lambda: 1.0,
    "shape": lambda: (2, 2),
    "area": lambda: (400.0, 400.0),
    "array": lambda: np.zeros((5, CELLS)),
    "arg": lambda: (np.zeros((5, CELLS)), 1.0),
    "parts": lambda: [recording(), recording()],
    "recordings": lambda: [recording()],
    "pulses": pulses,
    "gain": lambda: np.ones((CELLS, env().io.num_channels)),
    "mode": lambda: "current",
    "start": lambda: 0,
    "stop": lambda: 5,
    "start_ms": lambda: 0.0,
    "stop_ms": lambda: 500.0,
    "keep": lambda: np.ones(len(spikes(1)), dtype=bool),
    "mask": lambda: np.array([True, False]),
    "path": lambda: folder() / "file",
    "electrodes_um": lambda: np.array([[0.0, 0.0, 0.0], [100.0, 0.0, 0.0]]),
    "electrodes": lambda: np.array([[0.0, 0.0, 0.0], [100.0, 0.0, 0.0]]),
    "somata_um": lambda: np.zeros((2, 3)),
    "radius_um": lambda: 100.0,
    "points_um": lambda: np.zeros((2, 3)),
    "distance_um": lambda: np.array([1.0, 2.0]),
    "electrode": lambda: "disk",
    "lights": lambda: "lamp",
    "positions": lambda: [[0.0, 0.0], [100.0, 0.0]],
    "probe": lambda: MEA([[0.0, 0.0], [100.0, 0.0]]).to_probe(),
    "config": STDP,
    "rules": lambda: {env().system.weight_names[0]: STDP()},
    "weight_names": lambda: list(env().system.weight_names),
    "dendritic_delay_ms": lambda: 0.5,
    "state": lambda: env().save_state(),
    "value": lambda: 1.0,
    "plasticity": lambda: Plasticity({}),
    "cultures": lambda: [0],
    "setting": lambda: env().save_state().setting,
    "variant": lambda: None,
}

BASES: dict[str, dict[str, Any]] = {
    "livn_gym.decoding.make": {"decoding": lambda: "mean_firing_rate", "duration": lambda: 100.0},
    "livn_gym.encoding.make": {"encoding": lambda: "pulse_amplitude"},
    "livn_gym.env.Env.record_voltage": {"sample_ms": lambda: 1.0},
    "livn_gym.env.Env.record_membrane_current": {"sample_ms": lambda: 1.0},
    "livn_gym.env.Env.get_weights": {},
    "livn_gym.env.Env.run": {"stimulus": lambda: None, "duration": lambda: 10.0},
    "livn_gym.env.Env.__call__": {"decoding": lambda: MeanFiringRate(10.0)},
    "livn_gym.encoding.limits.channel_inputs": {"shape": lambda: (env().io.num_channels,)},
    "livn_gym.encoding.limits.safe_pulse": {"amplitude_uA": lambda: 5.0, "phase_ms": lambda: 0.2},
    "livn_gym.encoding.channel_current.ChannelCurrent": {"duration_ms": lambda: 10.0},
    "livn_gym.encoding.channel_current.ChannelCurrent.__call__": {
        "inputs": lambda: np.zeros((50, env().io.num_channels))
    },
    "livn_gym.pulses.PulseShape.train": {"rates_hz": lambda: np.ones((1, 2))},
    "livn_gym.pulses.PulseShape.pulses": {"culture": lambda: np.zeros(2, np.int64)},
    "livn_gym.pulses.Pulses": {"culture": lambda: np.zeros(2, np.int64), "value": lambda: np.ones(2)},
    "livn_gym.stimulus.Stimulus.batch": {"parts": lambda: [Stimulus(np.zeros((5, 3)), 1.0)]},
    "livn_gym.stimulus.Stimulus.schedule": {},
    "livn_gym.pulses.Pulses.joined": {"parts": lambda: [pulses()]},
    "livn_gym.recording.Recording.with_spikes": {"gid": lambda: np.array([0]), "t": lambda: np.array([1.0])},
    "livn_gym.blanking.blanked": {"electrodes": lambda: env().electrodes},
    "livn_gym.blanking.blank_times": {"blank_ms": lambda: (3.0, 1.0)},
    "livn_gym.measures.classification.centroid_accuracy": {
        "counts": lambda: np.arange(8.0).reshape(4, 2),
        "labels": lambda: np.array([0, 0, 1, 1]),
    },
    "livn_gym.io.base.detections": {
        "gids": lambda: np.array([0, 1]),
        "owner": lambda: np.array([0, 1]),
        "channel": lambda: np.array([0, 0]),
        "num_cells": lambda: 2,
    },
    "livn_gym.measures.criticality.power_law_exponent": {"values": lambda: np.arange(1, 100)},
    "livn_gym.envs.tasks.inner_task.lines": {"positions": lambda: np.array([0.0, 100.0])},
    "livn_gym.envs.conditions.base.joined_pulses": {"by_culture": lambda: [pulses()]},
    "livn_gym.io.layout.check_names": {"names": lambda: ["A1"], "count": lambda: 1},
    "livn_gym.io.bound.BoundElectrodes.channels": {"names": lambda: [0]},
    "livn_gym.io.bound.BoundElectrodes.gids": {"channels": lambda: [0]},
    "livn_gym.recording.Recording.spike_trains": {"populations": lambda: None},
    "livn_gym.recording.Recording.select": {"populations": lambda: None},
    "livn_gym.formats.parts.units": {"dendrites": lambda: True},
    "livn_gym.formats.parts.compartment_of": {"name": lambda: "soma"},
    "livn_gym.recording.Recording.batch": {"t0_ms": lambda: 0.0},
    "livn_gym.models.base.Receptor": {
        "reversal_mV": lambda: 0.0,
        "tau_rise_ms": lambda: 1.0,
        "tau_decay_ms": lambda: 2.0,
    },
    "livn_gym.system.registry.make": {},
    "livn_gym.decoding.results.culture_result": {"results": lambda: np.zeros(2), "num_cultures": lambda: 2},
    "livn_gym.decoding.results.stack_by_name": {"results": lambda: [{"a": 1.0}, {"a": 2.0}]},
    "livn_gym.decoding.compose.same_duration": {"what": lambda: "The run", "duration_ms": lambda: DURATION_MS},
    "livn_gym.plasticity.rescaled": {
        "weights": lambda: np.ones(3),
        "initial_weights": lambda: np.ones(3),
        "post": lambda: np.array([0, 0, 1]),
        "num_cells": lambda: 2,
        "bound": lambda: 2.0,
    },
    "livn_gym.pulses.numbers": {"what": lambda: "Values", "values": lambda: [1.0, 2.0]},
}


class NoBase(Exception):
    """Nobody has said what a valid argument is."""


def arguments(path: str, function) -> dict[str, Any]:
    """Valid values of all arguments that a callable needs."""
    own = BASES.get(path, {})
    found = {}
    for name, parameter in parameters(function).items():
        if name in own:
            found[name] = own[name]()
        elif parameter.default is parameter.empty:
            if name not in VALUES:
                raise NoBase(name)
            found[name] = VALUES[name]()
    found.update({name: value() for name, value in own.items() if name not in found})
    return found


def instance(path: str, cls) -> Any:
    """An object of a public class."""
    fixed = {
        "Env": env,
        "Recording": recording,
        "System": lambda: env().system,
        "Snapshot": lambda: env().save_state(),
        "MEA": lambda: env().io,
        "BoundElectrodes": lambda: env().electrodes,
        "Stimulus": stimulus,
        "Pulses": pulses,
    }
    if cls.__name__ in fixed:
        return fixed[cls.__name__]()
    return cls(**arguments(path, cls))
