"""Vector environments over MPI ranks: ``mpiexec -n 5 python -m livn_gym.mpi script.py``; see docs/scaling.md."""

from livn_gym.mpi.launch import communicator, on_all_ranks, together

__all__ = ["communicator", "on_all_ranks", "together"]
