"""What a decoding is: a recording to a result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, NotRecorded
from livn_gym.recording import Recording
from livn_gym.units import finite

if TYPE_CHECKING:
    from livn_gym.env import Env


@checked
class Decoding(ABC):
    """Turns the six arrays of a run into a result.

    Args:
        duration: Length of the run that is decoded, ms.
    """

    per_channel: ClassVar[bool] = False
    """Whether the result is one number per channel of the interface, in their order."""

    def __init__(self, duration: float) -> None:
        self.duration = finite("Decoding duration (ms)", duration, above=0.0)

    @abstractmethod
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
        """Decode one culture's run.

        Raises:
            NotRecorded: The decoding needs what was not recorded.
        """

    def batch(self, env: Env, recording: Recording) -> Any:
        """Decode every culture: a list of B results (a stacked array where a subclass says so).

        Raises:
            InvalidInput: The recording is not as long as the decoding's duration.
        """
        self.check_duration(recording)
        return [self.single(env, own) for own in recording.cultures]

    def single(self, env: Env, recording: Recording) -> Any:
        """Decode the recording of one culture: what ``Env.__call__`` does.

        By default the six arrays, which hold the membrane current of one compartment; a decoding that needs both
        takes them from here.

        Raises:
            InvalidInput: The recording is not as long as the decoding's duration.
        """
        self.check_duration(recording)
        return self(env, *recording)

    def observation_space(self, env: Env) -> spaces.Space:
        """The space of one culture's result.

        Raises:
            NotImplementedError: The result is no point of a space.
        """
        raise NotImplementedError(f"{type(self).__name__} has no observation space.")

    def check_duration(self, recording: Recording) -> None:
        """Raise ``InvalidInput`` unless the recording is as long as the decoding's duration."""
        if abs(recording.duration_ms - self.duration) > 1e-6:
            raise InvalidInput(
                f"{type(self).__name__} decodes runs of {self.duration:g} ms, "
                f"this one lasts {recording.duration_ms:g} ms."
            )


@checked
class SpikeDecoding(Decoding):
    """A decoding that needs nothing but spikes; subclasses write ``decode``."""

    @abstractmethod
    def decode(self, env: Env, gid: NDArray[np.int64], t: NDArray[np.float64]) -> Any:
        """Decode one culture's spikes: cells and times (ms), ``[S]`` each, within the system and the run."""

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
        """Decode one culture's run; see the class.

        Raises:
            NotRecorded: Spikes were not recorded.
            InvalidInput: A spike lies outside the run or the system.
        """
        return self.decode(env, *self.checked(env, it, t))

    def checked(self, env: Env, it: NDArray | None, t: NDArray | None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Spikes as arrays, or the error that says what is wrong with them."""
        if it is None or t is None:
            raise NotRecorded(f"{type(self).__name__} needs spikes: call record_spikes() before the run.")
        gid, times = np.asarray(it, dtype=np.int64), np.asarray(t, dtype=np.float64)
        if gid.shape != times.shape or gid.ndim != 1:
            raise InvalidInput(f"it and t must be of one length [S], got {gid.shape} and {times.shape}.")
        if len(gid):
            cells = env.system.num_neurons
            if gid.min() < 0 or gid.max() >= cells:
                raise InvalidInput(f"Spikes of cells {gid.min()} ... {gid.max()} in a system of {cells} cells.")
            if not (times.min() >= 0.0 and times.max() < self.duration):
                raise InvalidInput(
                    f"{type(self).__name__} decodes runs of {self.duration:g} ms; spikes lie at "
                    f"{times.min():g} ... {times.max():g} ms."
                )
        return gid, times


@checked
def as_recording(
    env: Env,
    duration_ms: float,
    it: NDArray | None,
    t: NDArray | None,
    iv: NDArray | None = None,
    v: NDArray | None = None,
    im: NDArray | None = None,
    mp: NDArray | None = None,
) -> Recording:
    """One culture's six arrays as a recording.

    They hold the membrane current of a single compartment. The other's is taken as its opposite, which is
    exact unless a current was injected into cells: what enters a cell in one compartment leaves in the other.

    Args:
        env: The culture.
        duration_ms: Length of the run.
        it: Cell of every spike, ``[S]``.
        t: Time of every spike, ms ``[S]``.
        iv: Cells with voltage, ``[n]``.
        v: Voltage, mV ``[n, T]``.
        im: Cells with membrane current, ``[m]``.
        mp: Membrane current, nA ``[m, T]``.

    Raises:
        InvalidInput: A spike lies outside the run.
    """
    if t is not None and len(t) and not (np.min(t) >= 0.0 and np.max(t) < duration_ms):
        raise InvalidInput(f"A run of {duration_ms:g} ms has spikes at {np.min(t):g} ... {np.max(t):g} ms.")
    for spikes, what in ((it, "it"), (t, "t")):
        if spikes is not None and (spikes.ndim != 1 or it is None or t is None or len(it) != len(t)):
            raise InvalidInput(f"{what} must be [S], one cell and one time for every spike.")
    for rows, values, what in ((iv, v, "v"), (im, mp, "mp")):
        if values is not None and (values.ndim != 2 or rows is None or len(rows) != len(values)):
            raise InvalidInput(f"{what} must be [n, T], one row for every cell, got the shape {values.shape}.")
    trace = v if v is not None else mp
    return Recording(
        t0_ms=0.0,
        duration_ms=duration_ms,
        dt_ms=env.dt,
        sample_dt_ms=env.dt if trace is None else duration_ms / trace.shape[1],
        num_cultures=1,
        spike_culture=None if it is None else np.zeros(len(it), dtype=np.int64),
        spike_gid=it,
        spike_t=t,
        voltage_gid=iv,
        voltage=None if v is None else v[None],
        current_gid=im,
        current_soma=None if mp is None else mp[None],
        current_dendrite=None if mp is None else -mp[None],
    )
