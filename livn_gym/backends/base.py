"""What a simulator must offer: six members; and what it may offer beyond, in classes of their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.ranks import Ranks
from livn_gym.cell_values import CellValues
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.models import Depression, Model, Noise
from livn_gym.numerics import NoiseStream
from livn_gym.plasticity import Plasticity
from livn_gym.recording import Recording
from livn_gym.recording_request import RecordingRequest
from livn_gym.stimulus import Stimulus
from livn_gym.system import Projection, System
from livn_gym.units import finite

MAX_VOLTAGE_MV = 1e4
"""Bound of the size of a membrane voltage, at which a run ends with ``SimulationDiverged``.

No living cell comes near it: a membrane breaks down at 0.5 to 1 V (electroporation; Weaver & Chizmadzhev,
Bioelectrochem Bioenerg 41:135, 1996). Models without conductances that limit them reach several volts under currents
far above the rheobase and recover; the factor of ten is for them. Voltages are looked at from time to time only, so a
brief pulse may exceed the bound.
"""

Scheme = Literal["backward_euler", "second_order"]
Precision = Literal["float64", "float32"]


@dataclass(frozen=True)
class Profile:
    """A setting of the simulation: time step (ms), scheme, and precision where the simulator has a choice."""

    dt_ms: float
    scheme: Scheme
    precision: Precision


PROFILES = {
    "exact": Profile(0.025, "backward_euler", "float64"),
    "fast": Profile(0.05, "second_order", "float32"),
}
"""``exact`` is NEURON's default. ``fast`` makes a smaller mean error in interspike intervals, in half as many steps."""


MIN_DT_MS, MAX_DT_MS = 1e-4, 1.0
"""Shortest and longest time step: rounding shows below, and a spike's upstroke takes less than a step above."""


def setting(profile: str, dt_ms: float | None, scheme: str | None, precision: str | None) -> Profile:
    """A profile with some of its numbers replaced.

    Raises:
        UnknownName: There is no such profile, scheme or precision.
        InvalidInput: The time step is not positive.
    """
    for kind, given, allowed in (
        ("profile", profile, PROFILES),
        ("scheme", scheme, get_args(Scheme)),
        ("precision", precision, get_args(Precision)),
    ):
        if given is not None and given not in allowed:
            raise unknown_name(kind, given, allowed)
    values = {"dt_ms": dt_ms, "scheme": scheme, "precision": precision}
    given_values: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    result = replace(PROFILES[profile], **given_values)
    dt = finite("dt (ms)", result.dt_ms, above=0.0)
    if not MIN_DT_MS <= dt <= MAX_DT_MS:
        raise InvalidInput(f"dt (ms) must be from {MIN_DT_MS:g} to {MAX_DT_MS:g}, got {dt:g}.")
    return replace(result, dt_ms=dt)


@dataclass(frozen=True)
class Parameters:
    """Everything about a culture that can change between runs.

    Attributes:
        weights: Peak conductance of a synapse of scale 1, nS, by weight key.
        noise: Background conductances by population.
        depression: Short-term depression of each population's output.
        plasticity: Rules by which synapses change; None while none does. Synapses keep what they learnt until their
            weight changes here or their culture is reset.
        cells: Constants of single cells, by ``<population>-<constant>``; those of the model where there are none.
    """

    weights: Mapping[str, float]
    noise: Mapping[str, Noise]
    depression: Mapping[str, Depression]
    plasticity: Plasticity | None = None
    cells: Mapping[str, CellValues] = field(default_factory=dict)


@dataclass(frozen=True)
class CultureSpec:
    """What a backend builds.

    Attributes:
        system: The cultures' architecture, shared by all B.
        model: The cells' dynamics.
        dt_ms: Time step.
        scheme: ``"backward_euler"``, or ``"second_order"`` (staggered Crank-Nicolson).
        num_cultures: B.
        precision: Of the cells' states, one of those that the backend's capabilities name.
        ranks: Those that share every culture, each of which builds its own cells only; None where there is one.
    """

    system: System
    model: Model
    dt_ms: float
    scheme: Scheme
    num_cultures: int
    precision: Precision = "float64"
    ranks: Ranks | None = None

    @cached_property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """First gid, and one past the last, of the cells of every population that are built here."""
        populations = self.system.populations
        if self.ranks is not None:
            return self.ranks.ranges(populations)
        return {population.name: (population.start, population.stop) for population in populations}

    @cached_property
    def gids(self) -> NDArray[np.int64]:
        """The cells that are built here, ascending."""
        return np.concatenate([np.arange(*bounds, dtype=np.int64) for bounds in self.ranges.values()])

    @cached_property
    def projections(self) -> tuple[Projection, ...]:
        """The synapses onto these cells, one part of each of the system's projections."""
        return tuple(projection.onto(*self.ranges[projection.post]) for projection in self.system.projections)

    def delay_steps(self, projection: Projection) -> NDArray[np.int64]:
        """Delays in time steps, at least 1, ``[E]``.

        Raises:
            InvalidInput: One is of 2**31 steps or more.
        """
        steps = np.maximum(1, np.floor(projection.delay_ms / self.dt_ms + 0.5))
        if len(steps) and not steps.max() < 2**31:
            raise InvalidInput(f"Delays must be below 2**31 time steps, got {projection.delay_ms.max():g} ms.")
        return steps.astype(np.int64)

    @cached_property
    def least_delay_steps(self) -> int | None:
        """The least delay of all synapses of the system, here or not; None where there are none."""
        delays = [int(self.delay_steps(p).min()) for p in self.system.projections if len(p)]
        return min(delays, default=None)


@dataclass(frozen=True)
class Capabilities:
    """What a backend can do beyond the six members; one with snapshots is a ``Snapshots`` too."""

    name: str
    snapshots: bool
    mpi: bool
    precisions: tuple[Precision, ...] = ("float64",)


class Backend(ABC):
    """A simulator of B independent cultures; a trajectory depends on its noise and on the spec's numbers alone."""

    capabilities: Capabilities

    @abstractmethod
    def build(self, spec: CultureSpec, parameters: Parameters, streams: Sequence[NoiseStream]) -> None:
        """Make the cultures and put them at time 0.

        Args:
            spec: What to build.
            parameters: Initial parameters.
            streams: Stream of each culture's noise, ``[B]``, drawn as ``livn_gym.numerics.noise`` does.

        Raises:
            UnsupportedModel: The backend has no implementation of the model.
            BackendUnavailable: The simulator or its compiler is missing.
        """

    @abstractmethod
    def run(
        self,
        num_steps: int,
        stimulus: Stimulus | None,
        request: RecordingRequest,
        cultures: Sequence[int] | None = None,
    ) -> Recording:
        """Advance cultures.

        Args:
            num_steps: Length of the run in steps.
            stimulus: For the cultures that run, in their order, or for all alike; not longer than the run, and never
                in the electrode mode.
            request: What to record.
            cultures: Indices of the cultures that run, ascending; the others stay as they are. Default all.

        Returns:
            The recording of the cultures that ran, in their order, with ``t0_ms`` 0.

        Raises:
            SimulationDiverged: A membrane voltage left +-``MAX_VOLTAGE_MV``.
        """

    @abstractmethod
    def reset(self, streams: Mapping[int, NoiseStream]) -> None:
        """Put some cultures back to time 0, each with a new stream of noise; exactly as newly built."""

    @abstractmethod
    def set_parameters(self, parameters: Parameters) -> None:
        """Replace weights, noise and depression from now on; states are kept."""

    @abstractmethod
    def close(self) -> None:
        """Free every resource; may be called twice."""


class CultureParameters(ABC):
    """A backend whose cultures can have parameters of their own."""

    @abstractmethod
    def set_culture_parameters(self, parameters: Mapping[int, Parameters]) -> None:
        """Replace weights, noise and depression of some cultures from now on; the others keep theirs.

        The rules of plasticity must be those that all cultures have. States are kept.
        """


class CellParameters(ABC):  # noqa: B024 - says what a backend does with its parameters
    """A backend that follows ``Parameters.cells``: cells can have constants of their own."""


class Learning(ABC):
    """A backend whose synapses can change one by one."""

    @abstractmethod
    def weights(self, cultures: Sequence[int]) -> list[dict[str, NDArray[np.float64]]]:
        """Peak conductances of some cultures' synapses, nS, by weight key, in the projection's order ``[E]``."""

    @abstractmethod
    def set_weights(self, weights: Mapping[int, Mapping[str, NDArray[np.float64]]]) -> None:
        """Set peak conductances one by one, nS, for some cultures and keys."""


class Snapshots(ABC):
    """A backend whose cultures can be saved and put back."""

    @abstractmethod
    def save(self, cultures: Sequence[int]) -> list[Any]:
        """The state of some cultures, one picklable object each, that says nothing of B or threads."""

    @abstractmethod
    def load(self, states: Mapping[int, Any]) -> None:
        """Put cultures into saved states; they go on exactly as those saved did."""


class Stoppable(ABC):
    """A backend whose runs can be stopped from another thread."""

    @abstractmethod
    def stop(self) -> None:
        """Ask the run under way, if any, to raise ``RunStopped`` soon. It is quick and may be called again."""


class Undoable(ABC):
    """A backend in which a run that raises has not happened, and the last run can be undone."""

    @abstractmethod
    def undo(self) -> None:
        """Put the cultures back to where they were before the last run; nothing else may have changed them since."""
