"""Each channel's input is the amplitude of its pulses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from gymnasium import spaces

from livn_gym.checks import checked
from livn_gym.encoding.base import Encoding
from livn_gym.encoding.limits import channel_inputs, channels, safe_pulse, whole_phase
from livn_gym.errors import InvalidInput
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite

if TYPE_CHECKING:
    from livn_gym.env import Env


@checked
@final
class PulseAmplitude(Encoding):
    """Regular charge-balanced pulses, cathodic first; -1 is no pulse and 1 the highest amplitude.

    All channels pulse together, at once when the run starts. A run must hold a whole number of pulses, so
    that trains go on regularly from run to run.

    Args:
        max_amplitude_uA: Amplitude at input 1; the input is linear in the amplitude.
        rate_hz: Pulses a second.
        phase_ms: Width of each of the two phases.

    Raises:
        InvalidInput: A phase of more than 3 nC, more than 200 Hz, or a number that is not positive.
    """

    def __init__(self, max_amplitude_uA: float = 15.0, rate_hz: float = 20.0, phase_ms: float = 0.2) -> None:
        safe_pulse(max_amplitude_uA, phase_ms, rate_hz)
        self.max_amplitude_uA = float(max_amplitude_uA)
        self.rate_hz = float(rate_hz)
        self.phase_ms = float(phase_ms)

    def __call__(self, env: Env, duration: float, inputs: Any) -> Stimulus:
        """Pulses of ``[C]`` inputs in [-1, 1], or ``[B, C]``.

        Raises:
            InvalidInput: Inputs of the wrong shape, NaN or out of range, a run without a whole number of pulses,
                or a phase that is no whole number of time steps.
        """
        values = channel_inputs(env, inputs, (channels(env),), 1.0)
        whole_phase(env, self.phase_ms)
        pulses = finite("duration (ms)", duration, above=0.0) * self.rate_hz / 1000.0
        if abs(pulses - round(pulses)) > 1e-6 or round(pulses) < 1:
            raise InvalidInput(
                f"A run of {duration:g} ms holds {pulses:g} pulses at {self.rate_hz:g} Hz, "
                f"not a whole number; take a rate_hz that is a multiple of {1000.0 / duration:g} Hz."
            )
        return Stimulus.pulse_train(
            (values + 1.0) / 2.0 * self.max_amplitude_uA,
            duration_ms=duration,
            rate_hz=self.rate_hz,
            phase_ms=self.phase_ms,
        )

    def action_space(self, env: Env) -> spaces.Box:
        """[-1, 1] for every channel."""
        return spaces.Box(-1.0, 1.0, (channels(env),), np.float32)
