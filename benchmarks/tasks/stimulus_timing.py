"""Does a short tabular learning find when to stimulate? Over graphs and sessions, beside Kumar et al. (2016).

A **graph** is a culture of its own (``graph_seed`` 0, 1, ...), a **session** a learner of its own on it with noise of
its own. Graphs times sessions cultures are simulated together. Each plays three parts, counted in trials of the task:
an open loop, training, and a test. A wait is the time since the last burst or pulse when the pulse is given, in whole
steps.

1. *Open loop*: every trial draws its wait uniformly from 0 to ``LONGEST_S``. All sessions of a graph together fit its
   model (``timing_model.py``): the response grows as ``R(w) = a + b (1 - exp(-w / tau))`` with the wait, by least
   squares over the pulses given; the time of an interruption is lognormal, by maximum likelihood, where a trial with a
   pulse says only that none came before. What a trial yields is predicted as ``R(w) P(no interruption by w)``. Its
   maximum over whole steps is the best wait. Its interval is the bootstrap's: the 2.5th and 97.5th percentile of best
   waits over resampled trials. A second model has a logistic R, since these cultures answer hardly or wholly.
2. *Training*: Q-learning (``Learner``) with the task's reward, no discount, from a table of zeros. A trial explores
   with a probability that falls linearly from 1 to ``EXPLORE_LAST``, by a wait drawn as in the open loop.
3. *Test*: the table is fixed and its wait is used in every trial.

Figures, each with a 95 % Wilson interval; ties count as no:

- *interruptions fell*: sessions with a smaller share of interrupted trials in the test than in the training, and, as
  another line, in the last than in the first quarter of the training.
- *efficacy rose*: sessions with a greater mean response of a trial (0 if interrupted), likewise.
- *learned wait within the model's interval*: graphs whose median learned wait over sessions lies in the interval. Also
  counted: graphs where the model predicts at that wait at least 95 % of its maximum, and graphs whose interval holds
  the median wait of all sessions, which says how much graphs differ.

The training explores, so that a part of the gain from training to test is exploration that ended. So the test is
compared with two more: what the model predicts for its best wait (the ratio is 1 for a learner that has nothing left to
learn, if the model is right), and the open loop, from which nothing was learned.

Run: python benchmarks/tasks/stimulus_timing.py [--graphs 11] [--sessions 5] [--open 40] [--training 100] [--test 40]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from timing_model import RISES, Trials, interval

import livn_gym  # noqa: F401  (registers the ids)
from livn_gym.agents.report import markdown
from livn_gym.atomic import replacing

LONGEST_S = 5.0
"""Longest wait, s. The bursting culture by itself bursts every three."""

EXPLORE_LAST = 0.05
"""Share of the last training trials that explore."""

RATE = 0.1
"""Learning rate, after the first 10 visits of an entry, which are averaged."""


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
        trials: K, of every session. One that has them continues unrecorded until all have.
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


def share(successes: NDArray[np.bool_]) -> str:
    """How many, in percent, and the 95 % Wilson interval."""
    n, p, z = len(successes), float(np.mean(successes)), 1.959964
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (100 * (middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return f"{int(successes.sum())} of {n}, {100 * p:.0f} % ({low:.0f} ... {high:.0f})"


def changes(trained: Trials, tested: Trials) -> list[tuple[str, ...]]:
    """Rows of the table beside the paper's that count sessions."""
    quarter = trained.wait.shape[1] // 4
    rows = []
    for name, values, sign, paper in (
        ("interruptions fell", "interrupted", -1.0, "94.2 % of 52"),
        ("efficacy rose", "response", 1.0, "90 % of 52"),
    ):
        during, after = getattr(trained, values), getattr(tested, values)
        whole = after.mean(axis=1) - during.mean(axis=1)
        within = during[:, -quarter:].mean(axis=1) - during[:, :quarter].mean(axis=1)
        rows.append((f"{name}, training to test (sessions)", share(sign * whole > 0), paper))
        rows.append((f"{name}, first to last quarter of training (sessions)", share(sign * within > 0), ""))
    return rows


def graphs(
    parts: tuple[Trials, Trials, Trials], learned: NDArray[np.int64], own: int, step_s: float
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]], str]:
    """The table of graphs, rows of the table beside the paper's that count graphs, and a sentence of means.

    Args:
        parts: Open loop, training and test of all sessions, those of a graph one after another.
        learned: Wait of every session, steps.
        own: Sessions of a graph.
        step_s: Length of a step, s.
    """
    longest, count = round(LONGEST_S / step_s), len(learned) // own
    table, counted, means = [], [], []
    inside, near, common = np.zeros((3, len(RISES), count), np.bool_)
    explained = np.zeros((len(RISES), count))
    for graph in range(count):
        sessions = slice(graph * own, (graph + 1) * own)
        waits = learned[sessions]
        wait = float(np.median(waits))
        cells = [f"{wait * step_s:.2f} ({waits.min() * step_s:.2f} ... {waits.max() * step_s:.2f})"]
        best = []
        for k, rise in enumerate(RISES):
            opened = Trials(*(values[sessions] for values in vars(parts[0]).values()))
            model, low, high = interval(opened, step_s, longest, rise)
            inside[k, graph] = low <= wait <= high
            common[k, graph] = low <= np.median(learned) <= high
            near[k, graph] = np.interp(wait, np.arange(longest + 1), model.yields) >= 0.95 * model.yields.max()
            explained[k, graph] = model.explained
            best.append(float(model.yields.max()))
            cells.append(f"{model.best * step_s:.2f} ({low * step_s:.2f} ... {high * step_s:.2f})")
        own_means = [float(part.response[sessions].mean()) for part in parts]
        means.append((*own_means, *best))
        cells.append(" / ".join(f"{mean:.2f}" for mean in own_means))
        cells.append(" / ".join(f"{100 * part.interrupted[sessions].mean():.0f}" for part in parts))
        table.append((str(graph), *cells))
    for k, rise in enumerate(RISES):
        paper = "8 of 11, 73 %" if rise == "exponential" else ""
        counted.append((f"learned wait within the model's interval, {rise} rise (graphs)", share(inside[k]), paper))
        counted.append((f"learned wait yields 95 % of the model's best, {rise} rise (graphs)", share(near[k]), ""))
        counted.append((f"one wait for all within the model's interval, {rise} rise (graphs)", share(common[k]), ""))
    opened_mean, trained_mean, tested_mean, *best = np.mean(means, axis=0)
    told = ", ".join(
        f"{best[k]:.2f} for the {rise} rise (explains {100 * explained[k].mean():.0f} % of the variance of responses)"
        for k, rise in enumerate(RISES)
    )
    answers = parts[0].response[~parts[0].interrupted]
    between = 100 * np.mean((answers > 0.25) & (answers < 0.75))
    return (
        table,
        counted,
        f"Mean response of a trial: open loop {opened_mean:.2f}, training {trained_mean:.2f}, test {tested_mean:.2f}; "
        f"models' best {told}. {between:.1f} % of the open loop's responses lie between 0.25 and 0.75.",
    )


def simulate(given: argparse.Namespace) -> tuple[tuple[Trials, Trials, Trials], NDArray[np.int64]]:
    """Play the three parts on cultures; trials of each, and learned waits in steps."""
    count, step_s, began = given.graphs * given.sessions, given.step_ms / 1e3, time.monotonic()
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
    return (opened, trained, tested), learner.waits()


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("graphs", 11), ("sessions", 5), ("open", 40), ("training", 100), ("test", 40)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--step-ms", type=float, default=250.0)
    parser.add_argument("--file", type=Path, help="keeps the trials (npz), so that tables can be made again")
    given = parser.parse_args()
    if given.file is not None and given.file.exists():
        kept = np.load(given.file)
        parts = tuple(Trials(*(kept[f"{name}{k}"] for name in Trials.__annotations__)) for k in range(3))
        learned = kept["learned"]
    else:
        parts, learned = simulate(given)
        if given.file is not None:
            with replacing(given.file) as path:
                arrays = {f"{name}{k}": values for k, part in enumerate(parts) for name, values in vars(part).items()}
                np.savez(path, learned=learned, **arrays)
    table, counted, told = graphs(parts, learned, given.sessions, given.step_ms / 1e3)
    best = [f"best, {rise} (s)" for rise in RISES]
    headings = ("graph", "learned wait (s)", *best, "response", "interrupted (%)")
    print(markdown(table, headings) + "\nResponses and interruptions: open loop / training / test.\n")
    rows = [*changes(parts[1], parts[2]), *counted]
    print(markdown(rows, ("figure", "here (95 % interval)", "Kumar et al. 2016")) + f"\n{told}")


if __name__ == "__main__":
    main()
