"""Each channel's input is the rate of its pulses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from gymnasium import spaces

from livn_gym.checks import checked
from livn_gym.encoding.base import Encoding
from livn_gym.encoding.limits import MAX_RATE_HZ, channel_inputs, channels, safe_pulse, whole_phase
from livn_gym.errors import InvalidInput
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite

if TYPE_CHECKING:
    from livn_gym.env import Env


@checked
@final
class PulseRate(Encoding):
    """Regular charge-balanced pulses of one amplitude; -1 is no pulse and 1 the highest rate.

    A channel's rate is rounded to a whole number of pulses in the run, spread evenly from the run's start.
    So a rate is a multiple of 1000 / duration Hz (5 Hz in 200 ms), trains of one rate go on regularly from run
    to run, and two pulses are never closer than the highest rate allows.

    Args:
        max_rate_hz: Rate at input 1; the input is linear in the rate.
        amplitude_uA: Amplitude of every pulse.
        phase_ms: Width of each of the two phases.

    Raises:
        InvalidInput: A phase of more than 3 nC, more than 200 Hz, or a number that is not positive.
    """

    def __init__(self, max_rate_hz: float = MAX_RATE_HZ, amplitude_uA: float = 7.5, phase_ms: float = 0.2) -> None:
        safe_pulse(amplitude_uA, phase_ms, max_rate_hz)
        if 2.0 * phase_ms * max_rate_hz > 1000.0:
            raise InvalidInput(f"Pulses of {2.0 * phase_ms:g} ms overlap at {max_rate_hz:g} Hz.")
        self.max_rate_hz = float(max_rate_hz)
        self.amplitude_uA = float(amplitude_uA)
        self.phase_ms = float(phase_ms)

    def __call__(self, env: Env, duration: float, inputs: Any) -> Stimulus:
        """Pulses of ``[C]`` inputs in [-1, 1], or ``[B, C]``.

        Raises:
            InvalidInput: Inputs of the wrong shape, NaN or out of range, a run too short for a single pulse at
                the highest rate, or a phase that is no whole number of time steps.
        """
        values = channel_inputs(env, inputs, (channels(env),), 1.0)
        whole_phase(env, self.phase_ms)
        seconds = finite("duration (ms)", duration, above=0.0) / 1000.0
        most = np.floor(self.max_rate_hz * seconds + 1e-9)
        if most < 1:
            raise InvalidInput(f"A run of {duration:g} ms is too short for a pulse at up to {self.max_rate_hz:g} Hz.")
        wanted = np.floor((values + 1.0) / 2.0 * self.max_rate_hz * seconds + 0.5)
        return Stimulus.pulse_train(
            np.full(values.shape, self.amplitude_uA),
            duration_ms=duration,
            rate_hz=np.minimum(wanted, most) / seconds,
            phase_ms=self.phase_ms,
        )

    def action_space(self, env: Env) -> spaces.Box:
        """[-1, 1] for every channel."""
        return spaces.Box(-1.0, 1.0, (channels(env),), np.float32)
