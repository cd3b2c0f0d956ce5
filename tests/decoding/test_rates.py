import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from cultures import system
from hypothesis import given
from hypothesis import strategies as st

from livn_gym.decoding import ActiveFraction, ChannelRates, MeanFiringRate, PopulationRates
from livn_gym.errors import InvalidInput, NotRecorded, UnknownName
from livn_gym.io import MEA, BoundElectrodes

# Cell 0 fires three times, cell 1 once, cell 3 twice, cell 5 (INH) once.
TRAIN = [(0, 0.0), (0, 10.0), (3, 20.0), (1, 30.0), (5, 100.0), (3, 250.0), (0, 499.9)]
EMPTY = (np.array([], dtype=np.int64), np.array([]))
ALL = [MeanFiringRate, ChannelRates, PopulationRates, ActiveFraction]


def test_mean_firing_rate(env, recording_of):
    result = MeanFiringRate(500)(env, *recording_of([TRAIN], 500.0))
    assert result["rates_hz"].tolist() == [6.0, 2.0, 0.0, 4.0, 0.0, 2.0]
    assert isinstance(result["rate_hz"], float)
    assert result["rate_hz"] == pytest.approx(14 / 6)


def test_mean_firing_rate_agrees_with_elephant(env, recording_of):
    import quantities as pq
    from elephant.statistics import mean_firing_rate
    from neo import SpikeTrain

    result = MeanFiringRate(500)(env, *recording_of([TRAIN], 500.0))
    for cell in range(6):
        train = SpikeTrain([t for gid, t in TRAIN if gid == cell] * pq.ms, t_stop=500.0 * pq.ms)
        assert result["rates_hz"][cell] == pytest.approx(float(mean_firing_rate(train).rescale("Hz")), abs=1e-12)


def test_mean_firing_rate_of_one_population_looks_at_its_cells_only(env, recording_of):
    result = MeanFiringRate(500, population="INH")(env, *recording_of([TRAIN], 500.0))
    assert result["rates_hz"].tolist() == [0.0, 2.0]
    assert result["rate_hz"] == 1.0
    with pytest.raises(UnknownName, match="'EXC', 'INH'"):
        MeanFiringRate(500, population="exc")(env, *recording_of([TRAIN], 500.0))


def test_channel_rates_sum_over_the_cells_an_electrode_records(env, recording_of):
    rates = ChannelRates(500)(env, *recording_of([TRAIN], 500.0))
    assert rates.dtype == np.float32
    assert rates.tolist() == [8.0, 4.0, 0.0]  # cells 0 and 1; cell 3; none


def test_channel_rates_count_a_cell_between_two_electrodes_at_both(env, recording_of):
    mea = MEA([[0.0, 0.0, 0.0], [20.0, 0.0, 0.0]], output_radius=50.0).bind(env.system)
    env.electrodes = BoundElectrodes(mea, env.electrodes.geometry)
    assert ChannelRates(500)(env, *recording_of([TRAIN], 500.0)).tolist() == [6.0, 6.0]


def test_channel_rates_notice_another_interface(env, recording_of):
    decoding = ChannelRates(500)
    decoding(env, *recording_of([TRAIN], 500.0))
    mea = MEA([[300.0, 0.0, 0.0]], output_radius=10.0).bind(env.system)
    env.electrodes = BoundElectrodes(mea, env.electrodes.geometry)
    assert decoding(env, *recording_of([TRAIN], 500.0)).tolist() == [4.0]


def test_channel_rates_space_holds_a_seizure(env, recording_of):
    decoding = ChannelRates(100)
    space = decoding.observation_space(env)
    assert space.shape == (3,)
    assert space.high.tolist() == [2000.0] * 3  # 1000 Hz, two cells at the first electrode
    every_ms = [(cell, float(t)) for cell in range(6) for t in range(100)]
    assert space.contains(decoding(env, *recording_of([every_ms], 100.0)))


def test_population_rates(env, recording_of):
    decoding = PopulationRates(500)
    rates = decoding(env, *recording_of([TRAIN], 500.0))
    assert rates.tolist() == [3.0, 1.0]  # six spikes of four EXC cells, one of two INH cells, in half a second
    assert decoding.observation_space(env).contains(rates)


def test_active_fraction(env, recording_of):
    assert ActiveFraction(500)(env, *recording_of([TRAIN], 500.0)) == pytest.approx(4 / 6)
    assert ActiveFraction(500, above_hz=2.0)(env, *recording_of([TRAIN], 500.0)) == pytest.approx(2 / 6)


@pytest.mark.parametrize("decoding", [cls(500) for cls in ALL], ids=lambda d: type(d).__name__)
def test_no_spikes_mean_zero(env, decoding):
    result = decoding(env, *EMPTY)
    values = np.concatenate([np.ravel(v) for v in result.values()]) if isinstance(result, dict) else np.ravel(result)
    assert not values.any()


@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.floats(0.0, 499.0)), max_size=20), min_size=1, max_size=4))
def test_spikes_are_neither_lost_nor_made(recording_of, trains):
    env = SimpleNamespace(system=system(4, 2))
    rates = MeanFiringRate(500).decode(env, recording_of(trains, 500.0))["rates_hz"]
    assert rates.shape == (len(trains), 6)
    assert np.allclose(rates.sum(axis=1) * 0.5, [len(train) for train in trains])


@pytest.mark.parametrize("cls", ALL)
def test_spikes_that_were_not_recorded_are_an_error(env, cls):
    with pytest.raises(NotRecorded, match=f"{cls.__name__} needs spikes"):
        cls(100)(env, None, None)


def test_impossible_spikes_are_errors(env):
    decoding = MeanFiringRate(100)
    with pytest.raises(InvalidInput, match="in a system of 6 cells"):
        decoding(env, np.array([6]), np.array([1.0]))
    with pytest.raises(InvalidInput, match="run of 100 ms has spikes at 1 ... 100 ms"):
        decoding(env, np.array([0, 1]), np.array([1.0, 100.0]))
    with pytest.raises(InvalidInput, match="one cell and one time for every spike"):
        decoding(env, np.array([0, 1]), np.array([1.0]))


def test_a_run_of_another_length_is_an_error(env, recording_of):
    with pytest.raises(InvalidInput, match="runs of 100 ms, this one lasts 500 ms"):
        MeanFiringRate(100).decode(env, recording_of([[]], 500.0))


@pytest.mark.parametrize("duration", [0, -5.0, float("nan"), "long"])
def test_a_duration_that_is_no_length_is_an_error(duration):
    with pytest.raises(InvalidInput, match="duration"):
        MeanFiringRate(duration)


def test_no_space_is_said_so(env):
    with pytest.raises(NotImplementedError, match="ActiveFraction has no observation space"):
        ActiveFraction(100).observation_space(env)


def test_pickling_leaves_the_interface_behind(env, recording_of):
    decoding = ChannelRates(500)
    size = len(pickle.dumps(decoding))
    expected = decoding(env, *recording_of([TRAIN], 500.0))
    assert len(pickle.dumps(decoding)) == size
    assert np.array_equal(pickle.loads(pickle.dumps(decoding))(env, *recording_of([TRAIN], 500.0)), expected)
