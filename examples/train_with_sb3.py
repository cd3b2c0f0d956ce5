"""Train an agent with Stable-Baselines3, and compare it with no stimulation.

Needs the extra ``rl``. Run: ``python examples/train_with_sb3.py [--short]``.
"""

from __future__ import annotations

import argparse

import numpy as np
from gymnasium.vector import AutoresetMode
from stable_baselines3 import SAC

import livn_gym
from livn_gym.agents import make_envs
from livn_gym.agents.sb3 import VectorEnvAdapter

ENV_ID = "livn/EI1-v0"


def mean_return(envs: VectorEnvAdapter, model: SAC | None, steps: int) -> float:
    """Return the mean reward times the length of an episode; if the model is None, without stimulation."""
    observations = envs.reset()
    rewards = []
    for _ in range(steps):
        actions = np.full((envs.num_envs, *envs.action_space.shape), -1.0, dtype=np.float32)  # no pulses
        if model is not None:
            actions, _ = model.predict(observations, deterministic=True)
        observations, reward, _, _ = envs.step(actions)
        rewards.append(reward.mean())
    return 100 * float(np.mean(rewards))


def main() -> None:
    """Train, then print both returns on new episodes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="quick check: 1,500 steps instead of 8,000")
    steps = 1500 if parser.parse_args().short else 8000
    print(f"livn_gym {livn_gym.__version__}, {ENV_ID}")
    envs = VectorEnvAdapter(make_envs(ENV_ID, 4, AutoresetMode.SAME_STEP))
    # The reward is a mean over one second, five steps; later effects of an action are small, so the discount is low.
    options = {"gamma": 0.8, "learning_starts": 400, "learning_rate": 3e-3, "gradient_steps": 4}
    model = SAC("MlpPolicy", envs, policy_kwargs={"net_arch": [64, 64]}, seed=1, device="cpu", **options)
    model.learn(steps)
    print(f"after {model.num_timesteps} steps: return {mean_return(envs, model, 100):.1f}")
    print(f"no stimulation: return {mean_return(envs, None, 100):.1f}")
    envs.close()


if __name__ == "__main__":
    main()
