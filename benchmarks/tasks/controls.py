"""Options of the cultures and recordings under which the spatial tasks are played as controls."""

from __future__ import annotations

from typing import Any

CONTROLS: dict[str, dict[str, Any]] = {
    "synapses cut": {"conditions": "synapses_cut"},
    "cells shuffled every step": {"conditions": "shuffled_culture"},
    "Poisson culture, rates of settling": {"conditions": "poisson_culture"},
    "all electrodes blanked for 5 ms": {"blank_ms": 5.0},
    "faults, 10 % dead": {"conditions": "electrode_faults"},
}
