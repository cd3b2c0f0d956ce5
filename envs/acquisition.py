"""Runs of a loop's cultures with all that lies between the loop and them: conditions, device and amplifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livn_gym.env import Env
from livn_gym.envs.amplifier import Amplifier
from livn_gym.envs.conditions import Conditioned
from livn_gym.envs.device_link import DeviceLink
from livn_gym.errors import UnsupportedModel
from livn_gym.plant import Plant
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus


class Acquired(NamedTuple):
    """Results of a run of n cultures, as the loop takes them.

    Attributes:
        recording: The recorded spikes, without blanked ones.
        spikes: Number of spikes that the field evoked directly, and of others, recorded or not, ``[n, 2]``.
        stimulus: The stimulus that reached the electrodes.
    """

    recording: Recording
    spikes: NDArray[np.int64]
    stimulus: Stimulus | None


class Acquisition:
    """Runs cultures in the order: limits of the device, conditions, cultures, conditions, detection, blanking.

    Where conditions change stimuli, what they made of one is checked against the limits as well.

    Args:
        env: The cultures.
        conditioned: Their conditions.
        device: The device between the loop and the cultures; None for none.
        blank_ms: Times after current in which stimulated and other electrodes do not record, ms.
    """

    def __init__(self, env: Plant, conditioned: Conditioned, device: DeviceLink | None, blank_ms: Any) -> None:
        self.env, self.conditioned, self.device = env, conditioned, device
        self.amplifier = Amplifier(env if device is None else device.view, env.dt, blank_ms)

    def reset(self, cultures: Sequence[int]) -> None:
        """Begin an episode in the device and the amplifier of cultures that have been cleared."""
        self.amplifier.reset(cultures)
        if self.device is not None:
            self.device.reset(self.env, cultures)

    def divisible(self, cultures: Sequence[int]) -> bool:
        """Return whether a run without stimulation may be cut into parts that equal runs of these lengths."""
        return self.device is None and self.conditioned.idle and self.amplifier.at_rest(cultures)

    def run(
        self,
        duration_ms: float,
        stimulus: Stimulus | None,
        cultures: list[int],
        time_ms: Sequence[float] | None,
        committed: Callable[[], None] = lambda: None,
    ) -> Acquired:
        """Run n of the cultures.

        Args:
            duration_ms: Length of the run.
            stimulus: Encoded stimulus of n cultures; None is no stimulus.
            cultures: The cultures that run, ascending ``[n]``.
            time_ms: End of the run since each culture's first observation, ``[n]``; None runs without conditions.
            committed: Called when the cultures have changed.

        Raises:
            LimitExceeded: The stimulus exceeds a limit of the device, before or after conditions have changed it;
                nothing ran.
        """
        device = self.device
        sent = None if device is None else device.check(stimulus, duration_ms, cultures)
        reached, admit = sent, None
        if device is not None and self.conditioned.changes_stimuli:

            def admit(changed: Stimulus | None) -> None:
                nonlocal reached
                reached = device.check_reached(changed, duration_ms, cultures)

        if time_ms is None:
            if admit is not None:
                admit(stimulus)
            recording = of_cultures = self.env.run(duration_ms, stimulus, cultures=cultures)
        else:
            recording, stimulus, of_cultures = self.conditioned.run(duration_ms, stimulus, cultures, time_ms, admit)
        committed()
        if device is not None and sent is not None and reached is not None:
            device.commit(sent, reached, cultures)
            recording = device.observed(recording, stimulus, cultures)
        return Acquired(*self.amplifier.record(recording, of_cultures, stimulus, cultures), stimulus)

    def state(self, snapshot: bool) -> dict[str, Any]:
        """Return the state of the cultures, if a snapshot is wanted, and of all that lies between.

        Raises:
            UnsupportedModel: The backend has no snapshots, or the cultures are no simulation.
        """
        if not isinstance(self.env, Env):
            raise UnsupportedModel("Cultures behind a device have no snapshots: only simulated ones can be continued.")
        culture = self.env.save_state() if snapshot else None
        found = {"culture": culture, "conditions": self.conditioned.state(), "amplifier": self.amplifier.state()}
        return found if self.device is None else found | {"device": self.device.state()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from the state of an equal acquisition.

        Raises:
            UnsupportedModel: The cultures are no simulation.
        """
        if not isinstance(self.env, Env):
            raise UnsupportedModel("Cultures behind a device cannot continue from a snapshot.")
        if state["culture"] is not None:
            self.env.load_state(state["culture"])
        self.conditioned.set_state(state["conditions"])
        self.amplifier.set_state(state["amplifier"])
        if self.device is not None:
            self.device.set_state(state["device"])
