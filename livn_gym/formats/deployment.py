"""Spikes of a session on a device: the file ``channels.npz`` in the folder of ``livn-gym deploy``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from livn_gym.formats.foreign.assembly import Events
from livn_gym.reading import damage, read_npz

ARRAYS = ("channel", "t_ms", "names", "coordinates_um", "duration_ms")
"""Arrays of the file: channel and time (ms) of every spike ``[S]``, names and positions (um) of all channels of the
device ``[C]``, ``[C, 3]``, and length of the session, ms."""


def is_npz(names: Iterable[str]) -> bool:
    """Return whether an ``.npz`` file with arrays of these names is of a session on a device."""
    return set(names) == set(ARRAYS)


def read(path: Path) -> Events:
    """Read the spikes.

    Raises:
        InvalidInput: There is no such file.
        CorruptData: The file is damaged, or of another kind.
    """
    arrays = read_npz(path)
    with damage(path, "is no channels.npz of a session on a device"):
        if not is_npz(arrays):
            raise ValueError(f"it has {', '.join(arrays)}, not {', '.join(ARRAYS)}")
        return Events(
            arrays["t_ms"],
            arrays["channel"],
            [str(name) for name in arrays["names"].tolist()],
            arrays["coordinates_um"],
            duration_ms=float(arrays["duration_ms"]),
        )
