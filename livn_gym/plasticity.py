"""Rules by which synapses change with the timing of spikes; backends apply them, all in the same order.

A presynaptic spike counts when it arrives at the synapse, a postsynaptic one ``dendritic_delay_ms`` after it happened.
Every synapse has two traces: x is raised by 1 by an arrival and decays with ``tau_x``, y by a postsynaptic spike with
``tau_y`` (all pairs of spikes count). An arrival changes the weight by ``on_pre * y + constant`` and is then
transmitted with the changed weight; a postsynaptic spike changes it by ``on_post * x``. Of two in the same time step
the arrival comes first. The weight stays within 0 and its bound.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked, checked_types
from livn_gym.errors import InvalidInput, shown, unknown_name
from livn_gym.units import finite

Bounds = Literal["hard", "soft"]


@dataclass(frozen=True)
class Numbers:
    """A rule for synapses whose weight parameter is known; weights and changes in units of that parameter.

    Attributes:
        on_post: Change by a postsynaptic spike, times x.
        on_pre: Change by an arrival, times y.
        constant: Change by an arrival.
        tau_x: Decay of x, ms.
        tau_y: Decay of y, ms.
        w_max: Bound of the weight.
        soft: 1 where changes shrink towards the bounds: increases by ``1 - w / w_max``, decreases by ``w / w_max``.
    """

    on_post: float
    on_pre: float
    constant: float
    tau_x: float
    tau_y: float
    w_max: float
    soft: float

    NAMES: ClassVar[tuple[str, ...]] = ("on_post", "on_pre", "constant", "tau_x", "tau_y", "w_max", "soft")

    def scaled(self, weight_uS: float) -> tuple[float, ...]:
        """The numbers in the order of ``NAMES``, with weights in uS."""
        unit = {"on_post", "on_pre", "constant", "w_max"}
        return tuple(getattr(self, name) * (weight_uS if name in unit else 1.0) for name in self.NAMES)


class Rule(ABC):
    """How the synapses of a projection change."""

    projection: ClassVar[str]
    """Where the rule is applied when nothing else is said."""

    @abstractmethod
    def numbers(self) -> Numbers:
        """What a backend needs."""


@checked
@dataclass(frozen=True)
class STDP(Rule):
    """Spike-timing-dependent plasticity of excitatory synapses, by pairs of spikes.

    Song, Miller & Abbott, Nat Neurosci 3:919 (2000), with hard bounds; van Rossum, Bi & Turrigiano, J Neurosci 20:8812
    (2000), in the spirit of the soft ones. An arrival dt before a postsynaptic spike raises the weight by
    ``A_plus w_max exp(-dt / tau_plus)``, one after it lowers it by ``A_minus w_max exp(-dt / tau_minus)``.

    Attributes:
        A_plus: Greatest increase by a pair, share of w_max.
        A_minus: Greatest decrease by a pair, share of w_max.
        tau_plus: ms.
        tau_minus: ms.
        w_max: Bound, in units of the projection's weight.
        bounds: ``"hard"`` (additive), or ``"soft"`` (multiplicative: changes shrink towards the bounds).
    """

    projection: ClassVar[str] = "EXC_EXC"

    A_plus: float = 0.005
    A_minus: float = 0.00525
    tau_plus: float = 20.0
    tau_minus: float = 20.0
    w_max: float = 3.0
    bounds: Bounds = "hard"

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("A_plus", "A_minus"):
            finite(f"STDP {name}", getattr(self, name), minimum=0.0)
        for name in ("tau_plus", "tau_minus", "w_max"):
            finite(f"STDP {name}", getattr(self, name), above=0.0)
        if self.bounds not in get_args(Bounds):
            raise unknown_name("bounds", self.bounds, get_args(Bounds))

    def numbers(self) -> Numbers:
        """What a backend needs."""
        up, down = self.A_plus * self.w_max, -self.A_minus * self.w_max
        return Numbers(up, down, 0.0, self.tau_plus, self.tau_minus, self.w_max, float(self.bounds == "soft"))


@checked
@dataclass(frozen=True)
class InhibitorySTDP(Rule):
    """Symmetric plasticity of inhibitory synapses, which holds the postsynaptic rate at a target.

    Vogels, Sprekeler, Zenke, Clopath & Gerstner, Science 334:1569 (2011): near-coincident spikes raise the weight by
    ``eta exp(-|dt| / tau)``, every arrival lowers it by ``2 eta tau target``.

    Attributes:
        eta: Increase by a coincidence, in units of the projection's weight.
        tau: ms.
        target_hz: The postsynaptic rate at which increases and decreases balance.
        w_max: Bound, in units of the projection's weight.
    """

    projection: ClassVar[str] = "INH_EXC"

    eta: float = 0.01
    tau: float = 20.0
    target_hz: float = 3.0
    w_max: float = 5.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("eta", "target_hz"):
            finite(f"InhibitorySTDP {name}", getattr(self, name), minimum=0.0)
        for name in ("tau", "w_max"):
            finite(f"InhibitorySTDP {name}", getattr(self, name), above=0.0)

    def numbers(self) -> Numbers:
        """What a backend needs."""
        constant = -2.0 * self.eta * self.tau * 1e-3 * self.target_hz
        return Numbers(self.eta, self.eta, constant, self.tau, self.tau, self.w_max, 0.0)


@dataclass(frozen=True)
class Plasticity:
    """The rules of a culture's synapses.

    Attributes:
        rules: By weight key; synapses of other keys do not change.
        dendritic_delay_ms: Time after which a postsynaptic spike reaches the cell's synapses.
    """

    rules: Mapping[str, Rule]
    dendritic_delay_ms: float = 0.5

    def __post_init__(self) -> None:
        """Check the types."""
        if not isinstance(self.rules, Mapping) or not all(isinstance(rule, Rule) for rule in self.rules.values()):
            raise InvalidInput(f"rules must be rules by weight key, got {shown(self.rules)}.")
        finite("dendritic_delay_ms", self.dendritic_delay_ms, above=0.0)

    @classmethod
    def of(
        cls, config: Rule | Mapping[str, Rule] | None, weight_names: Sequence[str], dendritic_delay_ms: float
    ) -> Plasticity:
        """From what ``Env.enable_plasticity`` takes; see there.

        Args:
            config: A rule, rules by projection or weight key, or None for the defaults.
            weight_names: The weight keys there are.
            dendritic_delay_ms: See the class.

        Raises:
            UnknownName: There is no such projection or key.
            InvalidInput: A delay that is not positive, or something that is no rule.
        """
        names_given = isinstance(weight_names, Sequence) and all(isinstance(name, str) for name in weight_names)
        if not names_given or isinstance(weight_names, str):
            raise InvalidInput(f"weight_names must be a sequence of names, got {shown(weight_names)}.")
        projections: dict[str, str] = {}
        for name in weight_names:
            projections.setdefault(name.partition("-")[0], name)
        if config is None:
            chosen: Mapping[str, Rule] = {
                rule.projection: rule for rule in (STDP(), InhibitorySTDP()) if rule.projection in projections
            }
        else:
            chosen = {config.projection: config} if isinstance(config, Rule) else config
            if not isinstance(chosen, Mapping):
                raise InvalidInput(f"A rule, or rules by projection, are needed, got {shown(config)}.")
        rules = {}
        for name, rule in chosen.items():
            if not isinstance(rule, Rule):
                raise unknown_name("plasticity rule", rule, ("STDP(...)", "InhibitorySTDP(...)"))
            if name not in projections and name not in weight_names:
                raise unknown_name("projection or weight", name, [*projections, *weight_names])
            rules[projections.get(name, name)] = rule
        return cls(rules, finite("dendritic_delay_ms", dendritic_delay_ms, above=0.0))


@checked_types
def rescaled(
    weights: NDArray[np.float64], first: NDArray[np.float64], post: NDArray[np.int64], cells: int, bound: float
) -> NDArray[np.float64]:
    """Weights scaled by one factor per cell, so that its sum is that of ``first`` as far as a bound allows.

    Args:
        weights: Weight of every synapse, ``[E]``, at least 0.
        first: Weights that give the sums, ``[E]``.
        post: Postsynaptic cell of every synapse, ``[E]``.
        cells: N.
        bound: Greatest weight; infinity for none.
    """
    aim = np.bincount(post, first, minlength=cells)
    result = np.minimum(weights, bound)
    free = weights > 0.0
    while True:
        total = np.bincount(post[free], weights[free], minlength=cells)
        at_bound = np.bincount(post, (weights > 0.0) & ~free, minlength=cells)
        rest = aim - at_bound * bound if at_bound.any() else aim
        factor = np.where(total > 0.0, rest / np.where(total > 0.0, total, 1.0), 1.0)
        scaled = weights * factor[post]
        over = free & (scaled > bound)
        result[free] = scaled[free]
        if not over.any():
            return result
        result[over] = bound
        free &= ~over  # what they cannot take goes to the cell's other synapses
