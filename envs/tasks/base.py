"""What a task is: an aim set at reset, what the agent sees of it, and a score; written over B cultures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livn_gym.env import Env
from livn_gym.recording import Recording


@dataclass(frozen=True, eq=False)
class Measurement:
    """What the closed loop knows about B cultures at the end of a control step.

    Attributes:
        recording: Spikes of the step; None before anything ran.
        features: The step's decoded recording, ``[B, F]``; channel rates (Hz) by default.
        features_1s: Mean of ``features`` over the last second, ``[B, F]``.
        rate_hz: Mean rate of a cell in the step, Hz ``[B]``.
        rate_1s_hz: Mean rate of a cell in the last second, Hz ``[B]``.
        charge_nC: Absolute charge that each channel gave in the step, both phases counted, nC ``[B, C]``.
        charge_fraction: Charge of all channels as a share of the largest that an action can ask for, ``[B]``.
        time_ms: Time since the first observation; negative while settling.
    """

    recording: Recording | None
    features: NDArray[np.float64]
    features_1s: NDArray[np.float64]
    rate_hz: NDArray[np.float64]
    rate_1s_hz: NDArray[np.float64]
    charge_nC: NDArray[np.float64]
    charge_fraction: NDArray[np.float64]
    time_ms: float


class Task(ABC):
    """The aim of a closed loop; each lives in one file, named like its config in ``configs/tasks``.

    A subclass takes ``(env, **options)``; the options and their defaults are those of the config's table
    ``[options]`` (with ``[systems.<name>]`` on top) except ``step_ms`` and ``settle_ms``, which are the
    loop's.

    Args:
        env: The cultures.
    """

    def __init__(self, env: Env) -> None:
        self.num_cultures = env.num_cultures

    @abstractmethod
    def reset(self, np_random: Sequence[np.random.Generator]) -> None:
        """Begin an episode in every culture, drawing from that culture's generator, ``[B]``."""

    @abstractmethod
    def observation_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest values of ``observe``, finite, ``[K]`` each."""

    @abstractmethod
    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """What the agent sees besides the decoded recording, ``[B, K]``."""

    @abstractmethod
    def score(self, measurement: Measurement) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Reward ``[B]`` of the step and whether the task itself ended ``[B]`` (time limits do not count)."""

    @abstractmethod
    def info(self, measurement: Measurement) -> dict[str, NDArray[np.float64]]:
        """What goes into ``info``, one number a culture ``[B]`` under each name."""
