"""Make the pictures of docs/tasks.md and docs/tasks-inner.md: one frame of every task, some seconds into an episode.

Run: ``python docs/task_pictures.py [FOLDER]``; the default folder is docs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from PIL import Image

import livn_gym  # noqa: F401  (registers the ids)
from livn_gym.agents.baselines import ProportionalIntegral
from livn_gym.agents.reference_agents import families_of
from livn_gym.atomic import replacing

DOCS = Path(__file__).resolve().parent
WIDTH, COLOURS = 720, 256
"""Width of the pictures in pixels, and size of their palette, with which they are below 60 kB."""

Policy = Callable[[Any, dict[str, float]], np.ndarray]


def controller(env: gym.Env, info: dict[str, float]) -> Policy:
    """Return the proportional-integral controller of the quantity that has a target."""
    agent = ProportionalIntegral()
    agent.reset(env, info)
    return agent.act


def highest_target(env: gym.Env, info: dict[str, float]) -> Policy:
    """Stimulate the region with the highest target."""
    culture_env: Any = env.unwrapped
    regions = culture_env.task.regions

    def act(observation: np.ndarray, info: dict[str, float]) -> np.ndarray:
        region = observation[2 * len(regions) :].argmax()
        return np.where(regions == region, 1.0, -1.0).astype(np.float32)

    return act


def by_weight(env: gym.Env, info: dict[str, float]) -> Policy:
    """Stimulate four electrodes whose weight in the decoder is the cue."""
    culture_env: Any = env.unwrapped
    family = families_of("discrimination", culture_env, info)[1]
    agent = family.make(**family.parameters(family.first_point()))
    agent.reset(env, info)
    return agent.act


def weak_pulses(env: gym.Env, info: dict[str, float]) -> Policy:
    """Stimulate all channels at about half of the highest amplitude, with which some bursts are left."""
    return lambda observation, info: np.full(env.action_space.shape, 0.05, np.float32)


def every_sixth_step(env: gym.Env, info: dict[str, float]) -> Policy:
    """Give a pulse in every sixth step, every 1.5 s."""
    state = {"steps": 0}

    def act(observation: Any, info: dict[str, float]) -> np.ndarray:
        state["steps"] += 1
        return np.array([1.0 if state["steps"] % 6 == 0 else -1.0], np.float32)

    return act


def angle_gains(env: gym.Env, info: dict[str, float]) -> Policy:
    """Set the direct gains of the pole's angle and angular velocity to the highest, all others to none."""
    action = np.full(env.action_space.shape, -1.0, np.float32)
    action[[2, 3]] = 1.0
    return lambda observation, info: action


def direct_gains(env: gym.Env, info: dict[str, float]) -> Policy:
    """Set all direct gains to the highest and the crossed ones to none."""
    action = np.full(env.action_space.shape, -1.0, np.float32)
    action[: len(action) // 2] = 1.0
    return lambda observation, info: action


TASKS: dict[str, tuple[str, Callable[[gym.Env, dict[str, float]], Policy], int]] = {
    "rate-tracking": ("livn/EI2-v0", controller, 90),
    "pattern-tracking": ("livn/EI3-PatternTracking-v0", highest_target, 20),
    "burst-suppression": ("livn/EI2-BurstSuppression-v0", weak_pulses, 60),
    "stimulus-timing": ("livn/EI2-StimulusTiming-v0", every_sixth_step, 60),
    "response-clamp": ("livn/EI2-ResponseClamp-v0", controller, 60),
    "opto-clamp": ("livn/EI2-OptoClamp-v0", controller, 90),
    "discrimination": ("livn/EI3-Discrimination-v0", by_weight, 20),
    "cart-pole": ("livn/EI3-CartPole-v0", angle_gains, 40),
    "pong": ("livn/EI3-Pong-v0", direct_gains, 36),
}
"""Id, policy, and number of steps before the frame (or until the end of the episode), by name of the picture."""


def draw(folder: Path, name: str) -> Path:
    """Write ``images/task-<name>.png`` below the folder."""
    env_id, policy, steps = TASKS[name]
    env = gym.make(env_id, render_mode="rgb_array")
    observation, info = env.reset(seed=3)
    act = policy(env, info)
    for _ in range(steps):
        observation, _, terminated, truncated, info = env.step(act(observation, info))
        if terminated or truncated:
            break
    frame: Any = env.render()
    env.close()
    picture = Image.fromarray(frame)
    picture = picture.resize((WIDTH, round(WIDTH * picture.height / picture.width)), Image.Resampling.LANCZOS)
    path = folder / "images" / f"task-{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    image = picture.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    with replacing(path) as temporary:
        image.save(temporary, format="png", optimize=True)
    return path


if __name__ == "__main__":
    for task in TASKS:
        written = draw(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS, task)
        print(f"{written.name} {written.stat().st_size / 1000:.0f} kB")
