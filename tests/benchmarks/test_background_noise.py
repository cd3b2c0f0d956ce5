"""Statistics of the background noise as cells see it: laws that hold on every profile."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow

MEAN, SD = 0.5, 0.1  # nS: five standard deviations from the clipping at 0
TAU_MS = {"e": 30.0, "i": 10.0}
NOISE = {
    f"noise-{key}": value
    for sign in TAU_MS
    for key, value in ((f"g_{sign}0", MEAN), (f"std_{sign}", SD), (f"tau_{sign}", TAU_MS[sign]))
}
HOLD_MS = 0.3
"""Largest shift in time: a step or a few for which a profile may hold the noise, and the clamped membrane."""


@pytest.fixture(scope="module")
def background_noise(script):
    return script("background_noise")


@pytest.mark.parametrize("profile", ["exact", "fast"])
@pytest.mark.parametrize("sign", ["e", "i"])
def test_the_conductance_is_an_ornstein_uhlenbeck_process(background_noise, profile, sign):
    found = background_noise.conductance_statistics(sign, NOISE, profile=profile)
    tau = TAU_MS[sign]
    for name, expected in ((f"g_{sign}: mean (nS)", MEAN), (f"g_{sign}: SD (nS)", SD)):
        value, error = found[name]
        assert value == pytest.approx(expected, abs=4.0 * error + 0.02 * SD)  # 2 %: the membrane, 0.2 ms of 10
    for lag in background_noise.LAGS_MS:
        value, error = found[f"g_{sign}: autocorrelation, {lag:g} ms"]
        slope = np.exp(-lag / tau) / tau
        assert value == pytest.approx(np.exp(-lag / tau), abs=4.0 * error + slope * HOLD_MS)


def test_the_two_conductances_are_independent(background_noise):
    first, second = (background_noise.conductance(sign, NOISE, profile="fast") for sign in ("e", "i"))
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(first, second, strict=True)]
    assert abs(np.mean(correlation)) < 4.0 * np.std(correlation) / np.sqrt(len(correlation))
