"""The parameters that a fit varies, and simulated cultures with given parameter sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from livn_gym.channel_view import ChannelView, device_array
from livn_gym.checks import checked_types
from livn_gym.device_profile import DeviceProfile
from livn_gym.env import Env
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.fitting.statistics import FITTED
from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.parameters import ParameterSet, by_key, tuned
from livn_gym.registry import check_options
from livn_gym.system import make, predefined_names
from livn_gym.tuning import Targets, load, measure_channels
from livn_gym.tuning.probe_sweep import ProbeSweep, record_sweep
from livn_gym.tuning.result import rounded
from livn_gym.tuning.study import PRODUCT, with_products

Visit = Callable[[int, ChannelSpikes], object]


@checked_types
@dataclass(frozen=True, eq=False)
class Space:
    """The parameters that a fit varies: those of the system's targets, within their bounds.

    Attributes:
        system: Name of a predefined system.
        graph: Seed of the graph on which cultures are fitted; None for that of the predefined system.
        base: Parameters by key, from which the search starts; others have the defaults of the model.
        keys: Keys that are varied.
        low: Lower bounds, ``[D]``.
        high: Upper bounds, ``[D]``.
        centre: Values of the start, within the bounds, ``[D]``.
    """

    system: str
    graph: int | None
    base: Mapping[str, float]
    keys: tuple[str, ...]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    centre: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        system: str,
        targets: Targets | None = None,
        base: Mapping[str, float] | None = None,
        graph: int | None = None,
    ) -> Self:
        """Return the space of a system.

        Args:
            system: Name of a predefined system.
            targets: Targets whose ``[search]`` has the bounds. Default: those shipped for the system.
            base: Complete parameters to start from. Default: those shipped for the system.
            graph: Seed of the graph. Default: that of the predefined system.

        Raises:
            UnknownName: There is no predefined system of that name.
            InvalidInput: The targets have no bounds, or the system has no electrodes.
        """
        if system not in predefined_names():
            raise unknown_name("predefined system", system, predefined_names())
        culture = make(system)
        if culture.num_channels < 1:
            raise InvalidInput(f"{system} has no electrodes, so it cannot be compared to a recording.")
        targets = load("", system) if targets is None else targets
        if not targets.search:
            raise InvalidInput(
                f"The targets {targets.name!r} have no table [search], which lists the parameters that a fit varies."
            )
        start = dict(tuned(culture) if base is None else base)
        values = by_key(ParameterSet(culture).updated(start).frozen())  # also those that the base leaves at defaults
        bounds = np.array(list(targets.search.values()))
        centre = np.clip([_value(values, key) for key in targets.search], *bounds.T)
        low, high = bounds.T
        return cls(system, graph, start, tuple(targets.search), low, high, centre)

    @property
    def num_varied(self) -> int:
        """Number of parameters that are varied, D."""
        return len(self.keys)

    def scaled(self, values: NDArray) -> NDArray[np.float64]:
        """Return values as deviations from the start, in units of the width of the bounds, ``[..., D]``."""
        return (values - self.centre) / (self.high - self.low)

    def values(self, x: NDArray) -> NDArray[np.float64]:
        """Return the values of scaled deviations, within the bounds, ``[..., D]``."""
        return np.clip(self.centre + x * (self.high - self.low), self.low, self.high)

    def params(self, x: NDArray) -> dict[str, float]:
        """Return the complete parameters of one set of scaled deviations, ``[D]``, as rounded as in files."""
        values = dict(zip(self.keys, map(float, self.values(x)), strict=True))
        return {key: rounded(value) for key, value in with_products(dict(self.base) | values).items()}


def _value(values: Mapping[str, float], key: str) -> float:
    if key.endswith(PRODUCT):
        stem = key.removesuffix(PRODUCT)
        return values[f"{stem}U"] * values[f"{stem}tau_rec"]
    return values[key]


@checked_types
@dataclass(frozen=True)
class Job:
    """One culture to be simulated.

    Attributes:
        params: Complete parameters.
        graph: Seed of the graph; None for that of the predefined system.
        seed: Seed of the noise.
    """

    params: Mapping[str, float]
    graph: int | None
    seed: int


@checked_types
def simulate(
    system: str,
    jobs: Sequence[Job],
    sweep: ProbeSweep,
    *,
    device: DeviceProfile | None = None,
    progress: Callable[[float], object] | None = None,
    visit: Visit | None = None,
    **options: Any,
) -> list[dict[str, float]]:
    """Simulate cultures, record their channels and return their fitted measures.

    The cultures of a graph run in one call of the engine.

    Args:
        system: Name of a predefined system.
        jobs: The cultures.
        sweep: The recording of each.
        device: Device that detects the spikes. Default: a channel records all spikes of the cells around it.
        progress: Called with the simulated time since the last call, ms.
        visit: Called with the index of a job and its recording.
        **options: Further arguments of ``Env``; by default the profile ``"fast"``.
    """
    results: list[dict[str, float]] = [{} for _ in jobs]
    for graph in dict.fromkeys(job.graph for job in jobs):
        selected = [k for k, job in enumerate(jobs) if job.graph == graph]
        seeds = [jobs[k].seed for k in selected]
        with environment(system, options, graph, seeds, device) as env:
            env.init()
            electrodes = env.electrodes if device is None else ChannelView.of_device(device).electrodes
            for b, k in enumerate(selected):
                env.set_params(jobs[k].params, cultures=[b])
            show = None if progress is None else partial(_advance, progress, len(selected))
            recording, stimulus = record_sweep(env, sweep, device=device, progress=show)
            for b, k in enumerate(selected):
                spikes = ChannelSpikes.of_recording(recording.culture(b), electrodes, stimulus)
                results[k] = measure_channels(spikes, list(FITTED))
                if visit is not None:
                    visit(k, spikes)
    return results


def environment(
    system: str,
    options: Mapping[str, Any],
    graph: int | None = None,
    seeds: Sequence[int] = (0,),
    device: DeviceProfile | None = None,
) -> Env:
    """Return the ``Env`` of cultures of a graph, not initialised.

    Args:
        system: Name of a predefined system.
        options: Arguments of ``Env``; by default the profile ``"fast"``.
        graph: Seed of the graph; None for that of the predefined system.
        seeds: Seed of the noise of each culture.
        device: Device whose electrodes it has. Default: the electrodes of the system.

    Raises:
        InvalidInput: An option is unknown or out of range, or the array of the system is not that of the device.
    """
    arguments = {"profile": "fast"} | dict(options)
    check_options("Env", Env, arguments, (system,))
    culture = make(system, graph)
    if device is not None:
        if "io" in arguments:
            raise InvalidInput("The electrodes are those of the device: give either device or io.")
        arguments["io"] = device_array(device, culture)
    return Env(culture, seed=seeds, num_cultures=len(seeds), **arguments)


@checked_types
def num_channels(system: str, device: DeviceProfile | None = None) -> int:
    """Return the number of channels of a predefined system, or of a device in its place."""
    return make(system).num_channels if device is None else len(device.electrodes.usable_channels)


@checked_types
def option_texts(device: DeviceProfile | None, options: Mapping[str, Any]) -> dict[str, str]:
    """Return what makes simulated cultures besides their parameters as texts, by which a study is recognised."""
    of_device = {} if device is None else {"device": device.hash}
    return of_device | {name: repr(value) for name, value in options.items()}


def _advance(progress: Callable[[float], object], cultures: int, ms: float) -> None:
    progress(cultures * ms)
