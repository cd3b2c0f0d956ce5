"""Interface of a simulator: six members that all backends have, and a class for each optional ability."""

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
from livn_gym.errors import BackendError, InvalidInput, shown, unknown_name
from livn_gym.models import Channelrhodopsin, Depression, Model, Noise
from livn_gym.numerics import NoiseStream
from livn_gym.plasticity import Plasticity
from livn_gym.recording import Recording
from livn_gym.recording_request import RecordingRequest
from livn_gym.stimulus import Stimulus
from livn_gym.system import Projection, System
from livn_gym.units import finite

MAX_VOLTAGE_MV = 1e4
"""Largest absolute membrane voltage; beyond it a run ends with ``SimulationDiverged``.

Living cells stay far below: a membrane breaks down at 0.5 to 1 V (electroporation; Weaver & Chizmadzhev,
Bioelectrochem Bioenerg 41:135, 1996). Models without limiting conductances reach several volts under currents far above
the rheobase and recover; the factor of ten allows for them. Voltages are checked at intervals, so that a brief pulse
may exceed the bound.
"""

Scheme = Literal["backward_euler", "second_order", "multirate"]
Precision = Literal["float64", "float32"]


@dataclass(frozen=True)
class Profile:
    """Profile of a simulation: time step (ms), integration scheme, and floating-point precision."""

    dt_ms: float
    scheme: Scheme
    precision: Precision


PROFILES = {
    "exact": Profile(0.025, "backward_euler", "float64"),
    "fast": Profile(0.05, "multirate", "float32"),
}
"""Profiles by name. ``exact`` is the default of NEURON. ``fast`` has a smaller mean error of interspike intervals, half
as many steps, and slow states in even longer steps."""


MIN_DT_MS, MAX_DT_MS = 1e-4, 1.0
"""Shortest and longest time step: rounding errors matter below, and the upstroke of a spike is shorter than a step
above."""


def make_profile(profile: str, dt_ms: float | None, scheme: str | None, precision: str | None) -> Profile:
    """Make a profile from a name, with some of its values replaced.

    Raises:
        UnknownName: There is no such profile, scheme or precision.
        InvalidInput: The time step is out of range.
    """
    for kind, value, allowed in (
        ("profile", profile, PROFILES),
        ("scheme", scheme, get_args(Scheme)),
        ("precision", precision, get_args(Precision)),
    ):
        if value is not None and value not in allowed:
            raise unknown_name(kind, value, allowed)
    options = {"dt_ms": dt_ms, "scheme": scheme, "precision": precision}
    overrides: dict[str, Any] = {name: option for name, option in options.items() if option is not None}
    result = replace(PROFILES[profile], **overrides)
    dt = finite("dt (ms)", result.dt_ms, above=0.0)
    if not MIN_DT_MS <= dt <= MAX_DT_MS:
        raise InvalidInput(f"dt (ms) must be from {MIN_DT_MS:g} to {MAX_DT_MS:g}, got {dt:g}.")
    return replace(result, dt_ms=dt)


@dataclass(frozen=True)
class Parameters:
    """Parameters of a culture that can change between runs.

    Attributes:
        weights: Peak conductance of a synapse of scale 1, nS, by weight key.
        noise: Background conductances by population.
        depression: Short-term depression of each population's output.
        plasticity: Plasticity rules; None for none. Synapses keep learnt weights until their weight parameter changes
            or their culture is reset.
        cells: Constants of single cells, by ``<population>-<constant>``; those of the model where there are none.
    """

    weights: Mapping[str, float]
    noise: Mapping[str, Noise]
    depression: Mapping[str, Depression]
    plasticity: Plasticity | None = None
    cells: Mapping[str, CellValues] = field(default_factory=dict)


@dataclass(frozen=True)
class CultureSpec:
    """Specification of the cultures that a backend builds.

    Attributes:
        system: System of all B cultures.
        model: Model of the cells.
        dt_ms: Time step.
        scheme: ``"backward_euler"``, ``"second_order"`` (staggered Crank-Nicolson), or ``"multirate"`` (second order,
            with slow states in longer steps; see ``docs/model.md``).
        num_cultures: Number of cultures B.
        precision: Precision of the states of the cells, one of those in the capabilities of the backend.
        ranks: MPI ranks that share every culture, each of which builds only its own cells; None for a single process.
        opsin: Opsin of the cells; None for none.
    """

    system: System
    model: Model
    dt_ms: float
    scheme: Scheme
    num_cultures: int
    precision: Precision = "float64"
    ranks: Ranks | None = None
    opsin: Channelrhodopsin | None = None

    @cached_property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """First gid, and last gid plus 1, of the cells of every population on this rank."""
        populations = self.system.populations
        if self.ranks is not None:
            return self.ranks.ranges(populations)
        return {population.name: (population.start, population.stop) for population in populations}

    @cached_property
    def gids(self) -> NDArray[np.int64]:
        """Gids of the cells on this rank, ascending."""
        return np.concatenate([np.arange(*bounds, dtype=np.int64) for bounds in self.ranges.values()])

    @cached_property
    def opsin_uS(self) -> NDArray[np.float64]:
        """Conductance of the opsin of every cell of the system with all channels open, uS ``[N]``."""
        if self.opsin is None:
            return np.zeros(self.system.num_neurons)
        return self.opsin.conductances_uS(self.system, self.model)

    @cached_property
    def projections(self) -> tuple[Projection, ...]:
        """Synapses onto the cells on this rank, one part of each projection of the system."""
        return tuple(projection.onto(*self.ranges[projection.post]) for projection in self.system.projections)

    def delay_steps(self, projection: Projection) -> NDArray[np.int64]:
        """Return the delays of a projection in time steps, at least 1, ``[E]``.

        Raises:
            InvalidInput: A delay has 2**31 steps or more.
        """
        steps = np.maximum(1, np.floor(projection.delay_ms / self.dt_ms + 0.5))
        if len(steps) and not steps.max() < 2**31:
            raise InvalidInput(f"Delays must be below 2**31 time steps, got {projection.delay_ms.max():g} ms.")
        return steps.astype(np.int64)

    @cached_property
    def least_delay_steps(self) -> int | None:
        """Shortest delay of all synapses of the system, on any rank; None without synapses."""
        delays = [int(self.delay_steps(p).min()) for p in self.system.projections if len(p)]
        return min(delays, default=None)


@dataclass(frozen=True)
class Capabilities:
    """Capabilities of a backend; one with snapshots is also a subclass of ``Snapshots``.

    Attributes:
        name: Name of the backend in messages and files.
        snapshots: Whether states can be saved and restored.
        mpi: Whether MPI ranks can share a culture.
        precisions: Precisions of the states of the cells; the first replaces that of a profile if it is missing.
        schemes: Integration schemes; the last replaces that of a profile if it is missing.
        recording_copies: Largest number of copies of what a run records that are in memory at a time, in all processes
            of the machine, if no ranks share the cultures.
    """

    name: str
    snapshots: bool
    mpi: bool
    precisions: tuple[Precision, ...] = ("float64",)
    schemes: tuple[Scheme, ...] = ("backward_euler", "second_order")
    recording_copies: int = 1


class Backend(ABC):
    """Simulator of B independent cultures. A trajectory depends only on its noise stream and the specification."""

    capabilities: Capabilities

    @abstractmethod
    def build(self, spec: CultureSpec, parameters: Parameters, streams: Sequence[NoiseStream]) -> None:
        """Build the cultures at time 0.

        Args:
            spec: Specification of the cultures.
            parameters: Initial parameters.
            streams: Noise stream of each culture, ``[B]``, drawn as by ``livn_gym.numerics.noise``.

        Raises:
            UnsupportedModel: The backend does not support the model.
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
            stimulus: Stimulus of the cultures that run, in their order, or one for all; not longer than the run, and
                never in the modes ``"electrode"`` and ``"light"``. Its ``parts`` are the electrical stimulus and the
                irradiance.
            request: What to record.
            cultures: Indices of the cultures that run, ascending; the others do not change. Default: all.

        Returns:
            The recording of the cultures that ran, in their order, with ``t0_ms`` 0.

        Raises:
            SimulationDiverged: A membrane voltage exceeded +-``MAX_VOLTAGE_MV``.
        """

    @abstractmethod
    def reset(self, streams: Mapping[int, NoiseStream]) -> None:
        """Reset some cultures to time 0 with new noise streams; their state equals that of newly built cultures."""

    @abstractmethod
    def set_parameters(self, parameters: Parameters) -> None:
        """Replace weights, noise and depression; states do not change."""

    @abstractmethod
    def close(self) -> None:
        """Release all resources; further calls have no effect."""


def check_recording(backend: Backend, recording: object, duration_ms: float, num_cultures: int) -> None:
    """Check what a backend, which may be a user's own, returned from ``run``.

    Args:
        backend: The backend.
        recording: Its recording.
        duration_ms: Length of the run.
        num_cultures: Number of cultures that ran.

    Raises:
        BackendError: It is no recording, or one of another run.
    """
    name = type(backend).__name__
    if not isinstance(recording, Recording):
        raise BackendError(f"{name}.run must return a Recording, got {shown(recording)}.")
    if recording.num_cultures != num_cultures or abs(recording.duration_ms - duration_ms) > 1e-6:
        raise BackendError(
            f"{name}.run must return a Recording of {num_cultures} cultures and {duration_ms:g} ms, got one of "
            f"{recording.num_cultures} cultures and {recording.duration_ms:g} ms."
        )


class CultureParameters(ABC):
    """Extension: each culture can have its own parameters."""

    @abstractmethod
    def set_culture_parameters(self, parameters: Mapping[int, Parameters]) -> None:
        """Replace weights, noise and depression of some cultures.

        The plasticity rules must be those of all cultures. States do not change.
        """


class CellParameters(ABC):  # noqa: B024 - says what a backend does with its parameters
    """Extension: the backend supports ``Parameters.cells``, that is, constants of single cells."""


class Learning(ABC):
    """Extension: each synapse can have its own weight."""

    @abstractmethod
    def weights(self, cultures: Sequence[int]) -> list[dict[str, NDArray[np.float64]]]:
        """Return the peak conductances of all synapses of some cultures, nS, by weight key, ``[E]`` each."""

    @abstractmethod
    def set_weights(self, weights: Mapping[int, Mapping[str, NDArray[np.float64]]]) -> None:
        """Set the peak conductance of every synapse, nS, for some cultures and weight keys."""


class Snapshots(ABC):
    """Extension: the states of cultures can be saved and restored."""

    @abstractmethod
    def save(self, cultures: Sequence[int]) -> list[Any]:
        """Return the states of some cultures, one picklable object each, independent of B and of threads."""

    @abstractmethod
    def load(self, states: Mapping[int, Any]) -> None:
        """Restore saved states, from which cultures continue exactly."""


class Stoppable(ABC):
    """Extension: runs can be stopped from another thread."""

    @abstractmethod
    def stop(self) -> None:
        """Request the current run to raise ``RunStopped`` soon. It returns quickly and may be called repeatedly."""


class Undoable(ABC):
    """Extension: a run that raises has no effect, and the last run can be undone."""

    @abstractmethod
    def undo(self) -> None:
        """Restore the states before the last run; nothing else may have changed the cultures since."""
