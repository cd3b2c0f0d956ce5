"""An ordinary script: plays cases of vector environments and pickles all that they return; knows nothing of MPI."""

import pickle
import sys

import gymnasium as gym
import numpy as np

import livn_gym  # noqa: F401 (registers)

COMMON = {"max_episode_steps": 3, "settle_ms": 200.0, "backend": "native"}
LATENCY = {"name": "latency", "latency_ms": 49.2}

CASES = {
    "NextStep": {"num_envs": 5, "autoreset_mode": "NextStep"},
    "SameStep": {"num_envs": 5, "autoreset_mode": "SameStep"},
    "graph of each": {"num_envs": 4, "autoreset_mode": "SameStep", "graph_seed": "per_env"},
    "shared graphs": {"num_envs": 5, "graph_seed": [7, 8, 7, 7, 8]},
    "fewer than ranks": {"num_envs": 2},
    "resampled graphs": {"num_envs": 3, "graph_seed": "resample"},
    "randomized": {"num_envs": 3, "randomize": {"noise-*-g_e0": [0.8, 1.2], "weight-*": [0.5, 1.5]}},
    "drift": {"num_envs": 3, "conditions": [{"name": "excitability_drift"}]},
    "blanked over the end of a step": {"num_envs": 3, "conditions": [LATENCY], "blank_ms": (120.0, 5.0)},
    "task with a generator of its own": {"num_envs": 3, "task": "discrimination"},
}


def actions(env, steps=6):
    shape = (steps, *env.action_space.shape)
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def play(options):
    env = gym.make_vec("livn/EI2-v0" if "task" in options else "livn/EI1-v0", **COMMON, **options)
    found = [env.reset(seed=3)]
    found += [env.step(action) for action in actions(env)]
    found += [env.reset(seed=[None, 9] + [None] * (env.num_envs - 2)), env.step(actions(env)[0])]
    env.close()
    return found


def play_masked():
    env = gym.make_vec("livn/EI1-v0", num_envs=4, autoreset_mode="Disabled", **COMMON)
    found = [env.reset(seed=1), *(env.step(action) for action in actions(env, 2))]
    found.append(env.reset(options={"reset_mask": np.array([False, False, True, True])}))
    found += [env.step(actions(env, 1)[0]), env.reset(seed=5, options={"reset_mask": np.array([False] * 3 + [True])})]
    env.close()
    return found


def play_two():
    """Two at once, as of training and evaluation, and an error that the script survives."""
    one, two = (gym.make_vec("livn/EI1-v0", num_envs=n, **COMMON) for n in (3, 2))
    found = [one.reset(seed=1), two.reset(seed=2), one.step(actions(one)[0])]
    try:
        two.step(np.full((2, 1), 2.0, np.float32))
    except ValueError as error:
        found.append(({"error": str(error)},))
    one.close()
    found.append(two.step(actions(two)[0]))
    two.close()
    return found


if __name__ == "__main__":
    results = {name: play(options) for name, options in CASES.items()}
    results |= {"masked": play_masked(), "two": play_two()}
    with open(sys.argv[1], "wb") as file:
        pickle.dump(results, file)
