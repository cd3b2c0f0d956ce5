"""Make a virtual environment with cl-sdk for the tests that need it, and print the path of its Python.

Run: ``python .ci/cl_python.py FOLDER``. Where this machine has no Python from 3.12 on it prints nothing, and the tests
are left out. It fails where there is one and cl-sdk cannot be installed or does not run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pythons import NEWEST, ROOT, found

OLDEST = (3, 12)
"""The oldest Python that cl-sdk runs under."""
RUNS = "import cl, livn_gym; assert cl.is_simulator()"


def main() -> None:
    """Install, try out, print."""
    pythons = [(minor, python) for _, minor, python in found() if OLDEST <= minor <= NEWEST]
    if not pythons:
        print("cl-sdk needs Python 3.12 or newer, which this machine does not have", file=sys.stderr)
        return
    folder = Path(sys.argv[1]).resolve()
    inside = folder / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    commands = (
        [min(pythons)[1], "-m", "venv", "--without-pip", folder],
        # editable: the tests run the files of this checkout
        [sys.executable, *("-m pip --python".split()), inside, "install", "-q", "-c", ROOT / "constraints.txt"]
        + ["-e", f"{ROOT}[cl]"],
        [inside, "-c", RUNS],
    )
    for command in commands:
        done = subprocess.run(
            command, cwd=folder.parent, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    print(inside)


if __name__ == "__main__":
    main()
