"""A closed loop around one culture that is another one in every episode: ``graph_seed="resample"``."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.env import Env
from livn_gym.envs.loop import ClosedLoop
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.envs.measurement import History
from livn_gym.envs.results import StepResult
from livn_gym.envs.tasks import Task
from livn_gym.errors import unknown_name

RESAMPLE = "resample"
"""The ``graph_seed`` that means a new graph at every reset."""


class ResampledLoop:
    """One culture whose graph is drawn from the environment's generator at every reset; used like a ``ClosedLoop``.

    Every reset makes the whole loop anew, as a new environment with that ``graph_seed`` would. Spaces, which must not
    change, are those of the predefined culture; until the first reset it stands in. Bounds of rates count its cells by
    electrode, and leave more than a factor of ten to what cells do.

    Args:
        spec: The loop, without a graph.

    Raises:
        UnknownName: There is no system, encoding, decoding, condition or backend of that name.
        InvalidInput: A value is out of range.
    """

    num_cultures = 1

    def __init__(self, spec: LoopSpec) -> None:
        self._spec = spec
        self.graph_seed: int | None = None
        """Of the culture of this episode; None before the first."""
        self._loop = self._made()
        self.action_space: spaces.Box = self._loop.action_space
        self.observation_space: spaces.Box = self._loop.observation_space
        self.step_ms = self._loop.step_ms
        self.num_features = self._loop.num_features
        self.layout = self._loop.layout
        self.action_channels = self._loop.action_channels

    @property
    def env(self) -> Env:
        """The culture of this episode."""
        return self._loop.env

    @property
    def tasks(self) -> list[Task]:
        """Its task, ``[1]``."""
        return self._loop.tasks

    @property
    def history(self) -> list[History]:
        """Its last second, ``[1]``."""
        return self._loop.history

    @property
    def highest_charge_nC(self) -> NDArray[np.float64]:
        """What the highest command gives by each channel in a step, nC ``[C]``."""
        return self._loop.highest_charge_nC

    def reset(
        self,
        np_random: Sequence[np.random.Generator],
        seeds: Sequence[int | None],
        cultures: Sequence[int] | None = None,
    ) -> StepResult:
        """Draw a graph, build its culture and begin an episode; see ``ClosedLoop.reset``."""
        self._replace(int(np_random[0].integers(2**31)))
        return self._loop.reset(np_random, seeds)

    def step(self, actions: NDArray, cultures: Sequence[int] | None = None) -> StepResult:
        """One control step; see ``ClosedLoop.step``."""
        return self._loop.step(actions)

    def checked(self, actions: NDArray, count: int) -> NDArray:
        """The actions, if they are any; see ``ClosedLoop.checked``."""
        return self._loop.checked(actions, count)

    def state(self) -> dict[str, Any]:
        """What the next step depends on; see ``ClosedLoop.state``."""
        return self._loop.state() | {"graph_seed": [self.graph_seed]}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of an equal loop; its culture is built first."""
        (graph_seed,) = state["graph_seed"]
        if graph_seed != self.graph_seed:
            self._replace(graph_seed)
        self._loop.set_state(state)

    def close(self) -> None:
        """Free the culture and what the task holds; may be called twice."""
        self._loop.close()

    def _made(self) -> ClosedLoop:
        return copy.deepcopy(self._spec).make(graph_seed=self.graph_seed)

    def _replace(self, graph_seed: int | None) -> None:
        self._loop.close()
        self.graph_seed = graph_seed
        self._loop = self._made()


AnyLoop = ClosedLoop | ResampledLoop


def make_loop(spec: LoopSpec, graph_seed: int | str | None = None) -> AnyLoop:
    """The loop of one environment.

    Args:
        spec: The loop, without a graph.
        graph_seed: Seed of the graph, None for the predefined system, or ``"resample"`` for a new one at every reset.

    Raises:
        UnknownName: A word is not ``"resample"``, or there is no system, encoding, decoding, condition or backend of a
            name.
        InvalidInput: A value is out of range.
    """
    if isinstance(graph_seed, str):
        if graph_seed != RESAMPLE:
            raise unknown_name("graph_seed", graph_seed, (RESAMPLE,))
        return ResampledLoop(spec)
    return spec.make(graph_seed=graph_seed)
