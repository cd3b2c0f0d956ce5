"""What the tests of tuning share: the Poisson fake, and cultures that go through a short protocol."""

import pytest
from fakes import use_poisson_backend

from livn_gym.tuning import Protocol

SHORT = Protocol(
    settle_ms=200.0,
    rest_ms=3000.0,
    groups=4,
    levels_uA=(0.0, 7.0, 14.0),
    pulse_uA=12.0,
    onset_ms=200.0,
    sustained_ms=1000.0,
    level_ms=400.0,
    pause_ms=200.0,
    pulse_electrodes=3,
    pulse_trials=2,
    pulse_interval_ms=200.0,
    place_trials=2,
    device_ms=400.0,
    cut_ms=1000.0,
)


@pytest.fixture
def short():
    """A protocol of seconds."""
    return SHORT


@pytest.fixture
def poisson(monkeypatch):
    """The fake as the default backend: cells at 3 Hz, and 0.12 Hz more for a nC per second on every channel."""
    use_poisson_backend(monkeypatch)
