"""Simulators behind one interface, imported on first use."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from livn_gym.backends.base import (
    MAX_VOLTAGE_MV,
    PROFILES,
    Backend,
    Capabilities,
    CellParameters,
    CultureParameters,
    CultureSpec,
    Learning,
    Parameters,
    Precision,
    Profile,
    Scheme,
    Snapshots,
    Stoppable,
    Undoable,
    check_recording,
    make_profile,
)
from livn_gym.errors import BackendUnavailable, ImportFailed, InvalidInput, unknown_name
from livn_gym.registry import Kind

_SHIPPED = {
    "native": "livn_gym.backends.native:NativeBackend",
    "neuron": "livn_gym.backends.neuron:NeuronBackend",
}

Spec = str | type[Backend] | Callable[..., Backend] | Mapping[str, Any]
"""Arguments that ``make`` accepts, besides None."""

BACKENDS: Kind[Backend] = Kind("backend", Backend, lambda: _SHIPPED, objects=False)  # type: ignore[type-abstract]


def names() -> tuple[str, ...]:
    """Return the names that ``Env(backend=)`` accepts, including those of installed packages."""
    return tuple(BACKENDS.names())


def make(backend: Spec | None = None) -> Backend:
    """Make a backend.

    Args:
        backend: One of ``names()``, a reference ``"module:attribute"`` or ``"file.py:attribute"``, a class, a function
            that makes one, or a mapping with a ``name`` and options. Default: LIVN_BACKEND, otherwise native.

    Raises:
        UnknownName: There is no backend of that name.
        InvalidInput: It is an object, which two Envs cannot share, or has another type.
        BackendUnavailable: The simulator is not installed or cannot be loaded.
        ImportFailed: The package that offers it cannot be imported.
    """
    spec = selected(backend)
    try:
        made = BACKENDS.make(spec)
    except ImportFailed as error:
        if not isinstance(spec, str) or spec not in _SHIPPED:
            raise
        # As Numba fails for NumPy or NUMBA_ settings that it cannot use.
        cause = error.__cause__
        raise BackendUnavailable(
            f"The backend {spec!r} cannot be loaded: {type(cause).__name__}: {cause} Look at the versions that are "
            "installed (pip check) and at variables such as NUMBA_NUM_THREADS in the environment."
        ) from cause
    if not isinstance(getattr(made, "capabilities", None), Capabilities):
        raise InvalidInput(f"{type(made).__name__} needs an attribute capabilities of type Capabilities.")
    return made


def selected(backend: Spec | None = None) -> Spec:
    """Return the backend that ``make`` makes: the argument, otherwise LIVN_BACKEND, otherwise ``"native"``.

    Raises:
        UnknownName: There is no backend of that name.
    """
    spec = (os.environ.get("LIVN_BACKEND") or "native") if backend is None else backend
    if isinstance(spec, str):
        BACKENDS.check(spec)
    elif not isinstance(spec, Mapping) and not callable(spec):
        raise unknown_name("backend", spec, names())
    return spec


def prepare_ranks(backend: Spec | None, subworld_size: int) -> None:
    """Prepare ranks to share cultures; all ranks of the MPI job must call this, also those without a culture.

    Args:
        backend: Backend of the cultures, as for ``make``.
        subworld_size: Number of ranks that share a culture.

    Raises:
        BackendError: NEURON does not find the other ranks.
        BackendUnavailable: The simulator is not installed.
    """
    if subworld_size > 1 and selected(backend) == "neuron":
        from livn_gym.backends.neuron.rank import join

        join(subworld_size)


__all__ = [
    "BACKENDS",
    "MAX_VOLTAGE_MV",
    "PROFILES",
    "Backend",
    "Capabilities",
    "CellParameters",
    "CultureParameters",
    "CultureSpec",
    "Learning",
    "Parameters",
    "Precision",
    "Profile",
    "Scheme",
    "Snapshots",
    "Stoppable",
    "Undoable",
    "check_recording",
    "make",
    "make_profile",
    "names",
    "prepare_ranks",
    "selected",
]
