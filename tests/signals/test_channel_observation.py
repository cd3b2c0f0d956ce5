"""Spikes on channels: those of visible cells, whatever the cuts and the batch, and none while an artefact lasts."""

import pickle

import numpy as np
import pytest
from signals.conftest import culture, device, pulses

from livn_gym.errors import InvalidInput
from livn_gym.signals import ChannelObservation
from livn_gym.signals.gains import gains_uV_per_nA


@pytest.fixture(scope="module")
def run():
    env = culture(2, seed=[3, 4]).record_spikes().init()
    env.run(400.0)
    yield env, env.run(2000.0)
    env.close()


def test_detected_spikes_are_those_of_visible_cells(run):
    env, recording = run
    profile = device(env, noise_uV=1.0, threshold_sd=6.0)
    model = ChannelObservation(env, profile, [1, 2])
    observed = model.observe(recording)
    assert observed.num_cultures == 2 and observed.t0_ms == recording.t0_ms and observed.dt_ms == recording.dt_ms
    assert [(p.name, p.count) for p in observed.populations] == [("CHANNEL", 16)]
    # peak-to-peak at every channel; where the soma's current is positive after the spike, the dendrite's is negative
    gain = np.abs(np.subtract(*gains_uV_per_nA(env))) * np.repeat([0.7, 2.0], [80, 20])[:, None]
    for b in range(2):
        ours, true = observed.culture(b), recording.culture(b)
        after_ms = ours.spike_t[:, None] - true.spike_t[None, :]
        strong = gain[true.spike_gid][:, ours.spike_gid].T > 3.0
        explained = (strong & (after_ms > -0.5) & (after_ms < 3.0)).any(axis=1)
        assert len(explained) > 50 and explained.mean() > 0.95
        visible = np.isin(true.spike_gid, np.flatnonzero(model.signals.visible_uV() > 12.0))
        assert visible.sum() > 20
        assert (np.abs(after_ms[:, visible]) < 0.5).any(axis=0).mean() > 0.95


def test_cuts_batches_and_states_change_only_times_at_cuts(run):
    env, recording = run
    profile = device(env, noise_uV=1.0)
    whole = ChannelObservation(env, profile, [1, 2]).observe(recording)
    model, found = ChannelObservation(env, profile, [1, 2]), []
    for k in range(200):
        found.append(model.observe(recording.slice(10.0 * k, 10.0 * (k + 1))))
        if k == 50:
            model = pickle.loads(pickle.dumps(model))
        if k == 100:
            states = pickle.loads(pickle.dumps(model.state()))
            model = ChannelObservation(env, profile, [8, 9])
            model.set_state(states)
    joined = type(whole).concat(found)
    for b in range(2):
        ours, true = joined.culture(b), whole.culture(b)
        assert len(ours.spike_t) == len(true.spike_t) > 100
        at_cut = ours.spike_t % 10.0 < 1e-6
        assert at_cut.mean() < 0.2
        shared = {(g, round(t, 6)) for g, t in zip(true.spike_gid, true.spike_t, strict=True)}
        moved = [(g, round(t, 6)) for g, t in zip(ours.spike_gid, ours.spike_t, strict=True)]
        assert all(own in shared for own, cut in zip(moved, at_cut, strict=True) if not cut)
        np.testing.assert_array_equal(
            np.bincount(ours.spike_gid, minlength=16), np.bincount(true.spike_gid, minlength=16)
        )
        earliest = np.sort(true.spike_t)
        assert (np.abs(np.sort(ours.spike_t) - earliest) <= model.latency_ms + 1e-9).all()
    alone = ChannelObservation(env, profile, [7, 2]).observe(recording.select(cultures=[1]), cultures=[1])
    np.testing.assert_array_equal(alone.spike_t, whole.culture(1).spike_t)


def test_nothing_is_detected_during_an_artefact(stimulated):
    env, recording = stimulated
    profile = device(env, noise_uV=1.0)
    for seed in range(5):
        model = ChannelObservation(env, profile, seed)
        observed = model.observe(recording, pulses())
        for channel, blank_ms in ((4, 3.0), (3, 1.0)):
            own = observed.spike_t[observed.spike_gid == channel]
            assert not ((own > 5.0) & (own < 5.4 + blank_ms - 0.01)).any()
    with pytest.raises(InvalidInput, match="whole number of frames"):
        model.observe(recording.slice(0.0, 0.05))
