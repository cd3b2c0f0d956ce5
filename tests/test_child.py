"""Processes of this package import what their parent imports, whatever lies in the current folder."""

import json
import subprocess
import sys

import pytest

from livn_gym import child, make

TELLER = "import json, random, sys\nprint(json.dumps([random.__file__, sys.argv[1:], sys.path, __name__]))\n"


@pytest.fixture
def traps(tmp_path, monkeypatch):
    """A current folder with files that have the names of modules."""
    folder = tmp_path / "traps"
    folder.mkdir()
    for name in ("random", "queue", "numpy", "livn_gym"):
        (folder / f"{name}.py").write_text("raise SystemExit('the wrong module')\n", encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def test_a_child_has_the_paths_and_arguments_that_it_is_given(traps, tmp_path, monkeypatch):
    (tmp_path / "teller.py").write_text(TELLER, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    done = subprocess.run(child.command("teller", "3", "a b", ""), capture_output=True, text=True, check=True)
    import random

    assert json.loads(done.stdout) == [random.__file__, ["3", "a b", ""], sys.path, "__main__"]


def test_neuron_runs_in_a_folder_with_modules_of_the_same_names(traps):
    with make("EI1", backend="neuron", seed=2) as env:
        assert len(env.record_spikes().run(100.0).spike_t) > 0
