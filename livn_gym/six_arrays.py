"""Sequence of the six arrays of a run: spike cells and times, voltage cells and traces, current cells and traces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, OutOfRange

NAMES = "it", "t", "iv", "v", "im", "mp"


@checked
class SixArrays(ABC):
    """A sequence of the six arrays it, t, iv, v, im, mp; None for what was not recorded.

    It can be unpacked, indexed and sliced like a tuple but is not one; ``tuple(recording)`` makes one.
    """

    @abstractmethod
    def _six(self) -> tuple[NDArray | None, ...]:
        """The arrays; raises ``InvalidInput`` if there are several cultures."""

    def __len__(self) -> int:
        """Return 6, the number of arrays.

        Raises:
            InvalidInput: There are several cultures.
        """
        return len(self._six())

    def __iter__(self) -> Iterator[NDArray | None]:
        """Iterate over the six arrays of a single culture.

        Raises:
            InvalidInput: There are several cultures.
        """
        return iter(self._six())

    @overload
    def __getitem__(self, index: int) -> NDArray | None: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[NDArray | None, ...]: ...

    def __getitem__(self, index: int | slice) -> NDArray | None | tuple[NDArray | None, ...]:
        """Return one of the six arrays of a single culture, or a tuple of several.

        Raises:
            InvalidInput: There are several cultures.
            OutOfRange: The index is not in -6 ... 5.
        """
        six = self._six()
        if not isinstance(index, slice) and not -len(NAMES) <= index < len(NAMES):
            raise OutOfRange(f"A recording has six arrays ({', '.join(NAMES)}): the index is -6 ... 5, got {index}.")
        return six[index]

    def __bool__(self) -> bool:
        """Return True, whatever was recorded."""
        return True

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        """Return the six arrays as an array of six objects, for ``dtype=object`` only.

        Raises:
            InvalidInput: The dtype is another one, or there are several cultures.
        """
        if np.dtype(dtype).kind != "O":
            raise InvalidInput("A recording is six arrays of different shapes: convert one, as in recording[1].")
        result = np.empty(len(NAMES), dtype=object)
        result[:] = self._six()
        return result
