"""A rank's share of one culture, in the rank's own process, by NEURON's ParallelContext."""

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
    """Bring this process's NEURON into the MPI job, in subworlds of so many consecutive ranks of the whole job.

    NEURON talks to the whole job here, so all its ranks must come.

    Raises:
        BackendError: NEURON does not find the other ranks.
    """
    from mpi4py import MPI  # first: NEURON loads what is loaded

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
    """The MPI library in this process."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text(encoding="utf-8", errors="surrogateescape").splitlines() if maps.exists() else []
    loaded = [line.split(maxsplit=5)[-1] for line in lines]  # the last column is a path, which may hold spaces
    names = ("libmpi.so", "libmpi_", "libmpich.so")
    found = next((path for path in loaded if Path(path).name.startswith(names)), None)
    if found is None:
        raise BackendUnavailable("Set MPI_LIB_NRN_PATH to your MPI library, which NEURON is to load.")
    return found


class Share:
    """This rank's cells; takes calls as a worker process does.

    Args:
        spec: What will be built.

    Raises:
        UnsupportedModel: There are several cultures, or a delay is too short.
        InvalidInput: The ranks are no subworld of the job.
        BackendError: Another culture lives in this process, or NEURON does not find the other ranks.
    """

    _live: Share | None = None
    _loaded: Mechanisms | None = None

    def __init__(self, spec: CultureSpec) -> None:
        from mpi4py import MPI

        assert spec.ranks is not None
        self._ranks = spec.ranks
        self._culture: Culture | None = None
        self._answer: Any = None
        if spec.num_cultures > 1:
            raise UnsupportedModel("NEURON holds one culture a process: num_cultures must be 1 where ranks share it.")
        if (spec.least_delay_steps or 2) < 2:
            raise UnsupportedModel("NEURON's ranks need delays of two time steps or more.")
        if Share._live is not None:
            raise BackendError("NEURON holds one culture a process: close the Env that this rank has first.")
        comm, world = spec.ranks.comm, MPI.COMM_WORLD
        first = world.rank // spec.ranks.size * spec.ranks.size
        places = MPI.Group.Translate_ranks(comm.Get_group(), list(range(comm.size)), world.Get_group())
        if list(places) != list(range(first, first + comm.size)):
            raise InvalidInput(
                f"NEURON's ranks must be MPI.COMM_WORLD or a block of {comm.size} consecutive ranks of it, "
                f"got {list(places)}."
            )
        spec.ranks.meet("NEURON")
        join(comm.size)
        Share._live = self

    def send(self, name: str, arguments: tuple) -> None:
        """Do a call; what fails in the middle of a run, while others wait in NEURON, ends the job."""
        if name == "build":
            spec, compiled = arguments
            if Share._loaded not in (None, compiled):
                raise BackendError("This process has NEURON's mechanisms of another model: start a run for each model.")
            Share._loaded = compiled
            self._culture = Culture(spec, compiled)
            return
        assert self._culture is not None
        if name == "run":
            self._ranks.meet("NEURON run")
            try:
                self._answer = self._culture.run(*arguments)
            except SimulationDiverged:
                raise  # seen when all ranks have come to the end
            except BaseException as error:
                mpi_job.end_all(error)
        else:
            self._answer = getattr(self._culture, name)(*arguments)

    def receive(self) -> Any:
        """The last call's answer."""
        return "result", self._answer, ""

    def close(self) -> None:
        """Free this process for another culture."""
        if self._culture is not None:
            self._culture.close()
            self._culture = None
        if Share._live is self:
            Share._live = None
