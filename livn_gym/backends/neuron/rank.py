"""Cells of one culture on an MPI rank, simulated in the process of the rank with NEURON's ParallelContext."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from livn_gym import mpi_job
from livn_gym.backends.base import CultureSpec
from livn_gym.backends.neuron.culture import Culture
from livn_gym.backends.neuron.simulator import Mechanisms, interpreter
from livn_gym.errors import BackendError, BackendUnavailable, InvalidInput, SimulationDiverged, UnsupportedModel


def join(subworld_size: int) -> None:
    """Initialise MPI in this process's NEURON, with subworlds of ``subworld_size`` consecutive ranks of the job.

    This is a collective operation of all ranks of the job.

    Raises:
        BackendError: NEURON does not find the other ranks.
    """
    from mpi4py import MPI  # first: NEURON loads the MPI library that is already loaded

    if "MPI_LIB_NRN_PATH" not in os.environ:
        os.environ["MPI_LIB_NRN_PATH"] = _library()
    h = interpreter()
    pc, world = h.ParallelContext(), MPI.COMM_WORLD
    if int(pc.nhost_world()) != world.size:
        h.nrnmpi_init()
    if int(pc.nhost_world()) != world.size:
        raise BackendError(
            f"NEURON sees {int(pc.nhost_world())} ranks of {world.size}, having loaded another MPI than mpi4py's: set "
            f"MPI_LIB_NRN_PATH to the library that mpi4py loads (it is {os.environ['MPI_LIB_NRN_PATH']})."
        )
    if int(pc.nhost()) != min(subworld_size, world.size - world.rank // subworld_size * subworld_size):
        pc.subworlds(subworld_size)


def _library() -> str:
    """Return the path of the MPI library loaded in this process."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text(encoding="utf-8", errors="surrogateescape").splitlines() if maps.exists() else []
    loaded = [line.split(maxsplit=5)[-1] for line in lines]  # the last column is a path, which may contain spaces
    names = ("libmpi.so", "libmpi_", "libmpich.so")
    library = next((path for path in loaded if Path(path).name.startswith(names)), None)
    if library is None:
        raise BackendUnavailable("Set MPI_LIB_NRN_PATH to your MPI library, which NEURON is to load.")
    return library


class RankCulture:
    """Cells of a culture on this rank, with the interface of a worker process.

    Args:
        spec: Specification of the culture.

    Raises:
        UnsupportedModel: There are several cultures, or a delay is too short.
        InvalidInput: The ranks are not a subworld of the job.
        BackendError: This process already holds another culture, or NEURON does not find the other ranks.
    """

    _live: RankCulture | None = None
    _loaded: Mechanisms | None = None

    def __init__(self, spec: CultureSpec) -> None:
        from mpi4py import MPI

        assert spec.ranks is not None
        self._ranks = spec.ranks
        self._culture: Culture | None = None
        self._answer: Any = None
        if spec.num_cultures > 1:
            raise UnsupportedModel(
                "NEURON holds one culture per process: num_cultures must be 1 if MPI ranks share it."
            )
        if (spec.least_delay_steps or 2) < 2:
            raise UnsupportedModel("NEURON's ranks need delays of two time steps or more.")
        if RankCulture._live is not None:
            raise BackendError("NEURON holds one culture per process: close the other Env of this rank first.")
        comm, world = spec.ranks.comm, MPI.COMM_WORLD
        first = world.rank // spec.ranks.size * spec.ranks.size
        ranks = MPI.Group.Translate_ranks(comm.Get_group(), list(range(comm.size)), world.Get_group())
        if list(ranks) != list(range(first, first + comm.size)):
            raise InvalidInput(
                f"NEURON's ranks must be MPI.COMM_WORLD or a block of {comm.size} consecutive ranks of it, "
                f"got {list(ranks)}."
            )
        spec.ranks.meet("NEURON")
        join(comm.size)
        RankCulture._live = self

    def send(self, name: str, arguments: tuple) -> None:
        """Execute a call; an error during a run, while other ranks wait in NEURON, ends the job."""
        if name == "build":
            spec, compiled = arguments
            if RankCulture._loaded not in (None, compiled):
                raise BackendError(
                    "This process has loaded NEURON's mechanisms of another model: start a separate job for each model."
                )
            RankCulture._loaded = compiled
            self._culture = Culture(spec, compiled)
            return
        assert self._culture is not None
        if name == "run":
            self._ranks.meet("NEURON run")
            try:
                self._answer = self._culture.run(*arguments)
            except SimulationDiverged:
                raise  # detected after all ranks have finished the run
            except BaseException as error:
                mpi_job.end_all(error)
        else:
            self._answer = getattr(self._culture, name)(*arguments)

    def receive(self) -> Any:
        """Return the answer to the last call."""
        return "result", self._answer, ""

    def close(self) -> None:
        """Free this process for another culture."""
        if self._culture is not None:
            self._culture.close()
            self._culture = None
        if RankCulture._live is self:
            RankCulture._live = None
