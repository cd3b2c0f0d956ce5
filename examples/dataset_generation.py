"""Write a small dataset: cultures under random pulses, a Parquet file each, with all that is needed to read it.

For many samples over many ranks, in shards, see ``livn-gym sample``. Needs the extra ``formats``.

Run: ``python examples/dataset_generation.py [FOLDER] [--short]``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from livn_gym import formats, make
from livn_gym.stimulus import Stimulus

CULTURES = 4
"""Run at once, in one call of the engine."""


def write(folder: Path, samples: int, duration_ms: float) -> list[Path]:
    """Samples 0 ... n-1, each a culture with noise and amplitudes of its own; the paths of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, paths = np.random.default_rng(0), []
    with make("EI2", num_cultures=CULTURES, profile="fast") as env:
        env.record_spikes()
        for first in range(0, samples, CULTURES):
            env.clear(seed=first)  # culture b has the seed first + b
            env.run(2000.0)  # settle
            amplitude_uA = rng.uniform(0.0, 15.0, (CULTURES, env.electrodes.num_channels))
            stimulus = Stimulus.pulse_train(amplitude_uA, duration_ms=duration_ms, rate_hz=20.0)
            recording = env.run(duration_ms, stimulus)
            for b in range(min(CULTURES, samples - first)):
                session = formats.Session.of(env, recording.culture(b), stimulus[b], culture=b)
                paths.append(folder / f"sample-{first + b:04d}.parquet")
                formats.write(session, paths[-1], "parquet")
    return paths


def main() -> None:
    """Write samples, and read one again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dataset"))
    parser.add_argument("--short", action="store_true", help="a few samples only")
    arguments = parser.parse_args()
    samples, duration_ms = (6, 400.0) if arguments.short else (100, 2000.0)
    paths = write(arguments.folder, samples, duration_ms)
    size_kB = sum(path.stat().st_size for path in paths) / 1000
    print(f"{len(paths)} files, {size_kB:.0f} kB")
    session = formats.read(paths[-1], "parquet")
    rate_hz = len(session.recording.spike_t) / session.num_neurons / session.recording.duration_ms * 1000
    print(f"the last one again: {rate_hz:.1f} Hz over {session.recording.duration_ms:g} ms, seed {session.seed}")


if __name__ == "__main__":
    main()
