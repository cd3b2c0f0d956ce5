"""Several threads advance one culture: the results of one thread, bit for bit, and no hang however a run ends."""

import copy
import pickle
import threading

import numpy as np
import pytest
from cultures import equal
from interrupting import child

from livn_gym import make
from livn_gym.backends.native import group_run, team_size
from livn_gym.backends.native.group_run import GroupRun, block_bounds
from livn_gym.backends.native.team_size import TeamChoice, group_size
from livn_gym.errors import InvalidInput, RunStopped, SimulationDiverged
from livn_gym.stimulus import Stimulus


@pytest.fixture(autouse=True)
def teams(monkeypatch):
    """Teams of any size for any culture and any run, whatever else the machine does."""
    monkeypatch.setattr(team_size, "LEAST_BLOCKS", {"float64": 1, "float32": 1})
    monkeypatch.setattr(team_size, "_BARRIER_BLOCKS", 0)
    monkeypatch.setattr(group_run, "LEAST_STEPS", 0)
    monkeypatch.setattr(TeamChoice, "note", lambda *_, **__: None)


def env(name, threads, cultures=1, **options):
    """An Env with the native engine on a number of threads."""
    backend = {"name": "native", "threads": threads}
    return make(name, seed=5, num_cultures=cultures, backend=backend, **options).record_spikes()


def teams_of(environment):
    """Largest number of threads that may advance a group together."""
    return max(group.threads for group in environment._backend._groups)


def life(name, threads, cultures, profile, *, plastic=False, **options):
    """Recordings and weights of a culture with stimuli, samples, cells of its own, subsets and snapshots."""
    with env(name, threads, cultures, profile=profile, **options) as culture:
        culture.record_voltage("EXC", sample_ms=1.0).record_membrane_current(sample_ms=1.0)
        culture.set_cells({"EXC-g_leak_soma": np.linspace(0.8, 1.2, culture.system.populations[0].count)})
        if plastic:
            culture.enable_plasticity().record_weights(10.0)

        pulses = Stimulus.pulse_train(np.linspace(3, 10, culture.io.num_channels), duration_ms=60, rate_hz=50)
        found = [culture.run(60.0, pulses)]
        before = culture.save_state()
        found.append(culture.run(20.0, cultures=[cultures - 1]))
        found.append(culture.run(30.0))
        after = culture.run(10.0)
        culture.load_state(before)
        assert equal(culture.run(20.0, cultures=[cultures - 1]), found[1])
        assert equal(culture.run(30.0), found[2]) and equal(culture.run(10.0), after)
        weights = culture.get_weights() if plastic else {}
        return [*found, after], weights, teams_of(culture)


def same(first, second):
    """Return whether two results are equal to the bit."""
    recordings = all(equal(a, b) for a, b in zip(first[0], second[0], strict=True))
    return recordings and all(np.array_equal(first[1][key], second[1][key]) for key in first[1])


@pytest.mark.parametrize("profile", ["exact", "fast"])
@pytest.mark.parametrize(("cultures", "plastic"), [(1, False), (1, True), (3, False), (3, True)])
def test_any_number_of_threads_gives_the_results_of_one(profile, cultures, plastic):
    alone = life("EI2", 1, cultures, profile, plastic=plastic)
    assert alone[2] == 1 and sum(len(recording.spike_t) for recording in alone[0]) > 20
    for threads in (2, 3, 7):
        together = life("EI2", threads, cultures, profile, plastic=plastic)
        assert together[2] > 1 or cultures % threads == 0
        assert same(together, alone)


def test_more_threads_than_blocks_give_the_results_of_one():
    alone, together = (life("EI1", threads, 1, "fast") for threads in (1, 7))
    assert together[2] > 1 and same(together, alone)


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["exact", "fast"])
def test_a_large_culture_is_equal_on_any_number_of_threads(profile):
    alone = life("EI3", 1, 1, profile)
    for threads in (2, 3, 7):
        together = life("EI3", threads, 1, profile)
        assert together[2] == threads and same(together, alone)


def test_cultures_at_different_times_share_a_team():
    def run(threads):
        with env("EI2", threads, 3, profile="fast") as culture:
            culture.run(0.05, cultures=[1])
            culture.run(17.0, cultures=[2])
            return culture.run(100.0)

    assert equal(run(2), run(1))


def test_copies_and_pickles_continue_exactly():
    with env("EI2", 3) as culture:
        culture.run(50.0)
        copies = [copy.deepcopy(culture), pickle.loads(pickle.dumps(culture))]
        expected = culture.run(50.0)
        for other in copies:
            assert equal(other.run(50.0), expected)
            other.close()


def test_a_team_starts_anew_in_a_forked_child():
    child(
        """
        import os
        env = make("EI3", seed=3, profile="fast", backend={"name": "native", "threads": 2}).record_spikes()
        env.run(20.0)
        pid = os.fork()
        recording = env.run(50.0)
        spikes = hash((recording.spike_gid.tobytes(), recording.spike_t.tobytes())) % 251
        if pid == 0:
            os._exit(spikes)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == spikes
        """
    )


@pytest.mark.parametrize("gid", [0, 50, 99])
def test_cells_of_any_thread_can_diverge(gid):
    """The first cell is reported, and the run has not happened."""
    messages = []
    strong = np.zeros((1, 100))
    strong[0, gid:] = 1e9
    for threads in (1, 3):
        with env("EI2", threads, profile="fast") as culture, env("EI2", 1, profile="fast") as other:
            culture.run(20.0)
            other.run(20.0)
            with pytest.raises(SimulationDiverged, match=f"cell {gid} of culture 0") as caught:
                culture.run(200.0, Stimulus(strong, 200.0, mode="current"))
            messages.append(str(caught.value))
            assert culture.t == 20.0 and equal(culture.run(50.0), other.run(50.0))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_error_in_one_thread_ends_all_and_is_raised(failing, monkeypatch):
    with env("EI2", 3) as culture:
        culture.run(20.0)
        before = culture.save_state()
        expected = culture.run(50.0)
        culture.load_state(before)
        program = GroupRun.advance

        def advance(run, thread):
            if thread == failing:
                run._calls[thread] = ()  # its compiled code refuses the arguments
            program(run, thread)

        monkeypatch.setattr(GroupRun, "advance", advance)
        with pytest.raises(TypeError):
            culture.run(1e6)
        monkeypatch.undo()
        assert equal(culture.run(50.0), expected)


def test_a_thread_that_cannot_be_started_ends_the_run(monkeypatch):
    with env("EI2", 2) as culture:
        culture.run(1.0)
        executor = culture._backend._pool._executor

        def fail(*_):
            raise RuntimeError("no thread")

        monkeypatch.setattr(executor, "submit", fail)
        with pytest.raises(RuntimeError, match="no thread"):
            culture.run(1e6)


def test_stop_ends_all_threads():
    with env("EI2", 3) as culture:
        timer = threading.Timer(0.3, culture.stop)
        timer.start()
        with pytest.raises(RunStopped):
            culture.run(1e7)
        timer.join()
        assert culture.t == 0.0


@pytest.mark.slow
def test_ctrl_c_ends_a_run_of_a_large_culture_at_any_moment():
    child(
        """
        fresh = lambda: make("EI3", seed=3, profile="fast", backend={"name": "native", "threads": 2}).record_spikes()
        env, other = fresh(), fresh()
        draw = random.Random(1)
        stopped = 0
        for k in range(20):
            if interrupted(lambda: env.run(3000.0), draw.uniform(0.0, 0.05)):
                stopped += 1
            else:
                other.run(3000.0)
            assert env.t == other.t
        assert stopped > 5
        assert same(env.run(50.0), other.run(50.0))
        """
    )


def test_blocks_are_divided_evenly():
    for blocks in ([50, 13], [7, 2], [1, 1], [5, 0, 3]):
        for threads in (1, 2, 3, 7, 16):
            shares = np.diff(block_bounds(np.array(blocks), threads), axis=0)
            assert shares.sum(axis=0).tolist() == blocks and shares.min() >= 0
            assert np.ptp(shares, axis=0).max() <= 1 and np.ptp(shares.sum(axis=1)) <= 1


def test_group_sizes(monkeypatch):
    monkeypatch.undo()
    sizes = {(80, 20): [(1, 2, 1, 1), (2, 2, 1, 1), (3, 2, 3, 2), (64, 2, 8, 1)], (800, 200): [(1, 2, 1, 2)]}
    for counts, cases in sizes.items():
        for cultures, threads, size, team in cases:
            assert group_size(cultures, counts, threads, "float32") == (size, team)
    assert group_size(1, (800, 200), 8, "float32", teams=False) == (1, 1)
    assert group_size(1, (80, 20), 2, "float64") == (1, 2)  # its steps take longer than the threads wait
    assert group_size(1, (8, 2), 2, "float64") == (1, 1)


def test_a_busy_machine_gets_one_thread(monkeypatch):
    monkeypatch.undo()
    choice = TeamChoice()
    choice.note(1.0, crowded=False)
    assert not choice.alone
    choice.note(3.0, crowded=True)
    assert choice.alone  # a trial
    kept = 0
    while choice.alone:
        choice.note(2.0, crowded=False)
        kept += 1
    assert kept == 1 + 4
    choice.note(1.0, crowded=True)
    choice.note(2.0, crowded=False)
    assert not choice.alone  # the trial was slower


def test_the_environment_sets_the_number_of_threads(monkeypatch):
    monkeypatch.setenv("LIVN_GYM_THREADS", "3")
    with make("EI1", backend="native") as culture:
        assert culture._backend.threads == 3
    monkeypatch.setenv("LIVN_GYM_THREADS", "some")
    with pytest.raises(InvalidInput, match="LIVN_GYM_THREADS"):
        make("EI1", backend="native")


def test_workers_of_multiprocessing_do_not_divide_a_culture():
    child(
        """
        import multiprocessing

        def team():
            with make("EI3", backend="native", profile="fast") as env:
                return max(group.threads for group in env._backend._groups)

        with multiprocessing.get_context("fork").Pool(1) as pool:
            assert pool.apply(team) == 1
        """
    )
