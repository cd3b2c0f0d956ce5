"""Kernels, generated and compiled once a machine, into the user's cache."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import llvmlite
import llvmlite.binding
import numba
import numpy

from livn_gym.backends.native import arithmetic, driver, intrinsics, layout, plasticity
from livn_gym.cache import cached_folder

_MODULE = "kernels.py"
_LOCK = threading.Lock()
_log = logging.getLogger(__name__)


def program(text: str, example: Callable[[Callable[..., Any]], object]) -> Callable[..., Any]:
    """The function ``run`` of a generated module, compiling it on first use.

    The folder's name is a digest of everything that goes into the machine code. Processes that start at once wait
    for the first one.

    Args:
        text: The module's source.
        example: Calls the function that it is given once, so that it is compiled for its arguments.
    """
    parts = [inspect.getsource(module) for module in (arithmetic, driver, intrinsics, layout, plasticity)]
    versions = (numba.__version__, llvmlite.__version__, numpy.__version__, sys.version_info[:2])
    processor = (llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten())
    digest = hashlib.sha256(repr((text, parts, versions, processor)).encode()).hexdigest()[:16]

    name = f"livn_gym_kernels_{digest}"

    def build(folder: Path) -> None:
        _log.warning("livn_gym: compiling the native engine (once on this machine)")
        (folder / _MODULE).write_text(text, encoding="utf-8")
        example(_imported(folder, name).run)

    with _LOCK:  # a module stands in sys.modules before it has run
        if name not in sys.modules:
            folder = cached_folder(f"kernels/{digest}", build)
            _log.debug("kernels from %s", folder)
            if name not in sys.modules:
                _imported(folder, name)
        return sys.modules[name].run


def _imported(folder: Path, name: str) -> ModuleType:
    """The module, under a name that Numba finds again when it loads compiled code."""
    spec = importlib.util.spec_from_file_location(name, folder / _MODULE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
