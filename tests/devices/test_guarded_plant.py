"""A device as a plant: environments over it, and everything that refuses or stops, on the template's toy device."""

import math
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from devices.sessions_of_devices import CL1, LIMITS, limits_of

from livn_gym.devices.guard import STOP_FILE
from livn_gym.devices.guarded_plant import LEDGER, GuardedPlant
from livn_gym.devices.ledger import read_ledger
from livn_gym.devices.limits import SessionLimits
from livn_gym.devices.permission import confirmed
from livn_gym.errors import BackendError, ClosedError, DeviceStopped, InvalidInput, LimitExceeded, LivingTissue
from livn_gym.plant import DevicePlant
from livn_gym.stimulus import Stimulus
from livn_gym.templates.device import ECHO_MS, MyDevice

USABLE = CL1.electrodes.usable_channels


def train(amplitude_uA=2.0, columns=(0, 5), duration_ms=200.0, **options):
    """Two pulses per second and column, of all usable channels, from 1 ms on."""
    amplitudes = np.zeros(len(USABLE))
    amplitudes[list(columns)] = amplitude_uA
    options = {"rate_hz": 5.0, "phase_ms": 0.2, "start_ms": 1.0} | options
    return Stimulus.pulse_train(amplitudes, duration_ms=duration_ms, **options)


def opened(tmp_path, driver=None, **options):
    return GuardedPlant(driver or MyDevice(), folder=tmp_path / "session", **options)


def events(tmp_path):
    return [line["event"] for line in read_ledger(tmp_path / "session" / LEDGER)]


def test_a_run_sends_the_stimulus_and_returns_the_channels_spikes(tmp_path):
    with opened(tmp_path) as plant:
        assert isinstance(plant, DevicePlant)
        assert (plant.num_cultures, plant.electrodes.num_channels, plant.profile) == (1, 59, plant.driver.profile)
        silent = plant.run(100.0)
        recording = plant.run(200.0, train())
        assert len(silent.spikes[1]) == 0 and (recording.t0_ms, recording.duration_ms) == (100.0, 200.0)
        assert recording.spikes[1].tolist() == [0, 5]  # columns of the usable channels
        assert recording.spikes[2] == pytest.approx([1.0 + ECHO_MS] * 2)
        assert plant.electrodes.channel_names[5] == str(USABLE[5])
    sent = [line for line in read_ledger(tmp_path / "session" / LEDGER) if line["event"] == "sent"]
    assert sent[0]["commands"][0]["channels"] == [USABLE[0], USABLE[5]] and sent[0]["start_ms"] == 100.0
    assert plant.guard.electrode_charge_nC[USABLE[[0, 5]]] == pytest.approx([0.8, 0.8])
    assert [step.stim_delay_ms for step in plant.steps][1] == pytest.approx(0.0) and plant.steps[1].unconfirmed == 0
    assert plant.steps[1].latency_ms > 0.0 and math.isnan(plant.steps[0].stim_delay_ms)


def test_episodes_begin_at_time_0_while_the_session_goes_on(tmp_path):
    with opened(tmp_path) as plant:
        plant.run(300.0)
        assert plant.clear(seed=[3], cultures=[0]) is plant
        assert plant.run(200.0, train()).t0_ms == 0.0
        assert plant.steps[-1].start_ms == 300.0 and math.isnan(plant.steps[-1].jitter_ms)


class Deaf(MyDevice):
    """Gives no pulse."""

    def send(self, commands):
        super().send([])


def test_pulses_that_the_device_does_not_report_are_counted(tmp_path):
    with opened(tmp_path, Deaf()) as plant:
        plant.run(200.0, train())
        plant.run(200.0, train())
        assert [step.unconfirmed for step in plant.steps] == [2, 4]


def test_a_refused_stimulus_stops_the_session(tmp_path):
    limits = limits_of(tmp_path, extra="[stimulation]\nmax_amplitude_uA = 1.5\n")
    with opened(tmp_path, limits=limits) as plant:
        plant.run(200.0, train(1.0))
        with pytest.raises(LimitExceeded, match="max_amplitude_uA"):
            plant.run(200.0, train(2.0))
        with pytest.raises(DeviceStopped, match="max_amplitude_uA"):
            plant.run(200.0)
    assert events(tmp_path) == ["opened", "sent", "refused", "stopped", "closed"]


def test_refusals_on_a_simulated_culture_can_leave_the_run_without_stimulus(tmp_path):
    limits = limits_of(tmp_path, extra="[stimulation]\nmax_amplitude_uA = 1.5\n")
    with opened(tmp_path, limits=limits, stop_on_refusal=False) as plant:
        assert len(plant.run(200.0, train(2.0)).spikes[1]) == 0
        assert len(plant.run(200.0, train(1.0)).spikes[1]) == 2
        assert len(plant.guard.refusals) == 1 and plant.guard.stopped is None


def test_the_strongest_command_is_known_to_be_refused_before_it_is_sent(tmp_path):
    limits = limits_of(tmp_path, extra="[stimulation]\nmax_amplitude_uA = 1.5\n")
    with opened(tmp_path, limits=limits) as plant:
        env = gym.make("livn/EI3-v0", plant=plant, target_hz=5.0)
        with pytest.raises(LimitExceeded, match="max_amplitude_uA"):
            plant.preview(env.unwrapped.strongest_stimulus, env.unwrapped.step_ms)
        assert plant.guard.stopped is None and plant.guard.refusals == []
        plant.preview(None, 200.0)


def test_channels_that_the_operator_did_not_permit_are_refused(tmp_path):
    text = LIMITS.replace("[session]", f"channels = [{USABLE[0]}]\n[session]")
    with opened(tmp_path, limits=limits_of(tmp_path, text)) as plant:
        plant.run(200.0, train(columns=[0]))
        with pytest.raises(LimitExceeded, match="usable, channel 8"):
            plant.run(200.0, train(columns=[list(USABLE).index(8)]))


@pytest.mark.parametrize(
    ("stimulus", "message"),
    [
        (Stimulus(np.zeros((10, 59)), 20.0, "electrode"), "pulses at electrodes"),
        (Stimulus.pulse_train(np.ones(64), duration_ms=200.0), "59 usable channels, got 64"),
        (Stimulus.pulse_train(np.ones(59), duration_ms=200.0, mode="current"), "mode 'current'"),
    ],
)
def test_other_stimuli_are_refused_at_the_door(tmp_path, stimulus, message):
    with opened(tmp_path) as plant:
        with pytest.raises(InvalidInput, match=message):
            plant.run(200.0, stimulus)
        assert plant.guard.stopped is None and plant.steps == []


def test_the_stop_file_stops_a_session(tmp_path):
    with opened(tmp_path) as plant:
        plant.run(200.0, train())
        (tmp_path / "session" / STOP_FILE).touch()
        with pytest.raises(DeviceStopped, match="emergency stop"):
            plant.run(200.0, train())
    assert events(tmp_path)[-2:] == ["stopped", "closed"]


class Failing(MyDevice):
    """Loses its connection in the second run."""

    runs = 0
    halts = 0

    def read(self, duration_ms, beat):
        self.runs += 1
        if self.runs == 2:
            raise OSError("connection lost")
        return super().read(duration_ms, beat)

    def halt(self):
        self.halts += 1
        super().halt()


def test_an_error_of_the_device_stops_the_session(tmp_path):
    driver = Failing()
    with opened(tmp_path, driver) as plant:
        plant.run(200.0)
        with pytest.raises(OSError, match="connection lost"):
            plant.run(200.0, train())
        assert driver.halts == 1 and "OSError: connection lost" in plant.guard.stopped
        with pytest.raises(DeviceStopped):
            plant.run(200.0)


class Slow(MyDevice):
    """A device in real time behind which the loop falls back."""

    late_ms = 0.0
    real_time = True

    def lag_ms(self):
        return self.late_ms

    def read(self, duration_ms, beat):
        beat(self.late_ms)
        return super().read(duration_ms, beat)


def test_a_late_loop_stops_the_session_before_anything_is_sent(tmp_path):
    driver = Slow()
    limits = replace(SessionLimits.of_profile(CL1), max_late_ms=20.0)
    with opened(tmp_path, driver, limits=limits) as plant:
        plant.run(200.0, train())
        driver.late_ms = 25.0
        with pytest.raises(DeviceStopped, match="25.0 ms late"):
            plant.run(200.0, train())
    assert events(tmp_path) == ["opened", "sent", "stopped", "closed"]


def test_an_exception_of_the_agent_stops_the_session(tmp_path):
    with pytest.raises(ZeroDivisionError), opened(tmp_path) as plant:
        plant.run(200.0, train())
        raise ZeroDivisionError("agent")
    assert "ZeroDivisionError" in plant.guard.stopped and events(tmp_path)[-2:] == ["stopped", "closed"]
    plant.close()


class Unplugged(MyDevice):
    """A device that cannot be opened the first time."""

    plugged = False

    def open(self, folder):
        if not self.plugged:
            self.plugged = True
            raise BackendError("no connection")
        super().open(folder)


def test_a_device_that_cannot_be_opened_leaves_its_folder_free(tmp_path):
    driver = Unplugged()
    with pytest.raises(BackendError, match="no connection"):
        opened(tmp_path, driver)
    assert list(tmp_path.iterdir()) == []
    with opened(tmp_path, driver) as plant:
        plant.run(200.0)


def test_a_closed_plant_runs_no_more(tmp_path):
    plant = opened(tmp_path)
    plant.close()
    plant.close()
    with pytest.raises(ClosedError):
        plant.run(200.0)
    with pytest.raises(InvalidInput, match="not empty"):
        opened(tmp_path)


def test_a_device_has_one_culture(tmp_path):
    with opened(tmp_path) as plant, pytest.raises(InvalidInput, match="holds one culture"):
        plant.run(200.0, cultures=[1])


class Tissue(MyDevice):
    """Says that it reaches a real device."""

    opened = False

    def is_simulated(self):
        return False

    def open(self, folder):
        self.opened = True


def test_nothing_real_is_opened_without_permission(tmp_path):
    driver, limits = Tissue(), limits_of(tmp_path)
    for given in ({}, {"limits": limits}):
        with pytest.raises(LivingTissue, match="nothing was opened"):
            GuardedPlant(driver, folder=tmp_path / "session", **given)
    permission = confirmed(limits, lambda text: "chip 17")
    for given in ({}, {"folder": tmp_path / "session", "stop_on_refusal": False}):
        with pytest.raises(InvalidInput, match="needs a folder, and stops"):
            GuardedPlant(driver, limits, permission=permission, **given)
    assert not driver.opened and not (tmp_path / "session").exists()
    with GuardedPlant(driver, limits, folder=tmp_path / "session", permission=permission) as plant:
        assert driver.opened
        plant.run(200.0, train(columns=[0]))
    assert events(tmp_path) == ["opened", "sent", "closed"]


def test_an_environment_over_a_device_is_one_over_a_culture(tmp_path):
    plant = opened(tmp_path)
    env = gym.make("livn/EI3-v0", plant=plant, target_hz=5.0, max_episode_steps=4)
    observation, info = env.reset(seed=1)
    assert observation in env.observation_space and env.action_space.shape == (59,) and info["device"] == "cl1"
    over = False
    while not over:
        observation, reward, _, over, info = env.step(np.ones(59, dtype=np.float32))
    assert reward < 0.0 and info["charge_fraction"] == pytest.approx(1.0)
    assert info["rate_hz"] > 0.0 and observation in env.observation_space
    assert plant.guard.charge_uC * 1e3 == pytest.approx(4 * info["charge_nC"])
    env.close()
    assert events(tmp_path).count("sent") == 4 and events(tmp_path)[-1] == "closed"


def test_a_session_without_a_folder_leaves_nothing():
    with GuardedPlant(MyDevice()) as plant:
        plant.run(200.0, train())
        assert (plant.folder / LEDGER).is_file()
    assert not plant.folder.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sed": 1}, "The simulated device .*Did you mean 'seed'"),
        ({"system": "EI9"}, "EI9"),
        ({"system": "EI2"}, "does not fit cl1"),
        ({"params": "foo"}, "Unknown parameter set 'foo'"),
        ({"variant": "foo"}, "Unknown variant 'foo'"),
        ({"profile": "cl2"}, "Did you mean 'cl1'"),
        ({"dt": 0.0}, "greater than 0"),
        ({"settle_ms": float("nan")}, "settle_ms"),
        ({"io": "mea"}, "has its own io"),
        ({"num_cultures": 3}, "has its own num_cultures"),
    ],
)
def test_a_wrong_option_of_a_simulated_plant_leaves_nothing(tmp_path, options, message):
    with pytest.raises(InvalidInput, match=message):
        gym.make("livn/EI3-v0", plant={"name": "simulated", "folder": str(tmp_path / "session"), **options})
    assert list(tmp_path.iterdir()) == []
