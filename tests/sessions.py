"""A session made by hand: three cells, two channels, four spikes, a stimulus, traces of two cells."""

import numpy as np
from cultures import system

from livn_gym.formats import Session
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus

T = np.arange(100) * 0.5
RECORDED = Recording(
    100.0,
    50.0,
    0.025,
    0.5,
    1,
    np.zeros(4, np.int64),
    np.array([2, 0, 1, 0]),
    np.array([1.0, 2.5, 2.5, 40.0]),
    voltage_gid=np.array([0, 2]),
    voltage_soma=np.stack([-60.0 + np.sin(T), -61.0 + np.cos(T)])[None],
    current_gid=np.array([1]),
    current_soma=np.sin(T / 3.0)[None, None],
    current_dendrite=-np.sin(T / 3.0)[None, None],
)


def stimulus():
    return Stimulus.pulse_train([10.0, 4.0], duration_ms=50.0, rate_hz=[100.0, 40.0], start_ms=3.0)


def made(**changes):
    culture = system(2, 1)
    given = {
        "recording": RECORDED,
        "system": culture.name,
        "system_sha256": culture.sha256(),
        "populations": culture.populations,
        "positions_um": culture.positions,
        "electrodes_um": np.array([[0.0, 0.0, 0.0], [150.0, 25.0, -1.0]]),
        "channel_cells": np.array([[0, 0], [1, 0], [1, 2]]),
        "seed": 7,
        "trial": 2,
        "backend": "native",
        "scheme": "backward_euler",
        "precision": "float64",
        "created": "2024-05-06T07:08:09+00:00",
        "version": "0.1.0",
        "stimulus": stimulus(),
        "model": "ReducedCalciumSomaDendrite",
        "parameter_set": "EI2-bursting",
        "parameters": {"weight-EXC_EXC-hillock-AMPA-weight": 0.5, "noise-EXC-std_e": 2.5},
        "potential": np.stack([np.cos(T / 5.0), np.sin(T / 7.0)]) * 1e-3,
    }
    return Session(**given | changes)
