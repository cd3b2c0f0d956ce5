import numpy as np
import pytest
from gymnasium import spaces

from livn_gym.decoding import ChannelRates, Combine, LFPBandPower, MeanFiringRate, Pipe, PopulationRates, Slice
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording

TRAIN = [(0, 0.0), (0, 250.0), (3, 499.9), (5, 500.0), (1, 749.9), (2, 750.0)]


def test_slice_decodes_its_part_only(env, recording_of):
    decoding = Slice(1000, 250, 750, MeanFiringRate(500))
    assert decoding.duration == 1000.0
    result = decoding(env, *recording_of([TRAIN]))
    assert result["rates_hz"].tolist() == [2.0, 2.0, 0.0, 2.0, 0.0, 2.0]


def test_slice_without_a_decoding_is_a_recording(env, recording_of):
    voltage = np.arange(20_000.0).reshape(1, 2, 10_000)
    run = recording_of([TRAIN], voltage_gid=np.array([0, 4]), voltage_soma=voltage)
    part = Slice(1000, 250, 750)(env, *run)
    assert isinstance(part, Recording)
    assert part.duration_ms == 500.0
    assert part.spike_gid.tolist() == [0, 3, 5, 1]
    assert np.allclose(part.spike_t, [0.0, 249.9, 250.0, 499.9])
    assert np.array_equal(part.voltage, voltage[..., 2500:7500])
    assert Slice(1000, 250)(env, *run).spike_gid.tolist() == [0, 3, 5, 1, 2]


def test_slices_of_a_batch(env, recording_of):
    run = recording_of([TRAIN, [], [(4, 300.0)]])
    rates = Slice(1000, 250, 750, PopulationRates(500)).decode(env, run)
    assert rates.tolist() == [[1.5, 1.0], [0.0, 0.0], [0.0, 1.0]]
    assert Slice(1000, 250, 750).decode(env, run).num_cultures == 3


def test_two_slices_make_the_whole(env, recording_of):
    run = recording_of([TRAIN])
    parts = [Slice(1000, a, a + 500, MeanFiringRate(500))(env, *run)["rates_hz"] for a in (0, 500)]
    assert np.allclose(np.mean(parts, axis=0), MeanFiringRate(1000)(env, *run)["rates_hz"])


def test_a_slice_has_the_space_of_what_it_decodes(env):
    assert Slice(1000, 0, 500, ChannelRates(500)).observation_space(env).shape == (3,)
    with pytest.raises(NotImplementedError, match="Slice has no observation space"):
        Slice(1000, 0, 500).observation_space(env)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1000, 500, 400), r"0 ... 1000 ms, got 500 ... 400"),
        ((1000, 0, 1001), r"0 ... 1000 ms, got 0 ... 1001"),
        ((1000, -1.0, 10), "start"),
        ((1000, 0, 500, MeanFiringRate(1000)), "lasts 500 ms, MeanFiringRate decodes 1000 ms"),
    ],
)
def test_impossible_slices_are_errors(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        Slice(*arguments)


def test_a_longer_run_is_not_cut_silently(env, recording_of):
    with pytest.raises(InvalidInput, match=r"500 ms has spikes at 0 ... 750 ms"):
        Slice(500, 0, 100)(env, *recording_of([TRAIN]))


def test_pipe_calls_functions_on_the_result(env, recording_of):
    decoding = Pipe([MeanFiringRate(1000), lambda result: result["rates_hz"], np.sum])
    assert decoding.duration == 1000.0
    assert decoding(env, *recording_of([TRAIN])) == 6.0
    assert decoding.decode(env, recording_of([TRAIN, [(1, 5.0)]])) == [6.0, 1.0]


def test_pipe_passes_recordings_on_to_decodings(env, recording_of):
    decoding = Pipe([Slice(1000, 250, 750), Slice(500, 0, 250), PopulationRates(250)])
    assert decoding(env, *recording_of([TRAIN])).tolist() == [2.0, 0.0]
    assert isinstance(decoding.observation_space(env), spaces.Box)


def test_impossible_pipes_are_errors(env, recording_of):
    for stages in ([], [np.sum], [MeanFiringRate(100), "mean"]):
        with pytest.raises(InvalidInput, match="a decoding followed by"):
            Pipe(stages)
    with pytest.raises(InvalidInput, match="PopulationRates decodes a recording, the stage before it gave"):
        Pipe([MeanFiringRate(1000), PopulationRates(1000)])(env, *recording_of([TRAIN]))
    with pytest.raises(InvalidInput, match="runs of 1000 ms, this one lasts 500 ms"):
        Pipe([Slice(1000, 0, 500), PopulationRates(1000)])(env, *recording_of([TRAIN]))
    with pytest.raises(NotImplementedError, match="Pipe has no"):
        Pipe([MeanFiringRate(100), np.sum]).observation_space(env)


def test_combine_gives_every_result_by_name(env, recording_of):
    decoding = Combine({"channels": ChannelRates(1000), "populations": PopulationRates(1000)})
    run = recording_of([TRAIN, []])
    alone = decoding(env, *run.culture(0))
    assert alone["populations"].tolist() == [1.25, 0.5]
    assert decoding.observation_space(env).contains(alone)
    together = decoding.decode(env, run)
    assert together["channels"].shape == (2, 3)
    assert np.array_equal(together["channels"][0], alone["channels"])


def test_impossible_combinations_are_errors(env):
    with pytest.raises(InvalidInput, match="at least one"):
        Combine({})
    with pytest.raises(InvalidInput, match="'b' shares with others lasts 100 ms, PopulationRates decodes 200 ms"):
        Combine({"a": ChannelRates(100), "b": PopulationRates(200)})
    with pytest.raises(NotImplementedError, match="MeanFiringRate has no"):
        Combine({"a": MeanFiringRate(100)}).observation_space(env)


def test_traces_survive_slicing_and_six_arrays(env, recording_of):
    soma = np.sin(2 * np.pi * 10.0 * np.arange(10_000) / 5000.0)[None, None]
    fields = {"current_gid": np.array([0]), "current_soma": soma, "current_dendrite": -soma}
    run = recording_of([[]], 2000.0, 0.2, **fields)
    power = Slice(2000, 500, 1500, LFPBandPower(1000))(env, *run)
    assert np.allclose(power, LFPBandPower(2000)(env, *run), rtol=1e-3, atol=1e-12)
