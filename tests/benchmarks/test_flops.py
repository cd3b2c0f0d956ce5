"""Floating-point operations of the generated kernels: of code with known counts, and of what the page states."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "engine.md"


@pytest.fixture(scope="module")
def flops(script):
    return script("flops")


@pytest.mark.parametrize(
    ("line", "counted"),
    [
        ("y = x + P[0] * x", {"+": 1, "*": 1}),
        ("y = fma(x, P[0], x)", {"fma": 1}),
        ("y = x / P[0]", {"*": 1}),  # by a constant
        ("y = P[0] / x", {"/": 1}),
        ("y = P[0] / P[1] + T(1.0)", {}),  # of parameters alone
        ("y = x * x; z = x * x", {"*": 1}),  # computed before
        ("y = x + x if x > T(0.0) else x * x", {"+": 1, "*": 1}),  # both sides
        ("y = x if not x > T(0.0) else -abs(x)", {}),
        ("y = np.sqrt(x)", {"sqrt": 1}),
    ],
)
def test_lines_of_known_counts(flops, line, counted):
    trace = flops.Trace()
    names = trace.names()
    text = f"import numpy as np\nT = np.float32\ndef step(S, P):\n    x = load(S, 0)\n    {line}\n"
    flops._execute(text, names)
    names["step"](None, [trace.apply("parameter", 0.0), trace.apply("parameter", 1.0)])
    assert dict(trace.counts) == counted


def test_loops_of_every_fourth_step_count_a_quarter(flops):
    trace = flops.Trace()
    names = trace.names()
    text = "def step(S, n):\n    for k in range(n):\n        if k % 4 == 0: store(S, 0, load(S, 0) + 1.0)"
    flops._execute(text, names)
    names["step"](None, flops.CYCLE)
    assert flops.flops(trace.counts) == 0.25


def test_a_function_that_returns_on_two_ways_counts_both(flops):
    trace = flops.Trace()
    names = trace.names()
    text = "def ratio(x):\n    if abs(x) < 1e-6:\n        return x * x\n    return x / (x - 1.0)"
    flops._execute(text, names)
    names["ratio"](trace.read(None, 0))
    assert dict(trace.counts) == {"*": 1, "/": 1, "-": 1}


def test_a_branch_on_a_number_of_a_cell_is_refused(flops):
    trace = flops.Trace()
    names = trace.names()
    flops._execute("def step(S):\n    if load(S, 0) > 1.0:\n        return", names)
    with pytest.raises(TypeError, match="branches"):
        names["step"](None)


@pytest.mark.parametrize("profile", ["exact", "fast"])
def test_the_page_states_what_is_counted(flops, profile):
    (stated,) = re.findall(rf"^\| {profile} \| float\d+ \| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert flops.culture_flops(profile) == int(stated)
