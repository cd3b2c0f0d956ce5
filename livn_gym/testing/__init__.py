"""Conformance checks for any registered id: what ours go through, for what users register themselves.

``conform("livn/EI2-v0")`` runs all of them; each can be called by itself. A check raises ``NonConforming``, an
``AssertionError``, that says what was expected and what came. Options go to ``gym.make``::

    from livn_gym.testing import check_vector, conform

    conform("livn/EI1-v0", settle_ms=200.0)
    check_vector("my/Culture-v0", num_envs=4)
"""

from livn_gym.errors import NonConforming
from livn_gym.testing.rollouts import check_bounds, check_rollout
from livn_gym.testing.single import (
    check_closing,
    check_determinism,
    check_gymnasium,
    check_memory,
    check_observations,
    check_spec,
)
from livn_gym.testing.suite import CHECKS, conform
from livn_gym.testing.vector import check_vector

__all__ = [
    "CHECKS",
    "NonConforming",
    "check_bounds",
    "check_closing",
    "check_determinism",
    "check_gymnasium",
    "check_memory",
    "check_observations",
    "check_rollout",
    "check_spec",
    "check_vector",
    "conform",
]
