"""Closed loops over plants: cultures behind a device in place of simulated ones."""

import gymnasium as gym
import numpy as np
import pytest
from device_cultures import OPTIONS, ChannelPlant, play, small_system

from livn_gym.errors import InvalidInput, UnknownName, UnsupportedModel


def test_a_loop_over_a_plant_equals_the_simulated_device():
    simulated = gym.make("livn/Culture-v0", system=small_system(), device="cl1", **OPTIONS).unwrapped
    expected = play(simulated)
    simulated.close()
    plant = ChannelPlant()
    env = gym.make("livn/Culture-v0", plant=plant, step_ms=200.0, settle_ms=200.0).unwrapped
    assert env.culture is plant and env.device.name == "cl1"
    for (one, reward, info), (two, other_reward, other) in zip(play(env), expected, strict=True):
        np.testing.assert_array_equal(one, two)
        assert reward == other_reward
        assert (info["params"], info["params_hash"], info["device"]) == ("", "", "cl1")
        assert info["charge_nC"] == other["charge_nC"]
    env.close()
    assert plant.closed


def test_a_plant_is_made_from_a_reference_with_options():
    reference = {"name": "device_cultures:ChannelPlant", "profile": "cl1"}
    env = gym.make("livn/Culture-v0", plant=reference, step_ms=200.0, settle_ms=0.0, task="burst_suppression").unwrapped
    assert isinstance(env.culture, ChannelPlant)
    env.close()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"device": "cl1"}, InvalidInput, "plant= or device="),
        ({"params": "EI2"}, InvalidInput, "params are of simulated cultures"),
        ({"randomize": {"weight-*": [0.5, 2.0]}}, InvalidInput, "randomize are of simulated"),
        ({"graph_seed": 3}, InvalidInput, "graph_seed is of simulated"),
        ({"graph_seed": "resample"}, InvalidInput, "graph_seed is of simulated"),
        ({"observation": "cells"}, InvalidInput, "must be 'channels'"),
        ({"conditions": ["synapses_cut"]}, InvalidInput, "SynapsesCut changes parameters"),
        ({"task": "opto_clamp"}, InvalidInput, "lights"),
        ({"plant": "clone"}, UnknownName, "plant 'clone'"),
        ({"plant": {"profile": "cl1"}}, InvalidInput, "needs a 'name'"),
        ({"plant": dict}, InvalidInput, "must be or make a plant"),
        ({"plant": {"name": ChannelPlant, "profil": "cl1"}}, TypeError, "profil"),
    ],
)
def test_what_a_plant_does_not_have_is_refused(options, error, message):
    given = {"plant": ChannelPlant, "step_ms": 200.0, "settle_ms": 0.0} | options
    with pytest.raises(error, match=message):
        gym.make("livn/Culture-v0", **given)


def test_a_plant_has_no_snapshots_and_as_many_cultures_as_it_has():
    options = {"step_ms": 200.0, "settle_ms": 0.0, "plant": ChannelPlant}
    with pytest.raises(InvalidInput, match="2 cultures were asked for, the plant has 1"):
        gym.make_vec("livn/Culture-v0", 2, **options)
    vector = gym.make_vec("livn/Culture-v0", 1, **options)
    vector.reset(seed=1)
    with pytest.raises(UnsupportedModel, match="no snapshots"):
        vector.state()
    vector.close()
