"""The result of a step or reset of several cultures, the same for a loop, a vector environment and MPI ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Info = dict[str, float]
"""Additional results of a step: always the same names, one number each."""


@dataclass(frozen=True, eq=False)
class StepResult:
    """Observations, rewards and ends of n cultures after a step or a reset.

    After a reset all rewards are 0 and no episode has ended.

    Attributes:
        observations: ``[n, 2 F + K]``, see ``observation_box``.
        rewards: ``[n]``.
        terminated: Whether the task itself ended, ``[n]``.
        truncated: Whether the task itself reached a time limit, ``[n]``.
        infos: ``[n]``.
        cultures: Indices of the cultures, ascending ``[n]``: within a loop; or of the environments, if the results of
            several loops are joined.
    """

    observations: NDArray[np.float32]
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    infos: list[Info]
    cultures: NDArray[np.int64]

    @classmethod
    def of_reset(
        cls, observations: NDArray[np.float32], infos: list[Info], cultures: Sequence[int] | NDArray[np.int64]
    ) -> StepResult:
        """Return the result of a reset: no rewards, no ends."""
        n = len(infos)
        ended = np.zeros((2, n), dtype=np.bool_)
        return cls(observations, np.zeros(n), ended[0], ended[1], infos, np.asarray(cultures, dtype=np.int64))

    @classmethod
    def joined(cls, results: Sequence[StepResult]) -> StepResult:
        """Join the results of disjoint sets of cultures, in ascending order of the cultures."""
        if len(results) == 1:
            return results[0]
        cultures = np.concatenate([result.cultures for result in results])
        order = np.argsort(cultures)
        infos = [info for result in results for info in result.infos]
        return cls(
            np.concatenate([result.observations for result in results])[order],
            np.concatenate([result.rewards for result in results])[order],
            np.concatenate([result.terminated for result in results])[order],
            np.concatenate([result.truncated for result in results])[order],
            [infos[k] for k in order.tolist()],
            cultures[order],
        )

    def numbered(self, cultures: Sequence[int] | NDArray[np.int64]) -> StepResult:
        """Return the same results with other indices of the cultures, ``[n]``."""
        return replace(self, cultures=np.asarray(cultures, dtype=np.int64))
