"""Command lines of Python processes that run a module of this package."""

from __future__ import annotations

import sys

_START = (
    "import sys; end = 3 + int(sys.argv[1]); name = sys.argv[2]; sys.path[:] = sys.argv[3:end]; del sys.argv[1:end]; "
    "import runpy; runpy.run_module(name, run_name='__main__', alter_sys=True)"
)


def command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module in a new process with the same ``sys.path`` as this one.

    ``python -m`` would search the current folder first, where a file could have the name of any module, and would
    ignore folders that this process has added to ``sys.path``.

    Args:
        module: Full name of the module.
        *arguments: Arguments that the module finds in ``sys.argv[1:]``.
    """
    paths = [path for path in sys.path if isinstance(path, str)]
    return [sys.executable, "-P", "-c", _START, str(len(paths)), module, *paths, *arguments]
