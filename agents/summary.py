"""Summary of the rows of a benchmark: by task and agent, and by agent over all tasks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from livn_gym.agents.baselines import NAMES
from livn_gym.agents.benchmark import Job, key_of
from livn_gym.agents.statistics import aggregate
from livn_gym.envs.provenance import check_comparable, described

MEANS = "effect", "charge_nC", "cut_reward", "long_blank_reward", "wall_s"
"""Columns whose mean over runs is reported."""


def summary(jobs: Iterable[Job], rows: Sequence[Mapping[str, str]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Aggregate rows by task and agent.

    Returns:
        Task -> agent -> ``runs`` (number of finished runs), ``planned`` (number of all runs), ``status`` and
        ``steps``. Agents with finished runs also have ``returns``, ``score`` (value, low, high of the interquartile
        mean of the returns), ``measure``, ``origin``, and the means of the columns ``MEANS``.

    Raises:
        InvalidInput: Rows of one task have different parameters or versions of the task.
    """
    jobs = list(jobs)
    keys = {job.key() for job in jobs}
    for env_id in {job.env_id for job in jobs}:
        check_comparable(f"The table of {env_id}", (r for r in rows if r["env"] == env_id and key_of(r) in keys))
    done = {key_of(row): row for row in rows}
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    for job in jobs:
        entry = tables.setdefault(job.env_id, {}).setdefault(
            job.agent, {"rows": [], "planned": 0, "steps": job.steps, "status": "not run"}
        )
        entry["planned"] += 1
        row = done.get(job.key())
        if row is not None:
            entry["status"] = row["status"]
            if row["status"] == "done":
                entry["rows"].append(row)
                entry["origin"] = described(row)
    for agents in tables.values():
        for entry in agents.values():
            finished = entry.pop("rows")
            entry["runs"] = len(finished)
            if finished:
                entry["returns"] = [float(row["total_reward"]) for row in finished]
                entry["score"] = aggregate([entry["returns"]])
                entry["measure"] = finished[0]["measure"]
                for name in MEANS:
                    entry[name] = float(np.mean([float(row[name] or "nan") for row in finished]))
    return tables


def overall(tables: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, np.ndarray]:
    """Aggregate agents over all tasks, with returns scaled so that a task's worst baseline is 0 and its best is 1.

    Returns:
        Agent -> value, low, high, for agents that played all tasks that count: those for which all agents are planned,
        on which no run is missing and not all baselines are equal.
    """
    scaled: dict[str, list[list[float]]] = {}
    everyone = {agent for agents in tables.values() for agent in agents}
    counting = 0
    for agents in tables.values():
        complete = all(entry["status"] == "no target" or entry["runs"] == entry["planned"] for entry in agents.values())
        if not complete or agents.keys() != everyone:
            continue
        means = {name: float(np.mean(entry["returns"])) for name, entry in agents.items() if entry["runs"]}
        levels = [mean for name, mean in means.items() if name in NAMES]
        zero, best = min(levels, default=math.nan), max(levels, default=math.nan)
        if not best > zero:
            continue
        counting += 1
        for name in means:
            scaled.setdefault(name, []).append([(value - zero) / (best - zero) for value in agents[name]["returns"]])
    return {name: aggregate(strata) for name, strata in scaled.items() if len(strata) == counting}
