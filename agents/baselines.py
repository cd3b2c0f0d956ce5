"""Agents without learning: what a result must beat. Nothing, chance, the best constant, controllers."""

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
    """Anything that acts on one environment: ``reset`` once an episode, then ``act`` once a step."""

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Begin an episode in an environment, or in one of a vector of them, with the info that its reset gave."""

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """The action ``[C]`` for an observation and the info that came with it."""


class Constant:
    """The same amplitude on every channel at every step.

    Args:
        strength: 0 is the action space's lower end (no pulses), 1 its upper end (the strongest).

    Raises:
        InvalidInput: The strength lies outside 0 ... 1.
    """

    def __init__(self, strength: float) -> None:
        self.strength = finite("strength", strength, minimum=0.0)
        if self.strength > 1.0:
            raise InvalidInput(f"strength must lie in 0 ... 1, got {strength:g}.")

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Take the action space."""
        self._space = _box(env)

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """The action ``[C]``."""
        return _uniform_action(self._space, self.strength)


class Silent(Constant):
    """Never stimulates: what the culture does by itself."""

    def __init__(self) -> None:
        super().__init__(0.0)


class BestConstant(Constant):
    """The constant of the highest return; ``search`` finds it.

    Args:
        strength: As of ``Constant``.
        tried: Mean return of every strength that was tried.
    """

    def __init__(self, strength: float, tried: Mapping[float, float] | None = None) -> None:
        super().__init__(strength)
        self.tried = dict(tried or {})

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
        """Try strengths over the whole range, then between the best one and its neighbours.

        All of them get the same episodes (seeds, so cultures' noise and targets), as cultures of one batch.

        Args:
            env_id: Id of the environment.
            strengths: How many are tried at first, 0 and 1 among them; from 2 on.
            episodes: Episodes of each.
            refine: Try as many again between the best one's neighbours.
            seed: Of the first episode, the others count up; others than those a result is scored on.
            **options: As of ``gym.make_vec``.

        Raises:
            InvalidInput: A number is out of range, or actions are no bounded Box.
        """
        count = whole_number("strengths", strengths, minimum=2)
        grid = np.linspace(0.0, 1.0, count)
        seeds = [seed + k for k in range(whole_number("episodes", episodes))]
        envs = make_envs(env_id, count * len(seeds), **with_graphs(options, len(seeds), count))
        tried: dict[float, float] = {}
        try:
            for _ in range(2 if refine else 1):
                agents = [Constant(float(strength)) for strength in grid for _ in seeds]
                returns = [episode.total_reward for episode in run_episodes(envs, agents, seeds * count)]
                means = np.reshape(returns, (count, len(seeds))).mean(axis=1)
                tried |= {float(strength): float(mean) for strength, mean in zip(grid, means, strict=True)}
                best = max(tried, key=lambda strength: tried[strength])
                lower = max((s for s in tried if s < best), default=best)
                upper = min((s for s in tried if s > best), default=best)
                grid = np.linspace(lower, upper, count + 2)[1:-1]
        finally:
            envs.close()
        return cls(best, tried)


class Random:
    """Draws every action uniformly from the action space.

    Args:
        seed: Of its own generator, which goes on from episode to episode; the environment's is left alone.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._generator = np.random.default_rng(seed)

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Take the action space."""
        self._space = _box(env)

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """The action ``[C]``."""
        space = self._space
        return self._generator.uniform(space.low, space.high).astype(np.float32)


class Followed(NamedTuple):
    """What a controller can hold at a target: two names in info, and settings of the controllers that suit them."""

    measured: str
    target: str
    strength: float
    gain: float
    integral_s: float


FOLLOWED = (
    # Where it is steepest a culture answers with some 60 Hz for the whole range of strengths: K 0.02 already makes EI2
    # jump between two rates from step to step.
    Followed("rate_hz", "target_hz", strength=0.3, gain=0.006, integral_s=0.3),
    # The share of five cells that answer rises from 0 to 1 over half of the range.
    Followed("response", "target_response", strength=0.6, gain=0.2, integral_s=0.2),
)
"""Steps of 200 ms, in which a culture answers at once."""


class OnOff:
    """Stimulates every channel alike while the last step's measure lies below its target, and not at all above.

    Args:
        strength: Share of the highest amplitude when on; None takes what suits the measure, see ``FOLLOWED``.

    Raises:
        InvalidInput: The strength lies outside 0 ... 1.
        NoTarget: At reset: the task has no target that a controller could follow.

    Reference:
        Newman et al., eLife 4:e07192 (2015): on-off control of a culture's firing rate.
    """

    def __init__(self, strength: float | None = None) -> None:
        self.strength = None if strength is None else Constant(strength).strength

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Take the action space, and what there is to follow."""
        self._followed = _followed(self, info)
        self._space = _box(env)

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """The action ``[C]``."""
        followed = self._followed
        on = followed.strength if self.strength is None else self.strength
        return _uniform_action(self._space, on if info[followed.measured] < info[followed.target] else 0.0)


class ProportionalIntegral:
    """A proportional-integral controller of what the task measures: one amplitude for all channels.

    ``strength = K (e + 1/Ti * integral of e)`` with the error ``e`` of the last step's measure from its target, both
    from ``info``: ``rate_hz`` and ``target_hz``, or ``response`` and ``target_response``. The integral is held within
    what the actuator can do (anti-windup), so that a target out of reach leaves nothing to unwind.

    Args:
        gain: K, share of the highest amplitude per unit of error (1 Hz, or 1); None takes what suits the measure, see
            ``FOLLOWED``.
        integral_s: Ti, seconds; None likewise.

    Raises:
        InvalidInput: A number is out of range.
        NoTarget: At reset: the task has no target that a controller could follow.

    Reference:
        Newman et al., eLife 4:e07192 (2015): proportional-integral clamp of a culture's firing rate.
    """

    def __init__(self, gain: float | None = None, integral_s: float | None = None) -> None:
        self.gain = None if gain is None else finite("gain", gain, above=0.0)
        self.integral_s = None if integral_s is None else finite("integral_s", integral_s, above=0.0)

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Take the action space, the length of a step and what there is to follow, and forget the last episode."""
        self._followed = _followed(self, info)
        self._space = _box(env)
        bare: Any = env.unwrapped
        self._step_s = bare.step_ms / 1000.0
        self._integral = 0.0

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """The action ``[C]``."""
        followed = self._followed
        gain = followed.gain if self.gain is None else self.gain
        integral_s = followed.integral_s if self.integral_s is None else self.integral_s
        error = info[followed.target] - info[followed.measured]
        self._integral = _share(self._integral + gain * error * self._step_s / integral_s)
        return _uniform_action(self._space, _share(gain * error + self._integral))


NAMES = ("silent", "random", "best-constant", "on-off", "proportional-integral")
"""Of the baselines, as the command line and tables have them."""


class NoTarget(InvalidInput):
    """A controller was put on a task without a target that it could follow."""


def _followed(agent: object, info: Mapping[str, float]) -> Followed:
    for followed in FOLLOWED:
        if {followed.measured, followed.target} <= info.keys():
            return followed
    targets = " or ".join(followed.target for followed in FOLLOWED)
    raise NoTarget(f"{type(agent).__name__} follows {targets}; this task's info has {', '.join(info)}.")


def _box(env: gym.Env | VectorEnv) -> spaces.Box:
    space: Any = env.single_action_space if isinstance(env, VectorEnv) else env.action_space
    if not isinstance(space, spaces.Box) or not space.is_bounded():
        raise InvalidInput(f"The baselines need a bounded Box of actions, got {space}.")
    return space


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


def _uniform_action(space: spaces.Box, strength: float) -> NDArray[np.float32]:
    return (space.low + float(strength) * (space.high - space.low)).astype(np.float32)
