"""NEURON backend: every culture runs in a worker process of its own, or one culture in the processes of MPI ranks."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import (
    Backend,
    Capabilities,
    CellParameters,
    CultureParameters,
    CultureSpec,
    Learning,
    Parameters,
    Stoppable,
)
from livn_gym.backends.neuron.compile import mechanism_library
from livn_gym.backends.neuron.mechanisms import sources
from livn_gym.backends.neuron.process import Worker
from livn_gym.errors import BackendError, LivnError, RunStopped, SimulationDiverged, UnsupportedModel
from livn_gym.interrupts import uninterrupted
from livn_gym.numerics import NoiseStream
from livn_gym.recording import Recording
from livn_gym.recording_request import RecordingRequest
from livn_gym.stimulus import Stimulus

if TYPE_CHECKING:
    from livn_gym.backends.neuron.rank import RankCulture

_LONG = ("build", "run")
"""Calls that ``stop`` ends by ending their worker."""


class NeuronBackend(Backend, CultureParameters, CellParameters, Learning, Stoppable):
    """Backend that runs B cultures in B processes, since a process can hold one NEURON simulation, or one with MPI.

    The state of NEURON cannot be restored: if a run fails or is interrupted, or a process dies, its culture is lost, as
    are those that took part in the same run. ``reset`` builds lost cultures again; until then, calls that need their
    state raise ``BackendError``. Forked children have no cultures.
    """

    # Copies of a recording: in the workers, received from each, and joined.
    capabilities = Capabilities(name="neuron", snapshots=False, mpi=True, recording_copies=3)

    def __init__(self) -> None:
        self._workers: list[Worker | RankCulture | None] = []
        """Worker of each culture; None if the culture was lost."""
        self._shared = False
        self._owner = os.getpid()
        self._active_workers: list[Worker] = []
        self._stopped = False
        self._stopping = threading.Lock()

    def build(self, spec: CultureSpec, parameters: Parameters, streams: Sequence[NoiseStream]) -> None:
        """Start the workers and build a culture in each. The mechanisms are compiled on first use.

        Raises:
            UnsupportedModel: NEURON does not have the scheme, or one of the cells or plasticity rules.
        """
        if spec.scheme not in self.capabilities.schemes:
            raise UnsupportedModel(f"The neuron backend has no {spec.scheme}.")
        cells = [spec.model.cell(population.name) for population in spec.system.populations]
        self._spec, self._compiled = spec, mechanism_library(sources(cells, spec.dt_ms, spec.opsin))
        self._parameters = [parameters] * len(streams)
        """Parameters of each culture."""
        if spec.ranks is None:
            self._workers = [None] * len(streams)
            uninterrupted(lambda: self._reset(dict(enumerate(streams))), self.stop)
            return
        from livn_gym.backends.neuron.rank import RankCulture  # needs mpi4py

        self._workers, self._shared = [RankCulture(spec)], True
        self._call({0: ("build", (spec, self._compiled))})
        self._call({0: ("set_parameters", (parameters,))})
        self._call({0: ("reset", tuple(streams))})

    def run(
        self,
        num_steps: int,
        stimulus: Stimulus | None,
        request: RecordingRequest,
        cultures: Sequence[int] | None = None,
    ) -> Recording:
        """Advance cultures in parallel."""
        indices = range(len(self._workers)) if cultures is None else cultures
        stimuli = [None if stimulus is None else stimulus[k] for k in range(len(indices))]
        calls = {b: ("run", (num_steps, applied, request)) for b, applied in zip(indices, stimuli, strict=True)}
        return Recording.batch(self._call(calls), 0.0)

    def stop(self) -> None:
        """End the workers that are running or building; their cultures are lost."""
        with self._stopping:  # never between the answer of a worker and the end of its call
            self._stopped = True
            for worker in self._active_workers:
                worker.kill()

    def reset(self, streams: Mapping[int, NoiseStream]) -> None:
        """Reset some cultures to time 0; lost ones are built again."""
        if self._shared:
            self._call({b: ("reset", (stream,)) for b, stream in streams.items()})
        else:
            uninterrupted(lambda: self._reset(streams), self.stop)

    def set_parameters(self, parameters: Parameters) -> None:
        """Replace weights, noise and depression in all cultures, including those that are built later."""
        self.set_culture_parameters(dict.fromkeys(range(len(self._workers)), parameters))

    def set_culture_parameters(self, parameters: Mapping[int, Parameters]) -> None:
        """Replace weights, noise and depression in some cultures, including those that are built later."""
        self._call({b: ("set_parameters", (values,)) for b, values in parameters.items() if self._workers[b]})
        for b, values in parameters.items():
            self._parameters[b] = values

    def weights(self, cultures: Sequence[int]) -> list[dict[str, NDArray[np.float64]]]:
        """Return the peak conductance of every synapse of some cultures, nS."""
        return self._call({b: ("weights", ()) for b in cultures})

    def set_weights(self, weights: Mapping[int, Mapping[str, NDArray[np.float64]]]) -> None:
        """Set the peak conductance of every synapse, nS."""
        self._call({b: ("set_weights", (dict(values),)) for b, values in weights.items()})

    def close(self) -> None:
        """End the workers; in a forked child, leave them to the parent."""
        workers, self._workers = self._workers, []
        for worker in workers:
            if worker is not None:
                worker.close()

    def __getstate__(self) -> dict[str, Any]:
        """Refuse copying and pickling.

        Raises:
            UnsupportedModel: The state is in other processes.
        """
        raise UnsupportedModel("Cultures of the NEURON backend cannot be copied or pickled: NEURON has their state.")

    def _reset(self, streams: Mapping[int, NoiseStream]) -> None:
        self._check_process()
        lost = [b for b in streams if self._workers[b] is None]
        for b in lost:
            self._workers[b] = Worker()
        try:
            self._call({b: ("build", (self._spec, self._compiled)) for b in lost})
            self._call({b: ("set_parameters", (self._parameters[b],)) for b in lost})
        except BaseException:
            for b in lost:
                self._lose(b)
            raise
        self._call({b: ("reset", (stream,)) for b, stream in streams.items()})

    def _check_process(self) -> None:
        if os.getpid() != self._owner:
            raise BackendError(
                f"NEURON's cultures are in worker processes of process {self._owner}, from which this one was forked: "
                "make a new Env here."
            )

    def _lose(self, b: int) -> None:
        worker, self._workers[b] = self._workers[b], None
        if worker is not None:
            worker.close()

    def _call(self, calls: Mapping[int, tuple[str, tuple]]) -> list[Any]:
        """Send all calls, then wait for the answers.

        Raises:
            BackendError: A culture is lost.
            RunStopped: ``stop`` was called.
            LivnError: A worker raised this error.
        """
        self._check_process()
        lost = [b for b in calls if self._workers[b] is None]
        if lost:
            raise BackendError(
                f"NEURON has lost the state of cultures {lost} by an interrupt or an error: clear() builds them anew."
            )
        if self._shared:
            return self._answers(calls)
        return uninterrupted(lambda: self._answers(calls), self.stop)

    def _answers(self, calls: Mapping[int, tuple[str, tuple]]) -> list[Any]:
        workers = {b: self._workers[b] for b in calls}
        with self._stopping:
            self._stopped = False
            self._active_workers = [w for b, w in workers.items() if isinstance(w, Worker) and calls[b][0] in _LONG]
        answers: dict[int, Any] = {}
        failed: dict[int, BackendError] = {}
        try:
            for step in ("send", "receive"):
                for b, worker in workers.items():
                    if b not in failed and worker is not None:
                        try:
                            if step == "send":
                                worker.send(*calls[b])
                            else:
                                answers[b] = worker.receive()
                        except BackendError as error:
                            if self._shared:
                                raise
                            failed[b] = error
        finally:
            with self._stopping:
                killed, self._active_workers = self._stopped and bool(self._active_workers), []
        errors = {b: value for b, (kind, value, _) in answers.items() if kind == "error"}
        if failed or errors or killed:
            for b, (name, _) in calls.items():
                # Cultures that refused a call are unchanged; those that advanced while another failed are not.
                refused = isinstance(errors.get(b), LivnError) and not isinstance(errors[b], SimulationDiverged)
                ended = killed and name in _LONG  # even if it had answered
                if ended or (not self._shared and (b in failed or name != "weights") and not refused):
                    self._lose(b)
            if self._stopped:
                raise RunStopped("NEURON was asked to stop: clear() builds the cultures anew.")
            if failed:
                raise next(iter(failed.values()))
            b, value = next(iter(errors.items()))
            text = answers[b][2]
            if isinstance(value, SimulationDiverged):
                value = SimulationDiverged(f"Culture {b}: {value}")
            raise (value or BackendError(f"NEURON failed:\n{text}")) from (BackendError(text) if value else None)
        return [value for _, value, _ in answers.values()]
