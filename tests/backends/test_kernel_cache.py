"""Compiled code on disk: what is damaged or foreign is compiled anew before anything of it is executed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from livn_gym.backends.native import machine_code
from livn_gym.backends.native.program import program
from livn_gym.cache import SEAL, file_sha256, is_intact
from livn_gym.errors import BackendUnavailable

MODULE = "livn_gym_kernels_"
TEXT = """
from numba import njit

@njit(nogil=True)
def run(x):
    return 2.0 * x + 1.0
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVN_GYM_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    forget()


def forget():
    """Let the next call find no kernels in memory, as in a new process."""
    for name in [name for name in sys.modules if name.startswith(MODULE)]:
        del sys.modules[name]


def compiled(text=TEXT):
    """What the program gives for 20, whether it was compiled for that, and its folder."""
    examples = []
    forget()
    run = program(text, lambda run: (examples.append(run), run(1.0)))
    (name,) = [name for name in sys.modules if name.startswith(MODULE)]
    return run(20.0), len(examples), Path(os.environ["LIVN_GYM_CACHE"]) / "kernels" / name.removeprefix(MODULE)


def test_code_is_compiled_once_and_then_loaded(cache):
    value, times, _ = compiled()
    assert (value, times) == (41.0, 1)
    value, times, folder = compiled()
    assert (value, times) == (41.0, 0)
    run = sys.modules[MODULE + folder.name].run
    assert len(run.overloads) == 1 and not run.stats.cache_misses, "loaded, not compiled in memory"
    assert sorted(path.name for path in folder.iterdir()) == [SEAL, "kernels.bin", "kernels.py"]


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda code: os.truncate(code, code.stat().st_size // 2),
        lambda code: os.truncate(code, 0),
        lambda code: flip(code, code.stat().st_size // 2),
        lambda code: flip(code, 0),
        lambda code: code.unlink(),
        lambda code: (code.unlink(), code.mkdir()),
        lambda code: (code.parent / SEAL).unlink(),
        lambda code: flip(code.parent / "kernels.py", 3),
    ],
)
def test_damaged_code_is_compiled_anew_and_stays_whole(cache, damage):
    folder = compiled()[2]
    damage(folder / "kernels.bin")
    assert compiled() == (41.0, 1, folder)
    assert is_intact(folder)
    assert compiled() == (41.0, 0, folder)


def test_code_of_something_else_is_not_taken(cache):
    folder = compiled()[2]
    other = compiled(TEXT.replace("1.0", "7.0"))[2]
    for name in (SEAL, "kernels.bin", "kernels.py"):
        (folder / name).write_bytes((other / name).read_bytes())
    assert is_intact(folder)
    assert compiled() == (41.0, 1, folder)
    assert compiled() == (41.0, 0, folder)


def test_source_in_the_cache_is_never_executed(cache):
    folder = compiled()[2]
    (folder / "kernels.py").write_text("raise SystemExit('executed')")
    names = ("kernels.bin", "kernels.py")
    (folder / SEAL).write_text("".join(f"{file_sha256(folder / name)}  {name}\n" for name in names))
    assert compiled() == (41.0, 0, folder)


@pytest.mark.parametrize("name, value", [("OPT", 1), ("BOUNDSCHECK", 1), ("LOOP_VECTORIZE", 0)])
def test_code_of_other_settings_of_numba_is_kept_apart(cache, monkeypatch, name, value):
    folder, before = compiled()[2], getattr(machine_code.config, name)
    monkeypatch.setattr(machine_code.config, name, value)
    assert compiled()[2] != folder
    monkeypatch.setattr(machine_code.config, name, before)
    assert compiled() == (41.0, 0, folder)


def test_a_failed_compilation_is_not_taken_for_a_module(cache):
    forget()

    def fail(run):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        program(TEXT, fail)
    assert compiled()[:2] == (41.0, 1)


@pytest.mark.parametrize(
    "name, value, why",
    [
        ("DISABLE_JIT", 1, "NUMBA_DISABLE_JIT"),
        ("OPT", 0, "NUMBA_OPT=0"),
        ("CPU_FEATURES", "+sse2,+unheard-of", "NUMBA_CPU_FEATURES"),
    ],
)
def test_settings_under_which_kernels_crash_or_differ_are_refused(cache, monkeypatch, name, value, why):
    features = machine_code.llvmlite.binding.get_host_cpu_features() | {"unheard-of": False}
    monkeypatch.setattr(machine_code.llvmlite.binding, "get_host_cpu_features", lambda: features)
    monkeypatch.setattr(machine_code.config, name, value)
    with pytest.raises(BackendUnavailable, match=why):
        program(TEXT, lambda run: run(1.0))


def test_a_switched_off_compiler_is_a_clear_error_from_the_start(cache):
    code = "import livn_gym\ntry: livn_gym.make('EI1')\nexcept livn_gym.errors.BackendUnavailable as e: print(e)"
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and "NUMBA_DISABLE_JIT" in done.stdout, done.stderr


def test_numbas_own_cache_folder_is_not_used(cache, tmp_path):
    code = f"from livn_gym.backends.native.program import program\nprint(program({TEXT!r}, lambda run: run(1.0))(20.0))"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "elsewhere"), "HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout == "41.0\n", done.stderr
    assert not (tmp_path / "elsewhere").exists() and not (tmp_path / "home").exists()
