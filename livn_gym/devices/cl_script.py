"""Run a script for the CL API as ``python script.py`` would, but on simulated cultures only.

``python -m livn_gym.devices.cl_script SCRIPT [ARGUMENT ...]``; ``livn-gym cl run`` starts it.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from livn_gym.devices import cl_patience
from livn_gym.devices.cl import check_simulator
from livn_gym.errors import LivnError

REFUSED = 3
"""Exit code if the module ``cl`` is missing or reaches a real device; the script has not begun."""


def main(script: str, *arguments: str) -> None:
    """Check that ``cl`` is the simulator's, then run the script as the main program."""
    try:
        check_simulator()
    except LivnError as error:
        print(f"livn-gym: {error}", file=sys.stderr)
        sys.exit(REFUSED)
    cl_patience.extend()
    sys.argv[:] = [script, *arguments]
    sys.path.insert(0, str(Path(script).resolve().parent))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
