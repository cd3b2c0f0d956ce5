"""Domain randomisation: factors of the cultures' parameters, drawn for every episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.env import Env
from livn_gym.envs.conditions import Condition, ConditionedRun
from livn_gym.errors import InvalidInput, shown, unknown_name
from livn_gym.parameters import ParameterSet, by_key
from livn_gym.units import finite_range

MAX_FACTOR = 1000.0
"""Largest factor of a parameter."""


@checked
class Randomization(Condition):
    """Multiplies parameters by random factors, drawn uniformly for every episode before the culture settles.

    Each key that a pattern matches gets its own factor; if several patterns match a key, the last one counts. Factors
    multiply the parameters that the culture had when the environment was made, and are in ``info`` as
    ``factor-<key>``.

    Args:
        env: The cultures of the loop.
        randomize: The lowest and the highest factor, ``[low, high]``, by pattern of keys (``fnmatch``), for example
            ``{"noise-EXC-std_e": [0.9, 1.1], "weight-*": [0.8, 1.2]}``. Keys are the keys of ``Env.set_params``
            that name a population.

    Raises:
        InvalidInput: A range is not a pair that rises from at least 0, or leads to a parameter that is out of range.
        UnknownName: No key matches a pattern.
    """

    def __init__(self, env: Env, randomize: Mapping[str, Sequence[float]]) -> None:
        super().__init__(env)
        parameters = [by_key(env.parameters_of(b)) for b in range(env.num_cultures)]
        bounds: dict[str, tuple[float, float]] = {}
        for pattern, pair in randomize.items():
            if np.shape(pair) != (2,):
                raise InvalidInput(f"randomize[{pattern!r}] must be a pair of factors [low, high], got {shown(pair)}.")
            factors = finite_range(f"randomize[{pattern!r}]", pair, minimum=0.0, maximum=MAX_FACTOR)
            matched = [key for key in parameters[0] if fnmatchcase(key, pattern)]
            if not matched:
                raise unknown_name("parameter in randomize", pattern, parameters[0])
            bounds |= dict.fromkeys(matched, factors)
        for of_culture in parameters:
            for end in (0, 1):
                scaled = {key: of_culture[key] * factors[end] for key, factors in bounds.items()}
                ParameterSet(env.system).updated(scaled)  # raises if a value is out of range
        self.keys = list(bounds)
        """Keys that get a factor."""
        self._low, self._high = np.array(list(bounds.values()), dtype=np.float64).reshape(-1, 2).T

    def begin(self, np_random: np.random.Generator) -> NDArray[np.float64]:
        """Draw the factors, in the order of ``keys``."""
        return np_random.uniform(self._low, self._high)

    def factors(self, run: ConditionedRun) -> Mapping[str, NDArray[np.float64]]:
        """Return the factors of the cultures that run."""
        factors = np.stack([self.states[b] for b in run.cultures])
        return {key: factors[:, k] for k, key in enumerate(self.keys)}

    def info(self, culture: int) -> dict[str, float]:
        """Return the factors of a culture's episode."""
        return {f"factor-{key}": float(factor) for key, factor in zip(self.keys, self.states[culture], strict=True)}
