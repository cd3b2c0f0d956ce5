"""Measure which tasks a device can drive: an agent must gain by pulses within its limits, and through the network.

The quick form, the default, plays reference agents with the parameters from which their search begins: paired
episodes with silence, on the intact culture and with its synapses cut. A task responds if the gain over silence is
above 0 by its 95 % interval, at most 15 % of it remain without synapses and, in spatial tasks, an agent that chooses
places gains more than a constant one. The gain is also given in standard
deviations of silence, of which the gate asks for two, with agents that it searches for and longer episodes: ``--gate``
runs it.

Results are in benchmarks/devices/results/<device>; those that hold for the present parameters, task and device are not
measured again, so that an interrupted run continues. A task that fails belongs in the table ``[refused_devices]`` of
its config, with the reason; this script measures it all the same.

Run: python benchmarks/devices/tasks.py [--device cl1] [--ids IDS] [--gate] [--only-print]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from livn_gym.agents import evaluate
from livn_gym.agents.baselines import Silent
from livn_gym.agents.reference_agents import families_of
from livn_gym.agents.reference_agents.generic import CONSTANT
from livn_gym.atomic import replacing
from livn_gym.device_profile import ALL_TASKS
from livn_gym.envs.provenance import COMPARED, provenance
from livn_gym.reading import read_json
from livn_gym.testing import gate_files
from livn_gym.testing.gate import GATE_SEED
from livn_gym.testing.gate_rules import MAX_CUT_SHARE, rules_of
from livn_gym.testing.gate_statistics import difference, ratio

RESULTS = Path(__file__).resolve().parent / "results"
STEPS = {
    "livn/EI3-v0": 50,
    "livn/EI3-PatternTracking-v0": 30,
    "livn/EI3-ResponseClamp-v0": 40,
    "livn/EI3-Discrimination-v0": 30,
    "livn/EI3-CartPole-v0": 60,
    "livn/EI3-Pong-v0": 80,
}
"""Steps of an episode in the quick form, by the ids on the system whose array has the shape of the device's."""


def measure(env_id: str, device: dict[str, Any], episodes: int) -> dict[str, Any]:
    """Return the returns of every arm, with their provenance."""
    options: dict[str, Any] = {"device": device}
    with gym.make(env_id, disable_env_checker=True, **options) as probe:
        info = probe.reset(seed=GATE_SEED)[1]
        families = families_of(type(probe.unwrapped.task), probe.unwrapped, info)
    makers = {
        family.name: lambda family=family: family.make(**family.parameters(family.first_point())) for family in families
    }
    play = {"episodes": episodes, "seed": GATE_SEED, "max_episode_steps": STEPS[env_id]}
    found = {"intact": _returns(evaluate.play({"silence": Silent} | makers, env_id, **play, **options))}
    best = max(makers, key=lambda name: np.mean(found["intact"][name]))
    cut = evaluate.with_condition(env_id, options, "synapses_cut")
    found["cut"] = _returns(evaluate.play({"silence": Silent, best: makers[best]}, env_id, **play, **cut))
    return {"id": env_id, "steps": STEPS[env_id], "agent": best, "returns": found, **provenance(env_id, options)}


def _returns(played: dict[str, Any]) -> dict[str, list[float]]:
    return {name: [episode.total_reward for episode in episodes] for name, episodes in played.items()}


def line(result: dict[str, Any]) -> str:
    """Return the line of the table of a result."""
    intact, cut, agent = result["returns"]["intact"], result["returns"]["cut"], result["agent"]
    gain = difference(intact[agent], intact["silence"])
    parts = [np.subtract(arms[agent], arms["silence"]).tolist() for arms in (cut, intact)]
    share, spread = ratio(*parts), float(np.std(intact["silence"], ddof=1))
    reasons = []
    if gain.low <= 0.0:
        reasons.append("no gain over silence")
    elif share.value > MAX_CUT_SHARE:
        reasons.append("without synapses, too much of it remains")
    if rules_of(result["task"]).spatial and CONSTANT.name in intact:
        placed = {name: arm for name, arm in intact.items() if name not in ("silence", CONSTANT.name)}
        name = max(placed, key=lambda each: np.mean(placed[each]))
        by_place = difference(placed[name], intact[CONSTANT.name])
        if by_place.low <= 0.0:
            chosen, constant = (
                np.mean(arm) - np.mean(intact["silence"]) for arm in (placed[name], intact[CONSTANT.name])
            )
            reasons.append(
                f"the agent '{name}', which chooses places, gains {chosen:.1f}, a constant one {constant:.1f}: "
                "no clear difference"
            )
    means = [f"{np.mean(arm):.2f}" for arm in (intact["silence"], intact[agent], cut["silence"], cut[agent])]
    remains = share.text(percent=True) if gain.value > 0 else "-"
    spreads = f"{gain.value / spread:.1f}" if spread > 0 else "-"
    cells = [f"`{result['id']}`", agent, *means, gain.text(), spreads, remains, "; ".join(reasons) or "responds"]
    return "| " + " | ".join(cells) + " |"


def quick(device: str, ids: list[str], episodes: int, only_print: bool) -> None:
    """Measure what is missing and print the table."""
    heads = [
        "id",
        "agent",
        "return of silence",
        "return of the agent",
        "silence, synapses cut",
        "agent, synapses cut",
        "gain",
        "gain in SD of silence",
        "gain that remains when cut",
        "verdict",
    ]
    print("| " + " | ".join(heads) + " |\n|" + " --- |" * len(heads))
    spec = {"name": device, ALL_TASKS: True}
    for env_id in ids:
        path = RESULTS / device / f"{env_id.replace('/', '-')}.json"
        result = read_json(path) if path.is_file() else None
        present = provenance(env_id, {"device": spec})
        if not only_print and (result is None or any(result[name] != present[name] for name in COMPARED)):
            result = measure(env_id, spec, episodes)
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                Path(temporary).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        if result is not None:
            print(line(result), flush=True)


def main() -> None:
    """Measure what is missing and print the table of all results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cl1", help="profile of the device")
    parser.add_argument("--ids", nargs="*", default=list(STEPS), help="ids to measure")
    parser.add_argument("--episodes", type=int, default=6, help="paired episodes of the quick form")
    parser.add_argument("--gate", action="store_true", help="run the whole gate, for hours")
    parser.add_argument("--only-print", action="store_true", help="print what is there")
    given = parser.parse_args()
    if not given.gate:
        quick(given.device, given.ids, given.episodes, given.only_print)
        return
    folder = RESULTS / f"{given.device}-gate"
    if not given.only_print:
        for result in gate_files.measure(given.ids, folder, device={"name": given.device, ALL_TASKS: True}):
            print(f"{result.name}: {result.verdict}", flush=True)
    print(gate_files.page_table(gate_files.read(folder)))


if __name__ == "__main__":
    main()
