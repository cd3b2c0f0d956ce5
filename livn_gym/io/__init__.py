"""Electrode interfaces between a culture's cells and the outside."""

from livn_gym.io.base import IO
from livn_gym.io.bound import BoundElectrodes
from livn_gym.io.mea import MEA

__all__ = ["IO", "MEA", "BoundElectrodes"]
