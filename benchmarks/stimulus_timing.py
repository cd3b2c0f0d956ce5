"""Does a short tabular learning find when to stimulate? Over graphs and sessions, beside Kumar et al. (2016).

A **graph** is a culture of its own (``graph_seed`` 0, 1, ...), a **session** a learner of its own on it with noise of
its own. Graphs times sessions cultures are simulated together. Each plays three parts, counted in trials of the task:
an open loop, training, and a test. A wait is the time since the last burst or pulse when the pulse is given, in whole
steps.

1. *Open loop*: every trial draws its wait uniformly from 0 to ``LONGEST_S``. All sessions of a graph together fit its
   model (``Model``): the response grows as ``R(w) = a + b (1 - exp(-w / tau))`` with the wait, by least squares over
   the pulses given; the time of an interruption is lognormal, by maximum likelihood, where a trial with a pulse says
   only that none came before. What a trial yields is predicted as ``R(w) P(no interruption by w)``. Its maximum over
   whole steps is the best wait. Its interval is the bootstrap's: the 2.5th and 97.5th percentile of best waits over
   resampled trials.
2. *Training*: Q-learning (``Learner``) with the task's reward, no discount, from a table of zeros. A trial explores
   with a probability that falls linearly from 1 to ``EXPLORE_LAST``, by a wait drawn as in the open loop.
3. *Test*: the table is fixed and its wait is used in every trial.

Figures, each with a 95 % Wilson interval; ties count as no:

- *interruptions fell*: sessions with a smaller share of interrupted trials in the test than in the training, and, as
  another line, in the last than in the first quarter of the training.
- *efficacy rose*: sessions with a greater mean response of a trial (0 if interrupted), likewise.
- *learned wait within the model's interval*: graphs whose median learned wait over sessions lies in the interval. Also
  counted: graphs where the model predicts at that wait at least 95 % of its maximum.

The training explores, so that a part of the gain from training to test is exploration that ended. So the test is
compared with two more: what the model predicts for its best wait (the ratio is 1 for a learner that has nothing left to
learn, if the model is right), and the open loop, from which nothing was learned.

Run: python benchmarks/stimulus_timing.py [--graphs 12] [--sessions 5] [--open 50] [--training 120] [--test 40]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

import livn_gym  # noqa: F401  (registers the ids)
from livn_gym.agents.report import markdown

LONGEST_S = 5.0
"""Longest wait, s. The bursting culture by itself bursts every three."""

EXPLORE_LAST = 0.05
"""Share of the last training trials that explore."""

RATE = 0.1
"""Learning rate, after the first 10 visits of an entry, which are averaged."""


@dataclass(frozen=True)
class Trials:
    """What happened, trial by trial; S sessions, K trials.

    Attributes:
        wait: Whole steps from the beginning to the pulse, or to the step with the interruption, ``[S, K]``.
        response: Reward of the trial, ``[S, K]``.
        interrupted: Whether a burst came first, ``[S, K]``.
    """

    wait: NDArray[np.int64]
    response: NDArray[np.float64]
    interrupted: NDArray[np.bool_]


def play(
    envs: Any,
    step_s: float,
    trials: int,
    act: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]],
    learn: Callable[[int, int, float, bool], None] | None = None,
) -> Trials:
    """Trials in every environment of a vector whose episodes do not end, after a reset.

    Args:
        envs: S environments; the third last entry of an observation is the time since the last burst or pulse, s.
        step_s: Length of a step, s.
        trials: K, of every session. One that has them goes on unrecorded until all have.
        act: Whether to give a pulse, ``[S]``, for steps since the last burst or pulse ``[S]`` and trials done ``[S]``.
        learn: Called at the end of a trial with session, wait (steps), reward, and whether it was interrupted.
    """
    sessions = envs.num_envs
    wait = np.zeros((sessions, trials), dtype=np.int64)
    response, interrupted = np.zeros((sessions, trials)), np.zeros((sessions, trials), dtype=np.bool_)
    done = np.zeros(sessions, dtype=np.int64)
    state = np.zeros(sessions, dtype=np.int64)
    while (done < trials).any():
        pulse = act(state, np.minimum(done, trials - 1))
        observations, rewards, _, _, info = envs.step(np.where(pulse, 1.0, -1.0)[:, None].astype(np.float32))
        for i in np.flatnonzero((pulse | (info["interruptions"] > 0)) & (done < trials)):
            k = done[i]
            wait[i, k], response[i, k], interrupted[i, k] = state[i], rewards[i], not pulse[i]
            done[i] += 1
            if learn is not None:
                learn(int(i), int(state[i]), float(rewards[i]), not pulse[i])
        state = np.rint(observations[:, -3] / step_s).astype(np.int64)
    return Trials(wait, response, interrupted)


class RandomWaits:
    """Draws a wait for every trial, uniformly from 0 to a longest one, both included.

    Args:
        sessions: S.
        trials: K.
        longest: Steps.
        seed: Of the draws.
    """

    def __init__(self, sessions: int, trials: int, longest: int, seed: int) -> None:
        self.planned = np.random.default_rng(seed).integers(0, longest + 1, (sessions, trials))

    def __call__(self, state: NDArray[np.int64], done: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether to give a pulse, ``[S]``."""
        return state >= self.planned[np.arange(len(state)), done]


class Learner:
    """Q-learning, a table for every session; states are steps since the last burst or pulse, actions wait and pulse.

    A trial is learned from when it has ended, from its last step back to its first, so that a table learns from few
    trials. An interruption ends a trial with 0. At the longest wait the pulse is given.

    Args:
        sessions: S.
        trials: K, of the training.
        longest: Longest wait, steps.
        seed: Of the exploration.
    """

    def __init__(self, sessions: int, trials: int, longest: int, seed: int) -> None:
        self.longest = longest
        self.table = np.zeros((sessions, longest + 1, 2))
        """Expected reward of the trial for waiting (0) and for a pulse (1), ``[S, states, 2]``."""
        self._visits = np.zeros(self.table.shape)
        explores = np.random.default_rng(seed).random((sessions, trials)) < np.linspace(1.0, EXPLORE_LAST, trials)
        self._random = RandomWaits(sessions, trials, longest, seed + 1)
        self._random.planned[~explores] = -1

    def waits(self) -> NDArray[np.int64]:
        """The wait that each table prefers, steps ``[S]``."""
        prefers = self.table[:, :, 1] >= self.table[:, :, 0]
        prefers[:, -1] = True
        return prefers.argmax(axis=1)

    def explore(self, state: NDArray[np.int64], done: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether to give a pulse while training, ``[S]``."""
        planned = self._random.planned[np.arange(len(state)), done]
        return np.where(planned < 0, self.act(state, done), state >= planned)

    def act(self, state: NDArray[np.int64], done: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether to give a pulse without exploration, ``[S]``."""
        return state >= self.waits()

    def learn(self, session: int, wait: int, reward: float, interrupted: bool) -> None:
        """Take in a trial: all its states were waited in, the last one until the interruption or the pulse."""
        last = min(wait, self.longest)
        self._move(session, last, 0 if interrupted else 1, reward)
        for state in range(last - 1, -1, -1):
            self._move(session, state, 0, float(self.table[session, state + 1].max()))

    def _move(self, session: int, state: int, action: int, towards: float) -> None:
        entry = (session, state, action)
        self._visits[entry] += 1
        self.table[entry] += max(RATE, 1.0 / self._visits[entry]) * (towards - self.table[entry])


@dataclass(frozen=True)
class Model:
    """What a trial yields by its wait.

    Attributes:
        response: R at waits of 0, 1, ... steps, ``[states]``.
        uninterrupted: Probability that no burst comes first, ``[states]``.
    """

    response: NDArray[np.float64]
    uninterrupted: NDArray[np.float64]

    @property
    def yields(self) -> NDArray[np.float64]:
        """Predicted mean response of a trial, ``[states]``."""
        return self.response * self.uninterrupted

    @property
    def best(self) -> int:
        """The best wait, steps."""
        return int(self.yields.argmax())


_TAUS_S = np.geomspace(0.1, 20.0, 60)
_MEDIANS_S = np.geomspace(0.3, 30.0, 90)
_SPREADS = np.geomspace(0.05, 2.0, 45)
"""Grids that are searched: time constants of R, medians and standard deviations of the log of interruptions' times."""


def fit(
    wait: NDArray[np.int64], response: NDArray[np.float64], interrupted: NDArray[np.bool_], step_s: float, longest: int
) -> Model:
    """The model of open-loop trials, all of one graph.

    Args:
        wait: Steps ``[K]``, as of ``Trials``.
        response: ``[K]``.
        interrupted: ``[K]``.
        step_s: Length of a step, s.
        longest: Longest wait, steps.
    """
    states = step_s * np.arange(longest + 1)
    given = wait[~interrupted]
    fits = []
    for tau in _TAUS_S:
        columns = np.stack([np.ones(len(given)), 1.0 - np.exp(-step_s * given / tau)], axis=1)
        solved = np.linalg.lstsq(columns, response[~interrupted], rcond=None)[0]
        fits.append((float(np.square(columns @ solved - response[~interrupted]).sum()), *solved, tau))
    _, a, b, tau = min(fits)
    pulses = np.bincount(given, minlength=longest + 1)[: longest + 1]
    bursts = np.bincount(wait[interrupted], minlength=longest + 1)[: longest + 1]
    survival = _survival(np.append(states, states[-1] + step_s))
    in_step = np.log(np.maximum(survival[:, :-1] - survival[:, 1:], 1e-12))
    likelihood = in_step @ bursts + np.log(np.maximum(survival[:, :-1], 1e-12)) @ pulses
    return Model(a + b * (1.0 - np.exp(-states / tau)), survival[likelihood.argmax(), :-1])


_KNOWN: dict[tuple[int, float], NDArray[np.float64]] = {}


def _survival(times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability that no interruption came by these times, for all lognormals of the grids ``[grid, times]``."""
    key = (len(times_s), float(times_s[-1]))
    if key not in _KNOWN:
        from scipy.stats import lognorm

        medians, spreads = (grid.ravel()[:, None] for grid in np.meshgrid(_MEDIANS_S, _SPREADS))
        _KNOWN[key] = lognorm.sf(times_s, spreads, scale=medians)
    return _KNOWN[key]


def interval(trials: Trials, step_s: float, longest: int, resamples: int = 200) -> tuple[Model, int, int]:
    """The model of a graph, and the 95 % bootstrap interval of its best wait in steps.

    Args:
        trials: Of all its sessions.
        step_s: Length of a step, s.
        longest: Longest wait, steps.
        resamples: Of the bootstrap.
    """
    flat = (trials.wait.ravel(), trials.response.ravel(), trials.interrupted.ravel())
    rng, best = np.random.default_rng(0), []
    for _ in range(resamples):
        drawn = rng.integers(0, flat[0].size, flat[0].size)
        best.append(fit(*(values[drawn] for values in flat), step_s, longest).best)
    low, high = np.percentile(best, [2.5, 97.5])
    return fit(*flat, step_s, longest), int(np.floor(low)), int(np.ceil(high))


def share(successes: NDArray[np.bool_]) -> str:
    """How many, in percent, and the 95 % Wilson interval."""
    n, p, z = len(successes), float(np.mean(successes)), 1.959964
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (100 * (middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return f"{int(successes.sum())} of {n}, {100 * p:.0f} % ({low:.0f} ... {high:.0f})"


def figures(trained: Trials, tested: Trials, inside: NDArray[np.bool_], near: NDArray[np.bool_]) -> str:
    """The table beside the paper's.

    Args:
        trained: Of all sessions.
        tested: Of all sessions.
        inside: Whether the learned wait lies in the interval of the model, graph by graph.
        near: Whether it yields 95 % of the best by the model, graph by graph.
    """
    quarter = trained.wait.shape[1] // 4
    first, last = slice(None, quarter), slice(-quarter, None)

    def changes(values: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        during, after = getattr(trained, values), getattr(tested, values)
        whole = after.mean(axis=1) - during.mean(axis=1)
        return whole, during[:, last].mean(axis=1) - during[:, first].mean(axis=1)

    fell, rose = changes("interrupted"), changes("response")
    rows = (
        ("interruptions fell, training to test (sessions)", share(fell[0] < 0), "94.2 % of 52"),
        ("interruptions fell, first to last quarter of training", share(fell[1] < 0), ""),
        ("efficacy rose, training to test (sessions)", share(rose[0] > 0), "90 % of 52"),
        ("efficacy rose, first to last quarter of training", share(rose[1] > 0), ""),
        ("learned wait within the model's interval (graphs)", share(inside), "8 of 11, 73 %"),
        ("learned wait yields 95 % of the model's best (graphs)", share(near), ""),
    )
    return markdown(rows, ("figure", "here (95 % interval)", "Kumar et al. 2016"))


def main() -> None:
    """Play the three parts and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("graphs", 12), ("sessions", 5), ("open", 50), ("training", 120), ("test", 40)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--step-ms", type=float, default=250.0)
    given = parser.parse_args()
    count, began, step_s = given.graphs * given.sessions, time.monotonic(), given.step_ms / 1e3
    longest = round(LONGEST_S / step_s)
    envs = gym.make_vec(
        "livn/EI2-StimulusTiming-v0",
        num_envs=count,
        graph_seed=[k // given.sessions for k in range(count)],
        step_ms=given.step_ms,
        encoding={"name": "pulse_amplitude", "rate_hz": 1.0 / step_s},  # one pulse a step
        trials=10**9,  # one endless episode, so that a session is one
        max_episode_steps=10**9,
    )
    learner = Learner(count, given.training, longest, seed=2)
    played = []
    for seed, trials, act, learn in (
        (1_000, given.open, RandomWaits(count, given.open, longest, seed=1), None),
        (2_000, given.training, learner.explore, learner.learn),
        (3_000, given.test, learner.act, None),
    ):
        envs.reset(seed=seed)
        played.append(play(envs, step_s, trials, act, learn))
        print(f"{len(played)} of 3 parts played, {time.monotonic() - began:.0f} s", flush=True)
    envs.close()
    opened, trained, tested = played
    rows, inside, near, gains = [], [], [], []
    for graph in range(given.graphs):
        own = slice(graph * given.sessions, (graph + 1) * given.sessions)
        model, low, high = interval(Trials(*(values[own] for values in vars(opened).values())), step_s, longest)
        waits = learner.waits()[own]
        wait = float(np.median(waits))
        inside.append(low <= wait <= high)
        near.append(model.yields[round(wait)] >= 0.95 * model.yields.max())
        means = [part.response[own].mean() for part in (opened, trained, tested)]
        gains.append((*means, model.yields.max()))
        rows.append(
            (
                str(graph),
                f"{wait * step_s:.2f} ({waits.min() * step_s:.2f} ... {waits.max() * step_s:.2f})",
                f"{model.best * step_s:.2f} ({low * step_s:.2f} ... {high * step_s:.2f})",
                *(f"{mean:.2f}" for mean in gains[-1]),
                " / ".join(f"{100 * part.interrupted[own].mean():.0f}" for part in (opened, trained, tested)),
            )
        )
    headings = ("graph", "learned wait (s)", "model's best (s)", "open loop", "training", "test", "predicted")
    print(markdown(rows, (*headings, "interrupted (%)")) + "\n")
    print(figures(trained, tested, np.array(inside), np.array(near)) + "\n")
    opened_mean, _, tested_mean, best = np.mean(gains, axis=0)
    print(f"Mean response of a trial: test {tested_mean:.2f}, model's best {best:.2f}, open loop {opened_mean:.2f}.")
    print(f"{count} sessions, {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    main()
