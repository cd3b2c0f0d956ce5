"""Families of agents: agents of one kind whose few parameters lie in a box."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from livn_gym.agents.baselines import Agent
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.units import finite_range

MAX_VALUE = 1e12
"""Largest value of a parameter."""


@dataclass(frozen=True)
class AgentFamily:
    """Agents of one kind, from which a tuner chooses one by its parameters.

    ``AgentFamily("constant", Constant, {"strength": (0.0, 1.0)})`` are all constant agents. A parameter that stands for
    a choice or a whole number is rounded by ``make``. A family without parameters is a single agent.

    Attributes:
        name: Name of the family in results.
        make: Makes a new agent; gets the parameters by keyword.
        box: Lowest and highest value of each parameter.
        log: Names of the parameters that vary on a logarithmic scale.
        first: Parameters of the first candidate; missing ones are in the middle of their range.

    Raises:
        InvalidInput: A range does not rise, or a logarithmic one does not begin above 0.
        UnknownName: ``log`` or ``first`` has a name that is not in ``box``.
    """

    name: str
    make: Callable[..., Agent]
    box: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    log: frozenset[str] = frozenset()
    first: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the box."""
        for name, bounds in self.box.items():
            low, high = finite_range(f"box[{name!r}]", bounds, maximum=MAX_VALUE)
            if name in self.log and low <= 0.0:
                raise InvalidInput(f"A logarithmic range must begin above 0, got {name}: {low:g} to {high:g}.")
        for name in (*self.log, *self.first):
            if name not in self.box:
                raise unknown_name(f"parameter of the family {self.name!r}", name, self.box)

    def parameters(self, point: NDArray[np.float64]) -> dict[str, float]:
        """Return the parameters at a point of the unit cube, ``[D]``, in the order of ``box``."""
        values = {}
        for share, (name, (low, high)) in zip(point, self.box.items(), strict=True):
            if name in self.log:
                values[name] = math.exp(math.log(low) + float(share) * (math.log(high) - math.log(low)))
            else:
                values[name] = low + float(share) * (high - low)
        return values

    def first_point(self) -> NDArray[np.float64]:
        """Return the first candidate as a point of the unit cube, ``[D]``."""
        point = np.full(len(self.box), 0.5)
        for k, (name, (low, high)) in enumerate(self.box.items()):
            if name in self.first and high > low:
                scale = math.log if name in self.log else float
                point[k] = (scale(self.first[name]) - scale(low)) / (scale(high) - scale(low))
        return np.clip(point, 0.0, 1.0)
