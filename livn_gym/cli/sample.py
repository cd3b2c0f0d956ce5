"""``livn-gym sample``: generate a dataset of stimulated cultures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from livn_gym.cli.common import Backend, ProfileName, SettleMs, SystemName, find_system, progress_bar
from livn_gym.cli.validate import Variant
from livn_gym.errors import LivnError


def sample(
    system: SystemName,
    out: Annotated[Path, typer.Option(help="Folder of the dataset. Files that it already holds are kept.")],
    samples: Annotated[int, typer.Option(min=1, help="Number of samples.")] = 1000,
    duration: Annotated[float, typer.Option(help="Recorded time per sample, in ms.")] = 1000.0,
    settle: SettleMs = 2000.0,
    step: Annotated[float, typer.Option(help="Time for which each stimulation amplitude is held, in ms.")] = 200.0,
    unstimulated: Annotated[
        bool, typer.Option("--unstimulated", help="Record spontaneous activity, without stimulation.")
    ] = False,
    shard: Annotated[int, typer.Option(min=1, help="Number of samples per file.")] = 100,
    cultures: Annotated[
        int, typer.Option(min=1, help="Number of cultures simulated at once; does not affect the results.")
    ] = 16,
    variant: Variant = None,
    profile: ProfileName = "fast",
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the first sample; sample k uses seed + k.")] = 0,
    backend: Backend = None,
) -> None:
    """Simulate cultures under random stimulation and write them as a dataset of Parquet files.

    The files can be read with pyarrow, pandas or Hugging Face datasets.

    Repeat the command to continue an interrupted run. Under an MPI launcher, the ranks share the work.
    """
    from livn_gym import backends, dataset
    from livn_gym.mpi import run_on_all_ranks

    plan = dataset.Plan(
        samples=samples,
        duration_ms=duration,
        settle_ms=settle,
        step_ms=step,
        stimulated=not unstimulated,
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

    run_on_all_ranks(run, messages=(LivnError,))
