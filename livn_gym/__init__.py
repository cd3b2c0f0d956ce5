"""Gymnasium environments that simulate cultures of neurons on a multi-electrode array."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from livn_gym.checks import checked
from livn_gym.envs.registration import register, register_all

if TYPE_CHECKING:
    from livn_gym.env import Env

    __version__: str

register_all()


def __getattr__(name: str) -> Any:
    """Return a submodule or ``__version__``, which are imported or read only when they are asked for, to save time."""
    if name == "__version__":
        from importlib.metadata import version

        return version("livn_gym")
    if not name.startswith("_") and find_spec(f"{__name__}.{name}") is not None:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names and the submodules."""
    from pkgutil import iter_modules

    submodules = {info.name for info in iter_modules(__path__) if not info.name.startswith("_")}
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__, *submodules})


@checked
def make(
    system: Any,
    variant: str | None = None,
    *,
    graph_seed: int | None = None,
    params: Any = None,
    **options: Any,
) -> Env:
    """Make a culture with its parameters, ready to run; nothing is recorded until a ``record_...`` method is called.

    Args:
        system: ``"EI1"`` ... ``"EI4"``, or any other system, as ``livn_gym.system.make`` takes it.
        variant: A named variant of the parameters, e.g. ``"bursting"``; see docs/cultures.md.
        graph_seed: Seed of a graph that is generated from the same configuration; None for the graph of the system.
        params: Parameters in place of the shipped ones: the name of a set, a TOML file, a reference, or a
            mapping of keys that change single values; see ``livn_gym.parameter_sets.find``.
        **options: Further arguments of ``Env``.

    Raises:
        UnknownName: There is no such system, variant or parameter.
        UnknownOption: ``Env`` has no argument of that name.
    """
    from livn_gym import parameter_sets, registry
    from livn_gym import system as systems
    from livn_gym.env import Env

    registry.check_options("livn_gym.make()", Env, {"system": system, **options})
    culture = systems.make(system, graph_seed)
    values = parameter_sets.find(culture, params, variant)
    env = Env(culture, **options).init()
    try:
        return env.set_params(values)
    except BaseException:
        env.close()
        raise


__all__ = ["__version__", "make", "register"]
