"""Where compiled kernels are kept: in the user's cache, by a digest of every source they are made of.

Numba looks at one file's time stamp only, and would miss a change in another file that was compiled into it.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import numba

from livn_gym.backends.native.elementary import OPTIONS
from livn_gym.cache import cache_root
from livn_gym.errors import InvalidInput

Function = TypeVar("Function", bound=Callable[..., Any])

_SOURCES = ("livn_gym.backends.native", "livn_gym.backends.native.cells", "livn_gym.models")


def folder() -> Path:
    """The folder of kernels compiled from these sources."""
    digest = hashlib.sha256(repr((numba.__version__, sys.version_info[:2])).encode())
    for package in _SOURCES:
        for item in sorted(files(package).iterdir(), key=lambda item: item.name):
            if item.name.endswith(".py"):
                digest.update(item.read_bytes())
    return cache_root() / "native" / digest.hexdigest()[:16]


@contextmanager
def _caching_in(path: Path) -> Iterator[None]:
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(path)
    try:
        yield
    finally:
        config.CACHE_DIR = before


def cached(function: Function) -> Function:
    """Compile a kernel at its first call, or load what an earlier process compiled.

    Raises:
        InvalidInput: The cache folder cannot be written.
    """
    path = folder()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(
            f"The cache folder {cache_root()} cannot be written ({error}); set LIVN_GYM_CACHE to another."
        ) from error
    with _caching_in(path):
        return numba.njit(cache=True, **OPTIONS)(function)


def announce() -> None:
    """Say that compilation is going to take a while, if nothing is compiled yet."""
    if not any(folder().rglob("*.nbc")):
        print("livn_gym: compiling the native engine (once on this machine)", file=sys.stderr, flush=True)
