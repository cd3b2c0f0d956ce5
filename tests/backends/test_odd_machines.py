"""Machines on which folders, paths and settings are not what a developer's are."""

import os
import shutil
import subprocess
import sys
import tempfile

import pytest

from livn_gym import backends, references
from livn_gym.backends.neuron import library
from livn_gym.backends.neuron.compile import mechanism_library
from livn_gym.errors import BackendUnavailable, StorageError


def run(code, *options, **variables):
    environment = os.environ | {name: str(value) for name, value in variables.items()}
    command = ["-c", code] if code else []
    return subprocess.run([sys.executable, *options, *command], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("name", ["plain with space", "O'Brien", "Zürich", "50%", "$HOME", "~"])
def test_neuron_loads_mechanisms_from_any_path(tmp_path, name):
    compiled = mechanism_library()
    folder = tmp_path / name
    folder.mkdir()
    library = shutil.copy(compiled.library, folder)
    done = run("", "-m", "livn_gym.backends.neuron.simulator", library, compiled.tag)
    assert done.returncode == 0, done.stderr


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

    monkeypatch.setattr(references, "import_module", fail)
    with pytest.raises(BackendUnavailable, match=str(error)):
        backends.make("native")


def test_a_setting_that_numba_refuses_is_a_clear_error():
    code = "import livn_gym\ntry: livn_gym.make('EI1')\nexcept livn_gym.errors.BackendUnavailable as e: print(e)"
    assert "NUMBA_NUM_THREADS" in run(code, NUMBA_NUM_THREADS=0).stdout
