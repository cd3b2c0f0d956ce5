"""Steps environments with a device and prints a hash of what they observe; under ``livn_gym.mpi`` over its ranks."""

import hashlib
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np

import livn_gym  # noqa: F401

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from device_cultures import OPTIONS, small_system  # noqa: E402

env = gym.make_vec("livn/Culture-v0", 3, system=small_system(), device="cl1", **OPTIONS)
digest = hashlib.sha256(env.reset(seed=1)[0].tobytes())
charge_nC = 0.0
for action in np.random.default_rng(0).uniform(-1, 1, (3, 3, 59)).astype(np.float32):
    observations, rewards, _, _, infos = env.step(action)
    digest.update(observations.tobytes() + rewards.tobytes())
    charge_nC += infos["charge_nC"].sum()
env.close()
print(digest.hexdigest(), infos["device"][0], charge_nC > 0)
