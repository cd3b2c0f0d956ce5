"""``livn-gym tune``: search parameters that reach the targets."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from livn_gym.cli.common import check_output, progress_bar, table
from livn_gym.cli.validate import TargetsFile, Variant
from livn_gym.errors import unknown_name

if TYPE_CHECKING:
    from livn_gym.tuning import Targets, Tuned


def tune(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of a predefined system.")],
    out: Annotated[Path, typer.Option(help="Write the parameters: .toml.")] = Path("params.toml"),
    study: Annotated[Path, typer.Option(help="The study, which grows while it runs and from which it goes on.")] = Path(
        "study.journal"
    ),
    trials: Annotated[int, typer.Option(min=1, help="Trials that the study has in the end.")] = 200,
    variant: Variant = None,
    targets: TargetsFile = None,
    start: Annotated[
        Path | None, typer.Option(help="Begin with these parameters: .toml; without it the shipped ones.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One culture, a short protocol: does it run.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search.")] = 0,
    profile: Annotated[str, typer.Option(help="Setting of the simulation, fast or exact.")] = "fast",
) -> None:
    """Search weights, noise and depression within the targets' bounds.

    Started by an MPI launcher, all ranks share one study.
    """
    from livn_gym import tuning
    from livn_gym.mpi import on_all_ranks
    from livn_gym.parameters import read_params
    from livn_gym.system import predefined_names

    if system not in predefined_names():
        raise unknown_name("system", system, predefined_names())
    check_output("--out", out, ".toml")
    check_output("--study", study, ".journal")
    check_output("--start", start, ".toml")
    wanted = tuning.load(targets or "", system, variant)
    sizes: dict[str, Any] = {}
    if quick:
        few = tuning.Cultures("quick look", (None,), (1000,))
        sizes = {"cultures": few, "confirmation": few, "finalists": 1}
        wanted = tuning.Targets(wanted.name, wanted.targets, wanted.search, wanted.protocol.quick())

    def run(comm: Any) -> None:
        started = time.perf_counter()
        with progress_bar("trials", quiet=comm is not None and comm.Get_rank() > 0) as show:

            def report(study: Any, trial: Any) -> None:
                done = [sum(t.values) for t in study.get_trials(deepcopy=False) if t.values]
                show(len(done), trials, note=f"best {min(done):.2f}" if done else "")

            found = tuning.tune(
                system,
                wanted,
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
            _write(out, system, variant, wanted, found, seed)
            Console().print(_table(wanted, found))
            typer.echo(f"{found.trials} trials in the study; {time.perf_counter() - started:.0f} s; parameters: {out}")

    on_all_ranks(run)


def _write(path: Path, system: str, variant: str | None, targets: Targets, found: Tuned, seed: int) -> None:
    from livn_gym.tuning.result import provenance, rounded, write_params

    name = system if variant is None else f"{system}, {variant}"
    reached = {measure: rounded(found.values[measure]) for measure in targets.targets if measure in found.values}
    about = provenance(
        system,
        variant,
        targets,
        trials=found.trials,
        trial=found.number,
        search_seed=seed,
        **{f"engine_{key}": value for key, value in found.setting.items()},
        graph_seeds=["own" if graph is None else graph for graph in found.cultures.graphs],
        noise_seeds=list(found.cultures.seeds),
        reached={key: value for key, value in reached.items() if value == value},
    )
    write_params(path, found.params, about, f"{name}: found by livn-gym tune for the targets of {targets.name}.")


def _table(targets: Targets, found: Tuned) -> Any:
    from livn_gym.tuning import MEASURES

    rows = table(f"trial {found.number}", "measure", "target", "value", "verdict")
    for name, target in targets.targets.items():
        value = found.values.get(name, float("nan"))
        rows.add_row(MEASURES[name].label, target.band, f"{value:.3g}", target.verdict(value))
    return rows
