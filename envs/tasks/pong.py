"""Pong: a culture moves the paddle, by stimulation with the ball's position and actions from its spikes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.envs.inner import PongGame
from livn_gym.envs.tasks.base import Task
from livn_gym.envs.tasks.inner import InnerEnv
from livn_gym.envs.tasks.inner_task import InnerTask, lines
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.errors import InvalidInput

MIN_SHARE = 0.8
"""Share of the amplitude when the ball is at the wall; it rises to 1 at the paddle."""


class Pong(InnerTask):
    """Pong: a culture moves the paddle; the agent sets which electrodes show it the ball, and how strongly.

    ## Description
    The layout of sensory and motor regions follows Kagan et al. (2022). **What is seen by the culture**: the ball. The
    two middle columns of electrodes are the sensory region, in which every two neighbouring rows are a place (on EI3
    four places of four electrodes). The place that represents the ball's height above the paddle gets the one pulse
    of the step (place code), stronger the nearer the ball is.

    **What acts**: the culture. The electrodes of the other columns are the motor region. If those above the middle
    record a higher mean rate at 20-100 ms after the pulse than those below, the paddle goes up; if a lower one, down; a
    tie repeats the last action. The field makes cells fire within a few milliseconds and at the sensory electrodes, so
    that only activity that synapses carry from the sensory to the motor region acts.

    **The loop**: gains, stimulation by the present state, `step_ms` of the culture, one step of the game
    (`livn_gym.envs.inner.PongGame`), whose clock is slow enough for the culture to recover from depression. **The
    decoder is not trained.** Kagan's feedback (regular stimulation after a hit, irregular after a miss) is left out: it
    is meant to change a plastic culture, and this one does not learn.

    **Share of the network**: 97 % (92 to 100) of the gain on `livn/EI3-Pong-v0` (`livn-gym validate --tasks`).

    ## Action Space
    `Box(-1, 1, (2 P,), float32)`: two gains for each of P places, from -1 (none) to 1 (the highest
    amplitude).

    | num        | action                                                        | min | max |
    | ---------- | ------------------------------------------------------------- | --- | --- |
    | 0 ... P-1  | direct gain: stimulates the place of the ball                 | -1  | 1   |
    | P ... 2P-1 | crossed gain: stimulates the place mirrored at the middle     | -1  | 1   |

    ## Observation Space
    `Box(low, high, (6,), float32)`. The channels are not shown.

    | num | observation                                             | min | max            | unit |
    | --- | ------------------------------------------------------- | --- | -------------- | ---- |
    | 0   | height of the ball above the paddle, share of the field | -1  | 1              | -    |
    | 1   | x of the ball, from the paddle to the wall              | -1  | 1              | -    |
    | 2   | velocity along x                                        | -1  | 1              | -    |
    | 3   | velocity along y                                        | -1  | 1              | -    |
    | 4   | mean rate at electrodes of the lower motor region       | 0   | the decoding's | Hz   |
    | 5   | mean rate at electrodes of the upper motor region       | 0   | the decoding's | Hz   |

    `info` also holds:

    | key            | meaning                      | unit |
    | -------------- | ---------------------------- | ---- |
    | `inner_action` | latest action of the culture | -    |
    | `inner_return` | balls returned so far        | -    |

    ## Rewards
    1 for every ball that is returned, otherwise 0, so that a return is the length of a rally.

    ## Starting State
    A settled culture, and a ball served from the wall with a direction that is drawn.

    ## Episode End
    A miss terminates. An episode is truncated after 200 steps (100 s of the culture).

    ## Arguments
    In addition to the arguments of every environment (see `CultureEnv`):

    | name        | default                          | meaning                                             | unit |
    | ----------- | -------------------------------- | --------------------------------------------------- | ---- |
    | `game`      | `{"paddle": 0.5,`                | arguments of `PongGame`; the field has height 2,    | -    |
    |             | `"paddle_speed": 0.1,`           | speeds are per step                                 |      |
    |             | `"crossing_steps": 20,`          |                                                     |      |
    |             | `"max_steps": 200}`              |                                                     |      |
    | `step_ms`   | 500                              | length of a control step                            | ms   |
    | `encoding`  | `{"name": "pulse_amplitude",`    | one pulse per step, of up to 10 uA                  | -    |
    |             | `"max_amplitude_uA": 10,`        |                                                     |      |
    |             | `"rate_hz": 2}`                  |                                                     |      |
    | `decoding`  | `"evoked_rates"`                 | rates at 20-100 ms after the pulse                  | -    |

    ## References
    Kagan, Kitchen, Tran, Habibollahi, Khajehnejad, Parker, Bhat, Rollo, Razi & Friston, Neuron 110:3952 (2022).

    ## Version History
    * v0: Initial version.
    """

    @dataclass(frozen=True)
    class Options(Task.Options):
        """Options of ``gym.make``; the task's table of arguments describes them."""

        game: Mapping[str, Any] = field(
            default_factory=lambda: {"paddle": 0.5, "paddle_speed": 0.1, "crossing_steps": 20, "max_steps": 200}
        )

    def __init__(self, setup: TaskSetup) -> None:
        game = setup.options.game
        try:
            pong = PongGame(**game)
        except TypeError as error:
            raise InvalidInput(f"game holds arguments of PongGame, got {game!r}: {error}.") from error
        bounds = pong.observation_space
        super().__init__(setup, InnerEnv(pong, ((bounds.high - bounds.low) / 2).tolist()))

    @property
    def num_groups(self) -> int:
        """Number of places, P."""
        return len(self.sensory)

    def shares(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of the highest amplitude by electrode: of the ball's place and of the mirrored one."""
        direct, crossed = gains
        height, distance = self.inner.state[0], (self.inner.state[1] + 1.0) / 2.0
        last = len(self.sensory) - 1
        place = min(last, int((self._visible_height(height) + 1.0) / 2.0 * len(self.sensory)))
        nearness = MIN_SHARE + (1.0 - MIN_SHARE) * (1.0 - distance)
        share = direct[place] * self.sensory[place] + crossed[place] * self.sensory[last - place]
        return nearness * np.minimum(share, 1.0)

    def sensory_electrodes(self, electrodes_um: NDArray) -> NDArray[np.float64]:
        """Return the places in the two middle columns (in one, if their number is odd), from below, ``[P, C]``."""
        columns, column = lines(electrodes_um[:, 0])
        rows, row = lines(electrodes_um[:, 1])
        if len(columns) < 3 or len(rows) < 2:
            raise InvalidInput(
                f"Pong needs an array of at least 3 columns and 2 rows, {self.setup.system.name} has "
                f"{len(columns)} and {len(rows)}."
            )
        middle = np.abs(column - (len(columns) - 1) / 2) < 1
        places = np.arange(2 * max(1, len(rows) // 4))  # an even number, of two rows each on EI3
        return ((row * len(places) // len(rows) == places[:, None]) & middle).astype(np.float64)

    def motor_regions(self, electrodes_um: NDArray) -> NDArray[np.int64]:
        """Return 1 (up) above and 0 (down) below the middle, -1 for sensory columns and a middle row, ``[C]``."""
        rows, row = lines(electrodes_um[:, 1])
        height = row - (len(rows) - 1) / 2
        sensory_um = np.unique(electrodes_um[self.sensory.any(axis=0), 0])
        sensory = np.isin(electrodes_um[:, 0], sensory_um)
        return np.where(sensory | (height == 0), -1, (height > 0).astype(np.int64))

    @staticmethod
    def _visible_height(height: float) -> float:
        """Return the height that is shown, -1 to 1; more than half the field counts as half the field."""
        return float(np.clip(2.0 * height, -1.0, 1.0 - 1e-9))
