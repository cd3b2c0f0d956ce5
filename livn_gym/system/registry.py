"""The predefined cultures, by name."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from livn_gym import config
from livn_gym.cache import cached_folder
from livn_gym.checks import checked
from livn_gym.errors import unknown_name
from livn_gym.system import sonata
from livn_gym.system.generator import generate
from livn_gym.system.generator_config import GeneratorConfig
from livn_gym.system.system import System


def names() -> list[str]:
    """Names of the predefined systems."""
    return config.names("systems")


@checked
def predefined(name: str) -> Path:
    """The folder of a predefined system in the user's cache, generated there on first use.

    The cache is platformdirs' folder for ``livn_gym``, or where the environment variable LIVN_GYM_CACHE
    points. A damaged folder is made anew.

    Args:
        name: ``"EI1"`` ... ``"EI4"``; ``names()`` lists them.

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
    if name not in names():
        raise unknown_name("system", name, names())
    return GeneratorConfig.from_mapping(config.load("systems", name), name)


@checked
def make(name: str, seed: int | None = None) -> System:
    """A predefined system, or another culture generated from the same numbers.

    Args:
        name: ``"EI1"`` ... ``"EI4"``.
        seed: The graph's seed (positions, dendrites, connections, strengths), below 2**64; not the noise's.
            None is the predefined system itself, from the cache.

    Raises:
        UnknownName: There is no such system.
        InvalidInput: The seed is out of range.
    """
    return sonata.read(predefined(name)) if seed is None else generate(predefined_config(name), seed)
