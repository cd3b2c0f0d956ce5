"""Base class of tasks: aim, observation, reward and ends of the closed loop around one culture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import check_members, checked_options
from livn_gym.envs.measurement import Measurement
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.errors import InvalidInput, shown


@checked_options
@dataclass(frozen=True, eq=False)
class Demonstration:
    """A command that a culture gets at every reset, before it settles, so that its task can measure the response.

    Attributes:
        command: Input of the encoding, in the space ``TaskSetup.commands``.
        duration_ms: Duration of the demonstration; rounded up to whole control steps.
        skip_ms: Time at the beginning of the demonstration that the mean leaves out.
    """

    command: NDArray
    duration_ms: float
    skip_ms: float


class Task(ABC):
    """The aim of a closed loop around one culture.

    The loop calls ``reset`` at the beginning of an episode and ``after_step`` after every step of it. Only these two
    (and ``after_demonstration``, which completes a reset) change the state of a task. All other methods and properties
    only read it, so that repeated calls return the same. One step is::

        command = task.to_command(action)        # the encoding turns it into a stimulus
        task.after_step(measurement)             # the culture has run
        task.observe(measurement), task.reward, task.terminated, task.truncated, task.info(measurement)

    The arguments of a subclass are the fields of a frozen dataclass ``Options`` in its body, each with a default. They
    are checked by their annotations before a culture is built; ``__post_init__`` can check ranges.

    Args:
        setup: Step length, spaces, system, electrodes and options.

    Raises:
        InvalidInput: The options are not of the class ``Options``.
    """

    sees_culture: ClassVar[bool] = True
    """True if the observation begins with the decoded recording of the step and of the last second."""

    loop_defaults: ClassVar[Mapping[str, Any]] = {}
    """Defaults of the loop (``step_ms``, ``encoding``, ...) for a task that has no config file."""

    measure: ClassVar[str] = ""
    """Name of the entry of ``info`` that benchmarks report beside the return, for a task that has no config file."""

    version: ClassVar[int] = 0
    """Version of a task that has no config file; raise it when the reward or a space changes."""

    gate: ClassVar[Mapping[str, Any]] = {}
    """Rules of ``livn_gym.testing.network_gate``, such as ``{"spatial": True}``, for a task that has no config file."""

    @dataclass(frozen=True)
    class Options:
        """Options of a task that has none."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Check the class ``Options``, and make its objects check their values by the annotations.

        Raises:
            InvalidInput: ``Options`` is no frozen dataclass, an option has no default, or a property is written as a
                method or the other way round.
        """
        super().__init_subclass__(**keywords)
        check_members(cls, Task)
        options = vars(cls).get("Options")
        if options is None:
            return
        parameters = vars(options).get("__dataclass_params__")
        if parameters is None or not parameters.frozen:
            raise InvalidInput(f"{cls.__name__}.Options must be a frozen dataclass: @dataclass(frozen=True).")
        for option in fields(options):
            if option.default is MISSING and option.default_factory is MISSING:
                raise InvalidInput(f"The option {option.name!r} of {cls.__name__} needs a default.")
        checked_options(options)

    def __init__(self, setup: TaskSetup) -> None:
        if not isinstance(setup.options, self.Options):
            raise InvalidInput(f"{type(self).__name__} needs its own Options, got {shown(setup.options)}.")
        self.setup = setup

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the setup, which the loop sets in the tasks of a copy or of a saved state."""
        return {name: value for name, value in vars(self).items() if name != "setup"}

    @property
    def options(self) -> Any:
        """The task's options, an object of the class ``Options``."""
        return self.setup.options

    @property
    def action_space(self) -> spaces.Box:
        """Action space of the agent; by default the encoding's inputs."""
        return self.setup.commands

    @property
    def action_channels(self) -> NDArray[np.int64]:
        """Channel of each number of an action, ``[A]``; -1 where it belongs to no single channel."""
        channels, actions = self.setup.electrodes.num_channels, self.action_space.shape
        direct = type(self).to_command is Task.to_command and actions == (channels,)
        return np.arange(channels) if direct else np.full(actions, -1)

    @property
    @abstractmethod
    def observation_space(self) -> spaces.Box:
        """Bounds of ``observe``, ``[K]``."""

    @abstractmethod
    def reset(self, rng: np.random.Generator) -> None:
        """Begin an episode.

        Args:
            rng: The environment's generator, for everything that the task draws.
        """

    @property
    def calibration(self) -> NDArray | None:
        """Commands of the steps of a calibration, ``[T, *commands]``, by default none.

        Before a culture's first episode the loop applies them to the culture as it was made, without conditions, with
        noise that has the same seed in all environments. ``calibrated`` turns the measurements into a result, which is
        ``setup.calibrated`` from then on. It depends only on graph, parameters, options of the loop and this property,
        which in turn may depend only on the setup.
        """
        return None

    def calibrated(self, measurements: Sequence[Measurement]) -> Any:
        """Return the result of a calibration, which is not changed afterwards, from its steps ``[T]``."""
        return None

    @property
    def demonstration(self) -> Demonstration | None:
        """The demonstration of this episode, by default none; either all tasks of a loop have one or none has."""
        return None

    def after_demonstration(self, features: NDArray[np.float64]) -> None:  # noqa: B027  (most tasks have none)
        """Complete a reset with the mean decoded recording of the demonstration, ``[F]``."""

    def to_command(self, action: NDArray) -> NDArray:
        """Return the input of the encoding for an action, ``[*commands]``; by default the action itself."""
        return action

    @abstractmethod
    def after_step(self, measurement: Measurement) -> None:
        """Update the state by the measurement of a step; it is not called during settling and demonstration."""

    @property
    @abstractmethod
    def reward(self) -> float:
        """Reward of the last step."""

    @property
    def terminated(self) -> bool:
        """True if the last step ended the task itself, not by a time limit."""
        return False

    @property
    def truncated(self) -> bool:
        """True if the last step reached a time limit of the task, such as that of an inner environment."""
        return False

    @abstractmethod
    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Return the observation besides the decoded recording, ``[K]``, after a reset or a step."""

    @abstractmethod
    def info(self, measurement: Measurement) -> dict[str, float]:
        """Return the task's entries of ``info``: always the same names, one number each."""

    def close(self) -> None:  # noqa: B027  (most tasks hold nothing)
        """Free what the task holds; may be called twice."""
