"""``livn-gym benchmark``: every agent on every task, as a table and a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from livn_gym.cli.common import progress_bar, table
from livn_gym.cli.train import Options, Trust, check_learning, parse_options


def benchmark(
    tasks: Annotated[
        list[str] | None, typer.Option("--tasks", help="Ids; without it every task on EI2.", show_default=False)
    ] = None,
    agents: Annotated[
        list[str] | None,
        typer.Option(
            "--agents", help="Baselines and learners; without it all baselines, ppo, sac.", show_default=False
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each.")] = 5,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps; without it the hyperparameters'.", show_default=False)
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Test episodes of each run.")] = 10,
    out: Annotated[Path, typer.Option(help="Folder; what it holds already is not run again.")] = Path(
        "benchmarks/results"
    ),
    page: Annotated[
        Path | None, typer.Option(help="Markdown page whose table is replaced.", show_default=False)
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Runs at once; without it one a processor.", show_default=False)
    ] = None,
    hours: Annotated[
        float | None, typer.Option(min=0, help="After this no further run begins; 0 only reports.", show_default=False)
    ] = None,
    trust: Trust = False,
    option: Options = None,
) -> None:
    """Run what is not yet in the folder and print the table; what is missing says 'not run'."""
    check_learning()
    from livn_gym.agents import benchmark as bench
    from livn_gym.agents import report

    wanted = bench.jobs(
        tasks or bench.standard_tasks(),
        agents or bench.AGENTS,
        seeds=seeds,
        steps=steps,
        episodes=episodes,
        options=parse_options(option),
    )
    with progress_bar("benchmark") as update:
        rows = bench.benchmark(
            wanted,
            out,
            processes=processes,
            hours=hours,
            trust=trust,
            report=lambda done, total, row: update(done, total, float(row["total_reward"] or "nan")),
        )
    tables = bench.summary(wanted, rows)
    overall = bench.overall(tables)
    report.write(out, tables, overall)
    if page is not None:
        report.fill(page, out)
    shown = table("Benchmark", *report.HEADINGS)
    for line in report.lines(tables):
        shown.add_row(*line)
    console = Console()
    console.print(shown)
    if overall:
        scaled = table("All tasks together; the worst baseline is 0, the best 1", "agent", "scaled return (IQM, 95 %)")
        for name, score in overall.items():
            scaled.add_row(name, report.interval(score))
        console.print(scaled)
    typer.echo(f"Rows, configs, table and figure: {out}")
