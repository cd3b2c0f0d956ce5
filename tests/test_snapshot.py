"""Cultures saved and put back, and runs of some cultures of a batch."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from cultures import equal, system

from livn_gym import make
from livn_gym.env import Env
from livn_gym.errors import InvalidInput, UnsupportedModel
from livn_gym.stimulus import Stimulus


def culture(profile="fast", **options):
    env = make("EI2", backend="native", profile=profile, **options)
    return env.record_spikes().record_voltage(sample_ms=0.05)


def pulses():
    return Stimulus.pulse_train(np.full(100, 0.2), duration_ms=20, mode="current")


@pytest.mark.parametrize("profile", ["fast", "exact"])
def test_a_culture_goes_on_from_a_snapshot_bit_for_bit(profile):
    env = culture(profile, seed=3)
    env.run(77.15, pulses())
    state = pickle.loads(pickle.dumps(env.save_state()))
    t = env.t
    first = env.run(100.0)
    env.run(33.0, pulses())
    env.load_state(state)
    assert env.t == t
    assert equal(env.run(100.0), first) and first.spike_gid.size > 20
    env.close()


def test_a_snapshot_goes_into_another_env_and_another_place():
    whole = culture(num_cultures=3, seed=[1, 2, 3])
    whole.run(60.0, pulses())
    state = whole.save_state([1])
    expected = whole.run(100.0).culture(1)
    other = culture(num_cultures=2, seed=[8, 9])
    other.run(13.0)
    undisturbed = culture(seed=8)
    undisturbed.run(13.0)
    other.load_state(state, cultures=[1])
    assert other.seeds == [8, 2]
    result = other.run(100.0)
    assert equal(result.culture(1), expected)
    assert equal(result.culture(0), undisturbed.run(100.0))
    for env in (whole, other, undisturbed):
        env.close()


def test_one_snapshot_may_go_into_many_cultures_to_try_actions():
    env = culture(seed=5)
    env.run(50.0)
    state = env.save_state()
    copies = culture(num_cultures=4).load_state(state)
    alike = copies.run(50.0)
    assert all(equal(alike.culture(b), alike.culture(0)) for b in range(4))
    assert equal(alike.culture(0), env.run(50.0))
    copies.load_state(state)
    commands = np.outer([0.0, 5.0, 10.0, 15.0], np.ones(16))
    tried = copies.run(50.0, Stimulus.pulse_train(commands, duration_ms=50.0, mode="electrode"))
    counts = [tried.culture(b).spike_gid.size for b in range(4)]
    assert equal(tried.culture(0), alike.culture(0)) and min(counts[1:]) > counts[0] + 20
    assert len(set(counts)) == 4  # each tries its own action; the response saturates, so that counts need not rise
    for each in (env, copies):
        each.close()


def test_snapshots_are_small():
    env = culture(num_cultures=2)
    env.run(500.0)
    assert len(pickle.dumps(env.save_state([0]))) < 30_000
    env.close()


def test_the_next_trial_after_loading_is_the_saved_ones_next():
    env = culture(seed=4)
    env.run(10.0)
    state = env.save_state()
    expected = env.clear().run(50.0)
    env.clear(seed=9)
    env.load_state(state)
    assert equal(env.clear().run(50.0), expected)
    env.close()


def test_snapshots_of_something_else_are_refused():
    env = culture()
    state = env.save_state()
    with culture("exact") as exact, pytest.raises(InvalidInput, match=r"dt 0\.05"):
        exact.load_state(state)
    with make("EI1", profile="fast", backend="native") as other, pytest.raises(InvalidInput, match="EI2"):
        other.load_state(state)
    with culture(num_cultures=3) as batch:
        with pytest.raises(InvalidInput, match="holds 2 cultures, 3"):
            batch.load_state(batch.save_state([0, 1]))
        with pytest.raises(InvalidInput, match="distinct"):
            batch.save_state([0, 0])
    env.close()


def test_neuron_says_that_it_has_no_snapshots():
    with Env(system(1), backend="neuron").init() as env, pytest.raises(UnsupportedModel, match="neuron"):
        env.save_state()


@pytest.mark.parametrize("backend", ["native", "neuron"])
def test_some_cultures_run_and_the_others_stay(backend):
    hand_made = system(2, 1, [(0, 1, 1.0), (0, 2, 1.5), (2, 1, 0.7)])
    params = {
        "weight-EXC_EXC-hillock-AMPA-weight": 2.0,
        "weight-EXC_INH-hillock-AMPA-weight": 2.0,
        "weight-INH_EXC-soma-GABA_A-weight": 1.0,
        "noise-std_e": 0.5,
    }

    def cultures(seed, count=1):
        return Env(hand_made, backend=backend, num_cultures=count, seed=seed).init().set_params(params).record_spikes()

    env = cultures([4, 5, 6], 3)
    current = Stimulus(np.full((1, 3), 0.2), 40.0)
    env.run(20.0)
    part = env.run(40.0, current, cultures=[0, 2])
    assert part.num_cultures == 2 and part.t0_ms == 20.0
    rest = env.run(30.0)
    for b, seed in enumerate((4, 5, 6)):
        alone = cultures(seed)
        alone.run(20.0)
        if b != 1:
            assert equal(alone.run(40.0, current), part.culture(b // 2))
            assert part.culture(b // 2).spike_gid.size > 2
        assert equal(alone.run(30.0), rest.culture(b))
        alone.close()
    assert env.t == 90.0
    with pytest.raises(InvalidInput, match="ascend"):
        env.run(10.0, cultures=[2, 0])
    with pytest.raises(InvalidInput, match="2 are to run"):
        env.run(10.0, Stimulus(np.zeros((3, 1, 3)), 10.0), cultures=[0, 2])
    env.close()


def test_a_snapshot_of_an_older_version_is_refused():
    """One whose noise was drawn otherwise would go on with other numbers than it began with."""
    with culture() as env:
        state = env.save_state()
        older = {name: value for name, value in state.setting.items() if name != "noise"}
        for setting in (older, older | {"noise": "Philox2x32-10"}, state.setting | {"more": 1}):
            with pytest.raises(InvalidInput, match="snapshot"):
                env.load_state(replace(state, setting=setting))
        env.load_state(state)
