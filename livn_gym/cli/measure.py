"""``livn-gym measure``: the measures of recordings on channels, of simulated or living cultures."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from livn_gym.atomic import replacing
from livn_gym.cli.common import SamplingHz, TimeUnit, check_output, save_figure, table
from livn_gym.errors import InvalidInput

if TYPE_CHECKING:
    from livn_gym.formats import ChannelSpikes

MAX_RECORDINGS = 2


def measure(
    recordings: Annotated[
        list[Path],
        typer.Argument(
            metavar="RECORDING...",
            help="One recording, or two to compare: NWB, NIX (Neo), HDF5 of a CL1, a sorting of SpikeInterface, a "
            "table of times and channels (.csv, .parquet), or a recording of livn-gym simulate.",
        ),
    ],
    figure: Annotated[
        Path | None, typer.Option(help="Write a page of figures to this .png, .pdf or .svg file.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the measures to this .json file.", show_default=False)] = None,
    format: Annotated[
        str | None,
        typer.Option(
            help="Format: livn, nwb, neo, cl1, spikeinterface, sonata, parquet or csv. Default: found by content.",
            show_default=False,
        ),
    ] = None,
    unit: TimeUnit = None,
    sampling_hz: SamplingHz = None,
    stimuli: Annotated[
        Path | None,
        typer.Option(
            help="Table of the stimuli of a single recording (.csv, .parquet; columns t_ms, channel, amplitude_uA), in "
            "place of those in its file.",
            show_default=False,
        ),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            help="Length of the recording, in ms. Default: what the file states, otherwise the next whole second after "
            "its last event.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print rates, bursts, avalanches, spectrum and evoked responses of a recording on channels.

    A dash stands for what the recording does not identify: spontaneous activity needs 10 s without stimulation, evoked
    responses need single pulses that are listed in the file. A branching ratio of none means no temporal correlation.
    """
    from livn_gym.formats import read_channels
    from livn_gym.measures import require_mrestimator
    from livn_gym.tuning import channel_page, measure_channels

    if len({path.resolve() for path in recordings}) < len(recordings) or len(recordings) > MAX_RECORDINGS:
        raise InvalidInput(f"measure takes one recording or two different ones, got {' '.join(map(str, recordings))}.")
    if stimuli is not None and len(recordings) > 1:
        raise InvalidInput("--stimuli is for a single recording.")
    check_output("--figure", figure, ".png", ".pdf", ".svg")
    check_output("--out", out, ".json")
    require_mrestimator()
    if figure is not None:
        from livn_gym.plot.style import check_available

        check_available()
    options: dict[str, Any] = {"unit": unit, "sampling_hz": sampling_hz, "duration_ms": duration, "stimuli": stimuli}
    read = {
        label: read_channels(path, format, **options)
        for label, path in zip(_labels(recordings), recordings, strict=True)
    }
    values = {label: measure_channels(spikes) for label, spikes in read.items()}
    Console().print(_table(read, values))
    for label, spikes in read.items():
        typer.echo(_description(label, spikes))
    if figure is not None:  # first, since it takes time: Ctrl-C during it leaves no file
        save_figure(channel_page(read, values), figure)
    if out is not None:
        files = {label: _entry(path, read[label], values[label]) for label, path in zip(read, recordings, strict=True)}
        with replacing(out) as temporary:
            temporary.write_text(json.dumps(files, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _labels(paths: list[Path]) -> list[str]:
    names = [path.stem or str(path) for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _table(recordings: dict[str, ChannelSpikes], values: dict[str, dict[str, float]]) -> Any:
    from livn_gym.tuning import CHANNEL_MEASURES, channel_text

    rows = table("Measures on channels", "measure", *recordings)
    for name, what in CHANNEL_MEASURES.items():
        unit = f" ({what.unit})" if what.unit else ""
        rows.add_row(what.label + unit, *(channel_text(name, values[label]) for label in recordings))
    return rows


def _description(label: str, spikes: ChannelSpikes) -> str:
    from livn_gym.tuning import evoked_gap, spontaneous_part

    rest = spontaneous_part(spikes)
    kind = spikes.metadata.get("channels_are")
    parts = [
        f"{label}: {len(spikes.t_ms):,} spikes on {spikes.num_channels:,} channels",
        f"{len(spikes.stim_t_ms):,} pulses in {spikes.duration_ms / 1e3:,.1f} s",
        "no spontaneous part" if rest is None else f"spontaneous part {rest.duration_ms / 1e3:,.1f} s",
    ]
    gap = evoked_gap(spikes)
    evoked = f" The evoked part is not identified: {gap}." if gap else ""
    return ", ".join(parts) + (f"; channels are {kind}" if kind else "") + "." + evoked


def _entry(path: Path, spikes: ChannelSpikes, values: dict[str, float]) -> dict[str, Any]:
    """Return the measures with what identifies the recording; null for a measure that is not identified."""
    from livn_gym.fitting.result import recording_sha256

    return {
        "source": spikes.source,
        "sha256": recording_sha256(path),
        "duration_ms": spikes.duration_ms,
        "channels": spikes.num_channels,
        "spikes": len(spikes.t_ms),
        "pulses": len(spikes.stim_t_ms),
        "measures": {name: None if math.isnan(value) else value for name, value in values.items()},
    }
