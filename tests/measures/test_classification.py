"""The cross-validated decoder on classes that are alike, apart, or tied."""

import numpy as np
import pytest

from livn_gym.errors import InvalidInput
from livn_gym.measures import centroid_accuracy

LABELS = np.tile(np.arange(4), 10)


def test_classes_with_features_of_their_own_are_told_apart():
    means = 0.5 + 9.0 * np.eye(4)[LABELS]
    assert centroid_accuracy(np.random.default_rng(0).poisson(means), LABELS) == 1.0


def test_classes_that_are_alike_are_told_apart_by_chance():
    counts = np.random.default_rng(1).poisson(3.0, (4000, 6))
    # 4,000 trials: a standard deviation of 0.7 %
    assert centroid_accuracy(counts, np.tile(np.arange(4), 1000)) == pytest.approx(0.25, abs=0.03)


def test_trials_without_spikes_are_shared_among_the_classes():
    assert centroid_accuracy(np.zeros((40, 5)), LABELS) == pytest.approx(0.25)


def test_one_trial_of_a_class_cannot_be_left_out():
    for counts, labels in (
        (np.zeros((3, 2)), np.array([0, 0, 1])),
        (np.zeros((4, 2)), np.zeros(4, dtype=int)),
        (np.zeros((4, 2)), np.zeros(3, dtype=int)),
    ):
        with pytest.raises(InvalidInput, match="two classes of two trials"):
            centroid_accuracy(counts, labels)
