"""``Env.__call__`` of one culture decodes the recording itself, as that of a batch does."""

import numpy as np
import pytest

from livn_gym import make
from livn_gym.decoding import Combine, GatherAndMerge, LFPBandPower, Pipe, Slice
from livn_gym.errors import InvalidInput
from livn_gym.stimulus import Stimulus

DURATION_MS = 200.0
BANDS = {"slow": (10.0, 50.0), "fast": (50.0, 200.0)}


def lfp(duration_ms=DURATION_MS):
    return LFPBandPower(duration_ms, BANDS, segment_ms=100.0)


def injected(num_cultures=1):
    """A culture into whose somata a current is injected, so that soma and dendrite do not sum to 0."""
    env = make("EI1", num_cultures=num_cultures, seed=3)
    return env.record_spikes().record_membrane_current(sample_ms=0.5)


@pytest.fixture(scope="module")
def stimulus():
    wave = 0.3 * np.sin(2 * np.pi * 40.0 * np.arange(200) / 1000.0)
    return Stimulus(np.repeat(wave[:, None], 10, axis=1), 1.0)


@pytest.fixture(scope="module")
def recording(stimulus):
    with injected() as env:
        recording = env.run(DURATION_MS, stimulus)
    assert np.abs(recording.current_soma + recording.current_dendrite).max() > 0.1
    return recording


def test_band_powers_are_those_of_both_compartments(stimulus, recording):
    with injected() as env, injected(2) as batch:
        single, both = env(lfp(), stimulus), batch(lfp(), stimulus)
        np.testing.assert_array_equal(single, lfp().decode(env, recording)[0])
        np.testing.assert_array_equal(single, both[0])
        # the six arrays hold one compartment, and say something else here
        assert not np.allclose(lfp()(env, *recording), single, rtol=0.01)


@pytest.mark.parametrize(
    "decoding",
    [
        Slice(DURATION_MS, 50.0, 150.0),
        Pipe([Slice(DURATION_MS, 50.0, 150.0)]),
        GatherAndMerge(DURATION_MS, Slice(DURATION_MS, 50.0, 150.0)),
    ],
)
def test_a_part_of_the_run_has_both_currents(decoding, stimulus, recording):
    with injected() as env:
        part, expected = env(decoding, stimulus), recording.slice(50.0, 150.0)
    np.testing.assert_array_equal(part.current_soma, expected.current_soma)
    np.testing.assert_array_equal(part.current_dendrite, expected.current_dendrite)


def test_decodings_within_decodings_see_both_currents(stimulus, recording):
    inner = lfp(100.0)
    with injected() as env:
        expected = inner.decode(env, recording.slice(0.0, 100.0))[0]
        named = Combine({"part": Slice(DURATION_MS, 0.0, 100.0, inner), "whole": lfp()})
        result = env(named, stimulus)
        np.testing.assert_array_equal(result["part"], expected)
        np.testing.assert_array_equal(result["whole"], lfp().decode(env, recording)[0])
        piped = injected()(Pipe([Slice(DURATION_MS, 0.0, 100.0), inner]), stimulus)
        np.testing.assert_array_equal(piped, expected)


def test_functions_encode_and_whatever_has_a_duration_decodes():
    """The reference page asks for ``encoding(env, duration, inputs)`` and ``decoding(env, *recording)``, no more."""

    class Counting:
        duration = 100.0

        def __call__(self, env, it, t, iv, v, im, mp):
            return len(it), v, mp

    def pulses(env, duration, inputs):
        return Stimulus.pulse_train([inputs], duration_ms=duration)

    with make("EI1", seed=3) as env, make("EI1", seed=3) as twin:
        env.record_spikes()
        twin.record_spikes()
        spikes = len(twin.run(100.0, Stimulus.pulse_train([7.5], duration_ms=100.0)).spike_t)
        assert env(Counting(), 7.5, pulses) == (spikes, None, None) and spikes > 0
        with pytest.raises(InvalidInput, match="duration"):
            env(lambda *recording: None)
        with pytest.raises(InvalidInput, match="encoding"):
            env(Counting(), 7.5, 3)
    with make("EI1", num_cultures=2) as batch, pytest.raises(InvalidInput, match="Decoding"):
        batch(Counting())
