"""The processes and the compilation behind the NEURON backend, and its noise."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from cultures import Lab, system

from livn_gym import numerics
from livn_gym.backends import neuron
from livn_gym.backends.neuron import compile as neuron_compile
from livn_gym.backends.neuron.backend import NeuronBackend
from livn_gym.errors import BackendError, BackendUnavailable, InvalidInput, UnsupportedModel
from livn_gym.models import Cell, ReducedCalciumSomaDendrite
from livn_gym.stimulus import Stimulus

TESTS = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def simulator(monkeypatch):
    monkeypatch.setenv("LIVN_BACKEND", "neuron")


def python(code, **environment):
    """Run code in a new process that finds the tests' helpers."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(TESTS)} | environment,
    )


def gone(pid, seconds=10.0):
    """Whether a process ends within some seconds; a zombie has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_noise_is_the_philox_stream_of_numerics():
    """The mechanism's process y after n steps, against the same recursion on livn_gym.numerics.noise."""
    code = """
        from cultures import system
        from livn_gym.backends import CultureSpec
        from livn_gym.backends.neuron.compile import mechanism_library
        from livn_gym.backends.neuron.culture import Culture
        from livn_gym.models import ReducedCalciumSomaDendrite
        from livn_gym.numerics import NoiseStream
        from livn_gym.parameters import ParameterSet
        s = system(2, 1)
        c = Culture(CultureSpec(s, ReducedCalciumSomaDendrite(), 0.025, "backward_euler", 1), mechanism_library())
        c.set_parameters(ParameterSet(s).updated({"noise-std_e": 1.0, "noise-tau_e": 5.0, "noise-tau_i": 8.0}).frozen())
        c.reset(NoiseStream(2**63 + 4000000007, 3))
        for step in range(200):
            c.h.fadvance()
        for population, sign, noise in c._noise:
            print(int(noise.cell), int(noise.receptor), noise.tau, noise.y.hex())
    """
    process = python(code)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    rows = [line.split() for line in out.splitlines() if "0x" in line]
    assert len(rows) == 6
    for cell, receptor, tau, y in rows:
        draws = numerics.noise(np.arange(200), int(cell), numerics.NoiseStream(2**63 + 4000000007, 3))[int(receptor)]
        keep = np.exp(-0.025 / float(tau))
        expected = 0.0
        for draw in draws:
            expected = keep * expected + np.sqrt(1 - keep * keep) * draw
        assert float.fromhex(y) == expected


def test_unsupported_cells_are_refused_before_a_process_starts():
    class Other(Cell):
        pass

    model = ReducedCalciumSomaDendrite()
    cell = model.cell("EXC")
    other = Other(**{item.name: getattr(cell, item.name) for item in fields(Cell)})
    model._cells["EXC"] = other
    with pytest.raises(UnsupportedModel, match="Other"):
        Lab(system(), model=model)


def test_a_livn_error_in_the_worker_is_raised_here_with_its_traceback():
    with Lab(system()) as lab, pytest.raises(InvalidInput, match="multiple of the time step") as caught:
        lab.run(10.0, Stimulus(np.ones((1, 1)), 0.03))
    assert "worker.py" in str(caught.value.__cause__)


def test_a_killed_worker_is_an_error_and_not_a_hang():
    with Lab(system()) as lab:
        os.kill(lab.backend._workers[0]._process.pid, signal.SIGKILL)
        with pytest.raises(BackendError, match="exit code -9"):
            lab.run(10.0)


def test_close_leaves_nothing_behind():
    lab = Lab(system(), seeds=(1, 2))
    pids = [worker._process.pid for worker in lab.backend._workers]
    lab.backend.close()
    lab.backend.close()
    assert all(gone(pid) for pid in pids)


def test_a_backend_that_is_dropped_ends_its_worker():
    lab = Lab(system())
    pid = lab.backend._workers[0]._process.pid
    del lab
    assert gone(pid)


@pytest.mark.parametrize("busy", [False, True])
def test_no_orphan_when_the_parent_is_killed(busy):
    code = f"""
        import sys, threading
        from cultures import Lab, system
        lab = Lab(system(8))
        print(lab.backend._workers[0]._process.pid, flush=True)
        {"lab.run(1e6, traces=False)" if busy else "sys.stdin.read(); threading.Event().wait()"}
    """
    parent = python(code)
    worker = int(parent.stdout.readline())
    time.sleep(0.5)
    parent.kill()
    parent.communicate()
    assert gone(worker)


def test_mpi_variables_do_not_reach_the_worker(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "4")
    monkeypatch.setenv("PMIX_RANK", "1")
    with Lab(system()) as lab:
        environment = Path(f"/proc/{lab.backend._workers[0]._process.pid}/environ").read_bytes()
    assert b"OMPI_" not in environment
    assert b"PMIX_" not in environment


@pytest.mark.slow
def test_processes_that_start_at_once_compile_once(tmp_path):
    code = """
        from livn_gym.backends.neuron.compile import mechanism_library
        print(mechanism_library().library)
    """
    processes = [python(code, LIVN_GYM_CACHE=str(tmp_path)) for _ in range(3)]
    outputs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert len({out for out, _ in outputs}) == 1
    assert Path(outputs[0][0].strip()).exists()
    assert sum("compiling" in err for _, err in outputs) == 1
    assert not list((tmp_path / "mechanisms").glob(".*.part"))


def test_a_missing_compiler_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVN_GYM_CACHE", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BackendUnavailable, match="install a C\\+\\+ compiler"):
        neuron_compile.mechanism_library()


def test_a_missing_neuron_is_one_clear_error(monkeypatch):
    def missing(name):
        raise neuron_compile.PackageNotFoundError(name)

    monkeypatch.setattr(neuron_compile, "version", missing)
    with pytest.raises(BackendUnavailable, match="livn_gym\\[neuron\\]"):
        neuron_compile.mechanism_library()


@pytest.mark.slow
def test_a_failed_compilation_shows_the_output_and_leaves_no_library(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVN_GYM_CACHE", str(tmp_path))
    monkeypatch.setattr(neuron_compile, "files", lambda package: tmp_path)
    (tmp_path / "mechanisms").mkdir()
    (tmp_path / "mechanisms" / "bad.mod").write_text("not_a_block {\n")
    with pytest.raises(BackendError, match="not_a_block"):
        neuron_compile.mechanism_library()
    assert not list(tmp_path.glob("**/libnrnmech*"))


def test_capabilities():
    assert neuron.NeuronBackend is NeuronBackend
    assert NeuronBackend.capabilities.snapshots is False


def test_spikes_keep_their_steps_however_far_neurons_clock_has_drifted():
    """It adds up steps with a rounding of up to 1e-6 ms each after 100 days, a whole step in 25,000."""
    code = """
        import numpy as np
        from cultures import system
        from livn_gym.backends import CultureSpec
        from livn_gym.backends.neuron.compile import mechanism_library
        from livn_gym.backends.neuron.culture import Culture
        from livn_gym.models import ReducedCalciumSomaDendrite
        from livn_gym.numerics import NoiseStream
        from livn_gym.parameters import ParameterSet
        from livn_gym.recording_request import RecordingRequest
        from livn_gym.stimulus import Stimulus
        s = system(1)
        c = Culture(CultureSpec(s, ReducedCalciumSomaDendrite(), 0.025, "backward_euler", 1), mechanism_library())
        c.set_parameters(ParameterSet(s).frozen())
        found = []
        for start in (0.0, 2.0**33):
            c.reset(NoiseStream(1))
            c.h.t = c._run_t = start
            for steps in (20000, 1, 20000, 39999):
                run = c.run(steps, Stimulus(np.array([[0.2]]), steps * 0.025), RecordingRequest(s.gids()))
                found.append([round(t / 0.025) for t in run.spike_t])
            print("drift in steps:", (c.h.t - start) / 0.025 - 80000)
        print(found[:4] == found[4:], sum(map(len, found)) > 12)
    """
    process = python(code)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.split()[-2:] == ["True", "True"], out
