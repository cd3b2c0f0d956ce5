"""Synapses of one NEURON culture: NetCons, one mechanism per receptor of a cell, and their plasticity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import CultureSpec, Parameters
from livn_gym.models import Receptor
from livn_gym.models.base import Compartment
from livn_gym.plasticity import Plasticity
from livn_gym.system import Projection
from livn_gym.units import NS_TO_US

# Indices in the weight vector of a NetCon, see dual_exponential.mod.
_TRACES, _RULE = 5, 9


@dataclass
class _Connections:
    """Synapses of one weight key.

    Attributes:
        projection: Projection of the synapses.
        receptor: Receptor of the synapses.
        key: Weight key.
        netcons: NetCon of every synapse.
        unit_uS: Conductance of a weight of 1.
        weight: Weight of the key.
    """

    projection: Projection
    receptor: str
    key: str
    netcons: list[Any]
    unit_uS: float
    weight: float = 0.0

    @property
    def initial_uS(self) -> NDArray[np.float64]:
        """Weight of every synapse before plasticity."""
        return self.projection.scale * self.unit_uS * self.weight


class Synapses:
    """All synapses of a culture.

    Args:
        pc: ParallelContext of NEURON, with the cells.
        spec: Specification of the culture.
        site: Function that returns the segment of a compartment of a cell.
        mechanism: Class of a synapse in NEURON.
    """

    def __init__(self, pc: Any, spec: CultureSpec, site: Callable[[int, Compartment], Any], mechanism: Any) -> None:
        self.pc, self.spec, self._mechanism = pc, spec, mechanism
        self._targets: dict[tuple[int, str], Any] = {}
        self._connections: list[_Connections] = []
        self._postsynaptic_spikes: dict[tuple[int, str], Any] = {}
        self._retired: list[tuple[float, list[Any]]] = []
        """Their predecessors, and the time in ms until which spikes that they sent are in transit."""
        self._plasticity: Plasticity | None = None
        for projection in spec.projections:
            steps = spec.delay_steps(projection)
            for receptor, key in zip(projection.receptors, projection.weight_names, strict=True):
                kinetics, unit_nS = spec.model.synapse(spec.system, projection, receptor)
                compartment = spec.model.receptor_site(projection.post, receptor)
                netcons = []
                for pre, post, step in zip(projection.pre_gid, projection.post_gid, steps, strict=True):
                    target = int(post), receptor
                    if target not in self._targets:
                        self._targets[target] = self._target(site(int(post), compartment), kinetics)
                    netcons.append(pc.gid_connect(int(pre), self._targets[target]))
                    netcons[-1].delay = step * spec.dt_ms
                self._connections.append(_Connections(projection, receptor, key, netcons, unit_nS * NS_TO_US))

    def _target(self, segment: Any, receptor: Receptor) -> Any:
        """Make the mechanism of a receptor on a compartment."""
        target = self._mechanism(segment)
        target.tau_rise, target.tau_decay = receptor.tau_rise_ms, receptor.tau_decay_ms
        target.norm, target.e, target.mg = receptor.normalisation, receptor.reversal_mV, receptor.magnesium_mM or 0.0
        return target

    def reset(self) -> None:
        """Reset all weights to their values before plasticity."""
        for each in self._connections:
            for connection, weight in zip(each.netcons, each.initial_uS, strict=True):
                connection.weight[0] = weight

    def clear(self) -> None:
        """Delete all synapses from NEURON."""
        self._connections.clear()
        self._postsynaptic_spikes.clear()
        self._retired.clear()
        self._targets.clear()

    def set_parameters(self, parameters: Parameters) -> None:
        """Replace weights, depression and plasticity."""
        for each in self._connections:
            depression = parameters.depression[each.projection.pre]
            weight_uS = parameters.weights[each.key]
            rule = None if parameters.plasticity is None else parameters.plasticity.rules.get(each.key)
            numbers = (0.0,) * 7 if rule is None else rule.parameters().scaled(each.unit_uS * weight_uS)
            changed = weight_uS != each.weight
            each.weight = weight_uS
            for connection, weight in zip(each.netcons, each.initial_uS, strict=True):
                if changed:
                    connection.weight[0] = weight
                connection.weight[1] = depression.U
                connection.weight[2] = depression.tau_rec
                for k, number in enumerate(numbers):
                    connection.weight[_RULE + k] = number
        self._learn(parameters.plasticity)

    def _learn(self, plasticity: Plasticity | None) -> None:
        """Deliver the spikes of cells to their plastic synapses, and reset the traces."""
        if plasticity == self._plasticity:
            return
        self._plasticity = plasticity
        self._retire()
        if plasticity is None:
            return
        dendritic_delay_steps = max(1, round(plasticity.dendritic_delay_ms / self.spec.dt_ms))
        for each in self._connections:
            if each.key in plasticity.rules:
                for post, connection in zip(each.projection.post_gid, each.netcons, strict=True):
                    for k, value in enumerate((0.0, 0.0, 0.0, -1.0)):
                        connection.weight[_TRACES + k] = value
                    target = int(post), each.receptor
                    if target not in self._postsynaptic_spikes:
                        netcon = self.pc.gid_connect(int(post), self._targets[target])
                        netcon.weight[1] = -1.0
                        netcon.delay = (dendritic_delay_steps + 0.25) * self.spec.dt_ms
                        self._postsynaptic_spikes[target] = netcon

    def _retire(self) -> None:
        """Deliver no more spikes of cells to their plastic synapses, not even those in transit."""
        now_ms = self.pc.t(0)
        self._retired = [(until_ms, netcons) for until_ms, netcons in self._retired if until_ms > now_ms]
        netcons, self._postsynaptic_spikes = list(self._postsynaptic_spikes.values()), {}
        if not netcons:
            return
        for netcon in netcons:
            netcon.active(False)
            netcon.weight[1] = 0.0  # what is in transit arrives as a spike without weight, depression and rule
        # NEURON crashes if a NetCon is deleted whose spikes are in transit.
        self._retired.append((now_ms + netcons[0].delay, netcons))

    def weights(self) -> dict[str, NDArray[np.float64]]:
        """Return the peak conductance of every synapse, nS, by weight key, ``[E]``."""
        return {
            each.key: np.array([connection.weight[0] for connection in each.netcons]) / NS_TO_US
            for each in self._connections
        }

    def set_weights(self, weights: dict[str, NDArray[np.float64]]) -> None:
        """Set the peak conductance of every synapse, nS."""
        for each in self._connections:
            for connection, weight in zip(each.netcons, weights.get(each.key, ()), strict=each.key in weights):
                connection.weight[0] = weight * NS_TO_US
