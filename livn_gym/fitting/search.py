"""Search for parameter sets that reproduce a recording: waves of cultures, and a regression that proposes the next.

The first wave surrounds the start and does not depend on the recording, so that fits of one system can share it. After
every wave a quadratic regression of the measures on the parameters is fitted to all cultures so far. The next two waves
are drawn from its posterior (history matching). Those after them start from the sets whose cultures came nearest, and
move each so as to reduce the deviation of its own culture, for which the regression has to give the slopes only.

References:
    Craig, Goldstein, Seheult & Smith, Pressure matching for hydrocarbon reservoirs, Lect Notes Stat 121:37, 1997;
    Blum & Francois, Non-linear regression models for approximate Bayesian computation, Stat Comput 20:63, 2010.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.atomic import replacing
from livn_gym.checks import checked_types
from livn_gym.device_profile import DeviceProfile
from livn_gym.errors import InvalidInput
from livn_gym.fitting.criterion import Measures
from livn_gym.fitting.regression import Regression, likely_sets
from livn_gym.fitting.space import Job, Space, option_texts
from livn_gym.fitting.statistics import fitted_vector
from livn_gym.fitting.study import FitStudy, measures_of, plain_measures
from livn_gym.reading import damage, read_json
from livn_gym.tuning.probe_sweep import ProbeSweep
from livn_gym.units import whole_number

PRIOR_SD = 0.2
"""Standard deviation of the prior around the start, as a share of the width of a parameter's bounds."""

DESIGN_SD = 0.12
"""The same of the first wave: further away most cultures are silent or in seizure."""

FIRST_SEED = 4_000_000
"""Seed of the noise of the first culture of the search; the next ones count up."""

POSTERIOR_WAVES = 2
"""Number of waves that are drawn from the posterior of the regression; in later ones the nearest sets are moved."""

STEP_SD, JITTER_SD = 0.1, 0.02
"""Standard deviations of the steps of moved sets, and of what is added to keep them apart, in shares of the bounds."""

TOLERANCE = 0.05
"""Standard deviation by which a fitted measure may be off besides the noise: 5 % of a rate, for example."""

SHORTER = 4.0
"""Ratio of the variance of the measures in the short runs of a search to that in the recording."""

MIN_CULTURES = 12
"""Least number of living cultures for a regression."""


@checked_types
@dataclass(frozen=True)
class Budget:
    """Number of cultures of a fit.

    Attributes:
        design: Cultures of the first wave.
        waves: Number of waves after the first.
        sets: Number of cultures in each of these waves, each with its own parameter set.
        candidates: Parameter sets, of the cultures that came nearest, that are judged by the joint criterion.
        seeds: Number of noise seeds with which each candidate is simulated, at least 2.
        checks: Cultures of the posterior predictive check, with seeds that nothing else uses.
        other_graphs: Cultures of the same check that are on graphs of their own.
    """

    design: int = 64
    waves: int = 4
    sets: int = 24
    candidates: int = 16
    seeds: int = 3
    checks: int = 16
    other_graphs: int = 8

    def __post_init__(self) -> None:
        """Check the numbers."""
        least = {"waves": 0, "design": 16, "candidates": 2, "seeds": 2, "checks": 2, "other_graphs": 0}
        for name in ("design", "waves", "sets", "candidates", "seeds", "checks", "other_graphs"):
            whole_number(name, getattr(self, name), minimum=least.get(name, 1))

    @property
    def searched(self) -> int:
        """Number of cultures of the search."""
        return self.design + self.waves * self.sets

    @property
    def judged(self) -> int:
        """Number of cultures of the candidates and of the check."""
        return self.candidates * self.seeds + self.checks + self.other_graphs


@checked_types
def search(
    study: FitStudy,
    spread: NDArray,
    sweep: ProbeSweep,
    budget: Budget,
    *,
    seed: int = 0,
    design_path: str | Path | None = None,
) -> NDArray[np.float64]:
    """Run or continue a search, and return the scaled parameters of the sets that came nearest, ``[candidates, D]``.

    Args:
        study: The study.
        spread: Covariance of the bootstrap of the recording, ``[K, K]``.
        sweep: Recording of each culture.
        budget: Number of cultures.
        seed: Seed of the proposals.
        design_path: JSON file of the first wave, which fits may share; made if it does not exist.

    Raises:
        InvalidInput: The first wave in the file is that of another search, or too few cultures have all measures.
        CorruptData: The file is damaged.
    """
    space, noise = study.space, SHORTER * spread + TOLERANCE**2 * np.eye(len(study.names))
    x = z = np.zeros((0, 0))
    regression: Regression | None = None
    for wave in range(budget.waves + 1):
        if regression is None:
            sets, seeds = _design(space, budget.design), FIRST_SEED
        else:
            generator = np.random.default_rng([seed, wave])
            if wave <= POSTERIOR_WAVES:
                sets = _likely(study, regression, noise, budget.sets, generator)
            else:
                sets = _moved(study, regression, noise, x, z, budget.sets, generator)
            seeds = FIRST_SEED + 100_000 * (seed + 1) + budget.design + (wave - 1) * budget.sets
        jobs = _jobs(space, sets, seeds)
        if wave == 0 and design_path is not None:
            measured = _shared_design(study, Path(design_path), sets, jobs, sweep)
        else:
            measured = study.measure(f"wave {wave}", sets, jobs, sweep)
        new = np.array([fitted_vector(values, study.names) for values in measured])
        x, z = (sets, new) if wave == 0 else (np.concatenate([x, sets]), np.concatenate([z, new]))
        living = np.isfinite(z).all(axis=1)
        if living.sum() < MIN_CULTURES:
            raise InvalidInput(
                f"Only {living.sum()} of {len(z)} simulated cultures have all of {', '.join(study.names)}, at least "
                f"{MIN_CULTURES} are needed: near the start, most cultures are silent or in seizure."
            )
        regression = Regression.of(x[living], z[living], study.target)
    return x[_nearest(study, noise, z, budget.candidates)]


def _likely(
    study: FitStudy, regression: Regression, noise: NDArray, count: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Draw sets from the posterior under a regression, ``[count, D]``."""
    space = study.space
    low, high = space.scaled(space.low), space.scaled(space.high)
    start = np.zeros(space.num_varied)
    return likely_sets(regression, study.target, noise, start, PRIOR_SD, low, high, count, generator)


def _moved(
    study: FitStudy,
    regression: Regression,
    noise: NDArray,
    x: NDArray,
    z: NDArray,
    count: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Move the sets whose cultures came nearest, so as to reduce their deviation, ``[count, D]``."""
    space = study.space
    nearest = _nearest(study, noise, z, count)
    chosen = nearest[np.arange(count) % len(nearest)]
    moved = regression.adjusted(x[chosen], z[chosen], study.target, noise, STEP_SD)
    moved += JITTER_SD * generator.normal(size=moved.shape)
    return np.clip(moved, space.scaled(space.low), space.scaled(space.high))


def _nearest(study: FitStudy, noise: NDArray, z: NDArray, count: int) -> NDArray[np.int64]:
    """Return the indices of the cultures that are nearest to the recording, the nearest first."""
    living = np.flatnonzero(np.isfinite(z).all(axis=1))
    off = z[living] - study.target
    distances = np.einsum("nk,kl,nl->n", off, np.linalg.inv(noise), off)
    return living[np.argsort(distances, kind="stable")[:count]]


def _design(space: Space, count: int) -> NDArray[np.float64]:
    """Return the sets of the first wave: the start, and normal deviations from it within the bounds."""
    x = np.random.default_rng(0).normal(0.0, DESIGN_SD, (count, space.num_varied))
    x[0] = 0.0
    return np.clip(x, space.scaled(space.low), space.scaled(space.high))


def check_design(
    space: Space,
    sweep: ProbeSweep,
    budget: Budget,
    path: str | Path,
    device: DeviceProfile | None,
    options: Mapping[str, Any],
) -> None:
    """Check that the file of the first wave, if it exists, is that of a search. Nothing is changed.

    Args:
        space: The parameters that are varied.
        sweep: Recording of each culture.
        budget: Number of cultures.
        path: The file.
        device: Device that detects the spikes.
        options: Further arguments of ``Env``.

    Raises:
        InvalidInput: It is that of another search.
        CorruptData: It is damaged.
    """
    jobs = _jobs(space, _design(space, budget.design), FIRST_SEED)
    _stored_design(Path(path), _about_design(space, jobs, sweep, option_texts(device, options)))


def _jobs(space: Space, sets: NDArray, first_seed: int) -> list[Job]:
    return [Job(space.params(sets[k]), space.graph, first_seed + k) for k in range(len(sets))]


def _about_design(space: Space, jobs: Sequence[Job], sweep: ProbeSweep, options: Mapping[str, str]) -> Any:
    """Return what a first wave depends on, as JSON holds it."""
    jobs_text = [{"params": dict(job.params), "graph": job.graph, "seed": job.seed} for job in jobs]
    return json.loads(json.dumps({"system": space.system, "jobs": jobs_text, "sweep": vars(sweep), "options": options}))


def _stored_design(path: Path, about: Any) -> list[Measures] | None:
    """Return the measures of the first wave from a file; None without one."""
    if not path.exists():
        return None
    problem = "holds no first wave of a fit"
    content: Mapping[str, Any] = read_json(path, problem)
    with damage(path, problem):
        stored, rows = content["about"], [measures_of(row) for row in content["measures"]]
    if stored != about:
        raise InvalidInput(f"{path} was made for another system, start, sweep, device or budget: take another file.")
    return list(rows)


def _shared_design(
    study: FitStudy, path: Path, sets: NDArray, jobs: Sequence[Job], sweep: ProbeSweep
) -> list[Measures]:
    """Return the measures of the first wave from a file, or simulate it and write the file."""
    about = _about_design(study.space, jobs, sweep, option_texts(study.device, study.options))
    rows = _stored_design(path, about)
    if rows is not None:
        for k, (job, row) in enumerate(zip(jobs, rows, strict=True)):
            study.add("wave 0", k, sets[k], job, row)
        return rows
    measured = study.measure("wave 0", sets, jobs, sweep)
    content = {"about": about, "measures": [plain_measures(values) for values in measured]}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return measured
