"""Fits of cultures with hidden parameters and hidden graphs, knowing only a recording; prints a table.

Every culture is drawn around EI2's parameters, on a graph of its own; those that do not live are drawn again. It is
recorded for 10 minutes and under the standard probe sweep, and fitted on EI2's own graph by ``livn_gym.fitting``. Then:

- **Joint pass**: share of runs of the fitted sets, with new seeds, that meet the joint 95 % criterion; of the hidden
  culture itself with new seeds, which is the ceiling; and of EI2's shipped parameters.
- **Gain loss**: an agent is trained with the same budget on the generic culture (EI2), on the fitted sets (one drawn in
  every episode) and on the hidden culture, and plays the same test episodes on the hidden culture.
  ``(return of the agent of the hidden culture - return) / (the same - return of silence)``, with an interval by
  bootstrap over episodes. Agents are a linear policy, trained by the cross-entropy method, which has to know the
  culture's gain, and a PI controller, tuned likewise, whose feedback makes up for much of what it does not know.

Every step of every culture is a file in ``--out``, so that a run continues where it was. A culture costs about six
minutes on one core. Development cultures are ``--culture -1``, ``-2``, ... Budgets were cut, and the run begun anew
with EI2's present parameters, after hidden culture 0 had been drawn and before any of its sets was judged.

Run: python benchmarks/fit/hidden.py [--culture 0 1 2 ...] [--out DIR] [--results benchmarks/fit/results]
     python benchmarks/fit/hidden.py --table
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from hidden_table import table

from livn_gym.agents import evaluate
from livn_gym.agents.baselines import Silent
from livn_gym.agents.reference_agents import AgentFamily, tune
from livn_gym.agents.reference_agents import Budget as TuningBudget
from livn_gym.agents.reference_agents.generic import proportional_integral
from livn_gym.atomic import replacing
from livn_gym.cache import file_sha256
from livn_gym.env import Env
from livn_gym.envs.culture_env import CultureEnv
from livn_gym.fitting import Budget, Job, Space, fit, simulate
from livn_gym.fitting.criterion import Criterion
from livn_gym.fitting.fit import CHECK_GRAPH, summary
from livn_gym.fitting.result import write_fit, write_page
from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.stimulus import Stimulus
from livn_gym.system import make
from livn_gym.tuning.probe_sweep import ProbeSweep, record_sweep

SYSTEM, ENV_ID, CULTURES = "EI2", "livn/EI2-v0", 10
HIDDEN_SD = 0.12
"""Standard deviation of the hidden parameters around EI2's, as a share of the width of the bounds."""
ALIVE_HZ, LEAST_RANGE = (1.5, 6.0), 1.5
"""Rates per cell at rest, and least rate at the highest amplitude by that at rest, of a culture that responds."""
SWEEP = ProbeSweep(trains_uA=(5.0, 10.0, 15.0))
"""The standard sweep, with trains up to the highest amplitude of the task."""
DRAWS = 12
FIT = Budget(design=48, waves=4, sets=16, candidates=8, seeds=3, checks=10, other_graphs=4)
TRUE_RUNS, OTHER_RUNS = 10, 4
"""Runs for the joint pass: of the hidden culture with new seeds; of its parameters on other graphs, and of EI2."""
TRAINING = {"linear": TuningBudget(candidates=8, rounds=3, episodes=3), "PI": TuningBudget(6, 2, 3)}
"""Search for the best agent of each family."""
EPISODES = 12
HIDDEN_GRAPH, TRUE_SEED, GENERIC_SEED, RECORDED_SEED = 910_000, 810_000_000, 820_000_000, 830_000_000
"""Seeds that no fit uses."""


def main() -> None:
    """Run what the folder does not hold yet and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--culture", type=int, nargs="*", default=list(range(CULTURES)))
    parser.add_argument("--out", type=Path, default=Path("runs/hidden"), help="folder of recordings and fits")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--table", action="store_true", help="print the table of the results alone")
    arguments = parser.parse_args()
    if not arguments.table:
        arguments.results.mkdir(parents=True, exist_ok=True)
        for number in arguments.culture:
            run(number, arguments.out, arguments.results)
    print(table(arguments.results))


def run(number: int, out: Path, results: Path) -> None:
    """Draw, record, fit and compare one culture."""
    folder = out / f"culture-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    space = Space.of(SYSTEM)
    graph, seed = HIDDEN_GRAPH + number, RECORDED_SEED + 1000 * number
    hidden = step(folder / "hidden.json", lambda: draw(space, number, graph))
    params = space.params(np.array(hidden["x"]))
    recording = folder / "recording.npz"
    if not recording.exists():
        save(record(params, graph, seed), recording)
    spikes = load(recording)
    fitted = folder / "fitted"

    def fitting() -> dict[str, Any]:
        started = time.process_time()
        result = fit(spikes, SYSTEM, fitted, budget=FIT, seed=0, design_path=out / "design.json")
        write_fit(fitted, result, file_sha256(recording), f"hidden culture {number}", 0, FIT)
        write_page(fitted, result, spikes, f"Hidden culture {number}, fitted by {SYSTEM}")
        return {**summary(result), "cpu_s": time.process_time() - started, "sweep": vars(result.sweep)}

    outcome = step(folder / "fit.json", fitting)
    criterion, sweep = Criterion.from_dict(outcome["criterion"]), ProbeSweep(**outcome["sweep"])

    def passing(jobs: list[Job]) -> dict[str, Any]:
        values = simulate(SYSTEM, jobs, sweep)
        distances = criterion.distances(criterion.of_values(values))
        return {"distances": [d if np.isfinite(d) else None for d in distances.tolist()]}

    first = 1000 * (number + 50)
    true_jobs = [Job(params, graph, TRUE_SEED + first + k) for k in range(TRUE_RUNS)]
    other_jobs = [Job(params, CHECK_GRAPH + 100 + k, TRUE_SEED + first + 500 + k) for k in range(OTHER_RUNS)]
    generic_jobs = [Job(space.base, None, GENERIC_SEED + first + k) for k in range(OTHER_RUNS)]
    passed = {
        "true": step(folder / "true.json", lambda: passing(true_jobs)),
        "true, other graphs": step(folder / "true-graphs.json", lambda: passing(other_jobs)),
        "generic": step(folder / "generic.json", lambda: passing(generic_jobs)),
    }
    hidden_options = {"params": params, "graph_seed": graph}
    arms: dict[str, dict[str, Any]] = {"generic": {}, "true": hidden_options}
    if outcome["accepted"]:
        arms["fitted"] = {"posterior": str(fitted)}
    agents = {}
    for arm, options in arms.items():
        where = out if arm == "generic" else folder  # the generic agent is the same for all
        for kind in TRAINING:
            compute = partial(trained, kind, options)
            agents[f"{arm} {kind}"] = step(where / f"agent-{arm}-{kind}.json", compute)
    played = step(folder / "played.json", lambda: play(agents, hidden_options))
    threshold = criterion.threshold
    content = {
        "hidden": hidden,
        "system_params": {key: space.base[key] for key in space.base},
        "recorded": outcome["recorded"],
        "accepted": outcome["accepted"],
        "candidates": outcome["candidates"],
        "identified_share": outcome["identified_share"],
        "threshold": threshold,
        "fitted_pass_rate": outcome["predictive_pass_rate"],
        "fitted_other_graphs_pass_rate": outcome["other_graphs_pass_rate"],
        **{f"{name}_pass_rate": share(values["distances"], threshold) for name, values in passed.items()},
        "agents": {name: agent["agent"] for name, agent in agents.items()},
        "returns": played,
        "fit_cpu_s": outcome["cpu_s"],
    }
    write(results / f"culture-{number}.json", content)


def step(path: Path, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the content of a file, which is computed first if it does not exist."""
    if not path.exists():
        started = time.perf_counter()
        write(path, compute())
        print(f"{path.parent.name}/{path.name}: {time.perf_counter() - started:.0f} s", flush=True)
    return dict(json.loads(path.read_text()))


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def draw(
    space: Space, number: int, graph: int, sweep: ProbeSweep = SWEEP, deviation: float = HIDDEN_SD
) -> dict[str, Any]:
    """Draw parameter sets and return the first whose culture on the graph lives and responds to the strongest train."""
    generator = np.random.default_rng([2026, number + 1000])
    x = np.clip(
        generator.normal(0.0, deviation, (DRAWS, space.num_varied)), space.scaled(space.low), space.scaled(space.high)
    )
    seeds = [RECORDED_SEED + 1000 * number + 500 + k for k in range(DRAWS)]
    with Env(make(space.system, graph), seed=seeds, num_cultures=DRAWS, profile="fast") as env:
        env.init()
        for b in range(DRAWS):
            env.set_params(space.params(x[b]), cultures=[b])
        env.record_spikes()
        env.run(5000.0)
        cells, channels = env.system.num_neurons, env.electrodes.num_channels
        rest = np.bincount(env.run(30_000.0).spikes[0], minlength=DRAWS) / cells / 30.0
        stimulus = Stimulus.pulse_train(
            np.full(channels, sweep.trains_uA[-1]),
            duration_ms=5000.0,
            rate_hz=5.0,
            phase_ms=sweep.phase_ms,
            start_ms=np.arange(channels) % 16 * 12.5,
        )
        culture, _, t = env.run(5000.0, stimulus).spikes
        behind = np.mod(t + 1e-9, 12.5) >= 5.0
        top = np.bincount(culture[behind], minlength=DRAWS) / cells / (5.0 * (1.0 - 5.0 / 12.5))
    lives = (rest > ALIVE_HZ[0]) & (rest < ALIVE_HZ[1]) & (top >= LEAST_RANGE * rest)
    if not lives.any():
        raise SystemExit(f"None of {DRAWS} draws of culture {number} lives.")
    first = int(lives.argmax())
    return {
        "x": x[first].tolist(),
        "graph": graph,
        "draw": first,
        "living": float(lives.mean()),
        "rest_hz": float(rest[first]),
        "top_hz": float(top[first]),
    }


def record(params: Mapping[str, float], graph: int, seed: int) -> ChannelSpikes:
    """Record the hidden culture under the standard sweep."""
    with Env(make(SYSTEM, graph), seed=seed, profile="fast") as env:
        env.init().set_params(params)
        recording, stimulus = record_sweep(env, SWEEP)
        return ChannelSpikes.of_recording(recording, env.electrodes, stimulus)


def save(spikes: ChannelSpikes, path: Path) -> None:
    """Write a recording; the file holds channels, and nothing of the culture."""
    names = ("t_ms", "channel", "duration_ms", "num_channels", "stim_t_ms", "stim_channel", "stim_amplitude_uA")
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **{name: getattr(spikes, name) for name in names})


def load(path: Path) -> ChannelSpikes:
    """Read the recording of a hidden culture."""
    with np.load(path) as arrays:
        values = {name: arrays[name] for name in arrays.files}
    return ChannelSpikes(
        **{**values, "duration_ms": float(values["duration_ms"]), "num_channels": int(values["num_channels"])}
    )


class Linear:
    """Policy that is linear in the target and the rate of the last second, with the same strength on all channels.

    Args:
        bias: Strength at a target of 0 Hz, as a share of the largest amplitude.
        feedforward: Strength per 10 Hz of the target.
        feedback: Strength per 10 Hz by which the rate is below the target.
    """

    def __init__(self, bias: float, feedforward: float, feedback: float) -> None:
        self.weights = bias, feedforward, feedback

    def reset(self, env: Any, info: Mapping[str, float]) -> None:
        """Read the action space."""
        self.space = getattr(env, "single_action_space", env.action_space)

    def act(self, observation: np.ndarray, info: Mapping[str, float]) -> np.ndarray:
        """Return the action ``[C]``."""
        bias, feedforward, feedback = self.weights
        target, rate = info["target_hz"] / 10.0, info["rate_1s_hz"] / 10.0
        strength = np.clip(bias + feedforward * target + feedback * (target - rate), 0.0, 1.0)
        low, high = self.space.low, self.space.high
        return (low + strength * (high - low)).astype(np.float32)


def families(options: Mapping[str, Any]) -> dict[str, AgentFamily]:
    """Return linear policies and PI controllers."""
    with CultureEnv(SYSTEM, **options) as env:
        _, info = env.reset(seed=0)
        box = {"bias": (0.0, 1.0), "feedforward": (0.0, 1.0), "feedback": (0.0, 0.5)}
        first = {"bias": 0.5, "feedforward": 0.1, "feedback": 0.05}
        linear = AgentFamily("linear", Linear, box, first=first)
        return {"linear": linear, "PI": proportional_integral(env, info)}


def trained(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Search for the best agent of a family on an environment."""
    best = tune([families(options)[kind]], ENV_ID, TRAINING[kind], **options)
    return {"agent": str(best), "kind": kind, "parameters": dict(best.parameters), "played": best.played}


def play(agents: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return the returns of the agents and of silence in the same test episodes on the hidden culture."""
    known = families(options)
    factories: dict[str, Callable[[], Any]] = {"silent": Silent}
    for name, agent in agents.items():
        family, parameters = known[agent["kind"]], agent["parameters"]
        factories[name] = lambda family=family, parameters=parameters: family.make(**parameters)
    played = evaluate.play(factories, ENV_ID, episodes=EPISODES, **options)
    return {name: [episode.total_reward for episode in episodes] for name, episodes in played.items()}


def share(distances: list[float | None], threshold: float) -> float:
    """Return the share of distances within the threshold."""
    return sum(d is not None and d <= threshold for d in distances) / len(distances)


if __name__ == "__main__":
    main()
