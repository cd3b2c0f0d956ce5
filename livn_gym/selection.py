"""Selection of cells by number and by population."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.system import Population


def selected_gids(
    populations: Sequence[Population],
    gids: Sequence[int] | NDArray[np.int64] | None,
    names: str | Sequence[str] | None,
) -> NDArray[np.int64] | None:
    """Return the cells that are among ``gids`` and in one of the named populations; None if both are None.

    Args:
        populations: Populations of a recording; empty if unknown.
        gids: Cells; None for all.
        names: Name or names of populations; None for all.

    Raises:
        InvalidInput: Populations are named, but those of the recording are unknown.
        UnknownName: There is no such population.
    """
    cells = None if gids is None else np.asarray(gids, dtype=np.int64)
    if names is None:
        return cells
    by_name = {population.name: population.gids for population in populations}
    if not by_name:
        raise InvalidInput("This recording does not know its populations: select cells by system.gids(population).")
    selected = (names,) if isinstance(names, str) else tuple(names)
    for name in selected:
        if name not in by_name:
            raise unknown_name("population", name, by_name)
    named = np.concatenate([np.zeros(0, dtype=np.int64), *(by_name[name] for name in selected)])
    return named if cells is None else np.intersect1d(named, cells)
