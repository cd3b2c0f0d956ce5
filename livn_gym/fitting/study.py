"""The study of a fit: every culture that was simulated, as a trial of an Optuna study in a journal file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livn_gym import processors
from livn_gym.checks import checked_types
from livn_gym.device_profile import DeviceProfile
from livn_gym.errors import BackendUnavailable, InvalidInput
from livn_gym.fitting.criterion import Measures
from livn_gym.fitting.space import Job, Space, num_channels, simulate
from livn_gym.fitting.statistics import fitted_vector
from livn_gym.reading import damage
from livn_gym.system import make
from livn_gym.tuning.journal import open_journal
from livn_gym.tuning.probe_sweep import ProbeSweep

if TYPE_CHECKING:
    from optuna.study import Study

PART, PART_CELLS = 32, 3200
"""Largest number of cultures, and of their cells, that are simulated between two entries in the journal, but at least
as many cultures as there are processors. An interruption loses one such part: about a minute of all processors."""

_NAME = "livn_gym fit"

DEAD = 1e6
"""Value of a trial whose culture lacks a measure."""


@checked_types
class FitStudy:
    """Cultures of a fit by stage and index; those that the journal holds are not simulated again.

    Args:
        path: The journal file; made if it does not exist.
        space: The parameters that are varied.
        names: The measures that the recording identifies.
        target: Their values in the recording, ``[K]``.
        about: Everything on which the cultures depend, as plain values; the study of another fit is refused.
        progress: Called with the simulated time since the last call, ms, of cultures in the journal too.
        device: Device that detects the spikes; None if channels record all spikes of the cells around them.
        **options: Further arguments of ``Env``.

    Raises:
        BackendUnavailable: Optuna is not installed.
        InvalidInput: The study is that of another fit.
        CorruptData: The file is damaged.
    """

    def __init__(
        self,
        path: str | Path,
        space: Space,
        names: Sequence[str],
        target: NDArray,
        about: Mapping[str, Any],
        progress: Callable[[float], object] | None = None,
        device: DeviceProfile | None = None,
        **options: Any,
    ) -> None:
        self.space, self.names, self.target = space, tuple(names), target
        self.device, self.progress, self.options = device, progress, options
        self.study = _open(path, about)
        self._stored: dict[tuple[str, int], Measures] = {}
        for trial in self.study.get_trials(deepcopy=False):
            attrs = trial.user_attrs
            self._stored[attrs["stage"], attrs["index"]] = measures_of(attrs["measures"])

    @property
    def cultures(self) -> int:
        """Number of cultures that were simulated or read."""
        return len(self._stored)

    def measure(self, stage: str, sets: NDArray, jobs: Sequence[Job], sweep: ProbeSweep) -> list[Measures]:
        """Return the measures of the cultures of a stage, of which the missing ones are simulated in parts.

        Args:
            stage: Name of the stage.
            sets: Scaled parameters of the cultures, ``[n, D]``.
            jobs: The cultures, ``[n]``.
            sweep: Recording of each.
        """
        missing = [k for k in range(len(jobs)) if (stage, k) not in self._stored]
        culture = make(self.space.system)
        part = min(PART, max(PART_CELLS // culture.num_neurons, len(processors.usable())))
        if self.progress is not None and len(missing) < len(jobs):
            channels = num_channels(self.space.system, self.device)
            self.progress((len(jobs) - len(missing)) * sweep.duration_ms(channels))
        for first in range(0, len(missing), part):
            members = missing[first : first + part]
            selected = [jobs[k] for k in members]
            measured = simulate(
                self.space.system, selected, sweep, device=self.device, progress=self.progress, **self.options
            )
            for k, values in zip(members, measured, strict=True):
                self.add(stage, k, sets[k], jobs[k], values)
        return [self._stored[stage, k] for k in range(len(jobs))]

    def add(self, stage: str, index: int, x: NDArray, job: Job, values: Measures) -> None:
        """Add a culture as a complete trial; its value is the mean square deviation of its measures."""
        import optuna

        if (stage, index) in self._stored:
            return
        space, off = self.space, fitted_vector(values, self.names) - self.target
        bounds = zip(space.keys, space.low, space.high, strict=True)
        trial = optuna.trial.create_trial(
            params=dict(zip(space.keys, map(float, space.values(x)), strict=True)),
            distributions={key: optuna.distributions.FloatDistribution(float(a), float(b)) for key, a, b in bounds},
            value=float(np.mean(off**2)) if np.isfinite(off).all() else DEAD,
            user_attrs={
                "stage": stage,
                "index": index,
                "graph": job.graph,
                "seed": job.seed,
                "measures": plain_measures(values),
            },
        )
        self.study.add_trial(trial)
        self._stored[stage, index] = dict(values)


@checked_types
def plain_measures(values: Measures) -> dict[str, float | None]:
    """Return measures for JSON, with None for NaN."""
    return {name: float(x) if np.isfinite(x) else None for name, x in values.items()}


@checked_types
def measures_of(table: Mapping[str, Any]) -> dict[str, float]:
    """Return measures from JSON, with NaN for None."""
    return {name: np.nan if x is None else float(x) for name, x in table.items()}


def require_optuna() -> None:
    """Check that Optuna is installed.

    Raises:
        BackendUnavailable: It is not.
    """
    if find_spec("optuna") is None:
        raise BackendUnavailable("Fitting needs Optuna: pip install 'livn_gym[tune]'.")


def _open(path: str | Path, about: Mapping[str, Any]) -> Study:
    require_optuna()
    import optuna
    from optuna.storages import JournalStorage

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    journal = open_journal(Path(path))
    with damage(path, "is not a study of livn-gym fit"):
        storage = JournalStorage(journal)
        others = {study.study_name for study in storage.get_all_studies()} - {_NAME}
        study = (
            None
            if others
            else optuna.create_study(study_name=_NAME, storage=storage, direction="minimize", load_if_exists=True)
        )
    if study is None:
        raise InvalidInput(f"{path} holds the study of another command ({', '.join(others)}): take another folder.")
    stored = study.user_attrs.get("about")
    if stored != digest:
        if study.get_trials(deepcopy=False):
            raise InvalidInput(
                f"{path} holds the study of another fit (another recording, system, budget or seed): take another "
                "folder."
            )
        study.set_user_attr("about", digest)  # nothing was simulated with other arguments
    return study
