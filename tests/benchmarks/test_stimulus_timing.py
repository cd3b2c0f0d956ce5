"""The tabular learner and the model of open-loop trials, on a culture made of two formulas, where answers are known."""

import re
import sys

import numpy as np
import pytest
from scipy.stats import binomtest, lognorm

STEP_S, LONGEST = 0.25, 20


@pytest.fixture(scope="module")
def timing(script):
    return script("stimulus_timing")


@pytest.fixture(scope="module")
def models(script):
    return script("timing_model")


class Formulas:
    """Environments: a pulse pays ``response[wait]``, a step waited from state k is interrupted by ``hazard[k]``."""

    def __init__(self, sessions, response, hazard, seed=0):
        self.num_envs = sessions
        self.response, self.hazard = np.asarray(response), np.asarray(hazard)
        self.state = np.zeros(sessions, dtype=np.int64)
        self.rng = np.random.default_rng(seed)

    def step(self, actions):
        pulse = actions[:, 0] > 0
        rewards = np.where(pulse, self.response[self.state], 0.0)
        interrupted = ~pulse & (self.rng.random(self.num_envs) < self.hazard[self.state])
        self.state = np.where(pulse | interrupted, 0, self.state + 1)
        observations = np.stack([self.state * STEP_S, pulse, interrupted], axis=1)
        return observations, rewards, None, None, {"interruptions": interrupted.astype(float)}


def test_trials_are_recorded(timing):
    response = np.arange(LONGEST + 1) / 10.0
    planned = np.array([[0, 3, 2], [5, 1, 0]])
    certain = np.where(np.arange(LONGEST + 1) == 3, 1.0, 0.0)  # waiting on at 3 is always interrupted
    trials = timing.play(
        Formulas(2, response, certain), STEP_S, 3, lambda state, done: state >= planned[[0, 1], done], None
    )
    assert trials.wait.tolist() == [[0, 3, 2], [3, 1, 0]]
    assert trials.response.tolist() == [[0.0, 0.3, 0.2], [0.0, 0.1, 0.0]]
    assert trials.interrupted.tolist() == [[False, False, False], [True, False, False]]


def test_learner_takes_a_trial_in_from_its_end(timing):
    learner = timing.Learner(1, 10, LONGEST, seed=0)
    learner.learn(0, 2, 1.0, False)
    assert learner.table[0, :3].tolist() == [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    assert learner.waits().tolist() == [2]
    learner.learn(0, 0, 0.5, False)
    learner.learn(0, 1, 0.0, True)  # the second of two visits: the mean of 1 and 0
    assert learner.table[0, :2].tolist() == [[0.75, 0.5], [0.5, 0.0]]  # and the mean of 1 and 0.5 before it


def test_learner_finds_the_best_wait(timing):
    response = np.minimum(np.arange(LONGEST + 1) / 6.0, 1.0) ** 2
    hazard = np.where(np.arange(LONGEST + 1) < 6, 0.0, 0.4)  # so that 6 pays 1, 5 pays 0.69, and 7 pays 0.6
    sessions, trials = 20, 120
    learner = timing.Learner(sessions, trials, 10, seed=1)  # of 20 waits a session may never try the best one
    envs = Formulas(sessions, response, hazard)
    training = timing.play(envs, STEP_S, trials, learner.explore, learner.learn)
    assert learner.waits().tolist() == [6] * sessions
    test = timing.play(envs, STEP_S, 5, learner.act)
    assert (test.wait[:, 1:] == 6).all()  # the first trial is the training's last, which went on unrecorded
    assert test.response[:, 1:].min() == 1.0
    assert training.interrupted[:, :30].mean() > training.interrupted[:, -30:].mean() + 0.1


STATES_S = STEP_S * np.arange(LONGEST + 2)


def opened(timing, response, median, spread, count):
    """Open-loop trials of a culture that is the model itself, but for noise of 0.05 on responses; and its survival."""
    survival = lognorm.sf(STATES_S, spread, scale=median)
    envs = Formulas(10, response, 1.0 - survival[1:] / survival[:-1])
    trials = timing.play(envs, STEP_S, count // 10, timing.RandomWaits(10, count // 10, LONGEST, seed=3))
    noise = 0.05 * np.random.default_rng(4).standard_normal(trials.response.shape)
    return survival[:-1], timing.Trials(trials.wait, trials.response + noise, trials.interrupted)


def exponential(tau):
    return 0.1 + 0.9 * (1.0 - np.exp(-STATES_S[:-1] / tau))


def logistic(middle):
    return 0.1 + 0.9 / (1.0 + np.exp((middle - STATES_S[:-1]) / 0.12))


@pytest.mark.parametrize(
    ("rise", "response", "median", "spread"),
    [
        ("exponential", exponential(0.8), 3.0, 0.4),
        ("exponential", exponential(2.0), 3.0, 0.2),
        ("exponential", exponential(0.3), 1.5, 0.6),
        ("logistic", logistic(1.2), 3.0, 0.4),
    ],
)
def test_fit_recovers_the_model(timing, models, rise, response, median, spread):
    survival, trials = opened(timing, response, median, spread, 4000)
    model, low, high = models.interval(trials, STEP_S, LONGEST, rise, resamples=40)
    # Three standard errors of a share over 2000 trials are 0.034, and the grids' steps shift it by less than 0.03.
    assert model.uninterrupted == pytest.approx(survival, abs=0.06)
    reached = survival > 0.05  # where pulses were given
    assert model.response[reached] == pytest.approx(response[reached], abs=0.05)
    signal = response[trials.wait[~trials.interrupted]].var()
    assert model.explained == pytest.approx(signal / (signal + 0.05**2), abs=0.02)
    yields = response * survival
    assert yields[model.best] > 0.98 * yields.max()
    assert low <= model.best <= high
    assert high - low <= 4  # 1 s, of 5


def test_saturating_rise_does_not_explain_a_threshold(timing, models):
    _, trials = opened(timing, logistic(1.2), 3.0, 0.4, 2000)
    flat = (trials.wait.ravel(), trials.response.ravel(), trials.interrupted.ravel())
    fits = {rise: models.fit(*flat, STEP_S, LONGEST, rise) for rise in models.RISES}
    assert fits["exponential"].explained < fits["logistic"].explained - 0.1
    assert fits["exponential"].yields.max() < fits["logistic"].yields.max()


def test_fewer_trials_make_a_wider_interval(timing, models):
    widths = []
    for count in (100, 4000):
        _, trials = opened(timing, exponential(0.8), 3.0, 0.4, count)
        _, low, high = models.interval(trials, STEP_S, LONGEST, resamples=40)
        widths.append(high - low)
    assert widths[0] > widths[1]


def test_shares_have_wilsons_interval(timing):
    expected = binomtest(8, 11).proportion_ci(method="wilson")
    assert timing.share(np.array([True] * 8 + [False] * 3)) == (
        f"8 of 11, 73 % ({100 * expected.low:.0f} ... {100 * expected.high:.0f})"
    )


def test_changes_count_sessions(timing):
    before, after = np.zeros((3, 8)), np.zeros((3, 4))
    before[0, :4] = after[1] = (
        1.0  # the first session falls, within the training too; the second rises; the third stays
    )
    wait = np.zeros((3, 8), dtype=np.int64)
    trained = timing.Trials(wait, before, before > 0)
    tested = timing.Trials(wait[:, :4], after, after > 0)
    counts = [row[1].split(",")[0] for row in timing.changes(trained, tested)]
    assert counts == ["1 of 3", "1 of 3", "1 of 3", "0 of 3"]


@pytest.mark.slow
def test_whole_script_on_cultures(timing, capsys, monkeypatch, tmp_path):
    arguments = f"--graphs 2 --sessions 2 --open 5 --training 6 --test 3 --file {tmp_path / 'trials.npz'}"
    monkeypatch.setattr(sys, "argv", ["stimulus_timing.py", *arguments.split()])
    timing.main()
    played, _, tables = capsys.readouterr().out.partition("| graph ")
    assert played.count("parts played") == 3
    assert re.findall(r"^\| (\d+) \| [\d.]+ \(", tables, re.MULTILINE) == ["0", "1"]
    assert len(re.findall(r"\d of 4, \d+ %", tables)) == 4
    assert len(re.findall(r"\d of 2, \d+ %", tables)) == 6
    timing.main()
    assert capsys.readouterr().out == "| graph " + tables  # from the file
