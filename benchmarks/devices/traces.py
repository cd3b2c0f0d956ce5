"""Draw the raw voltages of some channels of a simulated CL1 around a stimulus, with true and detected spikes.

Run ``python benchmarks/devices/traces.py docs/images/device-traces.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from arrays import culture

from livn_gym import device_profile
from livn_gym.atomic import replacing
from livn_gym.plot.style import COLOURS, GREY, new_figure, styled
from livn_gym.signals import ElectrodeSignals, ThresholdDetector
from livn_gym.stimulus import Stimulus

DURATION_MS, ONSET_MS = 120.0, 40.0
CHANNELS = 5
LIMIT_UV = 100.0
VISIBLE_SD = 5.0


def stimulus(channels: int, stimulated: int) -> Stimulus:
    """Return one pulse at a channel: 3 uA, cathodic first, two phases of 0.48 ms."""
    amplitude = np.where(np.arange(channels) == stimulated, 3.0, 0.0)
    options = {"rate_hz": 1000.0 / DURATION_MS, "phase_ms": 0.48, "start_ms": ONSET_MS}
    return Stimulus.pulse_train(amplitude, duration_ms=DURATION_MS, **options)


@styled
def draw(path: Path) -> None:
    """Run the culture and draw the figure."""
    profile = device_profile.find("cl1")
    env = culture("EI3", profile, scaled=True, seed=4, dt=0.04)
    signals, detector = ElectrodeSignals(env, profile, 1), ThresholdDetector(profile)
    before = detector.detect(signals.frames(env.run(4000.0)))
    busiest = np.argsort(-np.bincount(before.channel, minlength=signals.num_channels))[:CHANNELS]
    shown = np.sort(busiest)
    pulse = stimulus(signals.num_channels, int(shown[2]))
    run = env.run(DURATION_MS, pulse)
    frames = signals.frames(run, pulse)
    found = detector.detect(frames)
    voltage_uV = frames[0] * profile.recording.uV_per_unit
    t_ms = np.arange(len(voltage_uV)) * signals.frame_ms - signals.latency_ms
    depth, best = signals.visible_uV() / profile.recording.noise_uV, signals.best_channel()
    figure = new_figure(8.0, 5.6)
    axes = figure.subplots(CHANNELS, 1, sharex=True, sharey=True)
    for ax, channel in zip(axes, shown, strict=True):
        ax.axhline(-profile.recording.threshold_sd * detector.noise_uV[0, channel], color=COLOURS[1], lw=0.8, ls="--")
        ax.plot(t_ms, voltage_uV[:, channel], color="black", lw=0.6)
        peaks = found.t_ms[found.channel == channel] - signals.latency_ms
        ax.plot(peaks, np.full(len(peaks), -88.0), "^", color=COLOURS[1], ms=6)
        own = (best[run.spikes[1]] == channel) & (depth[run.spikes[1]] >= VISIBLE_SD)
        ax.plot(run.spikes[2][own], np.full(own.sum(), 88.0), "v", color=COLOURS[0], ms=6)
        name = f"channel {profile.electrodes.names[channel]}"
        ax.set_ylabel(name + ("\n(stimulated)" if channel == shown[2] else ""), rotation=0, ha="right", va="center")
        ax.set_ylim(-LIMIT_UV, LIMIT_UV)
        ax.set_yticks([-50.0, 0.0, 50.0])
        blind_ms = profile.artefact.blank_ms[0 if channel == shown[2] else 1]
        ax.axvspan(ONSET_MS, ONSET_MS + 0.96 + blind_ms, color=GREY, alpha=0.3, lw=0)
    axes[0].set_title("Raw voltages of a simulated CL1 (EI3), uV")
    axes[-1].set_xlabel("time (ms)")
    axes[-1].set_xlim(0.0, DURATION_MS)
    handles = [
        axes[0].plot([], [], "v", color=COLOURS[0])[0],
        axes[0].plot([], [], "^", color=COLOURS[1])[0],
        axes[0].plot([], [], "--", color=COLOURS[1])[0],
        axes[0].fill_between([], [], color=GREY, alpha=0.3),
    ]
    names = [
        f"true spike of a cell above {VISIBLE_SD:g} sd",
        "detected spike",
        "threshold after the filter",
        "saturated",
    ]
    figure.legend(handles, names, loc="outside lower center", ncols=4)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
    env.close()


def main() -> None:
    """Draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    draw(parser.parse_args().path)


if __name__ == "__main__":
    main()
