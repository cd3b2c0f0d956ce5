"""``livn-gym cl``: simulated cultures behind the API of a Cortical Labs CL1."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from livn_gym.cli.common import table

app = typer.Typer(no_args_is_help=True, help="Simulated cultures behind the API of a Cortical Labs CL1.")


@app.callback()
def _group() -> None:
    """Keep ``run`` a subcommand while it is the only one."""


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="Script that imports cl; options come before it.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGUMENT]...", help="Arguments of the script.", show_default=False)
    ] = None,
    system: Annotated[
        str, typer.Option(help="Culture with an array of 8 x 8 electrodes: a system's name, folder or TOML file.")
    ] = "EI3",
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the culture and of the electrodes' noise.")] = 0,
    accelerated: Annotated[
        bool,
        typer.Option("--accelerated", help="Run as fast as possible; the same seed then gives the same spikes."),
    ] = False,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            help="Condition of the culture, such as synapses_cut or poisson_culture; repeat for several.",
            show_default=False,
        ),
    ] = None,
    plasticity: Annotated[
        list[str] | None,
        typer.Option(
            help="Plasticity rule, stdp (EXC to EXC) or inhibitory_stdp (INH to EXC); repeat for both.",
            show_default=False,
        ),
    ] = None,
    variant: Annotated[str | None, typer.Option(help="Variant of the shipped parameters.", show_default=False)] = None,
    params: Annotated[
        str | None, typer.Option(help="Parameter set: a name, a TOML file or module:attribute.", show_default=False)
    ] = None,
    graph_seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of another culture of the same kind.", show_default=False)
    ] = None,
    settle: Annotated[float, typer.Option(min=0.0, help="Time before frame 0, in ms: cultures start with a burst.")] = (
        2000.0
    ),
    block: Annotated[
        float,
        typer.Option(
            min=0.04,
            help="Time simulated at once in real time, in ms: longer blocks take less of the processor, and stimuli "
            "may be later by as much.",
        ),
    ] = 1.0,
    whole_waveforms: Annotated[
        bool,
        typer.Option(
            "--whole-waveforms", help="Report a spike when its waveform is complete; frames and spikes then come later."
        ),
    ] = False,
) -> None:
    """Run a script for the CL API, unmodified, on a simulated culture that responds to its stimuli.

    Needs the extra cl (cl-sdk, licence CC BY-NC 4.0, Python 3.12 or newer). A Python in which the module cl reaches a
    real device is refused. The exit code is that of the script.
    """
    from livn_gym.devices.cl_run import run_script
    from livn_gym.devices.cl_settings import CultureSettings

    settings = CultureSettings(
        system=system,
        seed=seed,
        variant=variant,
        params=params,
        graph_seed=graph_seed,
        conditions=condition or [],
        plasticity=plasticity or [],
        settle_ms=settle,
        block_ms=block,
        whole_waveforms=whole_waveforms,
    )
    result = run_script(script, arguments or [], settings=settings, accelerated=accelerated)
    for report in result.reports:
        _show(report)
    raise typer.Exit(result.exit_code)


def _show(report: Any) -> None:
    """Print what a source delivered, on standard error: standard output is the script's."""
    rows = table("simulated culture")
    rows.add_column("")
    rows.add_column("", justify="right")
    rows.add_row("frames", f"{report.frames:,} ({report.frames / 25_000:.1f} s)")
    rows.add_row("frames lost", f"{report.lost_frames:,}")
    rows.add_row("spikes", f"{report.spikes:,}")
    rows.add_row("stimuli", f"{report.stims:,}")
    rows.add_row("stimuli that were late", f"{report.late_stims:,} (by at most {report.largest_lateness_ms:.2f} ms)")
    if report.ignored_stims:
        rows.add_row("stimuli of unusable channels", f"{report.ignored_stims:,}")
    rows.add_row("computing, share of simulated time", f"{100 * report.real_time_share:.0f} %")
    if report.largest_lag_ms:
        rows.add_row("largest delay of a reading", f"{report.largest_lag_ms:.1f} ms")
    Console(stderr=True).print(rows)
