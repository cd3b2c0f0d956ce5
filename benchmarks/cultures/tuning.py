"""How long `livn-gym tune` takes from scratch, and whether what it finds holds on cultures that it never saw.

    python benchmarks/cultures/tuning.py [--trials 100] [--study FILE.journal] [--out FILE.toml] [--seed 0]

It begins with the values of a feasibility study, which miss several targets of EI2, and not with the shipped set.
Prints the best set by the number of trials, with the elapsed time and the number of gating targets that it misses on
the search's own cultures, then the validation table of the best set. An interrupted study continues; its earlier trials
count with the time that they took.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import optuna

from livn_gym import tuning
from livn_gym.parameters import tuned
from livn_gym.system import make
from livn_gym.tuning.result import provenance, write_params
from livn_gym.tuning.study import open_study

SYSTEM = "EI2"

START = {
    "weight-EXC_EXC-hillock-AMPA-weight": 0.375,
    "weight-EXC_EXC-hillock-NMDA-weight": 0.56,
    "weight-EXC_INH-hillock-AMPA-weight": 0.258,
    "weight-EXC_INH-hillock-NMDA-weight": 0.063,
    "weight-INH_EXC-soma-GABA_A-weight": 0.525,
    "weight-INH_INH-soma-GABA_A-weight": 1.66,
    "noise-EXC-std_e": 0.64,
    "noise-EXC-tau_e": 30.0,
    "noise-EXC-g_i0": 0.045,
    "noise-INH-std_e": 0.0965,
    "depression-EXC-U": 0.2,
    "depression-EXC-tau_rec": 700.0,
}
"""Of the feasibility study; nS and ms. What is not here stands as it is shipped."""

SHOWN = (1, 5, 10, 20, 50, 100, 200, 500)


def main() -> None:
    """Search, report the search's course, and validate what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--study", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=20, help="Cultures of each set of the validation.")
    arguments = parser.parse_args()
    targets = tuning.load("", SYSTEM)
    start = tuned(make(SYSTEM)) | START
    with TemporaryDirectory() as folder:
        path = arguments.study or Path(folder) / "study.journal"
        began = time.perf_counter()
        found = tuning.tune(SYSTEM, targets, path, trials=arguments.trials, seed=arguments.seed, start=start)
        seconds = time.perf_counter() - began
        study = open_study(path, SYSTEM, targets, arguments.seed, start, options={"profile": "fast"})
        report_course(study, targets)
    print(f"\nchosen: trial {found.number} of {found.trials}; this run {seconds:.0f} s with the confirmation\n")
    for key in targets.search:
        print(f"{key} = {found.params[key]:.4g}")
    if arguments.out:
        about = provenance(SYSTEM, None, targets, trials=found.trials, trial=found.number, search_seed=arguments.seed)
        origin = f"{SYSTEM}: found from scratch by benchmarks/cultures/tuning.py."
        write_params(arguments.out, found.params, about, origin)
    sets = tuning.validation_sets(make(SYSTEM), arguments.seeds)
    report = tuning.validate(SYSTEM, params=found.params, targets=targets, sets=sets)
    if arguments.out:
        tuning.record(arguments.out, report)
    print(f"\n{report.markdown()}\n\nmissed: {', '.join(report.missed) or 'none'}")


def report_course(study: optuna.Study, targets: tuning.Targets) -> None:
    """The best trial by the number of trials, and what it misses."""
    done = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    print("| trials | time (s) | best: sum of objectives | trial | gating targets missed |")
    print("| --- | --- | --- | --- | --- |")
    for count in sorted({n for n in SHOWN if n < len(done)} | {len(done)}):
        best = min(done[:count], key=lambda trial: sum(trial.values))
        seconds = sum(trial.duration.total_seconds() for trial in done[:count] if trial.duration)
        missed = [
            name
            for name, target in targets.targets.items()
            if target.verdict(best.user_attrs.get(name, float("nan"))) == "MISSED"
        ]
        print(f"| {count} | {seconds:.0f} | {sum(best.values):.2f} | {best.number} | {', '.join(missed) or 'none'} |")


if __name__ == "__main__":
    main()
