"""Read the package's numbers (TOML files under ``livn_gym.configs``)."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from livn_gym import configs
from livn_gym.errors import unknown_name

_FOLDER = Path(configs.__path__[0])


def names(kind: str) -> list[str]:
    """Names of the configs of one kind, e.g. ``names("systems") == ["EI1", "EI2", "EI3", "EI4"]``."""
    return sorted(path.stem for path in (_FOLDER / kind).iterdir() if path.suffix == ".toml")


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
    return (_FOLDER / kind / f"{name}.toml").read_text(encoding="utf-8")
