"""The culture plays Pong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.env import Env
from livn_gym.envs.inner import PongGame
from livn_gym.envs.tasks.inner import InnerEnv
from livn_gym.envs.tasks.inner_task import InnerTask
from livn_gym.errors import InvalidInput

FARTHEST = 0.25
"""Share of the pulse rate when the ball is at the wall; it rises to 1 at the paddle."""


class Pong(InnerTask):
    """A culture moves the paddle; the agent chooses where on the array it feels the ball, and how strongly.

    The layout of sensory and motor regions follows Kagan et al. (2022). **What the culture feels**: the two middle
    columns of electrodes are its sensory region, whose rows are places (4 on EI2, 8 on EI3, as in the paper). The row
    that stands for the ball's height above the paddle is stimulated (place code), the faster the nearer the ball is
    (rate code, 10 to 40 Hz). **What acts**: cells farther than half an electrode's pitch from the sensory columns are
    the motor region. If those above the middle fire more in a step than those below, the paddle goes up; if less,
    down; a tie repeats.

    **What the agent chooses** is two gains for each of the P places, -1 (none) ... 1 (the highest rate): the ``direct``
    one stimulates the place's own row, the ``crossed`` one the row mirrored at the middle: ``[direct, crossed]``,
    ``[2 P]``. **What the agent sees**: height of the ball above the paddle, its x and its velocity, as shares of the
    field ``[4]``, and the rates of the lower and the upper motor region, Hz ``[2]``.

    **The loop**: gains -> stimulation by the state as it is -> ``step_ms`` of the culture -> one step of the game,
    ``livn_gym.envs.inner.PongGame``. Reward is 1 for every ball that is returned; a miss terminates, so that a return
    is the length of a rally. **Nothing is trained in the decoder.** Kagan's feedback (regular stimulation after a hit,
    irregular after a miss) is left out: it is meant to change a plastic culture, this one does not learn.

    Args:
        env: The cultures.
        game: Arguments of ``PongGame``.

    Raises:
        InvalidInput: The array has fewer than 2 rows or 3 columns, or an argument of the game is out of range.

    Reference:
        Kagan, Kitchen, Tran, Habibollahi, Khajehnejad, Parker, Bhat, Rollo, Razi & Friston, Neuron 110:3952 (2022).
    """

    def __init__(self, env: Env, *, game: Mapping[str, Any]) -> None:
        try:
            played = PongGame(**game)
        except TypeError as error:
            raise InvalidInput(f"game holds arguments of PongGame, got {game!r}: {error}.") from error
        bounds = played.observation_space
        super().__init__(env, InnerEnv(played, ((bounds.high - bounds.low) / 2).tolist()))

    @property
    def num_groups(self) -> int:
        """P, one for every place."""
        return len(self.sensory)

    def shares(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """The ball's place at its rate, on its own row and on the mirrored one."""
        direct, crossed = gains
        height, distance = self.inner.state[0], (self.inner.state[1] + 1.0) / 2.0
        places = len(self.sensory)
        place = min(places - 1, int((self._sight(height) + 1.0) / 2.0 * places))
        nearness = FARTHEST + (1.0 - FARTHEST) * (1.0 - distance)
        felt = direct[place] * self.sensory[place] + crossed[place] * self.sensory[places - 1 - place]
        return nearness * np.minimum(felt, 1.0)

    def sensory_electrodes(self, electrodes: NDArray) -> NDArray[np.float64]:
        """The rows of the two middle columns (one, if their number is odd), from below, ``[P, C]``."""
        columns, column = _lines(electrodes[:, 0])
        rows, row = _lines(electrodes[:, 1])
        if len(columns) < 3 or len(rows) < 2:
            raise InvalidInput(
                f"Pong needs an array of at least 3 columns and 2 rows, {self.system.name} has "
                f"{len(columns)} and {len(rows)}."
            )
        middle = np.abs(column - (len(columns) - 1) / 2) < 1
        return ((row == np.arange(len(rows))[:, None]) & middle).astype(np.float64)

    def motor_regions(self, soma_um: NDArray, electrodes: NDArray) -> NDArray[np.int64]:
        """1 (up) above and 0 (down) below the middle of the array, -1 within the sensory region."""
        columns, _ = _lines(electrodes[:, 0])
        felt = np.unique(electrodes[self.sensory.any(axis=0), 0])
        near = np.abs(soma_um[:, :1] - felt).min(axis=1) <= np.diff(columns).min() / 2
        middle = (electrodes[:, 1].min() + electrodes[:, 1].max()) / 2
        return np.where(near, -1, (soma_um[:, 1] > middle).astype(np.int64))

    @staticmethod
    def _sight(height: float) -> float:
        """Height within sight, -1 ... 1: what is farther than half the field counts as that far."""
        return float(np.clip(2.0 * height, -1.0, 1.0 - 1e-9))


def _lines(places: NDArray) -> tuple[NDArray, NDArray[np.int64]]:
    """Distinct places along an axis, ascending, and which is each electrode's."""
    lines, index = np.unique(np.round(places, 3), return_inverse=True)
    return lines, index
