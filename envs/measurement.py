"""Measurement of a control step of one culture, with means over the last second."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.recording import Recording
from livn_gym.values import unchangeable

WINDOW_MS = 1000.0
"""Length of the "last second" of observations and rewards."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """Recording, rates, charge and action of one culture in a control step, at its end.

    Attributes:
        recording: Recorded spikes of the step, without blanked ones; None before a first step without settling.
        features: The step's decoded recording, ``[F]``; channel rates (Hz) by default. Of a channel that recorded for
            less than a quarter of what the decoding reads of the step, it is that of the step before.
        features_1s: Mean of ``features`` over the steps of the last second, ``[F]``.
        rate_hz: Mean over cells of the recorded spikes divided by the time for which the cell's electrode recorded,
            without cells whose electrode recorded for less than a quarter of the step, Hz. If that leaves no cell, it
            is the rate of the step before.
        rate_1s_hz: Mean of ``rate_hz`` over the steps of the last second, Hz.
        charge_nC: Absolute charge that each channel gave in the step, both phases counted, nC ``[C]``.
        charge_fraction: Charge of all channels as a share of that of the strongest action.
        time_ms: Time from the first observation to the end of the step; at most 0 while settling.
        action: The agent's action, ``[A]``; None while settling.
        lost_fraction: Share of the step in which a channel did not record because of blanking, mean over channels.
        blanked_channels: Number of channels that recorded for less than a quarter of what the decoding reads of the
            step, whose features are those of the step before.
        direct_spikes: Number of the culture's spikes that the field evoked directly, recorded or not.
        synaptic_spikes: Number of its other spikes, recorded or not.
        dose_mJ_mm2: Dose of each light in the step, at its centre, mJ/mm2 ``[L]``; empty without lights.
        dose_fraction: Dose of all lights as a share of that of the strongest action.
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
    lost_fraction: float = 0.0
    blanked_channels: float = 0.0
    direct_spikes: float = 0.0
    synaptic_spikes: float = 0.0
    dose_mJ_mm2: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    dose_fraction: float = 0.0

    @property
    def is_step(self) -> bool:
        """Whether the culture ran; False before a first step without settling."""
        return self.recording is not None

    def info(self, *, lit: bool) -> dict[str, float]:
        """Return the entries of ``info`` that every task has.

        Args:
            lit: Whether the culture has lights, whose dose is then among them.
        """
        info = {
            "rate_hz": self.rate_hz,
            "rate_1s_hz": self.rate_1s_hz,
            "charge_nC": float(np.add.reduce(self.charge_nC)),
            "charge_fraction": self.charge_fraction,
            "time_ms": self.time_ms,
            "lost_fraction": self.lost_fraction,
            "blanked_channels": self.blanked_channels,
            "direct_spikes": self.direct_spikes,
            "synaptic_spikes": self.synaptic_spikes,
        }
        if lit:
            info["dose_mJ_mm2"] = float(self.dose_mJ_mm2.sum())
            info["dose_fraction"] = self.dose_fraction
        return info


class _Recordings:
    """Recordings of the single cultures of a run, which is divided when one is read, since most tasks read none."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    @cached_property
    def cultures(self) -> tuple[Recording, ...]:
        return self._recording.cultures


class _StepMeasurement(Measurement):
    """Measurement of a step of the culture ``_index`` of a run of several."""

    _recordings: _Recordings
    _index: int
    is_step = True

    @cached_property
    def recording(self) -> Recording:
        return self._recordings.cultures[self._index]

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes without the recordings of the other cultures, which a copy has not."""
        others = ("_recordings", "_index")
        return {"recording": self.recording} | {name: value for name, value in vars(self).items() if name not in others}


History = deque[Measurement]
"""Measurements of one culture's last second, oldest first, settling included."""


class Meter:
    """Measures the steps of cultures of one system.

    Args:
        num_neurons: N, the number of cells of a culture.
        step_ms: Length of a control step, ms.
        num_features: F, the length of a decoded recording.
        highest_charge_nC: Charge of each channel in a step under the highest command, nC ``[C]``.
        highest_dose_mJ_mm2: Dose of each light, likewise, mJ/mm2 ``[L]``.
        per_channel: Whether the features are one number per channel.
        read_ms: Start and end of what the decoding reads of a step, ms; None for all of it.
    """

    def __init__(
        self,
        num_neurons: int,
        step_ms: float,
        num_features: int,
        highest_charge_nC: NDArray[np.float64],
        highest_dose_mJ_mm2: NDArray[np.float64],
        per_channel: bool = False,
        read_ms: tuple[float, float] | None = None,
    ) -> None:
        self._cell_seconds = num_neurons * step_ms * 1e-3
        self._window_steps = round(WINDOW_MS / step_ms)
        self._num_features = num_features
        self._highest_nC, self._highest_dose = highest_charge_nC.sum() or 1.0, highest_dose_mJ_mm2.sum() or 1.0
        self._silence = tuple(unchangeable(np.zeros(len(each))) for each in (highest_charge_nC, highest_dose_mJ_mm2))
        self._per_channel = per_channel
        self._read_ms = None if read_ms == (0.0, step_ms) else read_ms

    def history(self) -> History:
        """Return an empty history of one culture, which keeps the steps of the last second."""
        return deque(maxlen=self._window_steps)

    def add(
        self,
        histories: Sequence[History],
        recording: Recording,
        features: NDArray[np.float64],
        charge_nC: NDArray[np.float64],
        dose_mJ_mm2: NDArray[np.float64],
        times_ms: Sequence[float],
        actions: Sequence[NDArray | None],
        spikes: NDArray[np.int64],
    ) -> None:
        """Append the measurements of a step of n cultures to their histories.

        Args:
            histories: History of each culture, ``[n]``.
            recording: Recording of the step, of n cultures.
            features: Its decoded recordings, ``[n, F]``.
            charge_nC: Absolute charge of each channel, nC ``[n, C]``.
            dose_mJ_mm2: Dose of each light, mJ/mm2 ``[n, L]``.
            times_ms: End of the step since the first observation of each culture, ``[n]``.
            actions: The agent's actions, ``[n]``; None while settling.
            spikes: Number of direct and of other spikes of each culture, recorded or not, ``[n, 2]``.
        """
        count = len(histories)
        rates_hz = (np.bincount(recording.spikes[0], minlength=count) / self._cell_seconds).tolist()
        lost, blanked = [0.0] * count, [0.0] * count
        if recording.blanking is not None:
            features, rates_hz, lost, blanked = self._corrected(histories, recording, features, rates_hz)
        earlier = []
        for history in histories:
            if history and not history[-1].is_step:
                history.clear()  # the entry of `add_silence` is no step
            steps = min(len(history), self._window_steps - 1)
            earlier.append(list(history)[len(history) - steps :])
        features_1s, rates_1s_hz = np.empty_like(features), np.empty(len(features))
        for steps in set(map(len, earlier)):  # usually one length for all cultures, after a reset of some two
            rows = [k for k, past in enumerate(earlier) if len(past) == steps]
            second = np.concatenate([f for k in rows for f in (*(m.features for m in earlier[k]), features[k])])
            # As np.array of nested lists and np.mean, but faster.
            features_1s[rows] = np.add.reduce(second.reshape(len(rows), steps + 1, -1), axis=1) / (steps + 1)
            second_hz = [[*(m.rate_hz for m in earlier[k]), rates_hz[k]] for k in rows]
            rates_1s_hz[rows] = np.add.reduce(np.array(second_hz), axis=1) / (steps + 1)
        # A task that changed them would change later means and the observation.
        arrays = features, features_1s, charge_nC, dose_mJ_mm2
        features, features_1s, charge_nC, dose_mJ_mm2 = map(unchangeable, arrays)
        fractions = (np.add.reduce(charge_nC, axis=1) / self._highest_nC).tolist()
        doses = (np.add.reduce(dose_mJ_mm2, axis=1) / self._highest_dose).tolist()
        observed = zip(lost, blanked, *spikes.T.astype(np.float64).tolist(), strict=True)
        numbers = zip(rates_hz, rates_1s_hz.tolist(), fractions, times_ms, observed, doses, strict=True)
        recordings = _Recordings(recording)
        for k, (rate_hz, rate_1s_hz, fraction, time_ms, counts, dose) in enumerate(numbers):
            measured = object.__new__(_StepMeasurement)  # the constructor of a frozen class takes several times as long
            vars(measured).update(
                _recordings=recordings,
                _index=k,
                features=features[k],
                features_1s=features_1s[k],
                rate_hz=rate_hz,
                rate_1s_hz=rate_1s_hz,
                charge_nC=charge_nC[k],
                charge_fraction=fraction,
                time_ms=time_ms,
                action=actions[k],
                lost_fraction=counts[0],
                blanked_channels=counts[1],
                direct_spikes=counts[2],
                synaptic_spikes=counts[3],
                dose_mJ_mm2=dose_mJ_mm2[k],
                dose_fraction=dose,
            )
            histories[k].append(measured)

    def _corrected(
        self,
        histories: Sequence[History],
        recording: Recording,
        features: NDArray[np.float64],
        rates_hz: Sequence[float],
    ) -> tuple[NDArray[np.float64], list[float], list[float], list[float]]:
        """Return features, rates, share of time lost and number of blanked channels of a step with blanked times."""
        blanking = recording.blanking
        assert blanking is not None
        read = blanking if self._read_ms is None else blanking.slice(*self._read_ms)
        recorded, lost = read.recorded, blanking.lost_fraction
        culture, gid, _ = recording.spikes
        sums_hz = np.bincount(culture, blanking.recorded_cell_spike_hz[culture, gid], minlength=len(histories))
        cells, blanked = blanking.num_cells_recorded, read.num_blanked_channels
        features, corrected_hz = features.copy(), list(rates_hz)
        for k in np.flatnonzero(lost > 0).tolist():  # others have the rates that they would have alone
            corrected_hz[k] = float(sums_hz[k] / max(cells[k], 1))
            if blanked[k]:
                last = histories[k][-1] if histories[k] else None
                if not cells[k]:
                    corrected_hz[k] = 0.0 if last is None else last.rate_hz
                repeated = ~recorded[k] if self._per_channel else np.full(features.shape[1], not recorded[k].any())
                features[k, repeated] = 0.0 if last is None else last.features[repeated]
        return features, corrected_hz, lost.tolist(), blanked.astype(np.float64).tolist()

    def add_silence(self, history: History) -> None:
        """Append the measurement at the start of an episode without settling."""
        silent = unchangeable(np.zeros(self._num_features))
        charge, dose = self._silence
        history.append(Measurement(None, silent, silent, 0.0, 0.0, charge, 0.0, 0.0, dose_mJ_mm2=dose))
