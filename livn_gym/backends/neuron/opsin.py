"""Opsin and light of one NEURON culture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import CultureSpec
from livn_gym.light import light_levels
from livn_gym.models.channelrhodopsin import LIGHT
from livn_gym.stimulus import Stimulus


class Opsins:
    """Opsin in the somata of a culture; cells without it have no mechanism.

    Args:
        h: NEURON's interpreter.
        spec: Specification of the culture.
        soma: Function that returns the centre of the soma of a cell.
        mechanism: Class of the opsin in NEURON; None without an opsin.
    """

    def __init__(self, h: Any, spec: CultureSpec, soma: Callable[[int], Any], mechanism: Any) -> None:
        self._h, self._spec = h, spec
        self._gids = spec.gids[spec.opsin_uS[spec.gids] > 0.0]
        self._mechanisms = [self._mechanism(mechanism, soma(int(gid)), int(gid)) for gid in self._gids]
        self._pointers = [h.PtrVector(len(self._gids)) for _ in LIGHT] if self._mechanisms else []
        for row, opsin in enumerate(self._mechanisms):
            for pointers, name in zip(self._pointers, LIGHT, strict=True):
                pointers.pset(row, getattr(opsin, f"_ref_light_{name}"))
        self._steps = np.zeros(0, dtype=np.int64)
        self._values = np.zeros((0, len(LIGHT), 0))

    def _mechanism(self, mechanism: Any, segment: Any, gid: int) -> Any:
        opsin = mechanism(segment)
        assert self._spec.opsin is not None
        for name, value in self._spec.opsin.parameters(self._spec.dt_ms).items():
            setattr(opsin, f"p_{name}", value)
        opsin.p_g = float(self._spec.opsin_uS[gid])
        return opsin

    def begin(self, light: Stimulus | None) -> NDArray[np.int64]:
        """Set the light of the next run, and return the steps at which it changes."""
        self._steps, self._values = np.zeros(0, dtype=np.int64), np.zeros((0, len(LIGHT), len(self._gids)))
        if light is not None and self._spec.opsin is not None:
            self._steps, levels, _ = light_levels(light, self._spec.dt_ms)
            self._values = self._spec.opsin.light(levels[:, self._gids]).swapaxes(0, 1)
        self._write(np.zeros((len(LIGHT), len(self._gids))))
        return self._steps

    def apply(self, step: int) -> None:
        """Apply the light from ``step`` on, if it changes there."""
        for at, value in zip(self._steps, self._values, strict=True):
            if at == step:
                self._write(value)

    def clear(self) -> None:
        """Delete the mechanisms from NEURON."""
        self._pointers.clear()
        self._mechanisms.clear()

    def _write(self, values: NDArray[np.float64]) -> None:
        for pointers, value in zip(self._pointers, values, strict=False):
            pointers.scatter(self._h.Vector(value))
