"""Floating-point operations of the generated kernels, which the page on the engine states."""

import re
from pathlib import Path

import pytest

from livn_gym.system import make

PAGE = Path(__file__).resolve().parents[2] / "docs" / "engine.md"


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_the_page_states_what_is_counted(script, precision):
    flops = script("flops")
    counts = flops.count(int(precision.removeprefix("float")))
    step = sum(flops.flops(counts[population.name]) * population.count for population in make("EI2").populations)
    (stated,) = re.findall(rf"^\| {precision} \| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert step == int(stated)
