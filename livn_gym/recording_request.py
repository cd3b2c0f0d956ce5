"""Request for the quantities that a run records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked_methods
from livn_gym.models.base import Compartment


@checked_methods
@dataclass(frozen=True)
class RecordingRequest:
    """Quantities that a run records; a quantity whose gids are None is not recorded.

    Attributes:
        spike_gids: Cells whose spikes are recorded, ascending.
        voltage_gids: Cells whose voltage is recorded, ascending.
        current_gids: Cells whose membrane current is recorded, ascending. The currents of both compartments are
            recorded, because extracellular potentials need both.
        sample_steps: Time steps between samples of voltages and currents.
        voltage_compartments: Compartments whose voltage is recorded; the array ``v`` shows the first.
        current_compartment: Compartment whose current the array ``mp`` shows.
        weight_keys: Weight keys of the synapses whose weights are recorded.
        weight_steps: Time steps between samples of weights; 0 if they are not recorded.
    """

    spike_gids: NDArray[np.int64] | None = None
    voltage_gids: NDArray[np.int64] | None = None
    current_gids: NDArray[np.int64] | None = None
    sample_steps: int = 1
    voltage_compartments: tuple[Compartment, ...] = ("soma",)
    current_compartment: Compartment = "soma"
    weight_keys: tuple[str, ...] = ()
    weight_steps: int = 0

    @property
    def traced_gids(self) -> dict[str, NDArray[np.int64]]:
        """Cells of every voltage and current that is recorded, by the recording's field."""
        traced: dict[str, NDArray[np.int64]] = {}
        if self.voltage_gids is not None:
            traced |= {f"voltage_{compartment}": self.voltage_gids for compartment in self.voltage_compartments}
        if self.current_gids is not None:
            traced |= {"current_soma": self.current_gids, "current_dendrite": self.current_gids}
        return traced

    def num_values(self, num_steps: int, num_synapses: int) -> int:
        """Return the number of samples that one culture records in a run.

        Args:
            num_steps: Length of the run in time steps.
            num_synapses: Number of synapses whose weights are recorded.
        """
        traces = sum(map(len, self.traced_gids.values())) * (num_steps // self.sample_steps)
        return traces + (num_synapses * (num_steps // self.weight_steps) if self.weight_steps else 0)

    @property
    def trace_fields(self) -> dict[str, Any]:
        """Fields of a recording that say which cells and compartments its traces are of."""
        return {
            "voltage_gid": self.voltage_gids,
            "voltage_compartment": self.voltage_compartments[0],
            "current_gid": self.current_gids,
            "current_compartment": self.current_compartment,
        }

    def restricted_to(self, gids: NDArray[np.int64]) -> RecordingRequest:
        """Return the request for some cells only, as a rank needs it for the cells that it simulates."""
        restricted: dict[str, Any] = {
            name: requested[np.isin(requested, gids)]
            for name in ("spike_gids", "voltage_gids", "current_gids")
            if (requested := getattr(self, name)) is not None
        }
        return replace(self, **restricted)
