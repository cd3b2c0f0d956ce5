import pytest

from livn_gym.serve.agent_catalog import AgentCatalog
from livn_gym.serve.session import LiveSession

SHORT = {"settle_ms": 400.0, "max_episode_steps": 12}


@pytest.fixture
def session(fake):
    """A paused session of EI2 on the fake, with episodes of 12 steps."""
    with LiveSession(
        "livn/EI2-v0", AgentCatalog(), "constant", paused=True, speed=None, seed=3, options=SHORT
    ) as running:
        yield running
