"""Attributes of single environments of a vector environment, as ``SyncVectorEnv.get_attr`` returns them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from livn_gym.envs.episode_loop import EpisodeLoop
from livn_gym.envs.local_batch import LocalBatch
from livn_gym.envs.tasks import Measurement


class SubEnvironment:
    """Read-only view of one environment of a batch, with the attributes of a ``CultureEnv`` that it has in a batch.

    Args:
        batch: The environments, which this process simulates.
        index: Index of the environment.
        metadata: Metadata of the vector environment.
        provenance: Provenance of its results, the same for all environments.
    """

    def __init__(self, batch: LocalBatch, index: int, metadata: dict[str, Any], provenance: dict[str, str]) -> None:
        self._batch = batch
        self.provenance = dict(provenance)
        self._index = index
        self.metadata = metadata
        self.render_mode = None

    @property
    def action_space(self) -> spaces.Box:
        """Action space of a single environment."""
        return self._batch.action_space

    @property
    def observation_space(self) -> spaces.Box:
        """Observation space of a single environment."""
        return self._batch.observation_space

    @property
    def step_ms(self) -> float:
        """Length of a control step, ms."""
        return self._batch.step_ms

    @property
    def np_random(self) -> np.random.Generator:
        """Random generator of the task."""
        return self._batch.generators()[self._index]

    @property
    def np_random_seed(self) -> int:
        """Seed of the task's generator."""
        return self._batch.seeds()[self._index]

    @property
    def measurement(self) -> Measurement:
        """The measurement of the latest step."""
        return self.last_second[-1]

    @property
    def last_second(self) -> tuple[Measurement, ...]:
        """The measurements of the last second, oldest first, settling included.

        Raises:
            ResetNeeded: The environment was not reset yet.
        """
        loop, culture = self._locate()
        if not loop.history[culture]:
            raise ResetNeeded("Call reset() before asking for measurements.")
        return tuple(loop.history[culture])

    @property
    def highest_charge_nC(self) -> NDArray[np.float64]:
        """Charge of each channel in a step under the highest command, both phases counted, nC ``[C]``."""
        return self._locate()[0].highest_charge_nC

    @property
    def num_features(self) -> int:
        """F, the length of each of the two decoded recordings at the start of the observation; 0 if it has none."""
        return self._locate()[0].num_features

    def _locate(self) -> tuple[EpisodeLoop, int]:
        return self._batch.locate(self._index)


_OF_OBJECTS = ("metadata", "provenance", "render_mode")

NAMES = tuple(name for name in (*_OF_OBJECTS, *vars(SubEnvironment)) if not name.startswith("_"))
"""Names of the attributes that ``get_attr`` returns."""
