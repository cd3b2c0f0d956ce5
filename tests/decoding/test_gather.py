from threading import Barrier, Thread

import numpy as np
import pytest

from livn_gym.blanking import blanked
from livn_gym.decoding import GatherAndMerge, MeanFiringRate, Pipe, PopulationRates
from livn_gym.decoding.gather import merge
from livn_gym.errors import InvalidInput
from livn_gym.stimulus import Stimulus

TRAIN = [(0, 5.0), (3, 5.0), (1, 7.5), (4, 1.0), (5, 5.0), (2, 90.0)]


class Communicator:
    """What mpi4py's communicator does in ``gather`` and ``allgather``, between threads."""

    def __init__(self, rank, shared):
        self.rank, self.shared = rank, shared

    def Get_size(self):  # noqa: N802 - mpi4py's name
        return len(self.shared["parts"])

    def allgather(self, part):
        self.shared["parts"][self.rank] = part
        self.shared["barrier"].wait(timeout=10)
        return list(self.shared["parts"])

    def gather(self, part, root=0):
        parts = self.allgather(part)
        return parts if self.rank == root else None


def on_ranks(count, call):
    """Results of ``call(rank, comm)`` on every rank of a communicator."""
    shared = {"parts": [None] * count, "barrier": Barrier(count)}
    results = [None] * count

    def work(rank):
        results[rank] = call(rank, Communicator(rank, shared))

    threads = [Thread(target=work, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def run(recording_of):
    """Two cultures with spikes and traces; the rows of a trace hold its cell's gid."""
    rows = np.broadcast_to(np.arange(6.0)[None, :, None], (2, 6, 10)).copy()
    fields = {"current_soma": rows + 20.0, "current_dendrite": rows + 30.0, "current_gid": np.arange(6)}
    return recording_of([TRAIN, [(2, 50.0)]], 100.0, 10.0, voltage_soma=rows, voltage_gid=np.arange(6), **fields)


def share(run, rank, count=3):
    """What a rank recorded that owns every third cell."""
    return run.select(range(rank, 6, count))


def assert_equal(first, second):
    for name in first.__dataclass_fields__:
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_merging_the_parts_gives_the_whole(run, order):
    assert_equal(merge([share(run, rank) for rank in order]), run)


def test_a_single_process_has_the_whole_already(env, run):
    assert GatherAndMerge(100).decode(env, run) is run
    merged = GatherAndMerge(100)(env, *run.culture(0))
    for given, kept in zip(run.culture(0), merged, strict=True):
        assert np.array_equal(given, kept)
    assert GatherAndMerge(100, PopulationRates(100))(env, *run.culture(0)).tolist() == [10.0, 10.0]


def test_the_root_gets_the_whole_and_the_others_none(env, run):
    results = on_ranks(3, lambda rank, comm: GatherAndMerge(100, comm=comm, root=1).decode(env, share(run, rank)))
    assert results[0] is None
    assert results[2] is None
    assert_equal(results[1], run)


def test_the_root_decodes(env, run):
    expected = PopulationRates(100).decode(env, run)
    decode = lambda rank, comm: GatherAndMerge(100, PopulationRates(100), comm).decode(env, share(run, rank))  # noqa: E731
    results = on_ranks(3, decode)
    assert np.array_equal(results[0], expected)
    assert results[1:] == [None, None]


def test_every_rank_may_have_the_result(env, run):
    def decode(rank, comm):
        return GatherAndMerge(100, MeanFiringRate(100), comm, root=None)(env, *share(run, rank).culture(0))

    for result in on_ranks(3, decode):
        assert result["rates_hz"].tolist() == [10.0] * 6


def test_pipe_ends_where_there_is_nothing(env, run):
    def decode(rank, comm):
        pipe = Pipe([GatherAndMerge(100, comm=comm), PopulationRates(100), np.sum])
        return pipe(env, *share(run, rank).culture(0))

    assert on_ranks(3, decode) == [20.0, None, None]


def test_what_every_rank_blanks_is_blanked_in_the_whole(env, run):
    stimulus = Stimulus.pulse_train([9.0, 0.0, 0.0], duration_ms=100.0, rate_hz=10.0, phase_ms=10.0)
    whole = blanked(run, stimulus, env.electrodes, (30.0, 10.0))[0]
    parts = [blanked(share(run, rank), stimulus, env.electrodes, (30.0, 10.0))[0] for rank in (2, 0, 1)]
    merged = merge(parts)
    np.testing.assert_array_equal(merged.spike_t, whole.spike_t)
    np.testing.assert_array_equal(merged.listening_ms(range(6)), whole.listening_ms(range(6)))
    assert merged.listening_ms([0, 3]).tolist()[0] == pytest.approx([50.0, 70.0])
    with pytest.raises(InvalidInput, match="blanked"):
        merge([parts[0], share(run, 0), parts[2]])


def test_a_rank_without_spikes_or_cells_is_no_trouble(run):
    assert_equal(merge([run.select([]), run]), run)


def test_parts_that_do_not_fit_are_errors(run, recording_of):
    with pytest.raises(InvalidInput, match=r"same cells: \[0, 3\]"):
        merge([share(run, 0), share(run, 1), share(run, 0)])
    with pytest.raises(InvalidInput, match="recorded the same things in the same run"):
        merge([share(run, 0), recording_of([[], []], 100.0, 10.0)])
    with pytest.raises(InvalidInput, match="root must be a rank of 0 ... 1 or None, got 2"):
        GatherAndMerge(100, comm=Communicator(0, {"parts": [None, None]}), root=2)
    with pytest.raises(InvalidInput, match="lasts 100 ms, MeanFiringRate decodes 50 ms"):
        GatherAndMerge(100, MeanFiringRate(50))


def test_what_was_not_recorded_stays_none(env, recording_of):
    it, t, iv, v, im, mp = GatherAndMerge(100)(env, np.array([1]), np.array([2.0]))
    assert (it.tolist(), t.tolist()) == ([1], [2.0])
    assert [iv, v, im, mp] == [None] * 4


def test_the_space_is_the_inner_decodings(env):
    assert GatherAndMerge(100, PopulationRates(100)).observation_space(env).shape == (2,)
    with pytest.raises(NotImplementedError, match="GatherAndMerge has no"):
        GatherAndMerge(100).observation_space(env)
