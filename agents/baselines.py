"""Baseline agents that do not learn: no stimulation, random, constant, and feedback controllers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, Self

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from livn_gym.agents.episodes import make_envs, run_episodes, with_graphs
from livn_gym.errors import InvalidInput
from livn_gym.units import finite, whole_number


class Agent(Protocol):
    """Interface of all agents: call ``reset`` once per episode, then ``act`` once per step."""

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Prepare for an episode.

        Args:
            env: The environment, or the vector environment that contains it.
            info: The info that the environment's reset returned.
        """

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action, ``[A]``, for an observation and the info returned with it."""


class Constant:
    """Agent whose action has the same value in every entry at every step, such as one amplitude on all channels.

    Args:
        strength: From 0, the lower bound of the action space (no pulses), to 1, its upper bound (largest amplitude).

    Raises:
        InvalidInput: The strength is outside the range from 0 to 1.
    """

    def __init__(self, strength: float) -> None:
        self.strength = finite("strength", strength, minimum=0.0)
        if self.strength > 1.0:
            raise InvalidInput(f"strength must be from 0 to 1, got {strength:g}.")

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Read the action space."""
        self._space = _box(env)

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action, ``[A]``."""
        return _uniform_action(self._space, self.strength)


class Silent(Constant):
    """Agent that never stimulates, as a reference for spontaneous activity."""

    def __init__(self) -> None:
        super().__init__(0.0)


class BestConstant(Constant):
    """Constant agent with the strength of the highest mean return, which ``search`` determines.

    Args:
        strength: Strength of the stimulation, as for ``Constant``.
        mean_returns: Mean return of every strength that the search evaluated.
    """

    def __init__(self, strength: float, mean_returns: Mapping[float, float] | None = None) -> None:
        super().__init__(strength)
        self.mean_returns = dict(mean_returns or {})

    @classmethod
    def search(
        cls,
        env_id: str,
        *,
        strengths: int = 9,
        episodes: int = 8,
        refine: bool = True,
        seed: int = 500_000,
        **options: Any,
    ) -> Self:
        """Search for the best strength on an even grid, then on a finer grid around the best of the first one.

        All strengths are evaluated on the same episodes (the same seeds, and so the same noise and targets).

        Args:
            env_id: Id of the environment.
            strengths: Number of grid points from 0 to 1, both included; at least 2.
            episodes: Number of episodes per strength.
            refine: Evaluate a second grid, with as many points, between the neighbours of the best strength.
            seed: Seed of the first episode; the next ones count up. The default range is not used for scoring.
            **options: Options of the environment, passed to ``gym.make_vec``.

        Raises:
            InvalidInput: A number is out of range, or the action space is not a bounded Box.
        """
        count = whole_number("strengths", strengths, minimum=2)
        grid = np.linspace(0.0, 1.0, count)
        seeds = [seed + k for k in range(whole_number("episodes", episodes))]
        envs = make_envs(env_id, count * len(seeds), **with_graphs(options, len(seeds), count))
        mean_returns: dict[float, float] = {}
        try:
            for _ in range(2 if refine else 1):
                agents = [Constant(float(strength)) for strength in grid for _ in seeds]
                returns = [episode.total_reward for episode in run_episodes(envs, agents, seeds * count)]
                means = np.reshape(returns, (count, len(seeds))).mean(axis=1)
                mean_returns |= {float(strength): float(mean) for strength, mean in zip(grid, means, strict=True)}
                best = max(mean_returns, key=lambda strength: mean_returns[strength])
                lower = max((s for s in mean_returns if s < best), default=best)
                upper = min((s for s in mean_returns if s > best), default=best)
                grid = np.linspace(lower, upper, count + 2)[1:-1]
        finally:
            envs.close()
        return cls(best, mean_returns)


class Random:
    """Agent that draws every action uniformly from the action space.

    Args:
        seed: Seed of the agent's random generator, which ``reset`` does not restart. The generator of the environment
            is not used.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._generator = np.random.default_rng(seed)

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Read the action space."""
        self._space = _box(env)

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action, ``[A]``."""
        space = self._space
        return self._generator.uniform(space.low, space.high).astype(np.float32)


class ControlledVariable(NamedTuple):
    """A variable in info that a controller can hold at a target, with default settings of the controllers.

    Attributes:
        measured: Name in info of the measured value.
        target: Name in info of its target.
        strength: Default strength of ``OnOff``.
        gain: Default gain K of ``ProportionalIntegral``.
        integral_s: Default integral time Ti of ``ProportionalIntegral``, seconds.
        bias: Default strength with which ``ProportionalIntegral`` begins.
    """

    measured: str
    target: str
    strength: float
    gain: float
    integral_s: float
    bias: float


CONTROLLED_VARIABLES = (
    # Pulses of less than half of the highest amplitude have little effect, so that controllers begin above it. The rate
    # of a step is noisy: a small gain hardly responds to it, and a short integral time still follows targets within a
    # second.
    ControlledVariable("rate_hz", "target_hz", strength=0.7, gain=0.01, integral_s=0.1, bias=0.6),
    # A response is 0 or 1, and its probability rises over the upper half of the range.
    ControlledVariable("response", "target_response", strength=1.0, gain=0.05, integral_s=0.1, bias=0.5),
)
"""Variables that the controllers know. Settings suit the steps of their tasks, 200 and 500 ms."""


class OnOff:
    """On-off controller: stimulate all channels equally while the measured variable is below its target.

    Args:
        strength: Fraction of the largest amplitude when on. None selects the default of the controlled variable, see
            ``CONTROLLED_VARIABLES``.

    Raises:
        InvalidInput: The strength is outside the range from 0 to 1.
        NoTarget: Raised by ``reset`` if the task has no target that a controller could follow.

    Reference:
        Newman et al., eLife 4:e07192 (2015): on-off control of a culture's firing rate.
    """

    def __init__(self, strength: float | None = None) -> None:
        self.strength = None if strength is None else Constant(strength).strength

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Read the action space and the controlled variable."""
        self._variable = _controlled_variable(self, info)
        self._space = _box(env)

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action, ``[A]``."""
        variable = self._variable
        strength = variable.strength if self.strength is None else self.strength
        return _uniform_action(self._space, strength if info[variable.measured] < info[variable.target] else 0.0)


class ProportionalIntegral:
    """Proportional-integral (PI) controller with the same amplitude on all channels.

    ``strength = bias + K (e + 1/Ti * integral of e)``, where the error ``e`` is the target minus the measured value of
    the last step, both from ``info``: ``rate_hz`` and ``target_hz``, or ``response`` and ``target_response``. Bias and
    integral together are limited to the actuator's range (anti-windup).

    Args:
        gain: K, fraction of the largest amplitude per unit of error (1 Hz, or 1). None selects the default of the
            controlled variable, see ``CONTROLLED_VARIABLES``.
        integral_s: Ti, seconds. None selects the default likewise.
        bias: Strength without error, 0 to 1. None selects the default likewise.

    Raises:
        InvalidInput: A number is out of range.
        NoTarget: Raised by ``reset`` if the task has no target that a controller could follow.

    Reference:
        Newman et al., eLife 4:e07192 (2015): proportional-integral clamp of a culture's firing rate.
    """

    def __init__(self, gain: float | None = None, integral_s: float | None = None, bias: float | None = None) -> None:
        self.gain = None if gain is None else finite("gain", gain, above=0.0)
        self.integral_s = None if integral_s is None else finite("integral_s", integral_s, above=0.0)
        self.bias = None if bias is None else Constant(bias).strength

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Read the action space, the step length and the controlled variable, and begin with the bias."""
        self._variable = _controlled_variable(self, info)
        self._space = _box(env)
        culture_env: Any = env.unwrapped
        self._step_s = culture_env.step_ms / 1000.0
        self._integral = self._variable.bias if self.bias is None else self.bias

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action, ``[A]``."""
        variable = self._variable
        gain = variable.gain if self.gain is None else self.gain
        integral_s = variable.integral_s if self.integral_s is None else self.integral_s
        error = info[variable.target] - info[variable.measured]
        self._integral = _clip_to_unit(self._integral + gain * error * self._step_s / integral_s)
        return _uniform_action(self._space, _clip_to_unit(gain * error + self._integral))


NAMES = ("silent", "random", "best-constant", "on-off", "proportional-integral")
"""Names of the baselines on the command line and in tables."""


class NoTarget(InvalidInput):
    """The task has no target that a controller could follow."""


def _controlled_variable(agent: object, info: Mapping[str, float]) -> ControlledVariable:
    for variable in CONTROLLED_VARIABLES:
        if {variable.measured, variable.target} <= info.keys():
            return variable
    targets = " or ".join(variable.target for variable in CONTROLLED_VARIABLES)
    raise NoTarget(f"{type(agent).__name__} follows {targets}; this task's info has {', '.join(info)}.")


def _box(env: gym.Env | VectorEnv) -> spaces.Box:
    space: Any = env.single_action_space if isinstance(env, VectorEnv) else env.action_space
    if not isinstance(space, spaces.Box) or not space.is_bounded():
        raise InvalidInput(f"The baselines need a bounded Box of actions, got {space}.")
    return space


def _clip_to_unit(value: float) -> float:
    return min(1.0, max(0.0, value))


def _uniform_action(space: spaces.Box, strength: float) -> NDArray[np.float32]:
    return (space.low + float(strength) * (space.high - space.low)).astype(np.float32)
