"""Compile generated kernels once per machine, into the user's cache."""

from __future__ import annotations

import gc
import hashlib
import inspect
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from livn_gym.backends.native import (
    arithmetic,
    compiler,
    delivery,
    driver,
    intrinsics,
    lanes,
    layout,
    machine_code,
    plasticity,
    team,
    translation,
)
from livn_gym.cache import cached_folder
from livn_gym.errors import BackendUnavailable

_SOURCE, _MACHINE_CODE = "kernels.py", "kernels.bin"
_MODULES = (arithmetic, compiler, delivery, driver, intrinsics, lanes, layout, plasticity, team, translation)
"""Modules whose source affects the machine code."""

_LOCK = threading.Lock()
_log = logging.getLogger(__name__)


def program(
    text: str, example: Callable[[Callable[..., Any]], object], what: str = "the native engine"
) -> Callable[..., Any]:
    """Return the function ``run`` of a generated module, which is compiled on first use.

    The name of the folder is a hash of everything that affects the machine code, and the file with the machine code
    starts with this hash. If it does not, or if its checksum is wrong, the module is compiled again before anything is
    loaded. ``run`` is compiled only for the types of the arguments of the example. Processes that start together wait
    for the first one.

    Args:
        text: Source of the module.
        example: Function that calls its argument once, so that it is compiled for these types.
        what: What is compiled, for the message.

    Raises:
        BackendUnavailable: Numba cannot compile, or the source files of livn_gym are not installed.
        StorageError: The cache cannot be used.
    """
    machine_code.check_compiler(arithmetic.philox)
    try:
        sources = [inspect.getsource(module) for module in _MODULES]
    except OSError as error:
        raise BackendUnavailable(f"The native engine needs livn_gym's source files (.py): {error}.") from error
    digest = hashlib.sha256(repr((text, sources, machine_code.target())).encode()).hexdigest()
    short = digest[:16]
    name = f"livn_gym_kernels_{short}"
    mark = digest.encode("ascii")

    def build(folder: Path) -> None:
        _log.warning("livn_gym: compiling %s (once on this machine)", what)
        (folder / _SOURCE).write_text(text, encoding="utf-8")
        module = vars(_module(text, name))
        shorter, loops = lanes.outlined(text, module)
        module |= {each: translation.function(each, loop) for each, loop in loops.items()}
        _execute(shorter, module)
        run = module["run"]
        with _rare_collection():
            example(run)
        (folder / _MACHINE_CODE).write_bytes(mark + machine_code.dump(run))

    def is_current(folder: Path) -> bool:
        with (folder / _MACHINE_CODE).open("rb") as file:
            return file.read(len(mark)) == mark

    with _LOCK:  # a module is in sys.modules before it has been executed
        if name not in sys.modules:
            try:
                folder = cached_folder(f"kernels/{short}", build, accept=is_current)
                _log.debug("kernels from %s", folder)
                if name not in sys.modules:
                    run = _module(text, name).run
                    machine_code.load(run, (folder / _MACHINE_CODE).read_bytes()[len(mark) :])
            except BaseException:
                sys.modules.pop(name, None)
                raise
        return sys.modules[name].run


@contextmanager
def _rare_collection() -> Iterator[None]:
    """Collect garbage rarely, since a compilation makes many objects that live until its end: a tenth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(before[0] and 50_000, 1_000, 10)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _module(text: str, name: str) -> ModuleType:
    """Make the module under a name by which Numba finds it when it loads compiled code.

    It is always made from the generated text, never from the cache.
    """
    module = ModuleType(name)
    sys.modules[name] = module
    _execute(text, vars(module))
    return module


def _execute(text: str, module: dict[str, Any]) -> None:
    exec(compile(text, f"<{module['__name__']}>", "exec"), module)
