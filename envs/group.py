"""Closed loops of many environments: which loop an environment is in, and who makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from numpy.typing import NDArray

from livn_gym import processors
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.envs.resampling import RESAMPLE, AnyLoop, ResampledLoop
from livn_gym.envs.results import StepResult
from livn_gym.errors import InvalidInput
from livn_gym.interrupts import Pool, uninterrupted

Indices = NDArray[np.int64]

Graph = int | str | None
"""A seed of a graph, ``"resample"`` for a new graph in every episode, or None for the predefined system."""


class Group(Protocol):
    """What a vector environment asks of its environments, wherever they are simulated."""

    step_ms: float
    action_space: spaces.Box
    observation_space: spaces.Box

    def reset(self, places: Indices, seeds: Sequence[int | None]) -> StepResult:
        """Begin an episode in some environments; a seed of None goes on with the next trial."""

    def step(self, places: Indices, actions: NDArray) -> StepResult:
        """One control step of some environments."""

    def state(self) -> list[Any]:
        """Every environment's, picklable; it shares memory with the loops."""

    def set_state(self, states: Sequence[Any]) -> None:
        """Go on from the states of an equal group."""

    def generators(self) -> tuple[np.random.Generator, ...]:
        """The generator of every environment's task, in ascending order."""

    def seeds(self) -> tuple[int, ...]:
        """Where every generator started; -1 where that is not known."""

    def close(self) -> None:
        """Free the cultures; may be called twice."""


class LoopGroup:
    """Environments in this process: one loop for those of one graph.

    Args:
        system: Name of a predefined system.
        task: Name of a task.
        graphs: The seed of every environment's graph by its index; None is the predefined system.
        options: As of ``LoopSpec.of``.

    Raises:
        InvalidInput: A value is out of range.
        UnknownName: A name does not exist.
    """

    def __init__(self, system: str, task: str, graphs: Mapping[int, Graph], options: Mapping[str, Any]) -> None:
        self._spec = LoopSpec.of(system, task, **options)
        self.loops: list[AnyLoop] = []
        self._places: list[Indices] = []
        self._generators: dict[int, np.random.Generator] = {}
        self._seeds: dict[int, int] = {}
        self._pool = Pool(1)
        self.adopt(graphs)
        self.step_ms = self.loops[0].step_ms
        self.action_space: spaces.Box = self.loops[0].action_space
        self.observation_space: spaces.Box = self.loops[0].observation_space

    def adopt(self, graphs: Mapping[int, Graph]) -> None:
        """Take further environments, which start with a reset."""
        places: dict[Any, list[int]] = {}
        for i, graph in sorted(graphs.items()):
            places.setdefault((graph, i) if graph == RESAMPLE else graph, []).append(i)
        try:
            for indices in places.values():
                graph = graphs[indices[0]]
                if isinstance(graph, str):
                    self.loops.append(ResampledLoop(self._spec))
                else:
                    self.loops.append(self._spec.make(len(indices), graph))
                self._places.append(np.array(indices))
        except BaseException:
            self.close()
            raise
        # Many graphs are many engines of few cultures, one thread each; one graph's engine has threads of its own.
        self._pool.close()
        self._pool = Pool(min(len(self.loops), len(processors.usable())))

    def reset(self, places: Indices, seeds: Sequence[int | None]) -> StepResult:
        """Begin an episode in some environments; a seed of None goes on with the next trial."""
        given = dict(zip(places.tolist(), seeds, strict=True))
        for i, seed in given.items():
            self._seed(i, seed)

        def one(loop: AnyLoop, chosen: list[int], inside: list[int]) -> StepResult:
            return loop.reset([self._generators[i] for i in chosen], [given[i] for i in chosen], inside)

        return self._each(places, one)

    def step(self, places: Indices, actions: NDArray) -> StepResult:
        """One control step of some environments, ``actions`` ``[n, *action shape]``."""
        rows = dict(zip(places.tolist(), range(len(places)), strict=True))
        if len(self.loops) > 1:  # what is refused is refused before any loop steps
            actions = self.loops[0].checked(actions, len(places))

        def one(loop: AnyLoop, chosen: list[int], inside: list[int]) -> StepResult:
            return loop.step(actions[[rows[i] for i in chosen]], inside)

        return self._each(places, one)

    def state(self) -> list[Any]:
        """Every environment's in ascending order, picklable; it shares memory with the loops.

        Raises:
            UnsupportedModel: The backend has no snapshots.
        """
        found: dict[int, Any] = {}
        for loop, places in zip(self.loops, self._places, strict=True):
            whole = loop.state()
            culture = whole["culture"]
            for b, i in enumerate(places.tolist()):
                own = {name: values[b] for name, values in whole.items() if name != "culture"}
                own["culture"] = None if culture is None else culture.part([b])
                found[i] = {"loop": own, "generator": self._generators.get(i), "seed": self._seeds.get(i)}
        return [found[i] for i in sorted(found)]

    def set_state(self, states: Sequence[Any]) -> None:
        """Go on from the states of an equal group."""
        by_place = dict(zip(np.sort(np.concatenate(self._places)).tolist(), states, strict=True))
        self._generators = {i: s["generator"] for i, s in by_place.items() if s["generator"] is not None}
        self._seeds = {i: by_place[i]["seed"] for i in self._generators}
        for loop, places in zip(self.loops, self._places, strict=True):
            parts = [by_place[i]["loop"] for i in places.tolist()]
            whole = {name: [part[name] for part in parts] for name in parts[0]}
            snapshots = whole["culture"]
            loop.set_state(whole | {"culture": None if None in snapshots else type(snapshots[0]).joined(snapshots)})

    def generators(self) -> tuple[np.random.Generator, ...]:
        """The generator of every environment's task, in ascending order; it starts anywhere before a first reset."""
        return tuple(self._seed(i, None) for i in self._indices())

    def seeds(self) -> tuple[int, ...]:
        """Where every generator started."""
        self.generators()
        return tuple(self._seeds[i] for i in self._indices())

    def place(self, index: int) -> tuple[AnyLoop, int]:
        """The loop that an environment is in, and its index there."""
        for loop, places in zip(self.loops, self._places, strict=True):
            if index in places:
                return loop, int(np.searchsorted(places, index))
        raise InvalidInput(f"There is no environment {index} here.")

    def _indices(self) -> list[int]:
        return np.sort(np.concatenate(self._places)).tolist()

    def _seed(self, index: int, seed: int | None) -> np.random.Generator:
        """The generator of an environment, started anew if a seed is given or there is none yet."""
        if seed is not None or index not in self._generators:
            self._generators[index], self._seeds[index] = seeding.np_random(seed)
        return self._generators[index]

    def close(self) -> None:
        """Free the cultures; may be called twice."""
        for loop in self.loops:
            loop.close()
        self._pool.close()

    def _each(self, places: Indices, call: Callable[[AnyLoop, list[int], list[int]], StepResult]) -> StepResult:
        """Call something loop by loop, for some environments; everything in the order of ``places``."""
        wanted = np.zeros(1 + max(int(own[-1]) for own in self._places), dtype=np.bool_)
        wanted[places] = True
        pairs = zip(self.loops, self._places, strict=True)
        jobs = [(loop, own[wanted[own]], np.flatnonzero(wanted[own])) for loop, own in pairs]
        jobs = [job for job in jobs if len(job[1])]

        def one(job: tuple[AnyLoop, Indices, Indices]) -> StepResult:
            return call(job[0], job[1].tolist(), job[2].tolist()).numbered(job[1])

        if min(len(jobs), self._pool.size) < 2:
            parts = [one(job) for job in jobs]
        else:  # Ctrl-C ends when all loops have

            def stop() -> None:
                for loop in self.loops:
                    loop.env.stop()

            parts = uninterrupted(lambda: self._pool.map(one, jobs), stop)
        return StepResult.joined(parts)


Maker = Callable[[str, str, Mapping[int, Graph], Mapping[str, Any], bool], Group]
"""Makes a group from system, task, graphs, options and whether the loss of some environments is borne."""


def _in_this_process(
    system: str, task: str, graphs: Mapping[int, Graph], options: Mapping[str, Any], bear_loss: bool
) -> Group:
    return LoopGroup(system, task, graphs, options)


_maker: Maker = _in_this_process


def make_group(
    system: str, task: str, graphs: Mapping[int, Graph], options: Mapping[str, Any], bear_loss: bool
) -> Group:
    """The environments of a new vector environment: in this process, or where ``made_by`` says."""
    return _maker(system, task, graphs, options, bear_loss)


@contextmanager
def made_by(maker: Maker) -> Iterator[None]:
    """Have the groups of new vector environments made by something else for a while."""
    global _maker
    before, _maker = _maker, maker
    try:
        yield
    finally:
        _maker = before
