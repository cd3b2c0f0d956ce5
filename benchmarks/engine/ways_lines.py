"""Lines of the kernels for ``ways.py``: solutions without the corrector, and increments added in other ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from livn_gym.backends.native import layout, lines

Change = tuple[Any, str, Any]
"""A module or class, the name of an attribute, and what it is in a variant."""

_SOLUTION, _SOLVE, _SLOW, _ARRIVE = lines._solution, lines.solve, lines.advance_slow, lines.arrive
_SLOT = layout.Slot


def uncorrected(step: Any, functions: Any, *, corrected: bool) -> Iterator[str]:
    """Return the lines of the profile's solution with the instant gate at the extrapolated voltage only."""
    return _SOLUTION(step, functions, corrected=False)


def extrapolated(step: Any, functions: Any, *, corrected: bool) -> Iterator[str]:
    """Return the lines of the scheme second_order for cells with an instant conductance."""
    yield f"G_instant, E_instant = {functions.call(step.instant_conductance)}"
    yield "G_instant = p_area_s * G_instant"
    yield "G_s += G_instant"
    yield "R_s += G_instant * (E_instant - v_s)"
    yield from lines._SOLUTION


def _slots(variables: int) -> Change:
    """Return the change by which receptors have 2 or 3 variables."""

    def slot(receptor: Any, site: str, first: int, size: int) -> layout.Slot:
        number = (first - layout.NUM_COMMON) // size
        return _SLOT(receptor, site, layout.NUM_COMMON + variables * number, variables)

    return layout, "Slot", slot


def increments_summed() -> tuple[Change, ...]:
    """Return the changes by which the scheme multirate adds increments to a sum, and the sum to A and B when due."""

    def decayed(part: str, before: str, name: str, slot: layout.Slot) -> dict[str, str]:
        keep = f"p_keep_{'rise' if part == 'A' else 'decay'}_{name}"
        return {f"{before} * {keep}": f"({before} + {lines.get(slot.first + 2)}) * {keep}"}

    def solve(population: layout.Layout, functions: Any, *, corrected: bool = False) -> Iterator[str]:
        changed = {}
        for name, slot in population.fast_slots.items():
            for k, part in enumerate("AB"):
                for old, new in decayed(part, f"{part}_{name}", name, slot).items():
                    changed[lines.put(slot.first + k, old)] = (
                        f"left = {new}",
                        lines.put(slot.first + k, lines._flushed("left")),
                    )
        for text in _SOLVE(population, functions, corrected=corrected):
            yield from changed.get(text, (text,))
        yield from (lines.put(slot.first + 2, "T(0.0)") for slot in population.fast_slots.values())

    def advance_slow(population: layout.Layout, functions: Any) -> Iterator[str]:
        held = {name: slot for name, slot in population.slots.items() if name not in population.fast_slots}
        changed = {}
        for name, slot in held.items():
            for part in "AB":
                for old, new in decayed(part, "before", name, slot).items():
                    changed[f"{part}_{name} = {old}"] = f"{part}_{name} = {new}"
        for text in _SLOW(population, functions):
            yield changed.get(text, text)
        for slot in held.values():
            yield lines.put(slot.first + 2, f"T(0.0) if due else {lines.get(slot.first + 2)}")

    return (
        _slots(3),
        (lines, "solve", solve),
        (lines, "advance_slow", advance_slow),
        (lines, "arrive", lambda population: [next(iter(_ARRIVE(population)))]),
    )


def increments_added() -> tuple[Change, ...]:
    """Return the changes by which the scheme second_order adds increments to A and B as they arrive."""

    def solve(population: layout.Layout, functions: Any, *, corrected: bool = False) -> Iterator[str]:
        cleared = {lines.put(slot.first + 2, "T(0.0)") for slot in population.slots.values()}
        for text in _SOLVE(population, functions, corrected=corrected):
            if not text.startswith("arrived = ") and text not in cleared:
                yield text.replace(" + arrived)", ")")

    return (
        _slots(2),
        (lines, "solve", solve),
        (
            lines,
            "arrive",
            lambda population: [*_ARRIVE(population), "S[addresses[event] + LANES] += T(increments[event])"],
        ),
    )
