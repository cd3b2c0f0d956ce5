"""Time and accuracy of each way of making the profile ``fast`` faster, alone and left out.

    python benchmarks/engine/ways.py [former] [fast] [--system EI2] [--cultures 8] [--ms 200] [--rounds 21]
                                     [--no-errors] [--quick]

One thread, processor time; all kernels of a table take turns, and medians over the turns are shown. Kernels are
generated with other constants, lines or equations, which takes about 5 s each the first time.

``former``: each way alone, from the scheme second_order at 0.05 ms in float32 with 16 lanes, which
the profile was before. The conductances of slow states, slow receptors and noise are held together, so that the ways
of these share the first line of them. The corrector costs time, which buys accuracy. ``fast``: from the profile, each
way left out or changed; what a way gives is how much longer the profile takes without it.

Errors are mean sizes of interval errors of single cells with the parameters of a culture, %, under constant currents
and a fluctuating one (see ``time_step.py``). Without noise, these do not depend on how it is advanced.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from single_cells import Trains, experiments
from tables import table
from time_step import REFERENCE_DT_MS, compared, size
from ways_equations import APPROXIMATED, EXACT, exponential, unmerged
from ways_lines import Change, extrapolated, increments_added, increments_summed, uncorrected

from livn_gym.backends.native import generate, layout, lines
from livn_gym.env import Env
from livn_gym.models import BoothRinzelKiehn, PinskyRinzel, booth_rinzel_kiehn, pinsky_rinzel
from livn_gym.parameters import tuned
from livn_gym.system import make

FIRST_SEED = 5000
ONE_THREAD = {"name": "native", "threads": 1}
CELLS = (BoothRinzelKiehn, PinskyRinzel)
ERROR_DRIVES = ("constant", "current")


@dataclass(frozen=True)
class Variant:
    """Kernels that are generated and run with changes.

    Attributes:
        name: What is changed.
        changes: Attributes that are changed.
        engine: Arguments of ``Env``.
    """

    name: str
    changes: tuple[Change, ...] = ()
    engine: dict[str, Any] = field(default_factory=lambda: {"profile": "fast"})

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Kernels are generated and run with the changes meanwhile."""
        before = [(owner, name, owner.__dict__[name]) for owner, name, _ in self.changes]
        try:
            for owner, name, value in self.changes:
                setattr(owner, name, value)
            yield
        finally:
            for owner, name, value in reversed(before):
                setattr(owner, name, value)


def slow_steps(steps: int) -> tuple[Change, ...]:
    """Return the changes by which a slow step is some steps long; the same receptors are slow as in four."""
    return (
        (layout, "SLOW_STEPS", steps),
        (layout, "_SLOW_RISE_STEPS", layout._SLOW_RISE_STEPS * layout.SLOW_STEPS // steps),
    )


def equations(kinds: dict[type, dict[str, Any]]) -> tuple[Change, ...]:
    """Return the changes by which the multirate equations of cells are others."""
    steps = {cell: replace(cell.step.multirate, **kinds[cell]) for cell in CELLS}
    return tuple((cell, "step", replace(cell.step, multirate=steps[cell])) for cell in CELLS)


def all_gates_approximated() -> tuple[Change, ...]:
    """Return the changes by which all states are advanced by the approximations in every step of any scheme."""

    def with_parameters(step: Any) -> Any:
        return lambda cell, dt_ms: step.parameters(cell, dt_ms) | step.multirate.parameters(cell, dt_ms, dt_ms)

    return tuple(
        (cell, "step", replace(cell.step, advance=APPROXIMATED[cell], parameters=with_parameters(cell.step)))
        for cell in CELLS
    )


def header(old: str, name: str, body: str) -> Change:
    """Return the change by which generated modules define a function instead of importing it."""
    line = f"from livn_gym.backends.native.arithmetic import {old} as {name}\n"
    assert line in generate.HEADER
    definition = f"\n\n@njit(forceinline=True, **INNER_OPTIONS)\ndef {name}(x):\n    return {body}\n"
    return generate, "HEADER", generate.HEADER.replace(line, "") + definition


def in_modules(name: str, *functions: Any) -> tuple[Change, ...]:
    """Return the changes by which the equations of both cells use another function."""
    both = functions if len(functions) == 2 else functions * 2
    modules = (booth_rinzel_kiehn, pinsky_rinzel)
    return tuple((module, name, function) for module, function in zip(modules, both, strict=True))


def lanes(number: int) -> Change:
    """Return the change by which blocks have this number of lanes in float32."""
    return layout, "LANES", layout.LANES | {"float32": number}


def noise_steps(steps: int) -> Change:
    """Return the change by which the noise is constant for some steps in any scheme."""
    return layout.Layout, "noise_steps", property(lambda self: steps)


def corrected_above(voltage_mV: float) -> tuple[Change, ...]:
    """Return the changes by which instant gates are corrected above a voltage of the soma."""
    return tuple(
        (cell, "step", replace(cell.step, multirate=replace(cell.step.multirate, correct_above_mV=voltage_mV)))
        for cell in CELLS
    )


NO_SLOW_RECEPTORS: Change = (layout, "_SLOW_RISE_STEPS", 1e9)


def former() -> list[Variant]:
    """Return the former profile, each way alone, and the profile ``fast``."""
    plain: tuple[Change, ...] = (lanes(16),)
    engine = {"dt": 0.05, "scheme": "second_order", "precision": "float32"}
    # The scheme multirate without its ways, from which single ones are used.
    multirate = (*plain, *increments_summed(), (layout, "NOISE_STEPS", 1), (lines, "_solution", extrapolated))
    whole = tuple((cell, "step", replace(cell.step, multirate=None)) for cell in CELLS)
    exact = equations(EXACT)
    return [
        Variant("former profile", plain, engine),
        Variant("32 lanes", (), engine),
        Variant("noise advanced every 8th step", (*plain, noise_steps(8)), engine),
        Variant("increments added to both variables of a receptor", (*plain, *increments_added()), engine),
        Variant(
            "exponential by a polynomial of degree 4",
            (*plain, header("exp{bits}", "exp", "exp2(x * T(1.4426950408889634))")),
            engine,
        ),
        Variant("gates by rational functions, with merged divisions", (*plain, *all_gates_approximated()), engine),
        Variant("noise conductances held for 4 steps", (*multirate, *whole, NO_SLOW_RECEPTORS)),
        Variant("noise conductances held, NMDA every 4th step", (*multirate, *whole)),
        Variant("noise conductances held, slow states every 4th step", (*multirate, *exact, NO_SLOW_RECEPTORS)),
        Variant(
            "corrected instant gates",
            (*plain, *increments_summed(), (layout, "NOISE_STEPS", 1), *slow_steps(1)[:1], NO_SLOW_RECEPTORS, *exact),
        ),
        Variant("fast"),
    ]


def left_out() -> list[Variant]:
    """Return the profile ``fast``, and it with each way left out or changed."""
    rates = (
        (booth_rinzel_kiehn, "_approximate_rate_n", booth_rinzel_kiehn.rate_n),
        (pinsky_rinzel, "_approximate_beta_n", pinsky_rinzel.beta_n),
    )
    return [
        Variant("fast"),
        *(
            Variant(f"noise advanced every {steps} step{'s' * (steps > 1)}", ((layout, "NOISE_STEPS", steps),))
            for steps in (1, 4, 16)
        ),
        *(Variant(f"slow steps of {steps} step{'s' * (steps > 1)}", slow_steps(steps)) for steps in (1, 2, 8)),
        Variant("NMDA in every step", (NO_SLOW_RECEPTORS,)),
        Variant("instant gates at the extrapolated voltage", ((lines, "_solution", uncorrected),)),
        Variant("instant gates corrected in all cells", corrected_above(-1e9)),
        Variant("instant gates corrected above -45 mV", corrected_above(-45.0)),
        Variant("gates by exponentials and divisions", equations(EXACT)),
        Variant("decay of gates by an exponential", in_modules("relaxed", exponential)),
        Variant("gates with two divisions", in_modules("relaxed", unmerged)),
        Variant("rates of n by exponentials", rates),
        Variant("exponential to full precision", (header("exp2_{bits}", "exp2", "exp(x * T(0.6931471805599453))"),)),
        Variant("increments summed first", increments_summed()),
        *(Variant(f"{number} lanes", (lanes(number),)) for number in (16, 64)),
        Variant(
            "NMDA in every step, increments summed, two divisions",
            (NO_SLOW_RECEPTORS, *increments_summed(), *in_modules("relaxed", unmerged)),
        ),
    ]


TABLES = {"former": former, "fast": left_out}


def times(variants: Sequence[Variant], name: str, cultures: int, ms: float, rounds: int) -> NDArray[np.float64]:
    """Return processor times ``[variants, rounds]`` of 100 ms of a culture of a system, ms."""
    system = make(name)
    seeds = list(range(FIRST_SEED, FIRST_SEED + cultures))
    envs = []
    for variant in variants:
        with variant.applied():
            env = Env(system, seed=seeds, num_cultures=cultures, backend=ONE_THREAD, **variant.engine).init()
            env.set_params(tuned(system, None))
            env.clear(seeds)
            env.record_spikes()
            env.run(ms)  # compiles
            envs.append(env)
    result = np.zeros((len(variants), rounds))
    for r in range(rounds):
        for k in np.roll(np.arange(len(variants)), r):
            with variants[k].applied():
                started = time.process_time()
                envs[k].run(ms)
                result[k, r] = time.process_time() - started
    for env in envs:
        env.close()
    return result * 1e3 / cultures * 100.0 / ms


def reference() -> list[Trains]:
    """Return the spikes of the cells of ``errors`` at a step so short that it does not matter."""
    return [_experiment(drive).spikes(dt=REFERENCE_DT_MS[drive], scheme="second_order") for drive in ERROR_DRIVES]


def errors(variant: Variant, truth: Sequence[Trains]) -> list[float]:
    """Return the mean sizes of interval errors of cells of cultures, %, by drive."""
    with variant.applied():
        return [
            size(compared(_experiment(drive), _experiment(drive).spikes(**variant.engine), spikes))
            for drive, spikes in zip(ERROR_DRIVES, truth, strict=True)
        ]


def _experiment(drive: str) -> Any:
    return next(experiment for experiment in experiments(drive) if experiment.model == "culture")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], help="Default: all.")
    parser.add_argument("--system", default="EI2")
    parser.add_argument("--cultures", type=int, default=8)
    parser.add_argument("--ms", type=float, default=200.0)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--no-errors", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one round of 20 ms, no errors")
    a = parser.parse_args()
    if a.quick:
        a.ms, a.rounds = 20.0, 1
    truth = [] if a.quick or a.no_errors else reference()
    for name in a.tables or TABLES:
        variants = TABLES[name]()
        measured = times(variants, a.system, a.cultures, a.ms, a.rounds)
        rows = []
        for variant, each in zip(variants, measured, strict=True):
            ratio = float(np.median(each / measured[0]))
            effect = f"{100.0 * (ratio - 1.0):+.0f} %" if name == "fast" else f"{1.0 / ratio:.2f}"
            sizes = [f"{error:.2f}" for error in errors(variant, truth)] if truth else ["-", "-"]
            rows.append([variant.name, f"{np.median(each):.3f}", effect, *sizes])
        print(f"{a.system}, B = {a.cultures}, one thread\n")
        effect = "time against fast" if name == "fast" else "times faster"
        table([name, "ms for 100 ms of a culture", effect, "error, constant, %", "error, fluctuating, %"], rows)


if __name__ == "__main__":
    main()
