"""Rates of the late response to a stimulus at the start of a run, which only the network can give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.decoding.base import Decoding
from livn_gym.decoding.rates import ChannelRates
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.units import finite_range
from livn_gym.view import CultureView

MIN_WINDOW_MS = 1.0
"""Shortest window: in a shorter one, single spikes would be rates beyond the bounds of the space."""


@checked
class EvokedRates(Decoding):
    """Spikes per second that each electrode records in a window of the run, summed over its cells: float32 ``[C]``.

    For runs with one volley of pulses at the start. Cells that the field makes fire do so within a few milliseconds of
    a pulse, so that the default window, 20 to 100 ms, holds only what synapses pass on and spontaneous spikes. The
    space is that of ``ChannelRates``, and the results of B cultures are ``[B, C]``.

    Args:
        duration: Length of the run, ms.
        window_ms: Start and end of the window, ms from the start of the run.

    Raises:
        InvalidInput: The window is shorter than 1 ms or does not lie within the run.
    """

    per_channel = True

    def __init__(self, duration: float, window_ms: Sequence[float] = (20.0, 100.0)) -> None:
        super().__init__(duration)
        start, stop = finite_range("window_ms", window_ms, minimum=0.0, maximum=self.duration)
        if start == stop:
            raise InvalidInput(f"window_ms must have a start and a later end, got {start:g} to {stop:g} ms.")
        if stop - start < MIN_WINDOW_MS:
            raise InvalidInput(f"window_ms must be at least {MIN_WINDOW_MS:g} ms long, got {start:g} to {stop:g} ms.")
        self.window_ms = (start, stop)
        self._rates = ChannelRates(stop - start)

    @property
    def starts_at_ms(self) -> float:
        """Start of the window, ms."""
        return self.window_ms[0]

    @property
    def stops_at_ms(self) -> float:
        """End of the window, ms."""
        return self.window_ms[1]

    def decode(self, view: CultureView, recording: Recording) -> NDArray[np.float32]:
        """Rate at each electrode of every culture in the window, Hz ``[B, C]``."""
        self.spikes(view, recording)
        return self._rates.decode(view, recording.without_traces().slice(*self.window_ms))

    def observation_space(self, view: CultureView) -> spaces.Box:
        """``Box(0, high, [C], float32)``, Hz."""
        return self._rates.observation_space(view)
