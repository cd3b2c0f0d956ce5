"""Encoding of the amplitude of the pulses at each channel."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from gymnasium import spaces

from livn_gym.checks import checked
from livn_gym.encoding.base import Encoding
from livn_gym.encoding.limits import channel_inputs, channels, safe_pulse, whole_phase
from livn_gym.errors import InvalidInput
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite
from livn_gym.view import CultureView


@checked
@final
class PulseAmplitude(Encoding):
    """Regular charge-balanced pulses, cathodic phase first; -1 is no pulse and 1 the highest amplitude.

    All channels pulse at the same times, first at the start of the run. A run must hold a whole number of pulses, so
    that trains continue regularly from run to run.

    Args:
        max_amplitude_uA: Amplitude at input 1; the input is linear in the amplitude.
        rate_hz: Pulses per second.
        phase_ms: Width of each of the two phases.

    Raises:
        InvalidInput: A phase exceeds 3 nC, the rate exceeds 200 Hz, or a number is not positive.
    """

    def __init__(self, max_amplitude_uA: float = 15.0, rate_hz: float = 20.0, phase_ms: float = 0.2) -> None:
        safe_pulse(max_amplitude_uA, phase_ms, rate_hz)
        self.max_amplitude_uA = float(max_amplitude_uA)
        self.rate_hz = float(rate_hz)
        self.phase_ms = float(phase_ms)

    def __call__(self, view: CultureView, duration_ms: float, inputs: Any) -> Stimulus:
        """Return the pulses for inputs in [-1, 1], ``[C]`` or ``[n, C]``.

        Raises:
            InvalidInput: The inputs have the wrong shape, are NaN or out of range, the run does not hold a whole
                number of pulses, or a phase is not a whole number of time steps.
        """
        values = channel_inputs(view, inputs, (channels(view),), 1.0)
        whole_phase(view, self.phase_ms)
        pulses = finite("duration_ms", duration_ms, above=0.0) * self.rate_hz / 1000.0
        if abs(pulses - round(pulses)) > 1e-6 or round(pulses) < 1:
            raise InvalidInput(
                f"A run of {duration_ms:g} ms holds {pulses:g} pulses at {self.rate_hz:g} Hz, "
                f"not a whole number; take a rate_hz that is a multiple of {1000.0 / duration_ms:g} Hz."
            )
        return Stimulus.pulse_train(
            (values + 1.0) / 2.0 * self.max_amplitude_uA,
            duration_ms=duration_ms,
            rate_hz=self.rate_hz,
            phase_ms=self.phase_ms,
        )

    def action_space(self, view: CultureView) -> spaces.Box:
        """Return the space from -1 to 1 with one number per channel, ``[C]``."""
        return spaces.Box(-1.0, 1.0, (channels(view),), np.float32)
