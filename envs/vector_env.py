"""The Gymnasium environment of many cultures."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from livn_gym.envs.loop import ClosedLoop, Info, make_loop
from livn_gym.envs.resampling import RESAMPLE, ResampledLoop
from livn_gym.errors import ClosedError, InvalidInput, unknown_name
from livn_gym.numerics import checked_seeds
from livn_gym.units import whole_number

T = TypeVar("T")

_STATE = ("_generators", "_observations", "_steps", "_ended", "_started")
"""What a vector environment keeps from step to step besides its loops."""


class CultureVectorEnv(VectorEnv):
    """A batch of cultures that are simulated together; environment i is the ``CultureEnv`` with its seed, bit for bit.

    ``gym.make_vec("livn/EI2-v0", num_envs=64)`` makes one. Cultures of one graph run in one call of the engine on all
    threads. Spaces, rewards, arguments: see ``CultureEnv`` and the task.

    Args:
        num_envs: Number of cultures.
        system: Name of a predefined system.
        task: Name of a task.
        max_episode_steps: Steps after which an episode is truncated; None is never.
        autoreset_mode: ``"NextStep"`` (the step after an end ignores the action and returns the reset's
            observation), ``"SameStep"`` (the ending step returns it, and ``info`` holds ``final_obs`` and
            ``final_info``) or ``"Disabled"`` (``reset(options={"reset_mask": mask})``).
        render_mode: None; single environments render.
        graph_seed: One seed for all cultures' graph, a list with one for each, ``"per_env"`` for 0, 1, 2, ..., or
            ``"resample"`` for a new graph in every episode of every environment, which is built at its reset; None is
            the predefined system.
        **options: As of ``CultureEnv``.

    Raises:
        InvalidInput: A value is out of range.
        UnknownName: A name does not exist.
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        system: str = "EI2",
        task: str = "rate_tracking",
        *,
        max_episode_steps: int | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        graph_seed: int | Sequence[int] | str | None = None,
        **options: Any,
    ) -> None:
        if render_mode is not None:
            raise InvalidInput("A vector environment has no render mode: render a single one, gym.make(...).")
        self.num_envs = whole_number("num_envs", num_envs)
        self.max_episode_steps = (
            None if max_episode_steps is None else whole_number("max_episode_steps", max_episode_steps)
        )
        self.autoreset_mode = _mode(autoreset_mode)
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = None
        resample = isinstance(graph_seed, str) and graph_seed == RESAMPLE
        graphs = _graphs(None if resample else graph_seed, self.num_envs)
        places: dict[int | None, list[int]] = {}
        for i, graph in enumerate(graphs):
            places.setdefault(i if resample else graph, []).append(i)
        self._places = [np.array(indices) for indices in places.values()]
        self._loops: list[ClosedLoop | ResampledLoop] = []
        self._pool: ThreadPoolExecutor | None = None
        try:
            for graph, indices in places.items():
                if resample:
                    self._loops.append(ResampledLoop(system, task, **options))
                else:
                    self._loops.append(make_loop(system, task, len(indices), graph_seed=graph, **options))
        except BaseException:
            self.close_extras()
            raise
        # Many graphs are many engines of few cultures, one thread each; one graph's engine has threads of its own.
        workers = min(len(self._loops), len(os.sched_getaffinity(0)))
        if workers > 1:
            self._pool = ThreadPoolExecutor(workers, thread_name_prefix="livn_gym")
        self.step_ms = self._loops[0].step_ms
        self.single_action_space = self._loops[0].action_space
        self.single_observation_space = self._loops[0].observation_space
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._generators: list[np.random.Generator | None] = [None] * self.num_envs
        self._observations = np.zeros(self.observation_space.shape or (), dtype=np.float32)
        self._steps = np.zeros(self.num_envs, dtype=np.int64)
        self._ended = np.zeros(self.num_envs, dtype=np.bool_)
        self._started = np.zeros(self.num_envs, dtype=np.bool_)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode in every environment, or in those of a mask.

        Args:
            seed: Environment i starts from ``seed + i``; or one seed for each, None going on with the next trial.
            options: ``{"reset_mask": mask}`` with a boolean ``[num_envs]`` resets some; no other option.

        Returns:
            Observations ``[num_envs, F]`` (those that were not reset show their latest) and info.

        Raises:
            InvalidInput: Seeds or mask do not fit.
            UnknownName: There is no such option.
            ClosedError: The environment is closed.
        """
        self._check_open()
        given = dict(options or {})
        mask = _mask(given.pop("reset_mask"), self.num_envs) if "reset_mask" in given else np.ones(self.num_envs, bool)
        for name in given:
            raise unknown_name("option of reset", name, ("reset_mask",))
        seeds = _seeds(seed, self.num_envs)
        for i in np.flatnonzero(mask):
            if seeds[i] is not None or self._generators[i] is None:
                self._generators[i] = seeding.np_random(seeds[i])[0]
        infos = self._reset(mask, seeds)
        return self._observations.copy(), self._batched(infos)

    def step(
        self, actions: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Stimulate every culture for one step.

        Args:
            actions: ``[num_envs, *action shape]``.

        Returns:
            Observations ``[num_envs, F]``, rewards, terminations, truncations ``[num_envs]`` and info.

        Raises:
            InvalidInput: An action has the wrong shape, is not finite or outside the space; nothing ran.
            ClosedError: The environment is closed.
        """
        self._check_open()
        if not self._started.all():
            raise gym.error.ResetNeeded("Call reset() before step().")
        given = np.asarray(actions)
        if given.shape != self.action_space.shape:
            raise InvalidInput(f"Actions must have the shape {self.action_space.shape}, got {given.shape}.")
        if self.autoreset_mode is AutoresetMode.DISABLED and self._ended.any():
            raise gym.error.ResetNeeded(f"Environments {np.flatnonzero(self._ended).tolist()} ended: reset them first.")
        running = ~self._ended
        rewards = np.zeros(self.num_envs)
        terminations, truncations = np.zeros((2, self.num_envs), dtype=np.bool_)
        infos: dict[int, Info] = {}
        parts = self._each(
            running,
            lambda loop, places, inside: (loop.step(given[places[inside]], list(inside)), loop.truncated(list(inside))),
        )
        for places, ((observations, reward, terminated, part), truncated) in parts:
            self._observations[places], rewards[places] = observations, reward
            terminations[places], truncations[places] = terminated, truncated
            infos |= zip(places.tolist(), part, strict=True)
        self._steps[running] += 1
        if self.max_episode_steps is not None:
            truncations |= running & (self._steps >= self.max_episode_steps)
        if not running.all():  # NEXT_STEP: this step of theirs is the reset
            infos |= self._reset(~running, [None] * self.num_envs)
        self._ended = terminations | truncations
        final: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._ended.any():
            ended = self._ended.copy()
            final_obs = np.full(self.num_envs, None, dtype=object)
            for i in np.flatnonzero(ended):
                final_obs[i] = self._observations[i].copy()
            last = self._batched({i: infos[i] for i in np.flatnonzero(ended).tolist()})
            final = {"final_obs": final_obs, "_final_obs": ended, "final_info": last, "_final_info": ended.copy()}
            infos |= self._reset(ended, [None] * self.num_envs)
        return self._observations.copy(), rewards, terminations, truncations, self._batched(infos) | final

    def state(self) -> bytes:
        """What the next step depends on: cultures, tasks, generators, counters; for ``set_state``.

        Raises:
            UnsupportedModel: The backend has no snapshots.
        """
        self._check_open()
        own = {name: getattr(self, name) for name in _STATE}
        return pickle.dumps({"num_envs": self.num_envs, "loops": [loop.state() for loop in self._loops], "own": own})

    def set_state(self, state: bytes) -> None:
        """Go on bit for bit from the state of an environment made with the same arguments.

        Args:
            state: From ``state``; a pickle, so only from a source that is trusted.

        Raises:
            InvalidInput: It was made with other arguments.
        """
        self._check_open()
        saved = pickle.loads(state)
        if (saved["num_envs"], len(saved["loops"])) != (self.num_envs, len(self._loops)):
            raise InvalidInput(f"The state is of {saved['num_envs']} environments, here are {self.num_envs}.")
        for loop, part in zip(self._loops, saved["loops"], strict=True):
            loop.set_state(part)
        vars(self).update(saved["own"])

    def close_extras(self, **kwargs: Any) -> None:
        """Free the cultures."""
        for loop in self._loops:
            loop.close()
        if self._pool is not None:
            self._pool.shutdown()

    def _reset(self, mask: NDArray[np.bool_], seeds: Sequence[int | None]) -> dict[int, Info]:
        infos: dict[int, Info] = {}

        def one(loop: ClosedLoop | ResampledLoop, places: NDArray, inside: NDArray) -> Any:
            chosen = places[inside]
            return loop.reset([self._generators[i] for i in chosen], [seeds[i] for i in chosen], list(inside))

        for places, (observations, part) in self._each(mask, one):
            self._observations[places] = observations
            infos |= zip(places.tolist(), part, strict=True)
        self._steps[mask] = 0
        self._ended[mask] = False
        self._started[mask] = True
        return infos

    def _each(
        self, mask: NDArray[np.bool_], call: Callable[[ClosedLoop | ResampledLoop, NDArray, NDArray], T]
    ) -> Iterable[tuple[NDArray, T]]:
        """Call something for the environments of a mask, loop by loop; their places and the results."""
        jobs = [
            (loop, places, np.flatnonzero(mask[places])) for loop, places in zip(self._loops, self._places, strict=True)
        ]
        jobs = [job for job in jobs if len(job[2])]
        run = map if self._pool is None else self._pool.map
        results = list(run(lambda job: call(*job), jobs))
        return [(places[inside], result) for (_, places, inside), result in zip(jobs, results, strict=True)]

    def _batched(self, infos: dict[int, Info]) -> dict[str, Any]:
        """One array and one mask for every name, as vector environments have them."""
        indices = list(infos)
        mask = np.zeros(self.num_envs, dtype=np.bool_)
        mask[indices] = True
        result: dict[str, Any] = {}
        for name in infos[indices[0]] if indices else ():
            values = np.zeros(self.num_envs)
            values[indices] = [infos[i][name] for i in indices]
            result[name], result[f"_{name}"] = values, mask.copy()
        return result

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedError("This environment is closed; make a new one.")


def _mode(given: str | AutoresetMode) -> AutoresetMode:
    if isinstance(given, AutoresetMode):
        return given
    known = {mode.value: mode for mode in AutoresetMode}
    if given not in known:
        raise unknown_name("autoreset_mode", given, known)
    return known[given]


def _graphs(given: int | Sequence[int] | str | None, count: int) -> list[int | None]:
    if given is None:
        return [None] * count
    if isinstance(given, str):
        if given != "per_env":
            raise unknown_name("graph_seed", given, ("per_env", RESAMPLE))
        return list(range(count))
    if isinstance(given, Sequence | np.ndarray):
        return list(checked_seeds(given, count))
    return list(checked_seeds([given] * count, count))


def _mask(given: object, count: int) -> NDArray[np.bool_]:
    if not isinstance(given, np.ndarray) or given.shape != (count,) or given.dtype != np.bool_ or not given.any():
        raise InvalidInput(f"reset_mask must be a boolean array [{count}] with at least one True, got {given!r}.")
    return given


def _seeds(seed: int | Sequence[int | None] | None, count: int) -> list[int | None]:
    if seed is None:
        return [None] * count
    if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str):
        if len(seed) != count:
            raise InvalidInput(f"reset needs one seed for each of {count} environments, got {len(seed)}.")
        return [None if value is None else checked_seeds(value, 1)[0] for value in seed]
    return list(checked_seeds(seed, count))
