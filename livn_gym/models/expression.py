"""Expression of an opsin: which cells have it, and how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from livn_gym import numerics
from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, unknown_name, unknown_option
from livn_gym.system import System
from livn_gym.units import finite, whole_number


@checked
@final
@dataclass(frozen=True)
class Expression:
    """Expression of an opsin in the cells of a culture, drawn anew for every graph.

    Cells of the populations have the opsin with a probability, and then in lognormally distributed amounts. By
    default only EXC cells have it, as under the promoter CaMKIIa.

    Attributes:
        populations: Populations whose cells can have the opsin.
        fraction: Probability that such a cell has it.
        cv: Coefficient of variation of its amount in cells that have it; the mean is 1.
        seed: Seed of the draw, below 2**32; each graph draws other cells.

    Raises:
        InvalidInput: A number is out of range.
    """

    populations: tuple[str, ...] = ("EXC",)
    fraction: float = 0.8
    cv: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        if finite("Expression.fraction", self.fraction, minimum=0.0) > 1.0:
            raise InvalidInput(f"Expression.fraction must be at most 1, got {self.fraction:g}.")
        finite("Expression.cv", self.cv, minimum=0.0)
        if whole_number("Expression.seed", self.seed, minimum=0) >= 2**32:
            raise InvalidInput(f"Expression.seed must be below 2**32, got {self.seed}.")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Make it from a mapping of its attributes.

        Raises:
            UnknownOption: There is no such attribute.
            InvalidInput: A value is out of range.
        """
        known = [item.name for item in fields(cls)]
        for key in values:
            if key not in known:
                raise unknown_option("Expression", key, known)
        populations = values.get("populations", cls.populations)
        if isinstance(populations, Sequence) and not isinstance(populations, str):
            populations = tuple(populations)
        return cls(**(dict(values) | {"populations": populations}))

    def factors(self, system: System) -> NDArray[np.float64]:
        """Return the amount in every cell, ``[N]``, with a mean of 1 in cells that have the opsin, otherwise 0.

        Raises:
            UnknownName: The system has no population of that name.
        """
        for name in self.populations:
            if name not in system.population_names:
                raise unknown_name(f"population of {system.name}", name, system.population_names)
        key = numerics.stream_key(int(system.sha256()[:16], 16), self.seed)
        gids = np.arange(system.num_neurons)
        variance = np.log(1.0 + self.cv * self.cv)
        normal, _ = numerics.normal(gids, 0, key)
        uniform, _ = numerics.uniform(gids, 1, key)
        amount = numerics.exp(np.sqrt(variance) * normal - 0.5 * variance)
        has = np.zeros(len(gids), dtype=bool)
        for population in system.populations:
            if population.name in self.populations:
                has[population.start : population.stop] = True
        return np.where(has & (uniform < self.fraction), np.round(amount, 3), 0.0)
