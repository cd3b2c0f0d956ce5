"""The base class of decodings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import check_members, checked
from livn_gym.decoding.results import culture_result
from livn_gym.errors import InvalidInput, NotRecorded
from livn_gym.recording import Recording
from livn_gym.units import finite
from livn_gym.view import CultureView


@checked
class Decoding(ABC):
    """Turns the recording of a run into a result.

    A subclass implements ``decode``, for all cultures of a recording at once. The results of B cultures have one of
    these forms:

    - an array ``[B, ...]``, if the result of a culture is a number or an array of fixed shape;
    - a list of B results, if it is anything else: text, a tuple, an array whose length varies;
    - a dict of arrays and lists as above, if it is a dict;
    - a ``Recording`` of B cultures.

    Culture b of a batch gets the result that it would get alone. ``Env.__call__`` and the call with six arrays return
    the result of a single culture: entry 0 of the array, the list, or each value of the dict.

    Args:
        duration: Length of the run that is decoded, ms.
    """

    per_channel: ClassVar[bool] = False
    """True if the result of a culture is one number per channel, in the order of the channels."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Check that properties are written as such, and methods as methods.

        Raises:
            InvalidInput: One is written as the other.
        """
        super().__init_subclass__(**keywords)
        check_members(cls, Decoding)

    def __init__(self, duration: float) -> None:
        self.duration = finite("Decoding duration (ms)", duration, above=0.0)

    @property
    def starts_at_ms(self) -> float:
        """Time from the start of a run before which its recording does not change the result, ms."""
        return 0.0

    @property
    def stops_at_ms(self) -> float:
        """Time from the start of a run after which its recording does not change the result, ms."""
        return self.duration

    @abstractmethod
    def decode(self, view: CultureView, recording: Recording) -> Any:
        """Decode a run of B cultures.

        Args:
            view: The cultures that were recorded. B may be smaller than ``view.num_cultures``: vector environments
                run some of their cultures.
            recording: The run, of B cultures.

        Returns:
            The results of B cultures in one of the forms that the class lists. None on an MPI rank without a result.

        Raises:
            NotRecorded: The recording lacks what the decoding needs.
            InvalidInput: The recording is not as long as the decoding's duration.
        """

    def observation_space(self, view: CultureView) -> spaces.Space:
        """Space of the result of one culture.

        Raises:
            NotImplementedError: The result is not a point of a space.
        """
        raise NotImplementedError(f"{type(self).__name__} has no observation space.")

    @final
    def __call__(
        self,
        env: CultureView,
        it: NDArray | None,
        t: NDArray | None,
        iv: NDArray | None = None,
        v: NDArray | None = None,
        im: NDArray | None = None,
        mp: NDArray | None = None,
    ) -> Any:
        """Decode the six arrays of a run of one culture: ``decoding(env, *recording)``.

        The arrays hold the membrane current of one compartment. The current of the other is taken as its opposite,
        which is exact unless a current was injected into cells; ``decode`` with the recording is always exact. Nor do
        the arrays say when channels were blanked: rates refer to the whole run.

        Args:
            env: The environment, or another ``CultureView``.
            it: Cell of every spike, ``[S]``.
            t: Time of every spike, ms ``[S]``.
            iv: Cells with voltage, ``[n]``.
            v: Voltage, mV ``[n, T]``.
            im: Cells with membrane current, ``[m]``.
            mp: Membrane current, nA ``[m, T]``.

        Raises:
            NotRecorded: The arrays lack what the decoding needs.
            InvalidInput: Arrays do not fit each other, or a spike lies outside the run or the system.
        """
        return culture_result(self.decode(env, as_recording(env, self.duration, it, t, iv, v, im, mp)), 0, 1)

    def check_duration(self, recording: Recording) -> None:
        """Raise ``InvalidInput`` unless the recording is as long as the decoding's duration."""
        if abs(recording.duration_ms - self.duration) > 1e-6:
            raise InvalidInput(
                f"{type(self).__name__} decodes runs of {self.duration:.9g} ms, "
                f"this one lasts {recording.duration_ms:.9g} ms."
            )

    def spikes(
        self, view: CultureView, recording: Recording
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Check and return the spikes of all cultures: culture, cell and time (ms) of each, ``[S]``.

        Raises:
            NotRecorded: Spikes were not recorded.
            InvalidInput: The recording has another length, or a spike is of a cell that the system does not have.
        """
        self.check_duration(recording)
        if recording.spike_gid is None:
            raise NotRecorded(f"{type(self).__name__} needs spikes: call record_spikes() before the run.")
        culture, gid, t = recording.spikes
        cells = view.system.num_neurons
        if len(gid) and not 0 <= gid.min() <= gid.max() < cells:
            raise InvalidInput(f"Spikes of cells {gid.min()} ... {gid.max()} in a system of {cells} cells.")
        return culture, gid, t

    def trains(self, view: CultureView, recording: Recording) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Check and return the spikes culture by culture: cells and times (ms), ``[S]`` each, of B cultures.

        Raises:
            NotRecorded: Spikes were not recorded.
            InvalidInput: As for ``spikes``.
        """
        culture, gid, t = self.spikes(view, recording)
        first = np.searchsorted(culture, np.arange(recording.num_cultures + 1))
        return [(gid[start:stop], t[start:stop]) for start, stop in zip(first[:-1], first[1:], strict=True)]


@checked
def as_recording(
    view: CultureView,
    duration_ms: float,
    it: NDArray | None,
    t: NDArray | None,
    iv: NDArray | None = None,
    v: NDArray | None = None,
    im: NDArray | None = None,
    mp: NDArray | None = None,
) -> Recording:
    """Make a recording of one culture from six arrays; see ``Decoding.__call__``. Voltages count as the soma's.

    Raises:
        InvalidInput: Arrays do not fit each other, or a spike lies outside the run.
    """
    for spikes, what in ((it, "it"), (t, "t")):
        if spikes is not None and (spikes.ndim != 1 or it is None or t is None or len(it) != len(t)):
            raise InvalidInput(f"{what} must be [S], one cell and one time for every spike.")
    if t is not None and len(t) and not (np.min(t) >= 0.0 and np.max(t) < duration_ms):
        raise InvalidInput(f"A run of {duration_ms:g} ms has spikes at {np.min(t):g} ... {np.max(t):g} ms.")
    for rows, values, what in ((iv, v, "v"), (im, mp, "mp")):
        if values is not None and (values.ndim != 2 or not values.shape[1] or rows is None or len(rows) != len(values)):
            raise InvalidInput(f"{what} must be [n, T], one row for every cell, got the shape {values.shape}.")
    trace = v if v is not None else mp
    return Recording(
        t0_ms=0.0,
        duration_ms=duration_ms,
        dt_ms=view.dt,
        sample_dt_ms=view.dt if trace is None else duration_ms / trace.shape[1],
        num_cultures=1,
        spike_culture=None if it is None else np.zeros(len(it), dtype=np.int64),
        spike_gid=None if it is None else it.astype(np.int64, copy=False),
        spike_t=None if t is None else t.astype(np.float64, copy=False),
        voltage_gid=iv,
        voltage_soma=None if v is None else v[None],
        current_gid=im,
        current_soma=None if mp is None else mp[None],
        current_dendrite=None if mp is None else -mp[None],
    )
