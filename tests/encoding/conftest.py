from types import SimpleNamespace

import pytest


@pytest.fixture
def env():
    """All that an encoding looks at: one culture, three channels."""
    return SimpleNamespace(num_cultures=1, dt=0.025, electrodes=SimpleNamespace(num_channels=3))


@pytest.fixture
def batch():
    """The same for two cultures."""
    return SimpleNamespace(num_cultures=2, dt=0.025, electrodes=SimpleNamespace(num_channels=3))
