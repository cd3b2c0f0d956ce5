"""Response clamp: the share of cells that respond to an electrode's pulses follows a target."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.errors import InvalidInput
from livn_gym.units import finite, finite_range, whole_number


class ResponseClamp(Task):
    """Response clamp: the amplitude of an electrode's pulses holds the share of cells that respond at a target.

    ## Description
    An electrode gives a pulse at the beginning of every step. The response is the share of the `cells` next to the
    electrode that fire within `window_ms` of the pulse. It rises with the amplitude, from chance to nearly all, over a
    range that differs from one electrode to another. The electrode of an episode is drawn and not shown, so that the
    agent must find the dose from responses, and again after every change of the target.

    The response is the mean of several cells, since that of one cell is all or none: its frequency would be held best
    by alternating pulses that are much too weak and much too strong. `cells=1` is the experiment of Wallach et al.

    ## Action Space
    `Box(-1, 1, (1,), float32)`.

    | num | action                 | min | max | at -1 | at 1 | unit |
    | --- | ---------------------- | --- | --- | ----- | ---- | ---- |
    | 0   | amplitude of the pulse | -1  | 1   | 0     | 15   | uA   |

    ## Observation Space
    `Box(low, 1, (4,), float32)`. The decoded recording is not observed.

    | num | observation                      | min | max | unit |
    | --- | -------------------------------- | --- | --- | ---- |
    | 0   | target of the next pulse         | 0   | 1   | -    |
    | 1   | response to the last pulse       | 0   | 1   | -    |
    | 2   | mean response of the last second | 0   | 1   | -    |
    | 3   | last action                      | -1  | 1   | -    |

    `info` also holds:

    | key               | meaning                                                           | unit |
    | ----------------- | ----------------------------------------------------------------- | ---- |
    | `target_response` | target of the next pulse                                          | -    |
    | `response`        | response to the last pulse                                        | -    |
    | `response_1s`     | mean response of the last second                                  | -    |
    | `error`           | difference of the mean response from the mean target, last second | -    |
    | `error_step`      | difference of the last response from its target                   | -    |
    | `electrode`       | channel that gives the pulses                                     | -    |

    ## Rewards
    `-(error + error_step) / 2`, at most 0.

    ## Starting State
    A settled culture. The electrode and the first target are drawn.

    ## Episode End
    The task never terminates. An episode is truncated after 150 steps (30 s).

    ## Arguments
    In addition to the arguments of every environment (see `CultureEnv`):

    | name        | default                                     | meaning                                      | unit |
    | ----------- | ------------------------------------------- | -------------------------------------------- | ---- |
    | `electrode` | `"any"`                                     | channel that gives the pulses; `"any"` draws | -    |
    |             |                                             | one at every reset                           |      |
    | `cells`     | 5                                           | cells next to the electrode that count       | -    |
    | `window_ms` | 15                                          | time after the pulse in which a spike is a   | ms   |
    |             |                                             | response, direct or over one synapse         |      |
    | `target`    | `[0.15, 0.5]`                               | share of the cells, or the range from which  | -    |
    |             |                                             | targets are drawn uniformly                  |      |
    | `period_ms` | 10000                                       | time between targets                         | ms   |
    | `encoding`  | `{"name": "pulse_amplitude", "rate_hz": 5}` | one pulse per step                           | -    |

    ## References
    Wallach, Eytan, Gal, Zrenner & Marom, Neuronal response clamp, Front Neuroeng 4:3 (2011): a neuron's response
    probability held by the amplitude of the stimulus. Keren & Marom, Controlling neural network responsiveness: tools
    and constraints, Front Neuroeng 7:11 (2014): the same for a network.

    ## Version History
    * v0: Initial version.
    """

    sees_culture: ClassVar[bool] = False

    @dataclass(frozen=True)
    class Options(Task.Options):
        """Options of ``gym.make``; the task's table of arguments describes them.

        Raises:
            InvalidInput: A number is out of range.
        """

        electrode: int | str = "any"
        cells: int = 5
        window_ms: float = 15.0
        target: float | Sequence[float] = (0.15, 0.5)
        period_ms: float = 10_000.0

        def __post_init__(self) -> None:
            """Check the ranges."""
            if self.electrode != "any":
                whole_number("electrode", self.electrode, minimum=0)
            whole_number("cells", self.cells)
            finite("window_ms", self.window_ms, above=0.0)
            finite_range("target", self.target, minimum=0.0, maximum=1.0)
            finite("period_ms", self.period_ms, above=0.0)

    def __init__(self, setup: TaskSetup) -> None:
        super().__init__(setup)
        setup.check_channels("ResponseClamp", features=False)
        electrodes_um, positions_um = setup.electrodes_um("ResponseClamp"), setup.system.positions
        channels, electrode, count = len(electrodes_um), self.options.electrode, self.options.cells
        if electrode != "any" and electrode >= channels:
            raise InvalidInput(f"electrode must be below {channels}, got {electrode}.")
        self.electrodes = range(channels) if electrode == "any" else range(electrode, electrode + 1)
        if count > len(positions_um):
            raise InvalidInput(f"cells must be at most {len(positions_um)}, got {count}.")
        self.range = finite_range("target", self.options.target, maximum=1.0)
        offsets_um = electrodes_um[:, None] - positions_um[None]
        self.near: NDArray[np.int64] = np.argsort((offsets_um**2).sum(axis=2), axis=1, kind="stable")[:, :count]
        """Gids of the cells nearest to each electrode, ``[C, cells]``."""
        self.reset(np.random.default_rng(0))

    @property
    def action_space(self) -> spaces.Box:
        """Space of the amplitude, -1 (no pulse) to 1 (the strongest)."""
        return spaces.Box(-1.0, 1.0, (1,), np.float32)

    @property
    def observation_space(self) -> spaces.Box:
        """Space of three shares of the cells, 0 to 1, and of an action, -1 to 1."""
        return spaces.Box(np.array([0.0, 0.0, 0.0, -1.0], np.float32), np.ones(4, np.float32))

    def reset(self, rng: np.random.Generator) -> None:
        """Draw the electrode, the first target, and the seed of all later ones."""
        self._rng = np.random.default_rng(rng.integers(2**63))
        self.electrode = int(self._rng.choice(self.electrodes))
        self.target = float(self._rng.uniform(*self.range))
        self._next_ms = self.options.period_ms
        self._action = -1.0
        self._past: deque[tuple[float, float]] = deque(maxlen=self.setup.steps_per_second)
        self._response = self._response_1s = self._error = self._error_1s = 0.0

    def to_command(self, action: NDArray) -> NDArray:
        """Return the command for a pulse of the episode's electrode, ``[C]``."""
        low, high = self.setup.commands.low, self.setup.commands.high
        command = low.copy()
        command[self.electrode] += (float(action[0]) + 1.0) / 2.0 * (high - low)[self.electrode]
        return command

    def after_step(self, measurement: Measurement) -> None:
        """Count the cells that responded; at the end of a period, draw a new target."""
        assert measurement.recording is not None and measurement.action is not None, "only a step has a response"
        self._action = float(measurement.action[0])
        _, gid, t = measurement.recording.spikes
        near = self.near[self.electrode]
        responded = np.zeros(self.setup.system.num_neurons, dtype=np.bool_)
        responded[gid[t < self.options.window_ms]] = True
        self._response = int(np.count_nonzero(responded[near])) / len(near)
        self._past.append((self._response, self.target))
        past = np.array(list(self._past))
        self._response_1s, target_1s = (np.add.reduce(past, axis=0) / len(past)).tolist()  # as np.mean, but faster
        self._error, self._error_1s = abs(self._response - self.target), abs(self._response_1s - target_1s)
        if measurement.time_ms >= self._next_ms - 1e-6:
            self.target = float(self._rng.uniform(*self.range))
            self._next_ms += self.options.period_ms

    @property
    def reward(self) -> float:
        """Negative mean of the errors of the last second and of the step."""
        return -(self._error_1s + self._error) / 2.0

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Return target, last response, mean response of the last second (of the episode) and last action, ``[4]``."""
        return np.array([self.target, self._response, self._response_1s, self._action])

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Return the next target, the responses of the last step and second, their errors, and the electrode."""
        return {
            "target_response": self.target,
            "response": self._response,
            "response_1s": self._response_1s,
            "error": self._error_1s,
            "error_step": self._error,
            "electrode": float(self.electrode),
        }
