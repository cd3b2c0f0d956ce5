"""Results of several cultures: the form that every decoding gives them, and the part of one culture."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, shown
from livn_gym.recording import Recording

LAW = "an array [B, ...], a list of B results, a dict of these, or a Recording of B cultures"
"""Form of the results of B cultures, for messages; see ``Decoding``."""


@checked
def culture_result(results: Any, culture: int, num_cultures: int) -> Any:
    """Return the result of one culture from the results of B cultures.

    Args:
        results: What ``Decoding.decode`` returned.
        culture: Index of the culture.
        num_cultures: B.

    Returns:
        Entry ``culture`` of an array or a list (a Python number where the array is ``[B]``), a dict of such entries,
        or the culture's recording. None if there is no result, as on MPI ranks other than the root.

    Raises:
        InvalidInput: The results have another form or are not those of B cultures, or there is no such culture.
    """
    if not 0 <= culture < num_cultures:
        raise InvalidInput(f"culture must lie in 0 ... {num_cultures - 1}, got {culture}.")
    if results is None:
        return None
    if isinstance(results, Recording):
        return results.culture(culture)
    if isinstance(results, Mapping):
        return {name: culture_result(part, culture, num_cultures) for name, part in results.items()}
    array = isinstance(results, np.ndarray)
    if not (array and results.ndim or isinstance(results, list)) or len(results) != num_cultures:
        got = f"an array {results.shape}" if array else shown(results)
        raise InvalidInput(f"The results of B = {num_cultures} cultures must be {LAW}, got {got}.")
    result = results[culture]
    return result.item() if isinstance(result, np.generic) else result


@checked
def stack_by_name(results: Sequence[Mapping[str, Any]], lists: Collection[str] = ()) -> dict[str, Any]:
    """Combine one dict for each of B cultures into one dict of arrays ``[B, ...]``.

    Args:
        results: The dicts, all with the same keys.
        lists: Keys whose values are no numbers or vary in shape from culture to culture: they become lists of B.

    Raises:
        InvalidInput: There are no dicts, or their keys differ.
    """
    if not results or any(result.keys() != results[0].keys() for result in results):
        raise InvalidInput(f"Results of B cultures must be dicts with the same keys, got {shown(results)}.")
    return {name: (list if name in lists else np.array)([result[name] for result in results]) for name in results[0]}
