"""The NEURON backend: every culture in a worker process of its own, or one in the processes of several ranks."""

from __future__ import annotations

import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import Backend, Capabilities, CultureSpec, Learning, Parameters
from livn_gym.backends.neuron import simulator
from livn_gym.backends.neuron.compile import mechanism_library
from livn_gym.backends.neuron.library import temporary_file
from livn_gym.backends.neuron.mechanisms import sources
from livn_gym.backends.neuron.worker import receive, send
from livn_gym.errors import BackendError, UnsupportedModel
from livn_gym.numerics import NoiseStream
from livn_gym.recording import Recording, RecordingRequest
from livn_gym.stimulus import Stimulus

if TYPE_CHECKING:
    from livn_gym.backends.neuron.rank import Share

# A child of an MPI rank that saw these would wait for the launcher.
_MPI_VARIABLES = ("OMPI_", "PMIX_", "PRTE_", "PMI_")


class NeuronBackend(Backend, Learning):
    """Runs B cultures in B processes, since NEURON holds one simulation a process; or one in all processes of MPI."""

    capabilities = Capabilities(name="neuron", snapshots=False, mpi=True)

    def __init__(self) -> None:
        self._workers: list[_Worker | Share] = []
        self._shared = False

    def __getstate__(self) -> dict[str, Any]:
        """Refuse: NEURON's state is in other processes.

        Raises:
            UnsupportedModel: Always.
        """
        raise UnsupportedModel("Cultures of the neuron backend are in other processes and cannot be copied or pickled.")

    def build(self, spec: CultureSpec, parameters: Parameters, streams: Sequence[NoiseStream]) -> None:
        """Start the workers and build a culture in each; compiles the mechanisms on first use."""
        cells = [spec.model.cell(population.name) for population in spec.system.populations]
        compiled = mechanism_library(sources(cells, spec.dt_ms))
        if spec.ranks is None:
            self._workers = [_Worker() for _ in streams]
        else:
            from livn_gym.backends.neuron.rank import Share  # needs mpi4py

            self._workers, self._shared = [Share(spec)], True
        self._all("build", [(spec, compiled) for _ in streams])
        self._all("set_parameters", [(parameters,) for _ in streams])
        self._all("reset", [(stream,) for stream in streams])

    def run(
        self,
        num_steps: int,
        stimuli: Sequence[Stimulus | None],
        request: RecordingRequest,
        cultures: Sequence[int] | None = None,
    ) -> list[Recording]:
        """Advance cultures, all processes at once."""
        chosen = range(len(self._workers)) if cultures is None else cultures
        return self._some(
            {b: ("run", (num_steps, stimulus, request)) for b, stimulus in zip(chosen, stimuli, strict=True)}
        )

    def reset(self, streams: Mapping[int, NoiseStream]) -> None:
        """Put some cultures back to time 0."""
        self._some({b: ("reset", (stream,)) for b, stream in streams.items()})

    def set_parameters(self, parameters: Parameters) -> None:
        """Replace weights, noise and depression in every culture."""
        self._all("set_parameters", [(parameters,) for _ in self._workers])

    def weights(self, cultures: Sequence[int]) -> list[dict[str, NDArray[np.float64]]]:
        """Peak conductances of every synapse of some cultures, nS."""
        return self._some({b: ("weights", ()) for b in cultures})

    def set_weights(self, weights: Mapping[int, Mapping[str, NDArray[np.float64]]]) -> None:
        """Set peak conductances one by one, nS."""
        self._some({b: ("set_weights", (dict(values),)) for b, values in weights.items()})

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.close()
        self._workers.clear()

    def _all(self, name: str, arguments: Sequence[tuple]) -> list[Any]:
        return self._some({b: (name, args) for b, args in enumerate(arguments)})

    def _some(self, calls: Mapping[int, tuple[str, tuple]]) -> list[Any]:
        """Send every call before waiting for the first answer; an error or Ctrl-C ends all workers' work."""
        try:
            for b, (name, arguments) in calls.items():
                self._workers[b].send(name, arguments)
            answers = [self._workers[b].receive() for b in calls]
        except BaseException:
            if not self._shared:
                self.close()  # answers still under way would be taken for those of a later call
            raise
        for kind, value, text in answers:
            if kind == "error":
                raise (value or BackendError(f"NEURON failed:\n{text}")) from (BackendError(text) if value else None)
        return [value for _, value, _ in answers]


class _Worker:
    """The parent's end of a worker process."""

    def __init__(self) -> None:
        environment = {k: v for k, v in simulator.environment().items() if not k.startswith(_MPI_VARIABLES)}
        environment["NEURON_MODULE_OPTIONS"] = "-nogui"
        self._log = temporary_file()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "livn_gym.backends.neuron.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._finalizer = weakref.finalize(self, _end, self._process, self._stdin, self._stdout, self._log)

    def send(self, name: str, arguments: tuple) -> None:
        try:
            send(self._stdin, (name, arguments))
        except OSError as error:
            raise self._died() from error

    def receive(self) -> Any:
        try:
            return receive(self._stdout)
        except EOFError as error:
            raise self._died() from error

    def _died(self) -> BackendError:
        code = self._process.wait()
        self._log.seek(0)
        output = self._log.read().decode(errors="replace")[-4000:]
        return BackendError(f"A NEURON worker ended with exit code {code}. Its output:\n{output}")

    def close(self) -> None:
        self._finalizer()


def _end(process: subprocess.Popen, stdin: IO[bytes], stdout: IO[bytes], log: IO[bytes]) -> None:
    process.kill()
    for stream in (stdin, stdout, log):
        try:
            stream.close()
        except BrokenPipeError:  # an unsent rest of a message to a process that is gone
            continue
    process.wait()
