"""Encoding of the rate of the pulses at each channel."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from gymnasium import spaces

from livn_gym.checks import checked
from livn_gym.encoding.base import Encoding
from livn_gym.encoding.limits import MAX_PULSE_RATE_HZ, channel_inputs, channels, safe_pulse, whole_phase
from livn_gym.errors import InvalidInput
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite
from livn_gym.view import CultureView


@checked
@final
class PulseRate(Encoding):
    """Regular charge-balanced pulses of one amplitude; -1 is no pulse and 1 the highest rate.

    The rate of a channel is rounded to a whole number of pulses in the run, at equal intervals from the start of the
    run. Rates are therefore multiples of 1000 / duration_ms Hz (5 Hz in 200 ms), trains of one rate continue regularly
    from run to run, and two pulses are never closer than the highest rate allows.

    Args:
        max_rate_hz: Rate at input 1; the input is linear in the rate.
        amplitude_uA: Amplitude of every pulse.
        phase_ms: Width of each of the two phases.

    Raises:
        InvalidInput: A phase exceeds 3 nC, the rate exceeds 200 Hz, or a number is not positive.
    """

    def __init__(
        self, max_rate_hz: float = MAX_PULSE_RATE_HZ, amplitude_uA: float = 7.5, phase_ms: float = 0.2
    ) -> None:
        safe_pulse(amplitude_uA, phase_ms, max_rate_hz)
        if 2.0 * phase_ms * max_rate_hz > 1000.0:
            raise InvalidInput(f"Pulses of {2.0 * phase_ms:g} ms overlap at {max_rate_hz:g} Hz.")
        self.max_rate_hz = float(max_rate_hz)
        self.amplitude_uA = float(amplitude_uA)
        self.phase_ms = float(phase_ms)

    def __call__(self, view: CultureView, duration_ms: float, inputs: Any) -> Stimulus:
        """Return the pulses for inputs in [-1, 1], ``[C]`` or ``[n, C]``.

        Raises:
            InvalidInput: The inputs have the wrong shape, are NaN or out of range, the run is too short for a single
                pulse at the highest rate, or a phase is not a whole number of time steps.
        """
        values = channel_inputs(view, inputs, (channels(view),), 1.0)
        whole_phase(view, self.phase_ms)
        seconds = finite("duration_ms", duration_ms, above=0.0) / 1000.0
        max_pulses = np.floor(self.max_rate_hz * seconds + 1e-9)
        if max_pulses < 1:
            raise InvalidInput(
                f"A run of {duration_ms:g} ms is too short for a pulse at up to {self.max_rate_hz:g} Hz."
            )
        counts = np.floor((values + 1.0) / 2.0 * self.max_rate_hz * seconds + 0.5)
        return Stimulus.pulse_train(
            np.full(values.shape, self.amplitude_uA),
            duration_ms=duration_ms,
            rate_hz=np.minimum(counts, max_pulses) / seconds,
            phase_ms=self.phase_ms,
        )

    def action_space(self, view: CultureView) -> spaces.Box:
        """Return the space from -1 to 1 with one number per channel, ``[C]``."""
        return spaces.Box(-1.0, 1.0, (channels(view),), np.float32)
