"""Logs of a learner as CSV and for TensorBoard, without duplicate steps after a resume."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from stable_baselines3.common.logger import KVWriter, TensorBoardOutputFormat

from livn_gym.agents.run_folder import write_rows

ITERATIONS = "time/iterations"
"""Entry that Stable-Baselines3 counts from the start of the process, so that a resume must add an offset."""


class Table(KVWriter):
    """Log in a CSV file, which is replaced as a whole at every line and continues from a checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        self._iterations = 0

    def restore(self, rows: list[dict[str, Any]]) -> None:
        """Continue after these rows."""
        self.rows = rows
        self._iterations = max((row.get(ITERATIONS, 0) for row in rows), default=0)

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        """Append a line."""
        row = {"step": step, **key_values}
        if ITERATIONS in row:
            row[ITERATIONS] += self._iterations
        self.rows.append(row)
        write_rows(self.path, self.rows)

    def close(self) -> None:
        """Do nothing: no file stays open."""


class TensorBoard(KVWriter):
    """Log in event files of TensorBoard, which are rewritten when a training is resumed.

    Otherwise the events after the checkpoint would be in the files twice, since the training repeats these steps.

    Args:
        folder: Folder of the event files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[tuple[float, int, dict[str, Any]]] = []
        self._writer: TensorBoardOutputFormat | None = None

    def open(self, rows: list[tuple[float, int, dict[str, Any]]]) -> None:
        """Remove the event files of earlier processes and write these rows: time (s), step, values."""
        for path in self.folder.glob("events.out.tfevents.*"):
            path.unlink()
        self._writer = TensorBoardOutputFormat(str(self.folder))
        self.rows = rows
        for when, step, values in rows:
            for name, value in sorted(values.items()):
                self._writer.writer.add_scalar(name, value, step, walltime=when)
        self._writer.writer.flush()

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        """Append the numbers of a step."""
        numbers = {
            name: float(value)
            for name, value in key_values.items()
            if "tensorboard" not in (key_excluded.get(name) or ()) and not isinstance(value, str)
        }
        self.rows.append((time.time(), step, numbers))
        if self._writer is not None:
            for name, value in sorted(numbers.items()):
                self._writer.writer.add_scalar(name, value, step, walltime=self.rows[-1][0])
            self._writer.writer.flush()

    def close(self) -> None:
        """Close the writer and end its thread."""
        if self._writer is not None:
            self._writer.close()
