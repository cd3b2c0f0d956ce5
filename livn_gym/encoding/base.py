"""The base class of encodings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from gymnasium import spaces

from livn_gym.checks import check_members, checked
from livn_gym.stimulus import Stimulus
from livn_gym.view import CultureView


@checked
class Encoding(ABC):
    """Base class of encodings, which turn inputs into a stimulus and, unless documented otherwise, have no state."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Check that properties are written as such, and methods as methods.

        Raises:
            InvalidInput: One is written as the other.
        """
        super().__init_subclass__(**keywords)
        check_members(cls, Encoding)

    @abstractmethod
    def __call__(self, view: CultureView, duration_ms: float, inputs: Any) -> Stimulus:
        """Encode inputs.

        Args:
            view: The cultures to stimulate: an ``Env``, or another ``CultureView``.
            duration_ms: Length of the next run, ms.
            inputs: Inputs of one culture, or of n cultures with a leading axis n. With ``view.num_cultures`` = B,
                n is at most B: vector environments run some of their cultures.

        Returns:
            A stimulus not longer than the run, of one culture or of n cultures as the inputs.

        Raises:
            InvalidInput: The inputs have the wrong shape, are not finite or out of range.
        """

    @abstractmethod
    def action_space(self, view: CultureView) -> spaces.Space:
        """Return the space of the inputs of one culture."""
