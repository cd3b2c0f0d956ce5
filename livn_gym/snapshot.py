"""Snapshots: saved states of cultures, from which simulations can continue."""

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
    """State of one or more cultures, as returned by ``Env.save_state``; picklable.

    A snapshot does not depend on the batch or the threads: a culture can continue at another index, in another batch
    and in another process. Parameters and recording requests are configuration of an Env and not part of it.

    Attributes:
        setting: Properties that the Env that continues must have in common with the saved one: system, model, time
            step, scheme, precision and backend.
        seeds: Seed of each culture.
        trials: Trial of each culture.
        steps: Time steps since the last ``clear`` of each culture.
        states: State of each culture in the backend.
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
        """Return the snapshot of some of the cultures."""
        columns = [tuple(column[b] for b in cultures) for column in (self.seeds, self.trials, self.steps, self.states)]
        return Snapshot(self.setting, *columns)

    @classmethod
    def joined(cls, parts: Sequence[Snapshot]) -> Snapshot:
        """Join snapshots with equal settings to a single one.

        Raises:
            InvalidInput: The settings differ.
        """
        for part in parts:
            part.check(parts[0].setting)
        names = ("seeds", "trials", "steps", "states")
        return cls(parts[0].setting, *(tuple(v for part in parts for v in getattr(part, name)) for name in names))

    def check(self, setting: dict[str, Any]) -> None:
        """Check that the snapshot is intact, except for the states, and that it has the setting of an Env.

        Raises:
            InvalidInput: The snapshot is damaged, or the setting differs; the message states how.
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
                "The snapshot was saved by another version of livn_gym: only one of the two versions has the entries "
                f"{missing}. Save it again with this version."
            )
        for name, value in self.setting.items():
            if setting[name] != value:
                raise InvalidInput(
                    f"The snapshot is of a culture with {name} {value!r}, this one has {setting[name]!r}."
                )
