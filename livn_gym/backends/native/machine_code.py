"""Compiled functions as bytes that another process can load, and all that such bytes depend on.

Numba's own cache on disk is not used: it trusts what it finds (a changed byte ends the process), must be able to write
wherever it reads, and takes its folder from the environment.
"""

from __future__ import annotations

import pickle
import sys
from typing import Any

import llvmlite
import llvmlite.binding
import numba
import numpy
from numba.core import config as _config
from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target
from numba.core.serialize import dumps

from livn_gym.errors import BackendUnavailable

config: Any = _config
_OPTIONS = """
OPT LOOP_VECTORIZE SLP_VECTORIZE ENABLE_AVX DISABLE_INTEL_SVML BOUNDSCHECK DEBUGINFO_DEFAULT DEBUG_NRT NRT_STATS
""".split()
"""Settings of Numba, by the environment's NUMBA_ and this name, that change its machine code."""


def check_compiler(function: Any) -> None:
    """Raise unless Numba compiles what it is given, such as this function of ours, to code that runs here as elsewhere.

    Raises:
        BackendUnavailable: NUMBA_DISABLE_JIT is set, or was when livn_gym was imported; NUMBA_OPT is 0, without whose
            passes the last digits differ; NUMBA_CPU_FEATURES asks for instructions that this processor has not.
    """
    if config.DISABLE_JIT or not hasattr(function, "py_func"):
        raise _unavailable("NUMBA_DISABLE_JIT", "Numba's compiler is turned off")
    if config.OPT == 0:
        raise _unavailable("NUMBA_OPT=0", "Kernels that are not optimised have other last digits")
    host = llvmlite.binding.get_host_cpu_features()
    asked = [sign[1:] for sign in (config.CPU_FEATURES or "").split(",") if sign.startswith("+")]
    missing = [name for name in asked if host.get(name) is False]
    if missing:
        raise _unavailable("NUMBA_CPU_FEATURES", f"This processor lacks {', '.join(missing)}")


def _unavailable(setting: str, why: str) -> BackendUnavailable:
    return BackendUnavailable(
        f"{why} ({setting}, from the environment or .numba_config.yaml), so the native engine is not available: unset "
        "it and start anew, or use backend='neuron'."
    )


def target() -> tuple[Any, ...]:
    """What decides about machine code beside the source: versions, processor, settings of Numba."""
    versions = (numba.__version__, llvmlite.__version__, llvmlite.binding.llvm_version_info, numpy.__version__)
    options = tuple(str(getattr(config, name, None)) for name in _OPTIONS)
    return versions, sys.version_info[:2], cpu_target.target_context.codegen().magic_tuple(), options


def dump(function: Any) -> bytes:
    """The machine code of a compiled function, for all types of arguments for which it is compiled."""
    return dumps([result._reduce() for result in function.overloads.values()])


def load(function: Any, data: bytes) -> None:
    """Give a function its machine code; ``data`` must be what ``dump`` made of the same source on the same target."""
    context = cpu_target.target_context
    context.refresh()
    for reduced in pickle.loads(data):
        result = CompileResult._rebuild(context, *reduced)
        context.insert_user_function(result.entry_point, result.fndesc, [result.library])
        function.add_overload(result)
