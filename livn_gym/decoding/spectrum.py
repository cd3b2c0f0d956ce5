"""Spectra of the pooled firing of a culture and of the potentials at its electrodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym import measures
from livn_gym.checks import checked
from livn_gym.decoding.base import Decoding
from livn_gym.errors import InvalidInput, NotRecorded
from livn_gym.measures.criticality import MIN_SPIKES
from livn_gym.recording import Recording
from livn_gym.units import finite
from livn_gym.view import CultureView

BANDS: Mapping[str, tuple[float, float]] = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 100.0),
}
"""Frequency bands by name: lower (included) and upper (excluded) frequency, Hz."""

MAX_POWER_MV2 = 1e4
"""Upper bound of the space of band powers: the potential at an electrode stays within 100 mV."""


@checked
class SpectralSlope(Decoding):
    """Slope of the log-log power spectrum of the spike count (negative for 1/f): a float, of B cultures ``[B]``.

    Spikes in bins of 5 ms, Welch's method with segments of 2 s, least squares on log power over log frequency
    from 1 to 50 Hz. 0 for a Poisson train, NaN for fewer than 200 spikes, whose spectrum is that of single events.

    Args:
        duration: Length of the run, ms; a whole number of bins, at least 2 s.
        bin_ms: Bin width.
        segment_ms: Length of Welch's segments.
    """

    def __init__(self, duration: float, bin_ms: float = 5.0, segment_ms: float = 2000.0) -> None:
        super().__init__(duration)
        measures.num_bins(duration, bin_ms)
        self.bin_ms = float(bin_ms)
        self.segment_ms = _segment(segment_ms, self.duration)

    def decode(self, view: CultureView, recording: Recording) -> NDArray[np.float64]:
        """Slope of every culture, ``[B]``."""
        return np.array([self._slope(t) for _, t in self.trains(view, recording)])

    def _slope(self, t: NDArray[np.float64]) -> float:
        if len(t) < MIN_SPIKES:
            return float("nan")
        counts = measures.population_counts(t, self.duration, self.bin_ms)
        return measures.spectral_slope(counts, self.bin_ms, segment_ms=self.segment_ms)


@checked
class LFPBandPower(Decoding):
    """Power of the potential at every electrode in frequency bands, mV2: float32 ``[C, K]``.

    Of B cultures, ``[B, C, K]``.

    Needs the membrane currents of both compartments, which a recording holds; six arrays hold those of one (see
    ``Decoding.__call__``). Power is the integral of Welch's density over the band: a sine of amplitude a has a**2 / 2.

    Args:
        duration: Length of the run, ms; at least one segment.
        bands: Lower and upper frequency (Hz) of each band by name; default ``BANDS``.
        segment_ms: Length of Welch's segments; at least one period of the lowest frequency of all bands.
    """

    def __init__(
        self,
        duration: float,
        bands: Mapping[str, tuple[float, float]] | None = None,
        segment_ms: float = 1000.0,
    ) -> None:
        super().__init__(duration)
        self.bands = {name: (float(low), float(high)) for name, (low, high) in (bands or BANDS).items()}
        self.segment_ms = _segment(segment_ms, self.duration)
        for name, (low, high) in self.bands.items():
            if not 1000.0 / self.segment_ms <= low < high:
                raise InvalidInput(
                    f"Band {name!r} must rise from at least {1000.0 / self.segment_ms:g} Hz, the lowest "
                    f"frequency of a segment of {self.segment_ms:g} ms, got {low:g} ... {high:g} Hz."
                )

    def decode(self, view: CultureView, recording: Recording) -> NDArray[np.float32]:
        """Powers of every culture, mV2 ``[B, C, K]``.

        Raises:
            NotRecorded: Membrane currents were not recorded.
            InvalidInput: The recording has another duration, or its samples are too far apart for the highest band.
        """
        self.check_duration(recording)
        if recording.current is None:
            raise NotRecorded("LFPBandPower needs membrane currents: call record_membrane_current() before the run.")
        sample_hz = 1000.0 / recording.sample_dt_ms
        highest = max(high for _, high in self.bands.values())
        if sample_hz < 2.0 * highest:
            raise InvalidInput(
                f"Bands up to {highest:g} Hz need samples every {500.0 / highest:g} ms or more often, "
                f"got {recording.sample_dt_ms:g} ms."
            )
        potential = view.electrodes.potential_recording(recording)
        potential = potential.reshape(recording.num_cultures, view.electrodes.num_channels, -1)
        segment = round(self.segment_ms / recording.sample_dt_ms)
        frequency, density = measures.welch(potential, sample_hz, segment)
        powers = [measures.band_power(frequency, density, low, high) for low, high in self.bands.values()]
        return np.stack(powers, axis=-1).astype(np.float32)

    def observation_space(self, view: CultureView) -> spaces.Box:
        """``Box(0, 1e4, [C, K], float32)``, mV2."""
        return spaces.Box(0.0, MAX_POWER_MV2, (view.electrodes.num_channels, len(self.bands)), np.float32)


def _segment(segment_ms: Any, duration_ms: float) -> float:
    segment = finite("segment_ms", segment_ms, above=0.0)
    if segment > duration_ms:
        raise InvalidInput(f"A spectrum needs at least a segment of {segment:g} ms, the run lasts {duration_ms:g} ms.")
    return segment
