"""Spike templates against the exact projection of the membrane currents, under the array of a CL1.

Both forms of ``ElectrodeSignals`` record the same runs, without noise and in fine units. For every spike of a cell
whose trough is at least 10 uV at its best channel, the voltages of that channel are compared from 1 ms before the spike
to 2 ms after it, whatever other cells do meanwhile: correlation, and ratio of the troughs. The difference of the forms
over all time is what templates leave out: currents below the threshold, synaptic currents, distant cells. Then both get
the device's noise, equal in both, and the detections are compared: those of one that the other has within 0.2 ms.

Times are the process's on one processor, per simulated second, without the culture itself.

Run ``python benchmarks/devices/templates.py [--seconds 10] [--systems EI2 EI3]``.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace

import numpy as np
from arrays import culture
from detection import WITHIN_MS, near

from livn_gym import device_profile
from livn_gym.signals import ElectrodeSignals, ThresholdDetector, run_in_windows

LEAST_UV = 10.0
UNIT_UV = 0.01


def compare(system: str, seconds: float) -> list[str]:
    """Return the row of a system."""
    device = device_profile.find("cl1")
    fine = replace(device, recording=replace(device.recording, noise_uV=0.0, uV_per_unit=UNIT_UV))
    env = culture(system, device, scaled=True, seed=1, dt=0.04).record_membrane_current()
    env.run(1000.0)
    quiet = [ElectrodeSignals(env, fine, form=form) for form in ("template", "exact")]
    noisy = [ElectrodeSignals(env, device, 1, form=form) for form in ("template", "exact")]
    detectors = [ThresholdDetector(device) for _ in noisy]
    voltages: list[list[np.ndarray]] = [[], []]
    found: list[list[np.ndarray]] = [[], []]
    spent = [0.0, 0.0]
    gids, at = [], []
    for window, run in enumerate(run_in_windows(env, seconds * 1000.0, window_ms=20.0)):
        gids.append(run.spikes[1])
        at.append(np.rint(run.spikes[2] / 0.04).astype(np.int64) + 500 * window + quiet[0].latency_frames)
        for k in range(2):
            voltages[k].append(quiet[k].frames(run)[0] * np.float32(UNIT_UV))
            before = time.process_time()
            frames = noisy[k].frames(run)
            spent[k] += time.process_time() - before
            detected = detectors[k].detect(frames)
            found[k].append(np.stack([detected.channel, detected.frame]))
    template, exact = (np.concatenate(parts) for parts in voltages)
    gid, frame = np.concatenate(gids), np.concatenate(at)
    depth_uV, best = quiet[0].visible_uV(), quiet[0].best_channel()
    correlations, ratios = [], []
    for cell, middle in zip(gid, frame, strict=True):
        if depth_uV[cell] >= LEAST_UV and 25 <= middle < len(exact) - 50:
            ours, true = (x[middle - 25 : middle + 50, best[cell]] for x in (template, exact))
            correlations.append(np.corrcoef(ours, true)[0, 1])
            ratios.append(ours.min() / true.min())
    usable = device.electrodes.usable
    omitted = (exact - template)[:, usable].std()
    agree = []
    for own, other in ((found[0], found[1]), (found[1], found[0])):
        (channel, peak), (others, peaks) = (np.concatenate(parts, axis=1) for parts in (own, other))
        scale = WITHIN_MS / 5  # `near` allows WITHIN_MS, here 5 frames
        hits = [near(peak[channel == c] * scale, np.sort(peaks[others == c]) * scale).sum() for c in np.unique(channel)]
        agree.append(sum(hits) / len(channel))
    env.close()
    quantiles = [
        " / ".join(f"{x:.3f}" for x in np.quantile(each, [0.05, 0.5, 0.95])) for each in (correlations, ratios)
    ]
    times = [f"{1e3 * each / seconds:.0f}" for each in spent]
    return [system, str(len(ratios)), *quantiles, f"{omitted:.2f}", *(f"{x:.3f}" for x in agree), *times]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="simulated seconds per row")
    parser.add_argument("--systems", nargs="+", default=["EI2", "EI3"], help="names of systems")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    columns = ["culture", "spikes", "correlation of waveforms (5 / 50 / 95 %)"]
    columns += ["trough, template / exact (5 / 50 / 95 %)", "SD of exact minus template (uV)"]
    columns += ["template's detections, found in exact", "exact's detections, found in template"]
    columns += ["templates (ms per s)", "exact (ms per s)"]
    for row in (columns, ["---"] * len(columns)):
        print(f"| {' | '.join(row)} |", flush=True)
    for system in arguments.systems:
        print(f"| {' | '.join(compare(system, arguments.seconds))} |", flush=True)


if __name__ == "__main__":
    main()
