"""Voltages at electrodes: independence of cuts and batches, noise, artefacts, converter, templates against currents."""

import copy
import pickle

import numpy as np
import pytest
from signals.conftest import culture, device, pulses

from livn_gym import numerics
from livn_gym.errors import InvalidInput, NotRecorded, UnknownName
from livn_gym.signals import ElectrodeSignals
from livn_gym.signals.gains import SUBSTRATE_FACTOR, gains_uV_per_nA


def parts(recording, lengths):
    """The recording cut into parts of these lengths, which repeat, with the stimulus of each."""
    start, k = 0.0, 0
    while start < recording.duration_ms - 1e-9:
        stop = round(min(start + lengths[k % len(lengths)], recording.duration_ms), 6)
        yield recording.slice(start, stop), pulses(start, stop)
        start, k = stop, k + 1


@pytest.mark.parametrize("lengths", [[0.2], [1.0], [0.4, 13.0, 5.6]])
def test_frames_do_not_depend_on_how_time_is_cut(stimulated, lengths):
    env, recording = stimulated
    profile = device(env)
    whole = ElectrodeSignals(env, profile, 5).frames(recording, pulses())
    signals = ElectrodeSignals(env, profile, 5)
    joined = np.concatenate([signals.frames(*part) for part in parts(recording, lengths)], axis=1)
    assert whole.shape == (1, 2500, 16) and whole.dtype == np.int16
    np.testing.assert_array_equal(joined, whole)


def test_a_culture_does_not_depend_on_its_batch():
    batch, alone = culture(3, seed=[7, 8, 9]), culture(1, seed=8)
    profile = device(batch)
    both = ElectrodeSignals(batch, profile, [1, 2, 3]), ElectrodeSignals(alone, profile, 2)
    for env in (batch, alone):
        env.record_spikes().init()
    several, single = (env.run(200.0) for env in (batch, alone))
    frames = both[0].frames(several)
    np.testing.assert_array_equal(frames[1], both[1].frames(single)[0])
    assert not np.array_equal(frames[0], frames[1])
    np.testing.assert_array_equal(
        both[0].frames(batch.run(20.0, cultures=[1]), cultures=[1])[0], both[1].frames(alone.run(20.0))[0]
    )


def test_state_reset_and_pickle_continue_exactly(stimulated):
    env, recording = stimulated
    signals = ElectrodeSignals(env, device(env), 5)
    first = signals.frames(recording, pulses())
    state = pickle.loads(pickle.dumps(signals.state()))
    copied, other = pickle.loads(pickle.dumps(signals)), ElectrodeSignals(env, device(env), 99)
    other.set_state(copy.deepcopy(state))
    after = signals.frames(recording)
    for equal in (copied, other):
        np.testing.assert_array_equal(equal.frames(recording), after)
    signals.reset()
    np.testing.assert_array_equal(signals.frames(recording, pulses()), first)
    signals.reset([0], seeds=6)
    assert not np.array_equal(signals.frames(recording, pulses()), first)
    with pytest.raises(InvalidInput, match="as many states"):
        signals.set_state([])
    with pytest.raises(InvalidInput, match="other cells"):
        ElectrodeSignals(env, device(env, electrodes=env.system.electrodes), 0).set_state([state[0][:-1]])


def silent(env, duration_ms):
    recording = env.run(duration_ms)
    return recording.where(np.zeros(len(recording.spikes[0]), dtype=bool))


def test_noise_is_philox_and_gaussian(stimulated):
    env, _ = stimulated
    profile = device(env, uV_per_unit=0.01, noise_uV=4.0)
    seed = 2**40 + 17
    signals = ElectrodeSignals(env, profile, seed)
    x = signals.frames(silent(env, 2000.0))[0] * 0.01
    assert x.shape == (50000, 16)
    np.testing.assert_allclose(x.mean(axis=0), 0.0, atol=5 * 4.0 / np.sqrt(50000))
    np.testing.assert_allclose(x.std(axis=0), 4.0, rtol=5 / np.sqrt(2 * 50000))
    together = np.corrcoef(x.T) - np.eye(16)
    assert np.abs(together).max() < 5 / np.sqrt(50000)
    lagged = (x[1:] * x[:-1]).mean(axis=0) / 16.0
    assert np.abs(lagged).max() < 5 / np.sqrt(50000)
    tail = (np.abs(x) > 3 * 4.0).mean()
    assert abs(tail - 0.0027) < 5 * np.sqrt(0.0027 / x.size)
    frame, group = np.meshgrid(np.arange(50000), np.arange(4), indexing="ij")
    key = seed & 0xFFFFFFFF, seed >> 32
    words = numerics.philox4x32(frame, 0, group, 0xE1EC7D05, *key)
    expected = np.concatenate(
        [*numerics._box_muller(words[0], words[1]), *numerics._box_muller(words[2], words[3])], axis=1
    )
    np.testing.assert_allclose(x, 4.0 * expected, atol=0.0055)


def test_artefact_saturates_and_recovers(stimulated):
    env, _ = stimulated
    profile = device(env, unusable=[15], noise_uV=4.0)
    run = silent(env, 20.0)
    stimulus = pulses(0.0, 20.0)  # channel 4 from 5.0 ms to 5.4 ms
    signals = ElectrodeSignals(env, profile, 1)
    quiet = ElectrodeSignals(env, profile, 1).frames(run)[0] * 0.195
    x = signals.frames(run, stimulus)[0] * 0.195
    late = signals.latency_frames
    assert late == 11 and signals.latency_ms == pytest.approx(0.44)
    first, flows = 125 + late, 10
    saturated = np.abs(x) > 5999.0
    artefact = profile.artefact
    for channel, blank_ms in ((4, artefact.stimulated_ms), (3, artefact.others_ms)):
        rows = np.flatnonzero(saturated[:, channel])
        np.testing.assert_array_equal(rows, np.arange(first, first + flows + round(blank_ms / 0.04)))
        assert (x[first : first + 5, channel] < 0).all() and (x[first + 5 : rows[-1] + 1, channel] > 0).all()
        after = (x - quiet)[rows[-1] + 1 :, channel]
        expected = 4.0 * np.exp(-0.04 * np.arange(1, len(after) + 1) / artefact.decay_ms)
        np.testing.assert_allclose(after, np.where(expected > 0.04, expected, 0.0), atol=0.2)
    assert not x[:, 15].any()
    np.testing.assert_array_equal(x[:first], quiet[:first])


def test_the_converter_rounds_and_saturates(stimulated):
    env, recording = stimulated
    fine = ElectrodeSignals(env, device(env, uV_per_unit=0.01, noise_uV=4.0), 1).frames(recording)[0] * 0.01
    coarse = ElectrodeSignals(env, device(env, uV_per_unit=3.0, bits=4, noise_uV=4.0), 1).frames(recording)[0]
    assert coarse.min() == -7 and coarse.max() <= 7
    inside = np.abs(fine) < 20.0
    assert inside.mean() > 0.99
    np.testing.assert_allclose(coarse[inside] * 3.0, fine[inside], atol=1.51)


def traced(dt=0.04):
    env = culture(1, seed=11, dt=dt).record_spikes().record_membrane_current().init()
    env.run(400.0)
    return env


def test_exact_form_is_the_projection_of_the_currents():
    env = traced()
    profile = device(env, uV_per_unit=0.005, noise_uV=0.0)
    signals = ElectrodeSignals(env, profile, form="exact")
    runs = [env.run(length) for length in (100.0, 0.04, 20.0, 3.2)]
    x = np.concatenate([signals.frames(run)[0] for run in runs]) * 0.005
    potential = np.concatenate([env.electrodes.potential_recording(run) for run in runs], axis=1).T
    late = signals.latency_frames
    np.testing.assert_allclose(x[late:], 1e3 * SUBSTRATE_FACTOR * potential[:-late], atol=0.003)
    assert not x[:late].any()


def test_templates_are_the_spikes_of_the_currents():
    """Shape of the waveforms of all spikes of visible cells, and amplitude of those that no other spike overlaps."""
    env = traced()
    profile = device(env, uV_per_unit=0.01, noise_uV=0.0)
    forms = [ElectrodeSignals(env, profile, form=form) for form in ("template", "exact")]
    voltages, spikes = [[], []], []
    for k in range(20):
        run = env.run(200.0)
        for signals, parts in zip(forms, voltages, strict=True):
            parts.append(signals.frames(run)[0] * 0.01)
        spikes.append(np.stack([run.spikes[1], np.rint(run.spikes[2] / 0.04) + 5000 * k + signals.latency_frames]))
    template, exact = map(np.concatenate, voltages)
    gid, frame = np.concatenate(spikes, axis=1).astype(int)
    depth, best = forms[0].visible_uV(), forms[0].best_channel()
    gain = np.abs(np.subtract(*gains_uV_per_nA(env)))
    correlations, amplitudes = [], []
    for k, (cell, at) in enumerate(zip(gid, frame, strict=True)):
        if depth[cell] < 8.0 or at < 100 or at > len(exact) - 100:
            continue
        ours, true = (x[at - 25 : at + 50, best[cell]] for x in (template, exact))
        correlations.append(np.corrcoef(ours, true)[0, 1])
        others = (np.arange(len(gid)) != k) & (np.abs(frame - at) < 1250)  # 50 ms
        close = others & (np.abs(frame - at) < 125) & (gain[gid, best[cell]] > 0.1 * gain[cell, best[cell]])
        if not close.any() and not (gid[others] == cell).any():
            amplitudes.append(ours.min() / true.min())
    assert len(correlations) > 300 and len(amplitudes) > 100
    low, middle = np.quantile(correlations, [0.05, 0.5])
    assert low > 0.97 and middle > 0.99
    low, middle, high = np.quantile(amplitudes, [0.05, 0.5, 0.95])
    assert abs(middle - 1.0) < 0.03 and low > 0.9 and high < 1.1


def test_what_cannot_be_recorded_is_refused(stimulated):
    env, recording = stimulated
    profile = device(env)
    with pytest.raises(UnknownName, match="form"):
        ElectrodeSignals(env, profile, form="both")
    with pytest.raises(InvalidInput, match="64 channels"):
        ElectrodeSignals(env, device(env, electrodes=np.arange(192.0).reshape(64, 3)))
    with pytest.raises(InvalidInput, match="no common grid"):
        ElectrodeSignals(env, device(env, sampling_hz=24414.0625))
    signals = ElectrodeSignals(env, profile)
    with pytest.raises(InvalidInput, match="whole number of frames"):
        signals.frames(recording.slice(0.0, 0.05))
    with pytest.raises(InvalidInput, match="ascending"):
        signals.frames(recording, cultures=[1])
    with pytest.raises(InvalidInput, match="cultures"):
        signals.frames(recording, cultures=[])
    with pytest.raises(InvalidInput, match="time steps of"):
        other = culture(dt=0.04).record_spikes().init()
        signals.frames(other.run(20.0))
    with pytest.raises(NotRecorded, match="record_membrane_current"):
        ElectrodeSignals(env, profile, form="exact").frames(recording)
    with pytest.raises(InvalidInput, match="seed"):
        signals.reset(seeds=[1, 2])
