"""Laws that hold for every decoding: a batch is its cultures, and the six arrays are one culture's recording."""

import inspect
from collections.abc import Mapping

import numpy as np
import pytest

from livn_gym import decoding
from livn_gym.blanked_times import Blanking
from livn_gym.blanking import blanked
from livn_gym.decoding import (
    ChannelRates,
    Combine,
    Decoding,
    GatherAndMerge,
    LFPBandPower,
    MeanFiringRate,
    Pipe,
    Slice,
    culture_result,
    stack_by_name,
)
from livn_gym.env import Env
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus

DURATION_MS = 2000.0
MADE = {name: decoding.make(name, duration=DURATION_MS) for name in decoding.names() if name not in ("combine", "pipe")}
COMPOSED = {
    "combine": Combine({"a": ChannelRates(DURATION_MS), "b": decoding.make("burst_detection", duration=DURATION_MS)}),
    "pipe": Pipe([MeanFiringRate(DURATION_MS), lambda result: result["rates_hz"], np.sum]),
    "pipe of recordings": Pipe([Slice(DURATION_MS, 0, 1000), lambda part: part.select([0, 1]), MeanFiringRate(1000)]),
    "slice of powers": Slice(DURATION_MS, 500, 1500, LFPBandPower(1000)),
    "gather of channels": GatherAndMerge(DURATION_MS, decoding.make("channel_recording", duration=DURATION_MS)),
}
ALL = MADE | COMPOSED


def same(one, other):
    """Two results are equal to the last bit and of the same types."""
    assert type(one) is type(other)
    if isinstance(one, Recording | Blanking):
        for name in one.__dataclass_fields__:
            first, second = getattr(one, name), getattr(other, name)
            if isinstance(first, Blanking):
                same(first, second)
            else:
                np.testing.assert_array_equal(first, second, err_msg=name)
    elif isinstance(one, Mapping):
        assert list(one) == list(other)
        for name in one:
            same(one[name], other[name])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for first, second in zip(one, other, strict=True):
            same(first, second)
    else:
        np.testing.assert_array_equal(one, other)
        assert getattr(one, "dtype", None) == getattr(other, "dtype", None)


@pytest.fixture(scope="module")
def run(recording_of):
    """Three cultures of 2 s: one with a burst and 900 spikes, one silent, one with a few spikes; with all traces."""
    rng = np.random.default_rng(1)
    busy = [(int(gid), t) for gid, t in zip(rng.integers(0, 6, 900), rng.uniform(0, DURATION_MS, 900), strict=True)]
    burst = [(k % 6, 700.0 + 0.25 * k) for k in range(200)]
    soma, voltage = rng.normal(size=(3, 6, 4000)), rng.normal(size=(3, 2, 4000))
    fields = {"current_gid": np.arange(6), "current_soma": soma, "current_dendrite": -soma}
    few = [(0, 5.0), (0, 15.0), (5, 1500.0)]
    return recording_of(
        [busy + burst, [], few], DURATION_MS, 0.5, voltage_gid=np.array([0, 3]), voltage_soma=voltage, **fields
    )


@pytest.mark.parametrize("name", sorted(ALL))
def test_decoding_a_batch_is_decoding_its_cultures(env, run, name):
    together = ALL[name].decode(env, run)
    for b, alone in enumerate(run.cultures):
        same(culture_result(together, b, 3), culture_result(ALL[name].decode(env, alone), 0, 1))


@pytest.mark.parametrize("name", sorted(ALL))
def test_decoding_a_blanked_batch_is_decoding_its_cultures(env, run, name):
    amplitudes = [[10.0, 5.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 8.0]]
    stimulus = Stimulus.pulse_train(amplitudes, duration_ms=DURATION_MS, rate_hz=20.0, phase_ms=0.5)
    recorded, _ = blanked(run, stimulus, env.electrodes, (45.0, 10.0))
    assert len(recorded.spike_t) < len(run.spike_t) and not recorded.blanking.recorded.all()
    together = ALL[name].decode(env, recorded)
    for b, alone in enumerate(recorded.cultures):
        same(culture_result(together, b, 3), culture_result(ALL[name].decode(env, alone), 0, 1))


@pytest.mark.parametrize("name", sorted(ALL))
def test_six_arrays_are_decoded_as_their_recording(env, run, name):
    env.dt = run.dt_ms
    for alone in run.cultures:
        same(ALL[name](env, *alone), culture_result(ALL[name].decode(env, alone), 0, 1))


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_run_of_another_length_is_refused(env, run, name):
    with pytest.raises(InvalidInput, match=r"decodes runs of 2000 ms, this one lasts 1000 ms"):
        MADE[name].decode(env, run.slice(0, 1000))


def test_an_env_gives_one_culture_its_result_alone_and_a_batch_all(env, run, monkeypatch):
    every = Combine({name: made for name, made in MADE.items() if name != "lfp_band_power"})
    with Env(env.system, num_cultures=3) as batch, Env(env.system) as single:
        monkeypatch.setattr(Env, "run", lambda self, *_: run if self.num_cultures > 1 else run.culture(0))
        together, alone = batch(every), single(every)
        same(together, every.decode(batch, run))
        same(alone, culture_result(together, 0, 3))
        assert isinstance(alone["mean_firing_rate"]["rate_hz"], float)
        assert alone["mean_firing_rate"]["rates_hz"].shape == (6,)


def test_subclasses_write_decode_and_nothing_else():
    """The call with six arrays is the base class's for every decoding."""
    for made in ALL.values():
        assert type(made).__call__ is Decoding.__call__
        assert list(inspect.signature(type(made).decode).parameters) == ["self", "view", "recording"]


def test_results_in_no_known_form_are_refused(env, run):
    class Tuples(Decoding):
        def decode(self, view, recording):
            return tuple(range(recording.num_cultures))

    class Forgetful(Decoding):
        def decode(self, view, recording):
            return np.zeros(6)

    alone = run.culture(0)
    with pytest.raises(InvalidInput, match=r"B = 1 cultures must be an array \[B, ...\], a list .*, got \(0,\)"):
        Tuples(DURATION_MS)(env, *alone)
    with pytest.raises(InvalidInput, match=r"got an array \(6,\)"):
        Forgetful(DURATION_MS)(env, *alone)
    with pytest.raises(InvalidInput, match=r"B = 2 cultures must be .*, got 1.5"):
        culture_result(1.5, 0, 2)
    with pytest.raises(InvalidInput, match=r"culture must lie in 0 ... 1, got 2"):
        culture_result([1, 2], 2, 2)


def test_dicts_of_cultures_become_a_dict_of_arrays_and_lists():
    results = [{"n": 1, "x": [1.0, 2.0], "t": [0.5]}, {"n": 2, "x": [3.0, 4.0], "t": []}]
    stacked = stack_by_name(results, lists=("t",))
    assert stacked["n"].tolist() == [1, 2] and stacked["x"].shape == (2, 2) and stacked["t"] == [[0.5], []]
    assert [culture_result(stacked, b, 2)["n"] for b in range(2)] == [1, 2]
    assert type(culture_result(stacked, 0, 2)["n"]) is int
    for wrong in ([], [{"n": 1}, {"m": 1}]):
        with pytest.raises(InvalidInput, match="dicts with the same keys"):
            stack_by_name(wrong)
