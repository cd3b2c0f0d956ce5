"""The base class of conditions, which act between the closed loop and its cultures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import check_members, checked
from livn_gym.plant import Plant
from livn_gym.pulses import PULSE_ARRAYS, Pulses
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
    """Base class of conditions, which change the stimulus, the cultures' parameters, or the recording.

    One object acts on all cultures of a loop, and its methods take and return batches. What differs between cultures
    is in ``states``: the object that ``begin`` returned for each culture's present episode. A culture's result must
    depend on that culture's state alone, so that it is the same in a batch and in a loop of one culture.

    A subclass takes ``(env, **options)``, every option with a default, and overrides the methods for what it changes.

    Args:
        env: The cultures of the loop.
    """

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Check that properties are written as such, and methods as methods.

        Raises:
            InvalidInput: One is written as the other.
        """
        super().__init_subclass__(**keywords)
        check_members(cls, Condition)

    def __init__(self, env: Plant) -> None:
        self.env = env
        self.states: list[Any] = [None] * env.num_cultures
        """State of each culture, ``[B]``; picklable."""

    def begin(self, np_random: np.random.Generator) -> Any:
        """Return the state with which a culture begins an episode, before it settles.

        Args:
            np_random: The generator of the culture's environment, from which everything random is drawn.
        """
        return None

    def check_loop(self, strongest: Stimulus | None, settle_ms: float) -> None:
        """Refuse a loop in which the condition cannot act; called once, when the loop is made.

        Args:
            strongest: Stimulus of the strongest command in a step, of all cultures; None is no stimulus.
            settle_ms: Unstimulated time before the first observation.

        Raises:
            InvalidInput: The condition cannot act on such stimuli, or needs settling.
        """
        return

    @property
    def idle(self) -> bool:
        """True if the condition changes nothing in the next run; if all conditions are idle, the loop skips them."""
        return False

    def factors(self, run: ConditionedRun) -> Mapping[str, NDArray[np.float64] | float]:
        """Return factors of the cultures' parameters in the next run, by the keys of ``Env.set_params``.

        A factor is one number, or one number per culture ``[n]``. Factors multiply the parameters that the cultures had
        when the loop was made; factors of several conditions are multiplied. A key that is missing returns to factor 1.
        """
        return {}

    def info(self, culture: int) -> dict[str, float]:
        """Return entries for a culture's ``info``: numbers of its present episode, always under the same names."""
        return {}

    def stimulus(self, stimulus: Stimulus | None, run: ConditionedRun) -> Stimulus | None:
        """Return the stimulus that reaches the electrodes, not longer than the run.

        Args:
            stimulus: Stimulus of n cultures, or one for all of them; None is no stimulus.
            run: The next run.
        """
        return stimulus

    def recording(self, recording: Recording, stimulus: Stimulus | None, run: ConditionedRun) -> Recording:
        """Return the recording that the loop gets.

        Args:
            recording: Recording of n cultures; spikes are sorted by (culture, time, gid).
            stimulus: Stimulus that reached the electrodes in the run.
            run: The run.
        """
        return recording


@checked
def culture_pulses(pulses: Pulses, shared: bool, count: int) -> list[Pulses]:
    """Split pulses by culture, ``[n]``; in each part they keep their order and have culture index 0.

    Args:
        pulses: Pulses of all cultures.
        shared: Whether all cultures get the pulses of culture 0.
        count: n.
    """
    if shared:
        return [pulses] * count
    order = np.argsort(pulses.culture, kind="stable")
    bounds = np.searchsorted(pulses.culture[order], np.arange(count + 1))
    none = np.zeros(len(order), dtype=np.int64)
    first = Pulses(none, *(getattr(pulses, name)[order] for name in PULSE_ARRAYS[1:]))
    return [first.select(np.arange(start, stop)) for start, stop in zip(bounds[:-1], bounds[1:], strict=True)]


@checked
def joined_pulses(by_culture: Sequence[Pulses]) -> Pulses:
    """Join the pulses of several cultures, ``[n]``; each gets its position as culture index."""
    culture = np.repeat(np.arange(len(by_culture)), [len(pulses.onset_ms) for pulses in by_culture])
    joined = Pulses.joined(by_culture)
    return Pulses(culture, *(getattr(joined, name) for name in PULSE_ARRAYS[1:]))


@checked
def culture_slices(recording: Recording) -> list[slice]:
    """Return the slice of the spike arrays that belongs to each culture of a recording, ``[n]``."""
    bounds = np.searchsorted(recording.spikes[0], np.arange(recording.num_cultures + 1))
    return [slice(int(start), int(stop)) for start, stop in zip(bounds[:-1], bounds[1:], strict=True)]
