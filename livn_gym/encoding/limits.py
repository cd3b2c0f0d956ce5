"""Charge and rate limits of stimulation, and checks of inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput
from livn_gym.pulses import numbers
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite, whole_steps
from livn_gym.view import CultureView

MAX_CHARGE_NC = 3.0
"""Limit of the charge of a phase and of the net charge at any time, nC; 15 uA for 0.2 ms."""

MAX_PULSE_RATE_HZ = 200.0
"""Largest number of pulses per second on a channel."""

_ROUNDING = 1.0 + 1e-9


@checked
def safe_pulse(amplitude_uA: float, phase_ms: float, rate_hz: float) -> None:
    """Check a pulse train against the charge and rate limits.

    Raises:
        InvalidInput: A number is not positive, or a limit is exceeded.
    """
    amplitude = finite("Pulse amplitude (uA)", amplitude_uA, above=0.0)
    charge = amplitude * finite("phase_ms", phase_ms, above=0.0)
    if charge > MAX_CHARGE_NC * _ROUNDING:
        raise InvalidInput(
            f"{amplitude:g} uA for {phase_ms:g} ms is {charge:g} nC per phase; at most {MAX_CHARGE_NC:g} nC are safe."
        )
    if finite("Pulse rate (Hz)", rate_hz, above=0.0) > MAX_PULSE_RATE_HZ:
        raise InvalidInput(f"Pulses are safe up to {MAX_PULSE_RATE_HZ:g} Hz per channel, got {rate_hz:g} Hz.")


@checked
def safe_stimulus(stimulus: Stimulus, max_charge_nC: float) -> None:
    """Check that every phase of electrode currents (uA), and the net charge at any time, is within ``max_charge_nC``.

    A phase is the current in one direction until the direction changes, gaps included. Onsets of pulses must also keep
    ``MAX_PULSE_RATE_HZ``; a dense array has no pulses to count.

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
        for quantity, values in (("a phase", np.abs(phase)), ("net charge", np.abs(net))):
            if values.max(initial=0.0) > max_charge_nC * _ROUNDING:
                culture, channel = np.unravel_index(values.argmax(), values.shape)
                raise InvalidInput(
                    f"Channel {channel} of culture {culture} reaches {values.max():g} nC as {quantity}; "
                    f"at most {max_charge_nC:g} nC are allowed."
                )


def _phase_charges(stimulus: Stimulus) -> NDArray[np.float64]:
    """Return the charge of the r-th phase of every channel, nC ``[B, R, C]``; 0 for channels with fewer phases."""
    assert stimulus.pulses is not None
    p = stimulus.pulses
    p = p.select(np.lexsort((p.onset_ms + p.offset_ms, p.column, p.culture)))
    group = p.culture * stimulus.num_columns + p.column
    rank = np.arange(len(group)) - np.searchsorted(group, group)
    gap = np.diff(p.onset_ms)[np.diff(group) == 0]
    gap = gap[gap > 0]
    if len(gap) and gap.min() * MAX_PULSE_RATE_HZ < 1000.0 / _ROUNDING:
        raise InvalidInput(
            f"Two pulses of a channel are {gap.min():g} ms apart; the minimum is {1000.0 / MAX_PULSE_RATE_HZ:g} ms."
        )
    charges = np.zeros((stimulus.num_cultures or 1, rank.max(initial=-1) + 1, stimulus.num_columns))
    charges[p.culture, rank, p.column] = p.value * p.width_ms
    return charges


@checked
def channel_inputs(view: CultureView, inputs: Any, shape: tuple[int, ...], limit: float) -> NDArray[np.float64]:
    """Convert the inputs of an encoding to an array and check its shape and range.

    Args:
        view: The cultures; their number B decides which leading axis is allowed.
        inputs: Inputs as the user passed them.
        shape: Shape of the inputs of one culture.
        limit: Largest absolute value.

    Returns:
        ``shape`` if there is one culture and no leading axis, otherwise ``[n, *shape]`` with n at most B.

    Raises:
        InvalidInput: The inputs have another shape, are NaN or exceed the limit.
    """
    values = numbers("Inputs", inputs)
    single = values.shape == shape and view.num_cultures == 1
    if not single and (values.shape[1:] != shape or not 1 <= len(values) <= view.num_cultures):
        expected = shape if view.num_cultures == 1 else (view.num_cultures, *shape)
        raise InvalidInput(f"Inputs must have the shape {expected}, got {values.shape}.")
    if np.isnan(values).any():
        raise InvalidInput("Inputs must be numbers, they hold NaN.")
    if np.abs(values).max() > limit:
        worst = values.flat[np.abs(values).argmax()]
        raise InvalidInput(f"Inputs must lie in [-{limit:g}, {limit:g}], got {worst:g}.")
    return values


@checked
def channels(view: CultureView) -> int:
    """Return the number of channels C, at least 1.

    Raises:
        InvalidInput: The interface has no channels.
    """
    if view.electrodes.num_channels < 1:
        raise InvalidInput("This encoding stimulates electrodes, and the Env's interface has none.")
    return view.electrodes.num_channels


@checked
def lights(view: CultureView) -> int:
    """Return the number of lights L.

    Raises:
        InvalidInput: The cultures have no lights.
    """
    bound = getattr(view, "lights", None)
    if bound is None:
        raise InvalidInput("This encoding needs lights on cells with an opsin: give opsin=, such as 'williams_2013'.")
    return int(bound.num_lights)


@checked
def whole_phase(view: CultureView, phase_ms: float) -> None:
    """Check that a phase is a whole number of time steps.

    Raises:
        InvalidInput: The phase is no whole number of time steps.
    """
    whole_steps("phase_ms", phase_ms, view.dt)
