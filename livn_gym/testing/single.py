"""Checks of a single environment."""

from __future__ import annotations

import pickle
import warnings
from importlib.util import find_spec
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

from livn_gym.envs.screens import without_windows
from livn_gym.errors import LivnWarning
from livn_gym.testing.compare import require, require_inside, require_same


def check_gymnasium(env_id: str, *, skip_render: bool | None = None, **options: Any) -> None:
    """Run Gymnasium's ``check_env`` with every warning as an error.

    The render mode ``"human"`` is drawn off screen, without a message, where matplotlib's backend has no windows.

    Args:
        env_id: Id of the environment.
        skip_render: Whether to skip the render modes, which need the extra ``viz``. If omitted, they are checked if
            matplotlib is installed; otherwise a ``LivnWarning`` says that they are not.
        **options: Options of ``gym.make``.

    Raises:
        Warning: The checker issued a warning.
        AssertionError: The checker found an error.
    """
    if skip_render is None:
        skip_render = find_spec("matplotlib") is None
        if skip_render:
            message = 'The render modes are not checked, which need matplotlib: pip install "livn_gym[viz]"'
            warnings.warn(message, LivnWarning, stacklevel=2)
    with gym.make(env_id, **options) as env, warnings.catch_warnings(), without_windows():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=skip_render)


def check_spec(env_id: str, **options: Any) -> None:
    """Check that JSON and pickle preserve the spec, pickle preserves the spaces, and the spec makes equal spaces.

    Raises:
        NonConforming: The spec or a space changes.
    """
    with gym.make(env_id, **options) as env:
        spec = env.spec
        require(spec is not None, f"{env_id} has no spec.")
        assert spec is not None
        for serialiser, copy in (
            ("JSON", EnvSpec.from_json(spec.to_json())),
            ("pickle", pickle.loads(pickle.dumps(spec))),
        ):
            require(copy == spec, f"The spec of {env_id} after {serialiser}: {copy!r} instead of {spec!r}.")
        with gym.make(EnvSpec.from_json(spec.to_json())) as other:
            for name in ("observation_space", "action_space"):
                space = getattr(env, name)
                require(pickle.loads(pickle.dumps(space)) == space, f"The {name} of {env_id} changes by pickle.")
                require(getattr(other, name) == space, f"The {name} of {env_id} is another when made from its spec.")


def check_determinism(env_id: str, *, steps: int = 50, seed: int = 0, **options: Any) -> None:
    """Check that a seed determines an episode bit for bit, in two environments and after a second reset.

    Raises:
        NonConforming: Episodes with equal seeds differ, or those with different seeds are equal.
    """
    with gym.make(env_id, **options) as first, gym.make(env_id, **options) as second:
        reference = _episode(first, seed, steps)
        require_same(f"Two environments of {env_id} with seed {seed}", reference, _episode(second, seed, steps))
        require_same(f"Two resets of {env_id} with seed {seed}", reference, _episode(first, seed, steps))
        other = _episode(second, seed + 1, steps)
        differs = any(not np.array_equal(a[0], b[0]) for a, b in zip(reference, other, strict=False))
        require(differs, f"{env_id} gives the same observations for the seeds {seed} and {seed + 1}.")


def check_observations(env_id: str, *, steps: int = 50, seed: int = 0, **options: Any) -> None:
    """Check types and values of results: observations in their space, finite rewards, bools, constant keys of infos.

    Raises:
        NonConforming: A result is not in its space or of the wrong type, the keys of the infos differ, or the
            observation is constant.
    """
    with gym.make(env_id, **options) as env:
        results = _episode(env, seed, steps)
        names = results[0][1].keys()
        for k, (observation, *others) in enumerate(results):
            require_inside(f"Observation {k} of {env_id}", observation, env.observation_space)
            require(others[-1].keys() == names, f"The info of {env_id} has other names at {k}: {sorted(others[-1])}.")
            if k and len(others) == 4:
                reward, terminated, truncated, _ = others
                require(np.isfinite(reward) and np.ndim(reward) == 0, f"Reward {k} of {env_id} is {reward!r}.")
                require(
                    type(terminated) is bool is type(truncated),
                    f"Step {k} of {env_id} ends with no bools.",
                )
        changed = {np.asarray(result[0]).tobytes() for result in results}
        require(len(changed) > 1, f"The observation of {env_id} is constant: {results[0][0]!r}.")


def check_memory(env_id: str, *, steps: int = 5, seed: int = 0, **options: Any) -> None:
    """Check that returned observations and infos share no memory with later results or with the environment.

    Raises:
        NonConforming: Memory is shared.
    """
    with gym.make(env_id, **options) as modified, gym.make(env_id, **options) as untouched:
        reference = iter(_episode(untouched, seed, steps))
        observation, info = modified.reset(seed=seed)
        next(reference)
        for k, action in enumerate(_actions(untouched, seed, steps)):
            serialised = pickle.dumps((observation, info))
            result = modified.step(action)
            require(
                serialised == pickle.dumps((observation, info)),
                f"A step of {env_id} changes what an earlier one returned.",
            )
            require(not np.shares_memory(observation, result[0]), f"Two observations of {env_id} share memory.")
            require(info is not result[4], f"Two steps of {env_id} return the same info dictionary.")
            require_same(f"Step {k} of {env_id} after writing into an observation", tuple(result), next(reference))
            ended, (observation, info) = result[2] or result[3], (result[0], result[4])
            if ended:
                observation[...] = 0
                observation, info = modified.reset()
                label = f"The reset of {env_id} after writing into an observation"
                require_same(label, (observation, info), next(reference))
            observation[...] = 0
            info.clear()


def check_closing(env_id: str, **options: Any) -> None:
    """Check that closing works before a reset, after a step, and twice.

    Raises:
        Exception: Closing raised it.
    """
    gym.make(env_id, **options).close()
    env = gym.make(env_id, **options)
    env.reset(seed=0)
    env.step(env.action_space.sample())
    env.close()
    env.close()
    env.unwrapped.close()


def _actions(env: gym.Env, seed: int, steps: int) -> list[Any]:
    env.action_space.seed(seed)
    return [env.action_space.sample() for _ in range(steps)]


def _episode(env: gym.Env, seed: int, steps: int) -> list[tuple]:
    """Return the results of a reset and of steps with random actions; a reset follows the end of an episode."""
    results: list[tuple] = [env.reset(seed=seed)]
    for action in _actions(env, seed, steps):
        result = env.step(action)
        results.append(result)
        if result[2] or result[3]:
            results.append(env.reset())
    return results
