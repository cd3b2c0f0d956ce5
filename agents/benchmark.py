"""The benchmark: every agent on every task with several seeds, resumable and in parallel processes.

The output folder holds ``rows.csv`` (one line per run), ``configs.json`` (hyperparameters of the learners), ``runs/``
(run folders of the learners, needed to resume but not to report), ``table.md`` and ``plot.png``.
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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import livn_gym
from livn_gym import processors
from livn_gym.agents import evaluate, hyperparameters
from livn_gym.agents.baselines import NAMES, Agent, BestConstant, NoTarget
from livn_gym.agents.train import train
from livn_gym.agents.train import write_rows as write
from livn_gym.atomic import make_folder, only_writer, replacing
from livn_gym.envs.provenance import COMPARED, provenance
from livn_gym.envs.registration import is_ours, spec_of
from livn_gym.errors import unknown_name
from livn_gym.reading import damage

AGENTS = (*NAMES, "ppo", "sac")
"""Agents of the standard table."""


class Size(NamedTuple):
    """Size of the standard benchmark on a system.

    Attributes:
        seeds: Runs per agent.
        episodes: Test episodes per run.
        search_episodes: Episodes per strength in the search for the best constant.
        learners: Whether agents learn.
    """

    seeds: int = 5
    episodes: int = 10
    search_episodes: int = 8
    learners: bool = True


BASELINES_ONLY = "livn/EI4-v0"
"""Id of the standard table that only the baselines play, since a step simulates 10,000 cells."""

SIZES = {"EI3": Size(3), "EI4": Size(3, episodes=2, search_episodes=2, learners=False)}
"""Smaller sizes, of the systems of 1,000 and of 10,000 cells."""

ROWS = "rows.csv"
"""File of the results in the output folder."""

EPISODES_APART = 1000
"""Difference between the seeds of the first test episodes of two consecutive benchmark seeds."""

LONG_BLANK_MS = 5.0
"""Time after a pulse for which every electrode is blanked in the stricter control, ms."""


@dataclass(frozen=True)
class Job:
    """One run: an agent on an environment with a seed.

    Attributes:
        env_id: Id of the environment.
        agent: Name of a baseline or of a learning algorithm.
        seed: Seed of the learner; it also selects the test episodes.
        steps: Number of training steps; 0 for baselines.
        episodes: Number of test episodes.
        options: Options of the environment.
    """

    env_id: str
    agent: str
    seed: int
    steps: int
    episodes: int
    options: Mapping[str, Any]

    def key(self) -> tuple[str, ...]:
        """Return the values that identify the run in ``rows.csv``."""
        options = json.dumps(dict(self.options), sort_keys=True)
        return (self.env_id, self.agent, str(self.seed), str(self.steps), str(self.episodes), options)


def jobs(
    tasks: Sequence[str],
    agents: Sequence[str] | None = None,
    *,
    seeds: int | None = None,
    steps: int | None = None,
    episodes: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[Job]:
    """Return all runs in the order of execution: baselines first, then learners, each seed by seed.

    Args:
        tasks: Ids of environments; one that is named twice counts once.
        agents: Names of baselines and learning algorithms, likewise. Default: ``AGENTS``, on EI4 the baselines.
        seeds: Number of runs per agent and task. Default: 5, or 3 on EI3 and EI4.
        steps: Number of training steps. Default: taken from the hyperparameter file.
        episodes: Number of test episodes per run. Default: 10, or 2 on EI4.
        options: Options of the environments.

    Raises:
        UnknownName: There is no such environment or agent.
    """
    learners = tuple(hyperparameters.ALGORITHMS)
    for agent in agents or ():
        if agent not in (*NAMES, *learners):
            raise unknown_name("agent", agent, (*NAMES, *learners))
    planned = []
    for env_id in dict.fromkeys(tasks):
        size = _size(env_id)
        of_task = (AGENTS if size.learners else NAMES) if agents is None else dict.fromkeys(agents)
        plays = size.episodes if episodes is None else episodes
        for agent in of_task:
            budget = 0
            if agent in learners:
                budget = hyperparameters.load(agent, env_id).steps if steps is None else steps
            for seed in range(size.seeds if seeds is None else seeds):
                planned.append(Job(env_id, agent, seed, budget, plays, dict(options or {})))
    return sorted(planned, key=lambda job: (job.steps > 0, job.seed))


def _size(env_id: str) -> Size:
    system = spec_of(env_id).kwargs.get("system")
    return SIZES.get(system, Size()) if isinstance(system, str) else Size()


def run(job: Job, folder: Path, trust: bool = False) -> dict[str, Any]:
    """Execute one run: train the agent if it learns, then play the test episodes.

    Args:
        job: The run.
        folder: Run folder of the training; an interrupted training in it is resumed.
        trust: Resume even a checkpoint that another user or machine wrote.

    Returns:
        The row of the results. ``status`` is ``done``, or ``no target`` for a controller on a task without a target.
    """
    started = time.perf_counter()
    measure = evaluate.measure_of(job.env_id, job.options)
    row: dict[str, Any] = dict(zip(COLUMNS[:6], job.key(), strict=True))
    row |= {"version": livn_gym.__version__, "commit": _commit()} | provenance(job.env_id, job.options)
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
            (make,) = evaluate.agent_factories([str(folder)], job.env_id).values()
        score = _score(job, make, measure, job.options)
        for column, options in controls(job.env_id, job.options).items():
            if job.agent == "random":  # the same actions again
                make = evaluate.baseline(job.agent, job.env_id, seed=job.seed)
            score[column] = _score(job, make, measure, options)["total_reward"]
    except NoTarget:
        return row | {"status": "no target"}
    seconds = round(time.perf_counter() - started, 1)
    return row | {"status": "done", "measure": measure, **score, "wall_s": seconds}


def controls(env_id: str, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of the control episodes, by the column of their mean return.

    The same agent, without further training, plays the same episodes on the culture with all synapses cut, and with
    every electrode blanked for ``LONG_BLANK_MS`` after each pulse. Environments of other packages have no controls.
    """
    if not is_ours(spec_of(env_id)):
        return {}
    return {
        "cut_reward": evaluate.with_condition(env_id, options, "synapses_cut"),
        "long_blank_reward": {**options, "blank_ms": LONG_BLANK_MS},
    }


def _score(job: Job, make: Callable[[], Agent], measure: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Play the test episodes of a run and return its scores, by column."""
    seed = evaluate.TEST_SEED + EPISODES_APART * job.seed
    played = evaluate.play({job.agent: make}, job.env_id, episodes=job.episodes, seed=seed, **options)
    scores = asdict(evaluate.score(played[job.agent], measure))
    del scores["episodes"]
    return scores


COLUMNS = (
    *("env", "agent", "seed", "steps", "episodes", "options", "status", "total_reward", "deviation"),
    *("measure", "effect", "charge_nC", "cut_reward", "long_blank_reward", "wall_s"),
    *("version", "commit", "params", *COMPARED),
)


def benchmark(
    jobs: Sequence[Job],
    folder: str | Path,
    *,
    processes: int | None = None,
    hours: float | None = None,
    trust: bool = False,
    report: Callable[[int, int, Mapping[str, Any]], None] | None = None,
) -> list[dict[str, str]]:
    """Execute the runs that the folder does not hold yet.

    Args:
        jobs: All runs of the benchmark.
        folder: Output folder for rows, configs and run folders.
        processes: Number of runs in parallel, each bound to one processor; None for one per processor.
        hours: Start no further run after this time; 0 only returns what is there.
        trust: Resume even checkpoints that another user or machine wrote. Reading a checkpoint can execute code.
        report: Called after every run with the number of finished runs, the number of all runs, and the new row.

    Returns:
        The rows of those runs in ``jobs`` that are finished.

    Raises:
        InvalidInput: Another process runs a benchmark in this folder.
        CorruptData: ``configs.json`` is damaged.
    """
    folder = Path(folder)
    environments = {(job.env_id, job.key()[5]): job.options for job in jobs}
    found = {key: provenance(key[0], options) for key, options in environments.items()}
    origins = {job.key(): found[job.env_id, job.key()[5]] for job in jobs}
    make_folder(folder)
    if hours == 0:
        return _valid(read(folder / ROWS), origins)
    execute = partial(run, trust=True) if trust else run
    with only_writer(folder):
        rows = read(folder / ROWS)
        finished_keys = {key_of(row) for row in _valid(rows, origins)}
        waiting = [job for job in jobs if job.key() not in finished_keys]
        finished = len(jobs) - len(waiting)
        _add_configs(folder / "configs.json", waiting)
        deadline = math.inf if hours is None else time.monotonic() + hours * 3600.0

        def submitted(pool: ProcessPoolExecutor) -> Future[dict[str, Any]]:
            job = waiting.pop(0)
            return pool.submit(execute, job, folder / "runs" / _name(job, origins[job.key()]))

        with _workers(processes, len(waiting)) as (pool, count):
            running: set[Future] = set()
            while running or (waiting and time.monotonic() < deadline):
                while waiting and len(running) < count and time.monotonic() < deadline:
                    running.add(submitted(pool))
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    result = future.result()
                    rows.append({name: str(result.get(name, "")) for name in COLUMNS})
                    write(folder / ROWS, rows)
                    finished += 1
                    if report is not None:
                        report(finished, len(jobs), rows[-1])
    return _valid(rows, origins)


@contextmanager
def _workers(processes: int | None, runs: int) -> Iterator[tuple[ProcessPoolExecutor, int]]:
    """Give a pool of processes, each bound to its share of the processors, and their number."""
    usable = sorted(processors.usable())
    count = min(processes or len(usable), max(1, runs))
    # spawn, not fork: the threads of compiled kernels do not survive a fork
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        worker_end, parent_end = context.Pipe(duplex=False)
        stack.callback(worker_end.close)
        stack.callback(parent_end.close)
        arguments = usable, count, worker_end
        pool = ProcessPoolExecutor(count, mp_context=context, initializer=_init_worker, initargs=arguments)
        stack.enter_context(pool)
        stack.push(partial(_end_runs, parent_end))
        yield pool, count


def _valid(rows: Iterable[Mapping[str, str]], origins: Mapping[tuple[str, ...], Mapping[str, str]]) -> list[Any]:
    """Return the rows that belong to a job, the present parameters and the present task."""
    valid = []
    for row in rows:
        origin = origins.get(key_of(row))
        if origin is not None and all(row.get(name) == origin.get(name, "") for name in COMPARED):
            valid.append(row)
    return valid


def read(path: Path) -> list[dict[str, str]]:
    """Read the rows of ``rows.csv``; an empty list if there is no such file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _end_runs(parent_end: Connection, kind: type[BaseException] | None, *_: object) -> None:
    """After Ctrl-C, end the worker processes at once; their runs continue from the checkpoints next time."""
    if kind is not None and not issubclass(kind, Exception):
        parent_end.close()


def _init_worker(usable: Sequence[int], count: int, worker_end: Connection) -> None:
    """Bind a worker process to its share of the processors, and end it with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    threading.Thread(target=_end_with_parent, args=(worker_end,), daemon=True).start()
    if hasattr(os, "sched_setaffinity"):
        number = multiprocessing.current_process()._identity[-1]
        os.sched_setaffinity(0, processors.share(usable, (number - 1) % count, count))


def _end_with_parent(worker_end: Connection) -> None:
    """End this process when its parent has ended or closed the pipe: no one would receive the result."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel, worker_end])
        os._exit(1)


@cache
def _best_strength(env_id: str, options: str) -> float:
    """Search for the best constant, once per process: the result does not depend on the run."""
    return BestConstant.search(env_id, episodes=_size(env_id).search_episodes, **json.loads(options)).strength


def key_of(row: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values that identify the run of a row, as ``Job.key``."""
    return tuple(row[name] for name in COLUMNS[:6])


def _name(job: Job, origin: Mapping[str, str]) -> str:
    """Return the name of a run folder: one of other parameters, another task or other settings is another one."""
    settings = _settings(job) if job.steps else None
    digest = hashlib.sha256(repr((job.key(), sorted(origin.items()), settings)).encode()).hexdigest()[:8]
    return f"{job.env_id.replace('/', '-')}-{job.agent}-{job.seed}-{digest}"


def _settings(job: Job) -> dict[str, Any]:
    """Return the hyperparameters of a learner."""
    settings = asdict(hyperparameters.load(job.agent, job.env_id))
    del settings["algorithm"]
    return settings | {"steps": job.steps}


def _add_configs(path: Path, jobs: Iterable[Job]) -> None:
    """Add the hyperparameters of every learner, by task, to those of earlier runs.

    Raises:
        CorruptData: The file is damaged.
    """
    with damage(path, "is no file of hyperparameters"):
        configs: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        for job in jobs:
            if job.agent in hyperparameters.ALGORITHMS:
                configs.setdefault(job.env_id, {})[job.agent] = _settings(job)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(configs, indent=2) + "\n", encoding="utf-8")


def _commit() -> str:
    """Return the short commit hash of the checkout, with a plus if files differ; empty for an installed wheel."""
    folder = Path(livn_gym.__file__).resolve().parent.parent
    if not (folder / ".git").exists() or shutil.which("git") is None:
        return ""
    call = ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    result = subprocess.run(call, capture_output=True, text=True, check=False)
    return result.stdout.strip()
