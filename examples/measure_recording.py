"""Measure a recording on channels: a table of spikes and stimuli, such as a laboratory exports.

The table is written here from a simulated culture, under the standard sweep of probe pulses and trains. Replace it with
your own recording: NWB, NIX, a CL1's HDF5, a sorting of SpikeInterface, or such a table.

Run: ``python examples/measure_recording.py [--short]``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from livn_gym import make
from livn_gym.formats import ChannelSpikes, read_channels
from livn_gym.tuning import CHANNEL_MEASURES, ProbeSweep, channel_text, measure_channels, record_sweep


def record(sweep: ProbeSweep) -> ChannelSpikes:
    """Return the spikes of a simulated culture on the channels of its array, with the stimuli."""
    with make("EI2", seed=5, profile="fast") as env:
        recording, stimulus = record_sweep(env, sweep)
        return ChannelSpikes.of_recording(recording, env.electrodes, stimulus)


def export(spikes: ChannelSpikes, path: Path) -> None:
    """Write spikes and stimuli as a table, one event per row."""
    assert spikes.stim_amplitude_uA is not None
    with path.open("w", encoding="utf-8") as file:
        file.write("time_s,channel,event,amplitude_uA\n")
        for t_ms, channel in zip(spikes.t_ms, spikes.channel, strict=True):
            file.write(f"{t_ms / 1e3:.6f},{channel},spike,\n")
        for t_ms, channel, uA in zip(spikes.stim_t_ms, spikes.stim_channel, spikes.stim_amplitude_uA, strict=True):
            file.write(f"{t_ms / 1e3:.6f},{channel},stim,{uA:g}\n")


def main() -> None:
    """Export a recording, read it back, and print its measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="record one minute")
    if parser.parse_args().short:
        sweep = ProbeSweep(rest_ms=30_000.0, pulses_uA=(6.0, 14.0), trials=1, trains_uA=(9.0,), train_ms=4000.0)
    else:
        sweep = ProbeSweep()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "recording.csv"
        export(record(sweep), path)
        spikes = read_channels(path)
    print(f"{len(spikes.t_ms)} spikes and {len(spikes.stim_t_ms)} pulses in {spikes.duration_ms / 1e3:.0f} s")
    values = measure_channels(spikes)
    for name, measure in CHANNEL_MEASURES.items():
        print(f"{name}: {channel_text(name, values)} {measure.unit}".rstrip())


if __name__ == "__main__":
    main()
