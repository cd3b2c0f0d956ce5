"""``livn-gym fit``: fit simulated cultures to a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from livn_gym.cli.common import ProfileName, SamplingHz, TimeUnit, check_output, progress_bar, table

if TYPE_CHECKING:
    from livn_gym.fitting import Fit

QUICK = {"design": 16, "waves": 1, "sets": 8, "candidates": 6, "seeds": 3, "checks": 4, "other_graphs": 2}
"""Number of cultures of a quick check."""


def fit(
    recording: Annotated[
        Path, typer.Argument(metavar="RECORDING", help="File of the recording, see livn-gym measure.")
    ],
    system: Annotated[str, typer.Option(help="Name of the predefined system whose cultures are fitted.")] = "EI2",
    out: Annotated[
        Path,
        typer.Option(help="New or empty folder of the result, or that of an interrupted fit, which then continues."),
    ] = Path("fitted"),
    file_format: Annotated[
        str | None,
        typer.Option("--format", help="Format of the recording. Default: taken from the file.", show_default=False),
    ] = None,
    unit: TimeUnit = None,
    sampling_hz: SamplingHz = None,
    duration: Annotated[
        float | None,
        typer.Option(help="Length of the recording, in ms. Default: what the file states.", show_default=False),
    ] = None,
    stimuli: Annotated[
        Path | None,
        typer.Option(
            help="Table of the stimuli (.csv, .parquet; columns t_ms, channel, amplitude_uA), in place of those in the "
            "recording.",
            show_default=False,
        ),
    ] = None,
    design: Annotated[
        Path | None,
        typer.Option(
            help="File (.json) of the first wave of cultures, which does not depend on the recording: the first fit "
            "of a system writes it, later fits read it.",
            show_default=False,
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="Profile (a name, or a TOML file) of the device whose detected spikes the recording holds: spikes of "
            "simulated cultures are then detected as well. Default: the recording was sorted.",
            show_default=False,
        ),
    ] = None,
    phase_ms: Annotated[
        float | None,
        typer.Option(
            help="Width of a phase of the pulses in the recording, in ms; files do not hold it. Default: 0.2, or that "
            "of the device's standard sweep.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smoke test: few cultures.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the bootstrap and the search.")] = 0,
    profile: ProfileName = "fast",
) -> None:
    """Fit simulated cultures to a recording, as several parameter sets.

    Writes the sets, their provenance, the results of a posterior predictive check and a page of figures. The recording
    needs at least 5 minutes without stimulation; its response to stimulation is fitted if it holds a probe sweep
    (livn-gym simulate --probe-sweep).

    The exit code is 1 if no parameter set reproduces the recording.
    """
    from livn_gym import fitting
    from livn_gym.device_profile import find
    from livn_gym.fitting.fit import check_folder, simulated_ms
    from livn_gym.fitting.result import recording_sha256, write_fit, write_page
    from livn_gym.formats import read_channels
    from livn_gym.plot.style import check_available
    from livn_gym.tuning import evoked_gap

    check_output("--design", design, ".json")
    check_folder(out)
    check_available()
    found = None if device is None else find(device)
    spikes = read_channels(
        recording, file_format, unit=unit, sampling_hz=sampling_hz, duration_ms=duration, stimuli=stimuli
    )
    budget = fitting.Budget(**QUICK) if quick else fitting.Budget()
    total_ms = simulated_ms(spikes, system, budget, phase_ms, found)
    done_ms = 0.0
    gap = evoked_gap(spikes)
    if gap:
        typer.echo(f"The evoked part is not identified: {gap}.", err=True)
    with progress_bar(f"{system}: simulated time", " s") as show:

        def advance(ms: float) -> None:
            nonlocal done_ms
            done_ms += ms
            show(done_ms / 1e3, total_ms / 1e3)

        result = fitting.fit(
            spikes,
            system,
            out,
            budget=budget,
            seed=seed,
            design_path=design,
            phase_ms=phase_ms,
            device=found,
            progress=advance,
            profile=profile,
        )
    write_fit(out, result, recording_sha256(recording), spikes.source or recording.name, seed, budget)
    write_page(out, result, spikes, f"{recording.name} and {system}", profile=profile)
    Console().print(_table(result, recording.name))
    if not result.sets:
        nearest = result.candidates[0]
        typer.echo(
            f"No parameter set reproduces the recording: the nearest has a squared distance of "
            f"{nearest.distance:.3g}, at most {result.criterion.threshold:.3g} is accepted. See {out / 'page.png'}.",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(
        f"{len(result.sets)} of {len(result.candidates)} parameter sets accepted; {int(result.passed.sum())} of "
        f"{len(result.passed)} new cultures pass the joint criterion: {out}"
    )


def _table(result: Fit, name: str) -> Any:
    from livn_gym.fitting.page import compared, range_of
    from livn_gym.tuning import CHANNEL_MEASURES

    runs, _ = compared(result)
    what = "fitted, 95 % of cultures" if result.sets else "sets that came nearest"
    rows = table(name, "measure", "recording", "bootstrap SD", what)
    for measure, value in result.recorded.items():
        low, high = range_of(runs, measure)
        about = CHANNEL_MEASURES[measure]
        label = f"{about.label} ({about.unit})" if about.unit else about.label
        rows.add_row(label, f"{value:.3g}", f"{result.spread[measure]:.2g}", f"{low:.3g} ... {high:.3g}")
    if "evoked_spikes" not in result.recorded:
        rows.add_row(CHANNEL_MEASURES["evoked_spikes"].label, "not identified", "", "")
    return rows
