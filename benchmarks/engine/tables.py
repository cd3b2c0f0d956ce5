"""Markdown tables of measurements, and the machine on which they were taken."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a Markdown table and an empty line."""
    names = list(columns)
    for row in (names, ["---"] * len(names), *rows):
        print(f"| {' | '.join(str(cell) for cell in row)} |")
    print(flush=True)


def machine() -> str:
    """Return the processor, its SIMD width and the number of processors."""
    model = platform.processor() or platform.machine()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        model = re.findall(r"model name\s*: (.*)", text)[0]
        numbers = [re.findall(rf"{name}\s*: (\d+)", text)[0] for name in ("cpu family", "model")]
        model += f", family {numbers[0]}, model {numbers[1]}"
    except (OSError, IndexError):
        pass  # not Linux on x86: the short name is all there is
    found = " ".join(np.show_config(mode="dicts")["SIMD Extensions"]["found"])
    width = 512 if "AVX512" in found or "V4" in found else 256 if "AVX2" in found or "V3" in found else 128
    return f"{model} ({platform.machine()}), SIMD of {width} bit, {os.cpu_count()} processors"


def busy_s() -> float | None:
    """Return the processor time of all programs of this machine since its start, s; None where it is not known."""
    try:
        user, nice, system, _, _, irq, softirq, steal = map(
            int, Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]
        )
    except (OSError, ValueError):
        return None
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
