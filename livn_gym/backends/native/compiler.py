"""Settings of Numba for functions that only compiled functions call.

Numba optimises each function and generates machine code for it, then does both again in each of its callers. Functions
with ``INNER`` are translated to LLVM's language and linked into their callers, and are optimised and compiled once, as
a part of the program that Python calls.
"""

from __future__ import annotations

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager

_UNUSED = (
    "with_lifting",
    "inline_closure_likes",
    "inline_inlinables",
    "find_literally",
    "literal_unroll",
    "LiteralPropagation",
    "inline_overloads",
    "nopython_rewrites",
    "dump_parfor_diagnostics",
)
"""Steps of Numba for what kernels do not use: closures, context managers, expressions with whole arrays, and others."""


class InnerCompiler(Compiler):
    """Numba's compiler with fewer steps, and with an ``InnerLibrary`` for the code of the function."""

    def __init__(self, typingctx: Any, targetctx: Any, library: Any, *arguments: Any) -> None:
        library = library or InnerLibrary(targetctx.codegen(), "inner")
        super().__init__(typingctx, targetctx, library, *arguments)

    def define_pipelines(self) -> list[PassManager]:
        """Return the steps from Python's byte code to LLVM's language."""
        pipeline = PassManager("inner")
        for step, description in DefaultPassBuilder.define_nopython_pipeline(self.state).passes:
            if step.name() not in _UNUSED:
                pipeline.add_pass(step, description)
        pipeline.finalize()
        return [pipeline]


class InnerLibrary(JITCodeLibrary):
    """Code of a function and of those that it calls, for linking into its callers only."""

    @property
    def codegen(self) -> Any:
        """Code generator without environments: these are set in machine code."""
        return _NoEnvironments

    def get_pointer_to_function(self, name: str) -> int:
        """Return 0, since there is no machine code."""
        self._ensure_finalized()
        return 0

    def _optimize_functions(self, ll_module: Any) -> None:
        pass

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class _NoEnvironments:
    @staticmethod
    def set_env(name: str, environment: object) -> None:
        """Ignore the environment."""


INNER: dict[str, Any] = {
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": InnerCompiler,
}
"""Options of functions that only compiled functions call. They need no entry points for Python and C either."""

BORROWED: dict[str, Any] = INNER | {"_nrt": False}
"""Options of such functions that neither allocate nor return arrays: references are not counted in them."""
