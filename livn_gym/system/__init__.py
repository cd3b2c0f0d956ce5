"""Systems: the cells, connections and electrodes of cultures, how they are generated, stored and looked up."""

from livn_gym.system.fetch import fetch
from livn_gym.system.generator import generate
from livn_gym.system.generator_config import GeneratorConfig
from livn_gym.system.registry import SYSTEMS, Spec, make, names, predefined, predefined_config, predefined_names
from livn_gym.system.sonata import write
from livn_gym.system.system import Population, Projection, SynapseKinetics, System

__all__ = [
    "SYSTEMS",
    "GeneratorConfig",
    "Population",
    "Projection",
    "Spec",
    "SynapseKinetics",
    "System",
    "fetch",
    "generate",
    "make",
    "names",
    "predefined",
    "predefined_config",
    "predefined_names",
    "write",
]
