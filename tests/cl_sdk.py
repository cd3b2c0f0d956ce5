"""Python with cl-sdk, which scripts of tests run in: that of this process, or that of an environment of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

VARIABLE = "LIVN_GYM_CL_PYTHON"
"""Path of the Python; ``.ci/cl_python.py`` makes one. Empty where this machine has no Python from 3.12 on."""

MAIN = "from livn_gym.cli import main; main()"


def python() -> str | None:
    """Path of a Python with cl-sdk, None where none is known."""
    return os.environ.get(VARIABLE) or (sys.executable if find_spec("cl") is not None else None)


def impossible() -> bool:
    """Whether it is known that this machine has no Python for cl-sdk, so that CI leaves the tests out too."""
    return os.environ.get(VARIABLE) == ""


def environment() -> dict[str, str]:
    """Variables of a process that runs this checkout, without those that cl-sdk reads."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CL_SDK_")}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass
class Done:
    """A finished process: exit code, the JSON documents of its standard output by line, and its standard error."""

    code: int
    lines: list
    stderr: str


class ScriptRunner:
    """Writes scripts into a folder, and runs them there with ``livn-gym cl run``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, text: str, *arguments: str, options: str = "") -> list[str]:
        """The command that runs a script with options of ``livn-gym cl run``."""
        script = self.folder / "script.py"
        script.write_text(text, encoding="utf-8")
        executable = python()
        assert executable is not None, f"{VARIABLE} must be the path of a Python with cl-sdk"
        return [executable, "-c", MAIN, "cl", "run", *options.split(), str(script), *arguments]

    def start(self, text: str, *arguments: str, options: str = "") -> subprocess.Popen:
        """Start a script in a process group of its own."""
        return subprocess.Popen(
            self.command(text, *arguments, options=options),
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def __call__(self, text: str, *arguments: str, options: str = "", code: int = 0) -> Done:
        """Run a script whose standard output is JSON documents."""
        process = self.start(text, *arguments, options=options)
        try:
            stdout, stderr = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert process.returncode == code, f"{process.returncode}\n{stdout}\n{stderr}"
        return Done(process.returncode, [json.loads(line) for line in stdout.splitlines()], stderr)


def in_python(code: str, folder: Path) -> Done:
    """Run code in the Python with cl-sdk; its standard output is JSON documents."""
    executable = python()
    assert executable is not None
    done = subprocess.run(
        [executable, "-c", code],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Done(done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr)
