"""Conformance checks of drivers, on simulated cultures only."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from livn_gym.devices.commands import Command
from livn_gym.devices.driver import Driver, Reading
from livn_gym.errors import InvalidInput, NonConforming

_RUN_MS = 200.0
_PULSE = ((200, -1.0), (200, 1.0))


def conform(driver: Driver) -> list[str]:
    """Check a driver and return the names of the checks that it passed.

    Args:
        driver: Driver of a simulated culture, which is opened and closed.

    Raises:
        InvalidInput: The driver reaches a real device.
        NonConforming: A check failed.
    """
    if not driver.is_simulated():
        raise InvalidInput("Conformance is checked on simulated cultures; this driver reaches a real device.")
    with TemporaryDirectory() as folder:
        driver.open(Path(folder))
        try:
            for check in (_check_silence, _check_pulses, _check_halt):
                driver.begin(1e6)
                check(driver)
                driver.end()
        finally:
            driver.close()
            driver.close()
    return ["open", "silence", "pulses", "halt", "close"]


def _check_silence(driver: Driver) -> None:
    for _ in range(2):
        reading = _read(driver)
        if len(reading.stim_channel):
            raise NonConforming(f"{_name(driver)} reports pulses that nobody sent, at {reading.stim_ms.tolist()} ms.")


def _check_pulses(driver: Driver) -> None:
    channels = tuple(driver.profile.electrodes.usable_channels[:2].tolist())
    commands = [Command(channels, 1000, _PULSE), Command(channels[:1], 20_000, _PULSE, 3, 50_000)]
    expected = sorted([(channels[0], t_ms) for t_ms in (1.0, 20.0, 70.0, 120.0)] + [(channels[1], 1.0)])
    for _ in range(2):
        driver.send(iter(commands))
        reading = _read(driver)
        given = sorted(zip(reading.stim_channel.tolist(), reading.stim_ms.tolist(), strict=True))
        same = len(given) == len(expected) and np.allclose(given, expected, rtol=0.0, atol=0.1)
        if not same:
            raise NonConforming(f"{_name(driver)} was sent pulses at {expected} (channel, ms) and reports {given}.")


def _check_halt(driver: Driver) -> None:
    channel = int(driver.profile.electrodes.usable_channels[0])
    driver.send(iter([Command((channel,), 100_000, _PULSE)]))
    driver.halt()
    driver.halt()
    for _ in range(2):
        reading = _read(driver)
        if len(reading.stim_channel):
            raise NonConforming(f"{_name(driver)} gives a pulse that was queued when it was halted.")


def _read(driver: Driver) -> Reading:
    beats: list[float] = []
    reading = driver.read(_RUN_MS, beats.append)
    if not beats or not np.isfinite(beats).all():
        raise NonConforming(f"{_name(driver)}.read must call beat with finite delays, it did with {beats}.")
    channel, t_ms = reading.spike_channel, reading.spike_ms
    if channel.shape != t_ms.shape or reading.stim_channel.shape != reading.stim_ms.shape:
        raise NonConforming(f"Channels and times of {_name(driver)} differ in number.")
    if len(t_ms) and not (t_ms.min() >= 0.0 and t_ms.max() < _RUN_MS):
        raise NonConforming(f"Spikes of {_name(driver)} are at {t_ms.min()} to {t_ms.max()} ms of {_RUN_MS} ms.")
    if not np.isin(channel, driver.profile.electrodes.usable_channels).all():
        raise NonConforming(f"Spikes of {_name(driver)} are of channels that are not usable: {set(channel.tolist())}.")
    return reading


def _name(driver: Driver) -> str:
    return type(driver).__name__
