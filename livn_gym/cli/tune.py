"""``livn-gym tune``: search for parameters with which a culture reaches its targets."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from livn_gym.cli.common import ProfileName, check_output, progress_bar, table
from livn_gym.cli.validate import TargetsFile, Variant
from livn_gym.errors import LivnError, unknown_name

if TYPE_CHECKING:
    from livn_gym.tuning import Targets, Tuned


def tune(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of a predefined system.")],
    out: Annotated[Path, typer.Option(help="Write the parameters to this .toml file.")] = Path("params.toml"),
    study: Annotated[
        Path, typer.Option(help="File (.journal) to which every trial is written; an existing study is continued.")
    ] = Path("study.journal"),
    trials: Annotated[
        int, typer.Option(min=1, help="Total number of trials, including those already in the study.")
    ] = 200,
    variant: Variant = None,
    targets: TargetsFile = None,
    start: Annotated[
        Path | None,
        typer.Option(
            help="Start the search from the parameters in this .toml file. Default: the shipped parameters.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smoke test: one culture, shortened protocol.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the search.")] = 0,
    profile: ProfileName = "fast",
) -> None:
    """Search for weights, noise and depression with which a system reaches its targets.

    The targets file sets the bounds of the search. Under an MPI launcher, all ranks work on one study.
    """
    from livn_gym import tuning
    from livn_gym.mpi import run_on_all_ranks
    from livn_gym.parameters import read_params
    from livn_gym.system import predefined_names

    if system not in predefined_names():
        raise unknown_name("system", system, predefined_names())
    check_output("--out", out, ".toml")
    check_output("--study", study, ".journal")
    check_output("--start", start, ".toml")
    target_set = tuning.load(targets or "", system, variant)
    sizes: dict[str, Any] = {}
    if quick:
        one_culture = tuning.CultureSet("quick check", (None,), (1000,))
        sizes = {"cultures": one_culture, "confirmation": one_culture, "finalists": 1}
        target_set = replace(target_set, protocol=target_set.protocol.quick())

    def run(comm: Any) -> None:
        started = time.perf_counter()
        with progress_bar("trials", quiet=comm is not None and comm.Get_rank() > 0) as show:

            def report(study: Any, trial: Any) -> None:
                done = [sum(t.values) for t in study.get_trials(deepcopy=False) if t.values]
                show(len(done), trials, note=f"best {min(done):.2f}" if done else "")

            tuned = tuning.tune(
                system,
                target_set,
                study,
                trials=trials,
                seed=seed,
                start=None if start is None else read_params(start),
                on_trial=report,
                comm=comm,
                profile=profile,
                **sizes,
            )
        if comm is None or comm.Get_rank() == 0:
            _write(out, system, variant, target_set, tuned, seed)
            Console().print(_table(target_set, tuned))
            typer.echo(f"{tuned.trials} trials in the study; {time.perf_counter() - started:.0f} s; parameters: {out}")

    run_on_all_ranks(run, messages=(LivnError,))


def _write(path: Path, system: str, variant: str | None, targets: Targets, tuned: Tuned, seed: int) -> None:
    from livn_gym.tuning.result import provenance, rounded, write_params

    name = system if variant is None else f"{system}, {variant}"
    reached = {measure: rounded(tuned.values[measure]) for measure in targets.targets if measure in tuned.values}
    about = provenance(
        system,
        variant,
        targets,
        trials=tuned.trials,
        trial=tuned.number,
        search_seed=seed,
        **{f"engine_{key}": value for key, value in tuned.simulation.items()},
        graph_seeds=["own" if graph is None else graph for graph in tuned.cultures.graphs],
        noise_seeds=list(tuned.cultures.seeds),
        reached={key: value for key, value in reached.items() if value == value},
    )
    write_params(path, tuned.params, about, f"{name}: found by livn-gym tune for the targets of {targets.name}.")


def _table(targets: Targets, tuned: Tuned) -> Any:
    from livn_gym.tuning import MEASURES

    rows = table(f"trial {tuned.number}", "measure", "target", "value", "verdict")
    for name, target in targets.targets.items():
        value = tuned.values.get(name, float("nan"))
        shown = "-" if math.isnan(value) else f"{value:.3g}"
        rows.add_row(MEASURES[name].label, target.band, shown, target.verdict(value))
    return rows
