"""The joint criterion: whether a culture differs from a recording no more than two runs of one culture do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked_types
from livn_gym.errors import InvalidInput
from livn_gym.fitting.statistics import fitted_vector

Measures = Mapping[str, float]
"""Measures of one culture, by name."""

LEVEL = 0.95
"""Share of the cultures with the true parameters that the criterion is meant to accept."""

SAMPLES = 20_000
"""Number of draws for the quantile."""


@checked_types
@dataclass(frozen=True, eq=False)
class Criterion:
    """Joint criterion on the K measures that a recording identifies.

    The recording and another run of the same culture vary around the same expectation, with the covariance W between
    runs of one culture with different seeds. The distance is the squared Mahalanobis distance under the covariance of
    their difference: 2 W plus a tolerance, or W + W/n plus the tolerance for the mean of n runs. If a measure varies
    more within the recording (block bootstrap) than between runs, the recording's variance is raised to the larger
    value. The tolerance stands for the difference between two recordings of one culture a day apart, which is more than
    the noise of a recording of ten minutes (about 1 % of a rate).

    The threshold is the 95 % quantile of the distance for a run of the same culture, by parametric bootstrap: W is
    known from some runs only. Without a tolerance it would be a quantile of Hotelling's T².

    Attributes:
        names: The measures.
        target: Their values in the recording, as ``fitted_vector`` gives them, ``[K]``.
        between: Covariance W between runs of one culture, ``[K, K]``.
        of_recording: Covariance of the recording around its expectation, at least W, ``[K, K]``.
        degrees: Degrees of freedom of W.
        threshold: Largest squared distance that is accepted.

    Reference:
        Hotelling, The generalization of Student's ratio, Ann Math Stat 2:360, 1931.
    """

    names: tuple[str, ...]
    target: NDArray[np.float64]
    between: NDArray[np.float64]
    of_recording: NDArray[np.float64]
    degrees: int
    threshold: float

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        target: NDArray,
        spread: NDArray,
        groups: Sequence[NDArray],
        tolerance: float = 0.0,
    ) -> Self:
        """Make the criterion from cultures of several parameter sets.

        Args:
            names: The measures.
            target: Their values in the recording, ``[K]``.
            spread: Covariance of the block bootstrap, ``[K, K]``.
            groups: Fitted measures of the cultures of each set, ``[n, K]`` each; rows with NaN are left out.
            tolerance: Standard deviation of the further deviation that is allowed for each measure.

        Raises:
            InvalidInput: There are too few cultures for the covariance.
        """
        living = [group[np.isfinite(group).all(axis=1)] for group in groups]
        degrees = sum(len(group) - 1 for group in living if len(group) > 1)
        if degrees < len(names) + 2:
            raise InvalidInput(
                f"The covariance of {len(names)} measures between cultures of one set needs at least {len(names) + 2} "
                f"degrees of freedom, the cultures with all measures give {degrees}: simulate more sets or seeds."
            )
        residuals = np.concatenate([group - group.mean(axis=0) for group in living if len(group) > 1])
        between = residuals.T @ residuals / degrees
        wider = np.sqrt(np.maximum(1.0, np.diag(spread) / np.maximum(np.diag(between), 1e-12)))
        of_recording = between * np.outer(wider, wider) + tolerance**2 * np.eye(len(names))
        known = tolerance**2 * np.eye(len(names))
        threshold = _quantile(between, np.outer(wider, wider) + 1.0, known, degrees)
        return cls(tuple(names), target, between, of_recording, degrees, threshold)

    def distances(self, z: NDArray) -> NDArray[np.float64]:
        """Return the squared distances of cultures (``of_values``, ``[n, K]``) from the recording; infinite for NaN."""
        return _squared(z - self.target, self.of_recording + self.between)

    def distance_of_set(self, group: NDArray) -> float:
        """Return the squared distance of the mean of a set's cultures, ``[n, K]``; infinite if one has a NaN."""
        mean = group.mean(axis=0, keepdims=True)
        return float(_squared(mean - self.target, self.of_recording + self.between / len(group))[0])

    def passes(self, z: NDArray) -> NDArray[np.bool_]:
        """Return whether each culture (``of_values``, ``[n, K]``) meets the criterion, bool ``[n]``."""
        return self.distances(z) <= self.threshold

    def as_dict(self) -> dict[str, Any]:
        """Return the criterion as plain values for JSON."""
        return {
            "measures": list(self.names),
            "level": LEVEL,
            "target": self.target.tolist(),
            "between": self.between.tolist(),
            "of_recording": self.of_recording.tolist(),
            "degrees_of_freedom": self.degrees,
            "threshold": self.threshold,
        }

    @classmethod
    def from_dict(cls, table: dict[str, Any]) -> Self:
        """Read what ``as_dict`` returned."""
        return cls(
            tuple(table["measures"]),
            np.array(table["target"], dtype=np.float64),
            np.array(table["between"], dtype=np.float64),
            np.array(table["of_recording"], dtype=np.float64),
            int(table["degrees_of_freedom"]),
            float(table["threshold"]),
        )

    def of_values(self, cultures: Sequence[Measures]) -> NDArray[np.float64]:
        """Return the fitted measures of cultures, ``[n, K]``."""
        return np.array([fitted_vector(values, self.names) for values in cultures])


def _squared(off: NDArray, covariance: NDArray) -> NDArray[np.float64]:
    finite = np.isfinite(off).all(axis=1)
    result = np.full(len(off), np.inf)
    result[finite] = np.einsum("nk,kl,nl->n", off[finite], np.linalg.inv(covariance), off[finite])
    return result


def _quantile(between: NDArray, factors: NDArray, known: NDArray, degrees: int) -> float:
    """Return the quantile of the distance of a run of the same culture if W has so many degrees of freedom.

    Args:
        between: W, ``[K, K]``.
        factors: Elementwise factors of W in the covariance of a difference, ``[K, K]``.
        known: What is added to it, ``[K, K]``.
        degrees: Degrees of freedom of W.
    """
    generator, size = np.random.default_rng(0), len(between)
    values, vectors = np.linalg.eigh(between)
    root = vectors * np.sqrt(np.maximum(values, 1e-12 * values.max()))
    off = generator.normal(size=(SAMPLES, size)) @ np.linalg.cholesky(factors * (root @ root.T) + known).T
    residuals = generator.normal(size=(SAMPLES, degrees, size)) @ root.T
    estimated = residuals.transpose(0, 2, 1) @ residuals / degrees
    solved = np.linalg.solve(factors * estimated + known, off[..., None])[..., 0]
    return float(np.quantile((off * solved).sum(axis=1), LEVEL))
