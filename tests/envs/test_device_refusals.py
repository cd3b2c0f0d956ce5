"""Environments under the limits of a device: what is refused, by whom and with which limit."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from device_cultures import OPTIONS, ChannelPlant, play, small_system

from livn_gym import device_profile
from livn_gym.channel_view import ChannelView
from livn_gym.encoding import Encoding
from livn_gym.envs.conditions import Condition
from livn_gym.envs.device_link import DeviceLink
from livn_gym.errors import InvalidInput, LimitExceeded, UnknownName
from livn_gym.stimulus import Stimulus


@pytest.fixture(scope="module")
def cells():
    return small_system()


def make(cells, **options):
    return gym.make("livn/Culture-v0", system=cells, **({"device": "cl1"} | OPTIONS | options)).unwrapped


class Reckless(Encoding):
    """An encoding that a device can give at the highest command, and not at the lowest one."""

    def __call__(self, view, duration_ms, inputs):
        phase_ms = 1.0 if np.min(inputs) < -0.5 else 0.5
        sizes = np.full(np.shape(inputs), 3.0)
        return Stimulus.pulse_train(sizes, duration_ms=duration_ms, rate_hz=10.0, phase_ms=phase_ms)

    def action_space(self, view):
        return gym.spaces.Box(-1.0, 1.0, (view.electrodes.num_channels,), np.float32)


def test_a_refused_command_changes_nothing(cells):
    env, untouched = (make(cells, encoding=Reckless(), target_hz=[4.0, 5.0]) for _ in range(2))
    good, bad = np.ones(59, np.float32), -np.ones(59, np.float32)
    for each in (env, untouched):
        each.reset(seed=1)
        each.step(good)
    with pytest.raises(LimitExceeded, match="max_total_charge_nC, channel 1: got 6 nC") as caught:
        env.step(bad)
    assert caught.value.limit == "max_total_charge_nC"
    np.testing.assert_array_equal(env.step(good)[0], untouched.step(good)[0])
    env.close()
    untouched.close()


class Strengthened(Condition):
    """A condition that multiplies currents, and counts in its states how often it did."""

    def __init__(self, env, *, factor=2.0):
        super().__init__(env)
        self.factor = factor

    def begin(self, np_random):
        return {"runs": 0}

    def stimulus(self, stimulus, run):
        for b in run.cultures:
            self.states[b]["runs"] += 1
        if stimulus is None:
            return None
        pulses = replace(stimulus.pulses, value=self.factor * stimulus.pulses.value)
        return Stimulus.from_pulses(
            pulses,
            num_columns=stimulus.num_columns,
            duration_ms=stimulus.duration_ms,
            num_cultures=stimulus.num_cultures,
        )


def test_what_conditions_make_of_a_command_stays_within_the_limits(cells):
    """It is refused before anything runs; the conditions are as they were before."""
    options = {"encoding": PULSES | {"phase_ms": 0.2}, "target_hz": [4.0, 5.0]}
    env = make(cells, conditions=[{"name": Strengthened, "factor": 1.5}], **options)
    env.reset(seed=1)
    half, full = np.zeros(59, np.float32), np.ones(59, np.float32)
    env.step(half)  # 1.5 uA become 2.25 uA
    (condition,) = env._loop._loop.conditioned.conditions
    runs = condition.states[0]["runs"]
    with pytest.raises(LimitExceeded, match=r"max_amplitude_uA, channel 1: got 4.5 uA.*after the conditions") as caught:
        env.step(full)
    assert (caught.value.limit, condition.states[0]["runs"]) == ("max_amplitude_uA", runs)
    env.step(half)
    assert condition.states[0]["runs"] == runs + 1
    env.close()


def test_faults_of_electrodes_need_not_fit_the_steps_of_commands():
    profile = device_profile.find("mcs60").of_usable()
    link = DeviceLink(profile, ChannelView.of_device(profile))
    odd = Stimulus.pulse_train(np.full(59, 0.123), duration_ms=200.0, rate_hz=5.0, phase_ms=0.21, start_ms=0.333)
    with pytest.raises(LimitExceeded):
        link.check(odd, 200.0, [0])
    assert link.check_reached(odd, 200.0, [0]).charge_nC.sum() == pytest.approx(59 * 2 * 0.123 * 0.21)
    strong = Stimulus.pulse_train(np.full(59, 16.0), duration_ms=200.0, rate_hz=5.0, phase_ms=0.2)
    with pytest.raises(LimitExceeded, match="max_amplitude_uA"):
        link.check_reached(strong, 200.0, [0])


@pytest.mark.parametrize("condition", ["electrode_faults", {"name": "latency", "jitter_ms": 20.0}])
def test_shipped_conditions_stay_within_the_limits(cells, condition):
    env = make(cells, conditions=[condition], task={"name": "rate_tracking", "target_hz": [4.0, 5.0]})
    state = env._loop._loop.device
    play(env)
    assert 0.0 < state.state()[0]["given"][3].sum() <= state.state()[0]["given"][1].sum() + 1e-9
    env.close()


def test_the_charge_of_a_session_ends_it(cells):
    limited = device_profile.find("cl1").with_stimulation(max_session_charge_uC=0.5)
    env = make(
        cells,
        device=limited,
        task={"name": "rate_tracking", "target_hz": [4.0, 5.0]},
        encoding=PULSES | {"phase_ms": 0.5},
    )
    env.reset(seed=1)
    env.step(np.ones(59, np.float32))  # 59 x 3 nC
    env.step(np.ones(59, np.float32))
    with pytest.raises(LimitExceeded, match="max_session_charge_uC: got 0.531 uC"):
        env.step(np.ones(59, np.float32))
    env.step(-np.ones(59, np.float32))
    env.close()


PULSES = {"name": "pulse_amplitude", "max_amplitude_uA": 3.0, "rate_hz": 5.0}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"device": "cl2"}, UnknownName, "Did you mean 'cl1'"),
        (
            {"device": {"name": "cl1", "max_amplitude_uA": 30}},
            InvalidInput,
            "max_amplitude_uA is 30, the profile allows 3",
        ),
        ({"observation": "spikes"}, UnknownName, "'cells', 'channels'"),
        ({"device": None, "observation": "channels"}, InvalidInput, "needs the device"),
        ({"io": "mea"}, InvalidInput, "device= or io="),
        ({"encoding": PULSES | {"max_amplitude_uA": 4.0}}, LimitExceeded, "max_amplitude_uA.*got 4 uA"),
        ({"encoding": PULSES | {"phase_ms": 0.55}}, LimitExceeded, "phase_step_us"),
        ({"encoding": PULSES | {"phase_ms": 0.6}}, LimitExceeded, "max_total_charge_nC"),
        ({"task": "opto_clamp"}, InvalidInput, "OptoClamp is not offered with cl1.*lights"),
        ({"task": "opto_clamp", "observation": "cells"}, InvalidInput, "OptoClamp is not offered.*lights"),
        ({"task": "discrimination"}, InvalidInput, "Discrimination is not offered with cl1.*half.*observation='cells'"),
        ({"plant": ChannelPlant}, InvalidInput, "params"),
    ],
)
def test_what_a_device_cannot_give_is_refused_when_it_is_made(cells, options, error, message):
    with pytest.raises(error, match=message):
        make(cells, **options)


@pytest.mark.parametrize("options", [{"observation": "cells"}, {"device": {"name": "cl1", "all_tasks": True}}])
def test_a_task_that_channels_cannot_drive_is_there_for_research(cells, options):
    env = make(cells, task="discrimination", step_ms=500.0, **options)
    assert env.action_space.shape == (59,)
    env.close()


def test_a_system_of_another_shape_is_refused():
    with pytest.raises(InvalidInput, match="EI2 does not fit cl1.*generate --device cl1"):
        gym.make("livn/EI2-v0", device="cl1")
