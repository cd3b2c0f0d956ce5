import pytest
from fakes import use_poisson_backend


@pytest.fixture
def fake(monkeypatch):
    """Environments of this test run on the Poisson fake unless they name a backend."""
    use_poisson_backend(monkeypatch)
