"""``livn-gym validate``: measure a culture and compare it with its targets, or tasks by the gate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from livn_gym.atomic import replacing
from livn_gym.cli import gate
from livn_gym.cli.common import (
    Backend,
    ProfileName,
    check_output,
    find_system,
    progress_bar,
    table,
)
from livn_gym.errors import InvalidInput

if TYPE_CHECKING:
    from livn_gym.tuning import Observation

Variant = Annotated[
    str | None,
    typer.Option(help="Named variant of the shipped parameters and targets, for example bursting.", show_default=False),
]
TargetsFile = Annotated[
    Path | None,
    typer.Option("--targets", help="Targets, as a .toml file. Default: the shipped targets.", show_default=False),
]


Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SYSTEM | IDS",
        help="Name of a system, SONATA or livn folder, TOML file of the generator, or module:attribute. With --tasks: "
        "ids of environments, or tasks as module:attribute or path; default: every task, on EI2 if possible.",
        show_default=False,
    ),
]


def validate(
    names: Names = None,
    tasks: Annotated[
        bool, typer.Option("--tasks", help="Measure whether tasks need the network, instead of a culture.")
    ] = False,
    variant: Variant = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Quick check: two cultures and a shortened protocol; with --tasks, 4 episodes per comparison.",
        ),
    ] = False,
    seeds: Annotated[
        int, typer.Option(min=1, help="Number of cultures per set (training seeds, held-out seeds, held-out graphs).")
    ] = 20,
    stimulated: Annotated[
        int, typer.Option(min=1, help="Number of cultures of each graph that are also stimulated.")
    ] = 5,
    params: Annotated[
        Path | None,
        typer.Option(help="Parameters, as a .toml file. Default: the shipped parameters.", show_default=False),
    ] = None,
    targets: TargetsFile = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="Write a summary figure to this .png, .pdf or .svg file.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the measures of every culture to this .json file.", show_default=False)
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the measures of every culture or task; those that it holds are not measured again.",
            show_default=False,
        ),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
    profile: ProfileName = "fast",
    backend: Backend = None,
) -> None:
    """Measure cultures with the standard protocol and compare every measure with its target.

    With --tasks, measure instead whether tasks need the network: how much of an agent's score is left when the synapses
    of the culture are cut.

    The exit code is 1 if a target that is not advisory is missed (except with --quick), or a task fails.
    """
    if tasks:
        check_output("--params", params, ".toml")
        gate.validate_tasks(names or [], folder=folder, short=quick, markdown=markdown, params=params)
        return
    if names is None or len(names) != 1:
        raise InvalidInput(f"validate takes one system, or ids with --tasks; got {' '.join(names or []) or 'nothing'}.")
    system = names[0]
    from livn_gym import tuning

    check_output("--figure", figure, ".png", ".pdf", ".svg")
    check_output("--out", out, ".json")
    check_output("--params", params, ".toml")
    if figure is not None:
        from livn_gym.plot.style import check_available

        check_available()
    culture = find_system(system)
    target_set = tuning.load(targets or "", culture.name, variant)
    protocol = target_set.protocol.quick() if quick else target_set.protocol
    if quick:
        sets: tuple[tuning.CultureSet, ...] = (tuning.CultureSet("quick check", (None,), (5000, 5001)),)
    else:
        sets = tuning.validation_sets(culture, seeds, stimulated)
    observations: list[Observation] = []
    total_ms = sum(s.duration_ms(protocol, culture.num_channels) for s in sets)
    done_ms = 0.0
    with progress_bar(f"{culture.name}: simulated time", " s") as show:

        def advance(ms: float) -> None:
            nonlocal done_ms
            done_ms += ms
            show(done_ms / 1e3, total_ms / 1e3)

        report = tuning.validate(
            culture,
            variant,
            params=_params(params),
            targets=target_set,
            sets=sets,
            protocol=protocol,
            progress=advance,
            on_observation=lambda observation: observations.append(observation) if not observations else None,
            folder=folder,
            backend=backend,
            profile=profile,
        )
    if markdown:
        typer.echo(report.markdown())
    else:
        Console().print(_table(report))
    if out is not None:
        with replacing(out) as temporary:
            temporary.write_text(json.dumps(report.as_dict(), indent=1) + "\n", encoding="utf-8")
    if figure is not None and not observations:
        raise InvalidInput(
            f"--figure needs a stimulated culture that is simulated now, but {folder} holds the measures of all: "
            "remove one of its files."
        )
    if figure is not None:
        with replacing(figure) as temporary:
            tuning.page(observations[0], report).savefig(temporary)
    if report.missed and not quick:
        typer.echo(f"missed: {', '.join(report.missed)}", err=True)
        raise typer.Exit(1)


def _params(path: Path | None) -> dict[str, float] | None:
    if path is None:
        return None
    from livn_gym.parameters import read_params

    return read_params(path)


def _table(report: Any) -> Any:
    simulation = ", ".join(str(value) for value in report.simulation.values())
    rows = table(f"{report.title} ({simulation})", *report.headings)
    for row in report.rows():
        style = {"MISSED": "bold red", "off": "yellow"}.get(row[-1])
        rows.add_row(*row, style=style)
    return rows
