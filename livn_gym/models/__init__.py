"""Neuron models as parameters and equations, one file a cell."""

from livn_gym.models.adaptive_exponential import AdaptiveExponential, AdaptiveExponentialModel
from livn_gym.models.base import Cell, Depression, Geometry, Model, Noise, Receptor
from livn_gym.models.booth_rinzel_kiehn import BoothRinzelKiehn
from livn_gym.models.excitatory_inhibitory import ExcitatoryInhibitory
from livn_gym.models.izhikevich import Izhikevich, IzhikevichModel
from livn_gym.models.pinsky_rinzel import PinskyRinzel
from livn_gym.models.rcsd import ReducedCalciumSomaDendrite
from livn_gym.models.step import CellStep

__all__ = [
    "AdaptiveExponential",
    "AdaptiveExponentialModel",
    "BoothRinzelKiehn",
    "Cell",
    "CellStep",
    "Depression",
    "ExcitatoryInhibitory",
    "Geometry",
    "Izhikevich",
    "IzhikevichModel",
    "Model",
    "Noise",
    "PinskyRinzel",
    "Receptor",
    "ReducedCalciumSomaDendrite",
]
