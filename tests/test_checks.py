"""The door of public functions: what annotations allow gets in, nothing else."""

from __future__ import annotations

import datetime
import gc
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from livn_gym import make
from livn_gym.checks import checked, checked_types, number_array
from livn_gym.errors import InvalidInput, LivnError, shown, unknown_name


@checked
def door(
    number: float = 1.0,
    count: int = 1,
    flag: bool = False,
    name: str = "",
    path: str | Path = "",
    cultures: Sequence[int] | None = None,
    weights: Mapping[str, float] | None = None,
    trace: NDArray[np.float64] | None = None,
    gids: NDArray[np.int64] | None = None,
    then: Callable[[], None] | None = None,
    shape: Literal["a", "b"] = "a",
    pair: tuple[float, float] = (0.0, 1.0),
):
    return {name: value for name, value in locals().items()}


GOOD = {
    "number": [0, -1.5, np.float32(2), np.int64(3), np.array(4.0), Fraction(1, 2)],
    "count": [0, -1, np.int64(3), np.uint8(2), np.array(4)],
    "flag": [True, np.True_],
    "name": ["x", np.str_("y")],
    "path": ["x", Path("x")],
    "cultures": [None, [0, 1], (0,), range(3), np.arange(2), []],
    "weights": [None, {}, {"a": 1}, {"a": np.float64(2)}],
    "trace": [None, np.zeros((2, 3)), [1, 2.5], np.zeros(2, np.float32), []],
    "gids": [None, np.arange(3), [1, 2], [1.0], [], np.zeros(2, np.int32)],
    "then": [None, print],
    "shape": ["a", "b"],
    "pair": [(0, 1), [0.5, 2], np.array([1.0, 2.0])],
}
NOT_NUMBERS = [True, np.True_, "1", b"1", 1j, np.complex128(1), float("nan"), float("inf"), -np.inf, 10**400, [1], None]
BAD = {
    "number": [
        *NOT_NUMBERS,
        datetime.date(2020, 1, 1),
        np.datetime64("2020"),
        np.array([1.0]),
        np.array(True),
        np.ma.masked,
    ],
    "count": [*NOT_NUMBERS, np.ma.masked, 0.9, 1.0, np.float64(1), 2**64],
    "flag": [1, 0, "true", None, np.array([True, False])],
    "name": [1, b"x", None, ["x"], Path("x")],
    "path": [1, b"x", None],
    "cultures": [[0.9], "0", b"0", ["0"], [True], 0, {0: 1}, [None], np.array([0.5]), np.array([[0]], dtype=object)],
    "weights": [{1: 1.0}, {"a": "1"}, {"a": np.nan}, [("a", 1.0)], "a", 3],
    "trace": [
        np.ma.masked_array([1.0, 2.0], mask=[False, True]),
        "1",
        [["1"]],
        [1j],
        [True],
        np.array([None]),
        [[1.0], [1.0, 2.0]],
        [np.nan],
        3.0,
        {1: 2},
    ],
    "gids": [[0.9], ["1"], [True], [np.nan], [1e300], np.array(["2020"], dtype="datetime64[Y]")],
    "then": [3, "print"],
    "shape": [3, None, b"a", ["a"]],
    "pair": [(1,), (1, 2, 3), 1.0, "ab", ("a", "b"), (np.nan, 1.0)],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in GOOD.items() for value in values], ids=repr
)
def test_what_an_annotation_allows_gets_in(name, value):
    inside = door(**{name: value})[name]
    assert np.array_equal(np.asarray(inside), np.asarray(value))


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values], ids=repr
)
def test_all_else_is_refused_by_name(name, value):
    with pytest.raises(InvalidInput, match=name):
        door(**{name: value})
    with pytest.raises(InvalidInput, match=name):
        door(*[value if key == name else default for key, default in door().items()])


def test_numbers_from_arrays_are_plain_and_lists_become_arrays():
    inside = door(number=np.array(2.5), count=np.int64(3), trace=[1, 2], gids=[1.0, 2.0])
    assert (type(inside["number"]), type(inside["count"])) == (float, int)
    assert inside["gids"].dtype.kind == "i"
    assert inside["trace"].shape == (2,)


def test_a_class_guards_its_own_methods_and_a_dataclass_its_fields():
    @checked
    class Thing:
        def __init__(self, size: float) -> None:
            self.size = size

        def method(self, k: int) -> int:
            return k

        @classmethod
        def made(cls, size: str) -> Thing:
            return cls(float(size))

        def _inner(self, k: int) -> int:
            return k

    @checked
    @dataclass(frozen=True)
    class Fields:
        size: float
        names: tuple[str, ...] = ()

    for refused in (
        lambda: Thing("1"),
        lambda: Thing(1.0).method(0.5),
        lambda: Thing.made(1),
        lambda: Fields("1"),
        lambda: Fields(1.0, (1,)),
    ):
        with pytest.raises(InvalidInput):
            refused()
    assert Thing.made("2").size == 2.0
    assert Thing(1.0)._inner(0.5) == 0.5
    assert Fields(1.0, ["a"]).names == ("a",)


def test_missing_values_pass_where_a_function_says_so():
    @checked_types
    def mean(values: NDArray[np.float64], weight: float = 1.0) -> float:
        return weight

    assert np.isnan(mean([1.0, np.nan], np.nan))
    with pytest.raises(InvalidInput):
        mean(["1"])


def test_an_argument_is_never_used_up():
    @checked
    def total(values: Sequence[float]) -> float:
        return sum(values)

    assert total([1.0, 2.0]) == 3.0
    with pytest.raises(InvalidInput):
        total(v for v in (1.0, 2.0))


def test_what_was_given_is_shown_briefly_whatever_it_is():
    class Rude:
        def __repr__(self):
            raise RuntimeError

    nest: list = []
    nest.append(nest)
    for value in (10**5000, "x" * 10_000, [0] * 10_000, Rude(), nest, np.zeros(10_000)):
        assert len(shown(value)) < 400


@pytest.mark.parametrize("given", ["EXC_INH-soma-AMPA-weight", "weight-INH_EXC-soma-AMPA", "INH_EXC-hillock-AMPA"])
def test_a_suggestion_is_never_the_opposite_projection(given):
    keys = ["EXC_EXC-hillock-AMPA-weight", "EXC_INH-soma-AMPA-weight", "INH_EXC-soma-GABA_A-weight"]
    head = given.removeprefix("weight-")[:7]
    for names in (keys, [key for key in keys if head not in key]):
        hint = str(unknown_name("weight", f"{given}x", names)).partition("Valid")[0].partition("Did you mean")[2]
        opposite = "_".join(reversed(head.split("_")))
        assert opposite not in hint


def test_arrays_are_refused_before_numpy_would():
    deep: list = [1.0]
    for _ in range(100):
        deep = [deep]
    for value in (deep, [10**400], [[1], [2, 3]], "text", {1: 2}, object()):
        with pytest.raises(LivnError):
            number_array("x", value)


@pytest.mark.parametrize("name", ["", 0, [], "neron", b"native"])
def test_a_backend_is_one_of_the_names(name):
    with pytest.raises(InvalidInput):
        make("EI1", backend=name)


def test_checks_keep_nothing_alive():
    """An ``Env`` is freed when its last name goes, without the garbage collector's help."""
    gc.collect()
    gc.disable()
    try:
        env = weakref.ref(make("EI1"))
        assert env() is None
    finally:
        gc.enable()
