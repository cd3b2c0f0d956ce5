"""One culture over real MPI ranks is that of one process, bit for bit; failures reach all ranks."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mpi import launch

SCRIPT = str(Path(__file__).with_name("culture_script.py"))
LIMIT = 120.0
"""Seconds for one run on a busy machine; a hang would be for ever."""


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What the script finds in one process, by backend."""
    found = {}

    def results(backend):
        if backend not in found:
            path = tmp_path_factory.mktemp("alone") / "results.pkl"
            command = [sys.executable, SCRIPT, backend, str(path)]
            subprocess.run(command, check=True, env=launch.environment(), timeout=LIMIT)
            found[backend] = pickle.loads(path.read_bytes())
        return found[backend]

    return results


def same(first, second):
    """Two nests of results are equal bit for bit."""
    if isinstance(first, dict):
        assert list(first) == list(second)
        for name in first:
            same(first[name], second[name])
    elif first is None:
        assert second is None
    else:
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("ranks", [2, *(pytest.param(ranks, marks=pytest.mark.slow) for ranks in (1, 3))])
@pytest.mark.parametrize("backend", ["native", "neuron"])
def test_any_number_of_ranks_gives_the_same(backend, ranks, alone, tmp_path):
    """Stimuli of every kind, noise, depression, traces, restarts; on the native engine batches, float32, snapshots."""
    expected, potential, _, _ = alone(backend)
    path = tmp_path / "results.pkl"
    launch.run([SCRIPT, backend, str(path), "mpi"], ranks, timeout=LIMIT).good()
    found, summed, cells, seen = pickle.loads(path.read_bytes())
    assert len(found) == len(expected)
    for one, other in zip(expected, found, strict=True):
        same(one, other)
    recorded = [run["spike_gid"] for run in expected if isinstance(run, dict) and "spike_gid" in run]
    assert sum(map(len, recorded)) > 500
    # every rank has cells of its own, as many as the others but for one, and hears its own
    assert len(cells) == ranks and sum(cells) == 100 and max(cells) - min(cells) <= 1
    same(seen["gids"], seen["own"])
    assert len(seen["own"]) == cells[0]
    # potentials add up, in another order of the cells
    np.testing.assert_allclose(summed, potential, rtol=1e-9, atol=1e-15)


HEAD = """
    import os, signal, sys, time
    import numpy as np
    from mpi4py import MPI
    from livn_gym.env import Env
    from livn_gym.errors import BackendError, InvalidInput, LivnError, UnsupportedModel, WorkerError
    from livn_gym.stimulus import Stimulus
    from livn_gym.system import predefined

    world, backend = MPI.COMM_WORLD, sys.argv[1]

    def say(*words):
        for rank in range(world.size):
            if rank == world.rank:
                print(rank, *words, flush=True)
            world.Barrier()
            time.sleep(0.02)

    def made(**options):
        return Env(predefined("EI1"), comm=world, backend=backend, **options)
"""


def play(tmp_path, text, backend="native", ranks=2, **more):
    """Run a script of several ranks."""
    return launch.run([launch.script(tmp_path, HEAD + text), backend], ranks, timeout=LIMIT, **more)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["native", "neuron"])
def test_a_failure_on_one_rank_is_raised_on_all(backend, tmp_path):
    text = """
    env = made().init()
    env.record_spikes()

    def tried(call):
        try:
            call()
            return "nothing"
        except Exception as error:
            return f"{type(error).__name__}: {str(error).splitlines()[0]} / {str(error).splitlines()[-1]}"

    long = Stimulus(array=np.zeros((20, 10)), dt=1.0) if world.rank == 1 else None
    say(tried(lambda: env.run(10, long)))
    build = env._backend.run
    def broken(*given):
        raise ArithmeticError("a deliberate fault")
    if world.rank == 1:
        env._backend.run = broken
    say(tried(lambda: env.run(10)))
    env._backend.run = build
    say(tried(lambda: env.set_noise({"g_e0": 1.0 if world.rank else -1.0})))
    say(tried(lambda: env.run(10) if world.rank else env.clear()))
    say(tried(lambda: env.run(-1)))
    say(tried(lambda: env.clear(seed=1).run(10)))
    """
    run = play(tmp_path, text, backend).good()
    lines = [line for line in run.out.splitlines() if line[:2] in ("0 ", "1 ")]
    assert len(lines) == 12, run.everything
    told, own, *rest = lines
    assert told.startswith("0 WorkerError: Rank 1 failed:") and "longer than the run of 10 ms" in told
    assert own.startswith("1 InvalidInput: The stimulus lasts 20 ms")
    assert rest[0] == "0 WorkerError: Rank 1 failed: / ArithmeticError: a deliberate fault"
    assert rest[1] == "1 ArithmeticError: a deliberate fault / a deliberate fault"
    assert rest[2].startswith("0 InvalidInput") and rest[3].startswith("1 WorkerError: Rank 0 failed:")
    assert all("WorkerError" in line and "the same calls" in line for line in rest[4:6])
    assert all("InvalidInput: duration" in line for line in rest[6:8])
    assert [line[2:] for line in rest[8:]] == ["nothing"] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("raise ZeroDivisionError('oh')", 1, "ZeroDivisionError: oh"),
        ("os.kill(os.getpid(), signal.SIGKILL)", None, "signal 9"),
    ],
    ids=["raises", "killed"],
)
@pytest.mark.parametrize("backend", ["native", "neuron"])
def test_a_rank_that_goes_ends_the_job(backend, text, code, said, tmp_path):
    script = f"""
    env = made().init()
    env.run(1)
    if world.rank == 1:
        {text}
    env.run(1000)
    print("not reached")
    """
    run = play(tmp_path, script, backend)
    assert run.code == code if code is not None else run.code != 0, run.everything
    assert said in run.err + run.out and "not reached" not in run.out, run.everything


REFUSED = """
    def refused(kind, call):
        try:
            call()
        except kind as error:
            say("refused:", str(error).splitlines()[0])
        else:
            say("accepted")

    env = made().init()
    refused(UnsupportedModel, env.enable_plasticity)
    refused(UnsupportedModel, env.get_weights)
    refused(UnsupportedModel, env.normalize_weights)
    refused(InvalidInput, lambda: made(subworld_size=2 * world.size))
    refused(InvalidInput, lambda: env.gather(1, root=world.size))
    refused(InvalidInput, lambda: Env("/nowhere/at/all", comm=world))
    if backend == "neuron":
        refused(BackendError, lambda: made().init())
        env.close()
        refused(UnsupportedModel, lambda: made(num_cultures=2).init())
        refused(UnsupportedModel, lambda: made(dt=0.5).init())
        backwards = world.Split(0, -world.rank)
        refused(InvalidInput, lambda: Env(predefined("EI1"), comm=backwards, backend=backend).init())
    else:
        state = env.save_state()
        alone = Env(predefined("EI1")).init()
        refused(InvalidInput, lambda: env.load_state(alone.save_state()))
        refused(InvalidInput, lambda: alone.load_state(state))
    env.close()
    env = made(seed=3).init().apply_model_defaults()
    env.record_spikes()
    recording = env.run(50, root_only=True)
    say("spikes", None if recording.spike_t is None else len(recording.spike_t))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "count"), [("native", 8), ("neuron", 10)])
def test_what_ranks_cannot_do_is_refused_and_the_next_culture_runs(backend, count, tmp_path):
    run = play(tmp_path, REFUSED, backend).good()
    lines = [line for line in run.out.splitlines() if line[:1].isdigit()]
    assert "accepted" not in run.out, run.everything
    assert sum("refused:" in line for line in lines) == 2 * count, run.everything
    assert lines[-1] == "1 spikes None" and int(lines[-2].removeprefix("0 spikes ")) > 0, run.everything


@pytest.mark.slow
def test_more_ranks_than_cells_are_refused(tmp_path):
    text = """
    from cultures import system
    try:
        Env(system(2), comm=world).init()
    except InvalidInput as error:
        say(str(error))
    """
    tests = str(Path(__file__).resolve().parents[1])
    run = play(tmp_path, text, ranks=3, env={"PYTHONPATH": f"{launch.ROOT}:{tests}"}).good()
    assert run.out.count("3 ranks cannot share 2 cells") == 3


@pytest.mark.slow
def test_neuron_that_sees_one_host_is_an_error(tmp_path):
    run = play(tmp_path, "\n    made().init()\n", "neuron", env={"MPI_LIB_NRN_PATH": "/nowhere/libmpi.so"})
    assert run.code != 0, run.everything
    assert "NEURON sees 1 ranks of 2" in run.err or "MPI_LIB_NRN_PATH" in run.err, run.everything


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["native", "neuron"])
def test_the_pages_subworlds(backend, tmp_path):
    """``Env(system, comm=MPI.COMM_WORLD, subworld_size=2)`` on four ranks: two cultures, each of two ranks."""
    text = """
    system = predefined("EI1")
    env = Env(system, comm=MPI.COMM_WORLD, subworld_size=2, seed=world.rank // 2, backend=backend).init()
    env.apply_model_defaults().record_spikes()
    it, t, *_ = env.run(60, root_only=True)
    say(env.comm.size, None if t is None else float((t * (1 + it)).sum()))
    env.close()
    for seed in range(2):
        if world.rank == 2 * seed:
            with Env(system, seed=seed, backend=backend).init() as env:
                env.apply_model_defaults().record_spikes()
                it, t, *_ = env.run(60)
                print(world.rank, 2, float((t * (1 + it)).sum()), flush=True)
    """
    run = play(tmp_path, text, backend, ranks=4).good()
    lines = [line for line in run.out.splitlines() if line[:1].isdigit()]
    assert lines[1] == "1 2 None" and lines[3] == "3 2 None", run.everything
    assert {lines[0], lines[2]} == set(lines[4:]) and len(set(lines)) == 4, run.everything


@pytest.mark.slow
def test_few_and_many_spikes_reach_all_in_order(tmp_path):
    text = """
    from livn_gym.backends.ranks import Ranks
    ranks = Ranks(world)
    for counts in ((0, 0, 0), (3, 0, 1), (16, 16, 16), (17, 0, 2), (40, 1, 300), (0, 0, 5)):
        drawn = [np.random.default_rng(rank) for rank in range(3)]
        everyone = [rng.integers(0, 50, (2, count)) for rng, count in zip(drawn, counts, strict=True)]
        cell, step = ranks.all_spikes(*everyone[world.rank])
        pairs = sorted((int(s), int(c)) for part in everyone for c, s in part.T)
        assert list(zip(step.tolist(), cell.tolist())) == pairs, counts
    say("good")
    """
    run = play(tmp_path, text, ranks=3).good()
    assert run.out.count("good") == 3


def test_cells_are_divided_evenly_and_every_rank_has_some():
    """Any populations and number of ranks: parts follow one another, sizes differ by one at most."""
    from livn_gym.backends.ranks import Ranks
    from livn_gym.system import Population

    for counts in ((8, 2), (1, 1), (2, 1), (80, 20), (5,), (3, 3, 3, 1)):
        starts = np.concatenate([[0], np.cumsum(counts)])
        populations = [Population(f"P{k}", int(starts[k]), count) for k, count in enumerate(counts)]
        for size in range(1, sum(counts) + 1):
            shares = []
            for rank in range(size):
                ranks = object.__new__(Ranks)
                ranks.rank, ranks.size = rank, size
                shares.append(ranks.ranges(populations))
            cells = [sum(stop - start for start, stop in share.values()) for share in shares]
            assert sum(cells) == sum(counts) and max(cells) - min(cells) <= 1 and min(cells) >= 1
            for population in populations:
                bounds = [share[population.name] for share in shares]
                assert bounds[0][0] == population.start and bounds[-1][1] == population.stop
                assert all(one[1] == other[0] for one, other in zip(bounds, bounds[1:], strict=False))
