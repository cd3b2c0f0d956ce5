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
assert interrupted(lambda: env.run(1e6), 0.2) and env.t == 0.0
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
    assert undone + ended == rounds


STEPS = """
import sys
rounds, count = int(sys.argv[1]), int(sys.argv[2])
draw = random.Random(count)
options = {"settle_ms": 200.0, "conditions": ["latency"]}
if count == 1:
    made = lambda: gym.make("livn/EI2-v0", **options)
else:  # two graphs are two engines, each in a thread
    made = lambda: gym.make_vec("livn/EI2-v0", num_envs=count, graph_seed=[0, 1] * (count // 2), **options)

def play(env):
    shown = [env.reset(seed=1)[0]]
    for _ in range(3):
        shown.append(env.step(np.full(env.action_space.shape, 0.3, np.float32))[0])
    return np.array(shown)

env, steady = made(), made()
wanted = play(steady)
env.reset(seed=5)
action = np.full(env.action_space.shape, 0.3, np.float32)
begin = time.perf_counter()
env.step(action)
took_s = time.perf_counter() - begin
for _ in range(rounds):
    call = env.reset if draw.random() < 0.3 else lambda: env.step(action)
    try:
        interrupted(call, draw.uniform(0.0, 1.3) * took_s)
    except gym.error.ResetNeeded:
        pass
    assert np.array_equal(play(env), wanted), "a seeded reset is not a fresh environment"
"""


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("count", [1, 4])
def test_a_seeded_reset_after_an_interrupted_step_is_a_fresh_environment(count, rounds):
    child(STEPS, rounds, count)


NEURON = """
import sys
from livn_gym.errors import BackendError
rounds = int(sys.argv[1])
draw = random.Random(2)
fresh = lambda: make("EI1", seed=3, num_cultures=2, backend="neuron").record_spikes()
env = fresh()
begin = time.perf_counter()
wanted = env.run(100.0)
took_s = time.perf_counter() - begin
assert len(wanted.spike_gid) > 0
lost = 0
for k in range(rounds):
    interrupted(lambda: env.run(100.0 if k else 1e6), draw.uniform(0.0, 1.3) * took_s)
    try:
        env.run(1.0)
    except BackendError as error:
        lost += 1
        assert "clear()" in str(error)
    interrupted(lambda: env.clear(seed=3), draw.uniform(0.0, 0.5))
    got = env.clear(seed=3).run(100.0)
    assert np.array_equal(got.spike_gid, wanted.spike_gid) and np.array_equal(got.spike_t, wanted.spike_t)
    assert env.trials == [0, 0] and env.seeds == [3, 4]
print(lost)
"""


@pytest.mark.parametrize("rounds", [pytest.param(3, id="quick"), pytest.param(20, id="many", marks=pytest.mark.slow)])
def test_a_culture_that_neuron_lost_is_built_anew_by_clear(rounds):
    assert int(child(NEURON, rounds)) > 0


def test_a_long_run_ends_soon_after_ctrl_c():
    """The kernel looks once in a window; the run itself would take hours."""
    said = child(
        """
        env = make("EI1", profile="fast", backend="native")
        env.run(1.0)
        assert interrupted(lambda: env.run(1e7), 0.3)
        print(env.t)
        """
    )
    assert float(said) == 1.0


TWICE = """
env, whole = (make("EI2", seed=1, profile="fast", backend="native").record_spikes() for _ in range(2))
env.run(20.0)

def send():
    draw = random.Random(4)
    for _ in range(60):
        time.sleep(draw.uniform(0.005, 0.02))
        signal.pthread_kill(MAIN, signal.SIGINT)
        time.sleep(draw.uniform(0.0, 0.001))
        signal.pthread_kill(MAIN, signal.SIGINT)

def run():
    try:
        env.run(20.0)
    except KeyboardInterrupt:
        pass

sender = threading.Thread(target=send)
sender.start()
while sender.is_alive():
    try:
        run()
    except KeyboardInterrupt:  # the second one, outside
        pass
while whole.t < env.t:
    whole.run(20.0)
assert env.t == whole.t
a, b = env.run(500.0), whole.run(500.0)
assert np.array_equal(a.spike_gid, b.spike_gid) and np.array_equal(a.spike_t, b.spike_t)
print(len(a.spike_gid))
"""


def test_a_second_ctrl_c_while_the_first_is_served_tears_nothing():
    assert int(child(TWICE)) > 20


IN_PLACE = """
import sys, threading
from livn_gym import interrupts
threads = [interrupts.uninterrupted(threading.current_thread).name]
interrupts.run_in_place()
threads.append(interrupts.uninterrupted(threading.current_thread).name)
print(*threads, sep=", ")
"""


def test_calls_in_place_are_of_the_thread_that_makes_them():
    other, own = child(IN_PLACE).strip().split(", ")
    assert other != own == "MainThread"
