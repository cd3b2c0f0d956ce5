"""Runs of some cultures of a batch, in groups of which all, some or no cultures run."""

import numpy as np
import pytest

from livn_gym import make
from livn_gym.backends.native import NativeBackend, selection
from livn_gym.backends.native.group import CultureGroup
from livn_gym.errors import SimulationDiverged
from livn_gym.stimulus import Stimulus

CULTURES = 7
SUBSETS = ([0], [0, 1, 2], [1, 2, 3, 4, 5], [0, 1, 2, 4, 6], [6], [3, 4, 5, 6])


def batch(num_cultures=CULTURES, seed=0, threads=1):
    env = make(
        "EI1", seed=seed, num_cultures=num_cultures, profile="fast", backend={"name": "native", "threads": threads}
    )
    return env.record_spikes().record_voltage()


def same(first, second):
    for name in ("spike_gid", "spike_t", "voltage_soma"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def groups_of_three(monkeypatch):
    """Let all batches consist of groups of up to three cultures."""
    grouped = NativeBackend._grouped

    def divided(backend, streams, cultures):
        parts = [slice(k, k + 3) for k in range(0, len(streams), 3)]
        return [g for part in parts for g in grouped(backend, list(streams)[part], list(cultures)[part])]

    monkeypatch.setattr(NativeBackend, "_grouped", divided)


@pytest.mark.parametrize("long", [0, 2000])
@pytest.mark.parametrize("threads", [1, 2])
def test_runs_of_any_cultures_equal_runs_of_each_alone(monkeypatch, threads, long):
    groups_of_three(monkeypatch)
    monkeypatch.setattr(selection, "_LONG_STEPS", long)
    singles = [batch(1, seed=b) for b in range(CULTURES)]
    with batch(threads=threads) as env:
        assert [group.count for group in env._backend._groups] == [[3, 3, 1], [2, 1, 2, 1, 1]][threads - 1]
        for cultures in (*SUBSETS, list(range(CULTURES))):
            recording = env.run(20.0, cultures=cultures)
            for k, b in enumerate(cultures):
                same(recording.culture(k), singles[b].run(20.0))
    for single in singles:
        single.close()


def test_a_group_of_which_all_cultures_run_is_not_copied(monkeypatch):
    groups_of_three(monkeypatch)
    advanced = []
    with batch() as env:
        run = env._backend._run
        monkeypatch.setattr(env._backend, "_run", lambda groups, *rest: advanced.append(groups) or run(groups, *rest))
        own = env._backend._groups
        env.run(5.0, cultures=[0, 1, 2, 3, 6])
        assert advanced[0][0] is own[0] and advanced[0][2] is own[2]
        assert advanced[0][1] is not own[1] and advanced[0][1].count == 1
        env.run(5.0, cultures=[0, 4, 5])
        assert [group.count for group in advanced[1]] == [3]
        assert not any(group in own for group in advanced[1])


def test_a_long_run_of_one_group_is_divided_among_all_threads(monkeypatch):
    advanced = []
    with batch(num_cultures=64, threads=2) as env:
        run, own = env._backend._run, env._backend._groups
        assert [group.count for group in own] == [32, 32]
        monkeypatch.setattr(env._backend, "_run", lambda groups, *rest: advanced.append(groups) or run(groups, *rest))
        for duration_ms in (99.0, 101.0):  # 0.05 ms a step
            env.run(duration_ms, cultures=list(range(32)))
        env.run(101.0)
        assert advanced[0] == own[:1] and advanced[2] == own
        assert [group.count for group in advanced[1]] == [16, 16]


@pytest.mark.parametrize("cultures", [[0, 1, 2, 4], [1, 3]])
def test_a_failed_run_of_some_cultures_changes_none(monkeypatch, cultures):
    groups_of_three(monkeypatch)
    with batch() as env, batch() as untouched:
        for each in (env, untouched):
            each.run(30.0)
        excessive = Stimulus(np.full((10, env.system.num_neurons), 1e9), 1.0)
        with pytest.raises(SimulationDiverged):
            env.run(10.0, excessive, cultures=cultures)
        same(env.run(30.0), untouched.run(30.0))


@pytest.mark.parametrize("cultures", [[0, 1, 2, 4], [1, 3]])
def test_an_undone_run_of_some_cultures_changes_none(monkeypatch, cultures):
    groups_of_three(monkeypatch)
    with batch() as env, batch() as untouched:
        for each in (env, untouched):
            each.run(30.0)
        backend = env._backend
        backend.run(400, None, env._request, cultures)
        backend.undo()
        same(env.run(30.0), untouched.run(30.0))


def test_temporary_groups_are_one_for_each_thread():
    made = []
    with batch(threads=2) as env:
        make_group = CultureGroup.__init__
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(CultureGroup, "__init__", lambda g, *a, **k: made.append(g) or make_group(g, *a, **k))
            env.run(5.0, cultures=[0, 1, 4, 5])
    assert sorted(group.count for group in made) == [2, 2]
