"""Compiled kernels of this package, loaded on first use."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

FRAME, STEP, REACH = 0, 1, 2
"""Numbers of a culture in ``frame_kernel``: frames, time steps, and the frame after the last artefact."""


def frame_writer() -> Callable[..., int]:
    """Return ``run`` of ``frame_kernel``, compiled on this machine's first use."""
    f32, i64 = np.float32, np.int64
    one, two = np.zeros(1, dtype=i64), np.zeros(2, dtype=i64)
    real, matrix = np.zeros(1, dtype=f32), np.zeros((1, 1), dtype=f32)
    outputs = np.zeros((1, 1), dtype=np.int16), matrix
    state = np.zeros(3, dtype=i64), matrix, one, one, real, np.zeros(1, dtype=np.uint64)
    cells = one, one, one, one, np.zeros((1, 1, 1, 1), dtype=f32), two, one, real
    device = two, two, real
    return _compiled("frame_kernel", (*outputs, *state, *cells, *device, one, one, one, one, two, real, real, real))


def detection() -> Callable[..., tuple[int, int]]:
    """Return ``run`` of ``detection_kernel``, compiled on this machine's first use."""
    f64, i64 = np.float64, np.int64
    arrays = np.zeros((1, 1), dtype=np.int16), 0
    state = np.zeros(3, dtype=i64), np.zeros((5, 1)), np.zeros((4, 1), dtype=i64), np.zeros((1, 1), dtype=np.float32)
    numbers = np.zeros((2, 1), dtype=i64), np.zeros(5, dtype=f64), np.zeros(6, dtype=i64), np.zeros(4, dtype=f64)
    usable = np.zeros(1, dtype=np.bool_)
    usable.flags.writeable = False
    outputs = np.zeros(1, dtype=i64), np.zeros(1, dtype=i64), np.zeros((1, 1), dtype=np.float32)
    return _compiled("detection_kernel", (*arrays, *state, *numbers, usable, *outputs))


def _compiled(module: str, arguments: tuple[Any, ...]) -> Callable[..., Any]:
    """Return the compiled ``run`` of a module of this package for arguments of the types of the given ones."""
    # Imported on first use: Numba takes longer to import than everything else of livn_gym.
    import numba

    from livn_gym.backends.native.program import program

    text = inspect.getsource(import_module(f"livn_gym.signals.{module}"))
    types = tuple(numba.typeof(argument) for argument in arguments)

    def compiled(run: Any) -> None:
        run.compile(types)

    return program(text, compiled, "the kernels of electrode signals")
