"""NEURON as a simulator of cultures: the reference that faster engines are compared with."""

from livn_gym.backends.neuron.backend import NeuronBackend

__all__ = ["NeuronBackend"]
