"""Lines of the loops over the lanes of a block, from which the kernel of a population is made.

In every step, one loop solves for the voltages and another advances the states of the cells. Noise has loops of its
own, since it is advanced once in ``noise_steps`` steps. In the scheme ``"multirate"``, a further loop advances the slow
states and the slow receptors and sums the conductances that are held during a slow step.

Several short loops are faster than a long one, because the code after the solution does not wait for it within the few
hundred instructions that a processor looks ahead.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from livn_gym.backends.native import layout as variables
from livn_gym.backends.native.layout import Layout, Slot
from livn_gym.models import MultirateStep, channelrhodopsin
from livn_gym.models.channelrhodopsin import LIGHT, STATES

MIN_CONDUCTANCE_US = 1e-30
"""Conductances below this are set to 0. They are negligible in any sum, and subnormal numbers, which a decay reaches in
float32 some 30 ms after a spike, take over a hundred cycles each on some processors."""


ACTIVE = 1024
"""Number that a cell adds to the flags of its block after a step if its instant gate is corrected in the next step.
Cells whose voltage has crossed the threshold add 1."""


class Functions(Protocol):
    """Translated functions of a cell."""

    def call(self, function: Callable[..., Any], names: Mapping[str, str] | None = None) -> str:
        """Return a call of a function, with its arguments chosen by name; ``names`` replaces those of the cell."""


def get(variable: int) -> str:
    """Return an expression for a variable of the lane."""
    return f"load(S, i + {variable} * LANES)"


def put(variable: int, value: str) -> str:
    """Return a line that sets a variable of the lane."""
    return f"store(S, i + {variable} * LANES, {value})"


def _word(variable: int) -> str:
    return f"WORD(to_bits({get(variable)}))"


def _due(remainder: int, period: int) -> str:
    """Return a line that finds out whether the cell's step since its reset has a remainder."""
    return f"due = ((BITS(to_bits({get(variables.STEP)})) + BITS(now)) & BITS({period - 1})) == BITS({remainder})"


_NOISE_KEY = (variables.GID, variables.TRIAL, variables.SEED_LOW, variables.SEED_HIGH)


def _update(sign: str, draw: str) -> Iterator[str]:
    variable = variables.Y_E if sign == "e" else variables.Y_I
    yield f"y = {get(variable)}"
    yield put(variable, f"p_noise_keep_{sign} * y + p_noise_spread_{sign} * {draw} if due else y")


def noise_drawn(layout: Layout) -> Iterator[str]:
    """Return the lines that draw words for two advances of the noise, and advance it for the first."""
    shift = layout.noise_steps.bit_length() - 1
    yield _due(0, 2 * layout.noise_steps)
    yield f"at = (({_word(variables.STEP_HIGH)} << WORD(32)) + {_word(variables.STEP)} + now) >> WORD({shift})"
    yield f"words = philox(at, {', '.join(map(_word, _NOISE_KEY))})"
    for variable, word in ((variables.ODD_RADIUS, 2), (variables.ODD_ANGLE, 3)):
        yield put(variable, f"from_bits(BITS(words[{word}])) if due else {get(variable)}")
    yield "draw_e, draw_i = normal(words[0], words[1])"
    yield from (*_update("e", "draw_e"), *_update("i", "draw_i"))
    for slot in layout.fast_slots.values() if layout.multirate else ():
        for k in range(2):  # rarely enough to cost little, and often enough to reach no subnormal number
            yield f"value = {get(slot.first + k)}"
            yield put(slot.first + k, f"value if (abs(value) > T({MIN_CONDUCTANCE_US})) | (not due) else T(0.0)")


def noise_stored(layout: Layout) -> Iterator[str]:
    """Return the lines that advance the noise by the words drawn before."""
    yield _due(layout.noise_steps, 2 * layout.noise_steps)
    yield f"draw_e, draw_i = normal({_word(variables.ODD_RADIUS)}, {_word(variables.ODD_ANGLE)})"
    yield from (*_update("e", "draw_e"), *_update("i", "draw_i"))


def arrive(layout: Layout) -> Iterator[str]:
    """Return the lines that add an increment to a receptor."""
    yield "S[addresses[event]] += T(increments[event])"
    if layout.multirate:  # to A and B, whose difference an increment does not change
        yield "S[addresses[event] + LANES] += T(increments[event])"


def solve(layout: Layout, functions: Functions, *, corrected: bool = False) -> Iterator[str]:
    """Return the lines that compute the next voltages from the conductances, and the decay of the synapses.

    Args:
        layout: The population.
        functions: Its translated functions.
        corrected: Whether instant gates are corrected in cells above the voltage of ``MultirateStep``. The results of
            other cells are the same with and without it.
    """
    at = {"s": "v_s", "d": "v_d"}  # voltages at the end of the previous step
    yield from _voltages_and_states(layout)
    yield "v_before = v_s"
    yield f"v_old = {get(variables.V_OLD)}"
    if layout.native.reset is not None:
        at = {"s": "v_before", "d": "v_d_before"}
        yield from _reset(layout, functions)
    yield "v_ahead = v_s + T(0.5) * (v_s - v_old)"
    yield f"G_s, J_s, G_d, J_d = {functions.call(layout.conductances)}"
    if layout.multirate:
        for name, variable in layout.held_variables.items():
            yield f"{name} = p_area_{name[-1]} * {name} + {get(variable)}"
        yield f"G_s += {get(variables.G_IN)}"
        yield f"J_s += {get(variables.J_IN)} + {get(variables.AMP_S)}"
        yield f"J_d += {get(variables.AMP_D)}"
    else:
        yield f"G_s = p_area_s * G_s + {get(variables.G_IN)}"
        yield f"J_s = p_area_s * J_s + {get(variables.J_IN)} + {get(variables.AMP_S)}"
        yield "G_d = p_area_d * G_d"
        yield f"J_d = p_area_d * J_d + {get(variables.AMP_D)}"
    for name, slot in layout.fast_slots.items():
        yield f"A_{name} = {get(slot.first)}"
        yield f"B_{name} = {get(slot.first + 1)}"
        yield from _open(name, slot, at)
    if not layout.multirate:
        yield from _background(layout)
        if layout.opsin is not None:
            yield from _opsin_variables()
            yield from _opsin_current(layout, functions)
    yield from (
        "flow = p_coupling * (v_d - v_s)",
        "R_s = J_s - G_s * v_s + flow",
        "R_d = J_d - G_d * v_d - flow",
    )
    step = layout.multirate_step
    yield from _SOLUTION if step is None else _solution(step, functions, corrected=corrected)
    yield from (
        put(variables.V_S, "v_s"),
        put(variables.V_D, "v_d"),
        put(variables.V_OLD, "v_before"),
        "flags = FLAG(flags + (FLAG(1) if (v_s > p_threshold) & (v_before <= p_threshold) else FLAG(0)))",
    )
    if step is not None:
        yield f"flags = FLAG(flags + (FLAG({ACTIVE}) if v_s > T({step.correct_above_mV}) else FLAG(0)))"
    for name, slot in layout.fast_slots.items():
        if layout.multirate:
            yield put(slot.first, f"A_{name} * p_keep_rise_{name}")
            yield put(slot.first + 1, f"B_{name} * p_keep_decay_{name}")
            continue
        yield f"arrived = {get(slot.first + 2)}"
        for k, (process, phase) in enumerate((("A", "rise"), ("B", "decay"))):
            yield f"left = ({process}_{name} + arrived) * p_keep_{phase}_{name}"
            yield put(slot.first + k, _flushed("left"))
        yield put(slot.first + 2, "T(0.0)")


_SOLUTION = (
    "inverse = T(1.0) / (p_C_d + G_d + p_coupling)",
    "share = p_coupling * inverse",
    "change = (R_s + share * R_d) / (p_C_s + G_s + p_coupling - share * p_coupling)",
    "v_s = v_s + p_order * change",
    "v_d = v_d + p_order * (R_d + p_coupling * change) * inverse",
)
"""Solution for both voltages in the order of operations of NEURON."""


def _solution(step: MultirateStep, functions: Functions, *, corrected: bool) -> Iterator[str]:
    """Return the lines that solve for both voltages, if corrected first half a step ahead for the instant gate.

    Where a conductance is so large that the second-order scheme would overshoot its reversal potential (in the upstroke
    of a spike), the scheme becomes implicit as far as needed: theta = max(1/2, 1 - C / (G dt)).
    """
    yield "b = p_C_d + G_d + p_coupling"
    yield "flow_d = p_coupling * R_d"
    for last in (False, True) if corrected else (True,):
        yield f"G_instant, E_instant = {functions.call(step.instant_conductance)}"
        yield "G_instant = p_area_s * G_instant"
        yield "G = G_s + G_instant"
        yield "R = R_s + G_instant * (E_instant - v_s)"
        yield "a = p_C_s + p_coupling + max(G, T(2.0) * G - p_C_s)"
        yield "determinant = a * b - p_coupling * p_coupling"
        if not last:
            yield "v_half = v_s + (R * b + flow_d) / determinant"
            yield f"v_ahead = v_half if v_s > T({step.correct_above_mV}) else v_ahead"
    yield "inverse = T(2.0) / determinant"
    yield "v_d = v_d + (R_d * a + p_coupling * R) * inverse"
    yield "v_s = v_s + (R * b + flow_d) * inverse"


def advance(layout: Layout, functions: Functions) -> Iterator[str]:
    """Return the lines that advance the states of the cell, the fast ones if there are slow ones."""
    states = {name: k for name, k in layout.state_variables.items() if name not in layout.slow_states}
    advances_opsin = layout.opsin is not None and not layout.multirate
    if not states and not advances_opsin:
        return
    yield from _voltages_and_states(layout)
    if advances_opsin:
        yield from _opsin_variables()
        yield from _advance_opsin(layout, functions, "{value}")
    if not states:
        return
    if "v_old" in inspect.signature(layout.advance).parameters:
        yield f"v_old = {get(variables.V_OLD)}"
    yield f"{_names(states)} = {functions.call(layout.advance)}"
    for name, variable in states.items():
        yield put(variable, f"x_{name}")


def advance_slow(layout: Layout, functions: Functions) -> Iterator[str]:
    """Return the lines that advance slow states and receptors, and sum the conductances held during a slow step.

    Slow states are half a slow step ahead, that is, in the middle of the step during which they are held.
    """
    yield _due(0, layout.slow_steps)
    yield from _voltages_and_states(layout)
    step = layout.multirate_step
    yield "G_s = J_s = G_d = J_d = T(0.0)"
    if step is not None:
        yield f"{_names(layout.slow_states)} = {functions.call(step.advance_slow)}"
        yield f"G_s, J_s, G_d, J_d = {functions.call(step.held_conductances)}"
        yield from (f"{name} = p_area_{name[-1]} * {name}" for name in layout.held_variables)
        for name in layout.slow_states:
            variable = layout.state_variables[name]
            yield put(variable, f"x_{name} if due else {get(variable)}")
    for name, slot in layout.slots.items():
        if name in layout.fast_slots:
            continue
        for k, (process, phase) in enumerate((("A", "rise"), ("B", "decay"))):
            part = f"{process}_{name}"
            yield f"before = {get(slot.first + k)}"
            yield f"{part} = before * p_keep_{phase}_{name}"
            yield f"{part} = {_flushed(part)}"
            yield put(slot.first + k, f"{part} if due else before")
        yield from _open(name, slot, {"s": "v_s", "d": "v_d"})
    yield from _background(layout)
    if layout.opsin is not None:
        yield from _opsin_variables()
        yield from _advance_opsin(layout, functions, "{value} if due else {before}")
        yield from _opsin_current(layout, functions)
    for name, variable in layout.held_variables.items():
        yield put(variable, f"{name} if due else {get(variable)}")


def _voltages_and_states(layout: Layout) -> Iterator[str]:
    """Return the lines that read the voltages and the states of a cell."""
    yield f"v_s = {get(variables.V_S)}"
    yield f"v_d = {get(variables.V_D)}"
    yield from (f"x_{name} = {get(variable)}" for name, variable in layout.state_variables.items())


def _names(states: Any) -> str:
    return ", ".join(f"x_{name}" for name in states)


def _open(name: str, slot: Slot, at: dict[str, str]) -> Iterator[str]:
    """Return the lines that add the conductance of a receptor."""
    side = slot.site[0]
    yield f"g = p_norm_{name} * (B_{name} - A_{name})"
    if slot.receptor.magnesium_mM:
        yield f"g = g / (T(1.0) + exp(T(-0.062) * {at[side]}) * p_mg_{name} / T(3.57))"
    yield f"G_{side} += g"
    yield f"J_{side} += g * p_E_{name}"


def _flushed(value: str) -> str:
    return f"{value} if abs({value}) > T({MIN_CONDUCTANCE_US}) else T(0.0)"


def _background(layout: Layout) -> Iterator[str]:
    """Return the lines that add the conductances of the background noise."""
    for sign, variable in (("e", variables.Y_E), ("i", variables.Y_I)):
        side = layout.noise_site[sign][0]
        yield f"g = p_noise_g0_{sign} + p_noise_std_{sign} * {get(variable)}"
        yield "g = g if g > T(0.0) else T(0.0)"
        yield f"G_{side} += g"
        yield f"J_{side} += g * p_noise_E_{sign}"


def _opsin_variables() -> Iterator[str]:
    """Return the lines that read the conductance, the light and the states of the opsin."""
    yield f"opsin_g = {get(variables.OPSIN_G)}"
    for first, names in ((variables.FIRST_LIGHT, LIGHT), (variables.FIRST_OPSIN_STATE, STATES)):
        yield from (f"opsin_{name} = {get(first + k)}" for k, name in enumerate(names))


def _advance_opsin(layout: Layout, functions: Functions, stored: str) -> Iterator[str]:
    """Return the lines that advance the states of the opsin; ``stored`` is the pattern of the values to store."""
    new = ", ".join(f"new_{name}" for name in STATES)
    yield f"{new} = {functions.call(channelrhodopsin.advance, layout.opsin_names)}"
    for k, name in enumerate(STATES):
        yield f"new_{name} = {_flushed(f'new_{name}')}"
        value = stored.format(value=f"new_{name}", before=f"opsin_{name}")
        yield put(variables.FIRST_OPSIN_STATE + k, value)
        yield f"opsin_{name} = new_{name}"


def _opsin_current(layout: Layout, functions: Functions) -> Iterator[str]:
    """Return the lines that add the conductance of the opsin, which is in the soma."""
    yield f"g = {functions.call(channelrhodopsin.conductance, layout.opsin_names)}"
    yield "G_s += g"
    yield "J_s += g * p_opsin_E"


def _reset(layout: Layout, functions: Functions) -> Iterator[str]:
    """Return the lines that reset cells whose soma has reached the peak, across which nothing is extrapolated."""
    assert layout.native.reset is not None
    changed = {"v_s": None, "v_d": None} | {f"x_{name}": k for name, k in layout.state_variables.items()}
    yield "v_d_before = v_d"
    yield "fired = v_s >= p_v_peak"
    yield f"{', '.join(f'reset_{name}' for name in changed)} = {functions.call(layout.native.reset)}"
    for name, variable in changed.items():
        yield f"{name} = reset_{name} if fired else {name}"
        if variable is not None:
            yield put(variable, name)
    yield "v_old = v_s if fired | (v_old >= p_v_peak) else v_old"
