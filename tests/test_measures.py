import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn_gym import measures
from livn_gym.errors import BackendUnavailable, InvalidInput

trains = st.lists(st.tuples(st.integers(0, 4), st.floats(0.0, 999.0)), max_size=60)


def arrays(train):
    gid = np.array([cell for cell, _ in train], dtype=np.int64)
    return gid, np.array([t for _, t in train], dtype=float)


def poisson(cells, rate_hz, duration_ms, seed=0):
    rng = np.random.default_rng(seed)
    number = rng.poisson(rate_hz * duration_ms / 1000.0, size=cells)
    return np.repeat(np.arange(cells), number), rng.uniform(0.0, duration_ms, number.sum())


# Counts


def test_bins_are_closed_on_their_left_although_time_steps_are_not_exact():
    t = np.arange(40) * 0.1  # 0.1 * 3 is 0.30000000000000004, and 0.3 / 0.1 is 2.9999999999999996
    assert measures.population_counts(t, 4.0, 0.1).tolist() == [1] * 40
    assert measures.population_counts(np.array([0.0, 4.999, 5.0, 9.999]), 10.0, 5.0).tolist() == [2, 2]


def test_a_duration_must_be_whole_bins():
    assert measures.num_bins(1000.0, 0.1) == 10_000
    for duration, bin_ms in ((10.0, 3.0), (1.0, 5.0), (0.0, 1.0), (10.0, 0.0), (float("nan"), 1.0)):
        with pytest.raises(InvalidInput, match="bin|duration"):
            measures.num_bins(duration, bin_ms)


@given(trains)
def test_sparse_counts_are_the_dense_matrix(train):
    gid, t = arrays(train)
    dense = np.zeros((5, 100), dtype=int)
    for cell, time in zip(gid, t, strict=True):
        dense[cell, min(int(np.floor(time / 10.0 + 1e-9)), 99)] += 1
    cell, bin_, count = measures.cell_counts(gid, t, 1000.0, 10.0)
    sparse = np.zeros_like(dense)
    sparse[cell, bin_] = count
    assert np.array_equal(sparse, dense)
    assert np.array_equal(measures.population_counts(t, 1000.0, 10.0), dense.sum(axis=0))


# Variability


def test_intervals_of_interleaved_cells():
    cell, interval = measures.intervals(np.array([1, 0, 1, 0, 1]), np.array([30.0, 5.0, 10.0, 1.0, 11.0]))
    assert cell.tolist() == [0, 1, 1]
    assert interval.tolist() == [4.0, 1.0, 19.0]


def test_cv_of_known_trains():
    clock = [(0, 10.0 * k) for k in range(20)]
    two = [(2, t) for t in (0.0, 10.0, 40.0)]  # intervals 10 and 30: mean 20, standard deviation 10
    gid, t = arrays(clock + two + [(1, 5.0), (1, 6.0)])
    cv = measures.isi_cv(gid, t, 4, min_spikes=3)
    assert cv[0] == pytest.approx(0.0, abs=1e-12)
    assert cv[2] == pytest.approx(0.5)
    assert np.isnan(cv[[1, 3]]).all()
    assert np.isnan(measures.isi_cv(gid, t, 4, min_spikes=4)[2])


def test_cv_and_fano_factor_agree_with_elephant():
    import quantities as pq
    from elephant.statistics import cv as elephant_cv
    from elephant.statistics import fanofactor, isi
    from neo import SpikeTrain

    gid, t = poisson(5, 20.0, 10_000.0)
    cv = measures.isi_cv(gid, t, 5, min_spikes=3)
    fano = measures.cell_fano_factors(gid, t, 5, 10_000.0, 500.0)
    for cell in range(5):
        times = np.sort(t[gid == cell])
        assert cv[cell] == pytest.approx(elephant_cv(isi(times)))
        windows = [
            SpikeTrain(times[(times >= a) & (times < a + 500)] * pq.ms, t_start=a * pq.ms, t_stop=(a + 500) * pq.ms)
            for a in range(0, 10_000, 500)
        ]
        assert fano[cell] == pytest.approx(fanofactor(windows))


def test_fano_factors_of_known_trains():
    # Cell 0: counts 1, 1, 1, 1. Cell 1: counts 4, 0, 0, 0, of mean 1 and variance 3. Cell 2 is silent.
    gid, t = arrays([(0, 10.0), (0, 110.0), (0, 210.0), (0, 310.0)] + [(1, float(k)) for k in range(4)])
    assert np.array_equal(measures.cell_fano_factors(gid, t, 3, 400.0, 100.0), [0.0, 3.0, np.nan], equal_nan=True)
    assert measures.population_fano_factor(t, 400.0, 100.0) == pytest.approx(3.0 / 2.0)  # counts 5, 1, 1, 1
    assert np.isnan(measures.population_fano_factor(t[:0], 400.0, 100.0))


# Synchrony


def test_identical_cells_are_fully_synchronous():
    gid, t = arrays([(cell, time) for cell in range(4) for time in (5.0, 205.0, 206.0, 777.0)])
    assert measures.count_synchrony(gid, t, 1000.0, 10.0) == pytest.approx((1.0, 1.0))


def test_alternating_cells_are_anticorrelated():
    gid, t = arrays([(k % 2, 10.0 * k) for k in range(10)])
    correlation, chi = measures.count_synchrony(gid, t, 100.0, 10.0)
    assert correlation == pytest.approx(-1.0)
    assert chi == pytest.approx(0.0, abs=1e-12)  # together they never vary


def test_synchrony_agrees_with_elephant():
    import quantities as pq
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import correlation_coefficient
    from neo import SpikeTrain

    gid, t = poisson(6, 10.0, 2000.0, seed=3)
    gid, t = np.concatenate([gid, [0, 1, 2] * 20]), np.concatenate([t, np.repeat(np.arange(20) * 90.0 + 1.0, 3)])
    binned = BinnedSpikeTrain(
        [SpikeTrain(np.sort(t[gid == c]) * pq.ms, t_stop=2000 * pq.ms) for c in range(6)], bin_size=10 * pq.ms
    )
    matrix = correlation_coefficient(binned)
    counts = binned.to_array()
    correlation, chi = measures.count_synchrony(gid, t, 2000.0, 10.0)
    assert correlation == pytest.approx(matrix[~np.eye(6, dtype=bool)].mean())
    assert chi**2 == pytest.approx(counts.mean(axis=0).var() / counts.var(axis=1).mean())


def test_independent_cells_have_no_correlation_and_small_chi():
    gid, t = poisson(50, 5.0, 60_000.0)
    correlation, chi = measures.count_synchrony(gid, t, 60_000.0, 10.0)
    # 1225 pairs of 6000 bins: the mean's standard deviation is 1 / sqrt(1225 * 6000) = 0.0004.
    assert abs(correlation) < 0.002
    assert chi == pytest.approx(1 / np.sqrt(50), rel=0.05)


def test_synchrony_is_undefined_without_two_cells_that_vary():
    assert np.isnan(measures.count_synchrony(*arrays([]), 1000.0, 10.0)).all()
    correlation, chi = measures.count_synchrony(*arrays([(3, 5.0), (3, 500.0)]), 1000.0, 10.0)
    assert np.isnan(correlation)
    assert chi == pytest.approx(1.0)
    every_bin = [(0, 10.0 * k + 1.0) for k in range(100)]  # its count never varies
    assert np.isnan(measures.count_synchrony(*arrays(every_bin), 1000.0, 10.0)).all()


# Bursts

BURST = {"min_spikes": 5, "window_ms": 20.0, "merge_ms": 50.0, "min_cells": 3}


def volley(start, cells=5, step=2.0):
    return [(cell, start + step * cell) for cell in range(cells)]


def test_bursts_are_found_from_first_to_last_spike():
    gid, t = arrays(volley(100.0) + [(0, 300.0), (1, 340.0)] + volley(600.0, cells=8))
    bursts = measures.network_bursts(gid, t, **BURST)
    assert bursts.start_ms.tolist() == [100.0, 600.0]
    assert bursts.stop_ms.tolist() == [108.0, 614.0]
    assert bursts.spikes.tolist() == [5, 8]
    assert bursts.cells.tolist() == [5, 8]


def test_neighbouring_bursts_are_told_apart_or_merged():
    gid, t = arrays(volley(100.0) + volley(140.0) + volley(200.0))  # 32 ms and 52 ms between them
    assert measures.network_bursts(gid, t, **BURST).start_ms.tolist() == [100.0, 200.0]
    assert measures.network_bursts(gid, t, **BURST | {"merge_ms": 0.0}).start_ms.tolist() == [100.0, 140.0, 200.0]
    assert measures.network_bursts(gid, t, **BURST | {"merge_ms": 60.0}).spikes.tolist() == [15]


def test_one_cell_does_not_make_a_network_burst():
    gid, t = arrays([(2, 100.0 + k) for k in range(20)])
    assert len(measures.network_bursts(gid, t, **BURST).start_ms) == 0
    assert measures.network_bursts(gid, t, **BURST | {"min_cells": 1}).cells.tolist() == [1]


@pytest.mark.parametrize("train", [[], [(0, 1.0)], [(cell, 40.0 * cell) for cell in range(5)]])
def test_too_few_or_too_slow_spikes_are_no_burst(train):
    bursts = measures.network_bursts(*arrays(train), **BURST)
    assert [len(getattr(bursts, name)) for name in ("start_ms", "stop_ms", "spikes", "cells")] == [0] * 4


def test_chance_level_of_a_poisson_culture():
    from scipy.stats import poisson as distribution

    for floor, mean, spikes in ((2, 1.5, 1800), (2, 65.0, 78_000), (2, 6500.0, 10**6), (2, 0.001, 20)):
        level = measures.more_than_chance(floor, mean, spikes)
        # Windows that start at a spike and hold level - 1 others; the closed form is a bound from above.
        assert spikes * distribution.sf(level - 2, mean) <= 0.05
        assert spikes * distribution.sf(level - 4, mean) > 0.05
    assert measures.more_than_chance(195, 65.0, 78_000) == 195
    assert measures.more_than_chance(7, 0.0, 0) == 7


@given(trains, st.permutations(range(60)))
def test_bursts_do_not_overlap_and_do_not_depend_on_the_order_of_spikes(train, permutation):
    gid, t = arrays(train)
    order = np.array([k for k in permutation if k < len(t)], dtype=int)
    bursts = measures.network_bursts(gid, t, **BURST)
    shuffled = measures.network_bursts(gid[order], t[order], **BURST)
    assert np.array_equal(bursts.start_ms, shuffled.start_ms)
    assert np.array_equal(bursts.cells, shuffled.cells)
    assert (bursts.start_ms[1:] - bursts.stop_ms[:-1] >= BURST["merge_ms"]).all()
    assert (bursts.spikes >= BURST["min_spikes"]).all()


# Avalanches


def test_avalanches_lie_between_empty_bins():
    sizes, lengths = measures.avalanches(np.array([7, 0, 1, 2, 0, 0, 3, 0, 4, 1, 1, 0, 9]))
    assert sizes.tolist() == [3, 3, 6]  # the first and the last are cut by the ends
    assert lengths.tolist() == [2, 1, 3]


@pytest.mark.parametrize("counts", [[0, 0, 0], [1, 1, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]])
def test_recordings_without_a_whole_avalanche(counts):
    sizes, lengths = measures.avalanches(np.array(counts))
    assert len(sizes) == len(lengths) == 0


def test_naive_branching_ratio():
    assert measures.naive_branching_ratio(np.array([1, 2, 4, 0, 3, 3])) == pytest.approx((2 + 2 + 0 + 1) / 4)
    assert np.isnan(measures.naive_branching_ratio(np.array([0, 0, 5])))


def test_the_naive_ratio_takes_a_poisson_train_for_critical():
    # 100 cells at 3.5 Hz in bins of 4 ms; the sum over k of Poisson(k) / k, times the mean, is 0.957.
    counts = np.random.default_rng(0).poisson(1.4, 50_000)
    assert measures.naive_branching_ratio(counts) == pytest.approx(0.957, abs=0.02)


def test_regression_slope_is_that_of_mrestimator():
    import mrestimator

    counts = branching_process(0.9, 2.0, 2000, seed=1).astype(float)
    slopes = mrestimator.coefficients(counts[None], method="ts", steps=np.arange(1, 4), numboot=0).coefficients
    for lag in (1, 2, 3):
        assert measures.regression_slope(counts[:-lag], counts[lag:]) == pytest.approx(slopes[lag - 1])


def branching_process(m, drive, bins, seed, seen=1.0):
    """Every spike brings about m spikes in the next bin, ``drive`` come from outside; a share is seen."""
    rng = np.random.default_rng(seed)
    activity = np.empty(bins + 500, dtype=np.int64)
    now = round(drive / (1.0 - m))
    for k in range(len(activity)):
        now = activity[k] = rng.poisson(m * now + drive)
    return rng.binomial(activity[500:], seen)


@pytest.mark.parametrize("seen", [1.0, 0.1])
def test_branching_ratio_of_a_branching_process(seen, capfd):
    # A minute in bins of 4 ms. The estimate's standard deviation is 0.006 here (measured over 30 seeds).
    found = measures.branching(branching_process(0.95, 1.0, 15_000, 0, seen), 4.0)
    assert found.verdict == "temporal correlation"
    assert 0.93 <= found.ratio <= 0.97
    assert found.timescale_ms == pytest.approx(-4.0 / np.log(found.ratio))
    assert found.amplitude > 0.3
    assert found.r_1 > found.r_1_chance
    assert capfd.readouterr() == ("", "")  # mrestimator's progress bars stay out of the user's terminal


@pytest.mark.slow
@pytest.mark.parametrize("seen", [1.0, 0.1])
def test_branching_ratio_of_many_branching_processes(seen):
    ratios = [measures.branching(branching_process(0.95, 1.0, 15_000, s, seen), 4.0).ratio for s in range(20)]
    assert all(0.93 <= ratio <= 0.97 for ratio in ratios)


def test_a_poisson_train_has_no_branching_ratio():
    found = measures.branching(np.random.default_rng(0).poisson(1.4, 15_000), 4.0)
    assert found.verdict == "no temporal correlation"
    assert np.isnan(found.ratio)
    assert np.isnan(found.timescale_ms)


@pytest.mark.slow
def test_nearly_every_poisson_train_has_no_branching_ratio():
    trains = [np.random.default_rng(seed).poisson(1.4, 15_000) for seed in range(100)]
    verdicts = [measures.branching(counts, 4.0).verdict for counts in trains]
    assert verdicts.count("no temporal correlation") >= 95


def test_weak_correlation_is_none():
    # With one spike in 500 seen, r_1 and the amplitude are near 0.02: above chance, yet too little to fit.
    found = measures.branching(branching_process(0.95, 1.0, 60_000, 0, seen=0.002), 4.0)
    assert found.r_1 > found.r_1_chance
    assert found.amplitude < 0.05
    assert found.verdict == "no temporal correlation"


@pytest.mark.parametrize("counts", [np.zeros(500), np.full(500, 3), np.array([1, 0])])
def test_activity_that_does_not_vary_has_no_branching_ratio(counts):
    found = measures.branching(counts, 4.0)
    assert found.verdict == ("no temporal correlation" if np.sum(counts) >= 200 else "too few spikes")
    assert np.isnan(found.r_1)


def test_a_single_burst_of_few_spikes_has_no_verdict():
    counts = np.zeros(250)
    counts[100:104] = 4  # 16 spikes in a second, all in one burst
    found = measures.branching(counts, 4.0)
    assert found.verdict == "too few spikes"
    assert np.isnan([found.ratio, found.timescale_ms, found.amplitude, found.r_1]).all()


def test_branching_is_the_same_every_time():
    counts = branching_process(0.8, 1.0, 3000, seed=2)
    assert measures.branching(counts, 4.0) == measures.branching(counts, 4.0)


def test_a_missing_mrestimator_is_one_clear_error(monkeypatch):
    monkeypatch.setattr("livn_gym.measures.criticality.find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r"pip install 'livn_gym\[analysis\]'"):
        measures.branching(np.array([1, 2, 0, 3]), 4.0)


# Spectra


@pytest.mark.parametrize("segment", [200, 201, 1000])
def test_welch_agrees_with_scipy(segment):
    from scipy.signal import welch

    x = np.random.default_rng(0).normal(size=(2, 3, 1000)).cumsum(axis=-1)
    frequency, density = measures.welch(x, 250.0, segment)
    expected_frequency, expected = welch(x, fs=250.0, nperseg=segment)
    assert np.allclose(frequency, expected_frequency)
    assert np.allclose(density, expected, rtol=1e-9, atol=1e-12 * expected.max())


def test_power_of_a_sine_lies_in_its_band():
    t = np.arange(4000) / 1000.0
    frequency, density = measures.welch(3.0 * np.sin(2 * np.pi * 10.0 * t), 1000.0, 1000)
    assert measures.band_power(frequency, density, 8.0, 13.0) == pytest.approx(4.5)  # amplitude squared by 2
    assert measures.band_power(frequency, density, 20.0, 100.0) == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(InvalidInput, match=r"no point between 10.1 and 10.9 Hz"):
        measures.band_power(frequency, density, 10.1, 10.9)


def test_a_signal_shorter_than_a_segment_is_an_error():
    with pytest.raises(InvalidInput, match="2 to 10 samples"):
        measures.welch(np.zeros(10), 1.0, 11)


@pytest.mark.parametrize("exponent", [0.0, -1.0, -2.0])
def test_spectral_slope_of_coloured_noise(exponent):
    bins = 60_000  # five minutes of 5 ms bins: the slope's standard deviation is about 0.02
    shape = np.maximum(np.fft.rfftfreq(bins, 0.005), 0.05) ** (exponent / 2.0)
    noise = np.random.default_rng(0).normal(size=(2, bins // 2 + 1))
    signal = np.fft.irfft(shape * (noise[0] + 1j * noise[1]), bins)
    assert measures.spectral_slope(signal, 5.0) == pytest.approx(exponent, abs=0.06)


def test_spectral_slope_without_spikes_or_frequencies():
    assert np.isnan(measures.spectral_slope(np.zeros(400), 5.0))
    with pytest.raises(InvalidInput, match="two frequencies"):
        measures.spectral_slope(np.ones(400), 5.0, segment_ms=20.0)
