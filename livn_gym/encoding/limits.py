"""What electrodes may carry, and what inputs may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput
from livn_gym.pulses import Pulses, numbers
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite, whole_steps

if TYPE_CHECKING:
    from livn_gym.env import Env

MAX_CHARGE_NC = 3.0
"""Most charge of a phase, and most net charge at any time: 15 uA for 0.2 ms."""

MAX_RATE_HZ = 200.0
"""Most pulses a second on a channel."""

_ROUNDING = 1.0 + 1e-9


@checked
def safe_pulse(amplitude_uA: float, phase_ms: float, rate_hz: float) -> None:
    """Check a pulse train against the limits.

    Raises:
        InvalidInput: A number is not positive, or a limit is exceeded.
    """
    amplitude = finite("Pulse amplitude (uA)", amplitude_uA, above=0.0)
    charge = amplitude * finite("phase_ms", phase_ms, above=0.0)
    if charge > MAX_CHARGE_NC * _ROUNDING:
        raise InvalidInput(
            f"{amplitude:g} uA for {phase_ms:g} ms is {charge:g} nC a phase; at most {MAX_CHARGE_NC:g} nC are safe."
        )
    if finite("Pulse rate (Hz)", rate_hz, above=0.0) > MAX_RATE_HZ:
        raise InvalidInput(f"Pulses are safe up to {MAX_RATE_HZ:g} Hz a channel, got {rate_hz:g} Hz.")


@checked
def safe_stimulus(stimulus: Stimulus, max_charge_nC: float) -> None:
    """Check electrode commands (uA): every phase, and the net charge at any time, within ``max_charge_nC``.

    A phase is what flows in one direction before the direction changes, gaps included. The onsets of pulses
    must also keep ``MAX_RATE_HZ``; in a dense array there are no pulses to count.

    Raises:
        InvalidInput: A limit is exceeded.
    """
    if stimulus.array is not None:
        charges = stimulus.array.reshape(-1, *stimulus.array.shape[-2:]) * stimulus.dt
    else:
        charges = _phase_charges(stimulus)
    phase = net = np.zeros_like(charges[:, 0])
    for charge in charges.swapaxes(0, 1):
        phase, net = np.where(phase * charge < 0, 0.0, phase) + charge, net + charge
        for what, values in (("a phase", np.abs(phase)), ("net charge", np.abs(net))):
            if values.max(initial=0.0) > max_charge_nC * _ROUNDING:
                culture, channel = np.unravel_index(values.argmax(), values.shape)
                raise InvalidInput(
                    f"Channel {channel} of culture {culture} reaches {values.max():g} nC as {what}; "
                    f"at most {max_charge_nC:g} nC are allowed."
                )


def _phase_charges(stimulus: Stimulus) -> NDArray[np.float64]:
    """Charge of the r-th phase of every channel, nC ``[B, R, C]``, 0 where there are fewer."""
    assert stimulus.pulses is not None
    p = stimulus.pulses
    order = np.lexsort((p.onset_ms + p.offset_ms, p.column, p.culture))
    p = Pulses(*(getattr(p, name)[order] for name in p.__dataclass_fields__))
    group = p.culture * stimulus.num_columns + p.column
    rank = np.arange(len(group)) - np.searchsorted(group, group)
    gap = np.diff(p.onset_ms)[np.diff(group) == 0]
    gap = gap[gap > 0]
    if len(gap) and gap.min() * MAX_RATE_HZ < 1000.0 / _ROUNDING:
        raise InvalidInput(
            f"Two pulses of a channel are {gap.min():g} ms apart; {1000.0 / MAX_RATE_HZ:g} ms are the least."
        )
    charges = np.zeros((stimulus.num_cultures or 1, rank.max(initial=-1) + 1, stimulus.num_columns))
    charges[p.culture, rank, p.column] = p.value * p.width_ms
    return charges


@checked
def channel_inputs(env: Env, inputs: Any, shape: tuple[int, ...], limit: float) -> NDArray[np.float64]:
    """Inputs as numbers within ``[-limit, limit]`` of the shape that an encoding takes.

    Args:
        env: Its number of cultures B decides on the leading axis.
        inputs: What was given.
        shape: Shape of one culture's inputs.
        limit: Bound of every number.

    Returns:
        ``shape`` for a single culture given without a leading axis, else ``[B, *shape]`` (fewer than B where only
        some cultures will run).

    Raises:
        InvalidInput: Another shape, NaN, or a number out of bounds.
    """
    values = numbers("Inputs", inputs)
    single = values.shape == shape and env.num_cultures == 1
    if not single and (values.shape[1:] != shape or not 1 <= len(values) <= env.num_cultures):
        expected = shape if env.num_cultures == 1 else (env.num_cultures, *shape)
        raise InvalidInput(f"Inputs must have the shape {expected}, got {values.shape}.")
    if np.isnan(values).any():
        raise InvalidInput("Inputs must be numbers, they hold NaN.")
    if np.abs(values).max() > limit:
        worst = values.flat[np.abs(values).argmax()]
        raise InvalidInput(f"Inputs must lie in [-{limit:g}, {limit:g}], got {worst:g}.")
    return values


@checked
def channels(env: Env) -> int:
    """C, at least 1.

    Raises:
        InvalidInput: The interface has no channels.
    """
    if env.io.num_channels < 1:
        raise InvalidInput("This encoding stimulates electrodes, and the Env's interface has none.")
    return env.io.num_channels


@checked
def whole_phase(env: Env, phase_ms: float) -> None:
    """Check that a phase is a whole number of the Env's time steps.

    Raises:
        InvalidInput: It is not.
    """
    whole_steps("phase_ms", phase_ms, env.dt)
