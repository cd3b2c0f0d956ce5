"""State of one culture in snapshots, and its validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import MAX_VOLTAGE_MV
from livn_gym.backends.native.delivery import Network
from livn_gym.backends.native.layout import (
    FIRST_OPSIN_STATE,
    GID,
    NUM_COMMON,
    OPSIN_G,
    SEED_HIGH,
    SEED_LOW,
    TRIAL,
    V_D,
    V_S,
    Y_I,
    Layout,
)
from livn_gym.errors import InvalidInput
from livn_gym.models.channelrhodopsin import STATES

_WORDS = range(Y_I + 1, NUM_COMMON)
"""Variables that store 32-bit words."""

_MAX_STEPS = 2**62
"""Largest time in steps, so that the sum of two cannot overflow."""


@dataclass(frozen=True)
class CultureState:
    """State of one culture at a point in time; cells are gids, times are steps relative to it.

    Attributes:
        variables: Variables of the cells of every population in the order of the layout, ``[variables, cells]``.
        x: Resources of every cell at its last spike, ``[N]``.
        last: Step of that spike, ``[N]``.
        time: Number of steps since the reset.
        flight: Spikes in transit: cell, step, next synapse and resources, in temporal order.
        late: Cells with a spike at exactly this time.
        waiting: Spikes in transit to the plastic synapses of their own cell: cell and step of arrival.
        learnt: Weights (uS), traces and their times of every synapse, ``[S]`` each; None without plasticity.
    """

    variables: tuple[NDArray, ...]
    x: NDArray[np.float64]
    last: NDArray[np.int64]
    time: int
    flight: tuple[NDArray, NDArray, NDArray, NDArray]
    late: NDArray[np.int64]
    waiting: tuple[NDArray, NDArray]
    learnt: tuple[NDArray, ...] | None


def check_state(state: Any, layouts: Sequence[Layout], network: Network, cells: int, dtype: np.dtype) -> None:
    """Check that an object is a valid state of a culture, since the kernels do not check indices and times.

    Args:
        state: Object to check.
        layouts: Layouts of the populations in this process.
        network: Synapses onto their cells.
        cells: Number of cells N.
        dtype: Data type of the variables of cells.

    Raises:
        InvalidInput: A part is missing, has a wrong type or shape, or is not finite or out of range; the message names
            it.
    """
    if type(state) is not CultureState or any(not hasattr(state, field.name) for field in fields(CultureState)):
        raise InvalidInput(f"A culture's state is a CultureState of this version, got {type(state).__name__}.")
    _whole("time", state.time, 0, _MAX_STEPS)
    _check_variables(state.variables, layouts, dtype)
    _array("x", state.x, np.float64, (cells,), 0.0, 1.0)
    _array("last", state.last, np.int64, (cells,), 0, state.time)
    _check_flight(state.flight, network, cells)
    late = _array("late", state.late, np.int64, None, 0, cells - 1)
    if len(np.unique(late)) < len(late):
        raise _damaged("late", "distinct cells")
    cell, step = _tuple("waiting", state.waiting, 2)
    _array("waiting", cell, np.int64, None, 0, cells - 1)
    _array("waiting", step, np.int64, cell.shape, -_MAX_STEPS, _MAX_STEPS)
    if state.learnt is not None:
        synapses = (len(network.link),)
        weight, x, y, pre, post = _tuple("learnt", state.learnt, 5)
        for traces in (weight, x, y):
            _array("learnt", traces, np.float64, synapses, 0.0, np.inf)
        _array("learnt", pre, np.int64, synapses, -1, state.time)
        _array("learnt", post, np.int64, synapses, -1, state.time)


def _check_variables(variables: Any, layouts: Sequence[Layout], dtype: np.dtype) -> None:
    streams: set[tuple[int, ...]] = set()
    for layout, values in zip(layouts, _tuple("variables", variables, len(layouts)), strict=True):
        rows = layout.num_variables
        _array("variables", values, dtype, (rows, layout.count))
        floats = [row for row in range(rows) if row not in _WORDS]
        if not np.isfinite(values[floats]).all() or (np.abs(values[[V_S, V_D]]) > MAX_VOLTAGE_MV).any():
            raise _damaged("variables", f"finite, and voltages within +-{MAX_VOLTAGE_MV:g} mV")
        if layout.opsin is not None:
            states = values[FIRST_OPSIN_STATE : FIRST_OPSIN_STATE + len(STATES)]
            if (states < 0.0).any() or (states > 1.0 + 1e-5).any():
                raise _damaged("variables", "with states of the opsin from 0 to 1")
            if (values[OPSIN_G] != np.array(layout.opsin_uS, dtype=dtype)).any():
                raise _damaged("variables", "of cells with the same expression of the opsin")
        bits = np.ascontiguousarray(values).view(np.uint64 if dtype.itemsize == 8 else np.uint32)
        words = bits.astype(np.uint64)
        if (words[_WORDS] >= 2**32).any() or (words[GID] != layout.start + np.arange(layout.count)).any():
            raise _damaged("variables", "of the cells of this system")
        streams |= set(zip(*(words[word].tolist() for word in (SEED_LOW, SEED_HIGH, TRIAL)), strict=True))
    if len(streams) > 1:
        raise _damaged("variables", "of one stream of noise")


def _check_flight(flight: Any, network: Network, cells: int) -> None:
    cell, step, synapse, x = _tuple("flight", flight, 4)
    _array("flight", cell, np.int64, None, 0, cells - 1)
    _array("flight", step, np.int64, cell.shape, -_MAX_STEPS, 0)
    _array("flight", synapse, np.int64, cell.shape, 0, max(0, len(network.link) - 1))
    _array("flight", x, np.float64, cell.shape, 0.0, 1.0)
    if len(cell) and (
        (synapse < network.start[cell]).any()
        or (synapse >= network.start[cell + 1]).any()
        or (step + network.link[synapse, 0] < 0).any()
    ):
        raise _damaged("flight", "spikes on their way to synapses of their cells")


def _array(
    name: str,
    value: Any,
    dtype: Any,
    shape: tuple[int, ...] | None,
    low: float | None = None,
    high: float | None = None,
) -> NDArray:
    """Check dtype, shape (None: one axis of any length) and range of an array, and return it."""
    if not isinstance(value, np.ndarray) or value.dtype != dtype or value.ndim != len(shape or (0,)):
        raise _damaged(name, f"an array of {np.dtype(dtype)}")
    if shape is not None and value.shape != shape:
        raise _damaged(name, f"of shape {shape}, got {value.shape}")
    if low is not None and not ((value >= low) & (value <= high) & np.isfinite(value)).all():
        raise _damaged(name, f"finite and from {low} to {high}")
    return value


def _tuple(name: str, value: Any, length: int) -> tuple[Any, ...]:
    if not isinstance(value, tuple) or len(value) != length:
        raise _damaged(name, f"a tuple of {length}")
    return value


def _whole(name: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _damaged(name, f"an integer from {low} to {high}")


def _damaged(name: str, allowed: str) -> InvalidInput:
    return InvalidInput(f"The snapshot is damaged: {name!r} of a culture must be {allowed}.")
