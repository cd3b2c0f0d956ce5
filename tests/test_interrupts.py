"""Ctrl-C at any moment: no crash, and a run that was interrupted has not happened."""

import pytest
from interrupting import child

ROUNDS = [pytest.param(8, id="quick"), pytest.param(60, id="many", marks=pytest.mark.slow)]

RUN = """
import sys
rounds, profile, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
draw = random.Random(count)

def fresh():
    env = make("EI2", seed=3, num_cultures=count, profile=profile, backend="native")
    return env.enable_plasticity().record_spikes().record_voltage(sample_ms=1.0)

def weights(env):
    return np.concatenate([values.ravel() for values in env.get_weights().values()])

env, other = fresh(), fresh()
other.run(50.0)
begin = time.perf_counter()
other.run(50.0)
took_s = time.perf_counter() - begin
ended = undone = 0
t = 0.0
for _ in range(rounds):
    recordings = []
    hit = interrupted(lambda: recordings.append(env.run(50.0)), draw.uniform(0.0, 1.5) * took_s)
    undone += env.t == t
    ended += env.t != t
    assert env.t in (t, t + 50.0)
    assert not recordings or env.t == t + 50.0
    t = env.t
    env.run(5.0)
    t += 5.0
    assert env.t == t

# An Env that was never interrupted, by the same runs.
whole = fresh()
steps = []
while whole.t < t - 1e-9:
    whole.run(5.0)
a, b = env.run(500.0), whole.run(500.0)
assert same(a, b), "the trajectory is another one"
assert len(a.spike_gid) > 20, "too few spikes to tell"
assert np.array_equal(weights(env), weights(whole)), "the weights are others"
env.clear(seed=3)
assert same(env.run(50.0), fresh().run(50.0)), "a cleared Env is not a fresh one"
print(undone, ended)
"""


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize(("profile", "count"), [("fast", 1), ("exact", 2)])
def test_an_interrupted_run_has_not_happened(profile, count, rounds):
    """With plasticity; continuing equals the trajectory that was never interrupted, weights included."""
    undone, ended = map(int, child(RUN, rounds, profile, count).split())
    assert undone + ended == rounds and undone > 0
