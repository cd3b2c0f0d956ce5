"""Spectra: of the culture's pooled firing, and of the potentials at its electrodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym import measures
from livn_gym.checks import checked
from livn_gym.decoding.base import Decoding, SpikeDecoding, as_recording
from livn_gym.errors import InvalidInput, NotRecorded
from livn_gym.measures.criticality import MIN_SPIKES
from livn_gym.recording import Recording
from livn_gym.units import finite

if TYPE_CHECKING:
    from livn_gym.env import Env

BANDS: Mapping[str, tuple[float, float]] = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 100.0),
}
"""The usual bands by name: lower (included) and upper (excluded) frequency, Hz."""

MAX_POWER_MV2 = 1e4
"""Bound of the space of band powers: no electrode swings by more than 100 mV."""


@checked
class SpectralSlope(SpikeDecoding):
    """Exponent of the 1/f spectrum of the culture's spike count; a float.

    Spikes in bins of 5 ms, Welch's method with segments of 2 s, least squares on log power over log frequency
    from 1 to 50 Hz. 0 for a Poisson train, NaN for fewer than 200 spikes: the spectrum of a few is that of single
    events.

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

    def decode(self, env: Env, gid: NDArray[np.int64], t: NDArray[np.float64]) -> float:
        """One culture's slope; see the class."""
        if len(t) < MIN_SPIKES:
            return float("nan")
        counts = measures.population_counts(t, self.duration, self.bin_ms)
        return measures.spectral_slope(counts, self.bin_ms, segment_ms=self.segment_ms)


@checked
class LFPBandPower(Decoding):
    """Power of every electrode's potential in frequency bands, mV2: float32 ``[C, K]`` or ``[B, C, K]``.

    Needs the membrane current of both compartments, which ``single``, ``batch`` and so an Env take from the
    recording. A call with six arrays knows one and takes the other as its opposite: exact unless a current was
    injected into cells.
    Power is the integral of Welch's density over the band, so that a sine of amplitude a has a**2 / 2.

    Args:
        duration: Length of the run, ms; at least a segment.
        bands: Lower and upper frequency (Hz) of each band by name; default ``BANDS``.
        segment_ms: Length of Welch's segments; at least a period of the lowest band's lower frequency.
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

    def __call__(
        self,
        env: Env,
        it: NDArray | None,
        t: NDArray | None,
        iv: NDArray | None = None,
        v: NDArray | None = None,
        im: NDArray | None = None,
        mp: NDArray | None = None,
    ) -> NDArray[np.float32]:
        """One culture's powers, mV2 ``[C, K]``; see the class.

        Raises:
            NotRecorded: Membrane currents were not recorded.
            InvalidInput: Samples are too far apart for the highest band.
        """
        return self.batch(env, as_recording(env, self.duration, None, None, im=im, mp=mp))[0]

    def single(self, env: Env, recording: Recording) -> NDArray[np.float32]:
        """One culture's powers, mV2 ``[C, K]``, from the currents of both compartments."""
        return self.batch(env, recording)[0]

    def batch(self, env: Env, recording: Recording) -> NDArray[np.float32]:
        """Every culture's powers, mV2 ``[B, C, K]``.

        Raises:
            NotRecorded: Membrane currents were not recorded.
            InvalidInput: The recording has another duration, or its samples are too far apart.
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
        potential = env.io.potential_recording(env.geometry, recording)
        potential = potential.reshape(recording.num_cultures, env.io.num_channels, -1)
        segment = round(self.segment_ms / recording.sample_dt_ms)
        frequency, density = measures.welch(potential, sample_hz, segment)
        powers = [measures.band_power(frequency, density, low, high) for low, high in self.bands.values()]
        return np.stack(powers, axis=-1).astype(np.float32)

    def observation_space(self, env: Env) -> spaces.Box:
        """``Box(0, 1e4, [C, K], float32)``, mV2."""
        return spaces.Box(0.0, MAX_POWER_MV2, (env.io.num_channels, len(self.bands)), np.float32)


def _segment(segment_ms: Any, duration_ms: float) -> float:
    segment = finite("segment_ms", segment_ms, above=0.0)
    if segment > duration_ms:
        raise InvalidInput(f"A spectrum needs at least a segment of {segment:g} ms, the run lasts {duration_ms:g} ms.")
    return segment
