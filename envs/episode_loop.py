"""Closed loops over several episodes: the graph of the cultures, and ``graph_seed="resample"``."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.decoding import Decoding
from livn_gym.device_profile import DeviceProfile
from livn_gym.env import Env
from livn_gym.envs.loop import ClosedLoop
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.envs.measurement import History
from livn_gym.envs.results import StepResult
from livn_gym.envs.tasks import Task
from livn_gym.errors import InvalidInput, UnknownName, shown
from livn_gym.stimulus import Stimulus
from livn_gym.view import CultureView

RESAMPLE = "resample"
"""Value of ``graph_seed`` for a new graph at every reset."""

Graph = int | str | None
"""Seed of a graph, ``"resample"`` for a new graph in every episode, or None for the predefined system."""


class EpisodeLoop:
    """The closed loop of B cultures of one graph, which is the same in all episodes or drawn at every reset.

    If the graph is resampled, every reset makes a new closed loop, equal to that of a new environment with the drawn
    ``graph_seed``. Spaces must not change, so the predefined culture always defines them; it is also used until the
    first reset. The bounds of rates come from its number of cells per electrode, and are more than ten times the rates
    that occur.

    Args:
        spec: The loop, without a graph.
        graph: Seed of the graph, None for the predefined system, or ``"resample"``.
        num_cultures: B; must be 1 if the graph is resampled.
        env: Existing cultures, which the loop closes; if given, ``graph`` and ``num_cultures`` are not used.

    Raises:
        UnknownName: ``graph`` is another word, or there is no system, encoding, decoding, ... of that name.
        InvalidInput: A value is out of range.
    """

    def __init__(self, spec: LoopSpec, graph: Graph = None, num_cultures: int = 1, *, env: Env | None = None) -> None:
        if isinstance(graph, str) and graph != RESAMPLE:
            raise UnknownName(
                f"graph_seed must be an integer, {RESAMPLE!r} or None, got {shown(graph)}; 'per_env' is for "
                "gym.make_vec."
            )
        self.resampled = isinstance(graph, str)
        if self.resampled and num_cultures != 1:
            raise InvalidInput(f"A loop with resampled graphs has one culture, got {num_cultures}.")
        if self.resampled and spec.plant is not None:
            raise InvalidInput(
                "With plant=, leave out graph_seed: it draws a simulated culture, and a plant has its own."
            )
        self.num_cultures = num_cultures if env is None else env.num_cultures
        self.graph_seed: int | None = None if isinstance(graph, str) else graph
        """Seed of the present graph; None is the predefined system."""
        self._spec = spec
        self._loop = self._make_loop() if env is None else spec.around(env)
        self.step_ms = self._loop.step_ms
        self.action_space: spaces.Box = self._loop.action_space
        self.observation_space: spaces.Box = self._loop.observation_space
        self.num_features = self._loop.num_features
        self.layout = self._loop.layout
        self.action_channels = self._loop.action_channels

    @property
    def env(self) -> Any:
        """The cultures of the present episodes, an ``Env`` or another ``Plant``."""
        return self._loop.env

    @property
    def decoding(self) -> Decoding:
        """The decoding of each step's recording."""
        return self._loop.decoding

    @property
    def view(self) -> CultureView:
        """View that recordings refer to: the cultures themselves, or the channels of a device as cells."""
        return self._loop.view

    @property
    def device(self) -> DeviceProfile | None:
        """The usable channels of the device under whose limits the cultures are; None for none."""
        return None if self._loop.device is None else self._loop.device.profile

    @property
    def tasks(self) -> list[Task]:
        """The task of each culture, ``[B]``."""
        return self._loop.tasks

    @property
    def history(self) -> list[History]:
        """Measurements of the last second of each culture, ``[B]``."""
        return self._loop.history

    @property
    def strongest(self) -> Stimulus | None:
        """Stimulus of the highest command in a step."""
        return self._loop.strongest

    @property
    def highest_charge_nC(self) -> NDArray[np.float64]:
        """Charge of each channel in a step under the highest command, both phases counted, nC ``[C]``."""
        return self._loop.highest_charge_nC

    def reset(
        self,
        np_random: Sequence[np.random.Generator],
        seeds: Sequence[int | None],
        cultures: Sequence[int] | None = None,
    ) -> StepResult:
        """Begin an episode, on a graph drawn from ``np_random`` if it is resampled; see ``ClosedLoop.reset``."""
        if self.resampled:
            self._rebuild(int(np_random[0].integers(2**31)))
        return self._loop.reset(np_random, seeds, cultures)

    def step(self, actions: NDArray, cultures: Sequence[int] | None = None) -> StepResult:
        """Run one control step; see ``ClosedLoop.step``."""
        return self._loop.step(actions, cultures)

    def checked(self, actions: NDArray, count: int) -> NDArray:
        """Check the actions of ``count`` cultures; see ``ClosedLoop.checked``."""
        return self._loop.checked(actions, count)

    def state(self) -> dict[str, Any]:
        """Return everything that the next step depends on; see ``ClosedLoop.state``."""
        return self._loop.state() | {"graph_seed": [self.graph_seed] * self.num_cultures}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from the state of an equal loop; a resampled loop first makes the cultures of that graph."""
        graph_seed = state["graph_seed"][0]
        if self.resampled and graph_seed != self.graph_seed:
            self._rebuild(graph_seed)
        self._loop.set_state(state)

    def stop(self) -> None:
        """Ask a run of simulated cultures in another thread to end; see ``Env.stop``."""
        if isinstance(self._loop.env, Env):
            self._loop.env.stop()

    def close(self) -> None:
        """Free the resources of the cultures and the tasks; may be called twice."""
        self._loop.close()

    def _make_loop(self) -> ClosedLoop:
        # Each resampled loop starts from unused objects, as the first one does.
        spec = copy.deepcopy(self._spec) if self.resampled else self._spec
        return spec.make(self.num_cultures, self.graph_seed)

    def _rebuild(self, graph_seed: int | None) -> None:
        self._loop.close()
        self.graph_seed = graph_seed
        self._loop = self._make_loop()
