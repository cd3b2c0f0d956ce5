"""Conformance checks of environments, and the gate, for the ids of livn_gym and for those that users register.

``conform("livn/EI2-v0")`` runs all checks; each can also be called alone. A check raises ``NonConforming``, an
``AssertionError`` whose message states the expected and the actual result. Options are passed to ``gym.make``::

    from livn_gym.testing import check_vector, conform

    conform("livn/EI1-v0", settle_ms=200.0)
    check_vector("my/Culture-v0", num_envs=4)

``network_gate("livn/EI2-v0").check()`` measures whether a task needs the network of its culture.
"""

from livn_gym.errors import NonConforming
from livn_gym.testing.gate import network_gate
from livn_gym.testing.gate_result import GateResult
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
    "GateResult",
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
    "network_gate",
]
