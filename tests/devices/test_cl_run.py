"""``livn-gym cl run`` as a command: exit codes, refusals, and that nothing is left running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cl_sdk
import pytest
from cl_sdk import ScriptRunner
from commands import caller

from livn_gym.devices import cl as cl_module
from livn_gym.errors import BackendUnavailable, LivingTissue

SCRIPT = "import sys; print(sys.argv[1:], __name__, __file__); sys.exit(7)"


@pytest.fixture
def run(tmp_path):
    return ScriptRunner(tmp_path)


def command_line(folder, *arguments, path=()):
    """Result of the command line in this Python, with folders before all others on the path of modules."""
    paths = os.pathsep.join([*map(str, path), str(cl_sdk.ROOT)])
    return subprocess.run(
        [sys.executable, "-c", cl_sdk.MAIN, *arguments],
        cwd=folder,
        env=cl_sdk.environment() | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )


def module_cl(folder, text):
    """A folder with a module cl, which stands for the one of a real device: there is none to test with."""
    folder.mkdir()
    (folder / "cl.py").write_text(text, encoding="utf-8")
    return folder


def test_without_cl_sdk_the_error_says_what_to_install_and_under_which_licence(monkeypatch, tmp_path):
    monkeypatch.setattr(cl_module, "find_spec", lambda name: None)
    call = caller(monkeypatch, tmp_path)
    Path("script.py").write_text(SCRIPT)
    code, stdout, stderr = call("cl", "run", "script.py")
    assert code == 1 and stdout == ""
    for word in ("livn_gym[cl]", "CC BY-NC 4.0", "Python 3.12 or newer"):
        assert word in stderr
    with pytest.raises(BackendUnavailable, match="cl-sdk"):
        cl_module.source()


def test_a_real_device_is_refused_before_it_is_opened(tmp_path, monkeypatch):
    (tmp_path / "script.py").write_text("import cl; cl.open()")
    device = module_cl(
        tmp_path / "device",
        "def is_simulator(): return False\n"
        "def open(): open_file('opened')\n"
        "def open_file(name): __import__('pathlib').Path(name).touch()\n",
    )
    done = command_line(tmp_path, "cl", "run", "script.py", path=[device])
    assert done.returncode == 1 and "real device" in done.stderr and not (tmp_path / "opened").exists()
    direct = subprocess.run(
        [sys.executable, "-m", "livn_gym.devices.cl_script", "script.py"],
        cwd=tmp_path,
        env=cl_sdk.environment() | {"PYTHONPATH": f"{device}{os.pathsep}{cl_sdk.ROOT}"},
        capture_output=True,
        text=True,
    )
    assert direct.returncode == 3 and "real device" in direct.stderr and not (tmp_path / "opened").exists()
    monkeypatch.syspath_prepend(str(device))
    monkeypatch.delitem(sys.modules, "cl", raising=False)
    with pytest.raises(LivingTissue):
        cl_module.configure("EI3")
    sys.modules.pop("cl")


def test_another_module_of_that_name_is_refused(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = command_line(tmp_path, "cl", "run", "script.py", path=[module_cl(tmp_path / "other", "")])
    assert done.returncode == 1 and "is not cl-sdk" in done.stderr


def test_a_missing_script_is_refused(tmp_path):
    done = command_line(tmp_path, "cl", "run", "none.py")
    assert done.returncode == 2 and "none.py" in done.stderr


@pytest.mark.needs("cl")
@pytest.mark.slow
def test_arguments_and_exit_code_are_those_of_the_script(run):
    process = run.start(SCRIPT, "--seed", "5", "x", options="--accelerated --seed 1")
    stdout, stderr = process.communicate()
    assert process.returncode == 7, stderr
    assert stdout.split("]")[0] == "['--seed', '5', 'x'" and "__main__" in stdout and "script.py" in stdout


@pytest.mark.needs("cl")
@pytest.mark.slow
def test_a_failing_script_shows_its_traceback(run):
    process = run.start("import cl\nwith cl.open() as neurons:\n    raise ValueError('mine')", options="--accelerated")
    _, stderr = process.communicate()
    assert process.returncode == 1 and "ValueError: mine" in stderr and "frames" in stderr


ENDLESS = """
import os, cl
with cl.open() as neurons:
    for tick in neurons.loop(50):
        if tick.iteration == 5:
            print(os.getpid(), flush=True)
"""


def children(pid):
    """Processes that a process has started, and theirs."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = status.read_text()
        except OSError:  # it has ended meanwhile
            continue
        if int(text.rpartition(")")[2].split()[1]) == pid:
            child = int(text.split()[0])
            found += [child, *children(child)]
    return found


def wait_for_end(pids):
    """Wait until processes have ended, or are zombies."""
    while any(alive(pid) for pid in pids):
        time.sleep(0.1)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.needs("cl")
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("reach", ["all", "command", "terminate"])
def test_signals_end_everything(run, reach):
    """A terminal sends Ctrl-C to the whole group of processes, other programs a signal to the command alone."""
    process = run.start(ENDLESS, options="--accelerated --settle 100")
    script = int(process.stdout.readline())
    started = children(process.pid)
    assert script in started and len(started) >= 2  # the script, and the SDK's process for data
    number = signal.SIGTERM if reach == "terminate" else signal.SIGINT
    (os.killpg if reach == "all" else os.kill)(process.pid, number)
    _, stderr = process.communicate()
    assert process.returncode == 128 + number
    assert ("interrupted" in stderr) == (number == signal.SIGINT)
    wait_for_end(started)


@pytest.mark.needs("cl")
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_culture_ends_when_its_script_was_killed(run):
    process = run.start(ENDLESS, options="--settle 100")
    script = int(process.stdout.readline())
    started = children(process.pid)
    os.kill(script, signal.SIGKILL)
    _, stderr = process.communicate()
    assert process.returncode == 128 + signal.SIGKILL
    wait_for_end(started)


@pytest.mark.needs("cl")
@pytest.mark.slow
def test_waits_of_cl_sdk_are_longer(tmp_path):
    code = (
        "import json, inspect, cl\n"
        "from cl._sim._data_buffer import SharedDataBuffer as Buffer\n"
        "from livn_gym.devices import cl_patience\n"
        "before = Buffer.wait_for_timestamp\n"
        "cl_patience.extend(); cl_patience.extend()\n"
        "print(json.dumps(Buffer.wait_for_timestamp.__wrapped__ is before))\n"
        "given = []\n"
        "wrapped = cl_patience._patient(lambda self, at, timeout_seconds=None: given.append(timeout_seconds), "
        "'timeout_seconds', 30.0)\n"
        "wrapped(0, 1); wrapped(0, 1, timeout_seconds=0.1); wrapped(0, 1, timeout_seconds=60.0)\n"
        "print(json.dumps(given))\n"
    )
    assert cl_sdk.in_python(code, tmp_path).lines == [True, [None, 30.0, 60.0]]
