"""What a closed loop needs of the cultures that it runs: simulated ones, or those on a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from livn_gym.device_profile import DeviceProfile
from livn_gym.recording import Recording
from livn_gym.view import CultureView


class Plant(CultureView, Protocol):
    """B cultures that run for a time under a stimulus; an ``Env`` is one.

    Only an ``Env`` has parameters, snapshots, lights and noise that starts from a seed. A loop over another plant
    refuses what needs them.
    """

    def run(self, duration: float, stimulus: Any = None, *, cultures: Sequence[int] | None = None) -> Recording:
        """Run cultures and return their spikes.

        Args:
            duration: Length of the run, ms, a whole number of time steps.
            stimulus: A ``Stimulus`` at the electrodes, of n cultures or one for all; None for none.
            cultures: Indices of the cultures that run, ascending. Default: all.

        Returns:
            The recording of the cultures that ran.

        Raises:
            LimitExceeded: The stimulus is beyond a limit; nothing was given, and no time has passed.
        """

    def clear(self, seed: Any = None, cultures: Sequence[int] | None = None) -> Any:
        """Begin an episode: reset simulated cultures to time 0; living ones continue.

        Args:
            seed: One seed per culture, or None for the next trial. Where noise has no seed, it is not used.
            cultures: Indices of the cultures. Default: all.
        """

    def close(self) -> None:
        """Free the cultures; may be called twice."""


@runtime_checkable
class DevicePlant(Plant, Protocol):
    """Cultures behind a device, whose recordings are of its channels.

    ``system`` and ``electrodes`` are those of ``ChannelView.of_device(profile)``: the usable channels, in their order.
    A recording has the channel as gid, and a stimulus one column per usable channel. ``run`` takes its duration in
    device time, and gives pulses at their onsets after its start.
    """

    @property
    def profile(self) -> DeviceProfile:
        """The device, unusable channels included."""
