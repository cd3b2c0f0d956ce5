"""Direct and synaptic spikes by definition, against copies of the same cultures without synapses."""

import numpy as np
import pytest

import livn_gym
from livn_gym.blanking import BLANK_MS, blanked
from livn_gym.current_flow import CurrentFlow
from livn_gym.stimulus import Stimulus

RUN_MS = 40.0


def spikes(recording):
    """Culture, cell and step of every spike."""
    step = np.rint(recording.spike_t / recording.dt_ms).astype(int)
    return set(zip(recording.spike_culture.tolist(), recording.spike_gid.tolist(), step.tolist(), strict=True))


@pytest.fixture(scope="module")
def copies():
    """One pulse of a random amplitude at every electrode of 8 cultures: intact, without synapses, without the pulse."""
    with livn_gym.make("EI2", num_cultures=8, seed=5, profile="fast").record_spikes() as env:
        env.run(1500.0)
        amplitudes = np.random.default_rng(0).uniform(0.0, 15.0, (8, 16))
        stimulus = Stimulus.pulse_train(amplitudes, duration_ms=RUN_MS, rate_hz=25.0)
        snapshot = env.save_state()
        intact = env.run(RUN_MS, stimulus)
        cut = []
        for given in (stimulus, None):
            env.load_state(snapshot)
            env.set_params({f"weight-{name}": 0.0 for name in env.system.weight_names})
            cut.append(env.run(RUN_MS, given))
        return env.electrodes, stimulus, intact, *cut


def test_direct_spikes_are_those_of_the_copy_without_synapses(copies):
    """The same cells at the same time steps: the first synaptic spikes come later than 0.8 ms after a pulse."""
    electrodes, stimulus, intact, cut, _ = copies
    direct, own, until = [], [], 0.4 + 0.8
    for found, recording in ((direct, intact), (own, cut)):
        near = recording.where(recording.spike_t < until - 1e-6)
        found.extend(spikes(near))
        assert CurrentFlow(recording, stimulus, electrodes).direct(recording).sum() == len(near.spike_t)
    assert len(direct) > 200
    assert len(set(direct) & set(own)) >= 0.99 * len(direct) and len(own) <= 1.01 * len(direct)


def test_without_synapses_nothing_later_is_evoked(copies):
    _, _, *recordings = copies
    intact, cut, quiet = (np.count_nonzero(recording.spike_t >= 1.2) for recording in recordings)
    assert intact > 500
    assert cut - quiet <= 0.02 * intact, "the pulse adds next to no spikes to noise"


def test_default_blanking_hides_direct_spikes_and_leaves_synaptic_ones(copies):
    electrodes, stimulus, intact, cut, quiet = copies
    visible, without, alone = (
        len(blanked(recording, stimulus, electrodes, BLANK_MS)[0].spike_t) for recording in (intact, cut, quiet)
    )
    direct = CurrentFlow(intact, stimulus, electrodes).direct(intact).sum()
    assert without - alone <= 0.05 * direct
    assert visible > 0.8 * (len(intact.spike_t) - direct)
