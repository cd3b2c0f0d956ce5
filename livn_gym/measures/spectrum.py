"""Power spectra by Welch's method, power in a frequency band, and the slope of a 1/f spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.checks import checked, number_array
from livn_gym.errors import InvalidInput
from livn_gym.units import finite


@checked
def welch(x: ArrayLike, sample_hz: float, segment: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Estimate the one-sided power spectral density from half-overlapping Hann segments without their means.

    Reference:
        Welch, The use of fast Fourier transform for the estimation of power spectra, IEEE Trans Audio
        Electroacoust 15:70, 1967.

    Args:
        x: One or more signals, ``[..., T]``; samples after the last whole segment are ignored.
        sample_hz: Samples per second.
        segment: Number of samples per segment.

    Returns:
        Frequencies, Hz ``[F]``, and density, unit of x squared per Hz, ``[..., F]``.

    Raises:
        InvalidInput: The signal is shorter than a segment.
    """
    signal = np.atleast_1d(number_array("x", x)).astype(np.float64)
    samples = signal.shape[-1]
    finite("sample_hz", sample_hz, above=0.0)
    if not 2 <= segment <= samples:
        raise InvalidInput(f"A segment must have from 2 to {samples} samples, the length of the signal, got {segment}.")
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(segment) / segment)
    starts = range(0, samples - segment + 1, segment - segment // 2)
    power = np.zeros((*signal.shape[:-1], segment // 2 + 1))
    for start in starts:  # one at a time: all segments of a thousand channels would not fit in memory
        segment_values = signal[..., start : start + segment]
        power += np.abs(np.fft.rfft((segment_values - segment_values.mean(axis=-1, keepdims=True)) * window)) ** 2
    density = power / (len(starts) * sample_hz * np.sum(window**2))
    # Negative frequencies add to all frequencies but 0 and the Nyquist frequency.
    density[..., 1 : -1 if segment % 2 == 0 else None] *= 2.0
    return np.fft.rfftfreq(segment, 1.0 / sample_hz).astype(np.float64), density


@checked
def band_power(frequency: NDArray, density: NDArray, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Return the power in ``[low_hz, high_hz)``, the sum of the density times the frequency step, ``[...]``.

    Raises:
        InvalidInput: No frequency of the spectrum is in the band.
    """
    if frequency.ndim != 1 or len(frequency) < 2 or density.shape[-1:] != frequency.shape:
        raise InvalidInput(
            f"frequency and density must be [F] and [..., F], got {frequency.shape} and {density.shape}."
        )
    inside = (frequency >= low_hz - 1e-9) & (frequency < high_hz - 1e-9)
    if not inside.any():
        raise InvalidInput(
            f"A spectrum from 0 to {frequency[-1]:g} Hz in steps of {frequency[1]:g} Hz has no point between "
            f"{low_hz:g} and {high_hz:g} Hz: record longer or sample faster."
        )
    return density[..., inside].sum(axis=-1) * frequency[1]


@checked
def spectral_slope(
    counts: NDArray, bin_ms: float, *, low_hz: float = 1.0, high_hz: float = 50.0, segment_ms: float = 2000.0
) -> float:
    """Return the exponent of a 1/f spectrum: the least-squares slope of log power over log frequency.

    Args:
        counts: Spikes of the population in every bin, ``[T]``.
        bin_ms: Bin width.
        low_hz: Lowest frequency of the fit.
        high_hz: Highest frequency of the fit.
        segment_ms: Length of Welch's segments.

    Returns:
        The slope: 0 for a Poisson process, negative if slow fluctuations dominate, NaN if the power is zero anywhere.

    Raises:
        InvalidInput: The recording is shorter than a segment, or fewer than two frequencies are in the range.
    """
    finite("low_hz", low_hz, above=0.0)
    finite("bin_ms", bin_ms, above=0.0)
    finite("segment_ms", segment_ms, above=0.0)
    if segment_ms > bin_ms * len(counts) * (1 + 1e-9):
        raise InvalidInput(
            f"A spectrum needs at least a segment of {segment_ms:g} ms, the recording has {bin_ms * len(counts):g} ms."
        )
    frequency, density = welch(counts, 1000.0 / bin_ms, round(segment_ms / bin_ms))
    inside = (frequency >= low_hz - 1e-9) & (frequency <= high_hz + 1e-9)
    if inside.sum() < 2:
        raise InvalidInput(f"A slope needs two frequencies between {low_hz:g} and {high_hz:g} Hz: use longer segments.")
    if not (density[inside] > 0.0).all():
        return float("nan")
    return float(np.polyfit(np.log10(frequency[inside]), np.log10(density[inside]), 1)[0])
