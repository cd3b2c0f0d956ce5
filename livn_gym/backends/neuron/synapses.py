"""The synapses of one NEURON culture: NetCons, one mechanism for a receptor on a cell, and what they learn."""

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

# Places in a NetCon's weight vector, see dual_exponential.mod.
_TRACES, _RULE = 5, 9


@dataclass
class _Connections:
    """The synapses of one weight key.

    Attributes:
        projection: Their cells.
        receptor: Their receptor.
        key: The weight key.
        netcons: Themselves.
        unit_uS: What a weight of 1 stands for.
        weight: The key's weight.
    """

    projection: Projection
    receptor: str
    key: str
    netcons: list[Any]
    unit_uS: float
    weight: float = 0.0

    @property
    def initial_uS(self) -> NDArray[np.float64]:
        """Every synapse's weight before anything is learnt."""
        return self.projection.scale * self.unit_uS * self.weight


class Synapses:
    """Every synapse of a culture.

    Args:
        pc: NEURON's ParallelContext, which knows the cells.
        spec: What is built.
        site: The segment of a cell's compartment.
        mechanism: NEURON's class of a synapse.
    """

    def __init__(self, pc: Any, spec: CultureSpec, site: Callable[[int, Compartment], Any], mechanism: Any) -> None:
        self.pc, self.spec, self._mechanism = pc, spec, mechanism
        self._targets: dict[tuple[int, str], Any] = {}
        self._connections: list[_Connections] = []
        self._own_spikes: dict[tuple[int, str], Any] = {}
        self._plasticity: Plasticity | None = None
        for projection in spec.projections:
            steps = spec.delay_steps(projection)
            for receptor, key in zip(projection.receptors, projection.weight_names, strict=True):
                kinetics, unit_nS = spec.model.synapse(spec.system, projection, receptor)
                compartment = spec.model.receptor_site(projection.post, receptor)
                netcons = []
                for pre, post, step in zip(projection.pre_gid, projection.post_gid, steps, strict=True):
                    place = int(post), receptor
                    if place not in self._targets:
                        self._targets[place] = self._target(site(int(post), compartment), kinetics)
                    netcons.append(pc.gid_connect(int(pre), self._targets[place]))
                    netcons[-1].delay = step * spec.dt_ms
                self._connections.append(_Connections(projection, receptor, key, netcons, unit_nS * NS_TO_US))

    def _target(self, segment: Any, receptor: Receptor) -> Any:
        """The one mechanism for a receptor on a compartment."""
        target = self._mechanism(segment)
        target.tau_rise, target.tau_decay = receptor.tau_rise_ms, receptor.tau_decay_ms
        target.norm, target.e, target.mg = receptor.normalisation, receptor.reversal_mV, receptor.magnesium_mM or 0.0
        return target

    def reset(self) -> None:
        """Forget what was learnt."""
        for each in self._connections:
            for connection, weight in zip(each.netcons, each.initial_uS, strict=True):
                connection.weight[0] = weight

    def clear(self) -> None:
        """Delete everything from NEURON."""
        self._connections.clear()
        self._own_spikes.clear()
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
        """Bring cells' own spikes to their plastic synapses, whose traces begin anew."""
        if plasticity == self._plasticity:
            return
        self._plasticity = plasticity
        for own in self._own_spikes.values():
            own.active(False)  # not deleted: spikes may be under way
        if plasticity is None:
            return
        back = max(1, round(plasticity.dendritic_delay_ms / self.spec.dt_ms))
        for each in self._connections:
            if each.key in plasticity.rules:
                for post, connection in zip(each.projection.post_gid, each.netcons, strict=True):
                    for k, value in enumerate((0.0, 0.0, 0.0, -1.0)):
                        connection.weight[_TRACES + k] = value
                    place = int(post), each.receptor
                    if place not in self._own_spikes:
                        self._own_spikes[place] = self.pc.gid_connect(int(post), self._targets[place])
                        self._own_spikes[place].weight[1] = -1.0
                    self._own_spikes[place].delay = (back + 0.25) * self.spec.dt_ms
                    self._own_spikes[place].active(True)

    def weights(self) -> dict[str, NDArray[np.float64]]:
        """Peak conductance of every synapse, nS, by weight key ``[E]``."""
        return {
            each.key: np.array([connection.weight[0] for connection in each.netcons]) / NS_TO_US
            for each in self._connections
        }

    def set_weights(self, weights: dict[str, NDArray[np.float64]]) -> None:
        """Set peak conductances one by one, nS."""
        for each in self._connections:
            for connection, weight in zip(each.netcons, weights.get(each.key, ()), strict=each.key in weights):
                connection.weight[0] = weight * NS_TO_US
