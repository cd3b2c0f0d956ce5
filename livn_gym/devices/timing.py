"""Latency and jitter of the control steps of a session, and whether every pulse was given when it should be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livn_gym.devices.commands import Command

PERCENTILES = (50.0, 95.0, 100.0)
"""Percentiles that tables show; the last is the maximum."""


@dataclass(frozen=True)
class StepTiming:
    """Timing of one run of a device.

    Attributes:
        episode: Number of the episode, from 1; 0 outside episodes.
        phase: ``"reset"`` before an episode's first step (calibration of the task, settling), then ``"step"``.
        start_ms: Start of the run in the time of the session, ms.
        duration_ms: Length of the run.
        latency_ms: Wall-clock time from the end of the previous reading to the end of sending: the time that decoding,
            agent, encoding, checks and the device's API take.
        jitter_ms: Wall-clock time between the ends of the previous reading and this one, less the length of the run;
            NaN for the first run of a loop and if the device does not run in real time.
        lag_ms: Time of the device by which the run had begun when its stimulus was about to be sent.
        stim_delay_ms: Largest delay of a reported pulse relative to its commanded time; NaN without pulses.
        unconfirmed: Number of pulses of earlier runs and this one that the device has not reported yet.
    """

    episode: int
    phase: str
    start_ms: float
    duration_ms: float
    latency_ms: float
    jitter_ms: float
    lag_ms: float
    stim_delay_ms: float
    unconfirmed: int


def percentiles(values: Sequence[float]) -> list[float]:
    """Return the ``PERCENTILES`` of absolute values, NaN left out; all NaN without a value."""
    known = np.abs(np.array([value for value in values if value == value]))
    return [float(np.percentile(known, q)) for q in PERCENTILES] if len(known) else [np.nan] * len(PERCENTILES)


def largest(values: Sequence[float]) -> float:
    """Return the largest value, NaN left out; NaN without a value."""
    return max((value for value in values if value == value), default=np.nan)


class PulseTracker:
    """Compares the pulses that a device reports with the commands, channel by channel in the order of time."""

    def __init__(self) -> None:
        self._expected: dict[int, list[float]] = defaultdict(list)

    def command(self, commands: Iterable[Command], start_ms: float) -> None:
        """Expect the pulses of a run that starts at a time of the session."""
        for command in commands:
            onsets_ms = start_ms + (command.onset_us + np.arange(command.count) * command.interval_us) * 1e-3
            for channel in command.channels:
                self._expected[channel].extend(onsets_ms.tolist())

    def report(self, channel: NDArray[np.int64], onset_ms: NDArray[np.float64]) -> float:
        """Match pulses that the device reports with commands, and return the largest delay, ms; NaN without pulses.

        A pulse that nobody commanded has an infinite delay.
        """
        delays = []
        for k in np.argsort(onset_ms, kind="stable").tolist():
            expected = self._expected[int(channel[k])]
            delays.append(float(onset_ms[k]) - expected.pop(0) if expected else np.inf)
        return max(delays, default=np.nan)

    @property
    def unconfirmed(self) -> int:
        """Number of pulses that were commanded and not reported."""
        return sum(map(len, self._expected.values()))
