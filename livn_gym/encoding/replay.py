"""A stimulus from a file, the same at every call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from gymnasium import spaces

from livn_gym.atomic import replacing
from livn_gym.checks import checked
from livn_gym.encoding.base import Encoding
from livn_gym.encoding.limits import MAX_CHARGE_NC, safe_stimulus
from livn_gym.errors import InvalidInput
from livn_gym.pulses import Pulses
from livn_gym.reading import damage, read_npz
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite

if TYPE_CHECKING:
    from livn_gym.env import Env

FORMAT = 1
_PULSES = tuple(Pulses.__dataclass_fields__)


@checked
@final
class Replay(Encoding):
    """Applies the stimulus of an ``.npz`` file, from its beginning in every run.

    Args:
        path: A file made by ``save_stimulus``; any mode.
        max_charge_nC: In the electrode mode, the most charge of a phase and at any time; None lifts this and
            the limit of 200 Hz.

    Raises:
        InvalidInput: There is no such file, or the stimulus is beyond the limits.
        CorruptData: The file is damaged or holds something else.
    """

    def __init__(self, path: str | Path, max_charge_nC: float | None = MAX_CHARGE_NC) -> None:
        self.path = Path(path)
        self.stimulus = load_stimulus(self.path)
        if max_charge_nC is not None and self.stimulus.mode == "electrode":
            safe_stimulus(self.stimulus, finite("max_charge_nC", max_charge_nC, above=0.0))

    def __call__(self, env: Env, duration: float, inputs: Any = None) -> Stimulus:
        """The stimulus; inputs are None, or the only action there is, 0.

        Raises:
            InvalidInput: There are inputs, or the stimulus does not fit the Env or the run.
        """
        if inputs is not None and np.any(np.asarray(inputs) != 0):
            raise InvalidInput(f"Replay takes no inputs (None or 0), got {inputs!r}.")
        stimulus = self.stimulus
        if stimulus.duration_ms > finite("duration (ms)", duration, above=0.0) * (1 + 1e-9):
            raise InvalidInput(
                f"{self.path} lasts {stimulus.duration_ms:g} ms, longer than the run of {duration:g} ms."
            )
        if stimulus.num_cultures not in (None, env.num_cultures):
            raise InvalidInput(f"{self.path} is for {stimulus.num_cultures} cultures, the Env has {env.num_cultures}.")
        if stimulus.mode == "electrode" and stimulus.num_columns != env.io.num_channels:
            raise InvalidInput(
                f"{self.path} is for {stimulus.num_columns} channels, the Env has {env.io.num_channels}."
            )
        return stimulus

    def action_space(self, env: Env) -> spaces.Discrete:
        """The single action 0."""
        return spaces.Discrete(1)


@checked
def save_stimulus(stimulus: Stimulus, path: str | Path) -> None:
    """Write a stimulus as an ``.npz`` file that ``load_stimulus`` and ``Replay`` read.

    Raises:
        InvalidInput: The stimulus has passed through electrodes; save what was given to them.
    """
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
        content |= {f"pulse_{name}": getattr(stimulus.pulses, name) for name in _PULSES}
        content |= {
            "num_columns": stimulus.num_columns,
            "duration_ms": stimulus.duration_ms,
            "num_cultures": stimulus.num_cultures or 0,  # 0: every culture alike
        }
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **content)


@checked
def load_stimulus(path: str | Path) -> Stimulus:
    """Read a stimulus that ``save_stimulus`` wrote.

    Raises:
        InvalidInput: There is no such file.
        CorruptData: The file is damaged or holds something else.
    """
    content = read_npz(path, "is no stimulus file")
    with damage(path, "is no stimulus file", invalid_is_damage=True):
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']}, this version reads {FORMAT}")
        mode, reversal_mV = str(content["mode"]), float(content["reversal_mV"])
        if "array" in content:
            return Stimulus(content["array"], float(content["dt"]), mode, reversal_mV=reversal_mV)  # type: ignore[arg-type]
        return Stimulus.from_pulses(
            Pulses(*(content[f"pulse_{name}"] for name in _PULSES)),
            num_columns=int(content["num_columns"]),
            duration_ms=float(content["duration_ms"]),
            num_cultures=int(content["num_cultures"]) or None,
            mode=mode,  # type: ignore[arg-type]
            reversal_mV=reversal_mV,
        )
