"""Files of device profiles: which tables and keys they have, and the electrodes that they describe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from livn_gym.errors import InvalidInput, shown, unknown_name
from livn_gym.io.layout import coordinates, grid
from livn_gym.units import finite, whole_number

Keys = dict[str, bool]
"""Keys of a table, and whether each is required."""

_TOP: Keys = {
    **dict.fromkeys(("title", "verified", "sources", "latency_ms"), True),
    **dict.fromkeys(("electrodes", "recording", "stimulation", "artefact"), True),
    "assumptions": False,
}
_ELECTRODES: Keys = {
    "radius_um": True,
    **dict.fromkeys(("rows", "columns", "pitch_um", "order", "absent"), False),
    **dict.fromkeys(("coordinates_um", "unusable", "names"), False),
}
_RECORDING: Keys = dict.fromkeys(
    (
        *("sampling_hz", "uV_per_unit", "bits", "noise_uV", "threshold_sd", "refractory_ms", "highpass_hz"),
        *("waveform_before", "waveform_after"),
    ),
    True,
)
_STIMULATION: Keys = {
    **dict.fromkeys(
        (
            *("max_amplitude_uA", "max_phases", "min_phase_us", "phase_step_us", "max_phase_charge_nC"),
            *("max_total_charge_nC", "max_rate_hz", "max_channels", "lead_time_us", "lead_step_us"),
            "charge_balanced",
        ),
        True,
    ),
    **dict.fromkeys(("amplitude_step_uA", "max_phase_us", "max_session_charge_uC"), False),
}
_ARTEFACT: Keys = dict.fromkeys(("saturation_uV", "stimulated_ms", "others_ms", "decay_ms"), True)

_ORDERS = ("rows", "columns")


def tables_of() -> dict[str, Keys]:
    """Return the keys of every table, and whether each is required."""
    return {
        "electrodes": _ELECTRODES,
        "recording": _RECORDING,
        "stimulation": _STIMULATION,
        "artefact": _ARTEFACT,
    }


def read_device(table: Mapping[str, Any], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check the keys of a device's tables and compute its electrodes.

    Args:
        table: Parsed TOML.
        name: Name of the device, for messages.

    Returns:
        The table, and the arguments of ``DeviceElectrodes``.

    Raises:
        UnknownName: A key does not exist.
        InvalidInput: A key is missing, or the electrodes are not described by one grid or one list.
    """
    top = _checked(f"the device {name!r}", table, _TOP)
    for part, keys in tables_of().items():
        _checked(f"[{part}] of the device {name!r}", top[part], keys)
    for key in ("sources", "assumptions"):
        if not isinstance(top.get(key, []), list):
            raise InvalidInput(f"{key} of the device {name!r} must be a list of texts, got {shown(top[key])}.")
    return top, _electrodes(f"[electrodes] of the device {name!r}", top["electrodes"])


def _checked(label: str, table: Any, keys: Keys) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise InvalidInput(f"{_capital(label)} must be a table of keys and values, got {shown(table)}.")
    for key in table:
        if key not in keys:
            raise unknown_name(f"key in {label}", key, keys)
    missing = [key for key, required in keys.items() if required and key not in table]
    if missing:
        raise InvalidInput(f"{_capital(label)} lacks {', '.join(missing)}.")
    return dict(table)


def _capital(label: str) -> str:
    return label[0].upper() + label[1:]


def _electrodes(label: str, table: Mapping[str, Any]) -> dict[str, Any]:
    grid_keys = [key for key in ("rows", "columns", "pitch_um") if key in table]
    if ("coordinates_um" in table) == bool(grid_keys) or len(grid_keys) not in (0, 3):
        raise InvalidInput(f"{label} needs either rows, columns and pitch_um or coordinates_um, got {sorted(table)}.")
    positions = coordinates(table["coordinates_um"]) if "coordinates_um" in table else _grid(label, table)
    count = len(positions)
    usable = np.ones(count, dtype=np.bool_)
    usable[_channels(f"unusable of {label}", table.get("unusable", []), count)] = False
    return {
        "coordinates_um": positions,
        "usable": usable,
        "names": tuple(table.get("names", map(str, range(count)))),
        "radius_um": table["radius_um"],
    }


def _grid(label: str, table: Mapping[str, Any]) -> np.ndarray:
    rows, columns = (whole_number(f"{key} of {label}", table[key]) for key in ("rows", "columns"))
    pitch_um = finite(f"pitch_um of {label}", table["pitch_um"], above=0.0)
    order = table.get("order", "rows")
    if order not in _ORDERS:
        raise unknown_name(f"order in {label}", order, _ORDERS)
    positions = grid((columns * pitch_um, rows * pitch_um), (rows, columns), pitch_um)
    if order == "columns":
        positions = positions.reshape(rows, columns, 3).swapaxes(0, 1).reshape(-1, 3)
    absent = _channels(f"absent of {label}", table.get("absent", []), rows * columns)
    return np.delete(positions, absent, axis=0)


def _channels(what: str, values: Any, count: int) -> list[int]:
    if not isinstance(values, list) or len(set(map(repr, values))) != len(values):
        raise InvalidInput(f"{what} must be a list of distinct numbers, got {shown(values)}.")
    numbers = [whole_number(f"{what}", value, minimum=0) for value in values]
    if numbers and max(numbers) >= count:
        raise InvalidInput(f"{what} must lie in 0 ... {count - 1}, got {max(numbers)}.")
    return numbers
