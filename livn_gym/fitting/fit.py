"""Fit of simulated cultures to a recording: several parameter sets, judged by one joint criterion."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.atomic import check_new_folder, make_folder, only_writer
from livn_gym.checks import checked_types
from livn_gym.device_profile import DeviceProfile, Spec, find
from livn_gym.errors import InvalidInput
from livn_gym.fitting.criterion import Criterion, Measures
from livn_gym.fitting.search import PRIOR_SD, TOLERANCE, Budget, check_design, search
from livn_gym.fitting.space import Job, Space, environment, num_channels, option_texts
from livn_gym.fitting.statistics import EVOKED, FITTED, fitted_vector, with_surrogates
from livn_gym.fitting.study import FitStudy, require_optuna
from livn_gym.fitting.sweep import check_sweep, search_sweep, sweep_of
from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.stimulation_limits import check_stimulus
from livn_gym.tuning.probe_sweep import ProbeSweep
from livn_gym.units import whole_number

STUDY = "study.journal"
"""File of the search in the folder of a fit."""

CHECK_GRAPH = 60_000
"""Seed of the first of the other graphs of the predictive check."""

JUDGED_SEED, CHECK_SEED = 500_000_000, 700_000_000
"""Seeds of the noise of their first cultures."""

_log = logging.getLogger(__name__)


@checked_types
@dataclass(frozen=True, eq=False)
class FittedSet:
    """One parameter set of a fit.

    Attributes:
        x: Scaled parameters, ``[D]``.
        params: Complete parameters by key.
        distance: Squared distance of the mean of its cultures from the recording, see ``Criterion``.
        measures: Mean measures of its cultures.
    """

    x: NDArray[np.float64]
    params: dict[str, float]
    distance: float
    measures: dict[str, float]


@checked_types
@dataclass(frozen=True, eq=False)
class Fit:
    """Result of a fit.

    Attributes:
        space: The parameters that were varied.
        recorded: The measures that the recording identifies.
        spread: Their standard deviation by block bootstrap.
        criterion: The joint criterion.
        sets: The accepted parameter sets, the nearest first; empty if none meets the criterion.
        candidates: All sets that were judged, the nearest first.
        predictive: Measures of the cultures of the posterior predictive check, with new seeds.
        passed: Whether each culture of ``predictive`` meets the criterion, bool ``[n]``.
        other_graphs: Measures of the cultures of the same sets on other graphs.
        cultures: Number of cultures that were simulated.
        sweep: Schedule with which the judged cultures were recorded.
        identified: ``1 - SD / prior SD`` of each varied parameter over the judged sets, at least 0, by key.
        device: Device that detects the spikes of the simulated cultures; None if their channels record all spikes.
    """

    space: Space
    recorded: dict[str, float]
    spread: dict[str, float]
    criterion: Criterion
    sets: tuple[FittedSet, ...]
    candidates: tuple[FittedSet, ...]
    predictive: tuple[Measures, ...]
    passed: NDArray[np.bool_]
    other_graphs: tuple[Measures, ...]
    cultures: int
    sweep: ProbeSweep
    identified: dict[str, float]
    device: DeviceProfile | None = None

    @property
    def pass_rate(self) -> float:
        """Share of the cultures of the predictive check that meet the criterion; NaN if there is no set."""
        return float(self.passed.mean()) if len(self.passed) else float("nan")


@checked_types
def fit(
    spikes: ChannelSpikes,
    system: str,
    folder: str | Path,
    *,
    budget: Budget | None = None,
    seed: int = 0,
    space: Space | None = None,
    design_path: str | Path | None = None,
    phase_ms: float | None = None,
    device: Spec | None = None,
    progress: Callable[[float], object] | None = None,
    **options: Any,
) -> Fit:
    """Fit cultures of a predefined system to a recording on channels.

    1. The measures of the recording and their spread by block bootstrap are the targets. Rates and evoked spikes are
       those of an active channel, so that the number of channels may differ from that of the system.
    2. A search varies the parameters of the system's targets within their bounds (``search``).
    3. The sets whose cultures came nearest are simulated with further seeds. Those whose mean meets the joint criterion
       are the result.
    4. Cultures of these sets with new seeds are the posterior predictive check.

    All cultures are on one graph. Graph and parameters make the behaviour together: parameters make up for the unknown
    graph of the recorded culture, and the same parameters behave differently on another graph, which is reported.

    Everything that was simulated is in ``study.journal``, from which an interrupted fit continues; its result is that
    of an uninterrupted one.

    Args:
        spikes: The recording, at least 5 minutes of it without stimulation. The response to stimulation counts if
            it holds a probe sweep.
        system: Name of a predefined system.
        folder: Folder of the study: a new or an empty one, or that of an interrupted fit.
        budget: Number of cultures. Default: ``Budget()``.
        seed: Seed of the bootstrap and the search.
        space: The parameters that are varied. Default: ``Space.of(system)``.
        design_path: JSON file of the first wave, which fits of one system may share; made if it does not exist.
        phase_ms: Width of a phase of the pulses in the recording; amplitudes are taken from the recording. Default:
            0.2 ms, or that of ``ProbeSweep.for_device(device)``.
        device: Profile of the device whose detected spikes the recording holds, see ``livn_gym.device_profile.find``:
            the spikes of the simulated cultures are then detected as that device does, at its usable electrodes. The
            system needs electrodes in the shape of the device's array. Default: the recording holds all spikes of the
            cells around its electrodes, as those of a sorted recording, and so do simulated ones.
        progress: Called with the simulated time since the last call, ms.
        **options: Further arguments of ``Env``; by default the profile ``"fast"``.

    Raises:
        InvalidInput: The recording is too short or identifies too few measures, an option of ``Env`` is out of range,
            the array of the system is not that of the device, or the folder holds another fit or other files. Nothing
            was written.
        LimitExceeded: The recording has pulses that the device cannot give.
        UnknownName: There is no predefined system or device of that name.
        BackendUnavailable: Optuna is not installed.
        CorruptData: A file is damaged.
    """
    budget = budget or Budget()
    whole_number("seed", seed, minimum=0)
    space = Space.of(system) if space is None else space
    if space.system != system:
        raise InvalidInput(f"space has parameters of the system {space.system!r}, and system is {system!r}.")
    profile = None if device is None else find(device)
    sweep, channels = sweep_of(spikes, phase_ms, profile), num_channels(system, profile)
    _check_before(Path(folder), space, search_sweep(sweep, channels), budget, design_path, profile, options)
    recorded, resampled = with_surrogates(spikes, seed=seed)
    names = tuple(recorded)
    target, spread = fitted_vector(recorded, names), np.cov(resampled.T)
    about = {
        "system": system,
        "graph": space.graph,
        "base": dict(space.base),
        "search": {key: [a, b] for key, a, b in zip(space.keys, space.low.tolist(), space.high.tolist(), strict=True)},
        "target": dict(zip(names, target.tolist(), strict=True)),
        "sweep": asdict(sweep),
        "budget": asdict(budget),
        "seed": seed,
        "options": option_texts(profile, options),
    }
    make_folder(Path(folder))
    with only_writer(Path(folder)):
        study = FitStudy(Path(folder) / STUDY, space, names, target, about, progress, profile, **options)
        x = search(study, spread, search_sweep(sweep, channels), budget, seed=seed, design_path=design_path)
        sweep = check_sweep(sweep, channels)
        judged, groups = _judge(study, x, sweep, budget, seed)
        criterion = Criterion.of(names, target, spread, groups, TOLERANCE)
        candidates = [
            FittedSet(x[k], space.params(x[k]), criterion.distance_of_set(groups[k]), _mean(judged[k]))
            for k in range(len(x))
        ]
        candidates.sort(key=lambda item: item.distance)
        accepted = [item for item in candidates if item.distance <= criterion.threshold]
        if not accepted:
            _log.warning("livn_gym: none of %d parameter sets meets the criterion", len(candidates))
        predictive, others = _check(study, accepted, sweep, budget, seed) if accepted else ([], [])
        values = criterion.of_values(predictive)
        return Fit(
            space,
            recorded,
            dict(zip(names, _raw_spread(recorded, resampled, names), strict=True)),
            criterion,
            tuple(accepted),
            tuple(candidates),
            tuple(predictive),
            criterion.passes(values) if len(predictive) else np.zeros(0, np.bool_),
            tuple(others),
            study.cultures,
            sweep,
            _identified(space, x),
            profile,
        )


@checked_types
def check_folder(folder: str | Path) -> None:
    """Check that a folder is new or empty, or that of a fit. Nothing is changed.

    Raises:
        InvalidInput: It is a file, or holds something else.
    """
    if not (Path(folder) / STUDY).exists():
        check_new_folder(Path(folder))


def _check_before(
    folder: Path,
    space: Space,
    sweep: ProbeSweep,
    budget: Budget,
    design_path: str | Path | None,
    device: DeviceProfile | None,
    options: Mapping[str, Any],
) -> None:
    """Check all that can be wrong with the arguments of a fit, before anything is written."""
    check_folder(folder)
    require_optuna()
    with environment(space.system, options, space.graph, device=device) as env:  # not built before it is initialised
        channels = env.electrodes.num_channels
    if device is not None:
        check_stimulus(device.of_usable(), sweep.stimulus(channels), sweep.duration_ms(channels))
    if design_path is not None:
        check_design(space, sweep, budget, design_path, device, options)


def _judge(
    study: FitStudy, x: NDArray, sweep: ProbeSweep, budget: Budget, seed: int
) -> tuple[list[list[Measures]], list[NDArray]]:
    """Simulate every set with several seeds; return the measures of its cultures, plain and fitted, ``[seeds, K]``."""
    count, space = budget.seeds, study.space
    jobs = [
        Job(space.params(x[k]), space.graph, JUDGED_SEED + 100_000 * seed + k * count + j)
        for k in range(len(x))
        for j in range(count)
    ]
    measured = study.measure("judged", np.repeat(x, count, axis=0), jobs, sweep)
    judged = [measured[k * count : (k + 1) * count] for k in range(len(x))]
    return judged, [np.array([fitted_vector(values, study.names) for values in group]) for group in judged]


def _check(
    study: FitStudy, sets: Sequence[FittedSet], sweep: ProbeSweep, budget: Budget, seed: int
) -> tuple[list[Measures], list[Measures]]:
    """Simulate cultures of the accepted sets, in turn, with new seeds and on other graphs."""
    first = CHECK_SEED + 100_000 * seed
    results = []
    for stage, count, graph in (("check", budget.checks, None), ("other graphs", budget.other_graphs, CHECK_GRAPH)):
        chosen = [sets[k % len(sets)] for k in range(count)]
        jobs = [
            Job(item.params, study.space.graph if graph is None else graph + k, first + k)
            for k, item in enumerate(chosen)
        ]
        x = np.array([item.x for item in chosen]).reshape(count, study.space.num_varied)
        results.append(study.measure(stage, x, jobs, sweep))
    return results[0], results[1]


def _mean(cultures: Sequence[Measures]) -> dict[str, float]:
    return {name: float(np.mean([values[name] for values in cultures])) for name in cultures[0]}


def _raw_spread(recorded: Measures, resampled: NDArray, names: Sequence[str]) -> list[float]:
    """Return the standard deviation of the measures themselves, from that of the fitted numbers."""
    result = []
    for k, name in enumerate(names):
        step = max(1e-4, 1e-3 * abs(recorded[name]))
        slope = (FITTED[name](recorded[name] + step) - FITTED[name](recorded[name])) / step
        result.append(float(resampled[:, k].std() / max(abs(slope), 1e-9)))
    return result


def _identified(space: Space, x: NDArray) -> dict[str, float]:
    """Return 1 - SD of the posterior by SD of the prior, at least 0, by key."""
    return {key: max(0.0, 1.0 - float(x[:, k].std()) / PRIOR_SD) for k, key in enumerate(space.keys)}


@checked_types
def simulated_ms(
    spikes: ChannelSpikes,
    system: str,
    budget: Budget,
    phase_ms: float | None = None,
    device: DeviceProfile | None = None,
) -> float:
    """Return the simulated time of a fit, all cultures together, ms, for a progress bar."""
    channels, sweep = num_channels(system, device), sweep_of(spikes, phase_ms, device)
    searched, judged = search_sweep(sweep, channels), check_sweep(sweep, channels)
    return budget.searched * searched.duration_ms(channels) + budget.judged * judged.duration_ms(channels)


@checked_types
def evoked_identified(result: Fit) -> bool:
    """Return whether the recording identified the response to stimulation."""
    return not set(EVOKED).isdisjoint(result.recorded)


@checked_types
def summary(result: Fit) -> dict[str, Any]:
    """Return the result as plain values for JSON, without its parameter sets."""
    return json.loads(
        json.dumps(
            {
                "recorded": result.recorded,
                "bootstrap_sd": result.spread,
                "device": None if result.device is None else {"name": result.device.name, "hash": result.device.hash},
                "evoked": "identified" if evoked_identified(result) else "not identified",
                "varied": {
                    k: [a, b]
                    for k, a, b in zip(
                        result.space.keys, result.space.low.tolist(), result.space.high.tolist(), strict=True
                    )
                },
                "identified_share": result.identified,
                "criterion": result.criterion.as_dict(),
                "accepted": len(result.sets),
                "candidates": [item.distance if np.isfinite(item.distance) else None for item in result.candidates],
                "predictive_pass_rate": None if not len(result.passed) else result.pass_rate,
                "predictive": [
                    {**{n: v if np.isfinite(v) else None for n, v in values.items()}, "passes": bool(ok)}
                    for values, ok in zip(result.predictive, result.passed, strict=True)
                ],
                "other_graphs_pass_rate": float(
                    result.criterion.passes(result.criterion.of_values(result.other_graphs)).mean()
                )
                if result.other_graphs
                else None,
                "simulated_cultures": result.cultures,
            }
        )
    )
