"""``livn-gym export``: a recording in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    recording: Annotated[
        Path, typer.Argument(metavar="RECORDING.npz", help="From livn-gym simulate --out, or Session.save.")
    ],
    to: Annotated[str, typer.Option(help="nwb, neo, sonata or parquet.")],
    out: Annotated[Path, typer.Option(help="Write it here: .nwb, .nix, .h5 or .parquet, as the format has it.")],
    replace: Annotated[bool, typer.Option("--replace", help="Write over a file that is there.")] = False,
) -> None:
    """Write a recording as NWB, Neo (NIX), SONATA spikes or a Parquet table."""
    from livn_gym.formats import Session, left_out, write

    session = Session.load(recording)
    write(session, out, to, replace=replace)
    _, gid, _ = session.recording.spikes
    typer.echo(f"{len(gid):,} spikes of {session.system}: {out}")
    lost = left_out(session, to)
    if lost:
        typer.echo(f"The format {to} holds spikes alone; left out: {', '.join(lost)}.", err=True)
