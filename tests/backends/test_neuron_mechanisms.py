"""Which mechanisms NEURON uses: the package's own, compiled so that they compute what is written, and no others."""

import os
import platform
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from cultures import Lab, equal, system

from livn_gym.backends.neuron import compile as neuron_compile
from livn_gym.backends.neuron import simulator
from livn_gym.errors import BackendError, BackendUnavailable, StorageError

TESTS = Path(__file__).parents[1]
NOISE = {"noise-std_e": 1.0, "noise-std_i": 1.0}


def run(backend="neuron"):
    with Lab(system(2, 1), backend=backend, params=NOISE, seeds=(2**40 + 1,)) as lab:
        return lab.run(50.0)[0]


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """A folder in which NEURON finds mechanisms of the package's names, as its own compiler leaves them there."""
    compiled = neuron_compile.mechanism_library()
    for folder in (platform.machine(), f"{platform.machine()}/.libs"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(compiled.library, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS.parent), str(TESTS)]))
    return tmp_path


def python(code):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120, check=False
    )


def test_mechanisms_in_the_current_folder_and_in_neurons_variables_are_not_loaded(foreign, monkeypatch):
    library = next(foreign.glob("*/libnrnmech*"))
    seen = python("from neuron import h; print(any(name.startswith('OUConductance') for name in dir(h)))")
    assert seen.stdout.split()[-1] == "True", seen.stderr  # NEURON would have loaded them
    expected = run("native")
    monkeypatch.setenv("NRN_NMODL_PATH", str(foreign))
    monkeypatch.setenv("NEURON_MODULE_OPTIONS", f"-dll {library}")
    monkeypatch.setenv("HOC_LIBRARY_PATH", str(foreign))
    monkeypatch.setenv("NRNHOME", str(foreign))
    assert np.allclose(run().voltage, expected.voltage, atol=1e-3)


def test_mechanisms_of_our_names_that_someone_else_loaded_are_refused(foreign):
    done = python("""
        from neuron import h
        from livn_gym.backends.neuron.compile import mechanism_library
        from livn_gym.backends.neuron.simulator import load
        from livn_gym.errors import BackendError
        try:
            load(mechanism_library())
        except BackendError as error:
            print("refused", error)
    """)
    assert "refused" in done.stdout, done.stderr


def test_a_process_that_has_imported_neuron_gets_ours_beside_others(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS.parent), str(TESTS)]))
    done = python("""
        from neuron import h
        from livn_gym.backends.neuron import simulator
        from livn_gym.backends.neuron.compile import mechanism_library
        simulator.check(mechanism_library())
        simulator.check(mechanism_library())
        print("the same bits")
    """)
    assert "the same bits" in done.stdout, done.stderr


def test_every_mechanism_is_named_by_what_it_was_made_from():
    compiled = neuron_compile.mechanism_library()
    names = []
    for source in compiled.library.parents[1].glob("*.mod"):
        names += re.findall(r"(?:SUFFIX|POINT_PROCESS)\s+(\w+)", source.read_text())
    assert len(names) >= 8
    assert all(name.endswith(f"_{compiled.tag}") for name in names)
    assert compiled.name("OUConductance") in names


def test_settings_of_other_installations_do_not_reach_the_worker(monkeypatch):
    for name in ("NRNHOME", "NRN_NMODL_PATH", "HOC_LIBRARY_PATH", "CORENRNHOME", "NEURON_INIT_MPI", "MODLUNIT"):
        monkeypatch.setenv(name, "/nowhere")
    assert not any(value == "/nowhere" for value in simulator.environment().values())


@pytest.mark.parametrize(
    ("given", "command"),
    [
        (None, ["g++"]),
        ("  ", ["g++"]),
        ("g++ -O2", ["g++", "-O2"]),
        ("ccache g++", ["ccache", "g++"]),
        ("'/opt/my tools/g++' -std=c++20", ["/opt/my tools/g++", "-std=c++20"]),
    ],
)
def test_cxx_is_taken_as_make_takes_it(given, command, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    if given is not None:
        monkeypatch.setenv("CXX", given)
    assert neuron_compile._compiler() == command


def test_the_path_of_a_compiler_may_have_spaces(tmp_path, monkeypatch):
    compiler = tmp_path / "my tools" / "c++"
    compiler.parent.mkdir()
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    assert neuron_compile._compiler() == [str(compiler)]


def test_a_cxx_that_is_no_command_is_refused(monkeypatch):
    monkeypatch.setenv("CXX", "g++ 'unfinished")
    with pytest.raises(BackendUnavailable, match="CXX"):
        neuron_compile.mechanism_library()


def test_no_place_that_make_can_take_is_one_clear_error(monkeypatch):
    monkeypatch.setenv("TMPDIR", "/a folder/with spaces")
    monkeypatch.setattr(neuron_compile.os, "access", lambda *_: False)
    with pytest.raises(StorageError, match="TMPDIR"):
        neuron_compile._plain_folder()


@pytest.mark.slow
def test_nothing_in_the_environment_changes_what_is_compiled(tmp_path, monkeypatch):
    """Options that reorder arithmetic or contract it, settings of make and the shell, and odd paths."""
    expected = run()
    tools = tmp_path / "my tools"
    tools.mkdir()
    (tools / "g++").symlink_to(shutil.which("g++"))
    for name, value in {
        "LIVN_GYM_CACHE": str(tmp_path / 'a chäche, 50% "odd" $HOME #1'),
        "TMPDIR": str(tools),
        "CXX": f"'{tools}/g++' -Ofast -ffast-math -march=native",
        "CXXFLAGS": "-ffast-math",
        "CFLAGS": "--no-such-option",
        "LDFLAGS": "-lnothing",
        "MAKEFLAGS": "-n",
        "CDPATH": "/",
        "NRNHOME": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    assert equal(run(), expected)


@pytest.mark.slow
@pytest.mark.parametrize("options", ["-O2 -ffast-math", "-O2 -ffp-contract=fast -mfma"])
def test_what_computes_otherwise_is_refused_and_not_kept(options, tmp_path, monkeypatch):
    if platform.machine() not in ("x86_64", "AMD64") and "-mfma" in options:
        options = options.replace("-mfma", "")
    monkeypatch.setenv("LIVN_GYM_CACHE", str(tmp_path))
    monkeypatch.setattr(neuron_compile, "_FLAGS", options)
    with pytest.raises(BackendError, match="arithmetic"):
        neuron_compile.mechanism_library()
    assert not list(tmp_path.glob("**/libnrnmech*"))
