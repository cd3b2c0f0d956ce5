"""Domain randomisation over fitted cultures: every episode draws one of the parameter sets of a fit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.env import Env
from livn_gym.envs.conditions import Condition, ConditionedRun
from livn_gym.errors import InvalidInput
from livn_gym.parameters import by_key
from livn_gym.posterior import Posterior


@checked
class PosteriorDraw(Condition):
    """Draws one of the parameter sets of a fit for every episode, before the culture settles.

    All sets are equally likely. ``info["fitted_set"]`` is the index of the set, from 0. A task is calibrated with the
    nearest set, ``Posterior.base``, which the cultures have when the environment is made.

    Args:
        env: The cultures of the loop, with the parameters ``posterior.base``.
        posterior: The sets.

    Raises:
        InvalidInput: The system is not the fitted one, or the cultures have other parameters.
    """

    def __init__(self, env: Env, posterior: Posterior) -> None:
        super().__init__(env)
        if env.system.name != posterior.system:
            raise InvalidInput(
                f"The parameters of the fit are those of {posterior.system}, and the environment has the system "
                f"{env.system.name}: use an environment of {posterior.system}."
            )
        base, values = posterior.base, by_key(env.parameters_of(0))
        other = [key for key, value in base.items() if values.get(key) != value]
        if other:
            raise InvalidInput(f"The cultures must have the nearest set of the fit; they differ in {', '.join(other)}.")
        self.keys = posterior.keys
        self._factors = posterior.factors()

    def begin(self, np_random: np.random.Generator) -> int:
        """Draw the number of the set."""
        return int(np_random.integers(len(self._factors)))

    def factors(self, run: ConditionedRun) -> Mapping[str, NDArray[np.float64]]:
        """Return the factors that turn the nearest set into that of each culture."""
        factors = self._factors[[self.states[b] for b in run.cultures]]
        return {key: factors[:, k] for k, key in enumerate(self.keys)}

    def info(self, culture: int) -> dict[str, float]:
        """Return the number of the set of a culture's episode."""
        return {"fitted_set": float(self.states[culture])}
