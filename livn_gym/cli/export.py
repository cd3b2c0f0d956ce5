"""``livn-gym export``: convert a recording to another file format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    recording: Annotated[
        Path,
        typer.Argument(
            metavar="RECORDING",
            help="Recording (.npz) written by livn-gym simulate --out or by Session.save, or one in another format.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Output file: .nwb for nwb, .nix for neo, .h5 for sonata, .parquet for parquet.")
    ],
    to: Annotated[
        str | None,
        typer.Option(
            help="Target format: nwb, neo, sonata or parquet. Default: taken from the output file.", show_default=False
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite the output file if it exists.")] = False,
) -> None:
    """Convert a recording to NWB, Neo (NIX), SONATA spikes or a Parquet table."""
    from livn_gym.formats import FORMATS, Session, format_of, left_out, read, write

    to = format_of(out) if to is None else to
    other = recording.suffix.lower() in {each.suffix for each in FORMATS.values()}
    session = read(recording) if other else Session.load(recording)
    write(session, out, to, replace=replace)
    _, gid, _ = session.recording.spikes
    typer.echo(f"{len(gid):,} spikes of {session.system}: {out}")
    lost = left_out(session, to)
    if lost:
        typer.echo(f"The format {to} holds spikes only; left out: {', '.join(lost)}.", err=True)
