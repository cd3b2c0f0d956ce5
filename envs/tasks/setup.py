"""Task setup: the step length, spaces, system, electrodes and options that a task is made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.decoding import Decoding
from livn_gym.decoding.compose import same_duration
from livn_gym.encoding import Encoding
from livn_gym.envs.measurement import WINDOW_MS
from livn_gym.errors import InvalidInput
from livn_gym.io import BoundElectrodes
from livn_gym.system import System
from livn_gym.units import whole_steps
from livn_gym.view import CultureView


@dataclass(frozen=True, eq=False)
class TaskSetup:
    """Properties of the loop and the culture that a task is made for.

    Attributes:
        step_ms: Length of a control step, ms; a second is a whole number of steps.
        commands: Space of one culture's inputs of the encoding; often one per channel, ``[C]``.
        features: Space of one culture's decoded recording, ``[F]``.
        system: The cells.
        electrodes: The electrodes, bound to the positions of the cells.
        options: The task's options, an object of its class ``Options``.
        calibrated: Result of the task's calibration (``Task.calibrated``); None before the first episode.
    """

    step_ms: float
    commands: spaces.Box
    features: spaces.Box
    system: System
    electrodes: BoundElectrodes
    options: Any
    calibrated: Any = None

    @classmethod
    def of(cls, view: CultureView, encoding: Encoding, decoding: Decoding, step_ms: float, options: Any) -> TaskSetup:
        """Make the setup of a task for some cultures.

        Args:
            view: The cultures.
            encoding: The loop's encoding.
            decoding: The loop's decoding, of one step.
            step_ms: Length of a control step, ms.
            options: The task's options, an object of its class ``Options``.

        Raises:
            InvalidInput: The step is no whole number of time steps, does not divide a second or is not the duration of
                the decoding, or the inputs or the decoded results are no bounded one-dimensional Box.
        """
        whole_steps("step_ms", step_ms, view.dt)
        steps = round(WINDOW_MS / step_ms)
        if steps < 1 or abs(steps * step_ms - WINDOW_MS) > 1e-6:
            raise InvalidInput(f"step_ms must divide {WINDOW_MS:g} ms, got {step_ms:g}.")
        same_duration("A control step", step_ms, decoding)
        commands = bounded_box("Encoding", encoding, encoding.action_space(view))
        try:
            features = bounded_box("Decoding", decoding, decoding.observation_space(view))
        except NotImplementedError as error:
            raise InvalidInput(f"{type(decoding).__name__} gives no observation: {error}") from error
        return cls(float(step_ms), commands, features, view.system, view.electrodes, options)

    @property
    def steps_per_second(self) -> int:
        """Number of control steps in a second."""
        return round(WINDOW_MS / self.step_ms)

    def electrodes_um(self, task: str) -> NDArray[np.float64]:
        """Return the positions of the electrodes, um ``[C, 3]``, for tasks that need them.

        Args:
            task: Name of the task, for the message.

        Raises:
            InvalidInput: The interface has no positions.
        """
        coordinates_um = self.electrodes.coordinates_um
        if coordinates_um is None:
            raise InvalidInput(f"{task} needs electrodes in a plane (an MEA), has {self.electrodes.io!r}.")
        return coordinates_um

    def check_channels(self, task: str, *, features: bool = True) -> None:
        """Refuse spaces that have not one entry per channel, for tasks that need it.

        Args:
            task: Name of the task, for the message.
            features: Whether the decoded recording is checked as well as the encoding's inputs.

        Raises:
            InvalidInput: A space has another shape.
        """
        channels = (self.electrodes.num_channels,)
        if self.commands.shape != channels:
            raise InvalidInput(f"{task} needs one input per channel, the encoding takes {self.commands.shape}.")
        if features and self.features.shape != channels:
            raise InvalidInput(f"{task} needs one feature per channel, the decoding gives {self.features.shape}.")


def bounded_box(kind: str, owner: object, space: spaces.Space) -> spaces.Box:
    """Return the space, which must be a bounded one-dimensional Box.

    Raises:
        InvalidInput: It is another space.
    """
    if not isinstance(space, spaces.Box) or len(space.shape) != 1 or not space.is_bounded():
        raise InvalidInput(f"{kind} {type(owner).__name__} needs a bounded one-dimensional Box space, has {space}.")
    return space
