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
from livn_gym.envs.batches import BatchSpec, EnvironmentBatch, make_batch
from livn_gym.envs.local_batch import LocalBatch
from livn_gym.envs.loop_rendering import LoopRenderer
from livn_gym.envs.loop_spec import LoopSpec, check_vector_options
from livn_gym.envs.provenance import in_info, of_loop
from livn_gym.envs.results import Info
from livn_gym.envs.specs import in_json
from livn_gym.envs.sub_environments import NAMES, SubEnvironment
from livn_gym.envs.turn import Turn
from livn_gym.envs.vector_state import load
from livn_gym.errors import (
    ClosedEnvironment,
    InvalidInput,
    UnknownAttribute,
    UnsupportedModel,
    shown,
    unknown_attribute,
    unknown_name,
)
from livn_gym.plot.style import check_available
from livn_gym.units import whole_number

_STATE = ("_observations", "_steps", "_ended", "_started")
"""Attributes that are part of the saved state, besides the batch."""

MAX_ENVS = 2**20
"""Upper bound of ``num_envs``: more environments than the memory of any machine holds."""

_ON_FAILURE = ("raise", "truncate")


class CultureVectorEnv(VectorEnv):
    """A batch of cultures that are simulated together; environment i equals a ``CultureEnv`` with its seed bit for bit.

    ``gym.make_vec("livn/EI2-v0", num_envs=64)`` makes one. Cultures of one graph run in one call of the engine, on all
    threads. ``CultureEnv`` and the task describe spaces, rewards and arguments.

    Args:
        num_envs: Number of cultures.
        system: The system, as in ``CultureEnv``.
        task: The task, as in ``CultureEnv``.
        max_episode_steps: Number of steps after which an episode is truncated, as in ``gym.make``: -1 means never; None
            means the limit of the id if ``gym.make_vec`` makes the environment, otherwise never.
        autoreset_mode: ``"NextStep"`` (the step after an end ignores the action and returns the reset's
            observation), ``"SameStep"`` (the ending step returns it, and ``info`` holds ``final_obs`` and
            ``final_info``) or ``"Disabled"`` (``reset(options={"reset_mask": mask})``).
        render_mode: ``"rgb_array"`` renders a picture of every environment; only single environments open windows.
        graph_seed: One seed for the graph of all cultures, a list with one per environment, ``"per_env"`` for
            0, 1, 2, ..., or ``"resample"`` for a new graph at every reset of every environment; None is the
            predefined system.
        on_worker_failure: Whether to continue when a process dies under ``livn_gym.mpi`` (fault-tolerant launch):
            ``"raise"``, or ``"truncate"``, which truncates the episodes of that process with
            ``info["worker_failed"]`` and continues with the other processes.
        **options: Options of ``CultureEnv``.

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
        system: Any = "EI2",
        task: Any = "rate_tracking",
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
        self._use_limit_of_id = max_episode_steps is None
        self.max_episode_steps = episode_limit(max_episode_steps)
        self.autoreset_mode = autoreset(autoreset_mode)
        self.render_mode = render_mode
        if on_worker_failure not in _ON_FAILURE:
            raise unknown_name("on_worker_failure", on_worker_failure, _ON_FAILURE)
        self._graphs = graph_seeds(graph_seed, self.num_envs)
        graphs = dict(enumerate(self._graphs))
        check_vector_options(task, options)
        spec = BatchSpec(LoopSpec.of(system, task, **options), graphs, on_worker_failure == "truncate")
        self._batch: EnvironmentBatch = make_batch(spec)
        culture = self._batch.loops[0].env if isinstance(self._batch, LocalBatch) else None
        self.provenance = of_loop(spec.loop, culture)
        """Name and hash of the parameters, name, version and hash of the task."""
        self.step_ms = self._batch.step_ms
        self.metadata = {
            **type(self).metadata,
            "render_fps": 1000.0 / self.step_ms,
            "autoreset_mode": self.autoreset_mode,
        }
        self.single_action_space = self._batch.action_space
        self.single_observation_space = self._batch.observation_space
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._observations = np.zeros(self.observation_space.shape or (), dtype=np.float32)
        self._steps = np.zeros(self.num_envs, dtype=np.int64)
        self._ended = np.zeros(self.num_envs, dtype=np.bool_)
        self._started = np.zeros(self.num_envs, dtype=np.bool_)
        self._turn = Turn(self.num_envs)
        self._renderers: list[LoopRenderer] = []
        if render_mode is not None:
            batch = self._local_batch("rendering")
            self._renderers = [LoopRenderer(*batch.locate(i), window=False) for i in range(self.num_envs)]

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generator of every environment's task, as in ``SyncVectorEnv``.

        Raises:
            UnsupportedModel: The environments are simulated by other processes.
        """
        return self._batch.generators()

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """Seed of every environment's generator, -1 if it is not known; as in ``SyncVectorEnv``."""
        return self._batch.seeds()

    @property
    def spec(self) -> EnvSpec | None:
        """The ``EnvSpec`` from which ``gym.make_vec`` made this environment; None if the class was called."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        # Gymnasium sets the spec, with the id's limit, after making the environment.
        self._spec = in_json(spec)
        if self._use_limit_of_id and spec is not None:
            self.max_episode_steps = spec.max_episode_steps

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode in every environment, or in the environments of a mask.

        Args:
            seed: Environment i gets ``seed + i``; or one seed per environment, None continuing with the next trial.
            options: ``{"reset_mask": mask}`` with a boolean ``[num_envs]`` resets some; there are no other options.

        Returns:
            Observations ``[num_envs, 2 F + K]`` (the latest ones of environments that were not reset) and info.

        Raises:
            InvalidInput: Seeds or mask do not fit.
            UnknownName: An option is unknown.
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
            return self._observations.copy(), self._info_arrays(infos)

    def step(
        self, actions: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Stimulate every culture for one step.

        Args:
            actions: ``[num_envs, *action shape]``.

        Returns:
            Observations ``[num_envs, 2 F + K]``, rewards, terminations, truncations ``[num_envs]`` and info.

        Raises:
            InvalidInput: An action has the wrong shape, is not finite or outside the space; nothing ran.
            ResetNeeded: An environment was not reset, was interrupted, or has ended (autoreset ``Disabled``).
            ClosedEnvironment: The environment is closed.
        """
        self._check_open()
        if not self._started.all():
            raise gym.error.ResetNeeded("Call reset() before step().")
        numbers = as_numbers(actions)
        if numbers.shape != self.action_space.shape:
            raise InvalidInput(f"Actions must have the shape {self.action_space.shape}, got {numbers.shape}.")
        if self.autoreset_mode is AutoresetMode.DISABLED and self._ended.any():
            raise gym.error.ResetNeeded(f"Environments {np.flatnonzero(self._ended).tolist()} ended: reset them first.")
        all_indices = np.arange(self.num_envs)
        self._turn.check(all_indices)
        with self._turn.of(all_indices):
            return self._step(numbers)

    def _step(
        self, actions: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        running = ~self._ended
        rewards = np.zeros(self.num_envs)
        terminations, truncations = np.zeros((2, self.num_envs), dtype=np.bool_)
        infos: dict[int, Info] = {}
        lost = np.zeros(self.num_envs, dtype=np.bool_)
        if running.any():
            result = self._batch.step(np.flatnonzero(running), actions[running])
            stepped = result.cultures
            self._observations[stepped], rewards[stepped] = result.observations, result.rewards
            terminations[stepped], truncations[stepped] = result.terminated, result.truncated
            infos |= zip(stepped.tolist(), result.infos, strict=True)
            lost = running.copy()
            lost[stepped] = False
            truncations |= lost
        self._steps[running] += 1
        if self.max_episode_steps is not None:
            truncations |= running & (self._steps >= self.max_episode_steps)
        if not running.all():  # NEXT_STEP: this step is their reset
            infos |= self._reset(~running, [None] * self.num_envs)
        self._ended = terminations | truncations
        final: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._ended.any():
            ended = self._ended.copy()
            final_obs = np.full(self.num_envs, None, dtype=object)
            for i in np.flatnonzero(ended):
                final_obs[i] = self._observations[i].copy()
            last = self._info_arrays({i: infos[i] for i in np.flatnonzero(ended & ~lost).tolist()})
            final = {"final_obs": final_obs, "_final_obs": ended, "final_info": last, "_final_info": ended.copy()}
            infos |= self._reset(ended, [None] * self.num_envs)
        self._draw(infos)
        if lost.any():
            final |= {"worker_failed": lost, "_worker_failed": lost.copy()}
        return self._observations.copy(), rewards, terminations, truncations, self._info_arrays(infos) | final

    def render(self) -> tuple[Any, ...]:
        """Render the latest step of every environment as a picture ``[640, 960, 3]``; None without a render mode.

        Raises:
            ResetNeeded: An environment has not been reset yet.
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
        """Return an attribute, or the result of a method, of each environment, as ``SyncVectorEnv.call``.

        It has the attributes of ``SubEnvironment``. Environments that are simulated together have no ``step``, since
        they step together.

        Raises:
            UnknownAttribute: An environment has no such attribute.
            UnsupportedModel: The environments are simulated by other processes.
        """
        if name not in NAMES:
            raise unknown_attribute(type(self).__name__, name, NAMES)
        batch = self._local_batch(f"{name!r} of every environment")
        values = [getattr(SubEnvironment(batch, i, self.metadata, self.provenance), name) for i in range(self.num_envs)]
        return tuple(value(*args, **kwargs) if callable(value) else value for value in values)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Return an attribute of each environment; see ``call``."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Refuse: environments that are simulated together have no attributes to set.

        Raises:
            UnknownAttribute: Always.
        """
        raise UnknownAttribute(
            f"{shown(name)} cannot be set: the environments of a {type(self).__name__} are simulated together and have "
            "no attributes of their own to set. vectorization_mode='sync' makes separate environments."
        )

    def state(self) -> bytes:
        """Return everything that the next step depends on, for ``set_state``: cultures, tasks, generators, counters.

        Raises:
            UnsupportedModel: The backend has no snapshots.
            OverlappingCall: A step or reset is going on.
        """
        self._check_open()
        with self._turn.of([]):
            own = {"own": {name: getattr(self, name) for name in _STATE}, "incomplete": self._turn.incomplete}
            return pickle.dumps(self._arguments | {"environments": self._batch.state()} | own)

    @property
    def _arguments(self) -> dict[str, Any]:
        """What must be equal for a state to fit."""
        return {"num_envs": self.num_envs, "graphs": self._graphs, "provenance": self.provenance}

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes for a copy or a pickle.

        Raises:
            OverlappingCall: A step or reset is going on.
        """
        self._turn.check_idle()
        return vars(self).copy()

    def set_state(self, state: bytes) -> None:
        """Continue bit for bit from the state of an environment made with the same arguments.

        Args:
            state: Result of ``state``. It is a pickle, so it must come from a trusted source.

        Raises:
            InvalidInput: The state belongs to an environment made with other arguments.
            OverlappingCall: A step or reset is going on.
        """
        self._check_open()
        saved = load(state, self._arguments)
        with self._turn.of(np.arange(self.num_envs)):
            self._turn.commit()
            self._batch.set_state(saved["environments"])
            vars(self).update(saved["own"])
        self._turn.incomplete = saved["incomplete"]

    def __copy__(self) -> Self:
        """Return a deep copy, with copies of the cultures: two environments cannot share an episode."""
        return copy.deepcopy(self)

    def close_extras(self, **kwargs: Any) -> None:
        """Free the cultures."""
        if hasattr(self, "_batch"):  # the constructor may have raised
            self._batch.close()

    def _local_batch(self, purpose: str) -> LocalBatch:
        if not isinstance(self._batch, LocalBatch):
            raise UnsupportedModel(f"{purpose} needs environments in this process; these are simulated by other ones.")
        return self._batch

    def _draw(self, infos: dict[int, Info]) -> None:
        for i, renderer in enumerate(self._renderers):
            if i in infos and self._steps[i] == 0:
                renderer.begin(infos[i])
            elif i in infos:
                renderer.add_step(infos[i])

    def _reset(self, mask: NDArray[np.bool_], seeds: Sequence[int | None]) -> dict[int, Info]:
        indices = np.flatnonzero(mask)
        result = self._batch.reset(indices, [seeds[i] for i in indices.tolist()])
        self._observations[indices] = result.observations
        self._steps[mask] = 0
        self._ended[mask] = False
        self._started[mask] = True
        return dict(zip(indices.tolist(), result.infos, strict=True))

    def _info_arrays(self, infos: dict[int, Info]) -> dict[str, Any]:
        """Return one array and one mask per name, the format of ``info`` in vector environments."""
        indices = list(infos)
        mask = np.zeros(self.num_envs, dtype=np.bool_)
        mask[indices] = True
        result: dict[str, Any] = {}
        for name in infos[indices[0]] if indices else ():
            values = np.zeros(self.num_envs)
            values[indices] = [infos[i][name] for i in indices]
            result[name], result[f"_{name}"] = values, mask.copy()
        for name, text in in_info(self.provenance).items() if indices else ():
            texts = np.full(self.num_envs, None, dtype=object)
            texts[indices] = text
            result[name], result[f"_{name}"] = texts, mask.copy()
        return result

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedEnvironment("This environment is closed; make a new one.")
