"""Look up systems by name, path, reference or object: predefined systems and those of users."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from livn_gym import config, references
from livn_gym.cache import cached_folder
from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, shown, unknown_name
from livn_gym.registry import Kind
from livn_gym.system import sonata
from livn_gym.system.files import read
from livn_gym.system.generator import generate
from livn_gym.system.generator_config import GeneratorConfig
from livn_gym.system.system import System


def _shipped() -> dict[str, Any]:
    return {name: partial(_predefined, name) for name in predefined_names()}


SYSTEMS: Kind[System] = Kind("system", System, _shipped)


def predefined_names() -> list[str]:
    """Return the names of the predefined systems."""
    return config.names("systems")


def names() -> list[str]:
    """Return the names of the predefined systems and of those in installed packages."""
    return SYSTEMS.names()


@checked
def predefined(name: str) -> Path:
    """Return the folder of a predefined system in the user's cache, where it is generated on first use.

    The cache is the folder of ``livn_gym`` given by platformdirs, or that in the environment variable LIVN_GYM_CACHE.
    A damaged folder is generated again.

    Args:
        name: ``"EI1"`` ... ``"EI4"``; ``predefined_names()`` lists them.

    Returns:
        A SONATA folder, which must not be changed.

    Raises:
        UnknownName: There is no such system.
        CorruptData: The arrays generated on this machine do not match the checksum in the config.
    """
    generator_config = predefined_config(name)
    # The name includes a hash of everything that determines the files, so that releases do not share entries.
    content = json.dumps([sonata.FORMAT, config.load("systems", name)], sort_keys=True)
    key = hashlib.sha256(content.encode()).hexdigest()[:12]
    return cached_folder(
        f"predefined/{name}-{key}", lambda folder: sonata.write_files(generate(generator_config), folder)
    )


@checked
def predefined_config(name: str) -> GeneratorConfig:
    """Return the config from which a predefined system is generated.

    Raises:
        UnknownName: There is no such system.
    """
    if name not in predefined_names():
        raise unknown_name("system", name, predefined_names())
    return GeneratorConfig.from_mapping(config.load("systems", name), name)


def _predefined(name: str, seed: int | None = None) -> System:
    return sonata.read(predefined(name)) if seed is None else generate(predefined_config(name), seed)


Spec = System | GeneratorConfig | str | Path | Mapping[str, Any] | Callable[..., System]
"""Arguments that ``make`` accepts."""


@checked
def make(system: Spec, seed: int | None = None) -> System:
    """Make a system from a name, file, reference or object, or generate another graph from the same config.

    Args:
        system: A name (``"EI1"`` ... ``"EI4"``, or of an installed package); the path of a folder in SONATA's or livn's
            layout, or of a TOML file in the layout of ``configs/systems``; a reference ``"module:attribute"`` or
            ``"file.py:attribute"`` to a ``System`` or to a function that makes one (with the keyword ``seed`` if it can
            make other graphs); such an object itself, or a ``GeneratorConfig``; or a mapping with a ``name`` and the
            options of the function.
        seed: Seed of the graph (positions, dendrites, connections, strengths), below 2**64; it does not affect the
            noise. None selects the system itself, which for predefined systems comes from the cache.

    Raises:
        UnknownName: There is no such system.
        InvalidInput: The seed is out of range, or other graphs of this system cannot be generated.
    """
    options: dict[str, Any] = {}
    thing: Any = system
    if isinstance(system, Mapping):
        if "name" not in system:
            raise InvalidInput(f"A system given as a mapping needs a 'name', got {shown(system)}.")
        options = dict(system)
        thing = options.pop("name")
    label = str(thing) if isinstance(thing, str | Path) else shown(thing)
    if isinstance(thing, str):
        thing = _named(thing)
    if isinstance(thing, str | Path):  # an installed package may offer the path of its files
        thing = _of_path(Path(thing))
    if isinstance(thing, GeneratorConfig) and not options:
        return generate(thing, seed)
    if seed is not None and (isinstance(thing, System) or (callable(thing) and not _takes_seed(thing))):
        raise InvalidInput(
            f"{label} is a single culture, of which no other graphs can be generated: graph_seed must be None."
        )
    return SYSTEMS.make(thing, **options, **({} if seed is None else {"seed": seed}))


def _named(text: str) -> Any:
    """Resolve a string. Names take precedence over folders, so that a folder cannot change the meaning of a name."""
    if references.is_file(text) or references.is_reference(text) or text in SYSTEMS.shipped():
        return SYSTEMS.find(text)
    if "/" in text or text.endswith(".toml"):
        return Path(text)
    if text in SYSTEMS.names():
        return SYSTEMS.find(text)
    if os.path.isdir(text):
        return Path(text)
    raise unknown_name("system (and there is no such folder)", text, SYSTEMS.names())


def _of_path(path: Path) -> System | GeneratorConfig:
    return GeneratorConfig.from_toml(path) if path.suffix == ".toml" else read(path)


def _takes_seed(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # functions written in C may have none
        return True
    return any(p.name == "seed" or p.kind is p.VAR_KEYWORD for p in parameters)
