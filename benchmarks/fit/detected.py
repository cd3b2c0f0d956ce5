"""Fits to the detected spikes of hidden cultures, with and without detection in the simulated ones; prints a table.

A device detects the spikes of few cells. Hidden cultures are drawn as in ``hidden.py``, but recorded by a simulated
device with 16 channels at EI2's electrodes, whose noise, detection and artefacts are those of ``mcs60``. Each recording
is fitted twice: with simulated cultures whose spikes are detected in the same way (``device=``), and with simulated
cultures whose channels record all spikes of the cells around them, as if the recording had been sorted. Then:

- **Rate of cells** at rest and in the strongest trains, of the hidden culture and of the nearest sets, which the
  recording does not state: mean over seeds of all spikes of all cells.
- **Joint pass** of the fitted sets and of the true culture, each by the criterion of its own fit.
- **Gain loss** as in ``hidden.py``, of agents that were trained on the shipped parameters, on each fit and on the
  hidden culture, all under the device. A fit without accepted sets trains on its nearest one.

Every step is a file in ``--out``, so that a run continues where it was.

Run: python benchmarks/fit/detected.py [--culture 20 21 22 ...] [--out DIR] [--results benchmarks/fit/results/detected]
     python benchmarks/fit/detected.py --table
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from hidden import (
    FIT,
    GENERIC_SEED,
    HIDDEN_GRAPH,
    OTHER_RUNS,
    RECORDED_SEED,
    SWEEP,
    SYSTEM,
    TRAINING,
    TRUE_RUNS,
    TRUE_SEED,
    draw,
    load,
    play,
    save,
    share,
    step,
    trained,
    write,
)
from hidden_table import loss, number

from livn_gym.agents.report import markdown
from livn_gym.channel_view import ChannelView, device_array
from livn_gym.device_profile import DeviceElectrodes, DeviceProfile, find
from livn_gym.env import Env
from livn_gym.fitting import Job, Space, fit, simulate
from livn_gym.fitting.criterion import Criterion
from livn_gym.fitting.fit import summary
from livn_gym.fitting.result import write_fit, write_page
from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.system import System, make
from livn_gym.tuning.probe_sweep import ProbeSweep, record_sweep

CULTURES = tuple(range(20, 25))
"""Numbers of hidden cultures; those of ``hidden.py`` are below 10."""
FITS = {"detected": True, "all spikes": False}
"""Fits by name; True if the spikes of their simulated cultures are detected."""
RATE_SEEDS = 6
RATE_SEED = 840_000_000
"""Seeds of the cultures whose cells are counted."""


def device() -> DeviceProfile:
    """Return the profile of a device with 16 channels at EI2's electrodes."""
    positions, profile = make(SYSTEM).electrodes, find("mcs60")
    names = tuple(str(k) for k in range(len(positions)))
    array = DeviceElectrodes(positions, np.ones(len(positions), dtype=bool), names, profile.electrodes.radius_um)
    return replace(profile, name="mcs16", electrodes=array, assumptions=())


def main() -> None:
    """Run what the folder does not hold yet and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--culture", type=int, nargs="*", default=list(CULTURES))
    parser.add_argument("--out", type=Path, default=Path("runs/detected"), help="folder of recordings and fits")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results" / "detected")
    parser.add_argument("--table", action="store_true", help="print the table of the results alone")
    arguments = parser.parse_args()
    if not arguments.table:
        arguments.results.mkdir(parents=True, exist_ok=True)
        for culture in arguments.culture:
            run(culture, arguments.out, arguments.results)
    print(table(arguments.results))


def run(culture: int, out: Path, results: Path) -> None:
    """Draw, record, fit and compare one culture."""
    folder = out / f"culture-{culture}"
    folder.mkdir(parents=True, exist_ok=True)
    space, profile = Space.of(SYSTEM), device()
    graph, first = HIDDEN_GRAPH + culture, 1000 * (culture + 50)
    hidden = step(folder / "hidden.json", lambda: draw(space, culture, graph))
    params = space.params(np.array(hidden["x"]))
    recording = folder / "recording.npz"
    if not recording.exists():
        save(recorded(make(SYSTEM, graph), params, RECORDED_SEED + 1000 * culture, profile, SWEEP), recording)
    spikes = load(recording)
    hidden_options = {"params": params, "graph_seed": graph}
    arms: dict[str, dict[str, Any]] = {"generic": {}, "true": hidden_options}
    content: dict[str, Any] = {
        "hidden": hidden,
        "rates": {
            "true": step(folder / "rates-true.json", lambda: cell_rates(params, graph)),
            "generic": step(out / "rates-generic.json", lambda: cell_rates(space.base, None)),
        },
        "fits": {},
    }
    for name, detects in FITS.items():
        seen = profile if detects else None
        fitted = folder / f"fitted-{name.replace(' ', '-')}"
        design = out / f"design-{name.replace(' ', '-')}.json"
        fitting = partial(fit_of, spikes, fitted, design, seen, f"Hidden culture {culture}, {name}")
        outcome = step(folder / f"{fitted.name}.json", fitting)
        criterion, sweep = Criterion.from_dict(outcome["criterion"]), ProbeSweep(**outcome["sweep"])
        true_jobs = [Job(params, graph, TRUE_SEED + first + k) for k in range(TRUE_RUNS)]
        generic_jobs = [Job(space.base, None, GENERIC_SEED + first + k) for k in range(OTHER_RUNS)]
        passed = {
            who: step(folder / f"{fitted.name}-{who}.json", partial(passing, jobs, sweep, criterion, seen))
            for who, jobs in (("true", true_jobs), ("generic", generic_jobs))
        }
        nearest = outcome["nearest"]
        arms[name] = {"posterior": str(fitted)} if outcome["accepted"] else {"params": nearest}
        content["rates"][name] = step(folder / f"{fitted.name}-rates.json", partial(cell_rates, nearest, None))
        content["fits"][name] = {
            "recorded": outcome["recorded"],
            "accepted": outcome["accepted"],
            "candidates": outcome["candidates"],
            "threshold": criterion.threshold,
            "pass_rate": outcome["predictive_pass_rate"],
            **{f"{who}_pass_rate": share(values["distances"], criterion.threshold) for who, values in passed.items()},
            "cpu_s": outcome["cpu_s"],
        }
    agents = {}
    for arm, options in arms.items():
        where = out if arm == "generic" else folder  # the generic agent is the same for all
        for kind in TRAINING:
            compute = partial(trained, kind, {**options, "device": profile})
            agents[f"{arm} {kind}"] = step(where / f"agent-{arm.replace(' ', '-')}-{kind}.json", compute)
    content["returns"] = step(folder / "played.json", lambda: play(agents, {**hidden_options, "device": profile}))
    content["agents"] = {name: agent["agent"] for name, agent in agents.items()}
    write(results / f"culture-{culture}.json", content)


def recorded(
    system: System, params: Mapping[str, float], seed: int, profile: DeviceProfile, sweep: ProbeSweep
) -> ChannelSpikes:
    """Record a culture under the sweep by the device."""
    with Env(system, io=device_array(profile, system), seed=seed, profile="fast") as env:
        recording, stimulus = record_sweep(env.init().set_params(params), sweep, device=profile)
        return ChannelSpikes.of_recording(recording, ChannelView.of_device(profile).electrodes, stimulus)


def fit_of(
    spikes: ChannelSpikes,
    folder: Path,
    design: Path,
    profile: DeviceProfile | None,
    title: str,
    system: str = SYSTEM,
    phase_ms: float = SWEEP.phase_ms,
) -> dict[str, Any]:
    """Fit a recording, write its files and page, and return the result."""
    started = time.process_time()
    result = fit(spikes, system, folder, budget=FIT, seed=0, design_path=design, device=profile, phase_ms=phase_ms)
    write_fit(folder, result, "", title, 0, FIT)
    write_page(folder, result, spikes, title)
    return {
        **summary(result),
        "nearest": result.candidates[0].params,
        "cpu_s": time.process_time() - started,
        "sweep": vars(result.sweep),
    }


def passing(
    jobs: list[Job], sweep: ProbeSweep, criterion: Criterion, profile: DeviceProfile | None, system: str = SYSTEM
) -> dict[str, Any]:
    """Return the distances of simulated cultures from the recording."""
    distances = criterion.distances(criterion.of_values(simulate(system, jobs, sweep, device=profile)))
    return {"distances": [d if np.isfinite(d) else None for d in distances.tolist()]}


def cell_rates(params: Mapping[str, float], graph: int | None) -> dict[str, float]:
    """Return the mean rate of all cells at rest and between the pulses of the strongest train, Hz."""
    seeds = [RATE_SEED + k for k in range(RATE_SEEDS)]
    sweep = replace(SWEEP, rest_ms=60_000.0, trials=1, electrodes=1, pulses_uA=SWEEP.pulses_uA[-1:])
    sweep = replace(sweep, trains_uA=SWEEP.trains_uA[-1:])
    with Env(make(SYSTEM, graph), seed=seeds, num_cultures=RATE_SEEDS, profile="fast") as env:
        recording, _ = record_sweep(env.init().set_params(params), sweep)
        cells, end_ms = env.system.num_neurons * RATE_SEEDS, sweep.duration_ms(env.electrodes.num_channels)
    _, _, t_ms = recording.spikes
    start_ms, blanked_ms = end_ms - sweep.train_ms, 5.0
    behind = (t_ms >= start_ms) & (np.mod(t_ms - start_ms, sweep.spacing_ms) >= blanked_ms)
    listened_s = sweep.train_ms * (1.0 - blanked_ms / sweep.spacing_ms) / 1e3
    return {
        "rest_hz": float((t_ms < sweep.rest_ms).sum() / cells / sweep.rest_ms * 1e3),
        "train_hz": float(behind.sum() / cells / listened_s),
    }


def table(results: Path) -> str:
    """Return the table of all results as Markdown, with medians: a row for each culture and arm."""
    rows: list[tuple[str, ...]] = []
    losses: dict[tuple[str, str], list[float]] = {}
    factors: dict[str, list[float]] = {}
    for path in sorted(results.glob("culture-*.json"), key=number):
        r = json.loads(path.read_text())
        true_hz = r["rates"]["true"]["rest_hz"]
        for arm in ("true", "generic", *FITS):
            fitted, cells = r["fits"].get(arm), []
            for kind in TRAINING if arm != "true" else ():
                value, low, high = loss(r["returns"], arm, kind)
                losses.setdefault((arm, kind), []).append(value)
                cells.append(f"{100 * value:.0f} ({100 * low:.0f} ... {100 * high:.0f})")
            rates = r["rates"][arm]
            factors.setdefault(arm, []).append(rates["rest_hz"] / true_hz)
            accepted = "-" if fitted is None else f"{fitted['accepted']} of {len(fitted['candidates'])}"
            passing = "-" if fitted is None else f"{100 * (fitted['pass_rate'] or 0.0):.0f}"
            rows.append(
                (
                    str(number(path)),
                    arm,
                    f"{rates['rest_hz']:.2f}",
                    f"{rates['train_hz']:.2f}",
                    accepted,
                    passing,
                    *(cells or ["-"] * len(TRAINING)),
                )
            )
    header = (
        "culture",
        "parameters",
        "rate of cells at rest (Hz)",
        "in trains (Hz)",
        "accepted sets",
        "passing runs (%)",
        *(f"gain loss, {kind} (%)" for kind in TRAINING),
    )
    medians = [
        f"- Rate of cells at rest / true rate, {arm}, median: {float(np.median(values)):.2f}"
        for arm, values in factors.items()
        if arm != "true"
    ] + [
        f"- Gain loss, {arm} {kind}, median of {len(values)} cultures: {100 * float(np.median(values)):.0f} %"
        for (arm, kind), values in losses.items()
    ]
    return markdown(rows, header) + "\n" + "\n".join(medians)


if __name__ == "__main__":
    main()
