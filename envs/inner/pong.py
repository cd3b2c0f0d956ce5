"""Pong for one player: one paddle, one ball and a wall."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput
from livn_gym.units import finite, whole_number


@checked
class PongGame(gym.Env):
    """Pong for one player, with a paddle on the line x = 0, a wall at x = 1 and side walls at y = -1 and y = 1.

    Actions: 0 moves the paddle down, 1 up. Observation, ``[4]``: y of the ball minus that of the paddle, x of the ball,
    and its velocity per step. A ball that reaches the line within half a paddle of the paddle's middle is returned:
    reward 1. Any other ball ends the rally: reward 0 and terminated. Every rally starts at the wall in a random
    direction, with the paddle in the middle; a returned ball keeps its speed along x and draws a new one along y.

    Args:
        paddle: Height of the paddle; the field has a height of 2.
        paddle_speed: Distance that the paddle moves in a step.
        crossing_steps: Number of steps of the ball from the wall to the line.
        max_steps: Number of steps after which a rally is truncated.

    Raises:
        InvalidInput: A number is out of range.
    """

    metadata: dict[str, Any] = {"render_modes": []}
    observation_space: spaces.Box

    def __init__(
        self,
        paddle: float = 0.5,
        paddle_speed: float = 0.1,
        crossing_steps: int = 20,
        max_steps: int = 400,
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None:
            raise InvalidInput("PongGame has no render mode.")
        self.render_mode = None
        self.half = finite("paddle", paddle, above=0.0) / 2
        self.paddle_speed = finite("paddle_speed", paddle_speed, above=0.0)
        self.speed_x = 1.0 / whole_number("crossing_steps", crossing_steps)
        self.max_steps = whole_number("max_steps", max_steps)
        self.speed_y = 2.0 * self.speed_x
        bound = np.array([2.0, 1.0, self.speed_x, self.speed_y], dtype=np.float32)
        self.observation_space = spaces.Box(np.array([-2, 0, *-bound[2:]], np.float32), bound, dtype=np.float32)
        self.action_space = spaces.Discrete(2)
        self.paddle_y = 0.0
        self.ball = np.zeros(2)
        self.velocity = np.zeros(2)
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin a rally with a serve from the wall."""
        super().reset(seed=seed)
        self.paddle_y, self._steps = 0.0, 0
        self.ball = np.array([1.0, self.np_random.uniform(-0.8, 0.8)])
        self.velocity = np.array([-self.speed_x, self._random_speed_y()])
        return self._observation(), {}

    def step(self, action: int) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Move the paddle and the ball by one step."""
        self._steps += 1
        limit = 1.0 - self.half
        self.paddle_y = float(np.clip(self.paddle_y + (1 if action else -1) * self.paddle_speed, -limit, limit))
        self.ball = self.ball + self.velocity
        if abs(self.ball[1]) > 1.0:
            self.ball[1] = np.sign(self.ball[1]) * 2.0 - self.ball[1]
            self.velocity[1] *= -1
        reward, missed = 0.0, False
        if self.ball[0] >= 1.0 - 1e-9:
            self.ball[0], self.velocity[0] = 1.0, -self.speed_x
        elif self.ball[0] <= 1e-9:
            missed = abs(self.ball[1] - self.paddle_y) > self.half
            reward = 0.0 if missed else 1.0
            self.ball[0], self.velocity = 0.0, np.array([self.speed_x, self._random_speed_y()])
        return self._observation(), reward, missed, self._steps >= self.max_steps, {}

    def _random_speed_y(self) -> float:
        return float(self.np_random.uniform(-self.speed_y, self.speed_y))

    def _observation(self) -> NDArray[np.float32]:
        return np.array([self.ball[1] - self.paddle_y, *self.ball[:1], *self.velocity], dtype=np.float32)
