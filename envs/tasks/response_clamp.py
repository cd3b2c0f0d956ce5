"""Hold the response of the cells at an electrode to its pulses at a level."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import checked_options
from livn_gym.env import Env
from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.errors import InvalidInput
from livn_gym.units import finite, finite_range, whole_number


@checked_options
class ResponseClamp(Task):
    """An electrode gives a pulse at the beginning of every step, whose amplitude shall make a share of cells answer.

    The share that answers rises with the amplitude, from chance to nearly all, over a range that differs from one
    electrode to another. The electrode of an episode is drawn and not told, so that the agent must find the dose from
    responses, and again after every change of the target.

    **What acts**: one number, the pulse's amplitude. **What is seen**: the target of the pulse that comes, the response
    to the last one, the mean response of the last second, and the last action. The rest of the culture is not seen.

    **Response**: of the ``cells`` that lie next to the electrode, the share that fires within ``window_ms`` of the
    pulse. Several cells are taken since the response of one is yes or no: its frequency would be held best by pulses
    that are either far too weak or far too strong, which clamps nothing. ``cells=1`` is the experiment of Wallach et
    al. all the same.

    **Reward**: ``-(error_1s + error) / 2``: the difference of the mean response of the last second from its mean
    target, and that of the last response from its own. It never terminates.

    Args:
        env: The cultures.
        electrode: Channel that gives the pulses; ``"any"`` draws one at every reset.
        cells: How many are watched.
        window_ms: Time after the pulse in which a spike is a response.
        target: Share of the cells, or the (low, high) range that targets are drawn from.
        period_ms: Time between targets.

    Raises:
        InvalidInput: There is no such electrode, or a number is out of range.

    References:
        Wallach, Eytan, Gal, Zrenner & Marom, Neuronal response clamp, Front Neuroeng 4:3 (2011): a neuron's response
        probability held by the amplitude of the stimulus. Keren & Marom, Controlling neural network responsiveness:
        tools and constraints, Front Neuroeng 7:11 (2014): the same for a network.
    """

    sees_culture: ClassVar[bool] = False

    def __init__(
        self,
        env: Env,
        *,
        electrode: int | str,
        cells: int,
        window_ms: float,
        target: float | Sequence[float],
        period_ms: float,
    ) -> None:
        super().__init__(env)
        channels = self.system.num_channels
        if electrode == "any":
            self.electrodes = range(channels)
        else:
            chosen = whole_number("electrode", electrode, minimum=0)
            if chosen >= channels:
                raise InvalidInput(f"electrode must be below {channels}, got {chosen}.")
            self.electrodes = range(chosen, chosen + 1)
        count = whole_number("cells", cells)
        if count > self.system.num_neurons:
            raise InvalidInput(f"cells must be at most {self.system.num_neurons}, got {count}.")
        self.window_ms = finite("window_ms", window_ms, above=0.0)
        self.range = finite_range("target", target, minimum=0.0, maximum=1.0)
        self.period_ms = finite("period_ms", period_ms, above=0.0)
        away = self.system.electrodes[:, None] - self.system.positions[None]
        self.near: NDArray[np.int64] = np.argsort((away**2).sum(axis=2), axis=1, kind="stable")[:, :count]
        """Gids of the cells that are watched at every electrode, ``[C, cells]``."""
        self.reset(np.random.default_rng(0))

    def action_space(self, commands: spaces.Box) -> spaces.Box:
        """One number, -1 ... 1: no pulse to the strongest."""
        self._commands = commands
        return spaces.Box(-1.0, 1.0, (1,), np.float32)

    def command(self, action: NDArray) -> NDArray:
        """A pulse of the episode's electrode."""
        self._action = float(action[0])
        low, high = self._commands.low, self._commands.high
        command = low.copy()
        command[self.electrode] += (self._action + 1.0) / 2.0 * (high - low)[self.electrode]
        return command

    def reset(self, np_random: np.random.Generator) -> None:
        """Draw the electrode and the first target; later ones follow from a seed drawn here."""
        self._rng = np.random.default_rng(np_random.integers(2**63))
        self.electrode = int(self._rng.choice(self.electrodes))
        self.target = float(self._rng.uniform(*self.range))
        self._next_ms = self.period_ms
        self._action = -1.0
        self._past: deque[tuple[float, float]] = deque()
        self._response = self._response_1s = self._error = self._error_1s = 0.0

    def observation_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Three shares of the cells, and an action."""
        return np.array([0.0, 0.0, 0.0, -1.0]), np.ones(4)

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Target, last response, mean response of the last second (pulses of the episode), last action ``[4]``."""
        return np.array([self.target, self._response, self._response_1s, self._action])

    def score(self, measurement: Measurement) -> tuple[float, bool]:
        """Errors of the last second and of the step; never terminated."""
        assert measurement.recording is not None, "only a step that was run is scored"
        if not self._past:
            self._past = deque(maxlen=round(1000.0 / measurement.time_ms))
        _, gid, t = measurement.recording.spikes
        near = self.near[self.electrode]
        self._response = len(np.intersect1d(gid[t < self.window_ms], near)) / len(near)
        self._past.append((self._response, self.target))
        self._response_1s, target_1s = (float(mean) for mean in np.mean(self._past, axis=0))
        self._error, self._error_1s = abs(self._response - self.target), abs(self._response_1s - target_1s)
        if measurement.time_ms >= self._next_ms - 1e-6:
            self.target = float(self._rng.uniform(*self.range))
            self._next_ms += self.period_ms
        return -(self._error_1s + self._error) / 2.0, False

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Target of the pulse that comes, last response and mean of the last second, their errors; the electrode."""
        return {
            "target_response": self.target,
            "response": self._response,
            "response_1s": self._response_1s,
            "error": self._error_1s,
            "error_step": self._error,
            "electrode": float(self.electrode),
        }
