"""Systems by name, path, reference or object: the predefined ones and those of a user."""

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
    """Names of the predefined systems."""
    return config.names("systems")


def names() -> list[str]:
    """Names of the predefined systems and of those that installed packages offer."""
    return SYSTEMS.names()


@checked
def predefined(name: str) -> Path:
    """The folder of a predefined system in the user's cache, generated there on first use.

    The cache is platformdirs' folder for ``livn_gym``, or where the environment variable LIVN_GYM_CACHE
    points. A damaged folder is made anew.

    Args:
        name: ``"EI1"`` ... ``"EI4"``; ``predefined_names()`` lists them.

    Returns:
        A SONATA folder, to be read and not to be changed.

    Raises:
        UnknownName: There is no such system.
        CorruptData: This machine generates other arrays than the config's checksum says.
    """
    recipe = predefined_config(name)
    # The entry is named by all that shapes the files, so that a new release does not take an old one's.
    content = json.dumps([sonata.FORMAT, config.load("systems", name)], sort_keys=True)
    key = hashlib.sha256(content.encode()).hexdigest()[:12]
    return cached_folder(f"predefined/{name}-{key}", lambda folder: sonata.write_files(generate(recipe), folder))


@checked
def predefined_config(name: str) -> GeneratorConfig:
    """The numbers from which a predefined system is generated.

    Raises:
        UnknownName: There is no such system.
    """
    if name not in predefined_names():
        raise unknown_name("system", name, predefined_names())
    return GeneratorConfig.from_mapping(config.load("systems", name), name)


def _predefined(name: str, seed: int | None = None) -> System:
    return sonata.read(predefined(name)) if seed is None else generate(predefined_config(name), seed)


Spec = System | GeneratorConfig | str | Path | Mapping[str, Any] | Callable[..., System]
"""What ``make`` takes."""


@checked
def make(spec: Spec, seed: int | None = None) -> System:
    """A system from whatever a user has, or another culture generated from the same numbers.

    Args:
        spec: A name (``"EI1"`` ... ``"EI4"``, or of an installed package); the path of a folder in SONATA's or livn's
            layout, or of a TOML file in the layout of ``configs/systems``; a reference ``"module:attribute"`` or
            ``"file.py:attribute"`` to a ``System`` or to a function that makes one, and takes ``seed`` by keyword if
            there are other graphs of it; such an object itself, or a ``GeneratorConfig``; or a mapping with a
            ``name`` and the function's options.
        seed: The graph's seed (positions, dendrites, connections, strengths), below 2**64; not the noise's.
            None is the system itself; of the predefined ones from the cache.

    Raises:
        UnknownName: There is no such system.
        InvalidInput: The seed is out of range, or there are no other graphs of this system.
    """
    options: dict[str, Any] = {}
    thing: Any = spec
    if isinstance(spec, Mapping):
        options = dict(spec)
        thing = options.pop("name", None)
    label = str(thing) if isinstance(thing, str | Path) else shown(thing)
    if isinstance(thing, str):
        thing = _named(thing)
    if isinstance(thing, str | Path):  # also what an installed package offers as the path of its files
        thing = _of_path(Path(thing))
    if isinstance(thing, GeneratorConfig) and not options:
        return generate(thing, seed)
    if seed is not None and (isinstance(thing, System) or (callable(thing) and not _takes_seed(thing))):
        raise InvalidInput(f"{label} is one culture: there are no other graphs of it, so graph_seed must be None.")
    return SYSTEMS.make(thing, **options, **({} if seed is None else {"seed": seed}))


def _named(text: str) -> Any:
    """What a string stands for; names come before folders, so that a folder cannot change what a name means."""
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
