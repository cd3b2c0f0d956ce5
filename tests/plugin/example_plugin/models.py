"""Leaky integrate-and-fire cells."""

from dataclasses import dataclass
from typing import ClassVar

from livn_gym.models import Cell, CellStep, ExcitatoryInhibitory


def _parameters(cell, dt_ms):
    leak = {"g_leak": cell.g_leak, "J_leak": cell.g_leak * cell.E_leak, "v_threshold": cell.v_threshold}
    return leak | {"g_spike": 2000.0, "J_spike": 2000.0 * 30.0, "v_peak": 10.0, "c": -65.0}


def _conductances(v_s, v_peak, g_leak, J_leak, g_spike, J_spike, v_threshold):
    if v_s > v_threshold:
        return g_leak + g_spike, J_leak + J_spike, g_leak, J_leak
    return g_leak, J_leak, g_leak, J_leak


def _advance():
    return ()


def _reset(v_d, c):
    return c, min(v_d, c)


@dataclass(frozen=True)
class LeakyFire(Cell):
    config_name: ClassVar[str] = "leaky_fire"
    step = CellStep((), lambda cell: [], _parameters, _conductances, _advance, _reset)

    g_leak: float = 0.1
    E_leak: float = -60.0
    v_threshold: float = -50.0


class LeakyFireModel(ExcitatoryInhibitory):
    def __init__(self, v_threshold: float = -50.0) -> None:
        size = {"length_um": 120.0, "diameter_um": 5.0, "p": 0.5, "C": 1.0, "gc": 0.3}
        cell = LeakyFire(**size, v_init=-60.0, dendrite_offset=0.9, v_threshold=v_threshold)
        super().__init__(cell, cell)
