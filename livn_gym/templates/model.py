"""A model: the dynamics of a culture's cells, as equations from which every backend generates its code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from livn_gym.models import Cell, CellStep, ExcitatoryInhibitory

# The functions of a time step take and return floats, and use + - * /, comparisons and functions of `math`. They get
# arguments by name: v_s and v_d are the voltages of soma and dendrite (mV); `_parameters` returns the constants.
# `livn_gym.models.CellStep` lists all names.


def _parameters(cell: MyModelCell, dt_ms: float) -> dict[str, float]:
    """Return the constants of the functions below, computed once before a run."""
    return {
        "v_threshold": cell.v_threshold,
        "v_peak": cell.v_peak,  # every cell with a `reset` must have it: a spike ends there
        "v_reset": cell.v_reset,
        "g_leak": cell.g_leak,
        "J_leak": cell.g_leak * cell.E_leak,
        # A conductance so large that the soma reaches its peak within a step.
        "g_spike": 2000.0,
        "J_spike": 2000.0 * (cell.v_peak + 20.0),
    }


def _conductances(
    v_s: float, v_threshold: float, g_leak: float, J_leak: float, g_spike: float, J_spike: float
) -> tuple[float, float, float, float]:
    """Return G and J of the soma, then of the dendrite, whose membrane current is G V - J (mS/cm2, uA/cm2)."""
    if v_s > v_threshold:
        return g_leak + g_spike, J_leak + J_spike, g_leak, J_leak
    return g_leak, J_leak, g_leak, J_leak


def _advance() -> tuple[()]:
    """Return the states after a step; this cell has none besides its two voltages."""
    return ()


def _reset(v_d: float, v_reset: float) -> tuple[float, float]:
    """Return the voltages of soma and dendrite, and the states, after a spike."""
    return v_reset, min(v_d, v_reset)


@dataclass(frozen=True)
class MyModelCell(Cell):
    """A leaky integrate-and-fire soma with a passive dendrite.

    Attributes:
        g_leak: Leak of both compartments, mS/cm2.
        E_leak: Reversal potential of the leak, mV.
        v_threshold: Voltage above which the soma fires, mV.
        v_peak: Voltage at which a spike ends, mV; it must be above -10 mV, where spikes are counted.
        v_reset: Voltage of the soma after a spike, mV.
    """

    config_name: ClassVar[str] = "my_model"
    step = CellStep(
        states=(),
        initial=lambda cell: [],
        parameters=_parameters,
        conductances=_conductances,
        advance=_advance,
        reset=_reset,
    )

    g_leak: float = 0.1
    E_leak: float = -60.0
    v_threshold: float = -50.0
    v_peak: float = 10.0
    v_reset: float = -65.0


class MyModel(ExcitatoryInhibitory):
    """Excitatory and inhibitory cells with the same equations; inhibitory cells are smaller.

    The system's parameters define synapses, background noise and depression. The shipped ones are tuned for the default
    model, so a culture of other cells needs other parameters (``params=``, ``livn-gym tune``).

    Args:
        v_threshold: Threshold of all cells, mV.
    """

    def __init__(self, v_threshold: float = -50.0) -> None:
        shape = {"p": 0.5, "C": 1.0, "gc": 0.3, "v_init": -60.0, "dendrite_offset": 0.9}
        super().__init__(
            MyModelCell(length_um=120.0, diameter_um=5.0, v_threshold=v_threshold, **shape),
            MyModelCell(length_um=80.0, diameter_um=5.0, v_threshold=v_threshold, **shape),
        )


if __name__ == "__main__":  # python my_model.py runs the conformance suite
    from livn_gym.testing import conform

    print("passed:", ", ".join(conform("livn/Culture-v0", system="EI1", model=f"{__file__}:MyModel", settle_ms=400.0)))
