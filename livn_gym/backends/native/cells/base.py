"""What the engine needs to know of a two-compartment cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NativeCell:
    """A cell as plain scalar functions, which the generator turns into a kernel.

    ``conductances`` and ``advance`` take, by their arguments' names, whichever they need of: ``v_s`` and ``v_d``
    (voltages of soma and dendrite, mV), ``v_ahead`` (the soma's, extrapolated half a step), the cell's own states
    and its parameters. They and every function they call use float constants, ``math.exp`` and ``+ - * /`` only.

    Attributes:
        states: Names of the states beyond the voltages.
        initial: The states' values at the start of a trial, in the same order, for a cell.
        parameters: Numbers that the functions take by name, for a cell and a time step in ms.
        conductances: Returns ``(G_s, J_s, G_d, J_d)``: the ionic current densities of soma and dendrite are
            ``G v - J`` (uA/cm2) with G in mS/cm2, both held during a step.
        advance: Returns the states a step later, in the same order, given the voltages at the step's end.
    """

    states: tuple[str, ...]
    initial: Callable[[Any], list[float]]
    parameters: Callable[[Any, float], dict[str, float]]
    conductances: Callable[..., Any]
    advance: Callable[..., Any]
