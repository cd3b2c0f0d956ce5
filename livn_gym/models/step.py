"""A time step of a two-compartment cell as plain scalar functions, from which every backend makes its own code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CellStep:
    """A cell's equations, discretised.

    ``conductances``, ``advance`` and ``reset`` take, by their arguments' names, whichever they need of: ``v_s`` and
    ``v_d`` (voltages of soma and dendrite, mV), the cell's own states and its parameters. ``conductances`` may also
    take ``v_ahead`` (the soma's voltage extrapolated half a step, but not across a reset), ``advance`` ``v_old`` (the
    soma's voltage at the end of the step before). They and every function that they call are straight lines, ``if``,
    and expressions of float constants, ``math.exp``, ``abs``, ``min``, ``max`` and ``+ - * /``.

    Attributes:
        states: Names of the states beyond the voltages; where there are none, ``advance`` is not called.
        initial: The states' values at the start of a trial, in the same order, for a cell.
        parameters: Numbers that the functions take by name, for a cell and a time step in ms.
        conductances: Returns ``(G_s, J_s, G_d, J_d)``: the ionic current densities of soma and dendrite are
            ``G v - J`` (uA/cm2) with G in mS/cm2, both held during a step.
        advance: Returns the states a step later, in the same order, given the voltages at the step's end.
        reset: For cells that are put back after a spike: returns ``(v_s, v_d)`` and the states with which the next
            step begins, after one that ended with the soma at or above the parameter ``v_peak``. What is sampled
            at the end of a step, and what a threshold sees, is the voltage before the reset.
    """

    states: tuple[str, ...]
    initial: Callable[[Any], list[float]]
    parameters: Callable[[Any, float], dict[str, float]]
    conductances: Callable[..., Any]
    advance: Callable[..., Any]
    reset: Callable[..., Any] | None = None
