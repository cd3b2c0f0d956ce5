"""Fitted parameter sets of one culture, in the folder that ``livn-gym fit`` writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.parameters import read_params
from livn_gym.reading import damage, read_json

POSTERIOR = "posterior.json"
"""File of a fit's folder that lists its parameter sets."""


@checked
@dataclass(frozen=True)
class Posterior:
    """Parameter sets that all reproduce one recording; the first is the nearest.

    Attributes:
        system: Name of the system whose cultures were fitted.
        sets: Complete parameters of each set, by key.
        recording_sha256: SHA-256 of the recording.
    """

    system: str
    sets: Sequence[Mapping[str, float]]
    recording_sha256: str = ""

    def __post_init__(self) -> None:
        """Check that all sets have the same keys.

        Raises:
            InvalidInput: There is no set, or the sets differ in their keys.
        """
        if not self.sets:
            raise InvalidInput("A posterior needs at least one parameter set.")
        if any(set(other) != set(self.sets[0]) for other in self.sets):
            raise InvalidInput("All parameter sets of a posterior must have the same keys.")

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read the sets of a fit's folder.

        Raises:
            InvalidInput: The folder holds no fit.
            CorruptData: A file is damaged, or a set is not the one that was fitted.
        """
        path = Path(folder) / POSTERIOR
        if not Path(folder).is_dir():
            raise InvalidInput(f"There is no folder {str(folder)!r}: give that of a finished livn-gym fit.")
        if not path.is_file():
            raise InvalidInput(
                f"The folder {str(folder)!r} holds no {POSTERIOR}: give the folder of a finished livn-gym fit that "
                "accepted a parameter set."
            )
        problem = "lists no fitted parameter sets"
        content = read_json(path, problem)
        with damage(path, problem):
            system, recording = str(content["system"]), str(content["recording_sha256"])
            listed = [(str(row["file"]), str(row["sha256"])) for row in content["sets"]]
        sets = []
        for name, digest in listed:
            if Path(name).name != name:
                raise CorruptData(f"{path} names a file outside its folder: {name!r}.")
            file = Path(folder) / name
            if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
                raise CorruptData(f"{file} is not the parameter set that was fitted: its checksum differs.")
            sets.append(read_params(file))
        return cls(system, tuple(sets), recording)

    @classmethod
    def nearest_file(cls, folder: str | Path) -> Path:
        """Return the file of the nearest set of a fit's folder, after all sets were checked.

        Raises:
            InvalidInput: The folder holds no fit.
            CorruptData: A file is damaged, or a set is not the one that was fitted.
        """
        cls.read(folder)
        return Path(folder) / str(
            read_json(Path(folder) / POSTERIOR, "lists no fitted parameter sets")["sets"][0]["file"]
        )

    @property
    def keys(self) -> list[str]:
        """Keys that differ between sets."""
        first = self.sets[0]
        return [key for key in first if any(other[key] != first[key] for other in self.sets)]

    @property
    def base(self) -> dict[str, float]:
        """The nearest set; a 0 of a key that differs between sets is 1e-9 of their mean: factors can scale it."""
        base = dict(self.sets[0])
        for key in self.keys:
            if base[key] == 0.0:
                base[key] = 1e-9 * float(np.mean([other[key] for other in self.sets]))
        return base

    def digest(self) -> str:
        """Return 12 hexadecimal digits that depend on every value of every set."""
        text = json.dumps([self.system, *(dict(item) for item in self.sets)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def factors(self) -> NDArray[np.float64]:
        """Return the factors of the base for ``keys`` in each set, ``[sets, keys]``."""
        base = self.base
        return np.array([[other[key] / base[key] for key in self.keys] for other in self.sets]).reshape(
            len(self.sets), -1
        )
