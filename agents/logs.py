"""What a learner logs, as a table and for TensorBoard: every step once, also after a resume."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from stable_baselines3.common.logger import KVWriter, TensorBoardOutputFormat

from livn_gym.agents.run_folder import write_rows

ITERATIONS = "time/iterations"
"""Stable-Baselines3 counts rollouts from the start of the process."""


class Table(KVWriter):
    """The learner's log as a CSV file that is always complete, and continues where a checkpoint was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        self._iterations = 0

    def restore(self, rows: list[dict[str, Any]]) -> None:
        """Continue after these rows."""
        self.rows = rows
        self._iterations = max((row.get(ITERATIONS, 0) for row in rows), default=0)

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        """Add a line."""
        row = {"step": step, **key_values}
        if ITERATIONS in row:
            row[ITERATIONS] += self._iterations
        self.rows.append(row)
        write_rows(self.path, self.rows)

    def close(self) -> None:
        """Nothing is open."""


class TensorBoard(KVWriter):
    """The learner's log for TensorBoard, in event files that are written anew when a training is resumed.

    Events after the checkpoint would otherwise be in the files twice, since the training runs through them again.

    Args:
        folder: Folder of the event files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[tuple[float, int, dict[str, Any]]] = []
        self._writer: TensorBoardOutputFormat | None = None

    def open(self, rows: list[tuple[float, int, dict[str, Any]]]) -> None:
        """Remove the events of earlier processes and begin with these rows: time (s), step, values."""
        for path in self.folder.glob("events.out.tfevents.*"):
            path.unlink()
        self._writer = TensorBoardOutputFormat(str(self.folder))
        self.rows = rows
        for when, step, values in rows:
            for name, value in sorted(values.items()):
                self._writer.writer.add_scalar(name, value, step, walltime=when)
        self._writer.writer.flush()

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        """Add the numbers of a step."""
        shown = {
            name: float(value)
            for name, value in key_values.items()
            if "tensorboard" not in (key_excluded.get(name) or ()) and not isinstance(value, str)
        }
        self.rows.append((time.time(), step, shown))
        if self._writer is not None:
            for name, value in sorted(shown.items()):
                self._writer.writer.add_scalar(name, value, step, walltime=self.rows[-1][0])
            self._writer.writer.flush()

    def close(self) -> None:
        """End the thread that writes the events."""
        if self._writer is not None:
            self._writer.close()
