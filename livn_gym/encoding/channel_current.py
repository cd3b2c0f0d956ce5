"""The inputs are each channel's current over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from gymnasium import spaces

from livn_gym.checks import checked
from livn_gym.encoding.base import Encoding
from livn_gym.encoding.limits import MAX_CHARGE_NC, channel_inputs, channels, safe_stimulus
from livn_gym.errors import InvalidInput
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite, whole_steps

if TYPE_CHECKING:
    from livn_gym.env import Env


@checked
@final
class ChannelCurrent(Encoding):
    """A waveform for every channel, uA ``[T, C]``, each row held for ``dt_ms``; negative is cathodic.

    The space bounds every value. The charge is a joint limit of many values, which no box can express, so
    it is checked at every call: neither a phase nor the net charge at any time may exceed ``max_charge_nC``.
    A point drawn at random from the space therefore may well be refused.

    Args:
        duration_ms: Length of the waveform; runs must be at least as long.
        dt_ms: Time between rows.
        max_current_uA: Bound of the space.
        max_charge_nC: Charge limit; None lifts it, for studies of what should not be done to a living culture.

    Raises:
        InvalidInput: A number is not positive, the duration is no whole number of rows, or a single row at the
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

    def __call__(self, env: Env, duration: float, inputs: Any) -> Stimulus:
        """The waveforms of ``[T, C]`` inputs in uA, or ``[B, T, C]``.

        Raises:
            InvalidInput: Inputs of the wrong shape, NaN or out of range, too much charge, a run shorter than the
                waveform, or rows that are no whole number of time steps.
        """
        values = channel_inputs(env, inputs, (self.num_steps, channels(env)), self.max_current_uA)
        whole_steps("dt_ms", self.dt_ms, env.dt)
        if self.duration_ms > finite("duration (ms)", duration, above=0.0) * (1 + 1e-9):
            raise InvalidInput(f"A waveform of {self.duration_ms:g} ms does not fit in {duration:g} ms.")
        stimulus = Stimulus(values, self.dt_ms, "electrode")
        if self.max_charge_nC is not None:
            safe_stimulus(stimulus, self.max_charge_nC)
        return stimulus

    def action_space(self, env: Env) -> spaces.Box:
        """Currents within the bound, uA ``[T, C]``."""
        limit = self.max_current_uA
        return spaces.Box(-limit, limit, (self.num_steps, channels(env)), np.float32)
