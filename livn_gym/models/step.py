"""Time step of a two-compartment cell as scalar functions, from which every backend generates its own code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CellStep:
    """Discretised equations of a cell.

    The arguments of ``conductances``, ``advance`` and ``reset`` are chosen by name among ``v_s`` and ``v_d`` (voltages
    of soma and dendrite, mV), the states and the parameters of the cell. ``conductances`` may also take ``v_ahead``
    (the soma's voltage extrapolated by half a step, but not across a reset), and ``advance`` ``v_old`` (the soma's
    voltage at the end of the previous step). These functions and those they call may consist only of assignments,
    ``if``, and expressions of float constants, ``math.exp``, ``abs``, ``min``, ``max`` and ``+ - * /``.

    Attributes:
        states: Names of the states other than the voltages. If there are none, ``advance`` is not called.
        initial: Function of a cell that returns the values of the states at the start of a trial, in the same order.
        parameters: Function of a cell and a time step (ms) that returns the parameters of the functions by name.
        conductances: Returns ``(G_s, J_s, G_d, J_d)``: the ionic current densities of soma and dendrite are
            ``G v - J`` (uA/cm2) with G in mS/cm2; G and J are constant during a step.
        advance: Returns the states one step later, in the same order, given the voltages at the end of the step.
        reset: For cells that are reset after a spike: returns ``(v_s, v_d)`` and the states at the start of the next
            step, if the soma has reached the parameter ``v_peak`` at the end of a step. Recordings and spike detection
            use the voltage before the reset.
    """

    states: tuple[str, ...]
    initial: Callable[[Any], list[float]]
    parameters: Callable[[Any, float], dict[str, float]]
    conductances: Callable[..., Any]
    advance: Callable[..., Any]
    reset: Callable[..., Any] | None = None
