"""Closed loops over plants: cultures behind a device in place of simulated ones."""

from abc import ABC, abstractmethod

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


class Unfinished:
    """A plant that nobody has finished."""

    def run(self, duration, stimulus=None, *, cultures=None):
        """Do nothing."""


class Abstract(ABC):
    """A base class of plants."""

    @abstractmethod
    def run(self, duration, stimulus=None, *, cultures=None):
        """Run the cultures."""


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"plant": Abstract}, InvalidInput, "Abstract lacks: run"),
        ({"plant": Unfinished()}, InvalidInput, "Unfinished.*lacks: clear, close, dt, .*profile"),
        ({"plant": Unfinished}, InvalidInput, "Unfinished.*lacks: clear, close, dt, .*profile"),
        ({"device": "cl1"}, InvalidInput, "plant= or device="),
        ({"params": "EI2"}, InvalidInput, "leave out params.*'simulated'"),
        ({"randomize": {"weight-*": [0.5, 2.0]}}, InvalidInput, "leave out randomize"),
        ({"graph_seed": 3}, InvalidInput, "leave out graph_seed"),
        ({"graph_seed": "resample"}, InvalidInput, "leave out graph_seed"),
        ({"observation": "cells"}, InvalidInput, "must be 'channels'"),
        ({"conditions": ["synapses_cut"]}, InvalidInput, "SynapsesCut changes parameters"),
        ({"task": "opto_clamp"}, InvalidInput, "lights"),
        ({"plant": "clone"}, UnknownName, "plant 'clone'"),
        ({"plant": {"profile": "cl1"}}, InvalidInput, "needs a 'name'"),
        ({"plant": dict}, InvalidInput, "plant must be one of .*'simulated'.* which makes {}"),
        ({"plant": 5}, InvalidInput, "plant must be one of .*'simulated'.* got 5"),
        (
            {"plant": {"name": ChannelPlant, "profil": "cl1"}},
            TypeError,
            "The plant ChannelPlant .*Did you mean 'profile'",
        ),
        ({"plant": {"name": ChannelPlant, "all_tasks": "yes"}}, InvalidInput, "all_tasks must be True or False"),
        (
            {"task": "discrimination", "step_ms": 500.0},
            InvalidInput,
            "Discrimination is not offered with cl1.*half.*plant=",
        ),
        ({"task": "opto_clamp", "plant": {"name": ChannelPlant, "all_tasks": False}}, InvalidInput, "lights"),
    ],
)
def test_what_a_plant_does_not_have_is_refused(options, error, message):
    given = {"plant": ChannelPlant, "step_ms": 200.0, "settle_ms": 0.0} | options
    with pytest.raises(error, match=message):
        gym.make("livn/Culture-v0", **given)


def test_a_task_that_channels_cannot_drive_is_refused_and_the_plant_closed():
    plant = ChannelPlant()
    options = {"task": "discrimination", "step_ms": 500.0, "settle_ms": 0.0}
    with pytest.raises(InvalidInput, match="not offered with cl1"):
        gym.make("livn/Culture-v0", plant=plant, **options)
    assert not plant.closed  # an object was refused before it became the environment's
    env = gym.make("livn/Culture-v0", plant={"name": plant, "all_tasks": True}, **options).unwrapped
    assert env.action_space.shape == (59,)
    env.close()
    assert plant.closed


def test_a_plant_has_no_snapshots_and_as_many_cultures_as_it_has():
    options = {"step_ms": 200.0, "settle_ms": 0.0, "plant": ChannelPlant}
    with pytest.raises(InvalidInput, match="2 cultures were asked for, the plant has 1"):
        gym.make_vec("livn/Culture-v0", 2, **options)
    vector = gym.make_vec("livn/Culture-v0", 1, **options)
    vector.reset(seed=1)
    with pytest.raises(UnsupportedModel, match="no snapshots"):
        vector.state()
    vector.close()
