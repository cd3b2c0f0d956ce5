"""Cultures of one kind on several graphs, measured under a protocol with given parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from livn_gym.checks import checked_types
from livn_gym.env import Env
from livn_gym.errors import InvalidInput
from livn_gym.system import System, make, predefined_names
from livn_gym.tuning.measurement import measure
from livn_gym.tuning.protocol import Observation, Progress, Protocol, observe

Values = dict[str, float]
"""Measures of one culture, by name."""


@checked_types
@dataclass(frozen=True)
class Cultures:
    """A set of cultures: the same seeds on every graph.

    Attributes:
        name: Name in tables.
        graphs: Seeds of generated graphs; None is the system's own.
        seeds: Seeds of the noise.
        stimulated: Number of each graph's cultures that are stimulated too, the first of them; default all.
    """

    name: str
    graphs: tuple[int | None, ...]
    seeds: tuple[int, ...]
    stimulated: int | None = None

    def __post_init__(self) -> None:
        """Check that there are any."""
        if not self.graphs or not self.seeds:
            raise InvalidInput(f"{self.name}: there must be one or more graphs and seeds.")
        if self.stimulated is not None and not 0 <= self.stimulated <= len(self.seeds):
            raise InvalidInput(f"stimulated must be 0 ... {len(self.seeds)} cultures, got {self.stimulated}.")

    def __len__(self) -> int:
        """Number of cultures."""
        return len(self.graphs) * len(self.seeds)

    @property
    def full(self) -> int:
        """Number of each graph's cultures that are stimulated too."""
        return len(self.seeds) if self.stimulated is None else self.stimulated

    def parts(self, most: int) -> Iterator[Cultures]:
        """These cultures, one graph after another: those that are stimulated too, then the others, ``most`` at a time.

        What is stimulated stays together, since the cultures of a graph share the measures of its maps.
        """
        for place in self.graphs:
            if self.full:
                yield Cultures(self.name, (place,), self.seeds[: self.full])
            for k in range(self.full, len(self.seeds), most):
                yield Cultures(self.name, (place,), self.seeds[k : k + most], 0)

    def duration_ms(self, protocol: Protocol, num_channels: int) -> float:
        """Simulated time of all of them."""
        resting = len(self.seeds) - self.full
        each = self.full * protocol.duration_ms(num_channels) + resting * (protocol.settle_ms + protocol.rest_ms)
        return len(self.graphs) * each


@checked_types
def graph(system: System | str, seed: int | None) -> System:
    """A system by name, or another culture generated from the same numbers.

    Raises:
        UnknownName: There is no such system.
        InvalidInput: Another graph of a system that was not generated here.
    """
    if isinstance(system, str):
        return make(system, seed)
    if seed is None:
        return system
    if system.name not in predefined_names():
        raise InvalidInput(f"{system.name} is no predefined system, so there are no other graphs of it.")
    return make(system.name, seed)


@checked_types
class Bench:
    """Built cultures that take one set of parameters after another; the engine is set up once.

    Args:
        system: A system, or the name of a predefined one.
        cultures: The cultures.
        protocol: The protocol that they go through.
        **options: Further arguments of ``Env``, e.g. ``profile`` or ``backend``.
    """

    def __init__(self, system: System | str, cultures: Cultures, protocol: Protocol, **options: Any) -> None:
        self.cultures, self.protocol = cultures, protocol
        self._envs: list[tuple[int | None, bool, tuple[int, ...], Env]] = []
        full = cultures.full
        try:
            for seed in cultures.graphs:
                built = graph(system, seed)
                for seeds, stimulate in ((cultures.seeds[:full], True), (cultures.seeds[full:], False)):
                    if seeds:
                        env = Env(built, seed=list(seeds), num_cultures=len(seeds), **options).init()
                        self._envs.append((seed, stimulate, seeds, env))
        except BaseException:
            self.close()
            raise

    @property
    def env(self) -> Env:
        """The first graph's cultures."""
        return self._envs[0][3]

    @property
    def setting(self) -> dict[str, str | float]:
        """Settings of the simulation: backend, dt (ms), scheme, precision."""
        env = self.env
        return {"backend": env.backend_name, "dt_ms": env.dt, "scheme": env.scheme, "precision": env.precision}

    def measure(
        self,
        params: Mapping[str, float],
        progress: Progress | None = None,
        keep: Callable[[Observation], object] | None = None,
        stop: Callable[[list[Values]], bool] | None = None,
    ) -> list[Values]:
        """Measures of every culture, with the keys ``graph`` (NaN for the system's own) and ``seed`` added.

        Args:
            params: Complete parameters.
            progress: Called with the simulated time since the last call, ms.
            keep: Called with the observation of every stimulated graph, before it is freed.
            stop: Called after every graph with the measures so far; if it returns True, no other graph is run.
        """
        result: list[Values] = []
        for seed, stimulate, seeds, env in self._envs:
            env.set_params(params)
            env.clear(list(seeds))
            observation = observe(env, self.protocol, stimulate=stimulate, progress=progress)
            if keep is not None and stimulate:
                keep(observation)
            place = float("nan") if seed is None else float(seed)
            for values, noise_seed in zip(measure(observation), seeds, strict=True):
                result.append(values | {"graph": place, "seed": float(noise_seed)})
            if stop is not None and stop(result):
                break
        return result

    def close(self) -> None:
        """Free the engines."""
        for *_, env in self._envs:
            env.close()

    def __enter__(self) -> Self:
        """Use as a context manager that closes at its end."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()
