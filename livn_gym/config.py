"""Read the package's numbers (TOML files under ``livn_gym.configs``)."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from livn_gym.errors import unknown_name


def names(kind: str) -> list[str]:
    """Names of the configs of one kind, e.g. ``names("systems") == ["EI1", "EI2", "EI3", "EI4"]``."""
    folder = files("livn_gym.configs").joinpath(kind)
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def load(kind: str, name: str) -> dict[str, Any]:
    """Read ``configs/<kind>/<name>.toml`` into a fresh dictionary.

    Raises:
        UnknownName: There is no such config; the message lists those there are.
    """
    if name not in names(kind):
        raise unknown_name(f"name in configs/{kind}", name, names(kind))
    return tomllib.loads(_text(kind, name))


@cache
def _text(kind: str, name: str) -> str:
    return files("livn_gym.configs").joinpath(kind, f"{name}.toml").read_text(encoding="utf-8")
