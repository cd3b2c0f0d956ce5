"""The fast engine: compiled kernels over flat blocks of cells, with NEURON's spike times."""

from livn_gym.backends.native.backend import NativeBackend

__all__ = ["NativeBackend"]
