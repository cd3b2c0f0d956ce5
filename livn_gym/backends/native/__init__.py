"""Native backend: compiled kernels over flat blocks of cells, with the same spike times as NEURON."""

from livn_gym.backends.native.backend import NativeBackend

__all__ = ["NativeBackend"]
