"""Encoding of electrical pulses and light in the same run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np
from gymnasium import spaces

from livn_gym.checks import checked
from livn_gym.encoding.base import Encoding
from livn_gym.encoding.light_pulses import LightPulses
from livn_gym.encoding.limits import channel_inputs
from livn_gym.encoding.pulse_amplitude import PulseAmplitude
from livn_gym.stimulus import Stimulus
from livn_gym.view import CultureView


@checked
@final
class ElectrodesAndLight(Encoding):
    """Pulses of all electrodes and light pulses of all lights: the inputs of the one, then those of the other.

    Args:
        electrodes: Arguments of ``PulseAmplitude``; None for its defaults.
        light: Arguments of ``LightPulses``; None for its defaults.

    Raises:
        InvalidInput: One of these encodings does not accept the arguments.
    """

    def __init__(self, electrodes: Mapping[str, Any] | None = None, light: Mapping[str, Any] | None = None) -> None:
        self.electrodes = PulseAmplitude(**(electrodes or {}))
        self.light = LightPulses(**(light or {}))

    def __call__(self, view: CultureView, duration_ms: float, inputs: Any) -> Stimulus:
        """Return pulses and light for inputs in [-1, 1], ``[C + L]`` or ``[n, C + L]``.

        Raises:
            InvalidInput: The inputs have the wrong shape, are NaN or out of range, or the run does not hold a whole
                number of pulses.
        """
        space = self.action_space(view)
        values = channel_inputs(view, inputs, space.shape, 1.0)
        channels = view.electrodes.num_channels
        pulses = self.electrodes(view, duration_ms, values[..., :channels])
        return pulses.with_light(self.light(view, duration_ms, values[..., channels:]))

    def action_space(self, view: CultureView) -> spaces.Box:
        """Return the space from -1 to 1 with one number per channel and then one per light, ``[C + L]``."""
        size = self.electrodes.action_space(view).shape[0] + self.light.action_space(view).shape[0]
        return spaces.Box(-1.0, 1.0, (size,), np.float32)
