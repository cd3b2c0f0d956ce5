"""Suite of all conformance checks."""

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
"""Checks by name; each has an id and options of ``gym.make`` as arguments."""


def conform(env_id: str, **options: Any) -> list[str]:
    """Run all checks on an environment.

    Args:
        env_id: Id of the environment.
        **options: Options of ``gym.make`` and ``gym.make_vec``.

    Returns:
        Names of the checks, which all passed.

    Raises:
        NonConforming: A check failed.
    """
    for check in CHECKS.values():
        check(env_id, **options)
    return list(CHECKS)
