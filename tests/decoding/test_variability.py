import numpy as np
import pytest

from livn_gym.decoding import ISICV, FanoFactor, Stability
from livn_gym.errors import InvalidInput, NotRecorded

EMPTY = (np.array([], dtype=np.int64), np.array([]))


def test_stability_of_a_culture_that_repeats_itself(env, recording_of):
    half = [(0, 10.0), (0, 20.0), (3, 30.0)]
    train = half + [(gid, t + 500.0) for gid, t in half]
    result = Stability(1000)(env, *recording_of([train]))
    assert result == {"drift": 0.0, "pattern_correlation": pytest.approx(1.0)}


def test_stability_of_a_culture_that_changes(env, recording_of):
    # One spike of cell 0 before the middle, three of cell 1 from the middle on.
    result = Stability(1000)(env, *recording_of([[(0, 499.9), (1, 500.0), (1, 501.0), (1, 999.0)]]))
    assert result["drift"] == pytest.approx((3 - 1) / 4)
    assert result["pattern_correlation"] == pytest.approx(np.corrcoef([1, 0, 0, 0, 0, 0], [0, 3, 0, 0, 0, 0])[0, 1])


def test_stability_without_spikes_or_differences_is_undefined(env, recording_of):
    assert np.isnan(list(Stability(1000)(env, *EMPTY).values())).all()
    alike = [(gid, t) for gid in range(6) for t in (1.0, 501.0)]
    result = Stability(1000)(env, *recording_of([alike]))
    assert result["drift"] == 0.0
    assert np.isnan(result["pattern_correlation"])


def test_isi_cv_takes_the_mean_over_cells_with_enough_spikes(env, recording_of):
    clock = [(0, 10.0 * k) for k in range(10)]
    uneven = [(4, t) for t in (0.0, 10.0, 40.0)]  # CV 0.5
    run = recording_of([clock + uneven])
    result = ISICV(1000, min_spikes=3)(env, *run)
    assert result["cv"] == pytest.approx(0.25)
    assert np.isnan(result["cvs"][[1, 2, 3, 5]]).all()
    assert ISICV(1000)(env, *run)["cv"] == pytest.approx(0.0, abs=1e-12)


def test_isi_cv_of_poisson_trains_is_one(env, recording_of):
    rng = np.random.default_rng(0)
    train = [(gid, t) for gid in range(6) for t in rng.uniform(0.0, 60_000.0, 600)]
    # Six cells of 600 intervals: the mean's standard deviation is 1 / sqrt(3600) = 0.017.
    assert ISICV(60_000)(env, *recording_of([train], 60_000.0))["cv"] == pytest.approx(1.0, abs=0.06)


def test_fano_factor(env, recording_of):
    # Cell 0: counts 2, 0; cell 5: counts 1, 1; together 3, 1.
    train = [(0, 1.0), (0, 2.0), (5, 3.0), (5, 600.0)]
    result = FanoFactor(1000)(env, *recording_of([train]))
    assert result["population"] == pytest.approx(1.0 / 2.0)
    assert result["cell"] == pytest.approx((1.0 + 0.0) / 2.0)
    assert np.array_equal(result["cells"], [1.0, np.nan, np.nan, np.nan, np.nan, 0.0], equal_nan=True)


@pytest.mark.parametrize(("cls", "scalars"), [(ISICV, ["cv"]), (FanoFactor, ["population", "cell"])])
def test_without_spikes_they_are_nan(env, cls, scalars):
    result = cls(1000)(env, *EMPTY)
    assert all(isinstance(result[name], float) and np.isnan(result[name]) for name in scalars)


@pytest.mark.parametrize("cls", [Stability, ISICV, FanoFactor])
def test_spikes_that_were_not_recorded_are_an_error(env, cls):
    with pytest.raises(NotRecorded, match=f"{cls.__name__} needs spikes"):
        cls(1000)(env, None, None)


def test_a_batch_is_a_dict_of_arrays(env, recording_of):
    results = Stability(1000).decode(env, recording_of([[(0, 1.0)], [(0, 999.0)], []]))
    np.testing.assert_array_equal(results["drift"], [-1.0, 1.0, np.nan])
    assert results["pattern_correlation"].shape == (3,)


def test_arguments_out_of_range_are_errors():
    with pytest.raises(InvalidInput, match="min_spikes must be at least 3"):
        ISICV(1000, min_spikes=2)
    with pytest.raises(InvalidInput, match="two windows of 500 ms"):
        FanoFactor(500)
    with pytest.raises(InvalidInput, match="whole number of bins of 300 ms"):
        FanoFactor(1000, window_ms=300)
