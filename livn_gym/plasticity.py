"""Rules of spike-timing-dependent plasticity. All backends apply them in the same order.

A presynaptic spike takes effect when it arrives at the synapse, a postsynaptic spike ``dendritic_delay_ms`` after its
time. Every synapse has two traces: x, which an arrival increases by 1 and which decays with ``tau_x``, and y, which a
postsynaptic spike increases by 1 and which decays with ``tau_y`` (all pairs of spikes interact). An arrival changes the
weight by ``on_pre * y + constant`` and is then transmitted with the new weight; a postsynaptic spike changes the weight
by ``on_post * x``. If both occur in the same time step, the arrival is processed first. The weight is limited to the
range from 0 to its bound.
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
class RuleParameters:
    """Parameters of a rule as backends need them; weights and changes in units of the projection's weight parameter.

    Attributes:
        on_post: Change at a postsynaptic spike, multiplied by x.
        on_pre: Change at an arrival, multiplied by y.
        constant: Change at an arrival.
        tau_x: Time constant of x, ms.
        tau_y: Time constant of y, ms.
        w_max: Upper bound of the weight.
        soft: 1 for soft bounds: increases are multiplied by ``1 - w / w_max``, decreases by ``w / w_max``. 0 for hard
            bounds.
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
        """Return the parameters in the order of ``NAMES``, with weights in uS."""
        in_weight_units = {"on_post", "on_pre", "constant", "w_max"}
        return tuple(getattr(self, name) * (weight_uS if name in in_weight_units else 1.0) for name in self.NAMES)


class Rule(ABC):
    """Base class of plasticity rules, each of which describes how the synapses of a projection change."""

    projection: ClassVar[str]
    """Projection to which the rule applies by default."""

    @abstractmethod
    def parameters(self) -> RuleParameters:
        """Return the parameters that backends need."""


@checked
@dataclass(frozen=True)
class STDP(Rule):
    """Pair-based spike-timing-dependent plasticity (STDP) of excitatory synapses.

    Hard bounds follow Song, Miller & Abbott, Nat Neurosci 3:919 (2000); soft bounds are similar to van Rossum, Bi &
    Turrigiano, J Neurosci 20:8812 (2000). An arrival dt before a postsynaptic spike increases the weight by
    ``A_plus w_max exp(-dt / tau_plus)``; an arrival dt after it decreases the weight by
    ``A_minus w_max exp(-dt / tau_minus)``.

    Attributes:
        A_plus: Largest increase by a pair of spikes, as a fraction of w_max.
        A_minus: Largest decrease by a pair of spikes, as a fraction of w_max.
        tau_plus: Time constant of increases, ms.
        tau_minus: Time constant of decreases, ms.
        w_max: Upper bound, in units of the projection's weight.
        bounds: ``"hard"`` (additive), or ``"soft"`` (multiplicative: changes become smaller towards the bounds).
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

    def parameters(self) -> RuleParameters:
        """Return the parameters that backends need."""
        up, down = self.A_plus * self.w_max, -self.A_minus * self.w_max
        return RuleParameters(up, down, 0.0, self.tau_plus, self.tau_minus, self.w_max, float(self.bounds == "soft"))


@checked
@dataclass(frozen=True)
class InhibitorySTDP(Rule):
    """Symmetric plasticity of inhibitory synapses, which keeps the postsynaptic firing rate at a target.

    Vogels, Sprekeler, Zenke, Clopath & Gerstner, Science 334:1569 (2011): a pair of spikes at a distance dt increases
    the weight by ``eta exp(-|dt| / tau)``, every arrival decreases it by ``2 eta tau target``.

    Attributes:
        eta: Increase at coincident spikes, in units of the projection's weight.
        tau: Time constant, ms.
        target_hz: Postsynaptic rate at which increases and decreases balance.
        w_max: Upper bound, in units of the projection's weight.
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

    def parameters(self) -> RuleParameters:
        """Return the parameters that backends need."""
        constant = -2.0 * self.eta * self.tau * 1e-3 * self.target_hz
        return RuleParameters(self.eta, self.eta, constant, self.tau, self.tau, self.w_max, 0.0)


RULES: dict[str, type[Rule]] = {"stdp": STDP, "inhibitory_stdp": InhibitorySTDP}
"""Rules by name; a name stands for the rule with its default parameters."""


@dataclass(frozen=True)
class Plasticity:
    """Plasticity rules of a culture.

    Attributes:
        rules: Rules by weight key; synapses of other keys do not change.
        dendritic_delay_ms: Delay after which a postsynaptic spike takes effect at the cell's synapses.
    """

    rules: Mapping[str, Rule]
    dendritic_delay_ms: float = 0.5

    def __post_init__(self) -> None:
        """Check the types."""
        if not isinstance(self.rules, Mapping) or not all(isinstance(rule, Rule) for rule in self.rules.values()):
            raise InvalidInput(f"rules must be a mapping of weight keys to rules, got {shown(self.rules)}.")
        finite("dendritic_delay_ms", self.dendritic_delay_ms, above=0.0)

    @classmethod
    def of(
        cls,
        config: Rule | str | Mapping[str, Rule | str] | None,
        weight_names: Sequence[str],
        dendritic_delay_ms: float,
    ) -> Plasticity:
        """Make the rules of a culture from the arguments of ``Env.enable_plasticity``.

        Args:
            config: A rule or its name, a mapping of projections or weight keys to rules or names, or None for the
                default rules.
            weight_names: All weight keys of the culture.
            dendritic_delay_ms: Delay of postsynaptic spikes, ms.

        Raises:
            UnknownName: There is no such projection, weight key or rule.
            InvalidInput: The delay is not positive, or ``config`` is neither a rule, a name nor a mapping of these.
        """
        names_given = isinstance(weight_names, Sequence) and all(isinstance(name, str) for name in weight_names)
        if not names_given or isinstance(weight_names, str):
            raise InvalidInput(f"weight_names must be a sequence of names, got {shown(weight_names)}.")
        projections: dict[str, str] = {}
        for name in weight_names:
            projections.setdefault(name.partition("-")[0], name)
        if config is None:
            defaults = (rule() for rule in RULES.values())
            requested = {rule.projection: rule for rule in defaults if rule.projection in projections}
        elif isinstance(config, Mapping):
            requested = {name: _rule(rule) for name, rule in config.items()}
        else:
            rule = _rule(config)
            requested = {rule.projection: rule}
        rules = {}
        for name, rule in requested.items():
            if name not in projections and name not in weight_names:
                raise unknown_name("projection or weight", name, [*projections, *weight_names])
            rules[projections.get(name, name)] = rule
        return cls(rules, finite("dendritic_delay_ms", dendritic_delay_ms, above=0.0))


def _rule(spec: object) -> Rule:
    """Return a rule, or the one of a name."""
    if isinstance(spec, str):
        if spec not in RULES:
            raise unknown_name("plasticity rule", spec, RULES)
        return RULES[spec]()
    if not isinstance(spec, Rule):
        raise InvalidInput(
            f"A plasticity rule must be an object such as STDP() or one of the names {', '.join(map(repr, RULES))}; "
            f"several rules are a mapping of their projections, {{'EXC_EXC': STDP(), 'INH_EXC': InhibitorySTDP()}}. "
            f"Got {shown(spec)}."
        )
    return spec


@checked_types
def rescaled(
    weights: NDArray[np.float64],
    initial_weights: NDArray[np.float64],
    post: NDArray[np.int64],
    num_cells: int,
    bound: float,
) -> NDArray[np.float64]:
    """Scale weights by one factor per postsynaptic cell, so that each cell's sum is that of its initial weights.

    Weights that would exceed the bound are set to it, and the cell's other weights are scaled further.

    Args:
        weights: Weight of every synapse, ``[E]``, at least 0.
        initial_weights: Weights whose sums are restored, ``[E]``.
        post: Postsynaptic cell of every synapse, ``[E]``.
        num_cells: Number of cells N.
        bound: Largest weight; infinity for none.
    """
    target = np.bincount(post, initial_weights, minlength=num_cells)
    result = np.minimum(weights, bound)
    free = weights > 0.0
    while True:
        total = np.bincount(post[free], weights[free], minlength=num_cells)
        at_bound = np.bincount(post, (weights > 0.0) & ~free, minlength=num_cells)
        remainder = target - at_bound * bound if at_bound.any() else target
        factor = np.where(total > 0.0, remainder / np.where(total > 0.0, total, 1.0), 1.0)
        scaled = weights * factor[post]
        over = free & (scaled > bound)
        result[free] = scaled[free]
        if not over.any():
            return result
        result[over] = bound
        free &= ~over  # the remainder is distributed over the cell's other synapses
