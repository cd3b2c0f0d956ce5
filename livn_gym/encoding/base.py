"""What an encoding is: features to a stimulus."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from gymnasium import spaces

from livn_gym.checks import checked
from livn_gym.stimulus import Stimulus

if TYPE_CHECKING:
    from livn_gym.env import Env


@checked
class Encoding(ABC):
    """Turns inputs into a stimulus of a given duration; stateless between calls unless it says otherwise."""

    @abstractmethod
    def __call__(self, env: Env, duration: float, inputs: Any) -> Stimulus:
        """Encode.

        Args:
            env: The culture that will be stimulated.
            duration: How long it will run, ms.
            inputs: Features; with a leading axis B where the Env has several cultures.

        Raises:
            InvalidInput: The inputs have the wrong shape, are not finite or out of range.
        """

    @abstractmethod
    def action_space(self, env: Env) -> spaces.Space:
        """The space of one culture's inputs."""
