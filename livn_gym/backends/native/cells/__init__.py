"""Cells of the native engine, one file each: parameters, start, and a step of a block."""

from livn_gym.backends.native.cells import booth_rinzel_kiehn, pinsky_rinzel

__all__ = ["booth_rinzel_kiehn", "pinsky_rinzel"]
