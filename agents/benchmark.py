"""The benchmark: every agent on every task with several seeds, one row a run, resumable and over several processes.

A folder fills with ``rows.csv`` (one line a run), ``configs.json`` (what the learners were trained with), ``runs/``
(their folders; needed to go on, not to report), ``table.md`` and ``plot.png``.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import multiprocessing
import multiprocessing.connection
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

import livn_gym
from livn_gym import processors
from livn_gym.agents import evaluate, hyperparameters
from livn_gym.agents.baselines import NAMES, Agent, BestConstant, NoTarget
from livn_gym.agents.statistics import aggregate
from livn_gym.agents.train import train
from livn_gym.agents.train import write_rows as write
from livn_gym.atomic import replacing
from livn_gym.envs.registration import register_all, spec_of
from livn_gym.errors import unknown_name

AGENTS = (*NAMES, "ppo", "sac")
"""Of the standard table."""

EPISODES_APART = 1000
"""Between the first test episodes of two seeds of the benchmark."""


@dataclass(frozen=True)
class Job:
    """One run: an agent on an environment with a seed.

    Attributes:
        env_id: Id of the environment.
        agent: A baseline's name or a learner's.
        seed: Of the learner, and of which test episodes are played.
        steps: Training steps; 0 for baselines.
        episodes: Test episodes.
        options: Of the environment.
    """

    env_id: str
    agent: str
    seed: int
    steps: int
    episodes: int
    options: Mapping[str, Any]

    def key(self) -> tuple[str, ...]:
        """What tells two runs apart, as ``rows.csv`` has it."""
        options = json.dumps(dict(self.options), sort_keys=True)
        return (self.env_id, self.agent, str(self.seed), str(self.steps), str(self.episodes), options)


def standard_tasks() -> list[str]:
    """The ids of the standard table: every task on EI2."""
    return [env_id for env_id in register_all() if gym.spec(env_id).kwargs["system"] == "EI2"]


def jobs(
    tasks: Sequence[str],
    agents: Sequence[str],
    *,
    seeds: int = 5,
    steps: int | None = None,
    episodes: int = 10,
    options: Mapping[str, Any] | None = None,
) -> list[Job]:
    """All runs, in the order they are done: baselines first, then seed by seed.

    Raises:
        UnknownName: There is no such environment or agent.
    """
    for env_id in tasks:
        spec_of(env_id)
    for agent in agents:
        if agent not in (*NAMES, *hyperparameters.ALGORITHMS):
            raise unknown_name("agent", agent, (*NAMES, *hyperparameters.ALGORITHMS))
    found = []
    for seed in range(seeds):
        for env_id in tasks:
            for agent in agents:
                budget = 0
                if agent in hyperparameters.ALGORITHMS:
                    budget = hyperparameters.load(agent, env_id).steps if steps is None else steps
                found.append(Job(env_id, agent, seed, budget, episodes, dict(options or {})))
    return sorted(found, key=lambda job: job.steps > 0)


def run(job: Job, folder: Path, trust: bool = False) -> dict[str, Any]:
    """Do one run: train where there is something to train, then play the test episodes.

    Args:
        job: The run.
        folder: Of its training, which is resumed if it was stopped.
        trust: Resume a checkpoint that another user or machine wrote.

    Returns:
        Its row. ``status`` is ``done``, or ``no target`` where a controller has nothing to follow.
    """
    started = time.perf_counter()
    measure = evaluate.measure_of(job.env_id, job.options)
    row = dict(zip(COLUMNS[:6], job.key(), strict=True)) | {"version": livn_gym.__version__, "commit": _commit()}
    try:
        make: Callable[[], Agent]
        if job.agent == "best-constant":
            make = partial(BestConstant, _best_strength(job.env_id, json.dumps(job.options)))
        elif job.agent in NAMES:
            make = evaluate.baseline(job.agent, job.env_id, seed=job.seed, **job.options)
        else:
            train(
                job.agent,
                job.env_id,
                folder,
                steps=job.steps,
                seed=job.seed,
                resume=True,
                trust=trust,
                evaluations=4,
                eval_episodes=4,
                options=job.options,
            )
            (make,) = evaluate.find([str(folder)], job.env_id).values()
        seed = evaluate.TEST_SEED + EPISODES_APART * job.seed
        played = evaluate.play({job.agent: make}, job.env_id, episodes=job.episodes, seed=seed, **job.options)
    except NoTarget:
        return row | {"status": "no target"}
    score = asdict(evaluate.score(played[job.agent], measure))
    del score["episodes"]
    seconds = round(time.perf_counter() - started, 1)
    return row | {"status": "done", "measure": measure, **score, "wall_s": seconds}


COLUMNS = (
    *("env", "agent", "seed", "steps", "episodes", "options", "status", "total_reward", "deviation"),
    *("measure", "effect", "charge_nC", "wall_s", "version", "commit"),
)


def benchmark(
    wanted: Sequence[Job],
    folder: str | Path,
    *,
    processes: int | None = None,
    hours: float | None = None,
    trust: bool = False,
    report: Callable[[int, int, Mapping[str, Any]], None] | None = None,
) -> list[dict[str, str]]:
    """Do the runs that the folder does not hold yet.

    Args:
        wanted: All runs.
        folder: Where rows, configs and runs go.
        processes: How many runs at once; None is one a processor. Each keeps to one processor.
        hours: After this time no further run begins.
        trust: Resume checkpoints that another user or machine wrote; reading one runs the code in it.
        report: Called after every run with the number done, of all, and its row.

    Returns:
        The rows of those that were wanted and are done.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rows.csv"
    rows = read(path)
    held = {_key(row) for row in rows}
    waiting = [job for job in wanted if job.key() not in held]
    finished = len(wanted) - len(waiting)
    _write_configs(folder / "configs.json", wanted)
    deadline = math.inf if hours is None else time.monotonic() + hours * 3600.0
    free = sorted(processors.usable())
    one = partial(run, trust=True) if trust else run
    count = min(processes or len(free), max(1, len(waiting)))
    # Processes start anew: threads of compiled kernels do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        alive, ours = context.Pipe(duplex=False)
        stack.callback(alive.close)
        stack.callback(ours.close)
        pool = stack.enter_context(
            ProcessPoolExecutor(count, mp_context=context, initializer=_settle, initargs=(free, alive))
        )
        stack.push(partial(_end_runs, ours))
        running: set[Future] = set()
        while running or (waiting and time.monotonic() < deadline):
            while waiting and len(running) < count and time.monotonic() < deadline:
                job = waiting.pop(0)
                running.add(pool.submit(one, job, folder / "runs" / _name(job)))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                result = future.result()
                rows.append({name: str(result.get(name, "")) for name in COLUMNS})
                write(path, rows)
                finished += 1
                if report is not None:
                    report(finished, len(wanted), rows[-1])
    keys = {job.key() for job in wanted}
    return [row for row in rows if _key(row) in keys]


def read(path: Path) -> list[dict[str, str]]:
    """Rows of ``rows.csv``; none where there is no such file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def summary(wanted: Iterable[Job], rows: Sequence[Mapping[str, str]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Rows by task and agent.

    Returns:
        Task -> agent -> ``runs`` (done), ``wanted``, ``status``, ``steps``, and where runs are done ``score`` (value,
        low, high of the interquartile mean of the runs' returns), ``effect``, ``charge_nC``, ``wall_s``
        (means), ``measure``.
    """
    done = {_key(row): row for row in rows}
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    for job in wanted:
        entry = tables.setdefault(job.env_id, {}).setdefault(
            job.agent, {"rows": [], "wanted": 0, "steps": job.steps, "status": "not run"}
        )
        entry["wanted"] += 1
        row = done.get(job.key())
        if row is not None:
            entry["status"] = row["status"]
            if row["status"] == "done":
                entry["rows"].append(row)
    for agents in tables.values():
        for entry in agents.values():
            found = entry.pop("rows")
            entry["runs"] = len(found)
            if found:
                entry["returns"] = [float(row["total_reward"]) for row in found]
                entry["score"] = aggregate([entry["returns"]])
                entry["measure"] = found[0]["measure"]
                for name in ("effect", "charge_nC", "wall_s"):
                    entry[name] = float(np.mean([float(row[name]) for row in found]))
    return tables


def overall(tables: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, np.ndarray]:
    """Agents over all tasks together: returns on a scale where the worst baseline is 0 and the best 1.

    Returns:
        Agent -> value, low, high; of agents that have runs on every task on which anything was run.
    """
    scaled: dict[str, list[list[float]]] = {}
    played = [agents for agents in tables.values() if any(entry["runs"] for entry in agents.values())]
    for agents in played:
        means = {name: float(np.mean(entry["returns"])) for name, entry in agents.items() if entry["runs"]}
        levels = [mean for name, mean in means.items() if name in NAMES]
        zero, best = min(levels, default=math.nan), max(levels, default=math.nan)
        if not best > zero:
            continue
        for name in means:
            scaled.setdefault(name, []).append([(value - zero) / (best - zero) for value in agents[name]["returns"]])
    return {name: aggregate(strata) for name, strata in scaled.items() if len(strata) == len(played)}


def _end_runs(ours: Connection, kind: type[BaseException] | None, *_: object) -> None:
    """After Ctrl-C nobody waits for the runs under way: they continue from their checkpoints another time."""
    if kind is not None and not issubclass(kind, Exception):
        ours.close()


def _settle(free: Sequence[int], alive: Connection) -> None:
    """Keep a process to one processor, in turn, so that runs at once do not share them; end it when its parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()
    if hasattr(os, "sched_setaffinity"):
        number = multiprocessing.current_process()._identity[-1]
        os.sched_setaffinity(0, {free[(number - 1) % len(free)]})


def _end_with_parent(alive: Connection) -> None:
    """A parent that was stopped or killed takes no result; the run continues from its checkpoint another time."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel, alive])
        os._exit(1)


@cache
def _best_strength(env_id: str, options: str) -> float:
    """The search does not depend on the run, so a process does it once."""
    return BestConstant.search(env_id, **json.loads(options)).strength


def _key(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in COLUMNS[:6])


def _name(job: Job) -> str:
    digest = hashlib.sha256(repr(job.key()).encode()).hexdigest()[:8]
    return f"{job.env_id.replace('/', '-')}-{job.agent}-{job.seed}-{digest}"


def _write_configs(path: Path, wanted: Iterable[Job]) -> None:
    """What every learner is trained with, by task."""
    configs: dict[str, Any] = {}
    for job in wanted:
        if job.agent in hyperparameters.ALGORITHMS:
            chosen = hyperparameters.load(job.agent, job.env_id)
            plain = {name: value for name, value in asdict(chosen).items() if name != "algorithm"}
            configs.setdefault(job.env_id, {})[job.agent] = plain | {"steps": job.steps}
    with replacing(path) as part:
        part.write_text(json.dumps(configs, indent=2) + "\n", encoding="utf-8")


def _commit() -> str:
    """Short hash of the checkout that this package lies in, with a plus where files differ; empty for a wheel."""
    folder = Path(livn_gym.__file__).resolve().parent.parent
    if not (folder / ".git").exists() or shutil.which("git") is None:
        return ""
    call = ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    return done.stdout.strip()
