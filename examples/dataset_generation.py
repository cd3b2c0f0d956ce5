"""Write a small dataset: one self-describing Parquet file per culture, under random pulses.

For large datasets in shards, over many ranks, see ``livn-gym sample``. Needs the extra ``formats``.

Run: ``python examples/dataset_generation.py [FOLDER] [--short]``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from livn_gym import formats, make
from livn_gym.stimulus import Stimulus

CULTURES = 4
"""Number of cultures that run in one call of the engine."""


def write(folder: Path, samples: int, duration_ms: float) -> list[Path]:
    """Write samples 0 ... n-1, which differ in noise and amplitudes, and return the paths of the files."""
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
    """Write samples, and read the last one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dataset"))
    parser.add_argument("--short", action="store_true", help="quick check: 6 short samples instead of 100")
    arguments = parser.parse_args()
    samples, duration_ms = (6, 400.0) if arguments.short else (100, 2000.0)
    paths = write(arguments.folder, samples, duration_ms)
    size_kB = sum(path.stat().st_size for path in paths) / 1000
    print(f"{len(paths)} files, {size_kB:.0f} kB")
    session = formats.read(paths[-1], "parquet")
    rate_hz = len(session.recording.spike_t) / session.num_neurons / session.recording.duration_ms * 1000
    print(f"last sample: {rate_hz:.1f} Hz over {session.recording.duration_ms:g} ms, seed {session.seed}")


if __name__ == "__main__":
    main()
