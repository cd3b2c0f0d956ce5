"""Machines on which folders, paths and settings are not what a developer's are."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from livn_gym import backends
from livn_gym.backends.neuron import library
from livn_gym.errors import BackendUnavailable, StorageError


def run(code, *options, **variables):
    environment = os.environ | {name: str(value) for name, value in variables.items()}
    return subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, env=environment)


def test_paths_that_neuron_cannot_read_are_reached_by_another(tmp_path):
    plain = tmp_path / "plain.so"
    with library.loadable(plain) as path:
        assert path == str(plain)
    odd = tmp_path / "Zürich" / "odd.so"
    odd.parent.mkdir()
    odd.write_text("code")
    with library.loadable(odd) as path:
        assert path.isascii() and Path(path).read_text() == "code" and Path(path).name == "odd.so"
    assert not Path(path).exists() and odd.exists()


@pytest.mark.parametrize("name, elsewhere", [("plain with space", False), ("O'Brien", True), ("Zürich", True)])
def test_mechanisms_are_compiled_where_the_tools_can_read_the_path(tmp_path, name, elsewhere):
    folder, places = tmp_path / name, []
    folder.mkdir()

    def compile_in(place):
        places.append(place)
        (place / "x86_64").mkdir()
        (place / "x86_64" / "lib.so").write_text("code")

    library.compile_safely(compile_in, folder)
    assert (folder / "x86_64" / "lib.so").read_text() == "code"
    assert (places[0] != folder) is elsewhere and places[0].exists() is not elsewhere


@pytest.mark.slow
def test_neuron_runs_from_a_cache_with_an_odd_path(tmp_path):
    code = "import livn_gym\nwith livn_gym.make('EI1', backend='neuron') as env: env.run(1)\nprint('ran')"
    done = run(code, LIVN_GYM_CACHE=tmp_path / "Zürich O'Brien 培養")
    assert done.stdout == "ran\n", done.stderr


def test_without_a_temporary_folder_there_is_a_clear_error(monkeypatch):
    def nowhere():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryFile", nowhere)
    with pytest.raises(StorageError, match="TMPDIR"):
        library.temporary_file()


@pytest.mark.parametrize("error", [ImportError("Numba needs NumPy 2.3 or less"), OSError("no libllvmlite.so")])
def test_a_simulator_that_cannot_be_loaded_is_a_clear_error(monkeypatch, error):
    def fail(_):
        raise error

    monkeypatch.setattr(backends, "import_module", fail)
    with pytest.raises(BackendUnavailable, match=str(error)):
        backends.create("native")


def test_a_setting_that_numba_refuses_is_a_clear_error():
    code = "import livn_gym\ntry: livn_gym.make('EI1')\nexcept livn_gym.errors.BackendUnavailable as e: print(e)"
    assert "NUMBA_NUM_THREADS" in run(code, NUMBA_NUM_THREADS=0).stdout
