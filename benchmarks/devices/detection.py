"""Recall and precision of spike detection on the channels of simulated devices, against the cells' true spikes.

A cell's amplitude is the trough of its spike at the channel where it is deepest, in units of the noise, by the spike
templates, before the high-pass filter. A spike of a cell counts as found if its channel detects one within 0.5 ms.
Recall is given for cells of several amplitudes; a cell of at least 8 times the noise is called visible. A detection is
right if it is within 0.5 ms of a spike of a cell whose trough at that channel is at least half of the threshold. Others
are called late if they follow such a spike, of either sign, by at most 2 ms: near the dendrite a spike is positive, and
the negative phase after it is what crosses the threshold. What remains is crossings by the noise and by sums of spikes
of distant cells.

The array is scaled to the area of the system's own electrodes, as ``device=`` does where the shapes are equal, or keeps
its pitch. Without stimulation, after 2 s of settling.

Run ``python benchmarks/devices/detection.py [--seconds 60] [--systems EI2 EI3]``.
"""

from __future__ import annotations

import argparse

import numpy as np
from arrays import culture, pitch_um

from livn_gym import device_profile
from livn_gym.device_profile import DeviceProfile
from livn_gym.env import Env
from livn_gym.signals import ChannelObservation
from livn_gym.signals.gains import gains_uV_per_nA
from livn_gym.signals.spike_currents import spike_currents

AMPLITUDES = (3.0, 5.0, 8.0, 12.0, np.inf)
"""Bounds of the classes of cells, in units of the noise."""

WITHIN_MS, LATE_MS = 0.5, 2.0
PART_MS = 1000.0
DT_MS = {25000.0: 0.04, 20000.0: 0.05}


def troughs_sd(env: Env, profile: DeviceProfile) -> np.ndarray:
    """Return the trough of every cell's spike at every channel in units of the noise, ``[N, C]``; 0 if unusable."""
    soma, dendrite = gains_uV_per_nA(env)
    trough_nA = spike_currents(env, profile.recording.sampling_hz).trough_nA
    per_cell = np.repeat(trough_nA, [population.count for population in env.system.populations])
    return (soma - dendrite) * per_cell[:, None] * profile.electrodes.usable / profile.recording.noise_uV


def near(times: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return whether each time has one of the others, ascending, within ``WITHIN_MS``."""
    if not len(others):
        return np.zeros(len(times), dtype=bool)
    k = np.searchsorted(others, times)
    before, after = others[np.maximum(k - 1, 0)], others[np.minimum(k, len(others) - 1)]
    return np.minimum(np.abs(times - before), np.abs(times - after)) <= WITHIN_MS


def follows(times: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return whether each time is at most ``LATE_MS`` after one of the others, ascending."""
    if not len(others):
        return np.zeros(len(times), dtype=bool)
    k = np.searchsorted(others, times, side="right")
    return (k > 0) & (times - others[np.maximum(k - 1, 0)] <= LATE_MS)


def compare(system: str, profile: DeviceProfile, scaled: bool, seconds: float) -> list[str]:
    """Return the row of a culture under a device."""
    env = culture(system, profile, scaled=scaled, seed=1, dt=DT_MS[profile.recording.sampling_hz])
    model = ChannelObservation(env, profile, 1)
    env.run(1000.0)
    model.observe(env.run(1000.0))
    true, found = [], []
    for part in range(round(seconds * 1000.0 / PART_MS)):
        recording = env.run(PART_MS)
        for run, to in ((recording, true), (model.observe(recording), found)):
            to.append(np.stack([run.spikes[1], run.spikes[2] + part * PART_MS]))
    (gid, t), (channel, t_found) = (np.concatenate(parts, axis=1) for parts in (true, found))
    gid, channel = gid.astype(np.int64), channel.astype(np.int64)
    depth = troughs_sd(env, profile)
    deepest, best = depth.max(axis=1), depth.argmax(axis=1)
    by_channel = [np.sort(t_found[channel == c]) for c in range(depth.shape[1])]
    hit = np.array([near(np.array([at]), by_channel[best[cell]])[0] for cell, at in zip(gid, t, strict=True)])
    half = profile.recording.threshold_sd / 2
    right, late = np.zeros((2, len(channel)), dtype=bool)
    for c in np.unique(channel):
        own = channel == c
        right[own] = near(t_found[own], np.sort(t[depth[gid, c] >= half]))
        late[own] = follows(t_found[own], np.sort(t[np.abs(depth[gid, c]) >= half]))
    cells = [
        str(((deepest >= low) & (deepest < high)).sum())
        for low, high in zip(AMPLITUDES[:-1], AMPLITUDES[1:], strict=True)
    ]
    recall = []
    for low, high, count in zip(AMPLITUDES[:-1], AMPLITUDES[1:], cells, strict=True):
        own = (deepest[gid] >= low) & (deepest[gid] < high)
        recall.append(f"{hit[own].mean():.2f} ({count})" if own.any() else f"- ({count})")
    visible = deepest >= 8.0
    covered = len(np.unique(best[visible]))
    rate = len(channel) / seconds / profile.electrodes.usable.sum()
    name = f"{system}, {profile.name}, {pitch_um(env):.3g} um"
    env.close()
    return [
        name,
        *recall,
        f"{hit[visible[gid]].mean():.2f}",
        f"{right.mean():.2f}",
        f"{(late & ~right).mean():.2f}",
        f"{rate:.2f}",
        str(covered),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="simulated seconds per row")
    parser.add_argument("--systems", nargs="+", default=["EI2", "EI3"], help="names of systems")
    parser.add_argument("--devices", nargs="+", default=["cl1", "mcs60", "maxone"], help="names of profiles")
    arguments = parser.parse_args()
    classes = [f"{low:g}-{high:g} SD" for low, high in zip(AMPLITUDES[:-1], AMPLITUDES[1:], strict=True)]
    classes[-1] = f"above {AMPLITUDES[-2]:g} SD"
    columns = ["culture, device, pitch", *(f"recall, {name} (cells)" for name in classes)]
    columns += [
        "recall, visible cells",
        "precision",
        "late phases",
        "detections (per s and channel)",
        "channels with a visible cell",
    ]
    for row in (columns, ["---"] * len(columns)):
        print(f"| {' | '.join(row)} |", flush=True)
    for system in arguments.systems:
        for name in arguments.devices:
            for scaled in (True, False):
                row = compare(system, device_profile.find(name), scaled, arguments.seconds)
                print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
