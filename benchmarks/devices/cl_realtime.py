"""Loops over the CL API on a simulated culture, in real and in accelerated time, as a Markdown table.

Needs cl-sdk. A script sends a pulse to four channels every 200 ms and looks for it in the frames. The table has, for
every rate of the loop: ticks per second of the clock; processor time of the process that simulates, as a share of
simulated time; pulses that came too late for their frame; the time from a pulse's timestamp to the first frame that
shows it, median and largest; lost frames; and by how much a reading came later than in real time.

Run: ``python benchmarks/devices/cl_realtime.py [--seconds 20] [--system EI3] [--rates 10 100 1000] [--time real]``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

CHANNELS = (9, 14, 49, 54)
PULSE_EVERY_S = 0.2
SATURATED = 30_000
"""Unit from which on a frame counts as saturated; the amplifier of the profile saturates at 30,769."""


def loop(rate: float, seconds: float, out: str) -> None:
    """The script: loop, stimulate, and write what was seen."""
    import cl

    every = max(1, round(rate * PULSE_EVERY_S))
    pulse = cl.StimDesign(160, -2.0, 160, 2.0)
    sent, seen, spikes, ticks = [], {}, 0, 0
    with cl.open() as neurons:
        started = time.perf_counter()
        for tick in neurons.loop(rate, stop_after_seconds=seconds):
            ticks += 1
            spikes += len(tick.analysis.spikes)
            if tick.iteration % every == 0:
                neurons.stim(cl.ChannelSet(*CHANNELS), pulse)
            sent += [(stim.channel, stim.timestamp) for stim in tick.analysis.stims]
            frames = tick.frames[:, CHANNELS]
            if abs(frames).max() > SATURATED:
                for frame, k in zip(*(abs(frames) > SATURATED).nonzero(), strict=True):
                    seen.setdefault(CHANNELS[k], []).append(tick.analysis.start_timestamp + int(frame))
        wall_s = time.perf_counter() - started
    delays = []
    for channel, timestamp in sent:
        after = [frame for frame in seen.get(channel, ()) if timestamp <= frame < timestamp + 2_500]
        if after:
            delays.append((min(after) - timestamp) / 25)
    Path(out).write_text(json.dumps([ticks, wall_s, spikes, len(sent), delays]))


def measure(rate: float, seconds: float, accelerated: bool, system: str, folder: Path) -> list[str]:
    """Run the script; return the cells of its row."""
    from livn_gym.devices.cl_run import run_script
    from livn_gym.devices.cl_settings import CultureSettings

    out = folder / "seen.json"
    arguments = ["--script", str(rate), str(seconds), str(out)]
    result = run_script(__file__, arguments, settings=CultureSettings(system=system, seed=1), accelerated=accelerated)
    if result.exit_code:
        sys.exit(result.exit_code)
    (report,) = result.reports
    ticks, wall_s, _, sent, delays = json.loads(out.read_text())
    assert len(delays) == sent, "a pulse is missing in the frames"
    return [
        "accelerated" if accelerated else "real",
        f"{rate:g}",
        f"{ticks / wall_s:,.0f}",
        f"{100 * report.real_time_share:.0f} %",
        f"{report.late_stims} of {report.stims}",
        f"{median(delays):.2f}, {max(delays):.2f}",
        f"{report.lost_frames}",
        f"{report.largest_lag_ms:.1f}" if not accelerated else "",
    ]


def main() -> None:
    """Measure every rate in both kinds of time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--system", default="EI3")
    parser.add_argument("--rates", type=float, nargs="+", default=[10.0, 100.0, 1000.0])
    parser.add_argument("--time", choices=["both", "real", "accelerated"], default="both")
    arguments = parser.parse_args()
    headings = (
        "time",
        "loop (Hz)",
        "ticks per second",
        "processor",
        "late pulses",
        "pulse to frame: median, largest (ms)",
        "lost frames",
        "latest reading (ms)",
    )
    print(f"{arguments.system}, {arguments.seconds:g} s per row, load of the machine {os.getloadavg()[0]:.1f}")
    print("|", " | ".join(headings), "|")
    print("|", " | ".join("---" for _ in headings), "|", flush=True)
    with TemporaryDirectory() as folder:
        for accelerated in {"real": (False,), "accelerated": (True,), "both": (False, True)}[arguments.time]:
            for rate in arguments.rates:
                row = measure(rate, arguments.seconds, accelerated, arguments.system, Path(folder))
                print("|", " | ".join(row), "|", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--script"]:
        loop(float(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
    else:
        main()
