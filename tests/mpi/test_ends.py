"""Scripts that every rank runs by itself: however one rank ends, the job ends, and the user reads why."""

import sys
import time

import numpy as np
import pytest
from mpi import launch

from livn_gym.env import Env
from livn_gym.system import predefined

LIMIT = 60.0
"""Seconds for one run on a busy machine; a hang would be for ever."""

HEAD = """
    import os, signal, sys, threading, time
    from mpi4py import MPI
    from livn_gym.env import Env
    from livn_gym.errors import WorkerError
    from livn_gym.system import predefined

    world, backend = MPI.COMM_WORLD, sys.argv[1]
    env = Env(predefined("EI1"), comm=world, backend=backend, seed=3).init()
    env.apply_model_defaults().record_spikes()

    def interrupted_later():
        def interrupt():
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=interrupt, daemon=True).start()
"""


def play(tmp_path, text, backend="native", ranks=2):
    """Run a script of several ranks that share a culture."""
    return launch.run([launch.script(tmp_path, HEAD + text), backend], ranks, timeout=LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["native", "neuron"])
@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_of_one_rank_is_an_error_of_the_others(backend, code, tmp_path):
    text = f"""
    env.run(1)
    if world.rank == 1:
        sys.exit({code})
    env.run(10)
    print("not reached")
    """
    run = play(tmp_path, text, backend)
    assert run.code != 0 and "not reached" not in run.out, run.everything
    assert "WorkerError: The script of rank 1 has ended" in run.err or code, run.everything


@pytest.mark.slow
def test_ranks_that_handle_the_exit_of_another_can_end_as_usual(tmp_path):
    text = """
    if world.rank == 1:
        sys.exit(0)
    for _ in range(3):
        try:
            env.run(10)
        except WorkerError as error:
            print("handled", flush=True)
    """
    run = play(tmp_path, text, ranks=3).good()
    assert run.out.split() == ["handled"] * 6


@pytest.mark.slow
def test_an_exit_of_all_ranks_keeps_its_code(tmp_path):
    run = play(tmp_path, "\n    env.run(1)\n    sys.exit(4)\n")
    assert run.code == 4, run.everything


@pytest.mark.slow
def test_the_scripts_own_excepthook_stays_and_what_was_printed_is_not_lost(tmp_path):
    """Rank 0 has ended when rank 1 fails; its output was still in a buffer then."""
    text = """
    def own_hook(kind, error, trace):
        print("own hook:", error, file=sys.stderr, flush=True)

    sys.excepthook = own_hook
    print("printed by", world.rank)
    if world.rank == 1:
        time.sleep(1.0)
        raise ArithmeticError("late")
    """
    run = play(tmp_path, text)
    assert run.code == 1 and "own hook: late" in run.err, run.everything
    assert "printed by 0" in run.out and "printed by 1" in run.out, run.everything


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["native", "neuron"])
def test_ctrl_c_of_one_rank_ends_the_job(backend, tmp_path):
    text = """
    if world.rank == 1:
        interrupted_later()
    env.run(1_000_000)
    print("not reached")
    """
    started = time.monotonic()
    run = play(tmp_path, text, backend)
    assert run.code != 0 and "not reached" not in run.out, run.everything
    assert "KeyboardInterrupt" in run.err or "RunStopped" in run.err, run.everything
    assert time.monotonic() - started < LIMIT


@pytest.mark.slow
def test_after_a_handled_ctrl_c_the_culture_continues_as_if_the_run_had_not_been(tmp_path):
    """On the native engine; the ranks that were not interrupted get a ``WorkerError``."""
    text = """
    import numpy as np
    env.run(50)
    if world.rank == 1:
        interrupted_later()
    try:
        env.run(1_000_000)
    except KeyboardInterrupt:
        print("interrupted", world.rank, flush=True)
    except WorkerError as error:
        print("told", world.rank, "RunStopped" in str(error), flush=True)
    recording = env.run(100, root_only=True)
    if world.rank == 0:
        np.savez(sys.argv[2], cells=recording.spike_gid, times=recording.spike_t)
    """
    path = tmp_path / "spikes.npz"
    script = launch.script(tmp_path, HEAD + text)
    run = launch.run([script, "native", str(path)], 3, timeout=LIMIT).good()
    assert sorted(run.out.splitlines()) == ["interrupted 1", "told 0 True", "told 2 True"], run.everything
    with Env(predefined("EI1"), seed=3).init() as env:
        env.apply_model_defaults().record_spikes()
        env.run(50)
        expected = env.run(100)
    with np.load(path) as found:
        np.testing.assert_array_equal(found["cells"], expected.spike_gid)
        np.testing.assert_array_equal(found["times"], expected.spike_t)
    assert len(expected.spike_t) > 0


@pytest.mark.slow
def test_a_worker_that_is_interrupted_ends_the_job_of_its_controller(tmp_path):
    text = """
    import os, signal, sys
    from livn_gym.decoding import MeanFiringRate
    from livn_gym.distributed import DistributedEnv
    from livn_gym.system import predefined

    def interrupt(env, duration, inputs):
        os.kill(os.getpid(), signal.SIGINT)

    env = DistributedEnv(predefined("EI1")).init()
    if env.is_root():
        env(MeanFiringRate(duration=20), [None], interrupt)
        print("not reached")
    """
    run = launch.run([launch.script(tmp_path, text)], 3, timeout=LIMIT)
    assert run.code == 1 and "KeyboardInterrupt" in run.err and "not reached" not in run.out, run.everything


def test_without_a_launcher_there_is_no_job():
    """A process that no MPI launcher started has no need of mpi4py."""
    code = "from livn_gym import mpi_job; import sys; assert not mpi_job.launched(); assert 'mpi4py' not in sys.modules"
    launch.subprocess.run([sys.executable, "-c", code], env=launch.environment(), check=True, timeout=LIMIT)


@pytest.mark.slow
def test_a_rank_that_fails_before_init_ends_the_job(tmp_path):
    text = """
    from livn_gym.distributed import DistributedEnv
    from livn_gym.system import predefined

    env = DistributedEnv(predefined("EI1"))
    if not env.is_root():
        raise ArithmeticError("before init")
    env.init()
    """
    run = launch.run([launch.script(tmp_path, text)], 3, timeout=LIMIT)
    assert run.code == 1 and "before init" in run.err, run.everything


@pytest.mark.slow
def test_a_script_that_handles_ctrl_c_can_reset_its_environments_over_ranks(tmp_path):
    """Whether rank 0 was simulating or waiting for others, the requests of all ranks stay in step."""
    text = """
    import os, signal, threading, time
    import gymnasium as gym, numpy as np, livn_gym

    env = gym.make_vec("livn/EI1-v0", num_envs=4, settle_ms=200.0, max_episode_steps=-1, backend="native")
    actions = np.random.default_rng(0).uniform(-1, 1, (5, 4, 1)).astype(np.float32)

    def played():
        return [env.reset(seed=3)[0], *(env.step(action)[0] for action in actions)]

    expected = played()
    for delay in (0.3, 0.35, 0.4, 0.45, 0.5):
        def interrupt():
            time.sleep(delay)
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=interrupt, daemon=True).start()
        try:
            while True:
                env.step(actions[0])
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        for seen, before in zip(played(), expected, strict=True):
            np.testing.assert_array_equal(seen, before)
    env.close()
    print("finished")
    """
    run = launch.run(["-m", "livn_gym.mpi", launch.script(tmp_path, text)], 2, timeout=LIMIT).good()
    assert run.out.split() == ["interrupted"] * 5 + ["finished"], run.everything


@pytest.mark.slow
def test_a_controller_that_handles_ctrl_c_receives_every_response(tmp_path):
    """Whatever it was doing with messages when the signal came, none is lost or received twice."""
    text = """
    import signal
    from livn_gym.decoding import MeanFiringRate
    from livn_gym.distributed import DistributedEnv
    from livn_gym.system import predefined

    armed = set()

    def interrupt(number, frame):
        if armed:
            armed.clear()
            raise KeyboardInterrupt

    env = DistributedEnv(predefined("EI1"), seed=5).init()
    env.record_spikes()
    env.apply_model_defaults()
    if env.is_root():
        decoding = MeanFiringRate(duration=10)
        expected = env(decoding, [None] * 40)
        signal.signal(signal.SIGALRM, interrupt)
        tasks = [env.submit_call(decoding) for _ in range(40)]
        responses, interrupts = {}, 0
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.0037)
        while len(responses) < 40:
            try:
                armed.add("raise")
                env._progress()
                armed.clear()
            except KeyboardInterrupt:
                interrupts += 1
            responses |= {task: env._responses[task] for task in tasks if task in env._responses}
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        assert interrupts > 0 and [len(responses), len(env._running)] == [40, 0]
        again = [env.receive_response(task) for task in tasks]
        assert len(again) == len(expected) == 40
        print("received", flush=True)
    env.shutdown()
    """
    run = launch.run([launch.script(tmp_path, text)], 3, timeout=LIMIT).good()
    assert run.out.split() == ["received"], run.everything
