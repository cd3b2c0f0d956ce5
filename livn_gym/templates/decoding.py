"""A decoding: it turns the recording of a step into numbers that an agent observes."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.decoding import Decoding
from livn_gym.recording import Recording
from livn_gym.units import whole_number
from livn_gym.view import CultureView


class MyDecoding(Decoding):
    """Share of the cells that fire at least once, early and late in the step.

    The environment sets ``duration`` to the length of its step. Further options of the constructor go beside the name:
    ``decoding={"name": "my_decoding.py", "parts": 4}``.

    Args:
        duration: Length of the run that is decoded, ms.
        parts: Number of parts of equal length into which the run is divided.
    """

    def __init__(self, duration: float, parts: int = 2) -> None:
        super().__init__(duration)
        self.parts = whole_number("parts", parts)

    def decode(self, view: CultureView, recording: Recording) -> NDArray[np.float64]:
        """Return one row of results for each of the B cultures of the recording, ``[B, parts]``."""
        # Culture, cell and time (ms) of every spike; raises if spikes were not recorded or the length differs.
        culture, gid, t = self.spikes(view, recording)
        part = np.minimum((t / self.duration * self.parts).astype(int), self.parts - 1)
        fired = np.zeros((recording.num_cultures, self.parts, view.system.num_neurons), dtype=bool)
        fired[culture, part, gid] = True
        return fired.mean(axis=2)

    def observation_space(self, view: CultureView) -> spaces.Box:
        """Return the space of one culture's results: a bounded Box with one axis."""
        return spaces.Box(0.0, 1.0, (self.parts,), np.float32)


if __name__ == "__main__":  # python my_decoding.py runs the conformance suite
    from livn_gym.testing import conform

    print("passed:", ", ".join(conform("livn/Culture-v0", system="EI1", decoding=__file__, settle_ms=400.0)))
