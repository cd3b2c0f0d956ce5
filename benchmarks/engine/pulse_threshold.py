"""Threshold of a stimulation pulse at single cells, by profile: how much field does a spike take?

    python benchmarks/engine/pulse_threshold.py

Culture cells at rest get one biphasic pulse, 0.2 ms a phase, each of another field (mV, the potential at the dendrite
minus that at the soma in the first phase); the threshold is the weakest field at which a cell fires within 10 ms. The
reference is 0.0025 ms, second order, float64. At 0.025 ms a phase has eight steps, at 0.05 ms four, so that the
response to stimulation depends on the step more than any other does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from single_cells import cells

from livn_gym.env import Env
from livn_gym.stimulus import Stimulus

COUNT, PHASE_MS, BEFORE_MS, AFTER_MS = 512, 0.2, 5.0, 10.0
FIELDS_MV = {
    "EXC, first phase excites": ("EXC", 1.0, 15.0, 40.0),
    "EXC, second phase excites": ("EXC", -1.0, 20.0, 45.0),
    "INH, first phase excites": ("INH", 1.0, 60.0, 90.0),
}
"""Population, sign of the first phase, and range of the fields."""

ENGINES: dict[str, dict[str, Any]] = {
    "reference": {"dt": 0.0025, "scheme": "second_order"},
    "exact": {"profile": "exact"},
    "fast": {"profile": "fast"},
}


def threshold_mV(name: str, **engine: Any) -> float:
    """Return the threshold for an entry of ``FIELDS_MV``; NaN if no cell or every cell fires."""
    population, sign, low, high = FIELDS_MV[name]
    fields = np.linspace(low, high, COUNT)
    pulses = {"duration_ms": AFTER_MS, "rate_hz": 1e3 / AFTER_MS, "phase_ms": PHASE_MS}
    stimulus = Stimulus.pulse_train(sign * fields, mode="extracellular", **pulses)
    with Env(cells({population: COUNT}), **({"backend": {"name": "native", "threads": 1}} | engine)).init() as env:
        env.run(BEFORE_MS)
        _, gid, _ = env.record_spikes().run(AFTER_MS, stimulus).spikes
    return float(fields[gid.min()]) if len(gid) and gid.min() else float("nan")


def main() -> None:
    """Print the table."""
    print(f"| pulse | {' | '.join(f'{name} (mV)' for name in ENGINES)} | exact | fast |\n| --- " + "| --- " * 5 + "|")
    for name in FIELDS_MV:
        values = {engine: threshold_mV(name, **options) for engine, options in ENGINES.items()}
        errors = [f"{100 * (values[profile] / values['reference'] - 1):+.1f} %" for profile in ("exact", "fast")]
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in values.values())} | {' | '.join(errors)} |")


if __name__ == "__main__":
    main()
