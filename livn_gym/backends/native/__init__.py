"""The fast engine: Numba kernels that give NEURON's spike times."""

from livn_gym.backends.native.backend import NativeBackend

__all__ = ["NativeBackend"]
