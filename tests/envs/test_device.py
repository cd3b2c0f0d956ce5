"""Environments under the limits of a device: commands, detected spikes and states."""

import copy
import pickle
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from device_cultures import OPTIONS, actions, play, same, small_system

import livn_gym
from livn_gym import device_profile
from livn_gym.channel_view import ChannelView, device_array
from livn_gym.envs.device_encoding import encoding_for
from livn_gym.envs.device_link import DeviceLink, noise_seed
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.errors import InvalidInput
from livn_gym.stimulation_limits import check_stimulus
from livn_gym.stimulus import Stimulus
from livn_gym.testing import CHECKS, conform


@pytest.fixture(scope="module")
def cells():
    return small_system()


def make(cells, **options):
    return gym.make("livn/Culture-v0", system=cells, **({"device": "cl1"} | OPTIONS | options)).unwrapped


def make_vec(cells, num_envs, **options):
    return gym.make_vec("livn/Culture-v0", num_envs, system=cells, **({"device": "cl1"} | OPTIONS | options))


# What is seen and what can be commanded


def test_usable_channels_alone_are_commanded_and_observed(cells):
    env = make(cells)
    assert env.action_space.shape == (59,)
    assert env.observation_space.shape == (2 * 59 + 1,)
    assert env.view.electrodes.channel_names[:4] == ("1", "2", "3", "5")
    assert env.action_channels.tolist() == list(range(59))
    assert env.device.name == "cl1"
    found = play(env)
    for _, _, info in found:
        assert (info["device"], info["device_hash"]) == ("cl1", device_profile.find("cl1").hash)
    assert found[-1][0] in env.observation_space
    assert found[-1][2]["charge_nC"] > 0
    channels = {int(gid) for m in env.last_second for gid in m.recording.spikes[1]}
    assert channels and max(channels) < 59
    env.close()


def test_pulses_are_long_enough_for_the_charge_that_the_current_allows(cells):
    env = make(cells)
    assert env._loop._loop.encoding.max_amplitude_uA == 3.0
    assert env._loop._loop.encoding.phase_ms == 0.5
    np.testing.assert_allclose(env.highest_charge_nC, 3.0)  # one pulse of both phases
    env.close()


@pytest.mark.parametrize(
    ("device", "given", "expected"),
    [
        ("cl1", {"max_amplitude_uA": 8.0}, (3.0, 0.5)),
        ("cl1", {"max_amplitude_uA": 4.0}, (3.0, 0.2)),
        ("cl1", {"max_amplitude_uA": 2.0}, (2.0, 0.2)),
        ("mcs60", {"max_amplitude_uA": 8.0}, (8.0, 0.2)),
        ("maxone", {"max_amplitude_uA": 8.0}, (3.5, 0.45)),
    ],
)
def test_encodings_of_tasks_keep_their_charge_as_far_as_the_device_allows(device, given, expected):
    profile = device_profile.find(device)
    made = encoding_for(profile, {"name": "pulse_amplitude", "rate_hz": 5.0} | given, 0.05)
    assert (made["max_amplitude_uA"], made["phase_ms"]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("device", "limits", "given", "expected"),
    [
        ("maxone", {}, {"rate_hz": 5.0}, (32, 0.6)),  # groups of 32 electrodes, 6.25 ms apart, 5 ms after a reading
        ("maxone", {}, {"rate_hz": 5.0, "groups": 64}, (64, 0.85)),
        ("maxone", {}, {"rate_hz": 20.0}, (16, 0.85)),  # more groups do not fit
        ("maxone", {}, {"rate_hz": 5.0, "groups": 1}, (1, 0.85)),
        ("cl1", {"max_channels": 3}, {"rate_hz": 5.0}, (25, 0.5)),  # 22 groups would pulse between two time steps
        ("cl1", {}, {"rate_hz": 5.0}, (16, 0.5)),
    ],
)
def test_electrodes_pulse_in_as_many_groups_as_the_device_needs(device, limits, given, expected):
    profile = device_profile.find(device).with_stimulation(**limits)
    made = encoding_for(profile, {"name": "pulse_amplitude", "max_amplitude_uA": 15.0, "groups": 16} | given, 0.05)
    assert (made["groups"], made["phase_ms"]) == (expected[0], pytest.approx(expected[1]))


def test_encodings_without_pulses_are_not_changed():
    profile = device_profile.find("cl1")
    spec = {"name": "light_pulses", "max_irradiance_mW_mm2": 0.05}
    assert encoding_for(profile, spec, 0.05) is spec
    rates = encoding_for(profile.with_stimulation(max_rate_hz=50.0), "pulse_rate", 0.05)
    assert (rates["amplitude_uA"], rates["phase_ms"], rates["max_rate_hz"]) == (3.0, 0.5, 50.0)


def test_pulses_have_the_steps_of_the_device_and_wait_for_its_answer():
    profile = device_profile.find("mcs60").of_usable()
    link = DeviceLink(profile, ChannelView.of_device(profile))
    sizes = np.linspace(0.5, 15.0, 59)
    train = Stimulus.pulse_train(sizes, duration_ms=200.0, rate_hz=20.0, phase_ms=0.2, start_ms=np.linspace(0, 10, 59))
    given = link.encoded(train)
    check_stimulus(profile, given, 200.0)
    pulses = given.pulses
    assert pulses.onset_ms.min() == pytest.approx(profile.response_ms)
    steps = np.abs(pulses.value) / 0.05
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    largest = np.zeros(59)
    np.maximum.at(largest, pulses.column, np.abs(pulses.value))
    np.testing.assert_allclose(largest, sizes, atol=0.025 + 1e-9)
    late = Stimulus.pulse_train(sizes, duration_ms=200.0, rate_hz=5.0, phase_ms=0.2, start_ms=197.0)
    with pytest.raises(InvalidInput, match="mcs60 answers 5 ms after a reading.*fewer groups"):
        link.encoded(late)


def test_blanking_is_that_of_the_devices_artefact_unless_it_is_given(cells):
    long = replace(device_profile.find("cl1"), artefact=replace(device_profile.find("cl1").artefact, others_ms=3.0))
    losses = []
    for options in ({}, {"device": long}, {"device": long, "blank_ms": (0.0, 0.0)}):
        env = make(cells, **options)
        losses.append(play(env, num_steps=1)[-1][2]["lost_fraction"])
        env.close()
    assert losses[1] > losses[0] > losses[2] == 0.0


def test_cells_are_the_ground_truth_of_the_same_culture(cells):
    seen, true = make(cells), make(cells, observation="cells")
    assert true.action_space == seen.action_space
    assert true.view is true.culture and seen.view is not seen.culture
    for (_, _, one), (_, _, other) in zip(play(seen), play(true), strict=True):
        assert one["charge_nC"] == other["charge_nC"]
        assert one["direct_spikes"] + one["synaptic_spikes"] == other["direct_spikes"] + other["synaptic_spikes"]
    seen.close()
    true.close()


# Batches, copies and states


def test_a_vector_environment_equals_single_ones(cells):
    vector = make_vec(cells, 3)
    observations, _ = vector.reset(seed=1)
    found = [observations]
    infos = []
    for action in actions(4):
        observations, _, _, _, info = vector.step(np.tile(action, (3, 1)))
        found.append(observations)
        infos.append(info)
    assert infos[-1]["device"].tolist() == ["cl1"] * 3
    for i in (0, 2):
        env = make(cells)
        for k, (observation, _, _) in enumerate(play(env, seed=1 + i)):
            np.testing.assert_array_equal(found[k][i], observation)
        env.close()
    vector.close()


@pytest.mark.slow
def test_the_suite_of_conformance_passes():
    options = OPTIONS | {"system": "device_cultures:small_system", "device": "cl1"}
    assert conform("livn/Culture-v0", **options) == list(CHECKS)


def test_a_restart_is_exact_and_trials_differ(cells):
    env = make(cells)
    first = play(env, seed=3)
    second = play(env, seed=None)
    same(first, play(env, seed=3))
    assert any((a[0] != b[0]).any() for a, b in zip(first, second, strict=True))
    assert noise_seed(3, 0) != noise_seed(3, 1)
    env.close()


def test_a_saved_state_continues_exactly(cells):
    vector = make_vec(cells, 2)
    vector.reset(seed=1)
    steps = np.stack([actions(6), actions(6)[::-1]], axis=1)
    for action in steps[:3]:
        vector.step(action)
    saved = pickle.loads(pickle.dumps(vector.state()))
    expected = [vector.step(action)[:4] for action in steps[3:]]
    vector.close()
    other = make_vec(cells, 2)
    other.set_state(saved)
    for action, results in zip(steps[3:], expected, strict=True):
        for one, two in zip(other.step(action)[:4], results, strict=True):
            np.testing.assert_array_equal(one, two)
    other.close()


def test_a_copy_continues_as_the_original(cells):
    env = make(cells)
    play(env, num_steps=2)
    twin = copy.deepcopy(env)
    for action in actions(3):
        one, two = env.step(action), twin.step(action)
        np.testing.assert_array_equal(one[0], two[0])
        assert one[1:] == two[1:]
    env.close()
    twin.close()


def test_a_spec_travels_and_its_hash_depends_on_the_device():
    spec = pickle.loads(pickle.dumps(LoopSpec.of("EI3", "rate_tracking", device=device_profile.find("cl1"))))
    assert spec.device.hash == device_profile.find("cl1").hash
    env_spec = copy.deepcopy(gym.spec("livn/EI3-v0"))  # the registry's own would change for all
    env_spec.kwargs["device"] = "cl1"
    assert "cl1" in env_spec.to_json()


def test_another_graph_has_the_same_electrodes():
    env = gym.make("livn/EI3-v0", device="cl1", graph_seed=5, settle_ms=200.0, target_hz=[4.0, 5.0]).unwrapped
    info = env.reset(seed=1)[1]
    assert (env.action_space.shape, info["device"]) == ((59,), "cl1")
    env.close()


def test_conditions_act_before_the_detection(cells):
    env = make(cells, conditions=["poisson_culture"], task={"name": "rate_tracking", "target_hz": [4.0, 5.0]})
    assert play(env, num_steps=1)[-1][2]["rate_hz"] >= 0.0
    env.close()
    cut = make(cells, conditions=["synapses_cut"], task={"name": "rate_tracking", "target_hz": [4.0, 5.0]})
    intact = make(cells, task={"name": "rate_tracking", "target_hz": [4.0, 5.0]})
    spikes = [sum(info["synaptic_spikes"] for *_, info in play(env)) for env in (cut, intact)]
    assert spikes[0] < spikes[1]
    cut.close()
    intact.close()


def test_nobody_stimulates_by_hand_beyond_the_device(cells):
    pytest.importorskip("websockets")
    from livn_gym.serve import messages
    from livn_gym.serve.agent_catalog import AgentCatalog
    from livn_gym.serve.session import LiveSession

    options = OPTIONS | {"system": cells, "device": "cl1"}
    with LiveSession("livn/Culture-v0", AgentCatalog(), "random", paused=True, options=options) as session:
        session.submit(messages.Step()).result(60)
        assert session.view.scene.system.num_neurons == 59
        with pytest.raises(InvalidInput, match="not within the limits of cl1"):
            session.submit(messages.Stimulate((3,), 15.0, 1)).result(60)


def test_a_picture_shows_channels(cells):
    pytest.importorskip("matplotlib")
    env = make(cells, render_mode="rgb_array")
    play(env, num_steps=1)
    assert env.render().shape == (640, 960, 3)
    env.close()


# An Env of one's own


def test_a_culture_of_ones_own_needs_the_devices_electrodes(cells):
    array = device_array(device_profile.find("cl1"), cells)
    own = livn_gym.make(cells, params="EI2", io=array, profile="fast")
    env = gym.make("livn/Culture-v0", env=own, device="cl1", step_ms=200.0, settle_ms=200.0).unwrapped
    reference = make(cells)
    for (one, _, _), (two, _, _) in zip(play(env), play(reference), strict=True):
        np.testing.assert_array_equal(one, two)
    env.close()
    reference.close()
    whole = livn_gym.make(cells, params="EI2")
    with pytest.raises(InvalidInput, match="not the 59 usable ones of cl1.*device_array"):
        gym.make("livn/Culture-v0", env=whole, device="cl1", step_ms=200.0)
    whole.close()
