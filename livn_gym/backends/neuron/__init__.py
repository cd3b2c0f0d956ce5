"""Backend that simulates cultures with NEURON, as the reference for the native engine."""

from livn_gym.backends.neuron.backend import NeuronBackend

__all__ = ["NeuronBackend"]
