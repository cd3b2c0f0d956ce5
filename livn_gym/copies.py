"""Copies of immutable objects with some attributes changed."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


def altered(instance: T, **attributes: Any) -> T:
    """Return a shallow copy of an object with other values of some attributes.

    Neither ``__init__`` nor ``__post_init__`` checks the values again, so they must be results of what is checked
    already. A recording is copied once per culture and step, and ``dataclasses.replace`` takes ten times as long.

    Args:
        instance: Object whose attributes are in its ``__dict__``.
        **attributes: The new values.
    """
    other = object.__new__(type(instance))
    vars(other).update(vars(instance), **attributes)
    return other
