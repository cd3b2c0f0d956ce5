"""Vector environments over real MPI ranks are those of one process, bit for bit."""

import pickle
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from fakes import use_poisson_backend
from mpi import launch

SCRIPT = str(Path(__file__).with_name("vector_script.py"))


def same(first, second):
    """Two nests of results are equal bit for bit, types and order of names included."""
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert list(first) == list(second)
        same(list(first.values()), list(second.values()))
    elif isinstance(first, tuple | list):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            same(one, other)
    elif isinstance(first, np.ndarray) and first.dtype == object:
        same(list(first), list(second))
    elif isinstance(first, np.ndarray):
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
    else:
        assert first == second


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "results.pkl"
    subprocess.run([sys.executable, SCRIPT, str(path)], check=True, env=launch.environment(), timeout=300)
    return pickle.loads(path.read_bytes())


@pytest.mark.parametrize("ranks", [2, *(pytest.param(ranks, marks=pytest.mark.slow) for ranks in (1, 3))])
def test_any_number_of_ranks_gives_the_same(ranks, reference, tmp_path):
    """Modes, graphs, masks, conditions, fewer environments than ranks, two vector environments at once."""
    path = tmp_path / "results.pkl"
    launch.run(["-m", "livn_gym.mpi", SCRIPT, str(path)], ranks, timeout=300).good()
    found = pickle.loads(path.read_bytes())
    assert list(found) == list(reference) and len(found) == 12
    for name, results in reference.items():
        same(found[name], results)


RESUME = """
    import pickle, sys
    import gymnasium as gym, numpy as np, livn_gym
    env = gym.make_vec("livn/EI1-v0", num_envs=4, settle_ms=200.0, max_episode_steps=4, backend="native")
    actions = np.random.default_rng(0).uniform(-1, 1, (5, 4, 1)).astype(np.float32)
    path, what = sys.argv[1:]
    if what == "save":
        env.reset(seed=1)
        for action in actions[:2]:
            env.step(action)
        saved = env.state()
    else:
        saved, expected = pickle.load(open(path, "rb"))
        env.set_state(saved)
    found = [env.step(action)[:4] for action in actions]
    if what == "save":
        pickle.dump((saved, found), open(path, "wb"))
    else:
        for one, other in zip(found, expected, strict=True):
            for a, b in zip(one, other, strict=True):
                np.testing.assert_array_equal(a, b)
        print("as before")
    env.close()
"""


@pytest.mark.slow
def test_a_state_continues_over_another_number_of_ranks(tmp_path):
    script, path = launch.script(tmp_path, RESUME), str(tmp_path / "state.pkl")
    launch.run(["-m", "livn_gym.mpi", script, path, "save"], 2).good()
    for ranks in (1, 3):
        assert "as before" in launch.run(["-m", "livn_gym.mpi", script, path, "go on"], ranks).good().out
    ordinary = [sys.executable, script, path, "go on"]
    done = subprocess.run(ordinary, env=launch.environment(), capture_output=True, text=True, timeout=60, check=True)
    assert "as before" in done.stdout


@pytest.mark.slow
@pytest.mark.needs("rl")
def test_a_training_resumes_with_another_number_of_ranks(tmp_path):
    """Stopped by force after a checkpoint on two ranks and finished on three: the policy of an unbroken run."""
    text = """
        import sys
        from livn_gym.agents.train import train

        class Stop(Exception):
            pass

        def report(done, total, latest):
            if sys.argv[2] == "stop" and done >= 24:
                raise Stop
        options = {"settle_ms": 200.0, "max_episode_steps": 3}
        changes = {"n_steps": 4, "batch_size": 16, "n_epochs": 1}
        try:
            train("ppo", "livn/EI1-v0", sys.argv[1], steps=48, num_envs=4, resume=sys.argv[2] == "go on",
                  evaluations=1, eval_episodes=2, checkpoint_every=16, options=options, changes=changes, report=report)
        except Stop:
            print("stopped")
    """
    script = launch.script(tmp_path, text)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    done = subprocess.run([sys.executable, script, str(whole), "all"], env=launch.environment(), timeout=300)
    assert done.returncode == 0
    assert "stopped" in launch.run(["-m", "livn_gym.mpi", script, str(broken), "stop"], 2, timeout=300).good().out
    assert (broken / "checkpoint.pkl").is_file()
    launch.run(["-m", "livn_gym.mpi", script, str(broken), "go on"], 3, timeout=300).good()
    from livn_gym.agents import learned

    first, second = (learned.load(folder).policy.state_dict() for folder in (whole, broken))
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name].numpy(), second[name].numpy())


@pytest.mark.slow
@pytest.mark.needs("rl")
def test_train_takes_mpi(tmp_path):
    """Two ranks, one log and one agent; the curve is that of a run without MPI."""
    arguments = [
        "-c",
        "from livn_gym.cli import main; main()",
        "train",
        "--env",
        "livn/EI1-v0",
        "--steps",
        "64",
        "--num-envs",
        "4",
    ]
    arguments += ["-o", "settle_ms=200", "-o", "max_episode_steps=4"]
    run = launch.run([*arguments, "--out", str(tmp_path / "two"), "--mpi"], 2, timeout=300).good()
    assert run.out.count("Trained agent and logs") == 1
    one = [sys.executable, *arguments, "--out", str(tmp_path / "one")]
    subprocess.run(one, check=True, env=launch.environment(), timeout=300, capture_output=True)
    curves = [(tmp_path / name / "curve.csv").read_text().splitlines() for name in ("one", "two")]
    seconds = curves[0][0].split(",").index("seconds")
    assert len(curves[0]) > 1
    without = [[row.split(",")[:seconds] + row.split(",")[seconds + 1 :] for row in curve] for curve in curves]
    assert without[0] == without[1]


def test_on_worker_failure_has_two_values(monkeypatch):
    """In one process nothing can be lost, so both values do the same; others are refused."""
    use_poisson_backend(monkeypatch)
    env = gym.make_vec("livn/EI1-v0", num_envs=2, settle_ms=200.0, on_worker_failure="truncate")
    env.reset(seed=0)
    assert "worker_failed" not in env.step(np.zeros((2, 1), np.float32))[4]
    env.close()
    with pytest.raises(ValueError, match="on_worker_failure"):
        gym.make_vec("livn/EI1-v0", num_envs=2, on_worker_failure="ignore")


@pytest.mark.slow
def test_a_forked_child_leaves_the_environments_of_its_parent_alone_and_makes_its_own(tmp_path):
    text = """
        import multiprocessing
        import gymnasium as gym, numpy as np, livn_gym
        from livn_gym.errors import BackendError

        OPTIONS = {"num_envs": 3, "settle_ms": 200.0, "backend": "native"}
        env = gym.make_vec("livn/EI1-v0", **OPTIONS)
        env.reset(seed=1)
        action = np.zeros((3, 1), np.float32)

        def child(queue):
            refused = 0
            for call in (env.unwrapped.state, lambda: env.step(action), lambda: env.reset(seed=1)):
                try:
                    call()
                except BackendError as error:
                    refused += "does not survive a fork" in str(error)
            env.close()
            own = gym.make_vec("livn/EI1-v0", **OPTIONS)
            queue.put((refused, own.reset(seed=1)[0], own.step(action)[0]))
            own.close()

        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        process = context.Process(target=child, args=(queue,))
        process.start()
        refused, first, second = queue.get(timeout=60)
        process.join(60)
        assert refused == 3 and process.exitcode == 0
        np.testing.assert_array_equal(env.step(action)[0], second)
        np.testing.assert_array_equal(env.reset(seed=1)[0], first)
        env.close()
        print("as before")
    """
    run = launch.run(["-m", "livn_gym.mpi", launch.script(tmp_path, text)], 2).good()
    assert "as before" in run.out, run.everything
