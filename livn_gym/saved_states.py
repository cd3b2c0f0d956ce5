"""Saving and loading of the states of an ``Env``."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

from livn_gym.backends import Precision, Scheme, Snapshots
from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, UnsupportedModel
from livn_gym.exclusive import Exclusive
from livn_gym.models import Channelrhodopsin, Model
from livn_gym.snapshot import Snapshot
from livn_gym.system import System


@checked
class SavedStates(Exclusive):
    """Mixin of ``Env`` that saves, loads and copies the states of its cultures."""

    system: System
    model: Model
    opsin: Channelrhodopsin | None
    num_cultures: int
    dt: float
    scheme: Scheme
    precision: Precision
    seeds: list[int]
    trials: list[int]

    @property
    def backend_name(self) -> str:
        """Name of the backend, for example ``"native"`` or ``"neuron"``."""
        return self._check_ready().capabilities.name

    def save_state(self, cultures: Sequence[int] | None = None) -> Snapshot:
        """Return the state of all or some cultures, from which ``load_state`` continues bit for bit.

        Parameters and recording requests are configuration and not part of the snapshot. If MPI ranks share the
        cultures, the snapshot holds the cells of this rank and can be loaded on the same rank of as many ranks.

        Args:
            cultures: Indices of the cultures. Default: all.

        Raises:
            UnsupportedModel: The backend does not support snapshots.
        """
        indices = self._culture_indices(cultures)
        setting = self._setting()

        def save() -> Snapshot:
            states = self._snapshots().save(indices)
            seeds, trials, steps = (
                tuple(values[b] for b in indices) for values in (self.seeds, self.trials, self._steps)
            )
            return Snapshot(setting, seeds, trials, steps, tuple(states))

        return self._exclusively(save)

    def load_state(self, state: Snapshot, cultures: Sequence[int] | None = None) -> Self:
        """Restore saved states; a snapshot of one culture can be loaded into several.

        Args:
            state: Snapshot from this or another Env with the same system, model, time step, scheme, precision and
                backend.
            cultures: Indices of the cultures into which the states are loaded, in their order. Default: all.

        Raises:
            InvalidInput: The system, model, time step, scheme, precision, backend or number of cultures differs.
            UnsupportedModel: The backend does not support snapshots.
        """
        indices = self._culture_indices(cultures)
        self._snapshots()
        if not isinstance(state, Snapshot):
            raise InvalidInput(f"load_state takes what save_state returned, got {type(state).__name__}.")
        state.check(self._setting())
        if len(state) not in (1, len(indices)):
            raise InvalidInput(f"The snapshot holds {len(state)} cultures, {len(indices)} are to be loaded.")
        source = dict(zip(indices, range(len(state)) if len(state) > 1 else [0] * len(indices), strict=True))

        def load() -> None:
            self._snapshots().load({b: state.states[k] for b, k in source.items()})
            self.seeds, self.trials, self._steps = (
                [saved[source[b]] if b in source else value for b, value in enumerate(current)]
                for current, saved in (
                    (self.seeds, state.seeds),
                    (self.trials, state.trials),
                    (self._steps, state.steps),
                )
            )

        self._exclusively(load)
        return self

    def __copy__(self) -> Self:
        """Return a deep copy, since two Envs cannot share cultures."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for copying and pickling, without that of a call in progress.

        Raises:
            UnsupportedModel: The cultures are in other processes, those of other ranks or of NEURON.
        """
        if self._ranks is not None:
            raise UnsupportedModel("An Env that ranks share cannot be copied or pickled.")
        self._exclusively(lambda: None)
        return vars(self) | {"_last": None}

    def _snapshots(self) -> Snapshots:
        backend = self._check_ready()
        if not isinstance(backend, Snapshots):
            raise UnsupportedModel(f"The {backend.capabilities.name} backend cannot save the state of a culture.")
        return backend

    def _setting(self) -> dict[str, Any]:
        setting = {} if self.opsin is None else {"opsin": str(self.opsin)}
        return setting | {
            "system": f"{self.system.name} ({self.system.sha256()[:12]})",
            "model": f"{type(self.model).__name__}({dict(self.model.cells)})",
            "dt": self.dt,
            "scheme": self.scheme,
            "precision": self.precision,
            "backend": self.backend_name,
            "noise": "Philox4x32-10",
            "rank": "0 of 1" if self._ranks is None else f"{self._ranks.rank} of {self._ranks.size}",
        }
