"""Background noise and firing of uncoupled cells by profile: is the noise of ``fast`` that of ``exact``?

    python benchmarks/engine/background_noise.py [--cells 1000] [--seconds 20]

Conductances, as the somata see them: cells without other currents are held at a potential by a conductance some hundred
times larger, so that their voltage follows the noise. Voltage and rate: cells of EI2 with its shipped noise, all
weights 0, at several constant currents. The reference is second order at 0.0125 ms in float64. Errors are standard
errors over cells; z is a difference divided by its standard error. ``fast`` passes where it is as close to
the reference as ``exact``, or within three standard errors; an autocorrelation also where it is that of a lag at
most 0.2 ms longer or shorter, since a profile may hold the noise for some steps.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from single_cells import cells

from livn_gym.env import Env
from livn_gym.models import PinskyRinzel, ReducedCalciumSomaDendrite
from livn_gym.parameters import tuned
from livn_gym.stimulus import Stimulus
from livn_gym.system import make

ENGINES: dict[str, dict[str, Any]] = {
    "reference": {"dt": 0.0125, "scheme": "second_order"},
    "exact": {"profile": "exact"},
    "fast": {"profile": "fast"},
}
ONE_THREAD = {"name": "native", "threads": 1}

CLAMP_US, NOISE_CELLS, NOISE_MS, SAMPLE_MS = 0.3, 128, 20_000.0, 0.2
LAGS_MS = (0.2, 1.0, 5.0, 20.0, 40.0)
HOLD_MS = 0.2
HELD_MV = {"e": -75.0, "i": 0.0}
"""Holding voltages at which the current of the other conductance is 0."""
REVERSAL_MV = {"e": 0.0, "i": -75.0}

CURRENTS_NA = {"EXC": (0.0, 0.01, 0.02, 0.03, 0.05), "INH": (0.0, 0.005, 0.01, 0.02, 0.04)}
SPIKE_MV = -45.0
"""Voltages above are cut, so that statistics are those of the time between spikes."""

Estimate = tuple[float, float]
"""Mean over cells, and its standard error."""


def noise_of(system: str = "EI2") -> dict[str, float]:
    """Return the shipped noise of a system, by key."""
    return {key: value for key, value in tuned(make(system)).items() if key.startswith("noise-")}


def conductance(sign: str, noise: Mapping[str, float], seed: int = 1, **engine: Any) -> NDArray[np.float64]:
    """Return a noise conductance of INH cells over time, as their somata see it, nS ``[NOISE_CELLS, T]``.

    Args:
        sign: ``"e"`` or ``"i"``.
        noise: Parameters of the noise, by key.
        seed: Seed of the noise.
        **engine: Arguments of ``Env``.
    """
    silent = dict.fromkeys(("g_L", "g_Na", "g_Kdr", "g_Ca", "g_KC", "g_KAHP"), 0.0)
    cell = replace(PinskyRinzel.named("culture"), gc=1e-9, v_init=HELD_MV[sign], **silent)
    system = cells({"EXC": 1, "INH": NOISE_CELLS})
    clamp = Stimulus(
        np.append(0.0, np.full(NOISE_CELLS, CLAMP_US))[None], NOISE_MS, "conductance", reversal_mV=HELD_MV[sign]
    )
    with Env(
        system, ReducedCalciumSomaDendrite(inh=cell), seed=seed, **({"backend": ONE_THREAD} | engine)
    ).init() as env:
        env.set_params(dict(noise)).record_voltage("INH", sample_ms=SAMPLE_MS)
        voltage = env.run(NOISE_MS, clamp).voltage_soma
    assert voltage is not None
    v = voltage.reshape(NOISE_CELLS, -1).astype(np.float64)[:, round(200.0 / SAMPLE_MS) :]
    return 1e3 * CLAMP_US * (v - HELD_MV[sign]) / (REVERSAL_MV[sign] - v)


def conductance_statistics(sign: str, noise: Mapping[str, float], **engine: Any) -> dict[str, Estimate]:
    """Return mean, standard deviation and autocorrelation of a noise conductance."""
    g = conductance(sign, noise, **engine)
    found = {f"g_{sign}: mean (nS)": estimate(g.mean(axis=1)), f"g_{sign}: SD (nS)": estimate(g.std(axis=1))}
    around = g - g.mean()
    variance = (around**2).mean(axis=1)
    for lag in LAGS_MS:
        k = round(lag / SAMPLE_MS)
        products = (around[:, k:] * around[:, :-k]).mean(axis=1) / variance
        found[f"g_{sign}: autocorrelation, {lag:g} ms"] = estimate(products)
    return found


def firing(count: int, seconds: float, **engine: Any) -> dict[str, Estimate]:
    """Return rate and voltage of uncoupled cells with the noise of EI2, by population and current."""
    system = cells(dict.fromkeys(CURRENTS_NA, count))
    share = count // len(CURRENTS_NA["EXC"])
    current = np.concatenate([np.repeat(row, share) for row in CURRENTS_NA.values()])
    found: dict[str, Estimate] = {}
    counts, traces = np.zeros(len(current)), []
    with Env(system, seed=1, **({"backend": ONE_THREAD} | engine)).init() as env:
        env.set_params(noise_of()).record_spikes()
        env.run(500.0, Stimulus(current[None], 500.0))
        env.record_voltage(sample_ms=1.0)
        for _ in range(round(seconds)):
            recording = env.run(1000.0, Stimulus(current[None], 1000.0))
            counts += np.bincount(recording.spikes[1], minlength=len(current))
            assert recording.voltage_soma is not None
            traces.append(np.minimum(recording.voltage_soma.reshape(len(current), -1), SPIKE_MV))
    voltage = np.concatenate(traces, axis=1)
    for first, (population, row) in zip((0, count), CURRENTS_NA.items(), strict=True):
        for k, nA in enumerate(row):
            rows = slice(first + k * share, first + (k + 1) * share)
            name = f"{population}, {nA:g} nA"
            found[f"{name}: rate (Hz)"] = estimate(counts[rows] / round(seconds))
            if nA == 0.0:
                found[f"{name}: voltage (mV)"] = estimate(voltage[rows].mean(axis=1))
                found[f"{name}: SD of voltage (mV)"] = estimate(voltage[rows].std(axis=1))
    return found


def estimate(values: NDArray) -> Estimate:
    """Return the mean of values of cells and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))


def row(name: str, reference: Estimate, exact: Estimate, fast: Estimate, allowed: float = 0.0) -> str:
    """Return a row of the table; ``allowed`` is a difference from the reference that does not matter."""
    (r, _), (e, _), (f, se) = reference, exact, fast
    apart = {label: math.hypot(se, other[1]) for label, other in (("exact", exact), ("reference", reference))}
    passes = abs(f - r) <= max(abs(e - r), 3.0 * apart["reference"], allowed)
    z = (f - e) / apart["exact"] if apart["exact"] else 0.0
    cells_ = " | ".join(f"{value:.4g} ± {error:.2g}" for value, error in (reference, exact, fast))
    return f"| {name} | {cells_} | {z:+.1f} | {'yes' if passes else 'NO'} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=1000, help="Number of cells of each population.")
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    started = time.perf_counter()
    found = {
        name: conductance_statistics("e", noise_of(), **engine)
        | conductance_statistics("i", noise_of(), **engine)
        | firing(arguments.cells, arguments.seconds, **engine)
        for name, engine in ENGINES.items()
    }
    print("| statistic | reference | exact | fast | z of fast - exact | fast as close as exact |")
    print("| --- " * 6 + "|")
    noise = noise_of()
    for name, (value, _) in found["reference"].items():
        sign = "e" if name.startswith("g_e") else "i"
        allowed = value * HOLD_MS / noise[f"noise-INH-tau_{sign}"] if "autocorrelation" in name else 0.0
        print(row(name, *(found[engine][name] for engine in ENGINES), allowed))
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
