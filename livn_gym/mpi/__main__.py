"""``mpiexec -n 5 python -m livn_gym.mpi script.py [args]``: rank 0 runs the script, all ranks simulate."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from livn_gym.errors import LivnError
from livn_gym.mpi.launch import run_on_rank_0


def main() -> None:
    """Run the script of the command line."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: mpiexec -n RANKS python -m livn_gym.mpi script.py [arguments]")
    script = sys.argv[1]
    if not Path(script).is_file():
        sys.exit(f"livn_gym.mpi: there is no file {script!r}.")
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(script).resolve().parent)

    def body() -> None:
        runpy.run_path(script, run_name="__main__")

    try:
        run_on_rank_0(body)
    except LivnError as error:
        sys.exit(f"livn_gym.mpi: {error}")


if __name__ == "__main__":
    main()
