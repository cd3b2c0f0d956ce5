"""Cultures at a moment, to go on from later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from livn_gym.checks import checked_methods
from livn_gym.errors import InvalidInput
from livn_gym.numerics import NoiseStream
from livn_gym.units import whole_number


@checked_methods
@dataclass(frozen=True)
class Snapshot:
    """What ``Env.save_state`` returns: the state of some cultures, picklable.

    It says nothing of the batch that they were in or of threads, so that a culture may go on in another place of
    another batch, in another process. Parameters and what is recorded are an Env's configuration and not in it.

    Attributes:
        setting: What the Env that goes on must have in common with the one that was saved: system, model, time step,
            scheme, precision, backend.
        seeds: Seed of each culture.
        trials: Trial of each culture.
        steps: Time steps since the last ``clear`` of each culture.
        states: The backend's own.
    """

    setting: dict[str, Any]
    seeds: tuple[int, ...]
    trials: tuple[int, ...]
    steps: tuple[int, ...]
    states: tuple[Any, ...]

    def __len__(self) -> int:
        """Number of cultures."""
        return len(self.states)

    def part(self, cultures: Sequence[int]) -> Snapshot:
        """The snapshot of some of the cultures."""
        columns = [tuple(column[b] for b in cultures) for column in (self.seeds, self.trials, self.steps, self.states)]
        return Snapshot(self.setting, *columns)

    @classmethod
    def joined(cls, parts: Sequence[Snapshot]) -> Snapshot:
        """One snapshot of all parts' cultures, which have one setting.

        Raises:
            InvalidInput: They have not.
        """
        for part in parts:
            part.check(parts[0].setting)
        names = ("seeds", "trials", "steps", "states")
        return cls(parts[0].setting, *(tuple(v for part in parts for v in getattr(part, name)) for name in names))

    def check(self, setting: dict[str, Any]) -> None:
        """Refuse an Env of another setting, and a snapshot that is damaged in what is not the backend's own.

        Raises:
            InvalidInput: It differs, or is damaged; the message says in what.
        """
        columns = (self.seeds, self.trials, self.steps, self.states)
        if any(not isinstance(column, tuple) or len(column) != len(self.seeds) for column in columns) or not self.seeds:
            raise InvalidInput("The snapshot is damaged: it must have one seed, trial, step and state per culture.")
        for seed, trial, step in zip(self.seeds, self.trials, self.steps, strict=True):
            NoiseStream(seed, trial)
            whole_number("A step of the snapshot", step, minimum=0)
        if not isinstance(self.setting, dict):
            raise InvalidInput("The snapshot is damaged: its setting must be a dict.")
        missing = sorted(map(str, setting.keys() ^ self.setting.keys()))
        if missing:
            raise InvalidInput(
                f"The snapshot was saved by another version of livn_gym: it differs in whether it says {missing}. "
                "Save it again with this version."
            )
        for name, value in self.setting.items():
            if setting[name] != value:
                raise InvalidInput(
                    f"The snapshot is of a culture with {name} {value!r}, this one has {setting[name]!r}."
                )
