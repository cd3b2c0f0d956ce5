"""The page of a fit: what it shows of accepted sets, and of those that came nearest if none was accepted."""

from dataclasses import replace

import numpy as np
import pytest

from livn_gym.env import Env
from livn_gym.fitting import Budget, fit
from livn_gym.fitting.page import compared, page, range_of
from livn_gym.formats import ChannelSpikes
from livn_gym.system import make
from livn_gym.tuning import ProbeSweep, record_sweep

BUDGET = Budget(design=16, waves=0, sets=1, candidates=2, seeds=6, checks=2, other_graphs=0)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    with Env(make("EI1"), seed=3, profile="fast") as env:
        sweep = ProbeSweep(rest_ms=300_000.0, trials=12, pulses_uA=(14.0,))
        recording, stimulus = record_sweep(env.init().apply_model_defaults(), sweep)
        spikes = ChannelSpikes.of_recording(recording, env.electrodes, stimulus)
    return spikes, fit(spikes, "EI1", tmp_path_factory.mktemp("fit") / "fitted", budget=BUDGET)


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title, axes._left_title)]


def test_a_page_without_accepted_sets_shows_those_that_came_nearest(fitted):
    spikes, result = fitted
    rejected = replace(result, sets=(), predictive=(), passed=np.zeros(0, np.bool_))
    runs, passed = compared(rejected)
    assert runs == [item.measures for item in result.candidates] and not passed.any()
    figure = page(spikes, [spikes], rejected)
    shown = texts(figure)
    assert not any("nan" in text for text in shown), shown
    low, high = range_of(runs, "rate_hz")
    assert any(f"{low:.3g} ... {high:.3g}" in text for text in shown)
    (check,) = [axes for axes in figure.axes if "none passes" in axes._left_title.get_text()]
    points = [line for line in check.lines if line.get_marker() == "."]
    assert len(points) == len(result.candidates)
    for line in points:
        x = line.get_xdata()
        assert np.abs(x[np.isfinite(x)]).max() < check.get_xlim()[1], "no deviation is cut off"


def test_a_page_shows_the_check_of_accepted_sets(fitted):
    spikes, result = fitted
    accepted = replace(
        result, sets=result.candidates[:1], predictive=(result.candidates[0].measures,), passed=np.array([True])
    )
    assert compared(accepted)[0] == [result.candidates[0].measures]
    assert "Predictive check: 1 of 1 pass" in texts(page(spikes, [spikes], accepted))


def test_a_range_leaves_out_runs_without_the_measure():
    assert range_of([{"isi_cv": 1.0}, {"isi_cv": np.nan}], "isi_cv") == (1.0, 1.0)
    assert np.isnan(range_of([{"isi_cv": np.nan}], "isi_cv")).all() and np.isnan(range_of([], "isi_cv")).all()
