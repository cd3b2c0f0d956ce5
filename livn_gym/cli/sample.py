"""``livn-gym sample``: a dataset of stimulated cultures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from livn_gym.cli.common import Backend, Seed, SystemName, find_system, progress_bar
from livn_gym.cli.validate import Variant


def sample(
    system: SystemName,
    out: Annotated[Path, typer.Option(help="Folder; what it holds already is not made again.")],
    samples: Annotated[int, typer.Option(min=1, help="How many.")] = 1000,
    duration: Annotated[float, typer.Option(help="Recorded length of each, ms.")] = 1000.0,
    settle: Annotated[float, typer.Option(help="Unrecorded time before: a culture begins with a burst, ms.")] = 2000.0,
    step: Annotated[float, typer.Option(help="How long amplitudes are held, ms.")] = 200.0,
    alone: Annotated[bool, typer.Option("--unstimulated", help="Leave the cultures alone.")] = False,
    shard: Annotated[int, typer.Option(min=1, help="Samples in a file.")] = 100,
    cultures: Annotated[int, typer.Option(min=1, help="Simulated at once; changes nothing in the files.")] = 16,
    variant: Variant = None,
    profile: Annotated[str, typer.Option(help="Setting of the simulation, fast or exact.")] = "fast",
    seed: Seed = 0,
    backend: Backend = None,
) -> None:
    """Write samples of a culture under random stimulation as Parquet files, which pyarrow and datasets read.

    Started by an MPI launcher, all ranks share the work. The same command goes on where one was stopped.
    """
    from livn_gym import backends, dataset
    from livn_gym.mpi import on_all_ranks

    plan = dataset.Plan(
        samples=samples,
        duration_ms=duration,
        settle_ms=settle,
        step_ms=step,
        stimulated=not alone,
        seed=seed,
        shard=shard,
        variant=variant,
        profile=profile,
        backend=str(backends.selected(backend)),
    )
    culture = find_system(system)

    def run(comm: Any) -> None:
        first = comm is None or comm.Get_rank() == 0
        with progress_bar("samples", quiet=not first) as show:
            dataset.sample(culture, plan, out, cultures=cultures, comm=comm, report=show)
        if first:
            typer.echo(f"{samples:,} samples of {culture.name}, {len(plan.shards())} files: {out / 'data'}")

    on_all_ranks(run)
