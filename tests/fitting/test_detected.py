"""Fits under a device: the spikes of simulated cultures are detected as those of the recording were."""

import json
import tomllib
from dataclasses import replace

import numpy as np
import pytest

from livn_gym.channel_view import ChannelView
from livn_gym.device_profile import DeviceElectrodes, find
from livn_gym.env import Env
from livn_gym.errors import InvalidInput, LimitExceeded, UnknownName
from livn_gym.fitting import Budget, Space, fit, simulate
from livn_gym.fitting.result import SUMMARY, write_fit
from livn_gym.fitting.space import Job
from livn_gym.fitting.sweep import sweep_of
from livn_gym.formats import ChannelSpikes
from livn_gym.signals import ChannelObservation
from livn_gym.system import make
from livn_gym.tuning import ProbeSweep, measure_channels, record_sweep

SMALL = ProbeSweep(rest_ms=10_000.0, pulses_uA=(14.0,), trains_uA=(9.0,), trials=1, train_ms=2000.0)
BUDGET = Budget(design=32, waves=2, sets=12, candidates=6, seeds=3, checks=4, other_graphs=1)
RECORDED = ProbeSweep(rest_ms=300_000.0, trials=12, pulses_uA=(14.0,))


def profile_of(system, **recording):
    """Return the profile of a device whose electrodes are those of a system, with other values of its recording."""
    positions, device = make(system).electrodes, find("mcs60")
    names = tuple(map(str, range(len(positions))))
    array = DeviceElectrodes(positions, np.ones(len(positions), dtype=bool), names, 15.0)
    return replace(device, electrodes=array, recording=replace(device.recording, **recording))


def shifted(system):
    """Parameters of a culture that fires faster."""
    space = Space.of(system)
    return space.params(np.where([key == "noise-EXC-std_e" for key in space.keys], 0.15, 0.0))


def recorded(device):
    with Env(make("EI1"), seed=3, profile="fast") as env:
        env.init().set_params(shifted("EI1"))
        recording, stimulus = record_sweep(env, RECORDED, device=device)
        electrodes = env.electrodes if device is None else ChannelView.of_device(device).electrodes
        return ChannelSpikes.of_recording(recording, electrodes, stimulus)


def test_simulated_cultures_are_recorded_as_the_device_does():
    """The sweep in parts gives the spikes of one observation of the whole run, and fewer than the cells' ones."""
    device, seen = profile_of("EI2", noise_uV=2.0), {}
    jobs = [Job(Space.of("EI2").base, None, seed) for seed in (5, 6)]
    values = simulate("EI2", jobs, SMALL, device=device, visit=seen.__setitem__)
    with Env(make("EI2"), seed=[5, 6], num_cultures=2, profile="fast") as env:
        env.init().set_params(jobs[0].params).record_spikes()
        model = ChannelObservation(env, device, [5, 6])
        model.observe(env.run(5000.0))
        stimulus = SMALL.stimulus(16)
        whole = env.run(SMALL.duration_ms(16), stimulus)
        found = model.observe(whole, stimulus)
        cells = whole.culture(0)
        all_spikes = ChannelSpikes.of_recording(cells, env.electrodes, stimulus)
    for b in range(2):
        _, channel, _ = found.culture(b).spikes
        assert abs(len(channel) - len(seen[b].channel)) <= 2  # a spike whose search passes the end of the last part
        assert np.abs(np.bincount(channel, minlength=16) - np.bincount(seen[b].channel, minlength=16)).max() <= 2
        assert values[b] == measure_channels(seen[b], list(values[b]))
    assert 0.05 < len(seen[0].t_ms) / len(all_spikes.t_ms) < 0.8
    np.testing.assert_array_equal(seen[0].stim_t_ms, all_spikes.stim_t_ms)


@pytest.mark.slow
def test_the_fit_finds_the_rate_of_cells_behind_the_detected_spikes(tmp_path):
    """The device detects half of the spikes; the graph is that of the fit, so that it sees the same cells."""
    device = profile_of("EI1", noise_uV=4.0)
    spikes = recorded(device)
    result = fit(spikes, "EI1", tmp_path / "detected", budget=BUDGET, device=device, phase_ms=0.2)
    assert result.device is device and result.sets, [item.distance for item in result.candidates]
    blind = fit(spikes, "EI1", tmp_path / "blind", budget=BUDGET)

    def cell_hz(params):
        with Env(make("EI1"), seed=[1, 2, 3, 4], num_cultures=4, profile="fast") as env:
            env.init().set_params(params).record_spikes().run(2000.0)
            return len(env.run(60_000.0).spikes[0]) / 10 / 240.0

    true = cell_hz(shifted("EI1"))
    off, blind_off = (abs(np.log(cell_hz(item.candidates[0].params) / true)) for item in (result, blind))
    assert off < 0.25 < 0.4 < blind_off, (off, blind_off)

    write_fit(tmp_path / "detected", result, "00", "a test", 0, BUDGET)
    about = {"name": device.name, "hash": device.hash}
    assert json.loads((tmp_path / "detected" / SUMMARY).read_text())["device"] == about
    provenance = tomllib.loads((tmp_path / "detected" / "set-01.toml").read_text())["provenance"]
    assert (provenance["device"], provenance["device_hash"]) == (device.name, device.hash)
    with pytest.raises(InvalidInput, match="study of another fit"):
        fit(spikes, "EI1", tmp_path / "detected", budget=BUDGET, device=profile_of("EI1", noise_uV=3.0), phase_ms=0.2)


def test_a_first_wave_is_for_one_device(tmp_path):
    spikes, design = recorded(None), tmp_path / "design.json"
    budget = Budget(design=16, waves=0, sets=1, candidates=2, seeds=6, checks=2, other_graphs=0)
    fit(spikes, "EI1", tmp_path / "first", budget=budget, design_path=design)
    with pytest.raises(InvalidInput, match="device"):
        options = {"device": profile_of("EI1"), "phase_ms": 0.2}
        fit(spikes, "EI1", tmp_path / "second", budget=budget, design_path=design, **options)
    assert not (tmp_path / "second").exists()


def test_what_the_device_cannot_be_is_refused_before_anything_is_written(tmp_path):
    spikes, folder = recorded(None), tmp_path / "fitted"
    with pytest.raises(UnknownName, match="cl9"):
        fit(spikes, "EI1", folder, device="cl9")
    with pytest.raises(InvalidInput, match="array of EI1 does not fit cl1"):
        fit(spikes.slice(0.0, 300_000.0), "EI1", folder, device="cl1")
    weak = profile_of("EI1").with_stimulation(max_amplitude_uA=8.0)
    with pytest.raises(LimitExceeded, match="max_amplitude_uA") as caught:
        fit(spikes, "EI1", folder, device=weak, phase_ms=0.2)
    assert caught.value.limit == "max_amplitude_uA"
    with pytest.raises(InvalidInput, match="device or io"):
        fit(spikes, "EI1", folder, device=profile_of("EI1"), phase_ms=0.2, io="mea")
    assert not folder.exists()


def test_the_sweep_of_a_device_is_within_its_limits_and_keeps_the_recorded_amplitudes():
    cl1, rest = find("cl1"), ChannelSpikes(np.zeros(0), np.zeros(0, np.int64), 300_000.0, 59)
    assert sweep_of(rest, device=cl1) == ProbeSweep.for_device(cl1.of_usable())
    assert sweep_of(rest, device=cl1).phase_ms == 0.5 and sweep_of(rest).phase_ms == 0.2
    assert sweep_of(rest, 0.1, cl1) == replace(ProbeSweep.for_device(cl1.of_usable()), phase_ms=0.1)
    with pytest.raises(InvalidInput, match="phases of 0.5 ms: give their width"):
        sweep_of(recorded(None), device=profile_of("EI1"))
    sweep = sweep_of(recorded(None), 0.2, profile_of("EI1"))
    assert (sweep.pulses_uA, sweep.trains_uA) == ((14.0,), (3.0, 6.0, 9.0))
