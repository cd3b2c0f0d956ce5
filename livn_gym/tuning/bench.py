"""Measurement of cultures on several graphs, under a protocol and with given parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from livn_gym.checks import checked_types
from livn_gym.env import Env
from livn_gym.errors import InvalidInput
from livn_gym.system import System, make, predefined_names
from livn_gym.tuning.measurement import measure
from livn_gym.tuning.protocol import Progress, Protocol
from livn_gym.tuning.stages import Observation, observe

Values = dict[str, float]
"""Measures of one culture, by name."""


@checked_types
@dataclass(frozen=True)
class CultureSet:
    """A set of cultures: the same seeds on every graph.

    Attributes:
        name: Name in tables.
        graphs: Seeds of the generated graphs; None for the graph of the system itself.
        seeds: Seeds of the noise.
        stimulated: Number of cultures per graph that are also stimulated, starting with the first. Default: all.
    """

    name: str
    graphs: tuple[int | None, ...]
    seeds: tuple[int, ...]
    stimulated: int | None = None

    def __post_init__(self) -> None:
        """Check the graphs, the seeds and the number of stimulated cultures."""
        if not self.graphs or not self.seeds:
            raise InvalidInput(f"{self.name}: graphs and seeds must not be empty.")
        if self.stimulated is not None and not 0 <= self.stimulated <= len(self.seeds):
            raise InvalidInput(f"stimulated must be from 0 to {len(self.seeds)} cultures, got {self.stimulated}.")

    def __len__(self) -> int:
        """Number of cultures."""
        return len(self.graphs) * len(self.seeds)

    @property
    def full(self) -> int:
        """Number of cultures per graph that are also stimulated."""
        return len(self.seeds) if self.stimulated is None else self.stimulated

    def parts(self, max_cultures: int) -> Iterator[CultureSet]:
        """Split the set by graph: first the stimulated cultures, then the others, ``max_cultures`` at a time.

        The stimulated cultures of a graph stay together, since they share the measures of its single pulses.
        """
        for graph_seed in self.graphs:
            if self.full:
                yield CultureSet(self.name, (graph_seed,), self.seeds[: self.full])
            for k in range(self.full, len(self.seeds), max_cultures):
                yield CultureSet(self.name, (graph_seed,), self.seeds[k : k + max_cultures], 0)

    def duration_ms(self, protocol: Protocol, num_channels: int) -> float:
        """Return the simulated time of all cultures together, ms."""
        resting = len(self.seeds) - self.full
        per_graph = self.full * protocol.duration_ms(num_channels) + resting * (protocol.settle_ms + protocol.rest_ms)
        return len(self.graphs) * per_graph


@checked_types
def graph(system: System | str, seed: int | None) -> System:
    """Return a system, or another graph generated from the same config.

    Raises:
        UnknownName: There is no such system.
        InvalidInput: A seed is given for a system that is not predefined.
    """
    if isinstance(system, str):
        return make(system, seed)
    if seed is None:
        return system
    if system.name not in predefined_names():
        raise InvalidInput(f"{system.name} is not a predefined system, so that no other graphs of it can be generated.")
    return make(system.name, seed)


@checked_types
class Bench:
    """Cultures that are built once and measured with several sets of parameters.

    Args:
        system: System, or the name of a predefined one.
        cultures: Set of cultures.
        protocol: Protocol of the measurement.
        **options: Further arguments of ``Env``, for example ``profile`` or ``backend``.
    """

    def __init__(self, system: System | str, cultures: CultureSet, protocol: Protocol, **options: Any) -> None:
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
        """Env with the cultures of the first graph."""
        return self._envs[0][3]

    @property
    def simulation(self) -> dict[str, str | float]:
        """Backend, time step (ms), scheme and precision of the simulation."""
        env = self.env
        return {"backend": env.backend_name, "dt_ms": env.dt, "scheme": env.scheme, "precision": env.precision}

    def measure(
        self,
        params: Mapping[str, float],
        progress: Progress | None = None,
        on_observation: Callable[[Observation], object] | None = None,
        proceed: Callable[[Observation], bool] | None = None,
    ) -> list[Values]:
        """Measure all cultures. Results also have the keys ``graph`` (NaN for that of the system) and ``seed``.

        Args:
            params: Complete parameters.
            progress: Called with the simulated time since the last call, ms.
            on_observation: Called with the observation of every stimulated graph.
            proceed: Called with the observation of a graph after its rest and after its sustained stimulation; if it
                returns False, neither further stages nor further graphs are run.
        """
        result: list[Values] = []
        ended: list[Observation] = []

        def goes_on(observation: Observation) -> bool:
            if proceed is None or proceed(observation):
                return True
            ended.append(observation)
            return False

        for seed, stimulate, seeds, env in self._envs:
            env.set_params(params)
            env.clear(list(seeds))
            observation = observe(env, self.protocol, stimulate=stimulate, progress=progress, proceed=goes_on)
            if stimulate and self.protocol.cut_ms and not ended:
                env.set_params({key: 0.0 if key.startswith("weight-") else value for key, value in params.items()})
                env.clear(list(seeds))
                observation = replace(observation, cut=observe(env, self.protocol.cut(), progress=progress))
            if on_observation is not None and stimulate:
                on_observation(observation)
            graph_seed = float("nan") if seed is None else float(seed)
            for values, noise_seed in zip(measure(observation), seeds, strict=True):
                result.append(values | {"graph": graph_seed, "seed": float(noise_seed)})
            if ended:
                break
        return result

    def close(self) -> None:
        """Close all cultures."""
        for *_, env in self._envs:
            env.close()

    def __enter__(self) -> Self:
        """Return this object, which is closed at the end of the block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close all cultures."""
        self.close()
