"""A device between a closed loop and its cultures: what can be given, and what is observed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from livn_gym.copies import altered
from livn_gym.device_profile import DeviceProfile
from livn_gym.env import Env
from livn_gym.errors import InvalidInput, LimitExceeded
from livn_gym.plant import Plant
from livn_gym.pulses import Pulses
from livn_gym.recording import Recording
from livn_gym.stimulation_limits import Delivered, check_stimulus
from livn_gym.stimulus import Stimulus
from livn_gym.view import CultureView

OBSERVATIONS = ("cells", "channels")
"""Observation models: the cells' own spikes (ground truth), or the spikes that the device detects on its channels."""


class ObservationModel(Protocol):
    """Turns the spikes of cells into the spikes that are detected on channels."""

    def observe(self, recording: Recording, stimulus: Stimulus | None, cultures: Sequence[int]) -> Recording:
        """Return the detected spikes of the next run of n cultures, with the channel as gid."""

    def reset(self, cultures: Sequence[int], seeds: Sequence[int]) -> None:
        """Begin an episode in some cultures, with noise of these seeds."""

    def state(self) -> list[Any]:
        """Return the state of every culture, ``[B]``, picklable."""

    def set_state(self, states: Sequence[Any]) -> None:
        """Continue from the states of an equal model."""


class DeviceLink:
    """Commands within a device's limits and steps, and the observation that it gives, of a loop's B cultures.

    Args:
        profile: The device; unusable channels have no column.
        view: What the recordings that reach the decoding are of: the cells, or the channels.
        observation: Detection of spikes on channels; None where the plant detects them itself, and for true spikes.
    """

    def __init__(self, profile: DeviceProfile, view: CultureView, observation: ObservationModel | None = None) -> None:
        self.profile = profile.of_usable()
        self.view = view
        self.observation = observation
        self._sent = Delivered.none(view.num_cultures, self.profile.electrodes.num_channels)
        """Pulses and charges that were commanded."""
        self._reached = Delivered.none(view.num_cultures, self.profile.electrodes.num_channels)
        """Pulses and charges that reached the cultures, after the conditions."""

    def reset(self, plant: Plant, cultures: Sequence[int]) -> None:
        """Begin an episode in some cultures, which have been cleared."""
        none = Delivered.none(len(cultures), self.profile.electrodes.num_channels)
        self.commit(none, none, cultures)
        if self.observation is not None:
            assert isinstance(plant, Env)
            seeds = [noise_seed(plant.seeds[b], plant.trials[b]) for b in cultures]
            self.observation.reset(cultures, seeds)

    def encoded(self, stimulus: Stimulus | None) -> Stimulus | None:
        """Return an encoding's pulses in the device's steps, the first ones when the device can answer.

        Onsets are later by ``profile.response_ms`` and rounded up to the step of onsets; currents are rounded to the
        step of currents. Waveforms that are no pulses, and light, are returned unchanged.
        """
        if stimulus is None or stimulus.pulses is None or stimulus.parts[1] is not None:
            return stimulus
        pulses, limits = stimulus.pulses, self.profile.stimulation
        step_ms, value = limits.lead_step_us * 1e-3, pulses.value
        onset_ms = np.ceil((pulses.onset_ms + self.profile.response_ms) / step_ms - 1e-6) * step_ms
        if limits.amplitude_step_uA:
            value = np.rint(value / limits.amplitude_step_uA) * limits.amplitude_step_uA
        end_ms = float((onset_ms + pulses.offset_ms + pulses.width_ms).max(initial=0.0))
        if end_ms > stimulus.duration_ms + 1e-6:
            raise InvalidInput(
                f"{self.profile.name} answers {self.profile.response_ms:g} ms after a reading, so that the last pulse "
                f"ends at {end_ms:g} ms, after the step of {stimulus.duration_ms:g} ms: pulse in fewer groups, at "
                "a lower rate or in longer steps."
            )
        moved = Pulses(pulses.culture, pulses.column, onset_ms, pulses.offset_ms, pulses.width_ms, value, verified=True)
        return Stimulus.from_pulses(
            moved.select(value != 0.0),
            num_columns=stimulus.num_columns,
            duration_ms=stimulus.duration_ms,
            num_cultures=stimulus.num_cultures,
            mode=stimulus.mode,
        )

    def check(self, stimulus: Stimulus | None, duration_ms: float, cultures: Sequence[int]) -> Delivered:
        """Check that the device can give a stimulus to n cultures in the next run; ``commit`` the result after it.

        Raises:
            LimitExceeded: It cannot.
        """
        return check_stimulus(self.profile, stimulus, duration_ms, _rows(self._sent, cultures))

    def check_reached(self, stimulus: Stimulus | None, duration_ms: float, cultures: Sequence[int]) -> Delivered:
        """Check a stimulus that conditions have changed: current, charge, rate and channels at one time.

        Steps, the shortest phase and the lead time are of commands, and are not checked here.

        Raises:
            LimitExceeded: A limit would be exceeded at the cultures.
        """
        before = _rows(self._reached, cultures)
        try:
            return check_stimulus(self.profile, stimulus, duration_ms, before, commanded=False)
        except LimitExceeded as error:
            changed = LimitExceeded(f"{error} This is the command after the conditions have changed it.")
            changed.limit, changed.channel = error.limit, error.channel
            raise changed from error

    def commit(self, sent: Delivered, reached: Delivered, cultures: Sequence[int]) -> None:
        """Remember what was sent to n cultures and what reached them."""
        indices = np.asarray(cultures)
        for own, new in ((self._sent, sent), (self._reached, reached)):
            own.since_onset_ms[indices] = new.since_onset_ms
            own.charge_nC[indices] = new.charge_nC

    def observed(self, recording: Recording, stimulus: Stimulus | None, cultures: Sequence[int]) -> Recording:
        """Return what the device records of a run of n cultures."""
        if self.observation is None:
            return recording
        # Stimuli are counted in the time step of the simulation, whatever the device's frames are.
        return altered(self.observation.observe(recording, stimulus, cultures), dt_ms=recording.dt_ms)

    def state(self) -> list[Any]:
        """Return the state of every culture, ``[B]``, picklable."""
        given = zip(
            *(rows for of in (self._sent, self._reached) for rows in (of.since_onset_ms, of.charge_nC)), strict=True
        )
        observed = [None] * self.view.num_cultures if self.observation is None else self.observation.state()
        return [{"given": rows, "observed": state} for rows, state in zip(given, observed, strict=True)]

    def set_state(self, states: Sequence[Any]) -> None:
        """Continue from the states of an equal link."""
        given = [np.array(rows) for rows in zip(*(state["given"] for state in states), strict=True)]
        self._sent, self._reached = Delivered(*given[:2]), Delivered(*given[2:])
        if self.observation is not None:
            self.observation.set_state([state["observed"] for state in states])


def _rows(delivered: Delivered, cultures: Sequence[int]) -> Delivered:
    """Return the rows of n cultures."""
    indices = np.asarray(cultures)
    return Delivered(delivered.since_onset_ms[indices], delivered.charge_nC[indices])


def noise_seed(seed: int, trial: int) -> int:
    """Return the seed of a device's noise in an episode, which no other seed or trial of the culture shares."""
    return int.from_bytes(hashlib.sha256(f"device {seed} {trial}".encode()).digest()[:8], "little")
