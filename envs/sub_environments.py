"""What a vector environment says of each of its environments, as Gymnasium's ``SyncVectorEnv`` does."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from livn_gym.envs.group import LoopGroup
from livn_gym.envs.resampling import AnyLoop
from livn_gym.envs.tasks import Measurement


class SubEnvironment:
    """One environment of a group, read only: those attributes of a ``CultureEnv`` that a culture of a batch has.

    Args:
        group: The environments, simulated in this process.
        index: Which one.
        metadata: Of the vector environment.
    """

    def __init__(self, group: LoopGroup, index: int, metadata: dict[str, Any]) -> None:
        self._group = group
        self._index = index
        self.metadata = metadata
        self.render_mode = None

    @property
    def action_space(self) -> spaces.Box:
        """Of a single environment."""
        return self._group.action_space

    @property
    def observation_space(self) -> spaces.Box:
        """Of a single environment."""
        return self._group.observation_space

    @property
    def step_ms(self) -> float:
        """Length of a control step, ms."""
        return self._group.step_ms

    @property
    def np_random(self) -> np.random.Generator:
        """The generator that the task draws from."""
        return self._group.generators()[self._index]

    @property
    def np_random_seed(self) -> int:
        """Where the generator started."""
        return self._group.seeds()[self._index]

    @property
    def measurement(self) -> Measurement:
        """What the loop knows about the latest step."""
        return self.last_second[-1]

    @property
    def last_second(self) -> tuple[Measurement, ...]:
        """What the loop knows about the steps of the last second, oldest first, settling included.

        Raises:
            ResetNeeded: There was none yet.
        """
        loop, culture = self._place()
        if not loop.history[culture]:
            raise ResetNeeded("Call reset() before asking for measurements.")
        return tuple(loop.history[culture])

    @property
    def highest_charge_nC(self) -> NDArray[np.float64]:
        """What the highest command gives by each channel in a step, both phases counted, nC ``[C]``."""
        return self._place()[0].highest_charge_nC

    @property
    def num_features(self) -> int:
        """F, how many entries of the observation one decoded recording takes."""
        return self._place()[0].num_features

    def _place(self) -> tuple[AnyLoop, int]:
        return self._group.place(self._index)


NAMES = tuple(name for name in ("metadata", "render_mode", *vars(SubEnvironment)) if not name.startswith("_"))
"""The attributes that can be asked for."""
