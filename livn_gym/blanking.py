"""Blanking: what an array does not record during and after stimulation.

An amplifier saturates while current flows through an electrode and needs some time to recover: longer at the electrode
that stimulated than at the others. ``blanked`` takes what an ideal array would record and returns what a blanked one
records, so that one run can be analysed under several blank times.

References:
    Wagenaar & Potter, J Neurosci Methods 120:113 (2002): suppression of stimulus artefacts by software. Brown et
    al., IEEE Trans Biomed Circuits Syst 2:10 (2008): recording at the stimulated electrode within 3 ms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.checks import checked, number_array
from livn_gym.current_flow import CurrentFlow
from livn_gym.errors import InvalidInput, shown
from livn_gym.io import BoundElectrodes
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite

BLANK_MS = (3.0, 1.0)
"""Default blank times of stimulated and of other electrodes, ms."""


@checked
def blanked(
    recording: Recording,
    stimulus: Stimulus | None,
    electrodes: BoundElectrodes,
    blank_ms: float | ArrayLike = BLANK_MS,
    carried: NDArray[np.int64] | None = None,
) -> tuple[Recording, NDArray[np.int64]]:
    """Return what a blanked array records of a run, and the state with which the next run begins.

    While current flows through any electrode of a culture, and for some time after it, spikes are not recorded: for
    the first of ``blank_ms`` at the electrode through which it flowed, for the second at all others. Both times are
    rounded up to whole time steps. Each cell is recorded by the electrode nearest to it, so that a spike is either
    recorded or not (see ``BoundElectrodes.blanking_channels``). Light and currents into cells do not blank.

    Args:
        recording: The run, with spikes, of B cultures.
        stimulus: Stimulus at the electrodes, of B cultures or one for all; None is none.
        electrodes: The electrodes.
        blank_ms: Times of stimulated and of other electrodes, ms; one number for both. With 0 for both, nothing is
            blanked, not even the current itself.
        carried: State after the run before, ``[B, C]``: number of time steps since current last flowed through each
            channel. None if there was no stimulation before.

    Returns:
        The recording without the spikes that were not recorded, whose ``blanking`` holds the times (None if there are
        none), and the state after the run, ``[B, C]``. The state does not depend on the blank times.

    Raises:
        InvalidInput: Blank times are negative, or the second exceeds the first; the stimulus has other channels or
            cultures than the run, or lasts longer.
        NotRecorded: Spikes were not recorded.
    """
    flow = CurrentFlow(recording, stimulus, electrodes, carried)
    return flow.blanked(recording, blank_times(blank_ms)), flow.carried


@checked
def blank_times(blank_ms: float | ArrayLike) -> tuple[float, float]:
    """Return the blank times of stimulated and of other electrodes, ms.

    Raises:
        InvalidInput: They are not one or two numbers of at least 0, or the second exceeds the first.
    """
    numbers = number_array("blank_ms", blank_ms)
    if numbers.shape not in ((), (2,)):
        raise InvalidInput(
            "blank_ms must be one number or two, of stimulated and of other electrodes, ms; got "
            + f"{shown(blank_ms)}."
        )
    stimulated, others = (finite("blank_ms", float(number), minimum=0.0) for number in np.broadcast_to(numbers, 2))
    if others > stimulated:
        raise InvalidInput(
            f"blank_ms = {shown(blank_ms)}: the second time, of other electrodes, cannot exceed the first, of those "
            "that stimulate."
        )
    return stimulated, others
