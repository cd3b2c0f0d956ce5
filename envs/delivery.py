"""Charge at each electrode and dose of each light that a stimulus delivers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked, checked_methods
from livn_gym.errors import InvalidInput
from livn_gym.stimulus import Stimulus
from livn_gym.view import CultureView


@checked_methods
@dataclass(frozen=True, eq=False)
class Delivery:
    """Absolute charge of each channel, nC ``[n, C]``, and dose of each light, mJ/mm2 ``[n, L]``."""

    charge_nC: NDArray[np.float64]
    dose_mJ_mm2: NDArray[np.float64]

    @classmethod
    def of(cls, view: CultureView, stimulus: Stimulus | None, count: int) -> Delivery:
        """Return what a stimulus gives to n of the cultures; L is 0 without lights.

        Raises:
            InvalidInput: The number of cultures is negative.
        """
        if count < 0:
            raise InvalidInput(f"count must be at least 0, got {count}.")
        electrical, light = (None, None) if stimulus is None else stimulus.parts
        charge = None if electrical is None else electrical.charge_nC()
        dose = None if light is None else light.dose_mJ_mm2()
        bound = getattr(view, "lights", None)
        lights = 0 if bound is None else bound.num_lights
        return cls(_rows(charge, count, view.electrodes.num_channels), _rows(dose, count, lights))

    def check_highest(self, step_ms: float) -> None:
        """Check what the highest command gives in a control step: it drives all electrodes, all lights, or both.

        Raises:
            InvalidInput: Some electrodes or some lights get nothing while others do, or nothing is stimulated.
        """
        for values, what in ((self.charge_nC, "channel no charge"), (self.dose_mJ_mm2, "light no dose")):
            if values.any() and not values.all():
                raise InvalidInput(f"The highest command gives some {what} in a step of {step_ms:g} ms.")
        if not self.charge_nC.any() and not self.dose_mJ_mm2.any():
            raise InvalidInput(f"The highest command gives no channel any charge in a step of {step_ms:g} ms.")


def _rows(values: NDArray[np.float64] | None, count: int, columns: int) -> NDArray[np.float64]:
    if values is None:
        return np.zeros((count, columns))
    return values if values.ndim == 2 else np.repeat(values[None], count, axis=0)


@checked
def shares(values: NDArray[np.float64], highest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values as shares of the highest; 0 where the highest is 0."""
    return np.divide(values, highest, out=np.zeros_like(values), where=highest > 0.0)
