"""Encoding of a current waveform for each channel."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from gymnasium import spaces

from livn_gym.checks import checked
from livn_gym.encoding.base import Encoding
from livn_gym.encoding.limits import MAX_CHARGE_NC, channel_inputs, channels, safe_stimulus
from livn_gym.errors import InvalidInput
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite, whole_steps
from livn_gym.view import CultureView


@checked
@final
class ChannelCurrent(Encoding):
    """Current waveform for every channel, uA ``[T, C]``, each row for ``dt_ms``; negative is cathodic.

    The space bounds every value. The charge limit depends on many values jointly, which no box can express, so it
    is checked at every call: neither the charge of a phase nor the net charge at any time may exceed ``max_charge_nC``.
    A random sample of the space is therefore often refused.

    Args:
        duration_ms: Length of the waveform; runs must be at least as long.
        dt_ms: Duration of a row.
        max_current_uA: Largest current in the space.
        max_charge_nC: Charge limit; None removes it, for simulations beyond the limits of living cultures.

    Raises:
        InvalidInput: A number is not positive, the duration is not a whole number of rows, or a single row at the
            highest current exceeds the charge limit.
    """

    def __init__(
        self,
        duration_ms: float,
        dt_ms: float = 0.2,
        max_current_uA: float = 15.0,
        max_charge_nC: float | None = MAX_CHARGE_NC,
    ) -> None:
        self.dt_ms = finite("dt_ms", dt_ms, above=0.0)
        self.num_steps = whole_steps("duration_ms", duration_ms, self.dt_ms)
        self.duration_ms = float(duration_ms)
        self.max_current_uA = finite("max_current_uA", max_current_uA, above=0.0)
        self.max_charge_nC = None if max_charge_nC is None else finite("max_charge_nC", max_charge_nC, above=0.0)
        row_nC = self.max_current_uA * self.dt_ms
        if self.max_charge_nC is not None and row_nC > self.max_charge_nC * (1 + 1e-9):
            raise InvalidInput(
                f"{self.max_current_uA:g} uA for {self.dt_ms:g} ms is {row_nC:g} nC, more than "
                f"max_charge_nC = {self.max_charge_nC:g}."
            )

    def __call__(self, view: CultureView, duration_ms: float, inputs: Any) -> Stimulus:
        """Return the waveforms of inputs in uA, ``[T, C]`` or ``[n, T, C]``.

        Raises:
            InvalidInput: The inputs have the wrong shape, are NaN, out of range or exceed the charge limit, the run is
                shorter than the waveform, or a row is not a whole number of time steps.
        """
        values = channel_inputs(view, inputs, (self.num_steps, channels(view)), self.max_current_uA)
        whole_steps("dt_ms", self.dt_ms, view.dt)
        if self.duration_ms > finite("duration_ms", duration_ms, above=0.0) * (1 + 1e-9):
            raise InvalidInput(f"A waveform of {self.duration_ms:g} ms does not fit in {duration_ms:g} ms.")
        stimulus = Stimulus(values, self.dt_ms, "electrode")
        if self.max_charge_nC is not None:
            safe_stimulus(stimulus, self.max_charge_nC)
        return stimulus

    def action_space(self, view: CultureView) -> spaces.Box:
        """Return the space of currents up to ``max_current_uA``, uA ``[T, C]``."""
        limit = self.max_current_uA
        return spaces.Box(-limit, limit, (self.num_steps, channels(view)), np.float32)
