"""The Gymnasium environment of many cultures."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from typing import Any, Self

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from livn_gym.envs.actions import as_numbers
from livn_gym.envs.arguments import autoreset, episode_limit, graph_seeds, reset_mask, reset_options, reset_seeds
from livn_gym.envs.group import Group, LoopGroup, make_group
from livn_gym.envs.loop_rendering import LoopRenderer
from livn_gym.envs.results import Info
from livn_gym.envs.specs import in_json
from livn_gym.envs.sub_environments import NAMES, SubEnvironment
from livn_gym.envs.turn import Turn
from livn_gym.errors import ClosedEnvironment, InvalidInput, UnsupportedModel, unknown_attribute, unknown_name
from livn_gym.plot.style import check_available
from livn_gym.units import whole_number

_STATE = ("_observations", "_steps", "_ended", "_started")
"""What a vector environment keeps from step to step besides its group."""

MAX_ENVS = 2**20
"""More environments than any machine's memory holds."""

_ON_FAILURE = ("raise", "truncate")


class CultureVectorEnv(VectorEnv):
    """A batch of cultures that are simulated together; environment i is the ``CultureEnv`` with its seed, bit for bit.

    ``gym.make_vec("livn/EI2-v0", num_envs=64)`` makes one. Cultures of one graph run in one call of the engine on all
    threads. Spaces, rewards, arguments: see ``CultureEnv`` and the task.

    Args:
        num_envs: Number of cultures.
        system: Name of a predefined system.
        task: Name of a task.
        max_episode_steps: Steps after which an episode is truncated, as of ``gym.make``: -1 is never, and None the
            id's own limit where ``gym.make_vec`` makes the environment (otherwise never).
        autoreset_mode: ``"NextStep"`` (the step after an end ignores the action and returns the reset's
            observation), ``"SameStep"`` (the ending step returns it, and ``info`` holds ``final_obs`` and
            ``final_info``) or ``"Disabled"`` (``reset(options={"reset_mask": mask})``).
        render_mode: ``"rgb_array"`` gives the pictures of all environments; windows are for single environments.
        graph_seed: One seed for all cultures' graph, a list with one for each, ``"per_env"`` for 0, 1, 2, ..., or
            ``"resample"`` for a new graph in every episode of every environment, which is built at its reset; None is
            the predefined system.
        on_worker_failure: Under ``livn_gym.mpi``, when a process of a fault-tolerant launch dies: ``"raise"``, or
            ``"truncate"`` the episodes it had, with ``info["worker_failed"]``, and go on with the processes left.
        **options: As of ``CultureEnv``.

    Raises:
        InvalidInput: A value is out of range.
        UnknownName: A name does not exist.
    """

    metadata: dict[str, Any] = {
        "render_modes": ["rgb_array"],
        "render_fps": 5,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    _spec: EnvSpec | None = None

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
        on_worker_failure: str = "raise",
        **options: Any,
    ) -> None:
        if render_mode == "human":
            raise InvalidInput('A vector environment opens no window; render_mode="human" is for a single one.')
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise unknown_name("render_mode", render_mode, self.metadata["render_modes"])
        if render_mode is not None:
            check_available()
        self.num_envs = whole_number("num_envs", num_envs)
        if self.num_envs > MAX_ENVS:
            raise InvalidInput(f"num_envs must be at most {MAX_ENVS}, got {num_envs}.")
        self._limit_is_the_ids = max_episode_steps is None
        self.max_episode_steps = episode_limit(max_episode_steps)
        self.autoreset_mode = autoreset(autoreset_mode)
        self.render_mode = render_mode
        if on_worker_failure not in _ON_FAILURE:
            raise unknown_name("on_worker_failure", on_worker_failure, _ON_FAILURE)
        graphs = dict(enumerate(graph_seeds(graph_seed, self.num_envs)))
        self._group: Group = make_group(system, task, graphs, options, on_worker_failure == "truncate")
        self.step_ms = self._group.step_ms
        own = {"render_fps": 1000.0 / self.step_ms, "autoreset_mode": self.autoreset_mode}
        self.metadata = {**type(self).metadata, **own}
        self.single_action_space = self._group.action_space
        self.single_observation_space = self._group.observation_space
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._observations = np.zeros(self.observation_space.shape or (), dtype=np.float32)
        self._steps = np.zeros(self.num_envs, dtype=np.int64)
        self._ended = np.zeros(self.num_envs, dtype=np.bool_)
        self._started = np.zeros(self.num_envs, dtype=np.bool_)
        self._turn = Turn(self.num_envs)
        self._renderers: list[LoopRenderer] = []
        if render_mode is not None:
            group = self._local("rendering")
            self._renderers = [LoopRenderer(*group.place(i), window=False) for i in range(self.num_envs)]

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generator of every environment's task, as of ``SyncVectorEnv``.

        Raises:
            UnsupportedModel: The environments are simulated by other processes.
        """
        return self._group.generators()

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """Where the generator of every environment started, -1 where that is not known; as of ``SyncVectorEnv``."""
        return self._group.seeds()

    @property
    def spec(self) -> EnvSpec | None:
        """How ``gym.make_vec`` made this environment; None if it was made by hand."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        # Gymnasium sets it after making the environment, which cannot know its id's limit before.
        self._spec = in_json(spec)
        if self._limit_is_the_ids and spec is not None:
            self.max_episode_steps = spec.max_episode_steps

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
            ClosedEnvironment: The environment is closed.
        """
        self._check_open()
        mask = np.ones(self.num_envs, dtype=np.bool_)
        if "reset_mask" in reset_options(options, ("reset_mask",)):
            mask = reset_mask((options or {})["reset_mask"], self.num_envs)
        seeds = reset_seeds(seed, self.num_envs)
        with self._turn.of(mask):
            infos = self._reset(mask, seeds)
            self._draw(infos)
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
            ClosedEnvironment: The environment is closed.
        """
        self._check_open()
        if not self._started.all():
            raise gym.error.ResetNeeded("Call reset() before step().")
        given = as_numbers(actions)
        if given.shape != self.action_space.shape:
            raise InvalidInput(f"Actions must have the shape {self.action_space.shape}, got {given.shape}.")
        if self.autoreset_mode is AutoresetMode.DISABLED and self._ended.any():
            raise gym.error.ResetNeeded(f"Environments {np.flatnonzero(self._ended).tolist()} ended: reset them first.")
        everyone = np.arange(self.num_envs)
        self._turn.check(everyone)
        with self._turn.of(everyone):
            return self._stepped(given)

    def _stepped(
        self, given: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        running = ~self._ended
        rewards = np.zeros(self.num_envs)
        terminations, truncations = np.zeros((2, self.num_envs), dtype=np.bool_)
        infos: dict[int, Info] = {}
        lost = np.zeros(self.num_envs, dtype=np.bool_)
        if running.any():
            results = self._group.step(np.flatnonzero(running), given[running])
            self._observations[results.cultures], rewards[results.cultures] = results.observations, results.rewards
            terminations[results.cultures], truncations[results.cultures] = results.terminated, results.truncated
            infos |= zip(results.cultures.tolist(), results.infos, strict=True)
            lost = running.copy()
            lost[results.cultures] = False
            truncations |= lost
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
            last = self._batched({i: infos[i] for i in np.flatnonzero(ended & ~lost).tolist()})
            final = {"final_obs": final_obs, "_final_obs": ended, "final_info": last, "_final_info": ended.copy()}
            infos |= self._reset(ended, [None] * self.num_envs)
        self._draw(infos)
        if lost.any():
            final |= {"worker_failed": lost, "_worker_failed": lost.copy()}
        return self._observations.copy(), rewards, terminations, truncations, self._batched(infos) | final

    def render(self) -> tuple[Any, ...]:
        """The latest step of every environment as a picture ``[640, 960, 3]``, or None without a render mode.

        Raises:
            ResetNeeded: There was none yet.
            ClosedEnvironment: The environment is closed.
        """
        self._check_open()
        if not self._started.all():
            raise gym.error.ResetNeeded("Call reset() before render().")
        if not self._renderers:
            gym.logger.warn('render() needs a render_mode: gym.make_vec(..., render_mode="rgb_array").')
            return (None,) * self.num_envs
        return tuple(renderer.frame() for renderer in self._renderers)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """What each environment gives for an attribute, as ``SyncVectorEnv.call``.

        The attributes are those of ``SubEnvironment``: environments that are simulated together have no ``step`` of
        their own.

        Raises:
            UnknownAttribute: There is no such attribute.
            UnsupportedModel: The environments are simulated by other processes.
        """
        if name not in NAMES:
            raise unknown_attribute(type(self).__name__, name, NAMES)
        group = self._local(f"{name!r} of every environment")
        values = [getattr(SubEnvironment(group, i, self.metadata), name) for i in range(self.num_envs)]
        return tuple(value(*args, **kwargs) if callable(value) else value for value in values)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of each environment; see ``call``."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Refuse: environments that are simulated together have no attributes that could be set.

        Raises:
            UnknownAttribute: Always.
        """
        raise unknown_attribute(type(self).__name__, name, ())

    def state(self) -> bytes:
        """What the next step depends on: cultures, tasks, generators, counters; for ``set_state``.

        Raises:
            UnsupportedModel: The backend has no snapshots.
        """
        self._check_open()
        own = {name: getattr(self, name) for name in _STATE}
        return pickle.dumps({"num_envs": self.num_envs, "group": self._group.state(), "own": own})

    def set_state(self, state: bytes) -> None:
        """Go on bit for bit from the state of an environment made with the same arguments.

        Args:
            state: From ``state``; a pickle, so only from a source that is trusted.

        Raises:
            InvalidInput: It was made with other arguments.
        """
        self._check_open()
        try:
            saved = pickle.loads(state)
        except Exception as error:  # a pickle that is none ends in whatever its bytes stand for
            raise InvalidInput(f"This is no state of a vector environment: {error}") from error
        if not isinstance(saved, dict) or not {"num_envs", "group", "own"} <= saved.keys():
            raise InvalidInput("This is no state of a vector environment.")
        if saved["num_envs"] != self.num_envs:
            raise InvalidInput(f"The state is of {saved['num_envs']} environments, here are {self.num_envs}.")
        self._group.set_state(saved["group"])
        vars(self).update(saved["own"])
        self._turn = Turn(self.num_envs)

    def __copy__(self) -> Self:
        """A copy with cultures of its own, as ``copy.deepcopy`` makes it: two environments cannot share an episode."""
        return copy.deepcopy(self)

    def close_extras(self, **kwargs: Any) -> None:
        """Free the cultures."""
        if hasattr(self, "_group"):  # also after a constructor that raised
            self._group.close()

    def _local(self, what: str) -> LoopGroup:
        if not isinstance(self._group, LoopGroup):
            raise UnsupportedModel(f"{what} needs environments in this process; these are simulated by other ones.")
        return self._group

    def _draw(self, infos: dict[int, Info]) -> None:
        for i, renderer in enumerate(self._renderers):
            if i in infos and self._steps[i] == 0:
                renderer.began(infos[i])
            elif i in infos:
                renderer.stepped(infos[i])

    def _reset(self, mask: NDArray[np.bool_], seeds: Sequence[int | None]) -> dict[int, Info]:
        places = np.flatnonzero(mask)
        results = self._group.reset(places, [seeds[i] for i in places.tolist()])
        self._observations[places] = results.observations
        self._steps[mask] = 0
        self._ended[mask] = False
        self._started[mask] = True
        return dict(zip(places.tolist(), results.infos, strict=True))

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
            raise ClosedEnvironment("This environment is closed; make a new one.")
