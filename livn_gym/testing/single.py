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

from livn_gym.errors import LivnWarning
from livn_gym.testing.compare import require, require_inside, require_same


def check_gymnasium(env_id: str, *, skip_render: bool | None = None, **options: Any) -> None:
    """Gymnasium's own checker, every warning an error.

    Args:
        env_id: The id.
        skip_render: Whether to leave the render modes out, which need the extra ``viz``. If omitted, they are checked
            if matplotlib is installed; otherwise a ``LivnWarning`` says that they are not.
        **options: For ``gym.make``.

    Raises:
        Warning: The checker warned.
        AssertionError: The checker refused.
    """
    if skip_render is None:
        skip_render = find_spec("matplotlib") is None
        if skip_render:
            message = 'The render modes are not checked, which need matplotlib: pip install "livn_gym[viz]"'
            warnings.warn(message, LivnWarning, stacklevel=2)
    with gym.make(env_id, **options) as env, warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=skip_render)


def check_spec(env_id: str, **options: Any) -> None:
    """The spec survives JSON and pickle, spaces survive pickle, and the spec makes an equal environment.

    Raises:
        NonConforming: They do not.
    """
    with gym.make(env_id, **options) as env:
        spec = env.spec
        require(spec is not None, f"{env_id} has no spec.")
        assert spec is not None
        for how, again in (
            ("JSON", EnvSpec.from_json(spec.to_json())),
            ("pickle", pickle.loads(pickle.dumps(spec))),
        ):
            require(again == spec, f"The spec of {env_id} after {how}: {again!r} instead of {spec!r}.")
        with gym.make(EnvSpec.from_json(spec.to_json())) as other:
            for name in ("observation_space", "action_space"):
                space = getattr(env, name)
                require(pickle.loads(pickle.dumps(space)) == space, f"The {name} of {env_id} changes by pickle.")
                require(getattr(other, name) == space, f"The {name} of {env_id} is another when made from its spec.")


def check_determinism(env_id: str, *, steps: int = 50, seed: int = 0, **options: Any) -> None:
    """Two environments with one seed give the same to the bit, side by side and after a second reset; another seed not.

    Raises:
        NonConforming: They differ, or another seed makes no difference.
    """
    with gym.make(env_id, **options) as first, gym.make(env_id, **options) as second:
        reference = _episode(first, seed, steps)
        require_same(f"Two environments of {env_id} with seed {seed}", reference, _episode(second, seed, steps))
        require_same(f"Two resets of {env_id} with seed {seed}", reference, _episode(first, seed, steps))
        other = _episode(second, seed + 1, steps)
        differs = any(not np.array_equal(a[0], b[0]) for a, b in zip(reference, other, strict=False))
        require(differs, f"{env_id} gives the same observations for the seeds {seed} and {seed + 1}.")


def check_observations(env_id: str, *, steps: int = 50, seed: int = 0, **options: Any) -> None:
    """Observations lie in their space and change, rewards are finite floats, ends are bools, infos keep their names.

    Raises:
        NonConforming: They do not.
    """
    with gym.make(env_id, **options) as env:
        results = _episode(env, seed, steps)
        names = results[0][1].keys()
        for k, (observation, *rest) in enumerate(results):
            require_inside(f"Observation {k} of {env_id}", observation, env.observation_space)
            require(rest[-1].keys() == names, f"The info of {env_id} has other names at {k}: {sorted(rest[-1])}.")
            if k and len(rest) == 4:
                reward, terminated, truncated, _ = rest
                require(np.isfinite(reward) and np.ndim(reward) == 0, f"Reward {k} of {env_id} is {reward!r}.")
                require(type(terminated) is bool is type(truncated), f"Step {k} of {env_id} ends with no bools.")
        changed = {np.asarray(result[0]).tobytes() for result in results}
        require(len(changed) > 1, f"The observation of {env_id} is constant: {results[0][0]!r}.")


def check_memory(env_id: str, *, steps: int = 5, seed: int = 0, **options: Any) -> None:
    """Writing into what was returned changes nothing that comes, and what comes changes nothing that was returned.

    Raises:
        NonConforming: Memory is shared.
    """
    with gym.make(env_id, **options) as spoiled, gym.make(env_id, **options) as clean:
        reference = iter(_episode(clean, seed, steps))
        seen, info = spoiled.reset(seed=seed)
        next(reference)
        for k, action in enumerate(_actions(clean, seed, steps)):
            kept = pickle.dumps((seen, info))
            result = spoiled.step(action)
            require(kept == pickle.dumps((seen, info)), f"A step of {env_id} changes what an earlier one returned.")
            require(not np.shares_memory(seen, result[0]), f"Two observations of {env_id} share memory.")
            require(info is not result[4], f"Two steps of {env_id} return the same info dictionary.")
            require_same(f"Step {k} of {env_id} after writing into an observation", tuple(result), next(reference))
            ended, (seen, info) = result[2] or result[3], (result[0], result[4])
            if ended:
                seen[...] = 0
                seen, info = spoiled.reset()
                what = f"The reset of {env_id} after writing into an observation"
                require_same(what, (seen, info), next(reference))
            seen[...] = 0
            info.clear()


def check_closing(env_id: str, **options: Any) -> None:
    """Closing works before a reset, after a step, and twice.

    Raises:
        Exception: What closing raised.
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
    """Results of a reset and of steps with random actions; a new episode begins where one ends."""
    results: list[tuple] = [env.reset(seed=seed)]
    for action in _actions(env, seed, steps):
        result = env.step(action)
        results.append(result)
        if result[2] or result[3]:
            results.append(env.reset())
    return results
