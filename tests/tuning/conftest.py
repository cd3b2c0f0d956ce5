"""What the tests of tuning share: the Poisson fake, and cultures that go through a short protocol."""

import pytest
from fakes import use_poisson_backend

from livn_gym.tuning import Protocol

SHORT = Protocol(
    settle_ms=200.0,
    rest_ms=3000.0,
    onset_ms=100.0,
    stimulated_ms=1000.0,
    levels_uA=(0.0, 7.5, 15.0),
    level_ms=400.0,
    pause_ms=200.0,
    map_electrodes=3,
    map_trials=2,
    map_ms=100.0,
    map_pause_ms=100.0,
)


@pytest.fixture
def short():
    """A protocol of seconds."""
    return SHORT


@pytest.fixture
def poisson(monkeypatch):
    """The fake as the default backend: cells at 3 Hz, and 10.2 Hz under the standard pulses."""
    use_poisson_backend(monkeypatch)
