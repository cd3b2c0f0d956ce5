"""A culture that a user built and configured, handed to an environment: ``CultureEnv(env=...)``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from livn_gym.env import Env
from livn_gym.errors import InvalidInput, shown

OF_THE_CULTURE = ("system", "variant", "params", "io", "model", "backend", "profile", "dt", "graph_seed")
"""Arguments of environments that say how a culture is made; an ``Env`` has them already."""

_TAKEN: WeakSet[Env] = WeakSet()
"""Cultures that belong to an environment."""


class GivenEnv:
    """What a spec holds in place of the ``Env`` that an environment was made around.

    The object itself would be copied whenever somebody asks for the spec, and two environments cannot share it.
    """

    def __init__(self, env: Env) -> None:
        self._name = env.system.name

    def __repr__(self) -> str:
        """Say what it stands for."""
        return f"<an Env of {self._name}, which a spec cannot hold>"

    def __eq__(self, other: object) -> bool:
        """Two specs of one environment are equal."""
        return isinstance(other, GivenEnv) and other._name == self._name

    def __hash__(self) -> int:
        """As equality."""
        return hash(self._name)


@contextmanager
def taken(env: object, options: Mapping[str, Any]) -> Iterator[Env]:
    """Take a culture of a user for an environment, which closes it from then on.

    If the block fails the culture is the user's again, open and as it was configured.

    Args:
        env: The culture; it is built if it is not yet.
        options: Arguments that were given besides.

    Yields:
        The culture.

    Raises:
        InvalidInput: It is no ``Env`` of one culture in this process alone, belongs to another environment, or
            arguments say how to make a culture.
        ClosedError: It is closed.
    """
    if isinstance(env, GivenEnv):
        raise InvalidInput(f"This spec is of an environment around {env!r}: make one around a new Env.")
    if not isinstance(env, Env):
        raise InvalidInput(f"env must be an Env, got {shown(env)}.")
    given = [name for name in OF_THE_CULTURE if options.get(name) is not None]
    if given:
        raise InvalidInput(f"An Env has its {', '.join(given)} already: configure it before, or leave env out.")
    if env.num_cultures != 1 or env.comm is not None:
        raise InvalidInput(
            f"env must be one culture in this process, got {env.num_cultures}"
            f"{' that ranks share' if env.comm is not None else ''}. Vector environments make their own: give them "
            "system, params, model, ... instead."
        )
    if env in _TAKEN:
        raise InvalidInput("This Env belongs to another environment already; two cannot share an episode.")
    env.init()
    _TAKEN.add(env)
    try:
        yield env
    except BaseException:
        _TAKEN.discard(env)
        raise
