"""The sweeps of a fit: that of the recording, and shorter ones with the same pulses for simulated cultures."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from livn_gym.checks import checked_types
from livn_gym.device_profile import DeviceProfile
from livn_gym.errors import InvalidInput
from livn_gym.fitting.statistics import ISOLATED_MS
from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.tuning import probe_response
from livn_gym.tuning.channel_measures import MIN_PULSES
from livn_gym.tuning.probe_sweep import ProbeSweep

SEARCH_REST_MS, SEARCH_TRIALS, SEARCH_TRAIN_MS = 100_000.0, 2, 5000.0
"""Rest, pulses per electrode and length of a train of the cultures of a search. The regression averages over cultures,
so that many short ones tell more than few long ones."""

CHECK_REST_MS = 200_000.0
"""Rest of the cultures that are judged by the criterion."""

PAUSE_MS = 3000.0


@checked_types
def sweep_of(spikes: ChannelSpikes, phase_ms: float | None = None, device: DeviceProfile | None = None) -> ProbeSweep:
    """Return the standard sweep with the amplitudes of a recording: its strongest single pulses and its trains.

    Without amplitudes in the recording, they are the standard ones.

    Args:
        spikes: The recording.
        phase_ms: Width of a phase of its pulses. Default: that of the standard sweep.
        device: Device that recorded it, which has a standard sweep of its own (``ProbeSweep.for_device``).

    Raises:
        InvalidInput: Pulses of the recorded amplitudes and this width would be unsafe.
    """
    sweep = ProbeSweep() if device is None else ProbeSweep.for_device(device.of_usable())
    if phase_ms is not None:
        sweep = replace(sweep, phase_ms=phase_ms)
    if spikes.stim_amplitude_uA is None or probe_response(spikes) is None:
        return sweep
    before = np.diff(spikes.stim_t_ms, prepend=-np.inf)
    after = np.diff(spikes.stim_t_ms, append=np.inf)
    single = (before >= ISOLATED_MS) & (after >= ISOLATED_MS)
    levels = np.unique(spikes.stim_amplitude_uA[~single].round(6)) if (~single).any() else np.zeros(0)
    pulses_uA = (float(spikes.stim_amplitude_uA[single].max()),)
    trains_uA = tuple(float(level) for level in levels if level > 0.0)
    try:
        return replace(sweep, pulses_uA=pulses_uA, trains_uA=trains_uA)
    except InvalidInput as error:
        raise InvalidInput(
            f"The pulses of the recording cannot have had phases of {sweep.phase_ms:g} ms: give their width, phase_ms "
            f"(--phase-ms). {error}"
        ) from error


@checked_types
def search_sweep(sweep: ProbeSweep, num_channels: int) -> ProbeSweep:
    """Return the short sweep of the cultures of a search: the strongest pulses and all trains.

    Args:
        sweep: Sweep of the recording.
        num_channels: Number of channels of the simulated array; of few, each gets more pulses.
    """
    trials = max(SEARCH_TRIALS, math.ceil(MIN_PULSES / min(sweep.electrodes, num_channels)))
    return replace(
        sweep,
        rest_ms=min(sweep.rest_ms, SEARCH_REST_MS),
        pulses_uA=sweep.pulses_uA[-1:],
        trials=trials,
        train_ms=min(sweep.train_ms, SEARCH_TRAIN_MS),
        pause_ms=min(sweep.pause_ms, PAUSE_MS),
    )


@checked_types
def check_sweep(sweep: ProbeSweep, num_channels: int) -> ProbeSweep:
    """Return the sweep of the cultures that are judged by the criterion: that of a search with a longer rest."""
    return replace(search_sweep(sweep, num_channels), rest_ms=min(sweep.rest_ms, CHECK_REST_MS))
