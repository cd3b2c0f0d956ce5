"""Interfaces between a culture and the world: electrode arrays."""

from livn_gym.io.base import IO
from livn_gym.io.mea import MEA

__all__ = ["IO", "MEA"]
