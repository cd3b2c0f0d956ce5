"""What a simulator must offer: six members and nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from livn_gym.models import Depression, Model, Noise
from livn_gym.recording import Recording, RecordingRequest
from livn_gym.stimulus import Stimulus
from livn_gym.system import System

Scheme = Literal["backward_euler", "second_order"]


@dataclass(frozen=True)
class Parameters:
    """Everything about a culture that can change between runs.

    Attributes:
        weights: Peak conductance of a synapse of scale 1, nS, by weight key.
        noise: Background conductances by population.
        depression: Short-term depression of each population's output.
    """

    weights: Mapping[str, float]
    noise: Mapping[str, Noise]
    depression: Mapping[str, Depression]


@dataclass(frozen=True)
class CultureSpec:
    """What a backend builds.

    Attributes:
        system: The cultures' architecture, shared by all B.
        model: The cells' dynamics.
        dt_ms: Time step.
        scheme: ``"backward_euler"``, or ``"second_order"`` (staggered Crank-Nicolson).
        num_cultures: B.
    """

    system: System
    model: Model
    dt_ms: float
    scheme: Scheme
    num_cultures: int


@dataclass(frozen=True)
class Capabilities:
    """What a backend can do beyond the six members."""

    name: str
    snapshots: bool
    mpi: bool


class Backend(ABC):
    """A simulator of B independent cultures; a trajectory depends on its key and on the spec's numbers alone."""

    capabilities: Capabilities

    @abstractmethod
    def build(self, spec: CultureSpec, parameters: Parameters, keys: Sequence[int]) -> None:
        """Make the cultures and put them at time 0.

        Args:
            spec: What to build.
            parameters: Initial parameters.
            keys: Philox key of each culture's noise, ``[B]``.

        Raises:
            UnsupportedModel: The backend has no implementation of the model.
            BackendUnavailable: The simulator or its compiler is missing.
        """

    @abstractmethod
    def run(self, num_steps: int, stimuli: Sequence[Stimulus | None], request: RecordingRequest) -> list[Recording]:
        """Advance every culture; return one recording each, with ``t0_ms`` 0 and spikes sorted by (time, gid).

        Args:
            num_steps: Length of the run in steps.
            stimuli: One culture's stimulus each, ``[B]``, not longer than the run, never in the electrode mode.
            request: What to record.
        """

    @abstractmethod
    def reset(self, keys: Mapping[int, int]) -> None:
        """Put some cultures back to time 0, each with a new Philox key; exactly as newly built."""

    @abstractmethod
    def set_parameters(self, parameters: Parameters) -> None:
        """Replace weights, noise and depression from now on; states are kept."""

    @abstractmethod
    def close(self) -> None:
        """Free every resource; may be called twice."""
