import inspect
import subprocess
import sys

import numpy as np
import pytest

from livn_gym import decoding
from livn_gym.decoding import ChannelRecording, Decoding, MeanFiringRate
from livn_gym.errors import InvalidInput, NotRecorded, UnknownName

# Decodings that are made of others need them as arguments; a long run suits all of the rest.
WRAPPERS = {"combine", "pipe"}


@pytest.mark.parametrize("name", sorted(set(decoding.names()) - WRAPPERS))
def test_every_decoding_can_be_made_by_name(env, name):
    made = decoding.make(name, duration=2000)
    assert isinstance(made, Decoding)
    assert made.duration == 2000.0
    assert inspect.getdoc(type(made))
    assert type(made).__name__ in decoding.__all__


@pytest.mark.parametrize("name", sorted(set(decoding.names()) - WRAPPERS))
def test_every_space_holds_what_the_decoding_gives(env, recording_of, name):
    made = decoding.make(name, duration=2000)
    soma = np.random.default_rng(0).normal(size=(1, 6, 4000))
    fields = {"current_gid": np.arange(6), "current_soma": soma, "current_dendrite": -soma}
    result = made(env, *recording_of([[(0, 5.0), (4, 1500.0)]], 2000.0, 0.5, **fields))
    try:
        space = made.observation_space(env)
    except NotImplementedError as error:
        assert type(made).__name__ in str(error)  # it says whose space is missing
    else:
        assert space.contains(result)


def test_objects_and_classes_are_taken_too():
    made = MeanFiringRate(100)
    assert decoding.make(made) is made
    assert decoding.make(MeanFiringRate, duration=50, population="EXC").population == "EXC"


def test_unknown_names_and_options_are_errors():
    with pytest.raises(UnknownName, match="Did you mean 'mean_firing_rate'"):
        decoding.make("mean_fireing_rate", duration=100)
    with pytest.raises(InvalidInput, match="duration"):
        decoding.make("mean_firing_rate")


def test_abstract_helpers_are_no_decodings():
    assert not {"decoding", "spike_decoding", "rate_decoding"} & set(decoding.names())


def test_importing_decodings_is_light():
    heavy = "scipy mrestimator numba torch neuron mpi4py matplotlib".split()
    code = f"import sys, livn_gym.decoding; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_channel_recording_sorts_spikes_by_electrode(env, recording_of):
    run = recording_of([[(3, 1.0), (0, 2.0), (5, 3.0), (1, 4.0)], []])
    channel, t = ChannelRecording(1000)(env, *run.culture(0))
    assert channel.tolist() == [1, 0, 0]  # no electrode records cell 5
    assert t.tolist() == [1.0, 2.0, 4.0]
    assert [len(times) for _, times in ChannelRecording(1000).decode(env, run)] == [3, 0]
    with pytest.raises(NotRecorded):
        ChannelRecording(1000)(env, None, None)
