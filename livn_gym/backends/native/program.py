"""Kernels, generated and compiled once a machine, into the user's cache."""

from __future__ import annotations

import hashlib
import inspect
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from livn_gym.backends.native import arithmetic, driver, intrinsics, layout, machine_code, plasticity
from livn_gym.cache import cached_folder
from livn_gym.errors import BackendUnavailable

_SOURCE, _MACHINE_CODE = "kernels.py", "kernels.bin"
_LOCK = threading.Lock()
_log = logging.getLogger(__name__)


def program(text: str, example: Callable[[Callable[..., Any]], object]) -> Callable[..., Any]:
    """The function ``run`` of a generated module, compiling it on first use.

    The folder's name is a digest of everything that goes into the machine code, and the file with the machine code
    begins with that digest; one that does not, or whose checksum is wrong, is compiled anew before anything of it is
    loaded. After that nothing is written: ``run`` is compiled for the arguments of the example alone. Processes that
    start at once wait for the first one.

    Args:
        text: The module's source.
        example: Calls the function that it is given once, so that it is compiled for its arguments.

    Raises:
        BackendUnavailable: Numba does not compile, or the source files of livn_gym are not installed.
        StorageError: The cache cannot be used.
    """
    machine_code.check_compiler(arithmetic.philox)
    try:
        parts = [inspect.getsource(module) for module in (arithmetic, driver, intrinsics, layout, plasticity)]
    except OSError as error:
        raise BackendUnavailable(f"The native engine needs livn_gym's source files (.py): {error}.") from error
    digest = hashlib.sha256(repr((text, parts, machine_code.target())).encode()).hexdigest()
    short = digest[:16]
    name = f"livn_gym_kernels_{short}"
    mark = digest.encode("ascii")

    def build(folder: Path) -> None:
        _log.warning("livn_gym: compiling the native engine (once on this machine)")
        (folder / _SOURCE).write_text(text, encoding="utf-8")
        run = _module(text, name).run
        example(run)
        (folder / _MACHINE_CODE).write_bytes(mark + machine_code.dump(run))

    def ours(folder: Path) -> bool:
        with (folder / _MACHINE_CODE).open("rb") as file:
            return file.read(len(mark)) == mark

    with _LOCK:  # a module stands in sys.modules before it has run
        if name not in sys.modules:
            try:
                folder = cached_folder(f"kernels/{short}", build, accept=ours)
                _log.debug("kernels from %s", folder)
                if name not in sys.modules:
                    run = _module(text, name).run
                    machine_code.load(run, (folder / _MACHINE_CODE).read_bytes()[len(mark) :])
            except BaseException:
                sys.modules.pop(name, None)
                raise
        return sys.modules[name].run


def _module(text: str, name: str) -> ModuleType:
    """The module, under a name that Numba finds again when it loads compiled code.

    It is made from the text that was just generated, never from the cache.
    """
    module = ModuleType(name)
    sys.modules[name] = module
    exec(compile(text, f"<{name}>", "exec"), module.__dict__)
    return module
