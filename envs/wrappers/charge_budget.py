"""Charge budget: a limit of the charge that an episode may deliver."""

from __future__ import annotations

from typing import Any, Literal, get_args

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.wrappers.base import action_channels, flat_observation, float_type, inside, observation_layout
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.units import finite

WhenSpent = Literal["end", "silence"]


class ChargeBudget(gym.Wrapper, gym.utils.RecordConstructorArgs):
    """Ends the episode, or silences the electrodes, once a budget of charge is spent.

    The remaining share of the budget, 0 ... 1, is appended to the observation, and the remaining charge is in ``info``
    as ``charge_left_nC``. The step that spends the last charge may exceed the budget. All charge that the culture got
    in the episode counts, also that of steps that a wrapper in between skips or repeats. If rewards are negative an
    early end raises the return: use ``"silence"`` in that case.

    Args:
        env: The environment.
        budget_nC: Absolute charge of an episode, all channels and both phases, nC.
        when_spent: ``"end"`` terminates; ``"silence"`` replaces actions by the lower end of the action space, which
            is no pulse in most tasks.

    Raises:
        InvalidInput: The budget is not positive, the observation is no one-dimensional box, or ``"silence"`` is used
            and a wrapper in between has changed the actions in an unknown way.
        UnknownName: ``when_spent`` has another value.
    """

    def __init__(self, env: gym.Env, budget_nC: float, when_spent: WhenSpent = "end") -> None:
        self._inside = inside(env)
        self.budget_nC = finite("budget_nC", budget_nC, above=0.0)
        if when_spent not in get_args(WhenSpent):
            raise unknown_name("when_spent", when_spent, get_args(WhenSpent))
        self.when_spent = when_spent
        gym.utils.RecordConstructorArgs.__init__(self, budget_nC=self.budget_nC, when_spent=when_spent)
        gym.Wrapper.__init__(self, env)
        space, layout = flat_observation(env, "ChargeBudget"), observation_layout(env)
        self.observation_layout = None if layout is None else layout.with_task_entry()
        self.action_channels = action_channels(env)
        if when_spent == "silence":
            if self.action_channels is None or not isinstance(env.action_space, spaces.Box):
                raise InvalidInput(f"ChargeBudget cannot tell which action of {env.action_space} is no pulse.")
            self._silence = env.action_space.low.copy()
        self._dtype = float_type(space)
        low, high = np.append(space.low, 0.0).astype(self._dtype), np.append(space.high, 1.0).astype(self._dtype)
        self.observation_space = spaces.Box(low, high, dtype=self._dtype)

    @property
    def left_nC(self) -> float:
        """Remaining charge of this episode, nC."""
        return max(0.0, self.budget_nC - self._inside.episode_charge_nC)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[NDArray, dict]:
        """Begin an episode with the full budget."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._with_share(observation), info | {"charge_left_nC": self.left_nC}

    def step(self, action: Any) -> tuple[NDArray, Any, bool, bool, dict]:
        """Run one step; once the budget is spent, end the episode or replace the action by silence."""
        silenced = self.when_spent == "silence" and self.left_nC <= 0.0
        observation, reward, terminated, truncated, info = self.env.step(self._silence if silenced else action)
        ended = self.when_spent == "end" and self.left_nC <= 0.0
        info = info | {"charge_left_nC": self.left_nC}
        return self._with_share(observation), reward, bool(terminated or ended), truncated, info

    def _with_share(self, observation: NDArray) -> NDArray:
        return np.append(observation, self.left_nC / self.budget_nC).astype(self._dtype)
