"""``livn-gym validate``: is this culture worth controlling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from livn_gym.atomic import replacing
from livn_gym.cli.common import Backend, SystemName, check_output, find_system, progress_bar, table
from livn_gym.errors import InvalidInput

if TYPE_CHECKING:
    from livn_gym.tuning import Observation

Variant = Annotated[str | None, typer.Option(help="A named variant, e.g. bursting.", show_default=False)]
TargetsFile = Annotated[
    Path | None, typer.Option("--targets", help="Targets: .toml; without it the shipped ones.", show_default=False)
]


def validate(
    system: SystemName,
    variant: Variant = None,
    quick: Annotated[bool, typer.Option("--quick", help="Two cultures and a short protocol, for a look.")] = False,
    seeds: Annotated[int, typer.Option(min=1, help="Cultures of each set.")] = 20,
    stimulated: Annotated[int, typer.Option(min=1, help="How many of them are stimulated too.")] = 5,
    params: Annotated[
        Path | None, typer.Option(help="Parameters: .toml; without it the shipped ones.", show_default=False)
    ] = None,
    targets: TargetsFile = None,
    figure: Annotated[Path | None, typer.Option(help="Write the page: .png, .pdf or .svg.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(help="Write every value: .json.", show_default=False)] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Keep the measures of every culture there, and go on from those.", show_default=False),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
    profile: Annotated[str, typer.Option(help="Setting of the simulation, fast or exact.")] = "fast",
    backend: Backend = None,
) -> None:
    """Run the protocol and print target, value, spread and verdict of every measure.

    The exit code is 1 where a gating target is missed; a quick look decides nothing.
    """
    from livn_gym import tuning

    check_output("--figure", figure, ".png", ".pdf", ".svg")
    check_output("--out", out, ".json")
    check_output("--params", params, ".toml")
    if figure is not None:
        from livn_gym.envs.array_map import check_available

        check_available()
    culture = find_system(system)
    wanted = tuning.load(targets or "", culture.name, variant)
    protocol = wanted.protocol.quick() if quick else wanted.protocol
    if quick:
        sets: tuple[tuning.Cultures, ...] = (tuning.Cultures("quick look", (None,), (5000, 5001)),)
    else:
        sets = tuning.validation_sets(culture, seeds, stimulated)
    kept: list[Observation] = []
    total_ms = sum(s.duration_ms(protocol, culture.num_channels) for s in sets)
    done_ms = 0.0
    with progress_bar(f"{culture.name}: cultures' time", " s") as show:

        def advance(ms: float) -> None:
            nonlocal done_ms
            done_ms += ms
            show(done_ms / 1e3, total_ms / 1e3)

        report = tuning.validate(
            culture,
            variant,
            params=_params(params),
            targets=wanted,
            sets=sets,
            protocol=protocol,
            progress=advance,
            keep=lambda seen: kept.append(seen) if not kept else None,
            folder=folder,
            backend=backend,
            profile=profile,
        )
    if markdown:
        typer.echo(report.markdown())
    else:
        Console().print(_table(report))
    if out is not None:
        with replacing(out) as part:
            part.write_text(json.dumps(report.as_dict(), indent=1) + "\n", encoding="utf-8")
    if figure is not None and not kept:
        raise InvalidInput(f"A page shows a culture that was run, and {folder} had them all: remove a stimulated one.")
    if figure is not None:
        with replacing(figure) as part:
            tuning.page(kept[0], report).savefig(part)
    if report.missed and not quick:
        typer.echo(f"missed: {', '.join(report.missed)}", err=True)
        raise typer.Exit(1)


def _params(path: Path | None) -> dict[str, float] | None:
    if path is None:
        return None
    from livn_gym.parameters import read_params

    return read_params(path)


def _table(report: Any) -> Any:
    setting = ", ".join(str(value) for value in report.setting.values())
    rows = table(f"{report.title} ({setting})", *report.headings)
    for row in report.rows():
        style = {"MISSED": "bold red", "off": "yellow"}.get(row[-1])
        rows.add_row(*row, style=style)
    return rows
