"""Measurement of a control step of one culture, with means over the last second."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livn_gym.recording import Recording

WINDOW_MS = 1000.0
"""Length of the "last second" of observations and rewards."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """Recording, rates, charge and action of one culture in a control step, at its end.

    Attributes:
        recording: Spikes of the step; None before a first step without settling.
        features: The step's decoded recording, ``[F]``; channel rates (Hz) by default.
        features_1s: Mean of ``features`` over the last second, ``[F]``.
        rate_hz: Mean rate of a cell in the step, Hz.
        rate_1s_hz: Mean rate of a cell in the last second, Hz.
        charge_nC: Absolute charge that each channel gave in the step, both phases counted, nC ``[C]``.
        charge_fraction: Charge of all channels as a share of that of the strongest action.
        time_ms: Time from the first observation to the end of the step; at most 0 while settling.
        action: The agent's action, ``[A]``; None while settling.
    """

    recording: Recording | None
    features: NDArray[np.float64]
    features_1s: NDArray[np.float64]
    rate_hz: float
    rate_1s_hz: float
    charge_nC: NDArray[np.float64]
    charge_fraction: float
    time_ms: float
    action: NDArray | None = None


History = deque[Measurement]
"""Measurements of one culture's last second, oldest first, settling included."""


class Meter:
    """Measures the steps of cultures of one system.

    Args:
        num_neurons: N, the number of cells of a culture.
        step_ms: Length of a control step, ms.
        num_features: F, the length of a decoded recording.
        highest_charge_nC: Charge of each channel in a step under the highest command, nC ``[C]``.
    """

    def __init__(
        self, num_neurons: int, step_ms: float, num_features: int, highest_charge_nC: NDArray[np.float64]
    ) -> None:
        self._cell_seconds = num_neurons * step_ms * 1e-3
        self._window_steps = round(WINDOW_MS / step_ms)
        self._num_features = num_features
        self._highest_nC = highest_charge_nC.sum()
        self._num_channels = len(highest_charge_nC)

    def history(self) -> History:
        """Return an empty history of one culture, which keeps the steps of the last second."""
        return deque(maxlen=self._window_steps)

    def add(
        self,
        histories: Sequence[History],
        recording: Recording,
        features: NDArray[np.float64],
        charge_nC: NDArray[np.float64],
        times_ms: Sequence[float],
        actions: Sequence[NDArray | None],
    ) -> None:
        """Append the measurements of a step of n cultures to their histories.

        Args:
            histories: History of each culture, ``[n]``.
            recording: Recording of the step, of n cultures.
            features: Its decoded recordings, ``[n, F]``.
            charge_nC: Absolute charge of each channel, nC ``[n, C]``.
            times_ms: End of the step since the first observation of each culture, ``[n]``.
            actions: The agent's actions, ``[n]``; None while settling.
        """
        recordings = recording.cultures
        rates_hz = [len(single.spikes[1]) / self._cell_seconds for single in recordings]
        earlier = []
        for history in histories:
            if history and history[-1].recording is None:
                history.clear()  # the entry of `add_silence` is no step
            steps = min(len(history), self._window_steps - 1)
            earlier.append(list(history)[len(history) - steps :])
        features_1s, rates_1s_hz = np.empty_like(features), np.empty(len(features))
        for steps in set(map(len, earlier)):  # usually one length for all cultures, after a reset of some two
            rows = [k for k, past in enumerate(earlier) if len(past) == steps]
            second = [[*(m.features for m in earlier[k]), features[k]] for k in rows]
            features_1s[rows] = np.add.reduce(np.array(second), axis=1) / (steps + 1)  # as np.mean, but faster
            second_hz = [[*(m.rate_hz for m in earlier[k]), rates_hz[k]] for k in rows]
            rates_1s_hz[rows] = np.add.reduce(np.array(second_hz), axis=1) / (steps + 1)
        fractions = (np.add.reduce(charge_nC, axis=1) / self._highest_nC).tolist()
        numbers = zip(rates_hz, rates_1s_hz.tolist(), fractions, times_ms, strict=True)
        for k, (rate_hz, rate_1s_hz, fraction, time_ms) in enumerate(numbers):
            means = features_1s[k], rate_hz, rate_1s_hz
            measured = Measurement(recordings[k], features[k], *means, charge_nC[k], fraction, time_ms, actions[k])
            histories[k].append(measured)

    def add_silence(self, history: History) -> None:
        """Append the measurement at the start of an episode without settling."""
        silent = np.zeros(self._num_features)
        history.append(Measurement(None, silent, silent, 0.0, 0.0, np.zeros(self._num_channels), 0.0, 0.0))
