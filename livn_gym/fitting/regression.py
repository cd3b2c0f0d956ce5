"""Regression of measures on parameters, and parameter sets that are likely under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked_types

SCALES = ((1.0, 0.3), (3.0, 1.0), (3.0, 3.0), (10.0, 10.0))
"""Prior standard deviations of the linear and of the quadratic coefficients that are compared, in units of a measure's
standard deviation per range of a parameter."""

NOISE = (0.1, 0.2, 0.35, 0.6, 0.9)
"""Standard deviations of a culture around the regression that are compared, in the same units."""

FAR = 3.0
"""Distance from the recording, in standard deviations, at which a culture counts half in the regression."""

WALKERS, STEPS = 96, 400
"""Number of walkers of the sampler, and of its steps."""

STRETCH = 2.0


@checked_types
@dataclass(frozen=True, eq=False)
class Regression:
    """Bayesian quadratic regression of K measures on D parameters, with F coefficients per measure.

    Attributes:
        mean: Expected coefficients, ``[K, F]``.
        covariance: Their covariance, ``[K, F, F]``.
        offset: Mean of each measure, ``[K]``.
        unit: Standard deviation of each measure, ``[K]``.
        residual: Covariance of a culture around the regression, ``[K, K]``.

    Reference:
        Bishop, Pattern Recognition and Machine Learning, Springer 2006, sections 3.3 and 3.5.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    offset: NDArray[np.float64]
    unit: NDArray[np.float64]
    residual: NDArray[np.float64]

    @classmethod
    def of(cls, x: NDArray, z: NDArray, target: NDArray) -> Self:
        """Fit the measures of cultures; those far from the target count less.

        Args:
            x: Parameters, scaled to their ranges, ``[n, D]``.
            z: Measures without NaN, ``[n, K]``.
            target: Measures of the recording, ``[K]``.
        """
        spread = np.maximum(1.4826 * np.median(np.abs(z - np.median(z, axis=0)), axis=0), 1e-3)
        far = np.sqrt((((z - target) / spread) ** 2).mean(axis=1))
        weight = 1.0 / (1.0 + (far / FAR) ** 2)
        offset = (weight @ z) / weight.sum()
        unit = np.maximum(np.sqrt(weight @ (z - offset) ** 2 / weight.sum()), 1e-3)
        y, features = (z - offset) / unit, _features(x)
        gram, moment = (features * weight[:, None]).T @ features, (features * weight[:, None]).T @ y
        means, covariances, left_out = [], [], []
        for k in range(z.shape[1]):
            settings = [(*scales, noise) for scales in SCALES for noise in NOISE]
            energy = float(weight @ y[:, k] ** 2)
            linear, quadratic, noise = max(
                settings, key=lambda item: _evidence(gram, moment[:, k], energy, len(x), x.shape[1], *item)
            )
            covariance = np.linalg.inv(gram / noise**2 + np.diag(1.0 / _variances(x.shape[1], linear, quadratic)))
            means.append(covariance @ moment[:, k] / noise**2)
            covariances.append(covariance)
            leverage = weight * np.einsum("nf,fg,ng->n", features, covariance, features) / noise**2
            left_out.append((y[:, k] - features @ means[-1]) / (1.0 - np.minimum(leverage, 0.99)) * unit[k])
        residuals = np.array(left_out).T
        residual = (residuals * weight[:, None]).T @ residuals / weight.sum()
        return cls(np.array(means), np.array(covariances), offset, unit, residual)

    def predict(self, x: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and variance of the measures' expectation for parameter sets, ``[m, K]`` each."""
        features = _features(x)
        mean = features @ self.mean.T
        variance = np.stack([((features @ c) * features).sum(axis=1) for c in self.covariance], axis=1)
        return self.offset + mean * self.unit, variance * self.unit**2

    def slopes(self, x: NDArray) -> NDArray[np.float64]:
        """Return the derivatives of the measures' expectation at parameter sets, ``[m, K, D]``."""
        size = x.shape[1]
        first, second = np.triu_indices(size)
        factor = np.where(first == second, 1.0, np.sqrt(2.0))
        linear, quadratic = self.mean[:, 1 : size + 1], self.mean[:, size + 1 :] * factor
        slopes = np.repeat(linear[None], len(x), axis=0)
        for k, (i, j) in enumerate(zip(first, second, strict=True)):
            slopes[:, :, i] += quadratic[:, k] * x[:, j, None]
            slopes[:, :, j] += quadratic[:, k] * x[:, i, None]
        return slopes * self.unit[:, None]

    def adjusted(self, x: NDArray, z: NDArray, target: NDArray, noise: NDArray, step_sd: float) -> NDArray[np.float64]:
        """Move parameter sets so as to reduce the deviation of their own cultures from the target, ``[m, D]``.

        It is the update of a Kalman filter with the slopes of the regression: only these are needed from it, since what
        the sets themselves give is known.

        References:
            Beaumont, Zhang & Balding, Approximate Bayesian computation in population genetics, Genetics 162:2025, 2002
            (regression adjustment); Iglesias, Law & Stuart, Ensemble Kalman methods for inverse problems, Inverse
            Problems 29:045001, 2013.

        Args:
            x: Parameters, ``[m, D]``.
            z: Measures of the culture of each, ``[m, K]``.
            target: Measures of the recording, ``[K]``.
            noise: Covariance of the measures of a culture, ``[K, K]``.
            step_sd: Standard deviation of a step that is allowed.
        """
        slopes = self.slopes(x)
        full = step_sd**2 * slopes @ slopes.transpose(0, 2, 1) + noise
        weighted = np.linalg.solve(full, (target - z)[..., None])
        return x + step_sd**2 * (slopes.transpose(0, 2, 1) @ weighted)[..., 0]


def _features(x: NDArray) -> NDArray[np.float64]:
    """Return 1, the parameters, and their products, ``[n, F]``."""
    first, second = np.triu_indices(x.shape[1])
    products = x[:, first] * x[:, second] * np.where(first == second, 1.0, np.sqrt(2.0))
    return np.concatenate([np.ones((len(x), 1)), x, products], axis=1)


def _variances(dimensions: int, linear: float, quadratic: float) -> NDArray[np.float64]:
    """Return the prior variance of every coefficient, ``[F]``."""
    products = dimensions * (dimensions + 1) // 2
    return np.concatenate([[1.0], np.full(dimensions, linear**2), np.full(products, quadratic**2)])


def _evidence(
    gram: NDArray,
    moment: NDArray,
    energy: float,
    count: int,
    dimensions: int,
    linear: float,
    quadratic: float,
    noise: float,
) -> float:
    """Return the logarithm of the marginal likelihood of one measure, less a constant."""
    variances = _variances(dimensions, linear, quadratic)
    precision = gram / noise**2 + np.diag(1.0 / variances)
    root = np.linalg.cholesky(precision)
    half = np.linalg.solve(root, moment / noise**2)
    determinant = 2.0 * np.log(np.diag(root)).sum() + np.log(variances).sum() + 2.0 * count * np.log(noise)
    return float(-0.5 * (energy / noise**2 - half @ half + determinant))


@checked_types
def likely_sets(
    regression: Regression,
    target: NDArray,
    covariance: NDArray,
    start: NDArray,
    prior_sd: float,
    low: NDArray,
    high: NDArray,
    count: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Draw parameter sets from the posterior under a regression, ``[count, D]``.

    The prior is normal around ``start``, cut at the bounds. The likelihood is that of the recording's measures, with
    the variance of the regression added.

    Reference:
        Goodman & Weare, Ensemble samplers with affine invariance, Comm App Math Comp Sci 5:65, 2010.

    Args:
        regression: The regression.
        target: Measures of the recording, ``[K]``.
        covariance: Covariance of the recording around its expectation, ``[K, K]``.
        start: Centre of the prior, ``[D]``.
        prior_sd: Standard deviation of the prior.
        low: Lower bounds, ``[D]``.
        high: Upper bounds, ``[D]``.
        count: Number of sets.
        generator: Random generator.
    """

    def density(x: NDArray) -> NDArray[np.float64]:
        mean, variance = regression.predict(x)
        off = mean - target
        full = covariance[None] + variance[:, :, None] * np.eye(len(target))
        root = np.linalg.cholesky(full)
        half = np.linalg.solve(root, off[..., None])[..., 0]
        log = -0.5 * (half**2).sum(axis=1) - np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
        log -= 0.5 * (((x - start) / prior_sd) ** 2).sum(axis=1)
        return np.where(((x >= low) & (x <= high)).all(axis=1), log, -np.inf)

    dimensions, half = len(start), WALKERS // 2
    pool = np.clip(start + prior_sd * generator.normal(size=(8 * WALKERS, dimensions)), low, high)
    walkers = pool[np.argsort(-density(pool), kind="stable")[:WALKERS]]
    walkers = walkers[generator.permutation(WALKERS)]
    logs = density(walkers)
    kept = []
    for step in range(STEPS):
        for part in (0, 1):
            moved, others = walkers[part * half : (part + 1) * half], walkers[(1 - part) * half : (2 - part) * half]
            stretch = ((STRETCH - 1.0) * generator.uniform(size=half) + 1.0) ** 2 / STRETCH
            partner = others[generator.integers(half, size=half)]
            proposed = partner + stretch[:, None] * (moved - partner)
            log = density(proposed)
            gain = (dimensions - 1) * np.log(stretch) + log - logs[part * half : (part + 1) * half]
            accepted = np.log(generator.uniform(size=half)) < gain
            moved[accepted] = proposed[accepted]
            logs[part * half : (part + 1) * half][accepted] = log[accepted]
        if step >= STEPS // 2 and step % 20 == 0:
            kept.append(walkers.copy())
    drawn = np.concatenate(kept)
    return drawn[generator.choice(len(drawn), size=count, replace=False)]
