"""Recording requests of an ``Env``, which can be set between runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Self, get_args

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, shown, unknown_name
from livn_gym.exclusive import Exclusive
from livn_gym.models.base import Compartment
from livn_gym.recording import RECORDABLE
from livn_gym.recording_request import RecordingRequest
from livn_gym.system import System
from livn_gym.units import whole_steps

Populations = str | Sequence[str] | None
Cells = Sequence[int] | NDArray[np.int64] | None


@checked
class Recorder(Exclusive):
    """Mixin of ``Env`` that selects what is recorded. Methods return the Env itself.

    Nothing is recorded until it is requested. A further call for the same quantity replaces the previous one. Cells are
    selected by population or by gid, by default all. Recording requests are not part of saved states.
    """

    system: System
    dt: float
    _request: RecordingRequest

    @property
    def recordable(self) -> tuple[str, ...]:
        """Names of the quantities that can be recorded, which are attributes of a ``Recording``.

        ``"weights"`` are those of plastic synapses (``enable_plasticity``), which cannot be recorded if ranks share the
        cultures.
        """
        return tuple(name for name in RECORDABLE if name != "weights" or self._ranks is None)

    def record_spikes(self, population: Populations = None, *, gids: Cells = None) -> Self:
        """Record spikes from the next run on.

        Args:
            population: Name or names of populations; default all.
            gids: Single cells instead of populations.

        Raises:
            UnknownName: There is no such population.
            InvalidInput: There is no such cell, a cell is named twice, or both populations and cells are given.
        """
        self._check_open()
        self._request = replace(self._request, spike_gids=self._selected(population, gids))
        return self

    def record_voltage(
        self,
        population: Populations = None,
        *,
        gids: Cells = None,
        compartment: Compartment | Sequence[Compartment] = "soma",
        sample_ms: float | None = None,
    ) -> Self:
        """Record membrane voltages from the next run on.

        Args:
            population: Name or names of populations; default all.
            gids: Single cells instead of populations.
            compartment: ``"soma"``, ``"dendrite"``, or a sequence of both. The array ``v`` shows the first one; the
                recording has both as ``voltage_soma`` and ``voltage_dendrite``.
            sample_ms: Time between samples, shared by voltages and membrane currents. If omitted, it stays as it was;
                at first, every time step is sampled.

        Raises:
            UnknownName: There is no such population or compartment.
            InvalidInput: There is no such cell, a cell or a compartment is named twice, both populations and cells are
                given, or ``sample_ms`` is no whole number of time steps.
        """
        self._check_open()
        self._request = replace(
            self._request,
            voltage_gids=self._selected(population, gids),
            voltage_compartments=_compartments(compartment),
            sample_steps=self._sample_steps(sample_ms),
        )
        return self

    def record_membrane_current(
        self,
        population: Populations = None,
        *,
        gids: Cells = None,
        compartment: Compartment = "soma",
        sample_ms: float | None = None,
    ) -> Self:
        """Record membrane currents from the next run on.

        Args:
            population: Name or names of populations; default all.
            gids: Single cells instead of populations.
            compartment: Compartment that the array ``mp`` shows. Both are recorded, as ``current_soma`` and
                ``current_dendrite``, since extracellular potentials need both.
            sample_ms: Time between samples, shared by voltages and membrane currents. If omitted, it stays as it was;
                at first, every time step is sampled.

        Raises:
            UnknownName: There is no such population or compartment.
            InvalidInput: There is no such cell, a cell is named twice, both populations and cells are given, or
                ``sample_ms`` is no whole number of time steps.
        """
        self._check_open()
        self._request = replace(
            self._request,
            current_gids=self._selected(population, gids),
            current_compartment=_compartments(compartment)[0],
            sample_steps=self._sample_steps(sample_ms),
        )
        return self

    def record_weights(self, dt: float) -> Self:
        """Record the weights of all synapses that follow a rule, from the next run on.

        Args:
            dt: Time between samples, ms; a whole number of time steps.

        Raises:
            InvalidInput: The time is no whole number of time steps.
        """
        self._check_open()
        self._request = replace(self._request, weight_steps=whole_steps("record_weights dt (ms)", dt, self.dt))
        return self

    def _selected(self, population: Populations, gids: Cells) -> NDArray[np.int64]:
        """Return the gids of populations, or the given gids, ascending."""
        if gids is None:
            return self.system.gids(
                population if population is None or isinstance(population, str) else list(population)
            )
        if population is not None:
            raise InvalidInput("Cells are selected by population or by gids, got both: give env.system.gids(...).")
        if np.ndim(gids) != 1:
            raise InvalidInput(f"gids must be a sequence of cells, got {shown(gids)}.")
        cells = np.unique(np.asarray(gids, dtype=np.int64))
        if len(cells) != len(gids):
            raise InvalidInput(f"gids must be distinct, got {list(gids)}.")
        if len(cells) and not 0 <= cells[0] <= cells[-1] < self.system.num_neurons:
            raise InvalidInput(f"gids must lie in 0 ... {self.system.num_neurons - 1}, got {cells[0]} ... {cells[-1]}.")
        return cells

    def _sample_steps(self, sample_ms: float | None) -> int:
        return self._request.sample_steps if sample_ms is None else whole_steps("sample_ms", sample_ms, self.dt)


def _compartments(compartment: Compartment | Sequence[Compartment]) -> tuple[Compartment, ...]:
    names: tuple[Compartment, ...] = (compartment,) if isinstance(compartment, str) else tuple(compartment)
    for name in names:
        if name not in get_args(Compartment):
            raise unknown_name("compartment", name, get_args(Compartment))
    if not names or len(set(names)) != len(names):
        raise InvalidInput(f"compartment must be 'soma', 'dendrite' or a sequence of both, got {compartment!r}.")
    return names
