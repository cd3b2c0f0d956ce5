"""How the engine steps each kind of cell: the table that a new model adds a line to."""

from livn_gym.backends.native.cells import booth_rinzel_kiehn, pinsky_rinzel
from livn_gym.backends.native.cells.base import NativeCell
from livn_gym.errors import UnsupportedModel
from livn_gym.models import BoothRinzelKiehn, Cell, PinskyRinzel

_TABLE: dict[type[Cell], NativeCell] = {
    BoothRinzelKiehn: booth_rinzel_kiehn.CELL,
    PinskyRinzel: pinsky_rinzel.CELL,
}


def native_cell(cell: Cell) -> NativeCell:
    """The engine's description of a cell.

    Raises:
        UnsupportedModel: There is none for its class.
    """
    if type(cell) not in _TABLE:
        known = ", ".join(kind.__name__ for kind in _TABLE)
        raise UnsupportedModel(f"The native backend has no equations for {type(cell).__name__}; it knows {known}.")
    return _TABLE[type(cell)]


__all__ = ["NativeCell", "native_cell"]
