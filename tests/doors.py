"""Every public callable of the package, valid arguments for it, and values that are none."""

from __future__ import annotations

import datetime
import importlib
import inspect
import math
import pkgutil
import signal
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

import livn_gym

INTERNAL = (
    "livn_gym.backends",  # behind the Env
    "livn_gym.cli",  # takes text
    "livn_gym.mpi",
    "livn_gym.mpi_job",
    "livn_gym.serve",  # its door is the page's messages
    "livn_gym.agents",
    "livn_gym.testing",
    "livn_gym.distributed",
    "livn_gym.atomic",
    "livn_gym.hdf5",
    "livn_gym.interrupts",
    "livn_gym.memory",
    "livn_gym.ownership",
    "livn_gym.reading",
    "livn_gym.seal",
    "livn_gym.envs.acquisition",  # behind the loop, at every step
    "livn_gym.envs.amplifier",
    "livn_gym.envs.arguments",
    "livn_gym.envs.batches",
    "livn_gym.envs.episode_loop",
    "livn_gym.envs.local_batch",
    "livn_gym.envs.layout",
    "livn_gym.envs.user_env",
    "livn_gym.envs.loop",
    "livn_gym.envs.measurement",
    "livn_gym.envs.rendering",
    "livn_gym.envs.results",
    "livn_gym.envs.screens",
    "livn_gym.envs.specs",
    "livn_gym.envs.sub_environments",
    "livn_gym.devices.cl_source",  # behind cl-sdk, which calls it
    "livn_gym.devices.cl_culture",
    "livn_gym.devices.frame_buffer",
    "livn_gym.devices.cl_script",  # behind livn-gym cl run
    "livn_gym.devices.cl_run",
    "livn_gym.devices.cl_patience",
    "livn_gym.formats.foreign",  # behind read_channels
    "livn_gym.cache",
    "livn_gym.config",
    "livn_gym.configs",
    "livn_gym.processors",
    "livn_gym.checks",
    "livn_gym.cell_values",  # behind Env.set_cells
    "livn_gym.exclusive",  # parts of Env, which is tried whole
    "livn_gym.recorder",
    "livn_gym.saved_states",
    "livn_gym.waveforms",  # parts of Stimulus, likewise
    "livn_gym.blanked_times",  # parts of Recording, likewise
    "livn_gym.joined_recordings",
    "livn_gym.current_flow",  # behind blanked
    "livn_gym.errors",
    "livn_gym.units",
    "livn_gym.values",
    "livn_gym.child",
    "livn_gym.numerics",
    "livn_gym.envs.culture_env",  # options of tasks: tests/envs/test_options.py
    "livn_gym.envs.vector_env",
    "livn_gym.envs.wrappers",
    "livn_gym.devices.plants",  # these build cultures and open devices
    "livn_gym.tuning.bench",  # these run protocols for minutes
    "livn_gym.tuning.study",
    "livn_gym.tuning.validation",
)
"""Modules without a door of their own: what reaches them came through one."""

RESULTS = (
    "Branching",
    "Probe",
    "Targets",
    "Recording",
    "NetworkBursts",
    "RecordingRequest",
    "Schedule",
    "RuleParameters",
)
"""Classes whose objects the package makes: what a function gives back, or takes from another layer."""

EQUATIONS = "livn_gym.models."
"""Functions of these modules are equations, which backends compile: floats in, floats out."""


class Odd:
    """An object of nobody's type."""


ODD: dict[str, Any] = {
    "text": "no such thing",
    "empty text": "",
    "bytes": b"abc",
    "None": None,
    "True": True,
    "NaN": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "huge": 1e300,
    "long": 10**400,
    "negative": -7,
    "part": 0.9,
    "complex": 1 + 2j,
    "date": datetime.date(2020, 1, 1),
    "object": Odd(),
    "class": Odd,
    "empty": [],
    "nested": [[1.0, [2.0]], 3.0],
    "texts": ["a", "b"],
    "complexes": np.array([1j]),
    "objects": np.array([Odd(), None], dtype=object),
    "dates": np.array(["2020-01-01"], dtype="datetime64[D]"),
    "keys": {1: 2},
}


def modules() -> list[types.ModuleType]:
    """The package's public modules, in order."""
    found = []
    for info in pkgutil.walk_packages(livn_gym.__path__, "livn_gym."):
        parts = info.name.split(".")
        if not any(part.startswith("_") for part in parts) and not info.name.startswith(INTERNAL):
            found.append(importlib.import_module(info.name))
    return [livn_gym, *found]


def callables() -> dict[str, Callable]:
    """Public functions, constructors and methods by their full name."""
    found: dict[str, Callable] = {}
    for module in modules():
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
                continue
            path = f"{module.__name__}.{name}"
            if inspect.isfunction(value):
                if not (module.__name__.startswith(EQUATIONS) and module.__name__ != "livn_gym.models.base"):
                    found[path] = value
            elif (
                inspect.isclass(value)
                and not issubclass(value, BaseException)
                and not getattr(value, "_is_protocol", False)
            ):
                if not inspect.isabstract(value) and name != "Cell":
                    if name not in RESULTS:
                        found[path] = value
                    for method, member in inspect.getmembers(value):
                        owner = next((c for c in value.__mro__ if method in vars(c)), None)
                        public = not method.startswith("_") or method in ("__call__", "__getitem__")
                        if (
                            public
                            and (inspect.isfunction(member) or inspect.ismethod(member))
                            and str(owner.__module__).startswith("livn_gym")
                        ):
                            found[f"{path}.{method}"] = member
    return found


def parameters(function: Callable) -> dict[str, inspect.Parameter]:
    """Its parameters without self, and without those that take any others."""
    rest = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    signature = inspect.signature(function)
    return {n: p for n, p in signature.parameters.items() if n not in ("self", "cls") and p.kind not in rest}


def hints(function: Callable) -> dict[str, Any]:
    """Annotations as objects, Any where a name is there for static tools alone."""
    target = function.__init__ if inspect.isclass(function) else function
    while hasattr(target, "__wrapped__"):
        target = target.__wrapped__

    class Names(dict):
        def __missing__(self, name):
            import builtins

            return getattr(builtins, name, Any)

    names = Names(getattr(target, "__globals__", {}))
    result = {}
    for name, annotation in getattr(target, "__annotations__", {}).items():
        try:
            result[name] = eval(annotation, {}, names) if isinstance(annotation, str) else annotation
        except (TypeError, AttributeError):
            result[name] = Any
    return result


def fits(annotation: Any, value: Any) -> bool:
    """Whether a value is of the annotation's type at all; whether it is in range is the function's to say."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (Any, object, inspect.Parameter.empty, typing.Self) or isinstance(
        annotation, typing.TypeVar | str
    ):
        return True
    if annotation is None or annotation is type(None):
        return value is None
    if annotation is ArrayLike:
        return _numeric(value)
    if origin in (typing.Union, types.UnionType):
        return any(fits(arg, value) for arg in args)
    if origin is typing.Literal:
        return value in args if isinstance(value, str) else False
    if origin is np.ndarray:
        return _numeric(value) and np.ndim(value) > 0
    if origin is type:
        return inspect.isclass(value)
    if annotation is float:
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and abs(value) < 2**1000
            and math.isfinite(value)
        )
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64
    kind = origin or annotation
    if kind is Callable or (isinstance(kind, type) and issubclass(kind, Callable)):
        return callable(value)
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return (
            isinstance(value, Mapping) and all(fits(args[0], k) and fits(args[1], v) for k, v in value.items())
            if args
            else isinstance(value, Mapping)
        )
    if isinstance(kind, type) and issubclass(kind, Collection | Iterable) and kind not in (str, bytes, Path) and args:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence | np.ndarray):
            return False
        return all(fits(args[0], item) for item in value)
    if not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return True
    return isinstance(value, kind)


def _numeric(value: Any) -> bool:
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        return False
    return array.dtype.kind in "iuf" and bool(np.isfinite(array).all())


class Slow(Exception):
    """A call that did not end."""


@contextmanager
def within(seconds: float):
    """Raise ``Slow`` in what takes longer."""

    def late(*_):
        raise Slow

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
