"""Quantities that are refused, and what the errors say."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn_gym import errors
from livn_gym.errors import InvalidInput, LivnError, UnknownName, unknown_name
from livn_gym.units import finite, finite_range, whole_steps


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.int64(3), np.array(3.0), Fraction(3)])
def test_finite_takes_every_real_number_as_a_float(value):
    assert finite("x", value) == 3.0
    assert type(finite("x", value)) is float


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "3", None, True, 3j, [3], 10**400, np.array(True)])
def test_finite_refuses_all_else_and_names_it(value):
    with pytest.raises(InvalidInput, match="weight must be a finite number, got"):
        finite("weight", value)


def test_finite_bounds_are_closed_for_minimum_and_open_for_above():
    assert finite("x", 0.0, minimum=0.0) == 0.0
    with pytest.raises(InvalidInput, match="x must be at least 0, got -1"):
        finite("x", -1, minimum=0.0)
    with pytest.raises(InvalidInput, match="x must be greater than 0, got 0"):
        finite("x", 0, above=0.0)


@given(st.integers(1, 10**8), st.sampled_from([0.0125, 0.025, 0.05, 0.1, 0.2, 1.0]))
def test_whole_steps_counts_multiples_of_the_step_however_they_were_computed(steps, dt):
    assert whole_steps("duration", steps * dt, dt) == steps
    assert whole_steps("duration", steps / (1 / dt), dt) == steps


@given(st.integers(0, 10**8), st.floats(0.01, 0.99))
def test_whole_steps_refuses_fractions_of_a_step_in_runs_of_any_length(steps, fraction):
    with pytest.raises(InvalidInput, match="multiple of the time step 0.025 ms"):
        whole_steps("duration", (steps + fraction) * 0.025, 0.025)


def test_whole_steps_takes_a_float32_duration():
    assert whole_steps("duration", np.float32(0.1), 0.025) == 4


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), (0.5, 0.5), [0.5, 0.5], np.array([0.5, 0.5])])
def test_a_range_is_a_number_or_a_pair(value):
    assert finite_range("share", value, minimum=0.0, maximum=1.0) == (0.5, 0.5)


@pytest.mark.parametrize("value", [(0.6, 0.5), (0.5, 1.1), (-0.1, 0.5), (0.1, 0.2, 0.3), "ab", (0.1, math.nan), None])
def test_other_ranges_are_refused_by_name(value):
    with pytest.raises(InvalidInput, match="share"):
        finite_range("share", value, minimum=0.0, maximum=1.0)


def test_whole_steps_refuses_too_short_negative_and_nan():
    assert whole_steps("duration", 0, 0.025, minimum=0) == 0
    for value, message in ((0, "at least 0.025 ms"), (-1, "at least 0"), (math.nan, "finite")):
        with pytest.raises(InvalidInput, match=message):
            whole_steps("duration", value, 0.025)


def test_unknown_name_lists_what_is_valid_and_the_nearest():
    error = unknown_name("population", "EXCC", ["EXC", "INH"])
    assert str(error) == "Unknown population 'EXCC'. Did you mean 'EXC'? Valid: 'EXC', 'INH'."
    assert str(unknown_name("population", "zzz", [])) == "Unknown population 'zzz'. Valid: none."


def test_errors_are_livn_errors_and_the_builtin_errors_that_callers_expect():
    for error, builtin in (
        (errors.InvalidInput, ValueError),
        (errors.UnknownName, KeyError),
        (errors.UnknownName, ValueError),
        (errors.ClosedError, RuntimeError),
        (errors.NotRecorded, RuntimeError),
        (errors.BackendUnavailable, ImportError),
        (errors.UnsupportedModel, NotImplementedError),
        (errors.CorruptData, OSError),
    ):
        assert issubclass(error, LivnError) and issubclass(error, builtin)


def test_an_unknown_name_reads_as_written_although_it_is_a_key_error():
    assert str(UnknownName("a 'quoted' message")) == "a 'quoted' message"
