"""Settings of the simulated culture behind the CL API, which travel as JSON to the process that simulates it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, shown, unknown_name, unknown_option
from livn_gym.numerics import checked_seed
from livn_gym.plasticity import RULES, Rule
from livn_gym.units import finite, whole_number

FACTORY = "livn_gym.devices.cl:source"
"""Reference by which cl-sdk finds the data source."""

DEVICE = "cl1"
"""Profile of the device that is simulated."""


@checked
@dataclass(frozen=True)
class CultureSettings:
    """Settings of a simulated culture behind the CL API.

    Attributes:
        system: Name, path or reference of a system whose electrodes form the device's array.
        seed: Seed of the noise of cells and electrodes and of all random numbers of conditions.
        variant: Variant of the shipped parameters.
        params: Parameters, as ``livn_gym.make`` takes them.
        graph_seed: Seed of another culture generated from the same numbers; None for the system itself.
        conditions: Conditions by name, or mappings with a name and options.
        plasticity: Names of plasticity rules, ``"stdp"`` and ``"inhibitory_stdp"``.
        settle_ms: Time for which the culture runs unstimulated before frame 0.
        block_ms: Time that is simulated at once in real time, by which a stimulus may be late.
        whole_waveforms: Whether spikes are reported when their waveforms are complete, by which everything that is
            recorded is later.
        report: File to which a line with the ``SourceReport`` is appended when the source closes.

    Raises:
        InvalidInput: A value is out of range.
        UnknownName: There is no such plasticity rule.
    """

    system: str = "EI3"
    seed: int = 0
    variant: str | None = None
    params: str | Mapping[str, Any] | None = None
    graph_seed: int | None = None
    conditions: Sequence[Any] = ()
    plasticity: Sequence[str] = ()
    settle_ms: float = 2000.0
    block_ms: float = 1.0
    whole_waveforms: bool = False
    report: str | None = None

    def __post_init__(self) -> None:
        """Check the values that the culture itself does not check."""
        checked_seed(self.seed)
        finite("settle_ms", self.settle_ms, minimum=0.0)
        finite("block_ms", self.block_ms, above=0.0)
        if self.graph_seed is not None:
            whole_number("graph_seed", self.graph_seed, minimum=0)
        if isinstance(self.conditions, str) or isinstance(self.plasticity, str):
            raise InvalidInput("conditions and plasticity must be lists of names, not one name.")
        for name in self.plasticity:
            if name not in RULES:
                raise unknown_name("plasticity rule", name, RULES)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> CultureSettings:
        """Make settings from keywords.

        Raises:
            UnknownOption: There is no such setting.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise unknown_option("The CL source", name, known)
        return cls(**options)

    def json(self) -> str:
        """Return the settings as a JSON object.

        Raises:
            InvalidInput: A value is no text, number, list or mapping of these.
        """
        values = asdict(self)
        try:
            return json.dumps(values)
        except TypeError as error:
            raise InvalidInput(f"Settings of the CL source travel as JSON: {error}, got {shown(values)}.") from None

    def rules(self) -> dict[str, Rule]:
        """Return the plasticity rules by projection."""
        return {RULES[name].projection: RULES[name]() for name in self.plasticity}


@checked
def environment(settings: CultureSettings, *, accelerated: bool = False) -> dict[str, str]:
    """Return the environment variables by which cl-sdk opens the simulated culture.

    Args:
        settings: Settings of the culture.
        accelerated: Whether simulated time passes as fast as it is computed and read, instead of in real time.
    """
    return {
        "CL_SDK_DATA_SOURCE": FACTORY,
        "CL_SDK_DATA_SOURCE_CONFIG": settings.json(),
        "CL_SDK_DATA_SOURCE_METADATA": json.dumps(metadata()),
        "CL_SDK_ACCELERATED_TIME": str(int(accelerated)),
        # The web page of the SDK takes part of a processor; who wants it has set the variable.
        "CL_SDK_VISUALISATION": os.environ.get("CL_SDK_VISUALISATION", "0"),
    }


def metadata() -> dict[str, Any]:
    """Return the fields of cl-sdk's ``SimulatorDataSourceMetadata`` that describe the source."""
    from livn_gym.device_profile import find

    profile = find(DEVICE)
    return {
        "channel_count": profile.electrodes.num_channels,
        "frames_per_second": round(profile.recording.sampling_hz),
        "uV_per_sample_unit": profile.recording.uV_per_unit,
        "seekable": False,
    }
