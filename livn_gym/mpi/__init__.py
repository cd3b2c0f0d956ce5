"""Vector environments over MPI ranks: ``mpiexec -n 5 python -m livn_gym.mpi script.py``; see docs/scaling.md."""

from livn_gym.mpi.launch import run_on_all_ranks, run_on_rank_0

__all__ = ["run_on_all_ranks", "run_on_rank_0"]
