"""Time step of a two-compartment cell as scalar functions, from which every backend generates its own code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LOG2_E = 1.4426950408889634
"""``math.exp2(x * LOG2_E)`` is ``exp(x)``, by fewer operations if x is a linear function with constants."""


@dataclass(frozen=True)
class MultirateStep:
    """Discretised equations of a cell for the scheme ``"multirate"``: slow states are advanced every few steps.

    The functions obey the rules of ``CellStep`` and take their arguments by name in the same way.

    Attributes:
        slow: Names of the slow states; the other states of the cell are fast and are advanced in every step.
        parameters: Function of a cell, a time step and a slow time step (both ms) that returns the parameters of the
            functions by name.
        held_conductances: Returns ``(G_s, J_s, G_d, J_d)`` of the currents that depend on slow states only; they are
            constant during a slow step.
        conductances: Returns the same of the currents that depend on fast states, but not instantly on the voltage.
        instant_conductance: Returns the conductance (mS/cm2) and the reversal potential (mV) of the soma's current with
            an instantaneous gate, at the soma's voltage ``v_ahead``, which is extrapolated by half a step.
        correct_above_mV: Voltage of the soma above which it is called again, at the voltage half a step ahead that
            follows from the first call; the upstroke of a spike must be above.
        advance_slow: Returns the slow states one slow step later, given the voltages in the middle of that step.
        advance: Returns the fast states one step later, given the voltages at the end of the step.
    """

    slow: tuple[str, ...]
    parameters: Callable[[Any, float, float], dict[str, float]]
    held_conductances: Callable[..., Any]
    conductances: Callable[..., Any]
    instant_conductance: Callable[..., Any]
    correct_above_mV: float
    advance_slow: Callable[..., Any]
    advance: Callable[..., Any]


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
        multirate: Equations for the scheme ``"multirate"``. Without them, all states are fast in that scheme.
    """

    states: tuple[str, ...]
    initial: Callable[[Any], list[float]]
    parameters: Callable[[Any, float], dict[str, float]]
    conductances: Callable[..., Any]
    advance: Callable[..., Any]
    reset: Callable[..., Any] | None = None
    multirate: MultirateStep | None = None


def relaxed(x: float, opening: float, total: float, rate_dt: float) -> float:
    """Return a gate one time step later by a rational approximation of the exponential, for ``MultirateStep``.

    The decay is the inverse of the Taylor polynomial of degree 3 of the exponential: an approximation of third order
    that stays between 0 and 1.

    Args:
        x: The gate.
        opening: Its steady state times ``total``.
        total: A positive number by which the function divides only once.
        rate_dt: The rate at which the gate relaxes times the time step.
    """
    p = 1.0 + rate_dt * (0.5 + rate_dt * 0.16666667)
    q = rate_dt * p
    return (x * total + opening * q) / (total + total * q)
