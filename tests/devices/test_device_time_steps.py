"""Time steps of devices whose frames last no whole number of nanoseconds, as at 30 kHz."""

import re
import tomllib
from importlib.resources import files

import gymnasium as gym
import numpy as np
import pytest
from device_cultures import small_system

from livn_gym.channel_view import ChannelView
from livn_gym.device_profile import from_tables
from livn_gym.devices.commands import commands_of, stimulus_of
from livn_gym.devices.ledger import read_ledger
from livn_gym.devices.plants import simulated
from livn_gym.encoding import PulseAmplitude
from livn_gym.envs.device_encoding import encoding_for
from livn_gym.envs.device_link import DeviceLink
from livn_gym.errors import InvalidInput
from livn_gym.signals.spike_currents import frames_per_step
from livn_gym.stimulation_limits import check_stimulus
from livn_gym.tuning.probe_sweep import ProbeSweep
from livn_gym.units import whole_steps

FRAMES = {"min_phase_us": 33.3333, "phase_step_us": 33.3333, "lead_step_us": 33.3333, "lead_time_us": 66.6667}
"""Stimulation in frames of 30 kHz, with the digits that a file holds."""


def profile_of(sampling_hz, **stimulation):
    """A CL1 with another sampling rate."""
    table = tomllib.loads((files("livn_gym.configs") / "devices" / "cl1.toml").read_text(encoding="utf-8"))
    table["recording"]["sampling_hz"] = sampling_hz
    table["stimulation"] |= stimulation
    return from_tables(table, "other")


@pytest.mark.parametrize(
    ("sampling_hz", "stimulation", "tick_us"),
    [
        (20_000.0, {}, 10),
        (25_000.0, {}, 20),
        (30_000.0, {}, 20 / 3),
        (33_333.33, {}, 10),
        (24_414.0625, {}, 0.16),
        (44_100.0, {}, 20 / 441),
        (30_000.0, FRAMES, 100 / 3),
        (30_000.0, {"phase_step_us": 12.5, "min_phase_us": 12.5, "lead_step_us": 50.0}, 25 / 6),
    ],
)
def test_the_time_step_divides_frames_phases_and_onsets(sampling_hz, stimulation, tick_us):
    profile = profile_of(sampling_hz, **stimulation)
    assert profile.tick_ms == pytest.approx(tick_us * 1e-3, rel=1e-12)
    for time_us in (profile.stimulation.phase_step_us, profile.stimulation.lead_step_us):
        assert whole_steps("step", time_us * 1e-3, profile.tick_ms) == round(time_us / tick_us)
    assert whole_steps("second", 1000.0, profile.tick_ms) == round(1e6 / tick_us)


def test_steps_of_a_third_of_a_microsecond_are_exact():
    profile = profile_of(30_000.0, **FRAMES)
    limits = profile.stimulation
    assert limits.phase_step_us == limits.lead_step_us == limits.min_phase_us == 100 / 3
    assert limits.lead_ms == pytest.approx(2 / 30, rel=1e-12)
    assert profile.with_stimulation(max_rate_hz=20.0, phase_step_us=66.6667, min_phase_us=200.0).tick_ms == 1 / 30
    sweep = ProbeSweep.for_device(profile)
    assert sweep.phase_ms == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize("name", ["phase_step_us", "lead_step_us"])
@pytest.mark.parametrize("step_us", [1e-9, 2e-4])
def test_steps_without_a_fraction_are_refused(name, step_us):
    with pytest.raises(InvalidInput, match=f"stimulation.{name} must be a whole number of ns or a simple fraction"):
        profile_of(30_000.0, **{name: step_us})


@pytest.mark.parametrize(
    ("stimulation", "dt_ms", "phase_ms"),
    [({}, 1 / 150, 0.5), ({}, 1 / 30, 0.5), (FRAMES, 0.05, 0.5), (FRAMES, 1 / 30, 0.5), ({}, 0.07, 0.42)],
)
def test_phases_of_tasks_are_multiples_of_both_steps(stimulation, dt_ms, phase_ms):
    spec = {"name": "pulse_amplitude", "rate_hz": 5.0, "max_amplitude_uA": 8.0}
    made = encoding_for(profile_of(30_000.0, **stimulation), spec, dt_ms)
    assert (made["max_amplitude_uA"], made["phase_ms"]) == pytest.approx((3.0, phase_ms))


def test_commands_in_frames_are_the_stimulus():
    profile = profile_of(30_000.0, **FRAMES)
    view, limits = ChannelView.of_device(profile), profile.stimulation
    encoding = PulseAmplitude(max_amplitude_uA=2.0, rate_hz=15.0, phase_ms=7 / 30)
    stimulus = encoding(view, 200.0, np.ones((1, 59)))
    stimulus = DeviceLink(profile, view).encoded(stimulus)
    check_stimulus(profile.of_usable(), stimulus, 200.0)
    commands = commands_of(stimulus, limits.lead_step_us, limits.phase_step_us)
    (command,) = commands
    assert command.phases == ((700 / 3, -2.0), (700 / 3, 2.0))
    assert (command.count, command.interval_us) == (3, pytest.approx(1e6 / 15))
    again = stimulus_of(commands, np.arange(59), 200.0)
    np.testing.assert_allclose(again.charge_nC(), stimulus.charge_nC()[0], rtol=1e-12)
    np.testing.assert_allclose(np.unique(again.pulses.onset_ms), np.unique(stimulus.pulses.onset_ms), atol=1e-9)


@pytest.mark.parametrize("sampling_hz", [24_414.0625, 30_000.0, 44_100.0])
def test_the_time_step_that_a_message_advises_has_the_frames_grid(sampling_hz):
    with pytest.raises(InvalidInput, match="no common grid") as refused:
        frames_per_step(sampling_hz, 0.0371)
    (advised,) = re.findall(r"such as ([\d.]+) ms", str(refused.value))
    assert frames_per_step(sampling_hz, float(advised)) == 1


@pytest.mark.parametrize(
    ("sampling_hz", "stimulation", "step_ms", "dt_ms", "tick_us"),
    [
        (30_000.0, {}, 200.0, None, 20 / 3),
        (20_000.0, {}, 200.0, None, 10),
        (30_000.0, FRAMES, 100 / 3, 1 / 30, 100 / 3),
    ],
)
def test_a_loop_runs_on_a_simulated_device(sampling_hz, stimulation, step_ms, dt_ms, tick_us, tmp_path):
    profile = profile_of(sampling_hz, **stimulation)
    culture = {"system": small_system(), "params": "EI2", "settle_ms": 50.0, "dt": dt_ms}
    plant = simulated.make(profile, folder=tmp_path / "s", **culture)
    encoding = {"name": "pulse_amplitude", "max_amplitude_uA": 3.0, "rate_hz": 1000.0 / step_ms, "phase_ms": 0.5}
    loop = {"plant": plant, "encoding": encoding, "step_ms": step_ms, "settle_ms": 0.0}
    env = gym.make("livn/Culture-v0", task="rate_tracking", **loop)
    try:
        assert plant.dt == pytest.approx(tick_us * 1e-3, rel=1e-12)
        env.reset(seed=1)
        before_uC = plant.guard.charge_uC
        for _ in range(5):
            *_, info = env.step(np.ones(59, dtype=np.float32))
            assert info["charge_nC"] == pytest.approx(59 * 3.0)  # a pulse of two phases of 1.5 nC at every channel
        assert plant.guard.charge_uC - before_uC == pytest.approx(5 * 59 * 3e-3)
        frames = np.concatenate([t_ms for _, t_ms in plant.spikes]) * sampling_hz * 1e-3
        assert len(frames)
        np.testing.assert_allclose(frames, np.rint(frames), atol=1e-6)
        assert plant.steps[-1].unconfirmed == 0 and plant.steps[-1].stim_delay_ms == pytest.approx(0.0, abs=1e-6)
    finally:
        env.close()
    sent = [line for line in read_ledger(tmp_path / "s" / "ledger.jsonl") if line["event"] == "sent"]
    commands = [command for line in sent for command in line["commands"]]
    assert {tuple(map(tuple, command["phases"])) for command in commands} == {((500, -3.0), (500, 3.0))}
