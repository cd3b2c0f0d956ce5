"""Batch of environments on one rank: the environments that it simulates, and their latest results."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.envs.batches import BatchSpec
from livn_gym.envs.local_batch import LocalBatch
from livn_gym.envs.results import StepResult

NOT_RUN, DONE, FAILED = 0.0, 1.0, 2.0
"""Status of an environment, the first column of its row in a reply."""

FIXED_COLUMNS = 4
"""Number of columns of a reply besides observation and info: status, reward, terminated, truncated."""


class RankBatch:
    """State of a batch on one rank: the rank of every environment, the rank's environments, and their latest results.

    A call that the loss of a rank interrupts is repeated; with the stored results, no environment runs twice.

    Args:
        spec: The batch over all ranks.
        owners: Rank that simulates each environment, ``[num_envs]``.

    Attributes:
        local: The environments of this rank; None if it has none.
        info_names: Names in ``info``, the same for all environments; empty until the first result.
        error: Traceback of the latest failure on this rank, or "".
        exception: The exception of that failure.
    """

    def __init__(self, spec: BatchSpec, owners: NDArray[np.int64]) -> None:
        self.spec = spec
        self.owners = owners
        self.local: LocalBatch | None = None
        self.info_names: tuple[str, ...] = ()
        self.error = ""
        self.exception: BaseException | None = None
        self._call = -1
        self._results: dict[int, tuple[StepResult, int]] = {}  # by environment: the result and the row in it

    def owned(self, rank: int) -> NDArray[np.int64]:
        """Return the indices of the environments of a rank (numbered as at the start of the job), ascending."""
        return np.flatnonzero(self.owners == rank)

    def make_missing(self, rank: int) -> None:
        """Make the environments that this rank owns and does not simulate yet."""
        present = () if self.local is None else self.local.environment_indices
        missing = {i: self.spec.graphs[i] for i in self.owned(rank).tolist() if i not in present}
        if missing and self.local is None:
            self.local = LocalBatch(self.spec.loop, missing)
        elif missing and self.local is not None:
            self.local.add(missing)

    def guarded(self, work: Callable[[], Any]) -> Any:
        """Return the result of ``work``; after an exception, store it for a request of rank 0 and return None."""
        try:
            return work()
        except (Exception, SystemExit) as exception:  # if one rank exited, the others would wait for it
            self.error, self.exception = traceback.format_exc(), exception
            return None

    def forget_failure(self) -> None:
        """Remove the failure of an earlier request."""
        self.error, self.exception = "", None

    def begin(self, call: int) -> None:
        """Begin a call: remove results and failures of an earlier call, unless this one is repeated."""
        if self._call != call:
            self._call, self._results = call, {}
            self.forget_failure()

    def run(
        self, environment_indices: NDArray[np.int64], requested: NDArray[np.bool_], work: Callable[..., Any]
    ) -> None:
        """Reset or step the requested environments that have no result of this call yet.

        Args:
            environment_indices: The environments of this rank, ``[n]``.
            requested: Whether the call is for each of them, ``[n]``.
            work: Function, called as ``work(local, rows)`` with the rows ``[m]`` of the environments to run.
        """
        rows = [k for k, i in enumerate(environment_indices.tolist()) if requested[k] and i not in self._results]
        local = self.local
        if not rows or local is None:
            return
        result = self.guarded(lambda: work(local, np.array(rows)))
        if result is not None:
            self._results |= {i: (result, k) for k, i in enumerate(result.cultures.tolist())}

    def first_info_names(self) -> tuple[str, ...]:
        """Return the names in the first info of the latest results; empty without results."""
        return next((tuple(result.infos[k]) for result, k in self._results.values()), ())

    def reply(self, environment_indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the latest results of this rank's environments as rows: status, reward, ends, observation, info."""
        num_entries = 0 if self.local is None else (self.local.observation_space.shape or (0,))[0]
        reply = np.zeros((len(environment_indices), FIXED_COLUMNS + num_entries + len(self.info_names)))
        for row, i in zip(reply, environment_indices.tolist(), strict=True):
            if self.error:
                row[0] = FAILED
            elif i in self._results:
                result, k = self._results[i]
                row[:FIXED_COLUMNS] = DONE, result.rewards[k], result.terminated[k], result.truncated[k]
                row[FIXED_COLUMNS : FIXED_COLUMNS + num_entries] = result.observations[k]
                info = result.infos[k]
                if tuple(info) != self.info_names:
                    row[0] = FAILED
                    self.error = f"info has the names {tuple(info)}, not {self.info_names} as before."
                row[FIXED_COLUMNS + num_entries :] = [info.get(name, np.nan) for name in self.info_names]
        return reply
