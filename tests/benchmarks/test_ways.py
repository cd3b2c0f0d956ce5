"""Variants of the kernels: each differs from all others, is undone, and has equations close to those of the cells."""

import inspect
import math

import numpy as np
import pytest

from livn_gym.backends.base import CultureSpec, make_profile
from livn_gym.backends.native.generate import source
from livn_gym.backends.native.layout import layouts
from livn_gym.models import Noise, ReducedCalciumSomaDendrite
from livn_gym.models.step import relaxed
from livn_gym.system import make


@pytest.fixture(scope="module")
def ways(script):
    return script("ways")


def kernels(variant=None, profile="fast"):
    """Source and parameters of the kernels of EI2."""
    engine = {"profile": profile} if variant is None else {"profile": "exact"} | variant.engine
    setting = make_profile(engine["profile"], *(engine.get(name) for name in ("dt", "scheme", "precision")))
    spec = CultureSpec(make("EI2"), ReducedCalciumSomaDendrite(), setting.dt_ms, setting.scheme, 1, setting.precision)
    found = layouts(spec)
    values = [layout.parameters(spec, Noise()) for layout in found]
    bits = int(setting.precision.removeprefix("float"))
    return source(found, [list(each) for each in values], bits), tuple(tuple(each.items()) for each in values)


@pytest.mark.parametrize("name", ["former", "fast"])
def test_all_variants_of_a_table_differ(ways, name):
    before = kernels()
    made = {}
    for variant in ways.TABLES[name]():
        with variant.applied():
            made[variant.name] = kernels(variant)
        assert kernels() == before, variant.name
    assert len(set(made.values())) == len(made)


def test_changes_are_undone_after_an_error(ways):
    before = kernels()
    with pytest.raises(KeyError), ways.Variant("64 lanes", (ways.lanes(64),)).applied():
        raise KeyError
    assert kernels() == before


def test_relaxation_by_an_exponential_or_two_divisions_is_that_of_the_cells(ways):
    for rate_dt in (1e-3, 0.05, 0.3):
        gate = relaxed(0.2, 3.0, 4.0, rate_dt)
        assert ways.unmerged(0.2, 3.0, 4.0, rate_dt) == pytest.approx(gate, rel=1e-14)
        assert ways.exponential(0.2, 3.0, 4.0, rate_dt) == pytest.approx(0.75 - 0.55 * math.exp(-rate_dt), rel=1e-14)
        assert ways.exponential(0.2, 3.0, 4.0, rate_dt) == pytest.approx(gate, abs=0.55 * rate_dt**4)


@pytest.mark.parametrize("population", ["EXC", "INH"])
def test_equations_with_and_without_approximations_are_close(ways, population):
    cell = ReducedCalciumSomaDendrite().cell(population)
    step, multirate = cell.step, cell.step.multirate
    values = step.parameters(cell, 0.01) | multirate.parameters(cell, 0.01, 0.01)  # of higher order in the step
    for v in np.linspace(-90.0, 50.0, 57):
        at = values | dict(zip(step.states, step.initial(cell), strict=True)) | {"v_s": v, "v_d": v, "v_ahead": v}

        def call(function, at=at):
            return np.array(function(*(at[name] for name in inspect.signature(function).parameters)))

        for name, function in ways.EXACT[type(cell)].items():
            assert call(function) == pytest.approx(call(getattr(multirate, name)), rel=3e-4, abs=1e-6), (name, v)
        assert call(ways.APPROXIMATED[type(cell)]) == pytest.approx(call(step.advance), rel=3e-4, abs=1e-6), v
