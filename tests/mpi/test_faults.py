"""Whatever goes wrong, every process ends within the time limit and the user reads why."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mpi import launch

from livn_gym.envs.tasks.rate_tracking import ONSET_S, REST_S, STRONGEST_S

PLAY = """
    import os, sys
    import gymnasium as gym, numpy as np, livn_gym
    from mpi.faulty import Faulty
    print("pids", os.getpid(), flush=True)
    env = gym.make_vec("livn/EI1-v0", num_envs=6, settle_ms=200.0, max_episode_steps=5, backend="native",
                       autoreset_mode=os.environ.get("MODE", "NextStep"), encoding=Faulty(),
                       on_worker_failure=os.environ.get("ON_FAILURE", "raise"))
    env.reset(seed=1)
    for k in range(8):
        observation, reward, terminated, truncated, info = env.step(np.zeros((6, 1), np.float32))
        assert np.isfinite(observation).all() and np.isfinite(reward).all()
        failed = info.get("worker_failed", np.zeros(6, bool))
        print("step", k, "failed", np.flatnonzero(failed).tolist(), "truncated", np.flatnonzero(truncated).tolist(),
              flush=True)
    env.close()
    print("finished")
"""
CALIBRATION = 3
"""The encoding's call in the calibration at which the fault happens; the first call of all is at construction."""
SECOND_STEP = 1 + 5 * (REST_S + ONSET_S + STRONGEST_S) + 2
"""The encoding's call in the second step, after the calibration's steps of 200 ms, which both environments share."""
LIMIT = 90.0
"""Seconds for start, imports and end of one run on a busy machine; a hang would be for ever."""


@pytest.fixture
def play(tmp_path):
    """Start the script over ranks with a fault."""
    script = launch.script(tmp_path, PLAY)

    def run(fault, ranks=3, options=(), **more):
        env = {"FAULT": fault, "PYTHONPATH": str(Path(__file__).parents[1]), **more}
        env = env | {"PYTHONPATH": os.pathsep.join([str(launch.ROOT), env["PYTHONPATH"]])}
        return launch.run(["-m", "livn_gym.mpi", script], ranks, timeout=LIMIT, options=options, env=env)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1, 2])
@pytest.mark.parametrize("call", [CALIBRATION, SECOND_STEP])
def test_an_exception_reaches_the_user_with_its_traceback(play, rank, call):
    run = play(f"{rank}:{call}:raise")
    assert ("step 0" in run.out) == (call == SECOND_STEP)
    assert run.code != 0 and "finished" not in run.out
    assert "ArithmeticError: a deliberate fault" in run.err and "faulty.py" in run.err
    assert rank == 0 or f"Rank {rank} failed" in run.err


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kill", "exit"])
def test_a_worker_that_goes_ends_the_job(play, kind):
    run = play(f"1:{SECOND_STEP}:{kind}")
    assert run.code != 0 and "finished" not in run.out
    assert "signal 9" in run.err if kind == "kill" else "Rank 1 failed" in run.err


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_a_lost_workers_environments_are_truncated_and_continue_elsewhere(play, mode):
    """Rank 1 of three has environments 2 and 3; other ranks calibrate and reset those that they take over."""
    run = play(f"1:{SECOND_STEP}:kill", options=("--with-ft", "ulfm"), ON_FAILURE="truncate", MODE=mode)
    steps = [line for line in run.out.splitlines() if line.startswith("step")]
    assert len(steps) == 8, run.everything
    assert "failed [2, 3] truncated [2, 3]" in steps[1]
    assert all("failed []" in line for k, line in enumerate(steps) if k != 1)
    # five steps later, and one more where the reset takes a step, their new episode is at its limit
    assert "truncated [2, 3]" in steps[{"NextStep": 7, "SameStep": 6}[mode]]
    assert "finished" in run.out


@pytest.mark.slow
def test_a_worker_lost_in_the_calibration_costs_no_episode(play):
    """The reset that it was in begins again on the other ranks."""
    run = play(f"1:{CALIBRATION}:kill", options=("--with-ft", "ulfm"), ON_FAILURE="truncate")
    steps = [line for line in run.out.splitlines() if line.startswith("step")]
    assert len(steps) == 8 and all("failed []" in line for line in steps), run.everything
    assert "truncated [0, 1, 2, 3, 4, 5]" in steps[4] and "finished" in run.out


@pytest.mark.slow
def test_a_loss_on_a_busy_machine_is_no_hang_at_the_end():
    """Half of these runs never came out of MPI_Finalize when it waited for the dead."""
    spin = ["nice", "-n", "5", sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(spin) for _ in range(os.cpu_count() or 1)]
    script = launch.ROOT / "benchmarks" / "mpi" / "ranks.py"
    command = [sys.executable, script, "faults", "--rounds", "8", "--limit", "40"]
    try:
        done = subprocess.run(command, env=launch.environment(), capture_output=True, text=True, check=False)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert done.returncode == 0 and "0 of 8 rounds did not end" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_a_lost_worker_is_named_where_the_job_cannot_continue(play):
    run = play(f"2:{SECOND_STEP}:kill", options=("--with-ft", "ulfm"))
    assert run.code != 0 and "Rank 2 died" in run.err and "finished" not in run.out


@pytest.mark.slow
def test_continuing_after_a_loss_needs_a_launch_that_can(play):
    run = play("-1:0:raise", ranks=2, ON_FAILURE="truncate")
    assert run.code != 0 and "--with-ft ulfm" in run.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "code", "text"),
    [("sys.exit(3)", 3, ""), ("sys.exit(0)", 0, ""), ("sys.exit('why')", 1, "why"), ("1 / 0", 1, "ZeroDivisionError")],
)
def test_the_scripts_end_releases_the_workers(tmp_path, ending, code, text):
    """With an environment left open."""
    script = launch.script(
        tmp_path,
        f"""
        import sys
        import gymnasium as gym, livn_gym
        env = gym.make_vec("livn/EI1-v0", num_envs=2, settle_ms=200.0, backend="native")
        env.reset(seed=0)
        {ending}
        """,
    )
    run = launch.run(["-m", "livn_gym.mpi", script], 2, timeout=LIMIT)
    assert run.code == code and text in run.err, run.everything


@pytest.mark.slow
def test_ctrl_c_leaves_no_process(tmp_path):
    script = launch.script(
        tmp_path,
        """
        import gymnasium as gym, numpy as np, livn_gym
        env = gym.make_vec("livn/EI1-v0", num_envs=4, settle_ms=200.0, backend="native")
        env.reset(seed=0)
        print("running", flush=True)
        while True:
            env.step(np.zeros((4, 1), np.float32))
        """,
    )
    process = launch.start(["-m", "livn_gym.mpi", script], 2)
    assert process.stdout is not None
    started = process.stdout.readline()
    pids = launch.session(process.pid)
    process.send_signal(signal.SIGINT)
    run = launch.finish(process, LIMIT)
    assert started == "running\n", started + run.everything
    assert run.code != 0 and len(pids) >= 3
    end = time.monotonic() + 30
    while launch.alive(pids) and time.monotonic() < end:
        time.sleep(0.1)
    assert launch.alive(pids) == []


@pytest.mark.slow
def test_more_ranks_than_cores_is_warned_of(tmp_path):
    script = launch.script(tmp_path, "print('finished')")
    ranks = len(os.sched_getaffinity(0)) + 1
    run = launch.run(["-m", "livn_gym.mpi", script], ranks, timeout=LIMIT).good()
    assert f"{ranks} ranks share {ranks - 1} cores" in run.err


def without_mpi4py(*arguments):
    """Run Python where mpi4py cannot be found."""
    hide = "import importlib.util as u, runpy, sys; f = u.find_spec; sys.modules['mpi4py'] = None\n"
    hide += "u.find_spec = lambda name, *a: None if name == 'mpi4py' else f(name, *a)\n"
    return subprocess.run(
        [sys.executable, "-c", hide + arguments[0], *arguments[1:]],
        env=launch.environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )


@pytest.mark.slow
def test_without_mpi_only_who_asks_for_it_is_told(tmp_path):
    script = launch.script(tmp_path, "print('finished')")
    module = "sys.argv[0] = ''; runpy.run_module('livn_gym.mpi', run_name='__main__')"
    run = without_mpi4py(module, script)
    assert run.returncode == 1 and 'pip install "livn_gym[mpi]"' in run.stderr and "Traceback" not in run.stderr
    run = without_mpi4py("from livn_gym.cli import main; main()", "train", "--mpi", "--out", str(tmp_path / "run"))
    assert run.returncode == 1 and "livn_gym[mpi]" in run.stderr
    run = without_mpi4py("import livn_gym, gymnasium; gymnasium.make_vec('livn/EI1-v0', num_envs=1); print('made')")
    assert "made" in run.stdout


@pytest.mark.slow
def test_usage_and_a_missing_script():
    for arguments, text in (((), "usage: mpiexec"), (("nowhere.py",), "no file 'nowhere.py'")):
        run = subprocess.run(
            [sys.executable, "-m", "livn_gym.mpi", *arguments],
            env=launch.environment(),
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        assert run.returncode == 1 and text in run.stderr
