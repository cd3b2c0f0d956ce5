"""The array's amplifier in the closed loop: it is blanked during and after stimulation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.blanking import BLANK_MS, blank_times
from livn_gym.current_flow import DIRECT_MS, NEVER, CurrentFlow
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.view import CultureView


class Amplifier:
    """Blanks the recordings of a loop's B cultures, and counts the spikes that the field evoked directly.

    It acts on what the conditions return. The current of a run also blanks the start of the next one.

    Args:
        view: The cultures, or the channels that are recorded from.
        dt: Time step of the runs, ms.
        blank_ms: Blank times of stimulated and of other electrodes, ms, as ``livn_gym.blanking.blanked`` takes them.

    Raises:
        InvalidInput: A time is negative, or the second exceeds the first.
    """

    def __init__(self, view: CultureView, dt: float, blank_ms: float | ArrayLike = BLANK_MS) -> None:
        self.blank_ms = blank_times(blank_ms)
        self._electrodes = view.electrodes
        self._reach_steps = max(*self.blank_ms, DIRECT_MS) / dt
        self._carried = np.full((view.num_cultures, view.electrodes.num_channels), NEVER)
        """Number of time steps since current last flowed, ``[B, C]``."""
        self._flow: CurrentFlow | None = None
        """Times of current in the latest stimulated run, which are mostly those of the next one."""

    def reset(self, cultures: Sequence[int]) -> None:
        """Begin an episode in some cultures: no current has flowed yet."""
        self._carried[cultures] = NEVER

    def at_rest(self, cultures: Sequence[int]) -> bool:
        """Return whether earlier currents have no effect on the next run of these cultures."""
        return bool((self._carried[cultures] > self._reach_steps).all())

    def record(
        self, recording: Recording, of_cultures: Recording, stimulus: Stimulus | None, cultures: Sequence[int]
    ) -> tuple[Recording, NDArray[np.int64]]:
        """Return the recorded part of a run, and the number of spikes that the field evoked directly.

        Args:
            recording: The run of n cultures, after the conditions.
            of_cultures: The run before the conditions.
            stimulus: The stimulus that reached the electrodes.
            cultures: The cultures that ran, ascending ``[n]``.

        Returns:
            The blanked recording, and the number of direct and of other spikes of each culture, blanked or not,
            ``[n, 2]``.
        """
        flow = CurrentFlow(recording, stimulus, self._electrodes, self._carried[cultures], self._flow)
        if stimulus is not None:
            self._flow = flow
        self._carried[cultures] = flow.carried
        positions = flow.positions(of_cultures)
        direct = flow.direct(of_cultures, positions)
        counts = np.empty((len(cultures), 2), dtype=np.int64)
        counts[:, 0], counts[:, 1] = direct, np.bincount(of_cultures.spikes[0], minlength=len(cultures)) - direct
        return flow.blanked(recording, self.blank_ms, positions if recording is of_cultures else None), counts

    def state(self) -> list[Any]:
        """Return the state of every culture, ``[B]``, picklable."""
        return list(self._carried)

    def set_state(self, states: Sequence[Any]) -> None:
        """Continue from the states of an equal amplifier."""
        self._carried = np.array(states, dtype=np.int64).reshape(self._carried.shape)
