"""The background noise: what it depends on, the same bits in every engine, and its statistics."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from cultures import Lab, system

from livn_gym import numerics
from livn_gym.backends.native.arithmetic import normal32, normal64, philox
from livn_gym.backends.native.layout import GID, NOISE_STEPS, ODD_ANGLE, ODD_RADIUS, Y_E, Y_I
from livn_gym.env import Env
from livn_gym.errors import InvalidInput
from livn_gym.numerics import NoiseStream
from livn_gym.system import make

NOISY = {"noise-std_e": 1.0, "noise-tau_e": 5.0, "noise-tau_i": 8.0}


def noisy(seed, profile="exact"):
    cultures = len(seed) if isinstance(seed, list) else 1
    env = Env(make("EI1"), seed=seed, num_cultures=cultures, profile=profile, backend="native").init()
    return env.set_params(NOISY)


def processes(env):
    """The unit processes of every cell's excitatory and inhibitory conductance, ``[B, 2, N]``."""
    return np.array([np.hstack([v[[Y_E, Y_I]] for v in state.variables]) for state in env.save_state().states])


def expected(stream, first, steps, dt, every=1, cells=10):
    """The same processes from ``numerics.noise`` alone, which are advanced once in ``every`` steps."""
    keep = np.exp(-every * dt / np.array([[NOISY["noise-tau_e"]], [NOISY["noise-tau_i"]]]))
    y = np.zeros((2, cells))
    for step in range(first, first + steps):
        if step % every == 0:
            draws = np.array(numerics.noise(step // every, np.arange(cells), stream))
            y = keep * y + np.sqrt(1 - keep * keep) * draws
    return y


def moved(env, step, stream, every=1):
    """Put all cultures to a time, with the random words that were drawn before it, in other respects as they are."""
    state = env.save_state()
    pair = np.uint64(step // every >> 1)
    low, high, trial = stream.words

    def variables(values):
        values = values.copy()
        words = values.view(np.uint64 if values.dtype == np.float64 else np.uint32)
        cell = words[GID].astype(np.uint64)
        drawn = numerics.philox4x32(
            pair, pair >> np.uint64(32), cell, np.uint64(trial), np.uint64(low), np.uint64(high)
        )
        words[ODD_RADIUS], words[ODD_ANGLE] = drawn[2], drawn[3]
        return values

    moved = tuple(
        replace(s, time=step, last=np.full_like(s.last, step), variables=tuple(map(variables, s.variables)))
        for s in state.states
    )
    env.load_state(replace(state, steps=(step,) * len(state), states=moved))


def test_the_engines_words_and_normal_numbers_are_those_of_numerics():
    """To the bit in float64; in float32 to what its logarithm can resolve."""

    @numba.njit
    def fill(step, cell, trial, low, high, double, single):
        for i in range(len(step)):
            words = philox(step[i], cell[i], trial[i], low[i], high[i])
            radius, angle = words[0], words[1]
            if step[i] & np.uint64(1) == np.uint64(1):
                radius, angle = words[2], words[3]
            double[0, i], double[1, i] = normal64(radius, angle)
            single[0, i], single[1, i] = normal32(radius, angle)

    rng = np.random.default_rng(1)
    n = 3000
    step = rng.integers(0, 2**63, n, dtype=np.uint64)
    step[:7] = 0, 1, 2**32 - 1, 2**32, 2**33 - 1, 2**33, 2**34 + 1
    cell, trial, low, high = (rng.integers(0, 2**32, n, dtype=np.uint64) for _ in range(4))
    double, single = np.empty((2, n)), np.empty((2, n), np.float32)
    fill(step, cell, trial, low, high, double, single)
    for i in range(n):
        stream = NoiseStream(int(high[i]) << 32 | int(low[i]), int(trial[i]))
        assert np.array_equal(double[:, i], numerics.noise(step[i], cell[i], stream))
    assert np.abs(double - single).max() < 1e-4


@pytest.mark.parametrize(("profile", "tolerance"), [("exact", 0.0), ("fast", 1e-5)])
@pytest.mark.parametrize("first", [0, 1, 2**32 - 5, 2**33 - 4, 2**33 + 2**20 + 1, 2**40 - 3])
def test_native_noise_follows_seed_trial_cell_and_step_at_every_time(first, profile, tolerance):
    """Runs are cut at odd and even steps, on both sides of the counters' words."""
    every = NOISE_STEPS if profile == "fast" else 1
    with noisy(2**63 + 5, profile) as env:
        env.clear()
        moved(env, first, NoiseStream(2**63 + 5, 1), every)
        for steps in (1, 2, 3, 40, 7):
            env.run(steps * env.dt)
        y = expected(NoiseStream(2**63 + 5, 1), first, 53, env.dt, every)
        assert np.abs(processes(env)[0] - y).max() <= tolerance
        assert env.t == (first + 53) * env.dt


@pytest.mark.parametrize("profile", ["exact", "fast"])
def test_a_culture_reset_at_an_odd_step_draws_what_it_draws_alone(profile):
    """Cultures of a group are then at odd and even steps at once."""
    with noisy([1, 2, 3], profile) as env, noisy([7], profile) as alone, noisy([3], profile) as other:
        env.run(33 * env.dt)
        other.run(33 * env.dt)
        env.clear(seed=[7], cultures=[1])
        for each in (env, alone, other):
            for steps in (1, 20, 31):
                each.run(steps * env.dt)
        y = processes(env)
        assert np.array_equal(y[1], processes(alone)[0])
        assert np.array_equal(y[2], processes(other)[0])


def test_the_noise_of_a_late_step_is_not_that_of_an_early_one():
    step = np.arange(100)
    early = numerics.noise(step, 3, NoiseStream(8))
    for period in (2**31, 2**32, 2**33, 2**48):
        assert not np.isclose(early, numerics.noise(step + period, 3, NoiseStream(8))).any()


PAIRS = [  # one stream each under a key of 32 bits, or different in one number
    (NoiseStream(6668), NoiseStream(62697)),
    (NoiseStream(5), NoiseStream(5 + 2**32)),
    (NoiseStream(5), NoiseStream(5 + 2**63)),
    (NoiseStream(5), NoiseStream(5, 1)),
    (NoiseStream(5, 1), NoiseStream(6)),
    (NoiseStream(2**64 - 1, 2**32 - 1), NoiseStream(2**64 - 1, 2**32 - 2)),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_different_streams_have_independent_noise(one, other):
    a, b = (np.ravel(numerics.noise(np.arange(5000), 0, stream)) for stream in (one, other))
    assert not np.isclose(a, b, atol=1e-6).all()
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.04  # four standard deviations of 10,000 numbers


@pytest.mark.parametrize("seeds", [[6668, 62697], [3, 3 + 2**32]])
def test_seeds_that_shared_their_key_have_different_cultures(seeds):
    with noisy(seeds) as env:
        env.run(20.0)
        y = processes(env)
    assert not np.isclose(y[0], y[1]).any()


def test_the_numbers_are_standard_normal_and_independent_in_every_direction():
    """Between the two conductances, cells, consecutive steps, trials and seeds."""
    steps, cells = np.arange(20_000)[:, None], np.arange(6)
    e, i = numerics.noise(steps, cells, NoiseStream(1))
    n = e.size
    for drawn in (e, i):
        assert abs(drawn.mean()) < 4 / np.sqrt(n)
        assert abs(drawn.var() - 1) < 4 * np.sqrt(2 / n)
        assert abs((drawn**3).mean()) < 4 * np.sqrt(15 / n)
        assert abs((drawn**4).mean() - 3) < 4 * np.sqrt(96 / n)
    pairs = [
        (e, i),
        (e**2, i**2),
        (e[:, :-1], e[:, 1:]),
        (e[1::2], e[::2]),  # the two steps of one counter
        (e[2::2], e[1:-1:2]),
        (e[1::2], i[::2]),
        (e[1::2] ** 2, e[::2] ** 2),
        (e, numerics.noise(steps, cells, NoiseStream(1, 1))[0]),
        (e, numerics.noise(steps, cells, NoiseStream(2))[0]),
        (e, numerics.noise(steps, cells, NoiseStream(1 + 2**32))[0]),
    ]
    for a, b in pairs:
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4.5 / np.sqrt(a.size)


@pytest.mark.parametrize(("seed", "trial"), [(-1, 0), (2**64, 0), (0, -1), (0, 2**32), (1.0, 0), (0, True), ("a", 0)])
def test_streams_out_of_range_are_refused(seed, trial):
    with pytest.raises(InvalidInput):
        NoiseStream(seed, trial)


def test_delays_beyond_the_engines_counters_are_refused():
    with pytest.raises(InvalidInput, match="Delays"), Lab(system(1, 1, [(0, 1, 1e9)]), backend="native"):
        pass
