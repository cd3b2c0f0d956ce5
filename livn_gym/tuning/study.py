"""Search for parameters that reach the targets: an Optuna study on disk, which can be resumed."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from livn_gym.checks import checked_types
from livn_gym.errors import BackendUnavailable, InvalidInput
from livn_gym.parameters import tuned
from livn_gym.reading import damage
from livn_gym.tuning.bench import Bench, CultureSet, Values, graph
from livn_gym.tuning.journal import open_journal
from livn_gym.tuning.protocol import Protocol
from livn_gym.tuning.response import blanked_range, rest_rates_hz
from livn_gym.tuning.stages import Observation
from livn_gym.tuning.targets import Targets

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

TRAINING = CultureSet("training", (None, 101, 102, 103), (1000, 1001))
"""Cultures on which the search compares parameter sets."""

CONFIRMATION = CultureSet("confirmation", (None, 101, 102, 103), (1000, 1001, 1002, 1003, 1004))
"""Cultures on which the best sets are compared; they are more numerous and simulated for longer."""

FIRST_TRIALS, NEARBY = 16, 0.08
"""Number of initial parameter sets, and their standard deviation as a fraction of the range of each parameter."""

OF_THE_CUT_COPY = ("cut_gain", "evoked_cut", "place_cut")
"""Measures that the trials of a search leave out; the confirmation has them."""

PRODUCT = "U_tau_rec"
"""End of the key of a product of U and tau_rec that a search varies."""

ALIVE_HZ = (1.0, 7.0)
"""Range of spontaneous rates; a set is stimulated, and evaluated on further graphs, only if it fires within it."""

LEAST_RANGE = 1.5
"""Rate under stimulation, blanked, by that at rest, which a set must reach to be evaluated any further."""


@checked_types
def search_protocol(targets: Targets) -> Protocol:
    """Return a shortened protocol that is sufficient to compare parameter sets."""
    protocol = targets.protocol
    return replace(
        protocol,
        rest_ms=min(protocol.rest_ms, 40_000.0),
        sustained_ms=min(protocol.sustained_ms, 10_000.0),
        level_ms=min(protocol.level_ms, 6000.0),
        levels_uA=protocol.levels_uA if len(protocol.levels_uA) < 4 else (0.0, *protocol.levels_uA[-5:]),
        pulse_electrodes=min(protocol.pulse_electrodes, 8),
        pulse_trials=min(protocol.pulse_trials, 3),
        place_trials=protocol.place_trials if "place" in targets.targets else 0,
        device_ms=0.0,
        cut_ms=0.0,
    )


@checked_types
def promising(observation: Observation) -> bool:
    """Return whether to measure a set of parameters any further, judged after the rest and after the stimulation."""
    alive = ALIVE_HZ[0] < float(rest_rates_hz(observation).mean()) < ALIVE_HZ[1]
    return alive and (observation.sustained is None or blanked_range(observation) >= LEAST_RANGE)


@checked_types
@dataclass(frozen=True)
class Tuned:
    """Result of a search.

    Attributes:
        params: Complete parameters, by key.
        values: Mean of every measure over the confirmation's cultures.
        trials: Number of parameter sets that were tried.
        number: The trial that was chosen.
        cultures: The cultures on which ``values`` were taken.
        simulation: Backend, time step (ms), scheme and precision of the simulation.
    """

    params: dict[str, float]
    values: Values
    trials: int
    number: int
    cultures: CultureSet
    simulation: dict[str, str | float]


@checked_types
def tune(
    system: str,
    targets: Targets,
    study_path: str | Path,
    *,
    trials: int = 200,
    seed: int = 0,
    start: Mapping[str, float] | None = None,
    cultures: CultureSet = TRAINING,
    confirmation: CultureSet = CONFIRMATION,
    finalists: int = 4,
    on_trial: Callable[[Study, FrozenTrial], object] | None = None,
    comm: Any = None,
    **options: Any,
) -> Tuned:
    """Search for parameters of a predefined system within the bounds of the targets.

    Every trial puts ``cultures`` through a shorter form of the protocol; each group of targets is an objective of a
    multi-objective tree-structured Parzen estimator. The best few by the sum of objectives then go through the whole
    protocol on ``confirmation``, and the best of those is returned. The study is in a journal file, to which
    several processes, or the ranks of ``comm``, may add at once; an interrupted study continues where it was.

    Args:
        system: Name of a predefined system.
        targets: The targets, and the parameters that may change.
        study_path: The journal file; made if it is not there.
        trials: Number of trials of the study in the end, earlier ones included.
        seed: Seed of the search.
        start: Parameters to start from, of which those in ``targets.search`` are changed; default the shipped ones.
        cultures: Cultures of a trial.
        confirmation: Cultures on which the finalists are compared.
        finalists: Number of sets that are compared on ``confirmation``.
        on_trial: Called after every trial.
        comm: MPI communicator whose ranks share the study; each gets the result.
        **options: Further arguments of ``Env``; by default the profile ``"fast"``.

    Returns:
        The parameters and what they reached.

    Raises:
        BackendUnavailable: Optuna is not installed.
        InvalidInput: There is nothing to search, or the study is of other targets.
        UnknownName: The search names a parameter that the system does not have.
    """
    if find_spec("optuna") is None:
        raise BackendUnavailable("Tuning needs Optuna: pip install 'livn_gym[tune]'.")
    if not targets.search:
        raise InvalidInput(
            f"The targets {targets.name!r} have no table [search], which lists the parameters that a search varies."
        )
    options = {"profile": "fast"} | options
    base = dict(start) if start is not None else tuned(graph(system, None))
    rank = 0 if comm is None else comm.Get_rank()
    measured = {name: target for name, target in targets.targets.items() if name not in OF_THE_CUT_COPY}
    searched = replace(targets, targets=measured)
    with Bench(system, cultures, search_protocol(targets), **options) as bench:
        lowest = {key: low for key, (low, _) in targets.search.items()}
        bench.env.set_params(with_products(base | lowest))  # unknown keys end it here, before the study is made
        study = open_study(study_path, system, targets, seed + rank, base, comm, cultures, options)

        def objective(trial: Trial) -> list[float]:
            params = with_products(
                base | {key: trial.suggest_float(key, *bounds) for key, bounds in targets.search.items()}
            )
            values = bench.measure(params, proceed=promising)
            for name, value in _mean(values).items():
                if np.isfinite(value):
                    trial.set_user_attr(name, value)
            return list(searched.objectives(values).values())

        from optuna.study import MaxTrialsCallback
        from optuna.trial import TrialState

        complete = (TrialState.COMPLETE,)
        callbacks = [MaxTrialsCallback(trials, states=complete), *([on_trial] if on_trial else [])]
        if len(study.get_trials(deepcopy=False, states=complete)) < trials:
            study.optimize(objective, callbacks=callbacks)  # type: ignore[arg-type]
        simulation = bench.simulation
    if comm is not None:
        comm.Barrier()
    result = None
    if rank == 0:
        ranked = sorted(study.get_trials(deepcopy=False, states=complete), key=lambda trial: sum(trial.values))
        sets = [(trial.number, with_products(base | trial.params)) for trial in ranked[:finalists]]
        with Bench(system, confirmation, targets.protocol, **options) as bench:
            compared = [(number, params, bench.measure(params)) for number, params in sets]
        number, params, values = min(compared, key=lambda item: sum(targets.objectives(item[2]).values()))
        result = Tuned(params, _mean(values), len(ranked), number, confirmation, simulation)
    tuned_set: Tuned = result if comm is None else comm.bcast(result)  # type: ignore[assignment]
    return tuned_set


@checked_types
def open_study(
    path: str | Path,
    system: str,
    targets: Targets,
    seed: int,
    base: Mapping[str, float],
    comm: Any = None,
    cultures: CultureSet = TRAINING,
    options: Mapping[str, Any] | None = None,
) -> Study:
    """Open the study of a journal file; a new study starts with the given parameters.

    Args:
        path: The journal file.
        system: Name of the system.
        targets: The targets, and the parameters that may change.
        seed: Seed of the search.
        base: Parameters to start from.
        comm: MPI communicator whose ranks share the study.
        cultures: Cultures of a trial.
        options: Arguments of ``Env``.

    Raises:
        InvalidInput: The file's folder does not exist, or the values of the study's trials belong to another system,
            other targets, another protocol, start or profile, or other cultures.
        CorruptData: The file is damaged, or no study; a cut last line alone is dropped.
        StorageError: The file cannot be read, written or locked.
    """
    import optuna
    from optuna.storages import JournalStorage

    path = Path(path)
    if not path.parent.is_dir():
        raise InvalidInput(f"There is no folder {str(path.parent)!r} for the study.")
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it warns, with a traceback, of exceptions that it raises again
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=seed, multivariate=True, constant_liar=True, n_startup_trials=FIRST_TRIALS
        )
    first = comm is None or comm.Get_rank() == 0
    if not first:
        comm.Barrier()
    journal = open_journal(path)
    with damage(path, "is no study"):
        study = optuna.create_study(
            study_name="livn_gym",
            storage=JournalStorage(journal),
            sampler=sampler,
            directions=["minimize"] * len(targets.groups),
            load_if_exists=True,
        )
    inputs = (
        system,
        targets.targets,
        search_protocol(targets),
        sorted(base.items()),
        cultures,
        sorted((options or {}).items()),
    )
    digest = hashlib.sha256(repr(inputs).encode()).hexdigest()
    about = {"system": system, "groups": targets.groups, "search": {k: list(v) for k, v in targets.search.items()}}
    about["inputs"] = digest  # of everything else that the values of a trial depend on
    if first:
        stored = {key: study.user_attrs[key] for key in about if key in study.user_attrs}
        if stored and stored != about:
            raise InvalidInput(
                f"{path} holds a study of {stored['system']} with other targets, start, cultures or options: "
                "take another file."
            )
        if not stored:
            for key, value in about.items():
                study.set_user_attr(key, value)
            for values in first_trials(targets, base, seed):
                study.enqueue_trial(values)
        if comm is not None:
            comm.Barrier()
    return study


@checked_types
def first_trials(targets: Targets, base: Mapping[str, float], seed: int) -> list[dict[str, float]]:
    """Return the start and sets near it, since cultures are silent or in seizure in most of the parameter space."""
    generator = np.random.default_rng(seed)
    base = {**base, **_products(base)}
    result = []
    for number in range(FIRST_TRIALS):
        values = {}
        for key, (low, high) in targets.search.items():
            shift = generator.normal(0.0, NEARBY * (high - low)) if number else 0.0
            values[key] = float(np.clip(base.get(key, low) + shift, low, high))
        result.append(values)
    return result


@checked_types
def with_products(params: Mapping[str, float]) -> dict[str, float]:
    """Return parameters in which every product ``depression-<population>-U_tau_rec`` (ms) is replaced by U.

    The product sets the rate at which synapses are exhausted, the range of the response; at an equal product, tau_rec
    changes little else. A search therefore varies the product and tau_rec instead of U and tau_rec.
    """
    result = {key: value for key, value in params.items() if not key.endswith(PRODUCT)}
    for key in params.keys() - result.keys():
        stem = key.removesuffix(PRODUCT)
        result[f"{stem}U"] = min(params[key] / result[f"{stem}tau_rec"], 1.0)
    return result


def _products(base: Mapping[str, float]) -> dict[str, float]:
    stems = [key.removesuffix("tau_rec") for key in base if key.startswith("depression-") and key.endswith("tau_rec")]
    return {stem + PRODUCT: base[f"{stem}U"] * base[f"{stem}tau_rec"] for stem in stems if f"{stem}U" in base}


def _mean(cultures: list[Values]) -> Values:
    """Return the mean of every measure over the cultures for which it is defined."""
    names = dict.fromkeys(name for values in cultures for name in values if name not in ("graph", "seed"))
    columns = {name: np.array([values.get(name, np.nan) for values in cultures]) for name in names}
    return {name: float(np.nanmean(c)) if np.isfinite(c).any() else float("nan") for name, c in columns.items()}
