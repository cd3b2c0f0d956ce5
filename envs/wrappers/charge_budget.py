"""An episode may spend so much charge and no more."""

from __future__ import annotations

from typing import Any, Literal, get_args

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.wrappers.base import boxes, inside
from livn_gym.errors import unknown_name
from livn_gym.units import finite

WhenSpent = Literal["end", "silence"]


class ChargeBudget(gym.Wrapper, gym.utils.RecordConstructorArgs):
    """Ends the episode, or silences the electrodes, once a budget of charge is spent.

    The share that is left, 0 ... 1, is appended to the observation, and the charge that is left stands in ``info`` as
    ``charge_left_nC``. The step that spends the last of it may spend more. Where rewards are negative an early end is
    a gain: take ``"silence"`` there.

    Args:
        env: The environment.
        budget_nC: Absolute charge of an episode, all channels and both phases, nC.
        when_spent: ``"end"`` terminates; ``"silence"`` replaces actions by the lower end of the action space, which
            is no pulse in most tasks.

    Raises:
        InvalidInput: The budget is not positive, or the spaces are no one-dimensional boxes.
        UnknownName: Something else shall happen.
    """

    def __init__(self, env: gym.Env, budget_nC: float, when_spent: WhenSpent = "end") -> None:
        gym.utils.RecordConstructorArgs.__init__(self, budget_nC=budget_nC, when_spent=when_spent)
        gym.Wrapper.__init__(self, env)
        if when_spent not in get_args(WhenSpent):
            raise unknown_name("when_spent", when_spent, get_args(WhenSpent))
        inside(env)
        acts, seen = boxes(env)
        self.budget_nC = finite("budget_nC", budget_nC, above=0.0)
        self.when_spent = when_spent
        self._silence = acts.low.copy()
        self.observation_space = spaces.Box(
            np.append(seen.low, 0.0).astype(np.float32), np.append(seen.high, 1.0).astype(np.float32), dtype=np.float32
        )
        self._left_nC = self.budget_nC

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[NDArray, dict]:
        """Begin an episode with the whole budget."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._left_nC = self.budget_nC
        return self._seen(observation), info | {"charge_left_nC": self._left_nC}

    def step(self, action: Any) -> tuple[NDArray, Any, bool, bool, dict]:
        """Step, and count."""
        chosen = action if self._left_nC > 0.0 else self._silence
        observation, reward, terminated, truncated, info = self.env.step(chosen)
        self._left_nC = max(0.0, self._left_nC - info["charge_nC"])
        ended = self.when_spent == "end" and self._left_nC <= 0.0
        info = info | {"charge_left_nC": self._left_nC}
        return self._seen(observation), reward, bool(terminated or ended), truncated, info

    def _seen(self, observation: NDArray) -> NDArray[np.float32]:
        return np.append(observation, self._left_nC / self.budget_nC).astype(np.float32)
