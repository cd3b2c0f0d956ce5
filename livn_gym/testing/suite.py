"""All checks of an id in a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livn_gym.testing.rollouts import check_bounds, check_rollout
from livn_gym.testing.single import (
    check_closing,
    check_determinism,
    check_gymnasium,
    check_memory,
    check_observations,
    check_spec,
)
from livn_gym.testing.vector import check_vector

CHECKS: dict[str, Callable[..., Any]] = {
    "gymnasium": check_gymnasium,
    "spec": check_spec,
    "closing": check_closing,
    "memory": check_memory,
    "observations": check_observations,
    "determinism": check_determinism,
    "vector": check_vector,
    "bounds": check_bounds,
    "rollout": check_rollout,
}
"""Every check by name; each takes an id and options of ``gym.make``."""


def conform(env_id: str, **options: Any) -> list[str]:
    """Run every check.

    Args:
        env_id: The id.
        **options: For ``gym.make`` and ``gym.make_vec``.

    Returns:
        Names of the checks, all of which passed.

    Raises:
        NonConforming: A check failed.
    """
    for check in CHECKS.values():
        check(env_id, **options)
    return list(CHECKS)
