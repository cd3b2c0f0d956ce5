"""Rendering of one culture of a closed loop over several episodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.envs.episode_loop import EpisodeLoop
from livn_gym.envs.rendering import Renderer
from livn_gym.envs.results import Info


class LoopRenderer:
    """Draws one culture of a loop; ``begin`` must be called after every reset and ``add_step`` after every step.

    Args:
        loop: The loop.
        culture: Index of the culture in the loop.
        window: Draw in a window rather than off screen.
    """

    def __init__(self, loop: EpisodeLoop, culture: int, window: bool) -> None:
        self._loop = loop
        self._culture = culture
        self._window = window
        self._renderer = self._make()

    def begin(self, info: Info) -> None:
        """Begin an episode: clear the picture and add the steps of settling."""
        if self._loop.view.system is not self._system:  # a resampled graph has other positions of cells
            self._renderer.close()
            self._renderer = self._make()
        self._renderer.clear()
        for measurement in self._loop.history[self._culture]:
            self._renderer.add(measurement, info.get("target_hz"))

    def add_step(self, info: Info) -> None:
        """Add the latest step."""
        self._renderer.add(self._loop.history[self._culture][-1], info.get("target_hz"))

    def frame(self) -> NDArray[np.uint8]:
        """Return the picture, ``[640, 960, 3]``."""
        return self._renderer.frame()

    def show(self) -> None:
        """Draw in the window."""
        self._renderer.show()

    def close(self) -> None:
        """Close the window, if any; may be called twice."""
        self._renderer.close()

    def _make(self) -> Renderer:
        self._system: Any = self._loop.view.system
        return Renderer(self._system, self._loop.highest_charge_nC, self._window)
