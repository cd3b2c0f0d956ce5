"""Serialise compiled functions for other processes, and identify everything on which machine code depends.

The cache of Numba is not used: it does not verify its files (a changed byte crashes the process), needs write access
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
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from livn_gym.errors import BackendUnavailable

config: Any = _config
_OPTIONS = """
OPT LOOP_VECTORIZE SLP_VECTORIZE ENABLE_AVX DISABLE_INTEL_SVML BOUNDSCHECK DEBUGINFO_DEFAULT DEBUG_NRT NRT_STATS
""".split()
"""Options of Numba (environment variables with the prefix NUMBA_) that affect machine code."""


def check_compiler(function: Any) -> None:
    """Check that Numba compiles functions, such as the given one, to code with reproducible results.

    Raises:
        BackendUnavailable: NUMBA_DISABLE_JIT is or was set, NUMBA_OPT is 0 (which changes the last digits), or
            NUMBA_CPU_FEATURES requests instructions that this processor lacks.
    """
    if config.DISABLE_JIT or not hasattr(function, "py_func"):
        raise _unavailable("NUMBA_DISABLE_JIT", "Numba's compiler is turned off")
    if config.OPT == 0:
        raise _unavailable("NUMBA_OPT=0", "Kernels that are not optimised have other last digits")
    host = llvmlite.binding.get_host_cpu_features()
    requested = [sign[1:] for sign in (config.CPU_FEATURES or "").split(",") if sign.startswith("+")]
    missing = [name for name in requested if host.get(name) is False]
    if missing:
        raise _unavailable("NUMBA_CPU_FEATURES", f"This processor lacks {', '.join(missing)}")


def _unavailable(setting: str, reason: str) -> BackendUnavailable:
    return BackendUnavailable(
        f"{reason} ({setting}, from the environment or .numba_config.yaml), so the native engine is not available: "
        "unset it and start again, or use backend='neuron'."
    )


def target() -> tuple[Any, ...]:
    """Return what machine code depends on besides the source: versions, processor and options of Numba."""
    versions = (numba.__version__, llvmlite.__version__, llvmlite.binding.llvm_version_info, numpy.__version__)
    options = tuple(str(getattr(config, name, None)) for name in _OPTIONS)
    return versions, sys.version_info[:2], cpu_target.target_context.codegen().magic_tuple(), options


def dump(function: Any) -> bytes:
    """Return the machine code of a compiled function, for all types for which it was compiled."""
    return dumps([result._reduce() for result in function.overloads.values()])


def load(function: Any, data: bytes) -> None:
    """Load machine code into a function; ``data`` must come from ``dump`` of the same source on the same target."""
    context = cpu_target.target_context
    rtsys.initialize(context)  # all that machine code calls; the types and functions for compiling take 0.3 s to load
    for reduced in pickle.loads(data):
        result = CompileResult._rebuild(context, *reduced)
        function.add_overload(result)
