"""What ``livn-gym new`` writes works as it is, and passes the conformance suite."""

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import gymnasium as gym
import pytest
from typer.testing import CliRunner

import livn_gym
from livn_gym.cli import app
from livn_gym.cli.new import ARGUMENTS, KINDS, write
from livn_gym.errors import InvalidInput, UnknownName

ROOT = Path(livn_gym.__file__).parents[1]


def new(*arguments):
    return CliRunner().invoke(app, ["new", *map(str, arguments)])


@pytest.mark.parametrize("kind", ARGUMENTS)
@pytest.mark.usefixtures("fake")
def test_what_is_written_works(kind, tmp_path):
    path = tmp_path / f"own_{kind}.py"
    cls = write(kind, path)
    with gym.make("livn/Culture-v0", system="EI1", settle_ms=200.0, **{ARGUMENTS[kind]: f"{path}:{cls}"}) as env:
        env.reset(seed=0)
        assert env.step(env.action_space.sample())[0] in env.observation_space
        assert f"{path}:{cls}" in str(env.spec.kwargs)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_passes_conformance_when_it_is_run(kind, tmp_path):
    path = tmp_path / f"own_{kind}.py"
    done = new(kind, path)
    assert done.exit_code == 0, done.output
    assert f"class Own{kind.capitalize()}(" in path.read_text()
    assert "My" + kind.capitalize() not in path.read_text() and f"my_{kind}" not in path.read_text()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    ran = subprocess.run([sys.executable, path.name], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    checks = "open, silence, pulses, halt" if kind == "device" else "gymnasium, spec, closing"
    assert ran.stdout.startswith(f"passed: {checks}")


def test_a_file_that_exists_is_not_replaced(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("mine")
    done = new("task", path)
    assert done.exit_code == 2 and "mine.py exists already" in done.output.replace("\n", "")
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("kind", "name", "error", "message"),
    [
        ("tasks", "a.py", UnknownName, "Did you mean 'task'"),
        ("task", "a.txt", InvalidInput, "Python module, such as my_task.py"),
        ("task", "my-task.py", InvalidInput, "Python module"),
        ("task", "_1.py", InvalidInput, "start it with a letter"),
        ("encoding", "stimulus.py", InvalidInput, "would be called Stimulus"),
        ("task", "none/a.py", InvalidInput, "There is no folder"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, kind, name, error, message):
    with pytest.raises(error, match=message):
        write(kind, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_there_is_a_starting_point_of_every_kind_and_no_other():
    names = {item.name.removesuffix(".py") for item in files("livn_gym.templates").iterdir() if item.suffix == ".py"}
    assert names - {"__init__"} == set(KINDS)
