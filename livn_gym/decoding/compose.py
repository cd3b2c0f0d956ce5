"""Decodings that consist of other decodings: a part of the run, a chain, several at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gymnasium import spaces

from livn_gym.checks import checked, checked_methods
from livn_gym.decoding.base import Decoding
from livn_gym.decoding.results import culture_result
from livn_gym.errors import InvalidInput, shown
from livn_gym.recording import Recording
from livn_gym.units import finite
from livn_gym.view import CultureView


@checked
class Slice(Decoding):
    """Decode the part ``[start, stop)`` of a run; without a decoding, the result is the recording of that part.

    Args:
        duration: Length of the run, ms.
        start: Start of the part, ms.
        stop: End of the part, ms; default the end of the run.
        decoding: Decoding of the part; its duration must be the length of the part.
    """

    def __init__(
        self, duration: float, start: float = 0.0, stop: float | None = None, decoding: Decoding | None = None
    ) -> None:
        super().__init__(duration)
        self.start = finite("start (ms)", start, minimum=0.0)
        self.stop = self.duration if stop is None else finite("stop (ms)", stop)
        if not self.start < self.stop <= self.duration:
            raise InvalidInput(f"A slice must lie in 0 ... {self.duration:g} ms, got {self.start:g} ... {self.stop:g}.")
        if decoding is not None:
            same_duration("The slice", self.stop - self.start, decoding)
        self.decoding = decoding

    @property
    def starts_at_ms(self) -> float:
        """Start of the part, or of what the inner decoding reads of it, ms."""
        return self.start + (0.0 if self.decoding is None else self.decoding.starts_at_ms)

    @property
    def stops_at_ms(self) -> float:
        """End of the part, or of what the inner decoding reads of it, ms."""
        return self.stop if self.decoding is None else self.start + self.decoding.stops_at_ms

    def decode(self, view: CultureView, recording: Recording) -> Any:
        """Results of the inner decoding for the part, or the part itself."""
        self.check_duration(recording)
        part = recording.slice(self.start, self.stop)
        return part if self.decoding is None else self.decoding.decode(view, part)

    def observation_space(self, view: CultureView) -> spaces.Space:
        """Space of the inner decoding."""
        return super().observation_space(view) if self.decoding is None else self.decoding.observation_space(view)


@checked_methods
class Pipe(Decoding):
    """Chain of stages: the first decodes the run, each further stage is applied to the result of the one before.

    A further stage is a function of the result of one culture, or a decoding if the stage before gives a recording (a
    ``Slice`` or a ``GatherAndMerge`` without a decoding of its own). Functions are called for one culture after
    another, and the results of B cultures are then a list of B. If a stage gives None, as ``GatherAndMerge`` does on
    MPI ranks other than the root, the chain ends and its result is None.

    Args:
        stages: A decoding, followed by decodings or functions.
    """

    def __init__(self, stages: Sequence[Decoding | Callable[[Any], Any]]) -> None:
        first = stages[0] if isinstance(stages, Sequence) and len(stages) else None
        if not isinstance(first, Decoding) or not all(callable(stage) for stage in stages):
            raise InvalidInput(f"A pipe is a decoding followed by decodings or functions, got {shown(stages)}.")
        super().__init__(first.duration)
        self.first = first
        self.further = tuple(stages[1:])

    def decode(self, view: CultureView, recording: Recording) -> Any:
        """Results of the last stage."""
        self.check_duration(recording)
        results, cultures = self.first.decode(view, recording), recording.num_cultures
        for stage in self.further:
            if results is None:
                return None
            if not isinstance(stage, Decoding):
                results = _joined([stage(culture_result(results, b, cultures)) for b in range(cultures)])
            elif isinstance(results, Recording):
                results = stage.decode(view, results)
            else:
                raise InvalidInput(f"{type(stage).__name__} decodes a recording, the stage before it gave {results!r}.")
        return results

    def observation_space(self, view: CultureView) -> spaces.Space:
        """Space of the last stage, if that is a decoding."""
        last = self.further[-1] if self.further else self.first
        return last.observation_space(view) if isinstance(last, Decoding) else super().observation_space(view)


@checked
class Combine(Decoding):
    """Several decodings of the same run: a dict of their results by name.

    Args:
        decodings: Decodings by name, all of one duration.
    """

    def __init__(self, decodings: Mapping[str, Decoding]) -> None:
        if not decodings:
            raise InvalidInput("Combine needs at least one decoding.")
        super().__init__(next(iter(decodings.values())).duration)
        for name, decoding in decodings.items():
            same_duration(f"The run that {name!r} shares with others", self.duration, decoding)
        self.decodings = dict(decodings)

    def decode(self, view: CultureView, recording: Recording) -> dict[str, Any]:
        """Results of each decoding, by name."""
        return {name: decoding.decode(view, recording) for name, decoding in self.decodings.items()}

    def observation_space(self, view: CultureView) -> spaces.Dict:
        """Spaces by name; every decoding must have one."""
        return spaces.Dict({name: decoding.observation_space(view) for name, decoding in self.decodings.items()})


@checked
def same_duration(what: str, duration_ms: float, decoding: Decoding) -> None:
    """Raise ``InvalidInput`` unless a decoding is for runs of that length."""
    if not hasattr(decoding, "duration"):
        raise InvalidInput(f"{type(decoding).__name__}.__init__ must call super().__init__(duration).")
    if abs(decoding.duration - duration_ms) > 1e-6:
        raise InvalidInput(
            f"{what} lasts {duration_ms:g} ms, {type(decoding).__name__} decodes {decoding.duration:g} ms."
        )


def _joined(results: list[Any]) -> Any:
    """The results of B cultures as a list; one recording if they are recordings, None if there are none."""
    if all(result is None for result in results):
        return None
    if all(isinstance(result, Recording) for result in results):
        return Recording.batch(results, results[0].t0_ms)
    return results
