"""Neuron models as parameters and equations, one file a cell."""

from livn_gym.models.base import Cell, Depression, Geometry, Model, Noise, Receptor
from livn_gym.models.booth_rinzel_kiehn import BoothRinzelKiehn
from livn_gym.models.pinsky_rinzel import PinskyRinzel
from livn_gym.models.rcsd import ReducedCalciumSomaDendrite

__all__ = [
    "BoothRinzelKiehn",
    "Cell",
    "Depression",
    "Geometry",
    "Model",
    "Noise",
    "PinskyRinzel",
    "Receptor",
    "ReducedCalciumSomaDendrite",
]
