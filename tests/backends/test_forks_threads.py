"""Forked children and several threads: a copy, a clear error, or one after the other; never a hang."""

import ast
import copy
import os
import pickle
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from cultures import equal
from interrupting import child

from livn_gym import make
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.errors import BackendError, InvalidInput, OverlappingCall, RunStopped, SimulationDiverged
from livn_gym.stimulus import Stimulus


def in_child(call):
    """The exit code of a forked child that makes a call and ends; a hang is killed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = call() or 0
        finally:
            os._exit(code)
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hang"


@pytest.mark.parametrize("count", [1, 3])
def test_a_native_culture_continues_in_a_forked_child_as_a_copy(count):
    env = make("EI1", seed=3, num_cultures=count, profile="fast", backend="native").record_spikes()
    env.run(50.0)
    before = env.save_state()
    expected = env.run(200.0)
    env.load_state(before)
    assert in_child(lambda: int(not equal(env.run(200.0), expected))) == 0
    assert equal(env.run(200.0), expected)
    env.close()


def test_a_child_of_a_fork_in_the_middle_of_a_run_is_refused_the_env():
    env = make("EI1", profile="fast", backend="native")
    env.run(1.0)
    stopped = []

    def long():
        try:
            env.run(1e7)
        except RunStopped as error:
            stopped.append(error)

    thread = threading.Thread(target=long)
    thread.start()
    time.sleep(0.3)

    def use():
        try:
            env.run(1.0)
        except BackendError:
            return 0
        return 1

    code = in_child(use)
    env.stop()
    thread.join()
    assert code == 0 and stopped and env.t == 1.0
    env.close()


def test_neuron_is_refused_in_a_forked_child_and_stays_the_parents():
    env = make("EI1", seed=3, backend="neuron").record_spikes()
    env.run(20.0)

    def use():
        for call in (lambda: env.run(1.0), env.clear, lambda: env.set_params({"noise-std_e": 1.0}), env.get_weights):
            try:
                call()
            except BackendError:
                continue
            return 1
        env.close()
        return 0

    assert in_child(use) == 0
    with make("EI1", seed=3, backend="neuron").record_spikes() as other:
        other.run(20.0)
        assert equal(env.run(100.0), other.run(100.0))
    env.close()


def test_the_end_of_a_forked_child_does_not_end_neurons_workers():
    """An ordinary exit, at which Python calls finalizers."""
    child(
        """
        import os
        env = make("EI1", seed=3, backend="neuron").record_spikes()
        env.run(20.0)
        if os.fork() == 0:
            raise SystemExit(0)
        os.wait()
        env.run(20.0)
        """
    )


def test_threads_run_one_after_the_other():
    env = make("EI2", seed=1, profile="fast", backend="native").record_spikes()
    threads = [threading.Thread(target=lambda: [env.run(10.0) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with make("EI2", seed=1, profile="fast", backend="native").record_spikes() as whole:
        whole.run(800.0)
        assert env.t == 800.0
        assert equal(env.run(100.0), whole.run(100.0))
    env.close()


def test_cultures_made_in_several_threads_parse_one_after_the_other(monkeypatch):
    """CPython 3.11 raises ``SystemError`` now and then if two threads parse at the same time."""
    plain, parsing, together, errors = ast.parse, [], [], []

    def parse(*args, **options):
        parsing.append(None)
        together.append(len(parsing))
        time.sleep(0.001)  # others run
        try:
            return plain(*args, **options)
        finally:
            parsing.pop()

    monkeypatch.setattr(ast, "parse", parse)
    monkeypatch.setattr(threading, "excepthook", lambda given: errors.append(given.exc_value))
    threads = [threading.Thread(target=lambda: make("EI1").close()) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and set(together) == {1}


def test_a_step_during_another_threads_step_is_refused():
    loop = LoopSpec.of("EI2", "rate_tracking", backend="native", settle_ms=0.0).make()
    loop.reset([np.random.default_rng(0)], [0])
    begun, go_on = threading.Event(), threading.Event()
    decode = loop.decoding.decode

    def slow(*arguments):
        begun.set()
        go_on.wait(20.0)
        return decode(*arguments)

    loop.decoding.decode = slow
    action = np.zeros((1, *loop.action_space.shape), np.float32)
    thread = threading.Thread(target=loop.step, args=(action,))
    thread.start()
    begun.wait(20.0)
    try:
        for call in (lambda: loop.step(action), lambda: loop.reset([np.random.default_rng(0)], [0])):
            with pytest.raises(OverlappingCall, match="thread"):
                call()
    finally:
        go_on.set()
        thread.join()
    loop.step(action)
    loop.close()


def test_copies_continue_exactly():
    env = make("EI2", seed=5, num_cultures=2, backend="native").enable_plasticity().record_spikes()
    env.run(100.0)
    copies = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    expected = env.run(100.0)
    assert expected.spike_gid.size > 20
    for other in copies:
        assert equal(other.run(100.0), expected)
        for key, values in env.get_weights().items():
            assert np.array_equal(other.get_weights()[key], values)
        other.close()
    env.close()


@pytest.mark.parametrize("profile", ["exact", "fast"])
def test_a_native_run_that_diverges_has_not_happened(profile):
    env, other = (make("EI1", seed=1, num_cultures=2, profile=profile, backend="native").record_voltage() for _ in "ab")
    env.run(20.0)
    other.run(20.0)
    none = np.zeros((1, 10))
    strong = Stimulus(np.stack([none, none + 1e9]), 100.0)
    with pytest.raises(SimulationDiverged, match="of culture 1") as caught:
        env.run(100.0, strong)
    assert isinstance(caught.value, ArithmeticError)
    assert env.t == 20.0 and equal(env.run(50.0), other.run(50.0))
    env.close()
    other.close()


def test_a_neuron_run_that_diverges_loses_the_culture_until_clear():
    with make("EI1", seed=1, backend="neuron").record_spikes() as env:
        expected = env.run(100.0)
        with pytest.raises(SimulationDiverged, match="Culture 0"):
            env.run(100.0, Stimulus(np.full((1, 10), 1e9), 100.0))
        with pytest.raises(BackendError, match="clear"):
            env.run(1.0)
        assert equal(env.clear(seed=1).run(100.0), expected)


def changed(array, place, value):
    other = array.copy()
    other[place] = value
    return other


DAMAGES = {
    "time": lambda s: replace(s, time=-1),
    "kind of time": lambda s: replace(s, time="now"),
    "x": lambda s: replace(s, x=changed(s.x, 0, np.nan)),
    "x too short": lambda s: replace(s, x=s.x[1:]),
    "last in the future": lambda s: replace(s, last=s.last + 10**9),
    "voltage": lambda s: replace(s, variables=(changed(s.variables[0], (0, 0), np.nan), *s.variables[1:])),
    "dtype": lambda s: replace(s, variables=tuple(np.zeros(v.shape) for v in s.variables)),
    "width": lambda s: replace(s, variables=tuple(v[:, :-1] for v in s.variables)),
    "populations": lambda s: replace(s, variables=s.variables[:1]),
    "cell in flight": lambda s: replace(s, flight=(s.flight[0] + 10**6, *s.flight[1:])),
    "synapse in flight": lambda s: replace(s, flight=(*s.flight[:2], s.flight[2] + 10**8, s.flight[3])),
    "synapse of another cell": lambda s: replace(s, flight=(*s.flight[:2], s.flight[2][::-1].copy(), s.flight[3])),
    "arrival in the past": lambda s: replace(s, flight=(s.flight[0], s.flight[1] - 10**6, *s.flight[2:])),
    "lengths in flight": lambda s: replace(s, flight=(s.flight[0][1:], *s.flight[1:])),
    "late cells": lambda s: replace(s, late=np.array([10**6])),
    "waiting cells": lambda s: replace(s, waiting=(np.array([-1]), np.array([0]))),
    "weights": lambda s: replace(s, learnt=tuple(part[:-1] for part in s.learnt)),
    "traces": lambda s: replace(s, learnt=(*s.learnt[:3], s.learnt[3] + 10**9, s.learnt[4])),
    "another object": lambda s: {"time": 0},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_snapshot_is_refused_and_nothing_changes(damage):
    env = make("EI2", seed=1, profile="fast", backend="native").enable_plasticity().record_spikes()
    env.run(20.0, Stimulus.pulse_train(np.full(100, 0.2), duration_ms=20, mode="current"))
    while len(np.unique(env.save_state().states[0].flight[0])) < 4:
        env.run(1.0)
    whole = env.save_state()
    env.run(20.0)
    bad = replace(whole, states=(DAMAGES[damage](whole.states[0]),))
    now = env.save_state()
    with pytest.raises(InvalidInput, match="snapshot|state"):
        env.load_state(pickle.loads(pickle.dumps(bad)))
    after = env.run(50.0)
    env.load_state(now)
    assert equal(env.run(50.0), after)
    env.close()
