"""Every public callable refuses what its annotations do not allow, with an error of the project's own.

Callables are found, not listed. Each argument in turn gets text, NaN, infinity, a complex number, objects and so on;
what comes of it must be a ``LivnError``, or a result where the value is of the argument's type.
"""

from __future__ import annotations

import inspect
import sys
import warnings

import doors
import doors_base as base
import matplotlib
import numpy as np
import pytest
from gymnasium.error import Error as GymnasiumError

from livn_gym.errors import LivnError

QUICK = ("text", "None", "True", "NaN", "part", "complex", "objects", "texts", "keys")
CORE = ("decoding", "encoding", "env", "io", "measures", "plasticity", "pulses", "recording", "stimulus")
MISSING_BY_DESIGN = ("livn_gym.tuning.result.rounded", "livn_gym.plasticity.rescaled", "livn_gym.pulses.numbers")
"""Functions for which NaN is a missing value."""


def bound(path, function):
    """The callable with its object, where it is a method."""
    if inspect.isclass(function) or inspect.ismethod(function) or "self" not in inspect.signature(function).parameters:
        return function
    owner, _, _ = path.rpartition(".")
    module, _, name = owner.rpartition(".")
    return function.__get__(base.instance(owner, getattr(sys.modules[module], name)))


def faults(module, names):
    """What the callables of a module do with odd values that they should not do."""
    found, tried = [], 0
    for path, function in doors.callables().items():
        if function.__module__ != module or path.endswith((".close", "__exit__")) or path in MISSING_BY_DESIGN:
            continue
        try:
            arguments = base.arguments(path, function)
            call = bound(path, function)
            call(**arguments)
        except (base.NoBase, LivnError, NotImplementedError):
            continue
        hints = doors.hints(function)
        for name in doors.parameters(function):
            for odd in names:
                value, tried = doors.ODD[odd], tried + 1
                try:
                    with doors.within(20.0):
                        call(**{**arguments, name: value})
                except (LivnError, NotImplementedError, GymnasiumError):
                    continue
                except (Exception, doors.Slow) as error:
                    found.append(f"{path}({name}={odd}): {type(error).__name__}: {error}")
                else:
                    if not doors.fits(hints.get(name, doors.Any), value):
                        found.append(f"{path}({name}={odd}) is taken")
    return found, tried


MODULES = sorted({function.__module__ for function in doors.callables().values()})


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("module", MODULES)
def test_odd_arguments_are_refused(module):
    found, _ = faults(module, QUICK)
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_every_odd_argument_is_refused(module):
    found, _ = faults(module, tuple(doors.ODD))
    assert not found, "\n".join(found)


def test_the_callables_of_the_core_are_all_tried():
    """Whoever adds a public callable there says in ``doors_base`` what a valid argument is."""
    unknown = []
    for path, function in doors.callables().items():
        if path.split(".")[1] in CORE and not path.split(".")[-2][0].isupper():
            try:
                base.arguments(path, function)
            except base.NoBase as error:
                unknown.append(f"{path}: {error}")
    assert not unknown, "\n".join(unknown)
    assert sum(faults(module, QUICK[:1])[1] for module in ("livn_gym.stimulus", "livn_gym.measures.counts")) > 40
