"""Light on cells with an opsin: the engines against each other, and all equalities of cultures."""

import numpy as np
import pytest

import livn_gym
from livn_gym.errors import InvalidInput
from livn_gym.stimulus import Stimulus

OPSIN = "williams_2013"


def culture(**options):
    env = livn_gym.make("EI1", **({"opsin": OPSIN, "seed": 5} | options))
    return env.record_spikes().record_voltage()


def flashes(*cultures):
    """Flashes of 10 ms every 50 ms for 200 ms, of 1 mW/mm2 or of one irradiance per culture."""
    rows = np.zeros((len(cultures) or 1, 200, 1))
    rows[:, np.arange(200) % 50 < 10] = np.array(cultures or [1.0])[:, None, None]
    return Stimulus(rows if cultures else rows[0], 1.0, "light")


def pulses():
    return Stimulus.pulse_train([8.0], duration_ms=200.0, rate_hz=20.0)


def state(recording):
    return recording.spike_gid.tolist(), recording.spike_t.tolist(), recording.voltage_soma.tolist()


@pytest.mark.parametrize("stimulus", [flashes(), pulses().with_light(flashes())], ids=["light", "both"])
def test_both_engines_fire_the_same_spikes_under_light(stimulus):
    recordings = []
    for backend in ("native", "neuron"):
        with culture(backend=backend) as env:
            recordings.append([env.run(200.0, stimulus), env.run(100.0)])
    for native, neuron in zip(*recordings, strict=True):
        assert native.spike_gid.tolist() == neuron.spike_gid.tolist()
        assert native.spike_t.tolist() == neuron.spike_t.tolist()
        np.testing.assert_allclose(native.voltage_soma, neuron.voltage_soma, atol=1e-4)
    assert len(recordings[0][0].spike_gid) > 10


@pytest.mark.parametrize("profile", ["exact", "fast"])
def test_cells_with_an_opsin_fire_in_the_dark_as_cells_without(profile):
    with culture(profile=profile) as env, culture(profile=profile, opsin=None) as without:
        assert state(env.run(300.0, pulses())) == state(without.run(300.0, pulses()))


@pytest.mark.parametrize("profile", ["exact", "fast"])
def test_light_makes_only_cells_with_the_opsin_fire(profile):
    dark = {"name": OPSIN, "expression": {"fraction": 0.0}}
    with culture(profile=profile) as env, culture(profile=profile, opsin=dark) as control:
        lit, unlit, none = env.run(200.0, flashes()), control.run(200.0, flashes()), control.clear(5).run(200.0)
        assert state(unlit) == state(none)
        assert len(lit.spike_gid) > 2 * len(none.spike_gid)


@pytest.mark.parametrize("profile", ["exact", "fast"])
def test_a_batch_under_different_light_is_its_cultures(profile):
    levels = (0.3, 1.0, 2.0)
    with culture(profile=profile, num_cultures=3) as env:
        together = env.run(200.0, flashes(*levels))
        later = env.run(100.0)
        env.clear(seed=5)
        some = env.run(200.0, flashes(0.3, 2.0), cultures=[0, 2])
    for b, level in enumerate(levels):
        with culture(profile=profile, seed=5 + b) as env:
            assert state(env.run(200.0, flashes(level))) == state(together.culture(b))
            assert state(env.run(100.0)) == state(later.culture(b))
    assert [state(some.culture(k)) for k in range(2)] == [state(together.culture(b)) for b in (0, 2)]


@pytest.mark.parametrize("profile", ["exact", "fast"])
def test_one_light_for_all_cultures_is_the_same_light_for_each(profile):
    with culture(profile=profile, num_cultures=2) as env:
        shared = env.run(200.0, flashes())
        each = env.clear(seed=5).run(200.0, flashes(1.0, 1.0))
    assert state(shared) == state(each)


def test_threads_and_windows_change_nothing():
    """EI2 is large enough for several threads."""
    results = []
    for threads, parts in ((1, 1), (2, 1), (2, 4)):
        with livn_gym.make(
            "EI2", backend={"name": "native", "threads": threads}, profile="fast", opsin=OPSIN, seed=2
        ) as env:
            env.record_spikes()
            light = np.zeros((200, 1))
            light[np.arange(200) % 50 < 10] = 1.0
            runs = [env.run(200.0 / parts, Stimulus(part, 1.0, "light")) for part in np.split(light, parts)]
            gids = np.concatenate([run.spike_gid for run in runs])
            times = np.concatenate([k * 200.0 / parts + run.spike_t for k, run in enumerate(runs)])
            results.append(np.stack([gids, times]))
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], atol=1e-9)


@pytest.mark.parametrize("profile", ["exact", "fast"])
def test_states_of_the_opsin_belong_to_the_culture(profile):
    """They are saved, restored and cleared; a second flash differs from the first, whose channels have sagged."""
    with culture(profile=profile) as env:
        first = state(env.run(200.0, flashes()))
        saved = env.save_state()
        second = state(env.run(200.0, flashes()))
        env.load_state(saved)
        assert state(env.run(200.0, flashes())) == second
        assert state(env.clear(seed=5).run(200.0, flashes())) == first
        other = livn_gym.make("EI1", opsin={"name": OPSIN, "expression": {"seed": 3}}, profile=profile)
        with other, pytest.raises(InvalidInput, match="opsin"):
            other.load_state(saved)


def test_the_fast_profile_is_as_excitable_by_light_as_the_exact_one():
    counts = []
    for profile in ("exact", "fast"):
        with culture(profile=profile, num_cultures=8) as env:
            counts.append(len(env.run(200.0, flashes()).spike_gid))
    assert abs(counts[0] - counts[1]) < 0.1 * counts[0]


def test_light_without_an_opsin_is_refused():
    with culture(opsin=None) as env, pytest.raises(InvalidInput, match="opsin="):
        env.run(200.0, flashes())
    with pytest.raises(InvalidInput, match="opsin="):
        livn_gym.make("EI1", light="lamp")
