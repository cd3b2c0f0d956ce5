"""State of a session for readers in other threads, as immutable values."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livn_gym.envs.tasks import Measurement
from livn_gym.system import System

RASTER_MS = 5000.0
"""Length of the raster in a frame, ms."""

STORED_MS = 20000.0
"""Length of the history of steps that the loop stores, ms."""


@dataclass(frozen=True, eq=False)
class LiveStep:
    """A control step.

    Attributes:
        number: Number of the step in the session, settling included.
        measurement: Measurement of the step.
        info: ``info`` of the environment.
        reward: Reward; None while settling.
        wall_ms: Wall time of the step; 0 while settling.
    """

    number: int
    measurement: Measurement
    info: dict[str, float]
    reward: float | None
    wall_ms: float


@dataclass(frozen=True, eq=False)
class Scene:
    """Culture and task of the live view.

    Attributes:
        number: Number of the scene in the session.
        env_id: Id of the environment.
        system: The cells and electrodes of the culture.
        highest_charge_nC: Highest charge of a step by channel, nC ``[C]``.
        step_ms: Length of a control step.
        max_steps: Time limit of an episode; None for none.
    """

    number: int
    env_id: str
    system: System
    highest_charge_nC: NDArray[np.float64]
    step_ms: float
    max_steps: int | None

    @property
    def raster_steps(self) -> int:
        """Number of steps whose spikes a frame shows."""
        return math.ceil(RASTER_MS / self.step_ms)

    @property
    def stored_steps(self) -> int:
        """Number of steps that the loop stores."""
        return math.ceil(STORED_MS / self.step_ms)


@dataclass(frozen=True, eq=False)
class View:
    """The latest state of a session.

    Attributes:
        version: Number of changes since the start.
        status: ``"building"``, ``"settling"``, ``"running"``, ``"paused"`` or ``"stopped"``.
        scene: None before the first culture is built.
        env_id: Id of the environment, which may still be under construction.
        agent: Name of the agent.
        strength: Action of the constant agent.
        speed: Simulated time in units of real time; None is as fast as possible.
        episode: Number of the episode, from 1.
        seed: Seed of the latest reset with a seed.
        step: Number of steps of this episode.
        total_reward: Sum of rewards of this episode.
        last_return: Return of the last episode; None in the first.
        steps: The latest steps, oldest first.
        held: Amplitudes of manual stimulation in the next steps by channel, uA.
        error: Message of the error that stopped or paused the session or replaced its first agent; empty if none.
    """

    version: int
    status: str
    scene: Scene | None
    env_id: str
    agent: str
    strength: float
    speed: float | None
    episode: int
    seed: int | None
    step: int
    total_reward: float
    last_return: float | None
    steps: tuple[LiveStep, ...]
    held: dict[int, float]
    error: str
