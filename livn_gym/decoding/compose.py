"""Decodings made of decodings: a part of the run, a chain, several at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.decoding.base import Decoding, as_recording
from livn_gym.errors import InvalidInput, shown
from livn_gym.recording import Recording
from livn_gym.units import finite

if TYPE_CHECKING:
    from livn_gym.env import Env


@checked
class Slice(Decoding):
    """Decode the part ``[start, stop)`` of a run; without a decoding, the result is that part's recording.

    Args:
        duration: Length of the run, ms.
        start: Where the part starts, ms.
        stop: Where it ends, ms; default the run's end.
        decoding: What is applied to the part; its duration is the part's.
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

    def __call__(
        self,
        env: Env,
        it: NDArray | None,
        t: NDArray | None,
        iv: NDArray | None = None,
        v: NDArray | None = None,
        im: NDArray | None = None,
        mp: NDArray | None = None,
    ) -> Any:
        """One culture's part, decoded."""
        part = as_recording(env, self.duration, it, t, iv, v, im, mp).slice(self.start, self.stop)
        return part if self.decoding is None else self.decoding(env, *part)

    def single(self, env: Env, recording: Recording) -> Any:
        """One culture's part, with the currents of both compartments, decoded."""
        self.check_duration(recording)
        part = recording.slice(self.start, self.stop)
        return part if self.decoding is None else self.decoding.single(env, part)

    def batch(self, env: Env, recording: Recording) -> Any:
        """Every culture's part, decoded as the inner decoding decodes a batch."""
        self.check_duration(recording)
        part = recording.slice(self.start, self.stop)
        return part if self.decoding is None else self.decoding.batch(env, part)

    def observation_space(self, env: Env) -> spaces.Space:
        """The inner decoding's space."""
        return super().observation_space(env) if self.decoding is None else self.decoding.observation_space(env)


class Pipe(Decoding):
    """A chain: the first stage decodes the run, every further one is called on the result before it.

    A further stage is a function of the result, or a decoding where the result before is a recording (that of
    a ``Slice`` or ``GatherAndMerge`` without a decoding of its own). A None, which ranks other than the root
    get from ``GatherAndMerge``, ends the chain. A batch goes through it one culture after another.

    Args:
        stages: The first a decoding, the others decodings or functions.
    """

    def __init__(self, stages: Sequence[Decoding | Callable[[Any], Any]]) -> None:
        first = stages[0] if isinstance(stages, Sequence) and len(stages) else None
        if not isinstance(first, Decoding) or not all(callable(stage) for stage in stages):
            raise InvalidInput(f"A pipe is a decoding followed by decodings or functions, got {shown(stages)}.")
        super().__init__(first.duration)
        self.first = first
        self.further = tuple(stages[1:])

    def __call__(
        self,
        env: Env,
        it: NDArray | None,
        t: NDArray | None,
        iv: NDArray | None = None,
        v: NDArray | None = None,
        im: NDArray | None = None,
        mp: NDArray | None = None,
    ) -> Any:
        """One culture's result of the last stage."""
        return self._further(env, self.first(env, it, t, iv, v, im, mp))

    def single(self, env: Env, recording: Recording) -> Any:
        """One culture's result of the last stage; stages that decode a recording get it whole."""
        self.check_duration(recording)
        return self._further(env, self.first.single(env, recording))

    def _further(self, env: Env, result: Any) -> Any:
        for stage in self.further:
            if result is None:
                return None
            if not isinstance(stage, Decoding):
                result = stage(result)
            elif isinstance(result, Recording):
                result = stage.single(env, result)
            else:
                raise InvalidInput(f"{type(stage).__name__} decodes a recording, the stage before it gave {result!r}.")
        return result

    def observation_space(self, env: Env) -> spaces.Space:
        """The last stage's space, where that is a decoding."""
        last = self.further[-1] if self.further else self.first
        return last.observation_space(env) if isinstance(last, Decoding) else super().observation_space(env)


@checked
class Combine(Decoding):
    """Several decodings of the same run: a dict of their results by name.

    Args:
        decodings: The decodings by name, all of one duration.
    """

    def __init__(self, decodings: Mapping[str, Decoding]) -> None:
        if not decodings:
            raise InvalidInput("Combine needs at least one decoding.")
        super().__init__(next(iter(decodings.values())).duration)
        for name, decoding in decodings.items():
            same_duration(f"The run that {name!r} shares with others", self.duration, decoding)
        self.decodings = dict(decodings)

    def __call__(
        self,
        env: Env,
        it: NDArray | None,
        t: NDArray | None,
        iv: NDArray | None = None,
        v: NDArray | None = None,
        im: NDArray | None = None,
        mp: NDArray | None = None,
    ) -> dict[str, Any]:
        """One culture's results."""
        return {name: decoding(env, it, t, iv, v, im, mp) for name, decoding in self.decodings.items()}

    def single(self, env: Env, recording: Recording) -> dict[str, Any]:
        """One culture's results, each decoding's of the whole recording."""
        return {name: decoding.single(env, recording) for name, decoding in self.decodings.items()}

    def batch(self, env: Env, recording: Recording) -> dict[str, Any]:
        """Every culture's results: by name, what each decoding gives for a batch."""
        return {name: decoding.batch(env, recording) for name, decoding in self.decodings.items()}

    def observation_space(self, env: Env) -> spaces.Dict:
        """The spaces by name; every decoding must have one."""
        return spaces.Dict({name: decoding.observation_space(env) for name, decoding in self.decodings.items()})


@checked
def same_duration(what: str, duration_ms: float, decoding: Decoding) -> None:
    """Raise ``InvalidInput`` unless a decoding is for runs of that length."""
    if abs(decoding.duration - duration_ms) > 1e-6:
        raise InvalidInput(
            f"{what} lasts {duration_ms:g} ms, {type(decoding).__name__} decodes {decoding.duration:g} ms."
        )
