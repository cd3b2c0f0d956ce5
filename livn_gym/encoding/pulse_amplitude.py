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
from livn_gym.units import finite, whole_number, whole_steps
from livn_gym.view import CultureView


@checked
@final
class PulseAmplitude(Encoding):
    """Regular charge-balanced pulses, cathodic phase first; -1 is no pulse and 1 the highest amplitude.

    Channels can pulse in interleaved groups, which leaves time to record between the pulses of different channels.
    Channel c is in group ``c % groups``. The first group pulses at the start of the run, and the next group
    ``1 / (groups * rate_hz)`` later. Every channel pulses at ``rate_hz``. A run must hold a whole number of pulses of
    each channel, so that trains continue regularly from run to run.

    Args:
        max_amplitude_uA: Amplitude at input 1; the input is linear in the amplitude.
        rate_hz: Pulses per second of each channel.
        phase_ms: Width of each of the two phases.
        groups: Number of interleaved groups; with 1 all channels pulse at the same times.

    Raises:
        InvalidInput: A phase exceeds 3 nC, the rate exceeds 200 Hz, a number is not positive, or pulses of different
            groups overlap.
    """

    def __init__(
        self, max_amplitude_uA: float = 15.0, rate_hz: float = 20.0, phase_ms: float = 0.2, groups: int = 1
    ) -> None:
        safe_pulse(max_amplitude_uA, phase_ms, rate_hz)
        self.max_amplitude_uA = float(max_amplitude_uA)
        self.rate_hz = float(rate_hz)
        self.phase_ms = float(phase_ms)
        self.groups = whole_number("groups", groups)
        self.delay_ms = 1000.0 / (self.groups * self.rate_hz)
        """Time between the pulses of one group and of the next, ms."""
        if 2.0 * self.phase_ms > self.delay_ms * (1 + 1e-9):
            raise InvalidInput(
                f"Pulses of {2 * self.phase_ms:g} ms overlap if {self.groups} groups pulse at {self.rate_hz:g} Hz."
            )

    def __call__(self, view: CultureView, duration_ms: float, inputs: Any) -> Stimulus:
        """Return the pulses for inputs in [-1, 1], ``[C]`` or ``[n, C]``.

        Raises:
            InvalidInput: The inputs have the wrong shape, are NaN or out of range, the run does not hold a whole
                number of pulses, or a phase or the time between groups is not a whole number of time steps.
        """
        values = channel_inputs(view, inputs, (channels(view),), 1.0)
        whole_phase(view, self.phase_ms)
        if self.groups > 1:
            whole_steps(f"The time between {self.groups} groups at {self.rate_hz:g} Hz (ms)", self.delay_ms, view.dt)
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
            start_ms=np.arange(values.shape[-1]) % self.groups * self.delay_ms if self.groups > 1 else 0.0,
        )

    def action_space(self, view: CultureView) -> spaces.Box:
        """Return the space from -1 to 1 with one number per channel, ``[C]``."""
        return spaces.Box(-1.0, 1.0, (channels(view),), np.float32)
