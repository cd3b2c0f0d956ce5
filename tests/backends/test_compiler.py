"""Compilation of kernels: functions inside a program are compiled as a part of it, and only there."""

import gc
import os
import subprocess
import sys

import numpy as np
import pytest
from numba import njit, types

import livn_gym
from livn_gym.backends.native.compiler import BORROWED, INNER, InnerLibrary
from livn_gym.backends.native.program import program
from livn_gym.plasticity import STDP
from livn_gym.stimulus import Stimulus


@njit(**BORROWED)
def total(numbers):
    result = 0.0
    for k in range(len(numbers)):
        result += numbers[k]
    return result


@njit(**INNER)
def doubled(numbers):
    result = np.empty_like(numbers)
    for k in range(len(numbers)):
        result[k] = 2.0 * numbers[k]
    return result


@njit
def outer(numbers):
    return total(doubled(numbers)) + total(numbers)


def test_inner_functions_have_no_machine_code_and_their_callers_do():
    assert outer(np.arange(4.0)) == 18.0
    (result,) = outer.overloads.values()
    names = {function.name for function in result.library.get_defined_functions()}
    for inner in (total, doubled):
        (compiled,) = inner.overloads.values()
        assert isinstance(compiled.library, InnerLibrary)
        assert compiled.library.get_pointer_to_function(compiled.fndesc.mangled_name) == 0
    assert result.library.get_pointer_to_function(result.fndesc.mangled_name) != 0
    assert result.fndesc.mangled_name in names


def test_functions_that_borrow_cannot_return_new_arrays():
    with pytest.raises(Exception, match="returning of array"):
        njit(**BORROWED)(doubled.py_func).compile((types.float64[::1],))


@pytest.mark.parametrize("fails", [False, True])
def test_garbage_is_collected_as_before_once_a_program_is_compiled(tmp_path, monkeypatch, fails):
    monkeypatch.setenv("LIVN_GYM_CACHE", str(tmp_path))
    before, during = gc.get_threshold(), []

    def example(run):
        during.append(gc.get_threshold())
        run(1.0)
        assert not fails

    text = f"from numba import njit\n\n@njit(nogil=True)\ndef run(x):\n    return x + {int(fails)}.5\n"
    try:
        program(text, example)
    except AssertionError:
        assert fails
    assert gc.get_threshold() == before and during[0][0] > before[0]


def test_a_start_from_the_cache_loads_nothing_that_only_compiling_needs():
    code = (
        "import sys, livn_gym\n"
        "env = livn_gym.make('EI1', seed=1).record_spikes()\n"
        "env.run(10)\n"
        "print(sorted({'numba.np.arraymath', 'numba.np.linalg'} & set(sys.modules)))"
    )
    for _ in range(2):  # the first process may have to compile
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
        assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["fast", "exact"])
def test_no_run_compiles_for_types_that_are_not_in_the_cache(profile):
    env = livn_gym.make("EI1", seed=1, num_cultures=2, profile=profile, backend="native")
    env.run(5)
    env.record_spikes().record_voltage("EXC", sample_ms=1.0).record_membrane_current("EXC", sample_ms=1.0)
    env.run(5, Stimulus.pulse_train([50.0], duration_ms=5.0, rate_hz=400.0))
    state = env.save_state()
    env.enable_plasticity({"EXC_EXC": STDP(0.02, 0.025)}).record_weights(1.0)
    env.run(5)
    env.run(5, cultures=[1])
    env.set_cells({"EXC-g_leak_soma": np.linspace(0.09, 0.11, 8)})
    env.run(5)
    env.set_noise({"std_e": 0.5}, cultures=[1])
    env.run(5)
    env.load_state(state)
    env.run(5)
    programs = env._backend._programs
    assert len(programs) > 1 and {len(run.overloads) for run in programs.values()} == {1}
    env.close()
