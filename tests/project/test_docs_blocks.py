"""Every Python block of every page runs, page by page from top to bottom; shell blocks name commands that exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from mpi import launch

from livn_gym import system
from livn_gym.cli import app
from livn_gym.system import sonata

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md"))
NAMES = [str(path.relative_to(ROOT / "docs")) for path in PAGES]

PROGRAMS = {"livn-gym", "python", "python3", "pip", "mpiexec", "pytest", "git", "pre-commit", "ruff", "mypy"}
"""Programs that shell blocks call."""

MPI = {"scaling.md"}
"""Pages whose blocks are started by ``mpiexec``."""


def blocks(page, *languages):
    text = (ROOT / page).read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [block for language, block in fenced if language in languages]


WITH_PYTHON = [name for name in NAMES if blocks(f"docs/{name}", "python")]


def test_pages_with_code_are_found():
    assert WITH_PYTHON


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_PYTHON)
def test_python_blocks_run_in_a_new_process(name, tmp_path):
    script = tmp_path / "page.py"  # a file, since models are made from their functions' source
    script.write_text("\n".join(blocks(f"docs/{name}", "python")), encoding="utf-8")
    if name in MPI:
        sonata.write(system.make("EI1"), tmp_path / "systems" / "graphs" / "EI1")
        run = launch.start([str(script)], 2, cwd=tmp_path)
        assert launch.finish(run).good().out
        return
    environment = os.environ | {"MPLBACKEND": "Agg"}
    command = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{name}" for name in NAMES)])
def test_commands_and_options_of_shell_blocks_exist(page):
    known = typer.main.get_command(app).commands
    for line in "\n".join(blocks(page, "sh", "")).splitlines():
        call = re.search(r"(?:^|[ /])livn-gym (.*)", line.partition("#")[0])
        if call is None:
            continue
        name, *arguments = call.group(1).partition("&&")[0].split()
        assert name in known, line
        command = known[name]
        while hasattr(command, "commands"):
            name, *arguments = arguments
            assert name in command.commands, line
            command = command.commands[name]
        options = {option for parameter in command.params for option in parameter.opts}
        unknown = [word for word in arguments if word.startswith("--") and word not in options]
        assert not unknown, line


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{name}" for name in NAMES)])
def test_every_line_of_a_shell_block_is_a_command(page):
    """A block that was wrapped like a paragraph has its commands anywhere in its lines."""
    continued = False
    for line in "\n".join(blocks(page, "sh")).splitlines():
        words = [word for word in line.partition("#")[0].split() if "=" not in word]
        if words and not continued:
            assert Path(words[0]).name in PROGRAMS, line
        continued = line.endswith("\\")
