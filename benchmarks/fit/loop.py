"""Record, fit, train, deploy: the whole loop on a hidden culture behind the CL API; prints a table.

A culture with hidden parameters, drawn around EI3's, and a hidden graph stands for a living one:

1. **Record**: a simulated CL1 records it for 10 minutes and under its standard probe sweep; spikes are detected.
2. **Fit**: EI3's cultures are fitted to the recording with the device's detection. Targets of ``livn/EI3-v0`` are
   30 to 70 % of the recorded range of rates.
3. **Train**: SAC with ``device="cl1"`` and the same budget on the shipped parameters (``generic``), the accepted sets
   (``fitted``) and on the hidden culture itself (``true``).
4. **Deploy**: each agent, silence and the PI controller of ``benchmarks/devices/deploy.py`` play the same episodes on
   the hidden culture through the API, in sessions of five episodes.

The gain loss of an agent is ``(return of "true" - its return) / (the same - return of silence)``, with an interval by
bootstrap over episodes. Every step is a file in ``--out``, so that a run continues where it was. Parameters were fixed
before the culture was drawn. It takes about two hours of one core, and needs Python 3.12 with the extras ``cl``,
``tune``, ``viz`` and ``rl``.

Run: python benchmarks/fit/loop.py [--culture 40] [--out DIR] [--results benchmarks/fit/results/loop]
     python benchmarks/fit/loop.py --table
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from detected import fit_of, passing, recorded
from hidden import (
    GENERIC_SEED,
    HIDDEN_GRAPH,
    OTHER_RUNS,
    RECORDED_SEED,
    TRUE_RUNS,
    TRUE_SEED,
    draw,
    load,
    save,
    share,
    step,
    write,
)
from hidden_table import loss, number

from livn_gym.agents.baselines import Agent, ProportionalIntegral, Silent
from livn_gym.agents.evaluate import TEST_SEED
from livn_gym.agents.report import markdown
from livn_gym.device_profile import find
from livn_gym.fitting import Job, Space
from livn_gym.fitting.criterion import Criterion
from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.system import make
from livn_gym.tuning.probe_sweep import ProbeSweep

SYSTEM, ENV_ID, DEVICE = "EI3", "livn/EI3-v0", "cl1"
CULTURE = 40
"""Number of the hidden culture; those of ``hidden.py`` and ``detected.py`` are lower."""
HIDDEN_SD = 0.2
"""As in ``hidden.py``, and farther from the shipped parameters: those of 0.12 cost a generic agent little."""
STEPS, TRAINING_SEEDS = 10_000, (0,)
TARGETS = (0.3, 0.7)
"""Range of the targets as shares of the recorded range of rates."""
SESSIONS, EPISODES, EPISODE_STEPS = 4, 5, 50
"""Sessions on the device, episodes of each, and steps of an episode."""
TRAINED = ("generic", "fitted", "true")


def main() -> None:
    """Run what the folder does not hold yet and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--culture", type=int, default=CULTURE)
    parser.add_argument("--out", type=Path, default=Path("runs/loop"), help="folder of recordings, fits and agents")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results" / "loop")
    parser.add_argument("--table", action="store_true", help="print the table of the results alone")
    arguments = parser.parse_args()
    if not arguments.table:
        arguments.results.mkdir(parents=True, exist_ok=True)
        run(arguments.culture, arguments.out / f"culture-{arguments.culture}", arguments.results)
    print(table(arguments.results))


def run(culture: int, folder: Path, results: Path) -> None:
    """Record, fit, train and deploy."""
    folder.mkdir(parents=True, exist_ok=True)
    profile, space = find(DEVICE), Space.of(SYSTEM)
    sweep, graph = ProbeSweep.for_device(profile.of_usable()), HIDDEN_GRAPH + culture
    hidden = step(folder / "hidden.json", lambda: draw(space, culture, graph, sweep, HIDDEN_SD))
    params = space.params(np.array(hidden["x"]))
    recording = folder / "recording.npz"
    if not recording.exists():
        save(recorded(make(SYSTEM, graph), params, RECORDED_SEED + 1000 * culture, profile, sweep), recording)
    spikes, fitted = load(recording), folder / "fitted"
    title = f"Hidden culture {culture}, recorded by a simulated {profile.title}"
    fitting = partial(fit_of, spikes, fitted, folder / "design.json", profile, title, SYSTEM, sweep.phase_ms)
    outcome = step(folder / "fit.json", fitting)
    criterion, judged_sweep = Criterion.from_dict(outcome["criterion"]), ProbeSweep(**outcome["sweep"])
    first = 1000 * (culture + 50)
    jobs = {
        "true": [Job(params, graph, TRUE_SEED + first + k) for k in range(TRUE_RUNS)],
        "generic": [Job(space.base, None, GENERIC_SEED + first + k) for k in range(OTHER_RUNS)],
    }
    passed = {
        who: step(folder / f"{who}.json", partial(passing, of, judged_sweep, criterion, profile, SYSTEM))
        for who, of in jobs.items()
    }
    options = {
        "target_hz": targets(spikes, outcome["recorded"]),
        "max_episode_steps": EPISODE_STEPS,
        "device": DEVICE,
    }
    hidden_culture = {"params": params, "graph_seed": graph}
    fit_options = {"posterior": str(fitted)} if outcome["accepted"] else {"params": outcome["nearest"]}
    arms: dict[str, dict[str, Any]] = {"generic": {}, "fitted": fit_options, "true": hidden_culture}
    agents: dict[str, Callable[[], Agent]] = {
        "silent": Silent,
        "proportional-integral": partial(ProportionalIntegral, gain=0.02, integral_s=0.3, bias=0.7),
    }
    for arm in TRAINED:
        for seed in TRAINING_SEEDS:
            run_folder = folder / f"sac-{arm}-{seed}"
            step(folder / f"{run_folder.name}.json", partial(trained, run_folder, seed, {**options, **arms[arm]}))
            agents[f"{arm} {seed}"] = partial(loaded, run_folder)
    played: dict[str, list[dict[str, float]]] = {}
    for name, make_agent in agents.items():
        for session in range(SESSIONS):
            of = folder / f"session-{name.replace(' ', '-')}-{session}"
            compute = partial(deployed, make_agent, options, hidden_culture, session, of, name)
            played.setdefault(name, []).extend(step(of.with_suffix(".json"), compute)["episodes"])
    content = {
        "hidden": hidden,
        "recorded": outcome["recorded"],
        "targets_hz": options["target_hz"],
        "accepted": outcome["accepted"],
        "candidates": outcome["candidates"],
        "threshold": criterion.threshold,
        "fitted_pass_rate": outcome["predictive_pass_rate"],
        **{f"{who}_pass_rate": share(values["distances"], criterion.threshold) for who, values in passed.items()},
        "fit_cpu_s": outcome["cpu_s"],
        "played": played,
    }
    write(results / f"culture-{culture}.json", content)


def targets(spikes: ChannelSpikes, measures: dict[str, float]) -> list[float]:
    """Return the range of targets, Hz per channel of the device, which the recording alone determines."""
    end_ms = float(spikes.stim_t_ms.min())
    rest_hz = int((spikes.t_ms < end_ms).sum()) / int(find(DEVICE).electrodes.usable.sum()) / end_ms * 1e3
    gain = measures["blanked_hz"] / measures["rate_hz"] - 1.0
    return [round(rest_hz * (1.0 + part * gain), 2) for part in TARGETS]


def trained(folder: Path, seed: int, options: dict[str, Any]) -> dict[str, Any]:
    """Train SAC and return its learning curve."""
    from livn_gym.agents.train import train

    curve = train("sac", ENV_ID, folder, steps=STEPS, seed=seed, options=options)
    return {"curve": [{key: float(row[key]) for key in ("step", "return")} for row in curve]}


def loaded(folder: Path) -> Agent:
    """Return the agent of a training run."""
    from livn_gym.agents import learned

    return learned.load(folder)


def deployed(
    make_agent: Callable[[], Agent],
    options: dict[str, Any],
    culture: dict[str, Any],
    session: int,
    folder: Path,
    name: str,
) -> dict[str, Any]:
    """Play a session on the hidden culture through the API and return its episodes."""
    from livn_gym.devices.deployment import Deployment
    from livn_gym.devices.plants.cl import ClDriver

    attempt = 0
    while (folder / str(attempt)).exists():  # of an interrupted run
        attempt += 1
    driver = ClDriver(samples=False, culture={"system": SYSTEM, "seed": session, "accelerated": True, **culture})
    plan = Deployment(make_agent, ENV_ID, options, EPISODES, TEST_SEED + session * EPISODES, origin={"agent": name})
    numbers = ("total_reward", "rate_hz", "charge_nC")
    episodes = plan.run(driver, folder / str(attempt))
    return {"episodes": [{key: float(getattr(episode, key)) for key in numbers} for episode in episodes]}


def table(results: Path) -> str:
    """Return the tables of all results as Markdown."""
    lines = []
    for path in sorted(results.glob("culture-*.json"), key=number):
        r = json.loads(path.read_text())
        passes = ", ".join(f"{who} {100 * r[f'{who}_pass_rate']:.0f} %" for who in TRAINED)
        lines.append(
            f"Culture {number(path)}: targets {r['targets_hz'][0]:.2f} to {r['targets_hz'][1]:.2f} Hz per channel; "
            f"{r['accepted']} of {len(r['candidates'])} candidate sets accepted; passing runs: {passes}; the fit took "
            f"{r['fit_cpu_s'] / 60.0:.0f} minutes of a core.\n"
        )
        returns = {name: [e["total_reward"] for e in episodes] for name, episodes in r["played"].items()}
        rows = []
        for name, episodes in r["played"].items():
            arm, _, seed = name.partition(" ")
            lost = "-"
            if arm in TRAINED[:2]:
                value, low, high = loss(returns, arm, seed)
                lost = f"{100 * value:.0f} ({100 * low:.0f} ... {100 * high:.0f})"
            means = {key: float(np.mean([episode[key] for episode in episodes])) for key in episodes[0]}
            deviation = float(np.std(returns[name], ddof=1))
            rows.append(
                (
                    f"SAC, {arm}, seed {seed}" if seed else name,
                    str(len(episodes)),
                    f"{means['total_reward']:.2f} +- {deviation:.2f}",
                    lost,
                    f"{means['rate_hz']:.2f}",
                    f"{means['charge_nC'] / 1e3:.2f}",
                )
            )
        header = ("agent", "episodes", "return", "gain loss (%)", "rate (Hz)", "charge (uC)")
        lines.append(markdown(rows, header))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
