"""Write a minute of a simulated device's frames, and the true spikes, for ``sorting.py``.

Run ``python benchmarks/devices/sorting_minute.py FOLDER [--system EI3] [--device cl1] [--seconds 60]``. The folder
holds ``frames/``, as ``livn_gym.signals.write_frames`` writes it, and ``truth.npz``: gid and frame of every spike, and
the trough of every cell at its best usable channel in units of the noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from arrays import culture
from detection import DT_MS, troughs_sd

from livn_gym import device_profile
from livn_gym.signals import ElectrodeSignals, write_frames


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--system", default="EI3", help="name of the system")
    parser.add_argument("--device", default="cl1", help="name of the profile")
    parser.add_argument("--seconds", type=float, default=60.0, help="simulated seconds")
    arguments = parser.parse_args()
    profile = device_profile.find(arguments.device)
    sampling_hz = profile.recording.sampling_hz
    env = culture(arguments.system, profile, scaled=True, seed=1, dt=DT_MS[sampling_hz])
    signals = ElectrodeSignals(env, profile, 1)
    signals.frames(env.run(2000.0))
    gids, frames = [], []

    def parts() -> Iterator[np.ndarray]:
        for second in range(round(arguments.seconds)):
            run = env.run(1000.0)
            gids.append(run.spikes[1])
            at = np.rint(run.spikes[2] * sampling_hz * 1e-3).astype(np.int64) + signals.latency_frames
            frames.append(at + second * round(sampling_hz))
            yield signals.frames(run)[0]

    write_frames(arguments.folder / "frames", parts(), profile, env.electrodes.coordinates_um)
    truth = {"gid": np.concatenate(gids), "frame": np.concatenate(frames)}
    np.savez(arguments.folder / "truth.npz", **truth, trough_sd=troughs_sd(env, profile).max(axis=1))
    env.close()


if __name__ == "__main__":
    main()
