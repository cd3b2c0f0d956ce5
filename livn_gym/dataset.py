"""Datasets of stimulated cultures: many independent samples in Parquet shards, made by one process or many ranks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livn_gym import backends
from livn_gym.atomic import replacing
from livn_gym.checks import checked
from livn_gym.decoding import ChannelRates
from livn_gym.encoding import PulseAmplitude
from livn_gym.env import Env
from livn_gym.errors import BackendUnavailable, CorruptData, InvalidInput, LivnError
from livn_gym.numerics import checked_seed
from livn_gym.reading import damage, read_json, regular_file
from livn_gym.recording import Recording
from livn_gym.units import finite, whole_number, whole_steps

if TYPE_CHECKING:
    import pyarrow

    from livn_gym.system import System

MANIFEST = "dataset.json"
_PARTS = ".*.part.*"
"""What an interrupted run leaves of a file that was not complete."""


@checked
@dataclass(frozen=True)
class Plan:
    """What a dataset holds; the same plan makes the same files, whoever makes them.

    Sample k is a culture of its own with the seed ``seed + k``: it settles unstimulated, then every ``step_ms`` gets
    other amplitudes on its channels. In a step a channel is on with the sample's own probability, drawn uniformly
    from 0 to 1, at an amplitude drawn uniformly from 0 to that of ``PulseAmplitude``: samples lie between silence
    and stimulation everywhere.

    Attributes:
        samples: How many.
        duration_ms: Recorded length of each.
        settle_ms: Unrecorded time before: a culture begins with a burst.
        step_ms: How long amplitudes are held.
        stimulated: False leaves all cultures alone.
        seed: Of sample 0.
        shard: Samples in a file.
        variant: Of the parameters shipped for the system.
        profile: Setting of the simulation.
        backend: Simulator, ``"native"`` or ``"neuron"``.

    Raises:
        InvalidInput: A number is out of range, or durations are no whole number of steps.
    """

    samples: int = 1000
    duration_ms: float = 1000.0
    settle_ms: float = 2000.0
    step_ms: float = 200.0
    stimulated: bool = True
    seed: int = 0
    shard: int = 100
    variant: str | None = None
    profile: str = "fast"
    backend: str = "native"

    def __post_init__(self) -> None:
        """Check what can be checked without a culture."""
        whole_number("samples", self.samples)
        whole_number("shard", self.shard)
        checked_seed(self.seed)
        checked_seed(self.seed + self.samples - 1)
        finite("settle_ms", self.settle_ms, minimum=0.0)
        whole_steps("duration_ms", self.duration_ms, finite("step_ms", self.step_ms, above=0.0))

    @property
    def steps(self) -> int:
        """T, how many steps a sample has."""
        return round(self.duration_ms / self.step_ms)

    def shards(self) -> list[tuple[str, range]]:
        """Name and samples of every file."""
        starts = range(0, self.samples, self.shard)
        return [
            (f"train-{k:05d}-of-{len(starts):05d}.parquet", range(start, min(start + self.shard, self.samples)))
            for k, start in enumerate(starts)
        ]

    def inputs(self, sample: int, channels: int) -> NDArray[np.float32]:
        """Inputs of ``PulseAmplitude`` in every step of a sample, -1 ... 1 ``[T, C]``."""
        shape = (self.steps, channels)
        if not self.stimulated:
            return np.full(shape, -1.0, dtype=np.float32)
        generator = np.random.default_rng(self.seed + sample)
        share = generator.random()
        on = generator.random(shape) < share
        return np.where(on, 2.0 * generator.random(shape) - 1.0, -1.0).astype(np.float32)


@checked
def sample(
    system: System,
    plan: Plan,
    folder: str | Path,
    *,
    cultures: int = 16,
    comm: Any = None,
    report: Callable[[int, int], None] | None = None,
) -> Path:
    """Make a dataset, or what is missing of it.

    A row of ``folder/data/train-*.parquet`` is a sample: ``sample``, ``seed``, ``amplitude_uA`` ``[T, C]``,
    ``rates_hz`` ``[T, C]`` (spikes a second that each channel heard in each step), and ``gid`` and ``t_ms`` of all
    spikes, sorted by time from the start of the recording. ``folder/dataset.json`` holds the plan. Files appear when
    they are complete, and those that are there stay as they are, so that a run can be stopped at any time.

    Args:
        system: The cultures.
        plan: What to make.
        folder: Where; made if it does not exist.
        cultures: How many are simulated at once; without influence on what is written.
        comm: MPI communicator whose ranks share the files; all call this.
        report: Called with the number of samples in the folder and of all.

    Returns:
        The folder.

    Raises:
        InvalidInput: The folder holds something else, or the plan does not fit the system.
        CorruptData: The folder's description or a file of samples is damaged.
        StorageError: The folder cannot be read or written.
        BackendUnavailable: There is no pyarrow; the message names the extra.
    """
    if find_spec("pyarrow") is None:
        raise BackendUnavailable("Datasets need pyarrow: pip install 'livn_gym[formats]'")
    folder = Path(folder)
    rank, ranks = (0, 1) if comm is None else (comm.Get_rank(), comm.Get_size())
    whole_number("cultures", cultures)
    backends.selected(plan.backend)  # what is refused does not take the folder
    Env(system, backend=plan.backend, profile=plan.profile).close()
    error: LivnError | None = None
    manifest = _manifest(system, plan)
    if rank == 0:
        try:
            _prepare(folder, manifest)
            _check_shards(folder, plan)
        except LivnError as problem:
            error = problem
    if comm is not None:
        error = comm.bcast(error)
    if error is not None:
        raise error
    shards = plan.shards()
    missing = [(name, samples) for name, samples in shards if not (folder / "data" / name).exists()]
    if comm is not None:
        comm.Barrier()  # no file appears before all have looked
    tell = report or (lambda done, total: None)
    tell(_done(folder, shards), plan.samples)
    mine = missing[rank::ranks]
    if mine:
        batch = min(cultures, max(len(samples) for _, samples in mine))
        with _cultures(system, plan, batch) as env:
            for name, samples in mine:
                _write(folder / "data" / name, list(_rows(env, plan, samples)))
                tell(_done(folder, shards), plan.samples)
    if comm is not None:
        comm.Barrier()
    tell(_done(folder, shards), plan.samples)
    return folder


def _manifest(system: System, plan: Plan) -> dict[str, Any]:
    from livn_gym.parameters import tuned

    encoding = PulseAmplitude()
    return {
        "livn_gym": version("livn_gym"),
        "system": system.name,
        "system_sha256": system.sha256(),
        "plan": asdict(plan),
        "parameters": dict(tuned(system, plan.variant)),
        "pulses": {"rate_hz": encoding.rate_hz, "phase_ms": encoding.phase_ms, "max_uA": encoding.max_amplitude_uA},
    }


def _prepare(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest, or find the same one there."""
    path = folder / MANIFEST
    if path.exists():
        found = read_json(path, "is no description of a dataset")
        if not isinstance(found, dict):
            raise CorruptData(f"{path} is no description of a dataset: it holds a {type(found).__name__}.")
        differing = sorted(key for key in manifest if found.get(key) != manifest[key])
        if differing:
            raise InvalidInput(f"{folder} holds another dataset (other {', '.join(differing)}): take another folder.")
        for part in (folder / "data").glob(_PARTS):
            part.unlink()
        return
    if folder.exists() and not (folder.is_dir() and _is_begun(folder)):
        raise InvalidInput(f"{folder} exists and holds no dataset: take another folder.")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        part.write_text(json.dumps(manifest, indent=2) + "\n")


def _check_shards(folder: Path, plan: Plan) -> None:
    """Read the files that are there: one that is damaged would stay, and the dataset would count as complete."""
    from pyarrow import parquet

    for name, samples in plan.shards():
        path = folder / "data" / name
        if not os.path.lexists(path):
            continue
        with damage(path, "is damaged (remove it, and the same command makes it again)"):
            with parquet.ParquetFile(regular_file(path), page_checksum_verification=True) as file:
                numbers = [int(k) for batch in file.iter_batches() for k in batch.column("sample").to_numpy()]
                if file.schema_arrow != _schema() or numbers != list(samples):
                    raise ValueError(f"it does not hold the samples {samples.start} to {samples.stop - 1}")


def _is_begun(folder: Path) -> bool:
    """Whether a folder holds no more than what a process leaves that is killed before its first file is complete."""
    others = [path for path in folder.iterdir() if not path.match(_PARTS)]
    return not others or (others == [folder / "data"] and others[0].is_dir() and not any(others[0].iterdir()))


def _done(folder: Path, shards: Sequence[tuple[str, range]]) -> int:
    return sum(len(samples) for name, samples in shards if (folder / "data" / name).exists())


def _cultures(system: System, plan: Plan, count: int) -> Env:
    env = Env(system, backend=plan.backend, profile=plan.profile, num_cultures=count).init()
    return env.apply_model_defaults(plan.variant).record_spikes()


def _rows(env: Env, plan: Plan, samples: range) -> Iterator[dict[str, Any]]:
    """The samples' rows, simulated in batches."""
    encoding, decoding = PulseAmplitude(), ChannelRates(plan.step_ms)
    for start in range(0, len(samples), env.num_cultures):
        batch = samples[start : start + env.num_cultures]
        running = range(len(batch))
        env.clear(seed=[plan.seed + k for k in batch], cultures=running)
        if plan.settle_ms:
            env.run(plan.settle_ms, cultures=running)
        inputs = np.stack([plan.inputs(k, env.electrodes.num_channels) for k in batch])
        parts, rates = [], []
        for step in range(plan.steps):
            stimulus = encoding(env, plan.step_ms, inputs[:, step])
            parts.append(env.run(plan.step_ms, stimulus, cultures=running))
            rates.append(decoding.decode(env, parts[-1]))
        recording = Recording.concat(parts)
        amplitude_uA = (inputs.astype(np.float64) + 1.0) / 2.0 * encoding.max_amplitude_uA
        for b, k in enumerate(batch):
            _, gid, t_ms = recording.culture(b).spikes
            yield {
                "sample": k,
                "seed": plan.seed + k,
                "amplitude_uA": amplitude_uA[b].astype(np.float32).tolist(),
                "rates_hz": np.stack([rate[b] for rate in rates]).tolist(),
                "gid": gid,
                "t_ms": t_ms,
            }


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_pylist(rows, schema=_schema())
    with replacing(path) as part:
        parquet.write_table(table, part, compression="zstd", write_page_checksum=True)


def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    channels = pa.list_(pa.list_(pa.float32()))
    return pa.schema(
        {
            "sample": pa.int64(),
            "seed": pa.uint64(),
            "amplitude_uA": channels,
            "rates_hz": channels,
            "gid": pa.list_(pa.int32()),
            "t_ms": pa.list_(pa.float64()),
        }
    )
