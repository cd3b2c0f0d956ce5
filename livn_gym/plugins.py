"""Entry points of installed packages, read on first use.

A package offers a task by its ``pyproject.toml``::

    [project.entry-points."livn_gym.tasks"]
    avoid = "my_package.tasks:Avoid"

Reading entry points opens a file of every installed package and imports none of them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from typing import Any

from livn_gym.errors import ImportFailed, InvalidInput, PluginWarning

_PREFIX = "livn_gym."


def names(group: str, shipped: Iterable[str] = ()) -> list[str]:
    """Return the names that installed packages add to the shipped ones, sorted.

    Warns with ``PluginWarning`` about packages that offer a shipped name: the shipped object is used.
    """
    shipped_names = set(shipped)
    added = []
    for name, offers in sorted(_offers(group).items()):
        if name not in shipped_names:
            added.append(name)
            continue
        for offer in offers:
            warnings.warn(
                f"{package(offer)} offers {name!r} in {group}, which livn_gym itself has: livn_gym's is used. "
                f"The other can be named as {offer.value!r}.",
                PluginWarning,
                stacklevel=3,
            )
    return added


def offered() -> list[tuple[str, str, str]]:
    """Return kind (in the plural), name and package of everything that packages offer, without importing them."""
    groups = sorted(group for group in metadata.entry_points().groups if group.startswith(_PREFIX))
    return [
        (group.removeprefix(_PREFIX), name, package(offer))
        for group in groups
        for name, offers in sorted(_offers(group).items())
        for offer in offers
    ]


def find(group: str, name: str) -> metadata.EntryPoint | None:
    """Return the entry point of a name; None if no package offers it.

    Raises:
        InvalidInput: Several packages offer the name.
    """
    offers = _offers(group).get(name, [])
    if len(offers) > 1:
        listed = ", ".join(f"{package(offer)} ({offer.value!r})" for offer in offers)
        raise InvalidInput(f"Several packages offer {name!r} in {group}: {listed}. Name one as 'module:attribute'.")
    return offers[0] if offers else None


def load(kind: str, offer: metadata.EntryPoint) -> Any:
    """Import the object of an entry point.

    Raises:
        ImportFailed: The package raised an error; other packages' names are not affected.
    """
    try:
        return offer.load()
    except (Exception, SystemExit) as error:  # a package can raise anything
        raise ImportFailed(
            f"The {kind} {offer.name!r} of {package(offer)} ({offer.value}) cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error


def package(offer: metadata.EntryPoint) -> str:
    """Return name and version of the package that offers an entry point, for messages."""
    if offer.dist is None:
        return "an unknown package"
    return f"{offer.dist.metadata['Name']} {offer.dist.version}"


def _offers(group: str) -> dict[str, list[metadata.EntryPoint]]:
    return _read(group, tuple(sys.path))


@lru_cache(maxsize=64)
def _read(group: str, path: tuple[str, ...]) -> dict[str, list[metadata.EntryPoint]]:
    """Read the entry points of a group by name, of all packages on an import path, which is the key of the cache."""
    entry_points: dict[str, list[metadata.EntryPoint]] = {}
    for offer in metadata.entry_points(group=group):
        entry_points.setdefault(offer.name, []).append(offer)
    return entry_points
