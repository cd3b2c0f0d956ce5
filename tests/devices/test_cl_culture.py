"""A culture on the clock of a CL1, without cl-sdk: time, delays, ablations, parameters and plasticity."""

import numpy as np
import pytest

from livn_gym.devices.cl_culture import SimulatedCulture
from livn_gym.devices.cl_settings import CultureSettings
from livn_gym.errors import InvalidInput

GROUP = (17, 18, 19, 25, 26, 27)


def played(frames, step, *, stimulated=(), accelerated=True, **settings):
    """Frames and (frame, channel) of spikes of a new culture; pulses are sent at some frames."""
    culture = SimulatedCulture(CultureSettings(**{"settle_ms": 100.0, **settings}), accelerated=accelerated)
    rows, spikes = [], []
    for frame in range(0, frames, step):
        for at in stimulated:
            if frame <= at < frame + step:
                for channel in GROUP:
                    culture.stimulate(channel, at, (500, 500), (-3.0, 3.0))
        read, found = culture.read(frame, step)
        rows.append(read)
        spikes += [(spike.frame, spike.channel) for spike in found]
    culture.close()
    return np.concatenate(rows), spikes, culture


def test_frames_and_spikes_do_not_depend_on_how_they_are_read():
    frames, spikes, _ = played(5_000, 250, stimulated=(1_000, 1_030))
    others = [
        played(5_000, 1_000, stimulated=(1_000, 1_030)),
        played(5_000, 5, stimulated=(1_000, 1_030)),
    ]
    assert len(spikes) > 10
    for other_frames, other_spikes, culture in others:
        assert np.array_equal(other_frames, frames) and other_spikes == spikes
        assert culture.report.late_stims == 0


def test_everything_recorded_is_late_by_the_delay():
    for whole, delay_ms in ((False, 0.96), (True, 2.4)):
        frames, spikes, culture = played(1_500, 25, stimulated=(1_000,), whole_waveforms=whole)
        assert culture.delay_ms == pytest.approx(delay_ms)
        saturated = np.flatnonzero(abs(frames[:, GROUP[0]]) > 30_000)
        assert saturated[0] == 1_000 + round(delay_ms / 0.04)
        assert not any(frame in range(saturated[0], saturated[-1]) for frame, channel in spikes if channel == GROUP[0])


def test_a_late_stimulus_starts_with_the_next_block_and_is_counted():
    culture = SimulatedCulture(CultureSettings(settle_ms=100.0, block_ms=2.0))
    frames = [culture.read(frame, 5)[0] for frame in range(0, 5, 5)]
    assert culture.horizon == 50
    assert culture.stimulate(20, 7, (200, 200), (-3.0, 3.0)) == 43
    assert culture.stimulate(21, 60, (200, 200), (-3.0, 3.0)) == 0
    assert culture.stimulate(4, 60, (200, 200), (-3.0, 3.0)) is None
    frames += [culture.read(frame, 5)[0] for frame in range(5, 200, 5)]
    first = [int(np.flatnonzero(abs(np.concatenate(frames)[:, channel]) > 30_000)[0]) for channel in (20, 21)]
    assert first == [50 + 24, 50 + 24]  # the artefact of the first one saturates all channels
    report = culture.report
    assert (report.stims, report.late_stims, report.ignored_stims, report.lost_frames) == (2, 1, 1, 0)
    assert report.largest_lateness_ms == pytest.approx(43 * 0.04)
    culture.close()


def test_frames_are_read_in_order_and_skipped_ones_are_counted():
    culture = SimulatedCulture(CultureSettings(settle_ms=100.0), accelerated=True)
    culture.read(0, 100)
    culture.read(150, 100)
    assert culture.report.lost_frames == 50 and culture.report.frames == 200
    for frame, count in ((249, 5), (250, 0)):
        with pytest.raises(InvalidInput, match="in order"):
            culture.read(frame, count)
    culture.close()


def test_seed_parameters_and_conditions_change_the_spikes():
    ways = [
        {},
        {"seed": 5},
        {"graph_seed": 9, "params": {"noise-std_e": 0.9}},
        {"conditions": ["synapses_cut"]},
        {"conditions": ["poisson_culture"]},
    ]
    trains = [tuple(played(5_000, 500, stimulated=(1_000,), **way)[1]) for way in ways]
    assert len(set(trains)) == len(ways) and all(trains)


def test_plasticity_changes_weights():
    culture = SimulatedCulture(CultureSettings(settle_ms=100.0, plasticity=["stdp"]), accelerated=True)
    before = culture.env.get_weights("EXC_EXC")
    for frame in range(0, 2_500, 500):
        for channel in GROUP:
            culture.stimulate(channel, frame, (500, 500), (-3.0, 3.0))
        culture.read(frame, 500)
    after = culture.env.get_weights("EXC_EXC")
    assert any(not np.array_equal(before[key], after[key]) for key in before)
    assert not any((before[key] == 0).all() for key in before)
    culture.close()
