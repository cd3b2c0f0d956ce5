"""A batch of environments that this process simulates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from numpy.typing import NDArray

from livn_gym import processors
from livn_gym.envs.episode_loop import RESAMPLE, EpisodeLoop, Graph
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.envs.results import StepResult
from livn_gym.errors import InvalidInput
from livn_gym.interrupts import Pool, uninterrupted


class LocalBatch:
    """An ``EnvironmentBatch`` in this process, with one loop for all environments of a graph.

    Args:
        spec: The closed loop of each environment.
        graphs: Graph of each environment, by the index of the environment.

    Raises:
        InvalidInput: A value is out of range.
        UnknownName: A name does not exist.
    """

    def __init__(self, spec: LoopSpec, graphs: Mapping[int, Graph]) -> None:
        self._spec = spec
        self.loops: list[EpisodeLoop] = []
        self._loop_environments: list[NDArray[np.int64]] = []  # indices of each loop's environments, ascending
        self._generators: dict[int, np.random.Generator] = {}
        self._seeds: dict[int, int] = {}
        self._pool = Pool(1)
        self.add(graphs)
        self.step_ms = self.loops[0].step_ms
        self.action_space: spaces.Box = self.loops[0].action_space
        self.observation_space: spaces.Box = self.loops[0].observation_space

    def add(self, graphs: Mapping[int, Graph]) -> None:
        """Make further environments, which must be reset before they step."""
        indices_by_graph: dict[Any, list[int]] = {}
        for i, graph in sorted(graphs.items()):
            indices_by_graph.setdefault((graph, i) if graph == RESAMPLE else graph, []).append(i)
        try:
            for indices in indices_by_graph.values():
                self.loops.append(EpisodeLoop(self._spec, graphs[indices[0]], len(indices)))
                self._loop_environments.append(np.array(indices))
        except BaseException:
            self.close()
            raise
        # Loops of many graphs run in one thread each; the engine of a single graph uses several threads itself.
        self._pool.close()
        self._pool = Pool(min(len(self.loops), len(processors.usable())))

    @property
    def environment_indices(self) -> list[int]:
        """Indices of all environments, ascending."""
        return np.sort(np.concatenate(self._loop_environments)).tolist()

    def reset(self, environment_indices: NDArray[np.int64], seeds: Sequence[int | None]) -> StepResult:
        """Begin an episode in some environments; a seed of None continues with the next trial."""
        seed_of = dict(zip(environment_indices.tolist(), seeds, strict=True))
        for i, seed in seed_of.items():
            self._seed_generator(i, seed)

        def reset_loop(loop: EpisodeLoop, environments: list[int], cultures: list[int]) -> StepResult:
            generators = [self._generators[i] for i in environments]
            return loop.reset(generators, [seed_of[i] for i in environments], cultures)

        return self._per_loop(environment_indices, reset_loop)

    def step(self, environment_indices: NDArray[np.int64], actions: NDArray) -> StepResult:
        """Run one control step of some environments.

        Args:
            environment_indices: ``[n]``, ascending.
            actions: ``[n, *action shape]``.
        """
        row_of = dict(zip(environment_indices.tolist(), range(len(environment_indices)), strict=True))
        if len(self.loops) > 1:  # refuse wrong actions before any loop steps
            actions = self.loops[0].checked(actions, len(environment_indices))

        def step_loop(loop: EpisodeLoop, environments: list[int], cultures: list[int]) -> StepResult:
            return loop.step(actions[[row_of[i] for i in environments]], cultures)

        return self._per_loop(environment_indices, step_loop)

    def state(self) -> list[Any]:
        """Return the state of every environment, picklable; it shares memory with the loops.

        Raises:
            UnsupportedModel: The backend has no snapshots.
        """
        states: dict[int, Any] = {}
        for loop, environments in zip(self.loops, self._loop_environments, strict=True):
            loop_state = loop.state()
            snapshot = loop_state.pop("culture")
            for b, i in enumerate(environments.tolist()):
                state = {name: values[b] for name, values in loop_state.items()}
                state["culture"] = None if snapshot is None else snapshot.part([b])
                states[i] = {"loop": state, "generator": self._generators.get(i), "seed": self._seeds.get(i)}
        return [states[i] for i in sorted(states)]

    def set_state(self, states: Sequence[Any]) -> None:
        """Continue from the states of an equal batch."""
        state_of = dict(zip(self.environment_indices, states, strict=True))
        self._generators = {i: s["generator"] for i, s in state_of.items() if s["generator"] is not None}
        self._seeds = {i: state_of[i]["seed"] for i in self._generators}
        for loop, environments in zip(self.loops, self._loop_environments, strict=True):
            culture_states = [state_of[i]["loop"] for i in environments.tolist()]
            loop_state = {name: [state[name] for state in culture_states] for name in culture_states[0]}
            snapshots = loop_state["culture"]
            joined = None if None in snapshots else type(snapshots[0]).joined(snapshots)
            loop.set_state(loop_state | {"culture": joined})

    def generators(self) -> tuple[np.random.Generator, ...]:
        """Return the generator of every environment's task; before a first reset its seed is random."""
        return tuple(self._seed_generator(i, None) for i in self.environment_indices)

    def seeds(self) -> tuple[int, ...]:
        """Return the seed of every environment's generator."""
        self.generators()
        return tuple(self._seeds[i] for i in self.environment_indices)

    def locate(self, environment_index: int) -> tuple[EpisodeLoop, int]:
        """Return the loop of an environment and the index of its culture in the loop.

        Raises:
            InvalidInput: The batch has no such environment.
        """
        for loop, environments in zip(self.loops, self._loop_environments, strict=True):
            if environment_index in environments:
                return loop, int(np.searchsorted(environments, environment_index))
        raise InvalidInput(f"There is no environment {environment_index} here.")

    def close(self) -> None:
        """Free the cultures; may be called twice."""
        for loop in self.loops:
            loop.close()
        self._pool.close()

    def _seed_generator(self, index: int, seed: int | None) -> np.random.Generator:
        """Return the generator of an environment, a new one if a seed is given or there is none yet."""
        if seed is not None or index not in self._generators:
            self._generators[index], self._seeds[index] = seeding.np_random(seed)
        return self._generators[index]

    def _per_loop(
        self, environment_indices: NDArray[np.int64], call: Callable[[EpisodeLoop, list[int], list[int]], StepResult]
    ) -> StepResult:
        """Call ``call(loop, environments, cultures)`` for every loop with selected environments; join the results."""
        selected = np.zeros(1 + max(int(indices[-1]) for indices in self._loop_environments), dtype=np.bool_)
        selected[environment_indices] = True
        pairs = zip(self.loops, self._loop_environments, strict=True)
        jobs = [(loop, indices[selected[indices]], np.flatnonzero(selected[indices])) for loop, indices in pairs]
        jobs = [job for job in jobs if len(job[1])]

        def run(job: tuple[EpisodeLoop, NDArray[np.int64], NDArray[np.int64]]) -> StepResult:
            loop, environments, cultures = job
            return call(loop, environments.tolist(), cultures.tolist()).numbered(environments)

        def stop() -> None:
            for loop in self.loops:
                loop.stop()

        if min(len(jobs), self._pool.size) < 2:
            return StepResult.joined([run(job) for job in jobs])
        return StepResult.joined(uninterrupted(lambda: self._pool.map(run, jobs), stop))  # Ctrl-C waits for all loops
