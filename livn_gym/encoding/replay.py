"""Encoding that replays a stimulus from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

import numpy as np
from gymnasium import spaces

from livn_gym.atomic import replacing
from livn_gym.checks import checked
from livn_gym.encoding.base import Encoding
from livn_gym.encoding.limits import MAX_CHARGE_NC, safe_stimulus
from livn_gym.errors import InvalidInput
from livn_gym.pulses import PULSE_ARRAYS, Pulses
from livn_gym.reading import damage, read_npz
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite
from livn_gym.view import CultureView

FORMAT = 1


@checked
@final
class Replay(Encoding):
    """Applies the stimulus of an ``.npz`` file from its beginning in every run.

    Args:
        path: A file made by ``save_stimulus``; any mode.
        max_charge_nC: Charge limit of a phase and of the net charge at any time, in the electrode mode; None removes
            this limit and that of 200 Hz.

    Raises:
        InvalidInput: There is no such file, or the stimulus exceeds the limits.
        CorruptData: The file is damaged or not a stimulus file.
    """

    def __init__(self, path: str | Path, max_charge_nC: float | None = MAX_CHARGE_NC) -> None:
        self.path = Path(path)
        self.stimulus = load_stimulus(self.path)
        if max_charge_nC is not None and self.stimulus.mode == "electrode":
            safe_stimulus(self.stimulus, finite("max_charge_nC", max_charge_nC, above=0.0))

    def __call__(self, view: CultureView, duration_ms: float, inputs: Any = None) -> Stimulus:
        """Return the stimulus of the file; inputs must be None or 0, the only action.

        Raises:
            InvalidInput: The inputs are other ones, or the stimulus does not fit the cultures or the run.
        """
        if inputs is not None and np.any(np.asarray(inputs) != 0):
            raise InvalidInput(f"Replay takes no inputs (None or 0), got {inputs!r}.")
        stimulus = self.stimulus
        if stimulus.duration_ms > finite("duration_ms", duration_ms, above=0.0) * (1 + 1e-9):
            raise InvalidInput(
                f"{self.path} lasts {stimulus.duration_ms:g} ms, longer than the run of {duration_ms:g} ms."
            )
        if stimulus.num_cultures not in (None, view.num_cultures):
            raise InvalidInput(f"{self.path} is for {stimulus.num_cultures} cultures, the Env has {view.num_cultures}.")
        if stimulus.mode == "electrode" and stimulus.num_columns != view.electrodes.num_channels:
            raise InvalidInput(
                f"{self.path} is for {stimulus.num_columns} channels, the Env has {view.electrodes.num_channels}."
            )
        return stimulus

    def action_space(self, view: CultureView) -> spaces.Discrete:
        """Return the space of the single action 0."""
        return spaces.Discrete(1)


@checked
def save_stimulus(stimulus: Stimulus, path: str | Path) -> None:
    """Write a stimulus as an ``.npz`` file that ``load_stimulus`` and ``Replay`` read.

    Raises:
        InvalidInput: The stimulus has passed through electrodes or lights (save the commands to them instead), or it
            is electrical together with light.
    """
    if stimulus.light is not None:
        raise InvalidInput("A stimulus with light cannot be saved in one file; save its parts.")
    if stimulus.gain is not None:
        raise InvalidInput("A stimulus that has passed through electrodes cannot be saved; save the commands.")
    content: dict[str, Any] = {
        "format": FORMAT,
        "mode": stimulus.mode,
        "reversal_mV": stimulus.reversal_mV,
    }
    if stimulus.array is not None:
        content |= {"array": stimulus.array, "dt": stimulus.dt}
    else:
        content |= {f"pulse_{name}": getattr(stimulus.pulses, name) for name in PULSE_ARRAYS}
        content |= {
            "num_columns": stimulus.num_columns,
            "duration_ms": stimulus.duration_ms,
            "num_cultures": stimulus.num_cultures or 0,  # 0: one stimulus for all cultures
        }
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **content)


@checked
def load_stimulus(path: str | Path) -> Stimulus:
    """Read a stimulus that ``save_stimulus`` wrote.

    Raises:
        InvalidInput: There is no such file.
        CorruptData: The file is damaged or not a stimulus file.
    """
    content = read_npz(path, "is no stimulus file")
    with damage(path, "is no stimulus file", invalid_is_damage=True):
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']}, this version reads {FORMAT}")
        mode, reversal_mV = str(content["mode"]), float(content["reversal_mV"])
        if "array" in content:
            return Stimulus(content["array"], float(content["dt"]), mode, reversal_mV=reversal_mV)  # type: ignore[arg-type]
        return Stimulus.from_pulses(
            Pulses(*(content[f"pulse_{name}"] for name in PULSE_ARRAYS)),
            num_columns=int(content["num_columns"]),
            duration_ms=float(content["duration_ms"]),
            num_cultures=int(content["num_cultures"]) or None,
            mode=mode,  # type: ignore[arg-type]
            reversal_mV=reversal_mV,
        )
