"""The base class of conditions, which act between the closed loop and its cultures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.env import Env
from livn_gym.pulses import Pulses
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus


@dataclass(frozen=True)
class ConditionedRun:
    """A run of n of the loop's B cultures.

    Attributes:
        cultures: Indices of the cultures that run, ascending ``[n]``.
        duration_ms: Length of the run.
        time_ms: End of the run since each culture's first observation, ``[n]``; at most 0 while it settles.
    """

    cultures: NDArray[np.int64]
    duration_ms: float
    time_ms: NDArray[np.float64]

    def __len__(self) -> int:
        """Return n."""
        return len(self.cultures)


@checked
class Condition:
    """Changes what reaches the cultures, their parameters, or what is recorded of them.

    One object acts on all cultures of a loop, and its methods take and return batches. What differs between cultures
    is in ``states``: the object that ``begin`` returned for each culture's present episode. A culture's result must
    depend on its own state alone, so that a culture of a batch behaves as it would in a loop of its own.

    A subclass takes ``(env, **options)``, every option with a default, and overrides what it changes.

    Args:
        env: The cultures of the loop.
    """

    def __init__(self, env: Env) -> None:
        self.env = env
        self.states: list[Any] = [None] * env.num_cultures
        """Every culture's state, ``[B]``; picklable."""

    def begin(self, np_random: np.random.Generator) -> Any:
        """Return the state with which a culture begins an episode, before it settles.

        Args:
            np_random: The generator of the culture's environment, from which everything random is drawn.
        """
        return None

    @property
    def idle(self) -> bool:
        """Whether it changes nothing in the next run: a loop whose conditions are all idle does not ask them."""
        return False

    def factors(self, run: ConditionedRun) -> Mapping[str, NDArray[np.float64] | float]:
        """Return factors of the cultures' parameters in the next run, by the keys of ``Env.set_params``.

        Each is a number or one number per culture, ``[n]``. They multiply the parameters that the cultures had when the
        loop was made; factors of several conditions are multiplied. Keys that are left out return to factor 1.
        """
        return {}

    def info(self, culture: int) -> dict[str, float]:
        """Return numbers of a culture's present episode that its environment shows in ``info``, by stable names."""
        return {}

    def stimulus(self, stimulus: Stimulus | None, run: ConditionedRun) -> Stimulus | None:
        """Return what reaches the electrodes instead, not longer than the run.

        Args:
            stimulus: Of n cultures, or the same for all of them; None is no stimulus.
            run: The next run.
        """
        return stimulus

    def recording(self, recording: Recording, stimulus: Stimulus | None, run: ConditionedRun) -> Recording:
        """Return what is recorded instead.

        Args:
            recording: Of n cultures; spikes are sorted by (culture, time, gid).
            stimulus: What reached the electrodes in the run.
            run: The run.
        """
        return recording


@checked
def culture_pulses(pulses: Pulses, shared: bool, count: int) -> list[Pulses]:
    """The pulses of each of ``count`` cultures, in their order, as of culture 0.

    Args:
        pulses: Of all cultures.
        shared: Whether all cultures get the pulses of culture 0.
        count: n.
    """
    if shared:
        return [pulses] * count
    order = np.argsort(pulses.culture, kind="stable")
    bounds = np.searchsorted(pulses.culture[order], np.arange(count + 1))
    none = np.zeros(len(order), dtype=np.int64)
    first = Pulses(none, *(getattr(pulses, name)[order] for name in _FIELDS))
    return [first.select(np.arange(start, stop)) for start, stop in zip(bounds[:-1], bounds[1:], strict=True)]


@checked
def joined_pulses(parts: Sequence[Pulses]) -> Pulses:
    """The pulses of several cultures, from those of each."""
    culture = np.repeat(np.arange(len(parts)), [len(part.onset_ms) for part in parts])
    whole = Pulses.joined(parts)
    return Pulses(culture, *(getattr(whole, name) for name in _FIELDS))


_FIELDS = ("column", "onset_ms", "offset_ms", "width_ms", "value")


@checked
def culture_slices(recording: Recording) -> list[slice]:
    """Where the spikes of each culture of a recording are, ``[n]``."""
    bounds = np.searchsorted(recording.spikes[0], np.arange(recording.num_cultures + 1))
    return [slice(int(start), int(stop)) for start, stop in zip(bounds[:-1], bounds[1:], strict=True)]
