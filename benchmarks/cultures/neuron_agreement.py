"""The tuned EI2 on NEURON against the native engine: does each measure agree within what chance allows.

    python benchmarks/cultures/neuron_agreement.py [--seeds 3] [--seconds 60] [--system EI2] [--variant NAME]

Both run the exact profile (0.025 ms, backward Euler, float64) with the same seeds, after the protocol's settling;
the native engine also the fast profile. The noise is the same, yet rounding parts the trajectories after some hundred
milliseconds, so that what follows is another sample of the same culture. Agreement: mean rate within 5 %, CV of
intervals within 0.1, number of bursts inside the 95 % interval of a Poisson count with the native's mean; stimulation
with blanking and a pulse at each electrode follow.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import replace

import numpy as np

from livn_gym import tuning
from livn_gym.parameters import tuned
from livn_gym.system import make
from livn_gym.tuning.validation import Spread, spread

RUNS = {
    "native, exact": {"backend": "native", "profile": "exact"},
    "NEURON, exact": {"backend": "neuron", "profile": "exact"},
    "native, fast": {"backend": "native", "profile": "fast"},
}


def poisson_interval(mean: float) -> tuple[int, int]:
    """Counts between the 2.5 % and the 97.5 % quantile of a Poisson distribution."""
    term, total, low, k = math.exp(-mean), math.exp(-mean), None, 0
    while total < 0.975:
        if low is None and total >= 0.025:
            low = k
        k += 1
        term *= mean / k
        total += term
    return (k if low is None else low), k


def main() -> None:
    """Print a table of measures and the three verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--system", default="EI2")
    parser.add_argument("--variant")
    arguments = parser.parse_args()
    targets = tuning.load("", arguments.system, arguments.variant)
    protocol = replace(
        targets.protocol,
        rest_ms=arguments.seconds * 1e3,
        levels_uA=(0.0, targets.protocol.top_uA),
        sustained_ms=10_000.0,
        pulse_trials=1,
        place_trials=0,
        device_ms=0.0,
        cut_ms=0.0,
    )
    params = tuned(make(arguments.system), arguments.variant)
    cultures = tuning.CultureSet("agreement", (None,), tuple(range(1000, 1000 + arguments.seeds)))
    found: dict[str, list[dict[str, float]]] = {}
    for name, options in RUNS.items():
        started = time.perf_counter()
        with tuning.Bench(arguments.system, cultures, protocol, **options) as bench:
            found[name] = bench.measure(params)
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
    print(f"\n| measure | {' | '.join(RUNS)} |\n| --- {'| --- ' * len(RUNS)}|")
    for measure, words in tuning.MEASURES.items():
        values = [spread(measure, cultures) for cultures in found.values()]
        if all(value.count for value in values):
            print(f"| {words.label} | {' | '.join(_cell(value) for value in values)} |")
    native, neuron = (found[name] for name in ("native, exact", "NEURON, exact"))
    rate, cv = ([spread(measure, run).value for run in (native, neuron)] for measure in ("rate_hz", "isi_cv"))
    bursts = [sum(v["bursts_per_s"] for v in run) * arguments.seconds for run in (native, neuron)]
    low, high = poisson_interval(bursts[0])
    print(
        f"\nrate differs by {100 * abs(rate[1] / rate[0] - 1):.1f} % (at most 5): {abs(rate[1] / rate[0] - 1) <= 0.05}"
    )
    print(f"CV differs by {abs(cv[1] - cv[0]):.3f} (at most 0.1): {abs(cv[1] - cv[0]) <= 0.1}")
    print(
        f"bursts {bursts[1]:.0f}, native {bursts[0]:.0f}, 95 % of Poisson {low} ... {high}: {low <= bursts[1] <= high}"
    )
    counts = np.array([[v["rate_hz"] for v in run] for run in (native, neuron)])
    print(f"rates by seed, Hz: native {counts[0].round(2)}, NEURON {counts[1].round(2)}")


def _cell(value: Spread) -> str:
    return f"{value.value:.3g} ± {value.sd:.2g}"


if __name__ == "__main__":
    main()
