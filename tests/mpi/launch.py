"""Real ``mpiexec`` runs for tests: started in a session of their own, with a time limit, nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Run:
    """What a run left: exit code, output of all ranks, errors of all ranks."""

    code: int
    out: str
    err: str

    def __post_init__(self) -> None:
        self.everything = f"exit code {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"

    def good(self) -> Run:
        """Itself, or an ``AssertionError`` that shows everything."""
        assert self.code == 0, self.everything
        return self


def mpiexec() -> str:
    """The launcher of the interpreter's own MPI, else the one on the path."""
    beside = Path(sys.executable).parent / "mpiexec"
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    assert found, 'MPI tests need the extra mpi: pip install "livn_gym[mpi]"'
    return found


def command(arguments: Sequence[str], ranks: int, options: Sequence[str] = ()) -> list[str]:
    """The command line of ``ranks`` Python processes."""
    placing = ["-n", str(ranks), "--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"]
    return [mpiexec(), *options, *placing, sys.executable, *arguments]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Of a rank: this source first, one thread, and leave to run as root."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMIX_", "PRTE_"))}
    path = os.pathsep.join([str(ROOT), *filter(None, [own.get("PYTHONPATH")])])
    own |= {"PYTHONPATH": path, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    own |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return own | dict(extra or {})


def start(
    arguments: Sequence[str],
    ranks: int,
    *,
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[str]:
    """Start ranks in a session of their own; ``finish`` waits for them."""
    return subprocess.Popen(
        command(arguments, ranks, options),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(env),
        cwd=cwd,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], timeout: float = 120.0) -> Run:
    """Wait for a run; past the limit, s, its processes are killed and an ``AssertionError`` shows its output."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        ranks = session(process.pid)
        for pid in ranks:
            os.kill(pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"No end within {timeout:g} s.\n--- out\n{out}\n--- err\n{err}") from None
    # A rank's output is a terminal's, on which Numba resets colours at its end where colorama is installed.
    return Run(process.returncode, out.replace("\x1b[0m", ""), err)


def run(
    arguments: Sequence[str],
    ranks: int = 2,
    *,
    timeout: float = 120.0,
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> Run:
    """``mpiexec -n RANKS python ARGUMENTS``, to its end; ``options`` go to ``mpiexec``."""
    return finish(start(arguments, ranks, options=options, env=env), timeout)


def script(folder: Path, text: str, name: str = "script.py") -> str:
    """Write an indented script into a folder; its path."""
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return str(path)


def children(pid: int) -> list[int]:
    """A process's living descendants, itself not among them."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue  # it ended while we looked
            if state != "Z":
                parents.setdefault(int(parent), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        for child in parents.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def session(pid: int) -> list[int]:
    """The launcher and everything it started."""
    return [*children(pid), pid]


def alive(pids: Sequence[int]) -> list[int]:
    """Which of the processes live on."""
    living = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            living.append(pid)
    return living
