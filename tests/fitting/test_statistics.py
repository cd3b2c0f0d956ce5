"""Measures of a recording, their spread, the criterion and the regression, without cultures."""

import numpy as np
import pytest

from livn_gym.errors import InvalidInput
from livn_gym.fitting import FITTED, Criterion, block_bootstrap, fitted_vector, identified
from livn_gym.fitting.regression import Regression, likely_sets
from livn_gym.fitting.statistics import EVOKED, SPONTANEOUS, with_surrogates
from livn_gym.fitting.sweep import check_sweep, search_sweep, sweep_of
from livn_gym.formats import ChannelSpikes
from livn_gym.tuning import CHANNEL_MEASURES, ProbeSweep, measure_channels

CHANNELS, RATE_HZ = 8, 5.0


def poisson(rest_ms, *, probe=False, rate_hz=RATE_HZ, seed=0, amplitude_uA=12.0, train_pulses=200):
    """Independent Poisson channels; after every pulse of a sweep, each channel fires once more on average."""
    generator = np.random.default_rng(seed)
    onsets, electrodes, amplitudes, end_ms = [], [], [], rest_ms
    if probe:
        onsets = list(rest_ms + 1000.0 * np.arange(24))
        electrodes, amplitudes = list(np.arange(24) % CHANNELS), [amplitude_uA] * 24
        end_ms = rest_ms + 25_000.0
        for level in (6.0, 9.0):
            train = end_ms + 25.0 * np.arange(train_pulses)
            onsets += list(train)
            electrodes += list(np.arange(train_pulses) % CHANNELS)
            amplitudes += [level] * train_pulses
            end_ms = train[-1] + 3000.0
    number = generator.poisson(rate_hz * end_ms / 1e3 * CHANNELS)
    t = [generator.uniform(0.0, end_ms, number)]
    channel = [generator.integers(0, CHANNELS, number)]
    for onset in onsets[:24]:
        t.append(onset + generator.uniform(6.0, 90.0, CHANNELS))
        channel.append(np.arange(CHANNELS))
    t, channel = np.concatenate(t), np.concatenate(channel)
    order = np.argsort(t)
    return ChannelSpikes(
        t[order], channel[order], end_ms, CHANNELS, stim_t_ms=np.array(onsets, dtype=np.float64),
        stim_channel=np.array(electrodes, dtype=np.int64), stim_amplitude_uA=np.array(amplitudes, dtype=np.float64),
    )  # fmt: skip


def test_at_most_eight_measures_of_recordings_are_fitted():
    assert len(FITTED) <= 8 and set(FITTED) <= set(CHANNEL_MEASURES)
    values = measure_channels(poisson(60_000.0), list(FITTED))
    z = fitted_vector(values, list(FITTED))
    assert np.isfinite(z[: len(SPONTANEOUS)]).all()
    assert np.isnan(z[len(SPONTANEOUS) :]).all()


def test_the_evoked_part_is_identified_by_a_probe_sweep_only():
    assert set(identified(poisson(300_000.0))) == set(SPONTANEOUS)
    probed = identified(poisson(300_000.0, probe=True))
    assert set(probed) == set(FITTED)
    assert probed["evoked_spikes"] == pytest.approx(100.0, abs=15.0)
    with pytest.raises(InvalidInput, match="identifies 0 of"):
        identified(ChannelSpikes(np.zeros(0), np.zeros(0, np.int64), 300_000.0, CHANNELS))


def test_the_bootstrap_gives_the_standard_error_of_poisson_rates():
    spikes = poisson(600_000.0)
    resampled = block_bootstrap(spikes, ["rate_hz", "isi_cv"], resamples=60)
    expected = 1.0 / np.sqrt(RATE_HZ * CHANNELS * 600.0)  # of the logarithm
    assert resampled[:, 0].mean() == pytest.approx(np.log(spikes.rates_hz.mean()), abs=3 * expected)
    assert expected / 2 < resampled[:, 0].std() < expected * 2
    np.testing.assert_array_equal(resampled, block_bootstrap(spikes, ["rate_hz", "isi_cv"], resamples=60))


def test_the_bootstrap_resamples_single_pulses_and_trains():
    spikes = poisson(300_000.0, probe=True)
    resampled = block_bootstrap(spikes, list(EVOKED), resamples=30)
    assert np.isfinite(resampled).all() and (resampled.std(axis=0) > 0.0).all()
    measured = fitted_vector(measure_channels(spikes, list(EVOKED)), list(EVOKED))
    np.testing.assert_allclose(resampled.mean(axis=0), measured, atol=3 * resampled.std(axis=0).max())


def test_a_measure_whose_spread_is_not_identified_is_left_out(caplog):
    """Trains of 2.75 s give a rate, but their surrogates, of one-second parts, are shorter than a rate needs."""
    spikes = poisson(300_000.0, probe=True, train_pulses=110)
    assert set(identified(spikes)) == set(FITTED)
    recorded, resampled = with_surrogates(spikes, resamples=20)
    assert list(recorded) == [*SPONTANEOUS, "evoked_spikes"] and "blanked_hz, train_gain" in caplog.text
    assert resampled.shape == (20, len(recorded)) and np.isfinite(resampled).all()
    caplog.clear()
    complete, resampled = with_surrogates(poisson(300_000.0, probe=True), resamples=20)
    assert list(complete) == list(FITTED) and resampled.shape == (20, len(FITTED)) and not caplog.text


def test_a_recording_that_is_too_short_is_refused():
    with pytest.raises(InvalidInput, match="60 s without stimulation; at least 300 s"):
        block_bootstrap(poisson(60_000.0), ["rate_hz"])


def test_sweeps_of_simulated_cultures_have_the_amplitudes_of_the_recording():
    assert sweep_of(poisson(300_000.0)) == ProbeSweep()
    sweep = sweep_of(poisson(300_000.0, probe=True))
    assert sweep.pulses_uA == (12.0,) and sweep.trains_uA == (6.0, 9.0)
    short = search_sweep(sweep, CHANNELS)
    assert short.pulses_uA == (12.0,) and short.trials * CHANNELS >= 10 and search_sweep(sweep, 1).trials == 10
    assert short.rest_ms < check_sweep(sweep, CHANNELS).rest_ms < sweep.rest_ms


@pytest.mark.parametrize("tolerance", [0.0, 2.0])
def test_the_criterion_accepts_95_of_100_runs_of_the_same_culture(tolerance):
    generator = np.random.default_rng(0)
    names = list(SPONTANEOUS)
    root = generator.normal(size=(len(names), len(names)))
    truth = generator.normal(size=len(names))
    accepted, means = [], []
    for _ in range(60):
        target = truth + root @ generator.normal(size=len(names)) + tolerance * generator.normal(size=len(names))
        groups = [generator.normal() + generator.normal(size=(3, len(names))) @ root.T for _ in range(12)]
        criterion = Criterion.of(names, target, np.zeros((len(names),) * 2), groups, tolerance)
        runs = truth + generator.normal(size=(10, len(names))) @ root.T
        accepted.append(criterion.passes(runs).mean())
        means.append(criterion.distance_of_set(runs[:2]) <= criterion.threshold)
    assert 0.90 < np.mean(accepted) < 0.99
    assert 0.90 < np.mean(means) <= 1.0
    assert not criterion.passes(np.full((1, len(names)), np.nan)).any()
    again = Criterion.from_dict(criterion.as_dict())
    np.testing.assert_array_equal(again.distances(runs), criterion.distances(runs))


def test_a_criterion_needs_more_runs_than_measures():
    with pytest.raises(InvalidInput, match="degrees of freedom"):
        Criterion.of(["rate_hz", "isi_cv"], np.zeros(2), np.eye(2), [np.zeros((2, 2)), np.zeros((2, 2))])
    with pytest.raises(InvalidInput, match="0: simulate more"):  # one culture of each set is alive
        Criterion.of(["rate_hz"], np.zeros(1), np.eye(1), [np.array([[1.0], [np.nan]])] * 4)


def test_the_regression_finds_the_parameters_of_a_quadratic_model():
    generator = np.random.default_rng(1)
    linear, quadratic = generator.normal(size=(4, 4)), generator.normal(size=(4, 4))

    def expected(x):
        return x @ linear + x**2 @ quadratic

    x = generator.normal(0.0, 0.15, (120, 4))
    z = expected(x) + 0.02 * generator.normal(size=(120, 4))
    true = np.array([0.1, -0.2, 0.05, 0.15])
    target = expected(true[None])[0]
    regression = Regression.of(x, z, target)
    np.testing.assert_allclose(np.sqrt(np.diag(regression.residual)), 0.02, atol=0.015)
    bounds = np.full(4, -0.5), np.full(4, 0.5)
    drawn = (regression, target, regression.residual, np.zeros(4), 0.2, *bounds, 40)
    near = true + generator.normal(0.0, 0.05, (20, 4))
    moved = regression.adjusted(near, expected(near), target, regression.residual, 0.2)
    assert np.abs(expected(moved) - target).mean() < np.abs(expected(near) - target).mean() / 3
    sets = likely_sets(*drawn, np.random.default_rng(2))
    np.testing.assert_array_equal(sets, likely_sets(*drawn, np.random.default_rng(2)))
    off = (expected(sets) - target) / 0.02
    assert np.sqrt((off**2).mean()) < 2.0
    assert (np.abs(sets) <= 0.5).all()
