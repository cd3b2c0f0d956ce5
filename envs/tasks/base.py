"""What a task is: an aim set at reset, what the agent sees of it, and a score; each culture has its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import checked_options
from livn_gym.env import Env
from livn_gym.recording import Recording


@dataclass(frozen=True, eq=False)
class Measurement:
    """What the closed loop knows about one culture at the end of a control step.

    Attributes:
        recording: Spikes of the step.
        features: The step's decoded recording, ``[F]``; channel rates (Hz) by default.
        features_1s: Mean of ``features`` over the last second, ``[F]``.
        rate_hz: Mean rate of a cell in the step, Hz.
        rate_1s_hz: Mean rate of a cell in the last second, Hz.
        charge_nC: Absolute charge that each channel gave in the step, both phases counted, nC ``[C]``.
        charge_fraction: Charge of all channels as a share of the largest that an action can ask for.
        time_ms: Time since the first observation; negative while settling.
    """

    recording: Recording | None
    features: NDArray[np.float64]
    features_1s: NDArray[np.float64]
    rate_hz: float
    rate_1s_hz: float
    charge_nC: NDArray[np.float64]
    charge_fraction: float
    time_ms: float


@checked_options
@dataclass(frozen=True, eq=False)
class Demonstration:
    """What a culture does under a command before it settles, shown to its task at every reset.

    Attributes:
        command: What goes into the encoding, ``[A]``.
        duration_ms: How long; rounded up to whole control steps.
        skip_ms: What is left out of the mean at the beginning.
    """

    command: NDArray
    duration_ms: float
    skip_ms: float


class Task(ABC):
    """The aim of a closed loop around one culture; each lives in one file, named like its config in ``configs/tasks``.

    A subclass takes ``(env, **options)``; the options and their defaults are those of the config's table
    ``[options]`` (with ``[systems.<name>]`` on top) except ``step_ms``, ``settle_ms``, ``encoding`` and ``decoding``,
    which are the loop's.

    Args:
        env: The cultures of the loop, for what they are made of; the task is that of one of them.
    """

    sees_culture: ClassVar[bool] = True
    """Whether the observation begins with the decoded recording, of the step and of the last second."""

    truncated: bool = False
    """Whether the step just scored reached a time limit of the task's own, as that of an environment inside it."""

    def __init__(self, env: Env) -> None:
        self.system = env.system

    def action_space(self, commands: spaces.Box) -> spaces.Box:
        """What the agent chooses from; by default the encoding's own inputs. The loop asks every task once."""
        return commands

    def command(self, action: NDArray) -> NDArray:
        """What goes into the encoding for an action; by default the action itself."""
        return action

    @abstractmethod
    def reset(self, np_random: np.random.Generator) -> None:
        """Begin an episode, drawing from the environment's generator. Settling steps are not seen by the task."""

    def demonstration(self) -> Demonstration | None:
        """What the culture does before it settles; by default nothing. Asked for after ``reset``."""
        return None

    def demonstrated(self, features: NDArray[np.float64]) -> None:  # noqa: B027  (most tasks show nothing)
        """Take the mean of the decoded recording over a demonstration, ``[F]``."""

    @abstractmethod
    def observation_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest values of ``observe``, finite, ``[K]`` each."""

    @abstractmethod
    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """What the agent sees besides the decoded recording, ``[K]``; after a reset, and after every ``score``."""

    @abstractmethod
    def score(self, measurement: Measurement) -> tuple[float, bool]:
        """Reward of the step, and whether the task itself ended (time limits do not count); once every step."""

    @abstractmethod
    def info(self, measurement: Measurement) -> dict[str, float]:
        """What goes into ``info``: always the same names, one number each."""

    def close(self) -> None:  # noqa: B027  (most tasks hold nothing)
        """Free what the task itself holds; may be called twice."""
