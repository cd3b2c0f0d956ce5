"""``livn-gym benchmark``: score every agent on every task, as a table and a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from livn_gym.cli.common import progress_bar, table, wide_console
from livn_gym.cli.train import Options, Trust, check_learning, parse_options


def benchmark(
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            "--tasks",
            help="Id of an environment; repeat for several. Default: every task on EI2, or on EI3 if it needs it, and "
            "livn/EI4-v0.",
            show_default=False,
        ),
    ] = None,
    agents: Annotated[
        list[str] | None,
        typer.Option(
            "--agents",
            help="Baseline or learning algorithm; repeat for several. Default: all baselines and, but for EI4, ppo and "
            "sac.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of runs, each with its own seed, per agent and task. Default: 5, or 3 on EI3 and EI4.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Environment steps of each training run. Default: taken from the hyperparameter file.",
            show_default=False,
        ),
    ] = None,
    episodes: Annotated[
        int | None,
        typer.Option(min=1, help="Number of test episodes per run. Default: 10, or 4 on EI4.", show_default=False),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder of the results. Runs that it already holds are not repeated.")
    ] = Path("benchmarks/tasks/results"),
    page: Annotated[
        Path | None,
        typer.Option(help="Markdown page in which the table is replaced by the new one.", show_default=False),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of runs to execute in parallel. Default: one per processor.", show_default=False
        ),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Start no further run after this many hours; 0 only reports. Default: no limit.",
            show_default=False,
        ),
    ] = None,
    trust: Trust = False,
    option: Options = None,
) -> None:
    """Score agents on tasks, print the results as a table and draw them as a figure.

    Runs that the output folder already holds are not repeated. Missing runs are marked 'not run'.
    """
    check_learning()
    from livn_gym.agents import benchmark as bench
    from livn_gym.agents import report, statistics, summary
    from livn_gym.envs.registration import standard_ids
    from livn_gym.plot.style import check_available

    statistics.check_available()
    check_available()
    if page is not None:
        report.check_page(page)

    jobs = bench.jobs(
        tasks or [*standard_ids(), bench.BASELINES_ONLY],
        agents,
        seeds=seeds,
        steps=steps,
        episodes=episodes,
        options=parse_options(option),
    )
    with progress_bar("benchmark") as update:
        rows = bench.benchmark(
            jobs,
            out,
            processes=processes,
            hours=hours,
            trust=trust,
            report=lambda done, total, row: update(done, total, float(row["total_reward"] or "nan")),
        )
    tables = summary.summary(jobs, rows)
    overall = summary.overall(tables)
    report.write(out, tables, overall)
    if page is not None:
        report.fill(page, out)
    shown = table("Benchmark", *report.HEADINGS)
    for line in report.lines(tables):
        shown.add_row(*line)
    console = wide_console()
    console.print(shown)
    if overall:
        scaled = table(
            "All tasks without missing runs together, scaled so that the worst baseline is 0 and the best 1",
            "agent",
            "scaled return (IQM, 95 %)",
        )
        for name, score in overall.items():
            scaled.add_row(name, report.interval(score))
        console.print(scaled)
    typer.echo(f"Rows, configs, table and figure: {out}")
