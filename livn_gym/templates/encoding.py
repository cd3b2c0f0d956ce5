"""An encoding: it turns the numbers that an agent chooses into a stimulus for the electrodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from livn_gym.encoding import Encoding
from livn_gym.encoding.limits import channel_inputs, safe_pulse, whole_phase
from livn_gym.stimulus import Stimulus
from livn_gym.view import CultureView


class MyEncoding(Encoding):
    """One number sets the amplitude of the pulses at all electrodes: -1 is no pulse and 1 the highest amplitude.

    An encoding has no state: the stimulus depends on the inputs alone. Options of the constructor go beside the name:
    ``encoding={"name": "my_encoding.py", "rate_hz": 10.0}``.

    Args:
        max_amplitude_uA: Amplitude at input 1.
        rate_hz: Number of pulses per second.
        phase_ms: Width of each of the two phases of a pulse.
    """

    def __init__(self, max_amplitude_uA: float = 15.0, rate_hz: float = 20.0, phase_ms: float = 0.2) -> None:
        # The project's limits of charge per phase and of pulse rate.
        safe_pulse(max_amplitude_uA, phase_ms, rate_hz)
        self.max_amplitude_uA, self.rate_hz, self.phase_ms = max_amplitude_uA, rate_hz, phase_ms

    def __call__(self, view: CultureView, duration_ms: float, inputs: Any) -> Stimulus:
        """Return the stimulus of a step.

        Args:
            view: The cultures: their system, electrodes and time step.
            duration_ms: Length of the step, ms; the stimulus must not be longer.
            inputs: ``[1]`` of one culture, or ``[n, 1]`` of n cultures.
        """
        values = channel_inputs(view, inputs, (1,), 1.0)  # raises on wrong shapes, NaN and values outside -1 ... 1
        whole_phase(view, self.phase_ms)
        amplitude_uA = (values + 1.0) / 2.0 * self.max_amplitude_uA
        electrodes = np.ones(view.electrodes.num_channels)
        return Stimulus.pulse_train(
            amplitude_uA * electrodes,  # [C] of one culture, or [n, C]
            duration_ms=duration_ms,
            rate_hz=self.rate_hz,
            phase_ms=self.phase_ms,
        )

    def action_space(self, view: CultureView) -> spaces.Box:
        """Return the space of one culture's inputs: a bounded Box with one axis."""
        return spaces.Box(-1.0, 1.0, (1,), np.float32)


if __name__ == "__main__":  # python my_encoding.py runs the conformance suite
    from livn_gym.testing import conform

    print("passed:", ", ".join(conform("livn/Culture-v0", system="EI1", encoding=__file__, settle_ms=400.0)))
