"""Accuracy with which a cross-validated decoder classifies trials."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput


@checked
def centroid_accuracy(counts: NDArray, labels: NDArray) -> float:
    """Return the share of trials that a nearest-centroid decoder assigns to their class, leaving out one at a time.

    Counts are replaced by their square roots, so that the variance of Poisson counts does not depend on their mean. A
    centroid is the mean over the other trials of a class; among equally near centroids each counts by its share. The
    chance level for K classes with equal numbers of trials is 1 / K.

    Args:
        counts: Spike counts of every trial, ``[T, F]``.
        labels: Class of every trial, ``[T]``.

    Raises:
        InvalidInput: The shapes do not match, or a class has fewer than two trials.
    """
    classes, index = np.unique(labels, return_inverse=True)
    sizes = np.bincount(index)
    if counts.ndim != 2 or labels.shape != counts.shape[:1] or sizes.min(initial=2) < 2 or len(classes) < 2:
        raise InvalidInput(
            f"A decoder needs counts [T, F] and labels [T] with at least two classes of two trials, got the shapes "
            f"{counts.shape} and {labels.shape}, and classes of {sizes.tolist()} trials."
        )
    features = np.sqrt(counts)
    sums = np.stack([features[index == k].sum(axis=0) for k in range(len(classes))])
    hits = 0.0
    for feature, k in zip(features, index, strict=True):
        left, trials = sums.copy(), sizes.copy()
        left[k] -= feature
        trials[k] -= 1
        distance = np.linalg.norm(left / trials[:, None] - feature, axis=1)
        nearest = np.isclose(distance, distance.min())
        hits += nearest[k] / nearest.sum()
    return hits / len(labels)
