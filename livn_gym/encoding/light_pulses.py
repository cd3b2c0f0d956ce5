"""Encoding of the irradiance or of the width of light pulses."""

from __future__ import annotations

from typing import Any, Literal, final, get_args

import numpy as np
from gymnasium import spaces

from livn_gym.checks import checked
from livn_gym.encoding.base import Encoding
from livn_gym.encoding.limits import channel_inputs, lights
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.pulses import Pulses
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite
from livn_gym.view import CultureView

Quantity = Literal["irradiance", "width"]


@checked
@final
class LightPulses(Encoding):
    """Regular light pulses of each light of a ``LightArray``; -1 is no light and 1 the strongest.

    All lights pulse at the same times, first at the start of the run. A run must hold a whole number of pulses. A duty
    of 1 is continuous light.

    Args:
        max_irradiance_mW_mm2: Irradiance at the centre of a light at input 1, or of every pulse if the width varies.
        quantity: What the input sets, linearly: ``"irradiance"`` of pulses of one width, or ``"width"`` of pulses of
            one irradiance, rounded to whole time steps.
        rate_hz: Pulses per second.
        duty: Share of the time between two onsets during which a pulse lasts, at input 1 if the width varies.

    Raises:
        InvalidInput: A number is not positive, or the duty is above 1.
        UnknownName: There is no such quantity.
    """

    def __init__(
        self,
        max_irradiance_mW_mm2: float = 1.0,
        quantity: Quantity = "irradiance",
        rate_hz: float = 20.0,
        duty: float = 0.1,
    ) -> None:
        self.max_irradiance_mW_mm2 = finite("max_irradiance_mW_mm2", max_irradiance_mW_mm2, above=0.0)
        if quantity not in get_args(Quantity):
            raise unknown_name("quantity of light pulses", quantity, get_args(Quantity))
        self.quantity: Quantity = quantity
        self.rate_hz = finite("rate_hz", rate_hz, above=0.0)
        self.duty = finite("duty", duty, above=0.0)
        if self.duty > 1.0:
            raise InvalidInput(f"duty must be at most 1, got {duty:g}.")

    def __call__(self, view: CultureView, duration_ms: float, inputs: Any) -> Stimulus:
        """Return the light for inputs in [-1, 1], ``[L]`` or ``[n, L]``.

        Raises:
            InvalidInput: The inputs have the wrong shape, are NaN or out of range, the run does not hold a whole
                number of pulses, or the cultures have no lights.
        """
        values = (channel_inputs(view, inputs, (lights(view),), 1.0) + 1.0) / 2.0
        duration = finite("duration_ms", duration_ms, above=0.0)
        count = duration * self.rate_hz / 1000.0
        if abs(count - round(count)) > 1e-6 or round(count) < 1:
            raise InvalidInput(
                f"A run of {duration:g} ms holds {count:g} light pulses at {self.rate_hz:g} Hz, not a whole number; "
                f"take a rate_hz that is a multiple of {1000.0 / duration:g} Hz."
            )
        period_ms = 1000.0 / self.rate_hz
        widths = self.duty * period_ms * (values if self.quantity == "width" else np.ones_like(values))
        steps = np.atleast_2d(np.floor(widths / view.dt + 0.5))
        sizes = np.atleast_2d(values if self.quantity == "irradiance" else np.ones_like(values))
        culture, light = np.nonzero((steps > 0) & (sizes > 0))
        pulses = round(count)
        onset_ms = np.tile(np.floor(np.arange(pulses) * period_ms / view.dt + 0.5) * view.dt, len(culture))
        culture, light = np.repeat(culture, pulses), np.repeat(light, pulses)
        return Stimulus.from_pulses(
            Pulses(
                culture,
                light,
                onset_ms,
                np.zeros(len(culture)),
                steps[culture, light] * view.dt,
                sizes[culture, light] * self.max_irradiance_mW_mm2,
            ),
            num_columns=values.shape[-1],
            duration_ms=duration,
            num_cultures=len(values) if values.ndim == 2 else None,
            mode="light",
        )

    def action_space(self, view: CultureView) -> spaces.Box:
        """Return the space from -1 to 1 with one number per light, ``[L]``."""
        return spaces.Box(-1.0, 1.0, (lights(view),), np.float32)
