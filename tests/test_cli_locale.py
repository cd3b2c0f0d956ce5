"""The command line where the terminal's encoding is ASCII, and where names are in no encoding at all."""

import os
import subprocess
import sys

import pytest

import livn_gym

ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def run(*arguments, **environment):
    command = [sys.executable, "-c", "from livn_gym.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, env=os.environ | environment, timeout=120)


@pytest.mark.parametrize("environment", [ASCII, {"PYTHONIOENCODING": "ascii:strict"}, {"PYTHONUTF8": "1"}])
def test_a_name_that_cannot_be_printed_ends_nothing(tmp_path, environment):
    folder = os.fsencode(tmp_path) + "/Zürich-培養".encode() + b"\xff"
    try:
        os.mkdir(folder)
        os.rmdir(folder)
    except OSError:
        folder = folder[:-1]  # a file system with names in UTF-8 alone
    recipe = os.path.join(os.path.dirname(livn_gym.__file__), "configs", "systems", "EI1.toml")
    done = run("generate", recipe, folder, **environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"10 neurons" in done.stdout and os.path.exists(folder + b"/circuit_config.json")
    assert b"EXC" in run("info", folder, **environment).stdout


def test_signs_beyond_ascii_in_a_table_are_written_as_escapes():
    code = (
        "import sys; from livn_gym import cli; from rich.console import Console\n"
        "cli.app = lambda: Console().print('2.4 \\xb1 0.1'); cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=os.environ | ASCII)
    assert (done.returncode, done.stdout.strip()) == (0, b"2.4 \\xb1 0.1")
