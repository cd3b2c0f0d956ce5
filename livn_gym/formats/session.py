"""Sessions: recordings with the metadata needed to read them independently of this program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.atomic import replacing
from livn_gym.backends import PROFILES, Profile
from livn_gym.channel_view import ChannelView
from livn_gym.checks import checked_types
from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.formats.blanked import blanked_arrays, blanking_of, integers
from livn_gym.formats.parts import (
    FIELDS,
    TRACES,
    check_origin,
    check_traces,
    compartment_of,
    stimulus_of,
    units,
)
from livn_gym.parameters import by_key, set_name
from livn_gym.pulses import Schedule
from livn_gym.reading import parse_json, read_npz
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.system import Population
from livn_gym.units import finite, whole_number

if TYPE_CHECKING:
    from livn_gym.env import Env

FORMAT = 4
"""Newest supported version of the format. A file is written in the oldest version that can hold it: 2, 3 with
dendritic voltages, or 4 with blanked times. Version 1 had no model, parameters and potential."""

_ORIGIN = ("system", "system_sha256", "seed", "trial", "backend", "scheme", "precision", "created")
_SINCE_2: dict[str, Any] = {"model": "", "parameter_set": "", "parameters": {}, "plasticity": ""}
_MAX_COLUMNS = 2**16
"""Maximum number of columns of a stimulus in a file, unless there are more cells or electrodes."""
_NUMBERS = ("t0_ms", "duration_ms", "dt_ms", "sample_dt_ms")
_BAD_CONTENT = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError, RecursionError)
"""Exceptions that Python and NumPy raise on values of unexpected types, shapes and sizes."""


@checked_types
@dataclass(frozen=True, eq=False)
class Session:
    """Recording of one culture with its metadata.

    Attributes:
        recording: Spikes and traces; times count from the start of the recording.
        system: Name of the system.
        system_sha256: SHA-256 of the system.
        populations: Populations in gid order.
        positions_um: Positions of the somata, um ``[N, 3]``.
        electrodes_um: Positions of the electrodes, um ``[C, 3]``.
        channel_cells: Cells that each channel records: rows (channel, gid), int64 ``[K, 2]``.
        seed: Seed of the noise.
        trial: Number of times that the culture was cleared since the seed was set.
        backend: Name of the backend.
        scheme: Integration scheme.
        precision: Floating-point precision.
        created: Time of creation, ISO 8601 with a time zone.
        version: Version of livn_gym.
        stimulus: Stimulus from the start of the recording; None for none.
        model: Name of the model's class.
        parameter_set: Name of the shipped parameters at the end of the recording (``"EI2-bursting"``), or empty.
        parameters: Weights, noise and depression by key, as accepted by ``Env.set_params``.
        plasticity: Description of the plasticity rules; empty for none.
        potential: Potential at the electrodes, mV ``[C, T]``, sampled like traces; None without membrane currents.

    Raises:
        InvalidInput: There are several cultures, no spikes, or weights, or attributes are inconsistent.
    """

    recording: Recording
    system: str
    system_sha256: str
    populations: tuple[Population, ...]
    positions_um: NDArray[np.float64]
    electrodes_um: NDArray[np.float64]
    channel_cells: NDArray[np.int64]
    seed: int
    trial: int
    backend: str
    scheme: str
    precision: str
    created: str
    version: str
    stimulus: Stimulus | None = None
    model: str = ""
    parameter_set: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)
    plasticity: str = ""
    potential: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        """Check that the attributes are consistent."""
        recording, stimulus = self.recording, self.stimulus
        if recording.num_cultures != 1:
            raise InvalidInput(f"A session is one culture's, got {recording.num_cultures}: give recording.culture(b).")
        if recording.weights:
            raise InvalidInput("A session cannot hold weights: give recording.without_weights().")
        _, gid, _ = recording.spikes
        if len(gid) and not 0 <= gid.min() <= gid.max() < self.num_neurons:
            raise InvalidInput(f"Spikes must be of cells from 0 to {self.num_neurons - 1}, got {gid.max()}.")
        for name, rows, width in (
            ("positions_um", self.num_neurons, 3),
            ("electrodes_um", len(self.electrodes_um), 3),
            ("channel_cells", len(self.channel_cells), 2),
        ):
            if getattr(self, name).shape != (rows, width):
                raise InvalidInput(f"{name} must be [{rows}, {width}], got {getattr(self, name).shape}.")
        bounds = (len(self.electrodes_um), self.num_neurons)
        if len(self.channel_cells) and (
            self.channel_cells.min() < 0 or (self.channel_cells.max(axis=0) >= bounds).any()
        ):
            raise InvalidInput("channel_cells must hold rows (channel, gid) of existing electrodes and cells.")
        check_origin(self.seed, self.trial, self.created, self.parameters)
        check_traces(recording, self.potential, self.num_neurons, len(self.electrodes_um))
        if stimulus is not None:
            if stimulus.num_cultures is not None or stimulus.gain is not None or stimulus.light is not None:
                raise InvalidInput(
                    "The stimulus of a session must be of one culture, without a gain or added light: give stimulus[b]."
                )
            if stimulus.duration_ms > recording.duration_ms * (1 + 1e-9):
                raise InvalidInput("The stimulus is longer than the recording.")

    @classmethod
    def of(
        cls,
        env: Env,
        recording: Recording,
        stimulus: Stimulus | None = None,
        *,
        culture: int | None = None,
        potential: bool = True,
        detected_by: ChannelView | None = None,
    ) -> Self:
        """Make the session of a recording that an ``Env`` has just made.

        Args:
            env: Env that made the recording.
            recording: Recording of one culture; of several, give ``recording.culture(b)``.
            stimulus: Stimulus during the recording, as it was given to ``env.run``.
            culture: Index of the culture in the Env; required if there are several.
            potential: Compute the potential at the electrodes if membrane currents were recorded; cells without
                recorded currents do not contribute.
            detected_by: View of the device that detected the spikes: its channels are the session's cells.

        Raises:
            InvalidInput: The recording is of several cultures, or there is no such culture.
        """
        if recording.num_cultures != 1:
            raise InvalidInput(f"A session is one culture's, got {recording.num_cultures}: give recording.culture(b).")
        if culture is None:
            if env.num_cultures > 1:
                raise InvalidInput(f"The Env has {env.num_cultures} cultures: state which one was recorded, culture=b.")
            culture = 0
        if whole_number("culture", culture, minimum=0) >= env.num_cultures:
            raise InvalidInput(f"culture must be from 0 to {env.num_cultures - 1}, got {culture}.")
        system, parameters = env.system, env.parameters_of(culture)
        view = env if detected_by is None else detected_by
        electrodes = view.electrodes.coordinates_um
        return cls(
            recording=recording,
            system=system.name,
            system_sha256=system.sha256(),
            populations=view.system.populations,
            positions_um=view.system.positions,
            electrodes_um=system.electrodes if electrodes is None else electrodes,
            channel_cells=np.argwhere(view.electrodes.channel_cells()).astype(np.int64),
            seed=int(env.seeds[culture]),
            trial=env.trials[culture],
            backend=env.backend_name,
            scheme=env.scheme,
            precision=env.precision,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            version=version("livn_gym"),
            stimulus=stimulus,
            model=type(env.model).__name__,
            parameter_set=set_name(system, parameters),
            parameters=by_key(parameters),
            plasticity="" if parameters.plasticity is None else repr(parameters.plasticity),
            potential=_potential(env, recording) if potential else None,
        )

    @property
    def variant(self) -> str | None:
        """Name of the variant of the shipped parameters, such as ``"bursting"``; None if there is none."""
        return self.parameter_set.partition("-")[2] or None

    @property
    def num_neurons(self) -> int:
        """Number of cells, N."""
        return self.populations[-1].stop

    @property
    def profile(self) -> str:
        """Name of the profile that has this session's time step, scheme and precision; empty if none has."""
        made = (self.recording.dt_ms, self.scheme, self.precision)
        return next((name for name, profile in PROFILES.items() if _numbers(profile) == made), "")

    @property
    def changes(self) -> Schedule:
        """The stimulus as changes of columns at steps of ``dt_ms``; empty where there is none."""
        if self.stimulus is None:
            none = np.zeros(0, np.int64)
            return Schedule(none, none, none, np.zeros(0))
        return self.stimulus.schedule(self.recording.dt_ms)

    def held(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Times of all changes, ms ``[K]``, and the stimulus from each to the next, ``[K, columns]``."""
        changes = self.changes
        columns = 0 if self.stimulus is None else self.stimulus.num_columns
        steps, row = np.unique(changes.step, return_inverse=True)
        values: NDArray[np.float64] = np.full((len(steps), columns), np.nan)
        values[row, changes.column] = changes.value
        # what did not change is what it was: the row of each column's last change, 0 before the first
        last = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(1, len(steps) + 1)[:, None]), axis=0)
        values = np.vstack([np.zeros((1, columns)), values])[last, np.arange(columns)]
        return np.multiply(steps, self.recording.dt_ms, dtype=np.float64), values

    def population_of(self, gids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the index of the population of each cell, ``[S]``."""
        return np.searchsorted([population.stop for population in self.populations], gids, side="right")

    def metadata(self, *, traces: bool = True) -> dict[str, Any]:
        """Return everything except arrays as plain values for JSON; without ``traces`` for a file that has none."""
        recording, stimulus = self.recording, self.stimulus
        dendrites = traces and recording.voltage_dendrite is not None
        return {
            "format": 4 if recording.blanking is not None else 3 if dendrites else 2,
            "livn_gym": self.version,
            "created": self.created,
            "system": self.system,
            "system_sha256": self.system_sha256,
            "populations": {population.name: population.count for population in self.populations},
            "seed": self.seed,
            "trial": self.trial,
            "backend": self.backend,
            "profile": self.profile,
            "scheme": self.scheme,
            "precision": self.precision,
            **{name: getattr(recording, name) for name in _NUMBERS},
            "current_compartment": recording.current_compartment,
            **({"voltage_compartment": recording.voltage_compartment} if dendrites else {}),
            **{name: getattr(self, name) for name in _SINCE_2},
            "parameters": dict(self.parameters),
            "variant": self.variant,
            "stimulus": stimulus
            and {
                "mode": stimulus.mode,
                "columns": stimulus.num_columns,
                "duration_ms": stimulus.duration_ms,
                "reversal_mV": stimulus.reversal_mV,
            },
            "units": units(dendrites),
        }

    def arrays(self, *, traces: bool = True) -> dict[str, NDArray]:
        """Return all arrays except the spikes, by name; without ``traces`` only those that are not recorded."""
        changes = self.changes
        arrays = {
            "positions_um": self.positions_um,
            "electrodes_um": self.electrodes_um,
            "heard": self.channel_cells,
            "stimulus_step": changes.step,
            "stimulus_column": changes.column,
            "stimulus_value": changes.value,
            **blanked_arrays(self.recording.blanking),
        }
        if traces:
            for name, field_name in FIELDS.items():
                array = getattr(self.recording, field_name)
                if array is not None:
                    arrays[name] = array
            if self.potential is not None:
                arrays["potential"] = self.potential
        return arrays

    @property
    def traces(self) -> list[str]:
        """Names of the traces in the session, from ``TRACES`` and ``"potential"``."""
        return [name for name in self.arrays() if name in TRACES or name == "potential"]

    @classmethod
    def from_parts(
        cls,
        metadata: Any,
        gid: ArrayLike,
        t_ms: ArrayLike,
        arrays: Mapping[str, Any],
    ) -> Self:
        """Make a session from its metadata, its spikes in any order and its other arrays.

        Raises:
            CorruptData: A part is missing or has another type.
            InvalidInput: The metadata is of a newer version.
        """
        if not isinstance(metadata, Mapping):
            raise CorruptData(f"The recording is damaged: its metadata is a {type(metadata).__name__}.")
        number = metadata.get("format")
        if isinstance(number, int) and number > FORMAT:
            raise InvalidInput(
                f"The recording has format version {number}, this livn_gym reads versions up to {FORMAT}."
            )
        try:
            whole_number("format", number)
            populations, start = [], 0
            for name, count in metadata["populations"].items():
                populations.append(Population(name, start, count))
                start += count
            values: dict[str, Any] = {name: finite(name, metadata[name]) for name in _NUMBERS}
            for name in _NUMBERS[1:]:
                finite(name, values[name], above=0.0)
            values |= {field_name: np.asarray(arrays[name]) for name, field_name in FIELDS.items() if name in arrays}
            recording = Recording(
                **values,
                num_cultures=1,
                voltage_compartment=compartment_of(metadata.get("voltage_compartment", "soma")),
                current_compartment=compartment_of(metadata["current_compartment"]),
                populations=tuple(populations),
                blanking=blanking_of(arrays, values["duration_ms"], len(arrays["electrodes_um"]), start),
            ).with_spikes(integers("gid", gid), np.asarray(t_ms, dtype=np.float64))
            session = cls(
                recording=recording,
                populations=tuple(populations),
                positions_um=np.asarray(arrays["positions_um"], dtype=np.float64).reshape(-1, 3),
                electrodes_um=np.asarray(arrays["electrodes_um"], dtype=np.float64).reshape(-1, 3),
                channel_cells=integers("heard", arrays["heard"]).reshape(-1, 2),
                version=metadata["livn_gym"],
                potential=np.asarray(arrays["potential"]) if "potential" in arrays else None,
                **{name: metadata[name] for name in _ORIGIN},
                **{name: metadata.get(name, default) for name, default in _SINCE_2.items()},
            )
            max_columns = max(session.num_neurons, len(session.electrodes_um), _MAX_COLUMNS)
            session = replace(session, stimulus=stimulus_of(metadata["stimulus"], arrays, recording.dt_ms, max_columns))
        except _BAD_CONTENT as error:
            raise CorruptData(f"The recording is damaged: {type(error).__name__}: {error}.") from error
        return session

    def save(self, path: str | Path) -> None:
        """Save the session as an ``.npz`` file with the arrays ``gid``, ``t_ms``, ``seed`` and others, for NumPy."""
        _, gid, t_ms = self.recording.spikes
        numbers = {name: np.float64(getattr(self.recording, name)) for name in _NUMBERS}
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                allow_pickle=False,
                gid=gid,
                t_ms=t_ms,
                seed=np.uint64(self.seed),
                **numbers,
                **self.arrays(),
                metadata=np.array(json.dumps(self.metadata())),
            )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Load a session from a file written by ``save``.

        Raises:
            InvalidInput: There is no such file, or it is not a recording.
            StorageError: The file cannot be read.
            CorruptData: The file is damaged.
        """
        arrays = read_npz(path, "is no .npz recording (livn_gym.formats.read reads other formats), or is damaged")
        if not {"metadata", "gid", "t_ms"} <= arrays.keys():
            raise InvalidInput(f"{path} is no recording of livn_gym: it lacks metadata, gid or t_ms.")
        metadata = parse_json(str(arrays.pop("metadata")), path, "has no JSON as its metadata")
        gid, t_ms = arrays.pop("gid"), arrays.pop("t_ms")
        for name in ("seed", *_NUMBERS):  # also in the metadata
            arrays.pop(name, None)
        try:
            return cls.from_parts(metadata, gid, t_ms, arrays)
        except CorruptData as error:
            raise CorruptData(f"{path}: {error}") from error


def _numbers(profile: Profile) -> tuple[float, str, str]:
    return profile.dt_ms, profile.scheme, profile.precision


def _potential(env: Env, recording: Recording) -> NDArray[np.float64] | None:
    """Return the potential at the electrodes, mV ``[C, T]``; None if membrane currents were not recorded."""
    if recording.current_soma is None or recording.current_dendrite is None or not env.electrodes.num_channels:
        return None
    return env.electrodes.potential_recording(recording)
