"""Scripts for the CL API on simulated cultures, through cl-sdk itself."""

import re

import h5py
import numpy as np
import pytest
from cl_sdk import ScriptRunner, in_python

pytestmark = [pytest.mark.needs("cl"), pytest.mark.slow]

UNUSABLE = [0, 4, 7, 56, 63]
FAST = "--accelerated --settle 200"

SMALL = """
seed = 1
[area]
shape = "rectangle"
width_um = 1000
height_um = 1000
[populations]
count = { EXC = 96, INH = 24 }
[connectivity]
sigma_um = 200
cutoff_um = 600
in_degree = { EXC_EXC = 10, EXC_INH = 10, INH_EXC = 5, INH_INH = 5 }
[delay]
base_ms = 0.5
velocity_um_per_ms = 250
resolution_ms = 0.05
[synapses]
scale_cv = 0.3
EXC = { section = "hillock", receptors = ["AMPA", "NMDA"] }
INH = { section = "soma", receptors = ["GABA_A"] }
[electrodes]
rows = 8
columns = 8
pitch_um = 125
"""
"""A culture of 120 cells, which most tests of the interface need not exceed."""


@pytest.fixture
def run(tmp_path):
    """Runs scripts in an empty folder, in which small.toml is a small culture."""
    (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
    return ScriptRunner(tmp_path)


def rows(stderr):
    """Second column of the report that ``livn-gym cl run`` prints, by the first."""
    cells = [line.strip("│").split("│") for line in stderr.splitlines() if line.startswith("│")]
    return {name.strip(): value.strip() for name, value in cells}


LOOPS = """
import json, cl
with cl.open() as neurons:
    for rate in (10, 25, 100, 250, 500, 1000):
        ticks = []
        for tick in neurons.loop(rate, stop_after_ticks=max(2, rate // 5)):
            found = tick.analysis
            ticks.append([found.start_timestamp, found.stop_timestamp, *tick.frames.shape])
            for spike in found.spikes:
                assert found.start_timestamp <= spike.timestamp < found.stop_timestamp
                assert spike.samples.shape == (75,) and spike.samples.dtype == "float32"
                assert spike.channel not in (0, 4, 7, 56, 63)
            assert not tick.frames[:, [0, 4, 7, 56, 63]].any()
            assert tick.frames[:, 1].any()
        print(json.dumps([rate, ticks]))
"""


def test_loops_of_10_to_1000_hz_read_every_frame_once(run):
    done = run(LOOPS, options=FAST)
    assert [rate for rate, _ in done.lines] == [10, 25, 100, 250, 500, 1000]
    for rate, ticks in done.lines:
        starts, stops, frames, channels = np.array(ticks).T
        assert (starts[1:] == stops[:-1]).all() and (stops - starts == frames).all()
        assert (frames == 25_000 // rate).all() and (channels == 64).all()
    report = rows(done.stderr)
    assert report["frames lost"] == "0" and int(report["spikes"].replace(",", "")) > 0


STIMS = """
import json, cl
from cl import ChannelSet, StimDesign, BurstDesign
pulse = StimDesign(200, -2.0, 200, 2.0)
with cl.open() as neurons:
    plan = neurons.create_stim_plan()
    plan.stim(ChannelSet(20, 21), pulse)
    plan.sync(ChannelSet(20, 21, 30))
    plan.stim(30, pulse)
    stims, saturated, base = [], [], None
    for tick in neurons.loop(100, stop_after_ticks=60):
        base = tick.analysis.start_timestamp if base is None else base
        if tick.iteration == 5:
            neurons.stim(ChannelSet(9, 10), pulse)
        if tick.iteration == 10:
            neurons.stim(ChannelSet(4, 12), pulse, BurstDesign(8, 40))
        if tick.iteration == 40:
            plan.run()
        stims += [[stim.channel, stim.timestamp - base] for stim in tick.analysis.stims]
        # Where current has flowed, the amplifier is saturated at first.
        at, channel = (abs(tick.frames) > 30000).nonzero()
        saturated += [[int(c), int(f) + tick.analysis.start_timestamp - base] for f, c in zip(at, channel)]
    print(json.dumps(stims))
    print(json.dumps(saturated))
"""


def test_bursts_and_plans_reach_the_electrodes_when_they_are_sent(run):
    done = run(STIMS, options=f"{FAST} --system small.toml")
    stims, saturated = done.lines
    by_channel = {c: [t for channel, t in stims if channel == c] for c in (4, 9, 10, 12, 20, 21, 30)}
    assert {c: len(times) for c, times in by_channel.items()} == {4: 8, 9: 1, 10: 1, 12: 8, 20: 1, 21: 1, 30: 1}
    assert set(np.diff(by_channel[12])) == {625}  # 40 Hz
    assert by_channel[20] == by_channel[21] and by_channel[30][0] >= by_channel[20][0] + 10  # after the sync
    report = rows(done.stderr)
    assert report["stimuli"] == "13" and report["stimuli of unusable channels"] == "8"
    assert report["stimuli that were late"].startswith("0 ")
    delays = set()
    for channel in (9, 10, 12, 20, 21, 30):
        frames = np.array([t for c, t in saturated if c == channel])
        delays |= {int(frames[frames >= t].min()) - t for t in by_channel[channel]}
    assert len(delays) == 1  # everything that is recorded is equally late
    assert not any(c == 4 for c, _ in saturated)


RECORD = """
import json, sys, cl, numpy
from cl import ChannelSet, StimDesign
with cl.open() as neurons:
    recording = neurons.record(file_location=".", stop_after_seconds=1)
    frames, spikes, stims, start = [], [], [], None
    for tick in neurons.loop(100, stop_after_ticks=110):
        start = tick.analysis.start_timestamp if start is None else start
        if tick.iteration % 25 == 10:
            neurons.stim(ChannelSet(*range(17, 23), *range(41, 47)), StimDesign(500, -3.0, 500, 3.0))
        frames.append(tick.frames.copy())
        spikes += [(spike.timestamp, spike.channel, spike.samples.copy()) for spike in tick.analysis.spikes]
        stims += [(stim.timestamp, stim.channel) for stim in tick.analysis.stims]
    recording.wait_until_stopped()
    numpy.savez("live.npz", frames=numpy.concatenate(frames), start=start, stims=stims,
                at=[s[0] for s in spikes], channel=[s[1] for s in spikes], samples=[s[2] for s in spikes])
print(json.dumps(recording.file["path"]))
"""


def test_a_recording_holds_the_frames_spikes_and_stims_of_the_loop(run):
    done = run(RECORD, options=f"{FAST} --whole-waveforms --seed 3")
    live = np.load(run.folder / "live.npz")
    with h5py.File(run.folder / done.lines[0]) as file:
        attributes = dict(file.attrs)
        samples, spikes, stims = (file[name][:] for name in ("samples", "spikes", "stims"))
    start, count = int(attributes["start_timestamp"]), len(samples)
    assert attributes["uV_per_sample_unit"] == 0.195 and count == 25_000
    offset = start - int(live["start"])
    assert np.array_equal(samples, live["frames"][offset : offset + count])
    within = (live["at"] >= start) & (live["at"] < start + count)
    assert np.array_equal(spikes["timestamp"], live["at"][within])
    assert np.array_equal(spikes["channel"], live["channel"][within])
    assert np.array_equal(spikes["samples"], live["samples"][within])
    sent = live["stims"]
    assert len(sent) == 4 * 12 and sorted(map(tuple, sent)) == sorted(
        map(tuple, stims[["timestamp", "channel"]].tolist())
    )
    # Samples are the frames around the spike, in uV, and the spike is where they are lowest.
    inner = (spikes["timestamp"] >= start + 25) & (spikes["timestamp"] < start + count - 50)
    around = spikes["timestamp"][inner][:, None] - start + np.arange(-25, 50)
    assert inner.sum() > 100
    expected = samples[around, spikes["channel"][inner][:, None]] * np.float32(0.195)
    assert np.array_equal(spikes["samples"][inner], expected)
    assert expected.mean(axis=0).argmin() == 25


SPIKES = """
import json, sys, cl
from cl import ChannelSet, StimDesign
rate, stimulated = int(sys.argv[1]), sys.argv[2] == "stimulated"
with cl.open() as neurons:
    for tick in neurons.loop(rate, stop_after_seconds=2):
        if stimulated and tick.iteration == rate // 5:
            neurons.stim(ChannelSet(*range(17, 23)), StimDesign(500, -3.0, 500, 3.0))
        for spike in tick.analysis.spikes:
            print(json.dumps([spike.timestamp, spike.channel, float(spike.samples.sum())]))
"""


def test_the_same_seed_gives_the_same_spikes_in_accelerated_time(run):
    first = run(SPIKES, "100", "stimulated", options=f"{FAST} --seed 1").lines
    assert len(first) > 100
    assert run(SPIKES, "100", "stimulated", options=f"{FAST} --seed 1").lines == first
    assert run(SPIKES, "100", "stimulated", options=f"{FAST} --seed 2").lines != first
    # The length of a tick changes when stimuli are sent, but nothing without them.
    calm = [
        [line[:2] for line in run(SPIKES, rate, "calm", options=f"{FAST} --seed 1").lines] for rate in ("50", "200")
    ]
    assert calm[0] == calm[1] != [line[:2] for line in first]


EVOKED = """
import json, cl
from cl import ChannelSet, StimDesign
groups = [ChannelSet(*(8 * row + column for row in rows for column in columns))
          for rows in ((1, 2, 3), (4, 5, 6)) for columns in ((1, 2, 3), (4, 5, 6))]
counts, sent = [], None
with cl.open() as neurons:
    for tick in neurons.loop(100, stop_after_ticks=12 * 50):
        if tick.iteration % 50 == 0:
            sent = tick.iteration_timestamp
            counts.append([0, 0])
            neurons.stim(groups[tick.iteration // 50 % 4], StimDesign(500, -3.0, 500, 3.0))
        for spike in tick.analysis.spikes:
            after_ms = (spike.timestamp - sent) / 25
            counts[-1][0] += 6 <= after_ms < 100
            counts[-1][1] += 300 <= after_ms < 394
print(json.dumps(counts))
"""


def test_what_stimuli_evoke_vanishes_with_the_synapses(run):
    """Paired seeds; late spikes, since the field excites cells directly in both cultures."""
    evoked = {"": [], "--condition synapses_cut": [], "--condition poisson_culture": []}
    for condition, values in evoked.items():
        early, late = np.array(run(EVOKED, options=f"--accelerated --seed 1 {condition}").lines[0]).T
        values += (early - late).tolist()
    whole, cut, poisson = (np.array(values, dtype=float) for values in evoked.values())
    error = {name: np.std(values) / np.sqrt(len(values)) for name, values in evoked.items()}
    assert whole.mean() > 3.0 * error[""]
    for ablated, name in ((cut, "--condition synapses_cut"), (poisson, "--condition poisson_culture")):
        assert ablated.mean() < 0.15 * whole.mean() + 2.0 * error[name]
    paired = whole - cut
    assert paired.mean() > 3.0 * np.std(paired) / np.sqrt(len(paired))


AGAIN = """
import json, cl
from livn_gym.devices.cl import configure, release
def spikes(neurons):
    found = []
    for tick in neurons.loop(100):
        found += [[spike.timestamp, spike.channel] for spike in tick.analysis.spikes]
        if tick.iteration == 99:  # a loop that ends by its count may have asked for another tick
            return found
for seed in (1, 1, 2):
    configure("EI3", seed, accelerated=True, settle_ms=200.0, report="reports.jsonl")
    for _ in range(2):
        with cl.open() as neurons:
            print(json.dumps([neurons.timestamp(), spikes(neurons)]))
release()
print(open("reports.jsonl").read(), end="")
"""


def test_the_culture_continues_when_opened_again_and_begins_anew_when_configured(run):
    lines = in_python(AGAIN, run.folder).lines
    opened, reports = lines[:6], lines[6:]
    assert [start for start, _ in opened] == [0, 25_000] * 3
    assert opened[0] == opened[2] and opened[1] == opened[3]
    assert opened[4][1] != opened[0][1] and opened[1][1][0][0] >= 25_000
    assert [report["frames"] for report in reports] == [50_000] * 3
    assert [report["spikes"] for report in reports] == [
        len(a[1]) + len(b[1]) for a, b in zip(opened[::2], opened[1::2], strict=True)
    ]


LONG = """
import json, cl
from cl import ChannelSet, StimDesign
with cl.open() as neurons:
    expected, frames, spikes = None, 0, 0
    for tick in neurons.loop(20, stop_after_seconds=600):
        assert expected is None or tick.analysis.start_timestamp == expected
        expected = tick.analysis.stop_timestamp
        assert tick.frames.shape == (1250, 64)
        frames += len(tick.frames)
        spikes += len(tick.analysis.spikes)
        if tick.iteration % 20 == 0:
            neurons.stim(ChannelSet(18, 21, 42, 45), StimDesign(200, -2.0, 200, 2.0))
print(json.dumps([frames, spikes]))
"""


def test_ten_minutes_pass_without_a_lost_frame(run):
    done = run(LONG, options=f"{FAST} --system small.toml")
    frames, spikes = done.lines[0]
    report = rows(done.stderr)
    assert frames == 15_000_000 and spikes > 0
    # The SDK may have asked for a part of the tick after the last one.
    assert report["frames lost"] == "0" and report["frames"].startswith(("15,000,", "15,001,"))
    assert report["stimuli"] == "2,400" and report["stimuli that were late"].startswith("0 ")


def test_in_real_time_stimuli_come_late_and_are_counted(run):
    done = run(STIMS, options="--settle 200 --system small.toml")
    stims, saturated = done.lines
    report = rows(done.stderr)
    late, milliseconds = re.match(r"(\d+) \(by at most (\S+) ms\)", report["stimuli that were late"]).groups()
    assert report["stimuli"] == "13" and report["frames lost"] == "0"
    sent = [(c, t) for c, t in stims if c in (9, 10)]  # the first pulses: no artefact of others is before theirs
    shown = [min(frame for channel, frame in saturated if channel == c and frame >= t) - t for c, t in sent]
    lateness = [frames * 0.04 - 0.96 for frames in shown]  # 0.96 ms are the delay of everything that is recorded
    assert 0.0 <= min(lateness) and max(lateness) <= float(milliseconds) + 1e-9
    assert (int(late) > 0) == (float(milliseconds) > 0.0)
