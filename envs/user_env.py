"""Environments around an ``Env`` that a user built and configured: ``CultureEnv(env=...)``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from livn_gym.env import Env
from livn_gym.errors import InvalidInput, shown

CULTURE_ARGUMENTS = (
    "system",
    "variant",
    "params",
    "posterior",
    "io",
    "model",
    "backend",
    "profile",
    "dt",
    "graph_seed",
)
"""Arguments of environments for making a culture; an ``Env`` already has them."""

_CLAIMED: WeakSet[Env] = WeakSet()
"""Cultures that already belong to an environment."""


class EnvPlaceholder:
    """Placeholder in a spec for the ``Env`` that an environment was made around.

    Every access to the spec would copy the ``Env`` itself, and two environments cannot share one.
    """

    def __init__(self, env: Env) -> None:
        self._name = env.system.name

    def __repr__(self) -> str:
        """Return a text that names the system."""
        return f"<an Env of {self._name}, which a spec cannot hold>"

    def __eq__(self, other: object) -> bool:
        """Compare the names of the systems, so that two specs of one environment are equal."""
        return isinstance(other, EnvPlaceholder) and other._name == self._name

    def __hash__(self) -> int:
        """Return the hash of the system's name."""
        return hash(self._name)


@contextmanager
def claimed(env: object, options: Mapping[str, Any]) -> Iterator[Env]:
    """Claim a user's culture for an environment, which is then responsible for closing it.

    If the block fails, the claim ends: the culture stays open and configured as before.

    Args:
        env: The culture; it is built if necessary.
        options: The other arguments of the environment.

    Yields:
        The culture.

    Raises:
        InvalidInput: ``env`` is no ``Env`` of one culture in this process alone or belongs to another environment, or
            ``options`` has arguments for making a culture.
        ClosedError: The ``Env`` is closed.
    """
    if isinstance(env, EnvPlaceholder):
        raise InvalidInput(f"This spec is of an environment around {env!r}: make one around a new Env.")
    if not isinstance(env, Env):
        raise InvalidInput(f"env must be an Env, got {shown(env)}.")
    conflicts = [name for name in CULTURE_ARGUMENTS if options.get(name) is not None]
    if conflicts:
        of_id = (
            " Ids such as livn/EI2-v0 give a system: use livn/Culture-v0 with env=." if "system" in conflicts else ""
        )
        raise InvalidInput(
            f"An Env has its {', '.join(conflicts)} already: configure it before, or leave env out.{of_id}"
        )
    if env.num_cultures != 1 or env.comm is not None:
        raise InvalidInput(
            f"env must be one culture in this process, got {env.num_cultures}"
            f"{' that ranks share' if env.comm is not None else ''}. Vector environments make their own: give them "
            "system, params, model, ... instead."
        )
    if env in _CLAIMED:
        raise InvalidInput("This Env belongs to another environment already; two cannot share an episode.")
    env.init()
    _CLAIMED.add(env)
    try:
        yield env
    except BaseException:
        _CLAIMED.discard(env)
        raise
