"""Simulators behind one interface, imported on first use."""

from __future__ import annotations

import os
from importlib import import_module

from livn_gym.backends.base import (
    MAX_VOLTAGE_MV,
    PROFILES,
    Backend,
    Capabilities,
    CultureSpec,
    Learning,
    Parameters,
    Precision,
    Profile,
    Scheme,
    Snapshots,
    Stoppable,
    Undoable,
    setting,
)
from livn_gym.errors import BackendUnavailable, LivnError, unknown_name

_BACKENDS = {
    "native": "livn_gym.backends.native:NativeBackend",
    "neuron": "livn_gym.backends.neuron:NeuronBackend",
}


def names() -> tuple[str, ...]:
    """Names that ``Env(backend=)`` takes."""
    return tuple(_BACKENDS)


def create(name: str | None = None) -> Backend:
    """A backend by name; the default is LIVN_BACKEND, else the native engine.

    Raises:
        UnknownName: There is no backend of that name.
        BackendUnavailable: Its simulator is not installed, or cannot be loaded.
    """
    name = chosen(name)
    module, _, cls = _BACKENDS[name].partition(":")
    try:
        backend = getattr(import_module(module), cls)
    except LivnError:
        raise
    except (ImportError, OSError, ValueError) as error:  # as Numba does for NumPy or NUMBA_ settings that it cannot use
        raise BackendUnavailable(
            f"The backend {name!r} cannot be loaded: {type(error).__name__}: {error} Look at the versions that are "
            "installed (pip check) and at variables such as NUMBA_NUM_THREADS in the environment."
        ) from error
    return backend()


def chosen(name: str | None = None) -> str:
    """The backend that ``create`` makes.

    Raises:
        UnknownName: There is no backend of that name.
    """
    name = (os.environ.get("LIVN_BACKEND") or "native") if name is None else name
    if not isinstance(name, str) or name not in _BACKENDS:
        raise unknown_name("backend", name, _BACKENDS)
    return name


def attend(name: str | None, subworld_size: int) -> None:
    """What all ranks of an MPI job do, also those without a culture, before some of them share cultures.

    Args:
        name: The cultures' backend, as ``create`` takes it.
        subworld_size: Ranks that share a culture.

    Raises:
        BackendError: NEURON does not find the other ranks.
        BackendUnavailable: The simulator is not installed.
    """
    if subworld_size > 1 and chosen(name) == "neuron":
        from livn_gym.backends.neuron.rank import join

        join(subworld_size)


__all__ = [
    "MAX_VOLTAGE_MV",
    "PROFILES",
    "Backend",
    "Capabilities",
    "CultureSpec",
    "Learning",
    "Parameters",
    "Precision",
    "Profile",
    "Scheme",
    "Snapshots",
    "Stoppable",
    "Undoable",
    "attend",
    "chosen",
    "create",
    "names",
    "setting",
]
