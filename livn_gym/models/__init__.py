"""Neuron models: parameters and equations, with one module per type of cell."""

from collections.abc import Callable, Mapping
from typing import Any

from livn_gym.checks import checked
from livn_gym.models.adaptive_exponential import AdaptiveExponential, AdaptiveExponentialModel
from livn_gym.models.base import Cell, Depression, Geometry, Model, Noise, Receptor
from livn_gym.models.booth_rinzel_kiehn import BoothRinzelKiehn
from livn_gym.models.channelrhodopsin import Channelrhodopsin
from livn_gym.models.excitatory_inhibitory import ExcitatoryInhibitory
from livn_gym.models.expression import Expression
from livn_gym.models.izhikevich import Izhikevich, IzhikevichModel
from livn_gym.models.pinsky_rinzel import PinskyRinzel
from livn_gym.models.rcsd import ReducedCalciumSomaDendrite
from livn_gym.models.step import CellStep, MultirateStep
from livn_gym.registry import Kind

__all__ = [
    "MODELS",
    "AdaptiveExponential",
    "AdaptiveExponentialModel",
    "BoothRinzelKiehn",
    "Cell",
    "CellStep",
    "Channelrhodopsin",
    "MultirateStep",
    "Depression",
    "ExcitatoryInhibitory",
    "Expression",
    "Geometry",
    "Izhikevich",
    "IzhikevichModel",
    "Model",
    "Noise",
    "PinskyRinzel",
    "Receptor",
    "ReducedCalciumSomaDendrite",
    "make",
    "names",
]

Spec = str | type[Model] | Model | Mapping[str, Any] | Callable[..., Model]
"""Arguments that ``make`` accepts."""

MODELS: Kind[Model] = Kind("model", Model, "livn_gym.models")  # type: ignore[type-abstract]


@checked
def make(model: Spec, **options: Any) -> Model:
    """Make a model: ``make("izhikevich_model", exc="culture_exc")``. An object is returned unchanged.

    Args:
        model: One of ``names()``, a reference ``"module:attribute"`` or ``"file.py:attribute"``, a class, a function
            that makes one, an object, or a mapping with a ``name`` and options.
        options: Arguments of the constructor.

    Raises:
        UnknownName: There is no model of that name.
        ImportFailed: Importing it raised an error.
        InvalidInput: The constructor does not accept the options.
    """
    return MODELS.make(model, **options)


def names() -> list[str]:
    """Return the names of all models, installed packages included."""
    return MODELS.names()
