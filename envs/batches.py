"""Batches of environments: their interface to a vector environment, and their construction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.episode_loop import Graph
from livn_gym.envs.local_batch import LocalBatch
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.envs.results import StepResult
from livn_gym.errors import BackendError


@dataclass(frozen=True, eq=False)
class BatchSpec:
    """A batch of environments before it is made; picklable if the objects in the loop's spec are.

    Attributes:
        loop: The closed loop of each environment.
        graphs: Graph of each environment, by the index of the environment.
        continue_on_failure: Whether to continue when a process that simulates environments fails.
    """

    loop: LoopSpec
    graphs: Mapping[int, Graph]
    continue_on_failure: bool = False


class EnvironmentBatch(Protocol):
    """Environments that a vector environment resets and steps, in this process or in others.

    ``environment_indices`` ascend. The results' ``cultures`` are indices of environments.
    """

    step_ms: float
    action_space: spaces.Box
    observation_space: spaces.Box

    def reset(self, environment_indices: NDArray[np.int64], seeds: Sequence[int | None]) -> StepResult:
        """Begin an episode in some environments; a seed of None continues with the next trial."""

    def step(self, environment_indices: NDArray[np.int64], actions: NDArray) -> StepResult:
        """Run one control step of some environments; those that were lost are missing in the result."""

    def state(self) -> list[Any]:
        """Return the state of every environment, picklable; it may share memory with the loops."""

    def set_state(self, states: Sequence[Any]) -> None:
        """Continue from the states of an equal batch."""

    def generators(self) -> tuple[np.random.Generator, ...]:
        """Return the generator of every environment's task."""

    def seeds(self) -> tuple[int, ...]:
        """Return the seed of every environment's generator; -1 if it is not known."""

    def close(self) -> None:
        """Free the cultures; may be called twice."""


class Launcher(Protocol):
    """Makes the batches of new vector environments."""

    def make_batch(self, spec: BatchSpec) -> EnvironmentBatch:
        """Make a batch."""


_launcher: Launcher | None = None


def set_launcher(launcher: Launcher | None) -> None:
    """Set the launcher that makes all further batches of this process; None returns to batches in this process.

    Raises:
        BackendError: Another launcher is set.
    """
    global _launcher
    if launcher is not None and _launcher is not None:
        raise BackendError("Vector environments of this process are already simulated by other processes.")
    _launcher = launcher


def make_batch(spec: BatchSpec) -> EnvironmentBatch:
    """Make a batch in this process, or by the launcher of this process.

    Raises:
        InvalidInput: A value is out of range.
        UnknownName: A name does not exist.
    """
    return LocalBatch(spec.loop, spec.graphs) if _launcher is None else _launcher.make_batch(spec)
