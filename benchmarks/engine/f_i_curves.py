"""Firing rate against constant current of the culture cells: the tables of docs/model.md."""

from __future__ import annotations

import numpy as np
from scipy.integrate import odeint

from livn_gym.models import BoothRinzelKiehn, PinskyRinzel, ReducedCalciumSomaDendrite
from livn_gym.models.base import Compartment

SETTLE_MS, COUNT_MS, STEP_MS = 2000.0, 10_000.0, 0.1
CURVES: tuple[tuple[str, Compartment, tuple[float, ...]], ...] = (
    ("EXC", "soma", (0.0, 0.02, 0.036, 0.037, 0.038, 0.04, 0.05, 0.06, 0.08, 0.1)),
    ("EXC", "dendrite", (0.0, 0.05, 0.088, 0.09, 0.095, 0.1, 0.15, 0.2)),
    ("INH", "soma", (0.0, 0.002, 0.0025, 0.003, 0.004, 0.006, 0.008, 0.01, 0.02, 0.03, 0.05, 0.08)),
)


def spike_times(
    cell: BoothRinzelKiehn | PinskyRinzel, compartment: Compartment, nA: float, threshold_mV: float
) -> np.ndarray:
    """Upward crossings of the threshold by the soma after the settling time, ms ``[spikes]``."""
    t = np.arange(0.0, SETTLE_MS + COUNT_MS, STEP_MS)
    soma_nA, dendrite_nA = (nA, 0.0) if compartment == "soma" else (0.0, nA)
    # Near threshold the interval depends on the last digits: at rtol 1e-6 it is 20 % too short.
    v = odeint(
        lambda y, _: cell.derivatives(y.tolist(), soma_nA, dendrite_nA),
        cell.initial_state(),
        t,
        rtol=1e-8,
        atol=1e-10,
        mxstep=100_000,
    )[:, 0]
    before = np.flatnonzero((v[:-1] < threshold_mV) & (v[1:] >= threshold_mV))
    spikes = t[before] + STEP_MS * (threshold_mV - v[before]) / (v[before + 1] - v[before])
    return spikes[spikes >= SETTLE_MS]


def main() -> None:
    """Print one table a curve."""
    model = ReducedCalciumSomaDendrite()
    for population, compartment, currents in CURVES:
        cell = model.cells[population]
        assert isinstance(cell, BoothRinzelKiehn | PinskyRinzel)
        print(f"\n{population}, current into the {compartment}\n")
        print("| nA | rate (Hz) | shortest, longest interval (ms) |\n| --- | --- | --- |")
        for nA in currents:
            spikes = spike_times(cell, compartment, nA, model.spike_threshold_mV)
            intervals = np.diff(spikes)
            span = f"{intervals.min():.1f}, {intervals.max():.1f}" if len(intervals) else "-"
            print(f"| {nA:g} | {len(spikes) / COUNT_MS * 1e3:.1f} | {span} |", flush=True)


if __name__ == "__main__":
    main()
