import numpy as np
import pytest

from livn_gym import measures
from livn_gym.decoding import AvalancheAnalysis, BurstDetection, Synchrony
from livn_gym.errors import BackendUnavailable, InvalidInput, NotRecorded

EMPTY = (np.array([], dtype=np.int64), np.array([]))


def volley(start, cells=6, spikes=3):
    """Each of the first cells fires that often, a spike every ms all in all."""
    return [(k % cells, start + k) for k in range(cells * spikes)]


def test_bursts_of_a_known_culture(env, recording_of):
    # 10 s with two volleys of 18 and 12 spikes and 10 single spikes: a mean of 0.2 spikes in 50 ms.
    single = [(k % 6, 1000.0 * k + 900.0) for k in range(10)]
    train = volley(2000.0) + volley(6000.0, cells=4) + single
    result = BurstDetection(10_000)(env, *recording_of([train], 10_000.0))
    assert result["count"] == 2
    assert result["bursts_per_s"] == pytest.approx(0.2)
    assert result["participation"] == pytest.approx((6 / 6 + 4 / 6) / 2)
    assert result["duration_ms"] == pytest.approx((17.0 + 11.0) / 2)
    assert result["spike_share"] == pytest.approx(30 / 40)
    assert result["start_ms"].tolist() == [2000.0, 6000.0]
    assert result["stop_ms"].tolist() == [2017.0, 6011.0]


def test_the_threshold_of_a_burst_is_the_largest_of_three():
    decoding = BurstDetection(60_000)
    assert decoding.min_spikes(100, 100 * 60) == 50  # 10 Hz a cell; mean 5 in 50 ms
    assert decoding.min_spikes(100, 100 * 60 * 13) == 195  # three times the mean of 65
    assert decoding.min_spikes(10, 3 * 10 * 60) == measures.more_than_chance(5, 1.5, 1800) > 5
    assert BurstDetection(60_000, relative=0.0).min_spikes(100, 100 * 60 * 13) == 50


def test_a_short_run_within_a_burst(env, recording_of):
    run = recording_of([[(k % 6, 2.0 * k) for k in range(100)]], 200.0)  # 83 Hz a cell throughout
    assert BurstDetection(200)(env, *run)["count"] == 0  # no faster than its own mean
    found = BurstDetection(200, relative=0.0)(env, *run)
    assert (found["count"], found["participation"], found["spike_share"]) == (1, 1.0, 1.0)


def test_a_poisson_culture_has_no_bursts(env, recording_of):
    rng = np.random.default_rng(0)
    train = [(gid, t) for gid in range(6) for t in rng.uniform(0.0, 60_000.0, 240)]
    result = BurstDetection(60_000)(env, *recording_of([train], 60_000.0))
    assert result["count"] == 0
    assert result["spike_share"] == 0.0
    assert np.isnan([result["participation"], result["duration_ms"]]).all()


def test_bursts_without_spikes(env):
    result = BurstDetection(1000)(env, *EMPTY)
    assert result["count"] == result["bursts_per_s"] == 0
    assert np.isnan([result["participation"], result["duration_ms"], result["spike_share"]]).all()


def test_synchrony_of_identical_cells(env, recording_of):
    train = [(gid, t) for gid in range(4) for t in (5.0, 205.0, 777.0)]
    result = Synchrony(1000)(env, *recording_of([train]))
    assert result == {"correlation": pytest.approx(1.0), "chi": pytest.approx(1.0)}
    assert np.isnan(list(Synchrony(1000)(env, *EMPTY).values())).all()


def test_avalanches_of_a_known_culture(env, recording_of):
    # Bins of 4 ms: 2 spikes in bin 1, 4 in bin 2, 1 in bin 10.
    train = [(0, 4.0), (1, 5.0), (2, 8.0), (3, 9.0), (4, 10.0), (5, 11.9), (0, 40.0)]
    result = AvalancheAnalysis(1000)(env, *recording_of([train]))
    assert result["sizes"].tolist() == [6, 1]
    assert result["durations_ms"].tolist() == [8.0, 4.0]
    assert result["naive_branching_ratio"] == pytest.approx((2.0 + 0.0 + 0.0) / 3)


def test_branching_ratio_of_a_culture_of_avalanches(env):
    # A minute of activity that decays by 0.9 a bin of 4 ms and gets Poisson drive, spread over the cells.
    rng = np.random.default_rng(1)
    counts = np.full(15_000, 20)
    for k in range(1, len(counts)):
        counts[k] = rng.poisson(0.9 * counts[k - 1] + 2.0)
    t = np.repeat(4.0 * np.arange(len(counts)) + 2.0, counts)
    result = AvalancheAnalysis(60_000)(env, rng.integers(0, 6, len(t)), t)
    assert result["verdict"] == "temporal correlation"
    # The estimate's standard deviation is 0.0085 here (measured over 30 seeds).
    assert result["branching_ratio"] == pytest.approx(0.9, abs=0.03)
    assert result["timescale_ms"] == pytest.approx(-4.0 / np.log(result["branching_ratio"]))


def test_avalanches_without_spikes(env):
    result = AvalancheAnalysis(1000)(env, *EMPTY)
    assert result["verdict"] == "too few spikes"
    assert len(result["sizes"]) == len(result["durations_ms"]) == 0
    assert np.isnan([result["branching_ratio"], result["naive_branching_ratio"], result["timescale_ms"]]).all()


def test_a_missing_mrestimator_is_said_before_the_run(monkeypatch):
    monkeypatch.setattr("livn_gym.measures.criticality.find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r"livn_gym\[analysis\]"):
        AvalancheAnalysis(1000)


@pytest.mark.parametrize("cls", [BurstDetection, Synchrony, AvalancheAnalysis])
def test_spikes_that_were_not_recorded_are_an_error(env, cls):
    with pytest.raises(NotRecorded, match=f"{cls.__name__} needs spikes"):
        cls(1000)(env, None, None)


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (BurstDetection, {"min_participation": 1.5}, "share from 0 to 1"),
        (BurstDetection, {"window_ms": 0.0}, "window_ms must be greater than 0"),
        (Synchrony, {"bin_ms": 7.0}, "whole number of bins of 7 ms"),
        (AvalancheAnalysis, {"bin_ms": 20.0}, "100 bins of 20 ms"),
    ],
)
def test_arguments_out_of_range_are_errors(cls, options, message):
    with pytest.raises(InvalidInput, match=message):
        cls(1000, **options)


def test_two_lone_spikes_have_no_synchrony(env):
    result = Synchrony(1000)(env, np.array([0, 1]), np.array([5.0, 5.0]))
    assert np.isnan([result["correlation"], result["chi"]]).all()
