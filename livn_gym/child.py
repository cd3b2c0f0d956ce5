"""The command of a Python process that runs a module of this package."""

from __future__ import annotations

import sys

_START = (
    "import sys; end = 3 + int(sys.argv[1]); name = sys.argv[2]; sys.path[:] = sys.argv[3:end]; del sys.argv[1:end]; "
    "import runpy; runpy.run_module(name, run_name='__main__', alter_sys=True)"
)


def command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module in a process that imports from where this process imports.

    ``python -m`` would look into the current folder first, where a file may have the name of any module, and would
    not look where this process added folders to ``sys.path``.

    Args:
        module: Full name of the module.
        *arguments: What it finds in ``sys.argv[1:]``.
    """
    paths = [path for path in sys.path if isinstance(path, str)]
    return [sys.executable, "-P", "-c", _START, str(len(paths)), module, *paths, *arguments]
