"""Compare agents' scores through the whole CL API with those in the direct environment, and show a session's timing.

The device is cl-sdk with a simulated culture of livn_gym behind it, so that this needs a Python with the extra ``cl``::

    python benchmarks/devices/deploy.py run --folder FOLDER      # resumable: parts that exist are not measured again
    python benchmarks/devices/deploy.py table --folder FOLDER    # the tables in Markdown

``--trained RUN`` adds the agent of ``livn-gym train --agent sac --env livn/EI3-v0 -o device=cl1 --out RUN`` (needs the
extra ``rl`` as well). A part is a session of five episodes through the API, or all episodes in the direct environment.
``--shard 0/2`` measures every second part only. Targets are given in Hz, so that both ways have the same ones.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from livn_gym.agents.baselines import Agent, ProportionalIntegral, Silent
from livn_gym.agents.evaluate import TEST_SEED, play
from livn_gym.atomic import replacing
from livn_gym.devices.deployed import HEADINGS
from livn_gym.devices.deployment import Deployment
from livn_gym.devices.guarded_plant import LEDGER
from livn_gym.envs.provenance import provenance

ENV_ID = "livn/EI3-v0"
OPTIONS: dict[str, Any] = {"target_hz": [4.5, 6.0], "max_episode_steps": 50}
AGENTS: dict[str, Callable[[], Agent]] = {
    "silent": Silent,
    "proportional-integral": lambda: ProportionalIntegral(gain=0.02, integral_s=0.3, bias=0.7),
}
PER_SESSION = 5
NUMBERS = ("total_reward", "rate_hz", "charge_nC")


def direct(name: str, episodes: int, seed: int = TEST_SEED, **options: Any) -> list[dict[str, float]]:
    """Return return, rate and charge of episodes in the environment with ``device="cl1"``."""
    played = play({name: AGENTS[name]}, ENV_ID, episodes=episodes, seed=seed, device="cl1", **OPTIONS | options)
    return [
        {"total_reward": episode.total_reward, "rate_hz": episode.mean("rate_hz"), "charge_nC": episode.charge_nC}
        for episode in played[name]
    ]


def through_api(
    name: str,
    episodes: int,
    folder: Path,
    seed: int = TEST_SEED,
    *,
    culture_seed: int = 0,
    real_time: bool = False,
    **options: Any,
) -> list[dict[str, float]]:
    """Return the same of episodes over ``cl.open()``, whose session is kept in a folder."""
    from livn_gym.devices.plants.cl import ClDriver

    culture = {"system": options.pop("system", "EI3"), "seed": culture_seed, "accelerated": not real_time}
    driver = ClDriver(samples=False, culture=culture)
    plan = Deployment(AGENTS[name], ENV_ID, OPTIONS | options, episodes, seed, origin={"agent": name})
    return [{number: getattr(episode, number) for number in NUMBERS} for episode in plan.run(driver, folder)]


def difference(device: Sequence[float], env: Sequence[float]) -> tuple[float, float]:
    """Return the difference of two means and half of its 95 % interval (Welch, normal quantile)."""
    spread = math.sqrt(np.var(device, ddof=1) / len(device) + np.var(env, ddof=1) / len(env))
    return float(np.mean(device) - np.mean(env)), 1.96 * spread


def parts(episodes: int) -> list[tuple[str, str, int]]:
    """Return agent, way and number of all parts; a real-time session is one of its own."""
    sessions = [(name, "api", k) for k in range(-(-episodes // PER_SESSION)) for name in AGENTS]
    return [*((name, "direct", 0) for name in AGENTS), *sessions, ("proportional-integral", "real-time", 0)]


def measure(folder: Path, episodes: int, shard: tuple[int, int]) -> None:
    """Measure the parts of a shard that are missing."""
    for index, (name, way, number) in enumerate(parts(episodes)):
        path = folder / f"{name}-{way}-{number}.json"
        if index % shard[1] != shard[0] or path.exists():
            continue
        print(path.name, flush=True)
        first = TEST_SEED + number * PER_SESSION
        session = folder / "sessions" / path.stem
        if way == "direct":
            rows = direct(name, episodes)
        elif way == "real-time":
            rows = through_api(name, 2, _fresh(session), first, culture_seed=99, real_time=True)
        else:
            count = min(PER_SESSION, episodes - number * PER_SESSION)
            rows = through_api(name, count, _fresh(session), first, culture_seed=number)
        content = {"origin": provenance(ENV_ID, {"device": "cl1", **OPTIONS}), "episodes": rows}
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _fresh(session: Path) -> Path:
    """Return a folder for a session, another one if an earlier session in it was interrupted."""
    attempt = 0
    while (session / str(attempt) / LEDGER).exists():
        attempt += 1
    return session / str(attempt)


def read(folder: Path, name: str, way: str) -> list[dict[str, float]]:
    """Return the episodes of an agent that were measured.

    Raises:
        ValueError: Parts are of different parameters, tasks or devices.
    """
    contents = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(f"{name}-{way}-*.json"))]
    if len({json.dumps(content["origin"], sort_keys=True) for content in contents}) > 1:
        raise ValueError(f"Parts of {name} {way} are of different parameters, tasks or devices.")
    return [row for content in contents for row in content["episodes"]]


def table(folder: Path) -> None:
    """Print the comparison and the sessions' timing."""
    origin = json.loads(next(folder.glob("*-direct-0.json")).read_text(encoding="utf-8"))["origin"]
    print(f"`{ENV_ID}`, targets {OPTIONS['target_hz']} Hz; {origin}\n")
    print("| agent | episodes | direct | through the CL API | difference | rate (Hz) | charge (uC) |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in AGENTS:
        env, device = read(folder, name, "direct"), read(folder, name, "api")
        gap, half = difference(*([row["total_reward"] for row in rows] for rows in (device, env)))
        cells = [
            f"{np.mean([row['total_reward'] for row in rows]):.2f} +- "
            f"{np.std([row['total_reward'] for row in rows], ddof=1):.2f}"
            for rows in (env, device)
        ]
        both = [
            " / ".join(f"{np.mean([row[key] for row in rows]) * scale:.2f}" for rows in (env, device))
            for key, scale in (("rate_hz", 1.0), ("charge_nC", 1e-3))
        ]
        row = (name, f"{len(env)} / {len(device)}", *cells, f"{gap:+.2f} +- {half:.2f}", *both)
        print("| " + " | ".join(row) + " |")
    for way in ("api", "real-time"):
        timing(folder, way)


def timing(folder: Path, way: str) -> None:
    """Print the table of episodes of the first session of the controller."""
    session = max((folder / "sessions" / f"proportional-integral-{way}-0").iterdir(), key=lambda path: int(path.name))
    print(f"\nA session {'in real time' if way == 'real-time' else 'in accelerated time'}:\n")
    print("| " + " | ".join(HEADINGS) + " |\n|" + " --- |" * len(HEADINGS))
    with (session / "episodes.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            three = [
                "-"
                if row[f"{name}_ms_median"] == "nan"
                else " / ".join(f"{float(row[f'{name}_ms_{part}']):.1f}" for part in ("median", "p95", "max"))
                for name in ("latency", "jitter")
            ]
            late = row["stim_delay_ms"]
            cells = (
                row["episode"],
                f"{float(row['total_reward']):.2f}",
                f"{float(row['charge_nC']):,.0f}",
                f"{float(row['rate_hz']):.2f}",
                *three,
                "-" if late == "nan" else f"{float(late):.2f}",
                row["refused"],
                row["ended"],
            )
            print("| " + " | ".join(cells) + " |")


def main() -> None:
    """Measure or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--trained", type=Path, help="folder of a training run")
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--shard", default="0/1")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.trained is not None:
        from livn_gym.agents import learned  # the other agents need no Stable-Baselines3

        AGENTS["trained"] = partial(learned.load, arguments.trained)
    if arguments.what == "run":
        index, count = map(int, arguments.shard.split("/"))
        measure(arguments.folder, arguments.episodes, (index, count))
    else:
        table(arguments.folder)


if __name__ == "__main__":
    main()
