"""Checks of what tasks, decodings and conditions return to the closed loop, which may be a user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.tasks import Task
from livn_gym.errors import InvalidInput, shown
from livn_gym.stimulus import Stimulus


def features(owner: object, results: Any, count: int, num_features: int) -> NDArray[np.float64]:
    """The decoded recordings of n cultures, ``[n, F]``.

    Raises:
        InvalidInput: They have another shape or are not finite numbers.
    """
    numbers = _numbers(f"{type(owner).__name__}.decode", results, (count, num_features))
    return numbers.astype(np.float64, copy=False)


def stimulus(owner: object, made: Any, count: int, num_channels: int, num_lights: int) -> Stimulus | None:
    """Check the result of an encoding for n cultures and return it as a stimulus.

    Raises:
        InvalidInput: It is no stimulus of the electrodes or of the lights, or one of another number of cultures.
    """
    applied = Stimulus.from_arg(made)
    if applied is None:
        return None
    what = f"{type(owner).__name__} must make a stimulus"
    electrical, light = applied.parts
    for part, mode, columns, each in (
        (electrical, "electrode", num_channels, "channel"),
        (light, "light", num_lights, "light"),
    ):
        if part is None:
            continue
        if part.mode != mode or part.num_columns != columns:
            raise InvalidInput(
                f"{what} in the mode {mode!r} with {columns} columns, one per {each}, got the mode {part.mode!r} with "
                f"{part.num_columns}."
            )
        if part.num_cultures not in (None, count):
            raise InvalidInput(f"{what} of {count} cultures for as many inputs, got one of {part.num_cultures}.")
    return applied


def commands(tasks: Sequence[Task], actions: NDArray, space: spaces.Box) -> NDArray:
    """The encoding's inputs for the actions of n cultures, ``[n, *space.shape]``.

    Raises:
        InvalidInput: They have another shape or are not finite numbers.
    """
    what = f"{type(tasks[0]).__name__}.to_command"
    if type(tasks[0]).to_command is Task.to_command and actions.shape[1:] == space.shape:
        return actions  # the same numbers, which were checked
    made = [task.to_command(action) for task, action in zip(tasks, actions, strict=True)]
    return _rows(what, made, space.shape)


def rewards(tasks: Sequence[Task]) -> NDArray[np.float64]:
    """The rewards of n cultures, ``[n]``.

    Raises:
        InvalidInput: One is not a finite number.
    """
    what = f"{type(tasks[0]).__name__}.reward"
    return _rows(what, [task.reward for task in tasks], ()).astype(np.float64, copy=False)


def ends(tasks: Sequence[Task], name: str) -> NDArray[np.bool_]:
    """The ``terminated`` or ``truncated`` of n cultures, ``[n]``.

    Raises:
        InvalidInput: One is not True or False.
    """
    given = [getattr(task, name) for task in tasks]
    for value in given:
        if not isinstance(value, bool | np.bool_):
            raise InvalidInput(f"{type(tasks[0]).__name__}.{name} must be True or False, got {shown(value)}.")
    return np.array(given, dtype=np.bool_)


def observations(tasks: Sequence[Task], observed: Sequence[Any], size: int) -> NDArray[np.float64]:
    """Check the tasks' observations of n cultures and return them, ``[n, K]``.

    Raises:
        InvalidInput: One has another shape or is not finite numbers.
    """
    return _rows(f"{type(tasks[0]).__name__}.observe", observed, (size,))


def info(owner: object, entries: Any, common: Mapping[str, float]) -> dict[str, float]:
    """Entries that a task or a condition adds to ``info``: one number per name.

    Args:
        owner: The task or condition that adds them, for the message.
        entries: The entries.
        common: The entries that are there already.

    Raises:
        InvalidInput: They are not a mapping of names to numbers, or a name is there already.
    """
    what = f"{type(owner).__name__}.info"
    if not isinstance(entries, Mapping):
        raise InvalidInput(f"{what} must return a mapping of names to numbers, got {shown(entries)}.")
    for name, value in entries.items():
        if type(name) is not str or type(value) is not float:
            number = isinstance(value, Real | np.bool_) or (isinstance(value, np.ndarray) and value.shape == ())
            if not isinstance(name, str) or not number:
                raise InvalidInput(f"{what} must have one number per name, got {shown(name)}: {shown(value)}.")
        if name in common:
            raise InvalidInput(f"{what} has {name!r}, which {', '.join(common)} have already: use another name.")
    return dict(entries)


def _rows(what: str, values: Sequence[Any], shape: tuple[int, ...]) -> NDArray:
    """Return results of n cultures as an array ``[n, *shape]``, checked as ``_numbers`` checks each of them."""
    alike = all(type(value) is np.ndarray and value.shape == shape for value in values)
    if alike or all(type(value) is float for value in values) and not shape:
        rows = np.array(values)
        if rows.dtype.kind in "fiub" and np.isfinite(rows).all():
            return rows
    return np.stack([_numbers(what, value, shape) for value in values])  # raises for the first that is wrong


def _numbers(what: str, value: Any, shape: tuple[int, ...]) -> NDArray:
    form = f"numbers of the shape {shape}" if shape else "a number"
    try:
        numbers = np.asarray(value)
    except Exception as error:  # rows of unequal length, or whatever __array__ of a foreign type raises
        raise InvalidInput(f"{what} must be {form}, got {shown(value)}.") from error
    numeric = numbers.dtype.kind in "fiub"
    if not numeric or numbers.shape != shape:
        got = f"the shape {numbers.shape}" if numeric else shown(value)
        raise InvalidInput(f"{what} must be {form}, got {got}.")
    if not np.isfinite(numbers).all():
        raise InvalidInput(f"{what} must be finite, got {shown(value)}.")
    return numbers
