"""Gymnasium environments simulated as in-vitro neural cultures on a multi-electrode array."""

from __future__ import annotations

from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

from livn_gym.checks import checked
from livn_gym.envs.registration import register_all

if TYPE_CHECKING:
    from livn_gym.env import Env

__version__ = _version("livn_gym")

register_all()


@checked
def make(name: str, variant: str | None = None, *, graph_seed: int | None = None, **options: Any) -> Env:
    """A culture of a predefined system with its tuned parameters, ready to run; records nothing until told.

    Args:
        name: ``"EI1"`` ... ``"EI4"``.
        variant: A named variant of the parameters, e.g. ``"bursting"``; see docs/cultures.md.
        graph_seed: Another culture generated from the same numbers, with this seed; None is the predefined one.
        **options: Further arguments of ``Env``.

    Raises:
        UnknownName: There is no such system or variant.
        UnknownOption: ``Env`` has no argument of that name.
    """
    from livn_gym import registry, system
    from livn_gym.env import Env

    registry.check_options("make", Env, {"system": name, **options})
    env = Env(system.make(name, graph_seed), **options).init()
    try:
        return env.apply_model_defaults(variant)
    except BaseException:
        env.close()
        raise


__all__ = ["__version__", "make"]
