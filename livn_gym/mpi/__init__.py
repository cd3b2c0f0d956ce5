"""Vector environments over MPI ranks: ``mpiexec -n 5 python -m livn_gym.mpi script.py``; see docs/scaling.md."""

from livn_gym.mpi.launch import communicator, together

__all__ = ["communicator", "together"]
