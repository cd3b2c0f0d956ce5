"""What the loop leaves for others to read: plain values that never change once made."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livn_gym.envs.tasks import Measurement
from livn_gym.system import System

RASTER_MS = 5000.0
"""How far back a frame shows spikes."""

KEEP_MS = 20000.0
"""How far back the loop keeps steps."""


@dataclass(frozen=True, eq=False)
class LiveStep:
    """A control step.

    Attributes:
        number: Counts every step of a session, those of settling included.
        measurement: What the loop knows.
        info: Of the environment.
        reward: None while settling.
        wall_ms: What it took; 0 while settling.
    """

    number: int
    measurement: Measurement
    info: dict[str, float]
    reward: float | None
    wall_ms: float


@dataclass(frozen=True, eq=False)
class Scene:
    """What stays the same from one change of the culture or the task to the next.

    Attributes:
        number: Counts scenes.
        env_id: Of the environment.
        system: The culture's architecture.
        highest_charge_nC: The most that an action gives by each channel in a step, nC ``[C]``.
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
        """How many steps of spikes a frame shows."""
        return math.ceil(RASTER_MS / self.step_ms)

    @property
    def kept_steps(self) -> int:
        """How many steps the loop keeps."""
        return math.ceil(KEEP_MS / self.step_ms)


@dataclass(frozen=True, eq=False)
class View:
    """The latest state of a session.

    Attributes:
        version: Rises with every change.
        status: ``"building"``, ``"settling"``, ``"running"``, ``"paused"`` or ``"stopped"``.
        scene: None before the first culture is built.
        env_id: The environment that is shown, or being built.
        agent: Name of the one that acts.
        strength: Of the constant agent.
        speed: Simulated time in units of real time; None as fast as it goes.
        episode: Counts episodes from 1.
        seed: Of the last reset that had one.
        step: Steps of this episode.
        total_reward: Of this episode.
        last_return: Of the episode before; None for the first.
        steps: The latest, oldest first.
        held: Channels with pulses by hand in the steps that come, with their amplitudes, uA.
        error: What stopped the session, made it pause, or kept its first agent from acting; empty for nothing.
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
