"""Simulated cultures: a system, its model and its electrode interface, run by a backend."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self, TypeVar

import numpy as np

from livn_gym import backends, memory, models
from livn_gym import io as ios
from livn_gym import system as systems
from livn_gym.applied import applied_stimulus
from livn_gym.backends import Backend, CultureSpec, Precision, Scheme, Undoable
from livn_gym.backends.ranks import Ranks
from livn_gym.cell_values import heterogeneous_cells
from livn_gym.checks import checked
from livn_gym.configurable import Configurable
from livn_gym.copies import altered
from livn_gym.decoding import Decoding, culture_result
from livn_gym.decoding.gather import merge
from livn_gym.errors import InvalidInput, UnsupportedModel, shown
from livn_gym.exclusive import Run
from livn_gym.interrupts import CallLock
from livn_gym.io import IO, MEA, BoundElectrodes, BoundLights
from livn_gym.joined_recordings import own_starts
from livn_gym.models import Geometry, ReducedCalciumSomaDendrite, channelrhodopsin
from livn_gym.numerics import NoiseStream, checked_seed, checked_seeds
from livn_gym.parameters import ParameterSet
from livn_gym.recorder import Recorder
from livn_gym.recording import Recording
from livn_gym.recording_request import RecordingRequest
from livn_gym.saved_states import SavedStates
from livn_gym.stimulus import Stimulus
from livn_gym.units import whole_number, whole_steps

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@checked
class Env(SavedStates, Recorder, Configurable):
    """One or more simulated cultures of the same system.

    Until parameters are set (``apply_model_defaults`` or ``set_...``), cells are unconnected and without noise.
    The trajectory of a culture depends only on its parameters, its seed, its inputs, dt, scheme and precision.

    Calls from several threads are executed one after another. A call that fails or is interrupted (Ctrl-C) has no
    effect; an interrupted call other than ``run`` may instead be complete. With the native backend, the next ``run``
    continues exactly where the previous one ended. See ``docs/architecture.md`` for forks, and for cultures that NEURON
    loses.

    Args:
        system: A ``System``, a name, or the path of a folder or TOML file; see ``livn_gym.system.make``.
        model: Model of the cells, see ``livn_gym.models.make``. Default: ``ReducedCalciumSomaDendrite()``.
        io: Electrode interface, see ``livn_gym.io.make``. Default: ``MEA()`` with the electrodes of the system.
        seed: Seed of the background noise, ``seed + b`` for culture b; or a sequence of B seeds.
        comm: mpi4py communicator whose ranks share the cultures, each with a part of the cells. All ranks must make the
            same calls; recordings are of the cells of the rank. See ``docs/scaling.md``.
        subworld_size: Number of consecutive ranks of ``comm`` that share cultures, for several such subworlds.
            Default: all. ``env.comm`` is the communicator of the subworld.
        backend: ``"native"`` (compiled kernels), ``"neuron"`` (reference), or another argument of
            ``livn_gym.backends.make``. Default: the environment variable LIVN_BACKEND, otherwise ``"native"``.
        num_cultures: Number B of independent cultures, each with its own seed and stimuli.
        profile: Profile from which ``dt``, ``scheme`` and ``precision`` are taken if they are omitted: ``"exact"``
            (0.025 ms, backward Euler, float64), or ``"fast"`` (0.05 ms, multirate, float32; second order, float64 with
            backends without these).
        dt: Time step, ms.
        scheme: ``"backward_euler"``, ``"second_order"`` (staggered Crank-Nicolson) or ``"multirate"`` (native backend
            only; the same with slow states in longer steps, see ``docs/model.md``).
        precision: ``"float64"`` or ``"float32"``.
        opsin: Opsin of the cells, as ``livn_gym.models.channelrhodopsin.make`` takes it. Default: none.
        light: Lights, as ``livn_gym.io.make_lights`` takes them. Default: a lamp if there is an opsin, otherwise none.

    Raises:
        InvalidInput: An argument is out of range.
        UnknownName: There is no profile of that name.
        UnsupportedModel: The backend does not support the model or the precision.
    """

    def __init__(
        self,
        system: systems.Spec,
        model: models.Spec | None = None,
        io: ios.Spec | None = None,
        seed: int | Sequence[int] = 0,
        comm: Any = None,
        subworld_size: int | None = None,
        *,
        backend: backends.Spec | None = None,
        num_cultures: int = 1,
        profile: str = "exact",
        dt: float | None = None,
        scheme: Scheme | None = None,
        precision: Precision | None = None,
        opsin: channelrhodopsin.Spec | None = None,
        light: ios.LightSpec | None = None,
    ) -> None:
        self._ranks = Ranks.of(comm, subworld_size)
        with self._together("Env"):
            self.system = systems.make(system)
            self.model = ReducedCalciumSomaDendrite() if model is None else models.make(model)
            self.num_cultures = whole_number("num_cultures", num_cultures)
            # A cell has about 25 variables of 8 bytes, in the simulator and again in a snapshot.
            memory.require(f"{num_cultures} cultures", self.num_cultures * self.system.num_neurons * 400)
            resolved = backends.make_profile(profile, dt, scheme, precision)
            self.dt = resolved.dt_ms
            self.scheme: Scheme = resolved.scheme
            self.precision: Precision = resolved.precision
            self._given = (scheme, precision)
            self.seeds = checked_seeds(seed, self.num_cultures)
            self.trials = [0] * self.num_cultures
            bound = (MEA() if io is None else ios.make(io)).bind(self.system)
            self.electrodes = BoundElectrodes(bound, self.model.geometry(self.system))
            self.opsin = None if opsin is None else channelrhodopsin.make(opsin)
            self.lights = BoundLights.of(light, self.opsin, self.system, self.electrodes.geometry)
            first = ParameterSet(self.system).with_cells(heterogeneous_cells(self.system, self.model))
            self._parameters = [first] * self.num_cultures
            self._backend: Backend | None = None
            self._backend_spec = backend
            self._request = RecordingRequest()
            self._steps = [0] * self.num_cultures
            self._closed, self._lock = False, CallLock("Env")
            self._last: Run | None = None
            if self._ranks is not None and self._ranks.size > self.system.num_neurons:
                raise InvalidInput(f"{self._ranks.size} ranks cannot share {self.system.num_neurons} cells.")

    def init(self) -> Self:
        """Build the cultures in the simulator; return the Env itself."""
        self._check_open()
        with self._together("init"):
            if self._backend is None:
                self._install(*self._built())
        return self

    def _built(self) -> tuple[Backend, CultureSpec]:
        """Build the cultures in a new simulator, which is closed if an exception is raised."""
        backend = backends.make(self._backend_spec)
        can = backend.capabilities
        for value, allowed in ((self._given[0], can.schemes), (self._given[1], can.precisions)):
            if value is not None and value not in allowed:
                raise UnsupportedModel(f"The {can.name} backend has no {value}, only {', '.join(allowed)}.")
        scheme = self.scheme if self.scheme in can.schemes else can.schemes[-1]
        precision = self.precision if self.precision in can.precisions else can.precisions[0]
        if self._ranks is not None and not can.mpi:
            raise UnsupportedModel(f"The {can.name} backend cannot share a culture between ranks.")
        numbers = (self.dt, scheme, self.num_cultures, precision)
        spec = CultureSpec(self.system, self.model, *numbers, ranks=self._ranks, opsin=self.opsin)
        started = time.perf_counter()
        try:
            streams = [NoiseStream(*numbers) for numbers in zip(self.seeds, self.trials, strict=True)]
            backend.build(spec, self._parameters[0].frozen(), streams)
            if any(item is not self._parameters[0] or item.cells for item in self._parameters):
                self._pass_parameters(backend, self._parameters, range(self.num_cultures))
        except BaseException:
            backend.close()
            raise
        _log.info(
            "built %s, %d cultures of %d cells and %d synapses on the %s backend, in %.1f s",
            *(self.system.name, self.num_cultures, self.system.num_neurons, self.system.num_synapses, can.name),
            time.perf_counter() - started,
        )
        return backend, spec

    def _install(self, backend: Backend, spec: CultureSpec) -> None:
        """Use a simulator, unless another thread was faster."""

        def install() -> None:
            if self._closed or self._backend is not None:
                backend.close()
                self._check_open()
                return
            self.scheme, self.precision, self.own_gids = spec.scheme, spec.precision, spec.gids
            self._backend = backend

        self._exclusively(install)

    @property
    def io(self) -> IO:
        """Electrode interface, bound to the system."""
        return self.electrodes.io

    @property
    def geometry(self) -> Geometry:
        """Positions of the compartments of the cells."""
        return self.electrodes.geometry

    # Running

    @property
    def comm(self) -> Any:
        """Communicator of the ranks that share the cultures; None without MPI."""
        return None if self._ranks is None else self._ranks.comm

    @property
    def t(self) -> float:
        """Time of culture 0 since its last ``clear``, ms."""
        if self._last is not None and self._last.interrupted:
            self._exclusively(lambda: None)
        return self._steps[0] * self.dt

    def gather(self, value: Any, root: int | None = 0) -> list[Any] | None:
        """Gather a value from all ranks that share the cultures, in rank order, on one or (root None) all of them.

        Raises:
            InvalidInput: There is no such rank.
        """
        size = 1 if self._ranks is None else self._ranks.size
        if root is not None and not 0 <= root < size:
            raise InvalidInput(f"root must be a rank from 0 to {size - 1} or None, got {root}.")
        return [value] if self._ranks is None else self._ranks.gather(value, root)

    def run(
        self,
        duration: float,
        stimulus: Any = None,
        *,
        cultures: Sequence[int] | None = None,
        root_only: bool = False,
    ) -> Recording:
        """Advance cultures.

        Args:
            duration: Simulated time, ms; a whole number of time steps.
            stimulus: A ``Stimulus`` or another argument of ``Stimulus.from_arg``, not longer than the run; in the
                ``"electrode"`` mode, ``io`` converts it to stimuli of the cells.
            cultures: Indices of the cultures that run, ascending; the others do not change. Default: all. Stimulus and
                recording are of the cultures that run.
            root_only: With MPI, return the recording of all cells on the first rank that shares the cultures, and an
                empty one on the others. Otherwise every rank returns the recording of its own cells.

        Returns:
            The recording, which for one culture unpacks to ``it, t, iv, v, im, mp``. Its ``t0_ms`` is that of the first
            culture.

        Raises:
            InvalidInput: The duration is not a positive whole number of steps, or the stimulus has a wrong shape or
                number of cultures or is longer than the run.
            ClosedError: The Env is closed, or ``init`` was not called.
            WorkerError: The run failed on another rank that shares the cultures.
            SimulationDiverged: A membrane voltage left the valid range.
            RunStopped: Another thread called ``stop``.
        """
        if self._ranks is not None:
            return self._run_shared(duration, stimulus, cultures, root_only)
        run = Run(self._steps)
        try:
            return self._exclusively(self._prepared(duration, stimulus, cultures, run))
        except BaseException:
            run.interrupted = True
            if self._last is run:
                self._exclusively(lambda: None)
            raise

    def _run_shared(self, duration: float, stimulus: Any, cultures: Sequence[int] | None, root_only: bool) -> Recording:
        def run() -> Recording:
            shared_run = Run(self._steps)
            try:
                with self._together("run"):
                    return self._prepared(duration, stimulus, cultures, shared_run)()
            except BaseException:
                shared_run.interrupted = True  # it failed on another rank
                self._settle()
                raise

        recording = self._exclusively(run)
        if not root_only:
            return recording
        with self._together("root_only"):
            parts = self.gather(recording)
            return recording.without_data() if parts is None else merge(parts)

    def _prepared(
        self, duration: float, stimulus: Any, cultures: Sequence[int] | None, run: Run
    ) -> Callable[[], Recording]:
        """Check the arguments of a run, and return a function that executes it."""
        self._check_ready()
        indices = self._culture_indices(cultures)
        if indices != sorted(indices):
            raise InvalidInput(f"cultures must ascend, got {cultures}.")
        steps = whole_steps("duration (ms)", duration, self.dt)
        if steps % self._request.sample_steps:
            raise InvalidInput(
                f"duration must be a multiple of the sampling interval {self._request.sample_steps * self.dt:g} ms."
            )
        own = self.dt, self.electrodes, self.lights
        applied = applied_stimulus(Stimulus.from_arg(stimulus), float(duration), len(indices), *own)
        plasticity = self._parameters[0].plasticity
        request = self._request if self._ranks is None else self._request.restricted_to(self.own_gids)
        if request.weight_steps and plasticity is not None:
            if steps % request.weight_steps:
                every_ms = request.weight_steps * self.dt
                raise InvalidInput(f"duration must be a multiple of {every_ms:g} ms, at which weights are recorded.")
            request = replace(request, weight_keys=tuple(plasticity.rules))
        self._check_memory(steps, len(indices), request)

        def advance() -> Recording:
            backend = self._check_ready()
            recording = backend.run(steps, applied, request, None if len(indices) == self.num_cultures else indices)
            backends.check_recording(backend, recording, steps * self.dt, len(indices))
            if isinstance(backend, Undoable):
                run.steps, self._last = self._steps, run
            before = np.array(self._steps)
            self._steps = (before + steps * np.bincount(indices, minlength=len(before))).tolist()
            starts = before[indices] * self.dt
            times: dict[str, Any] = {"t0_ms": float(starts[0]), "culture_t0_ms": own_starts(starts)}
            return altered(recording, **times, populations=self.system.populations)

        return advance

    def _check_memory(self, steps: int, cultures: int, request: RecordingRequest) -> None:
        """Check that the traces of a run fit into memory, before any culture changes."""
        keys = request.weight_keys  # mostly none, and names of weights take longer than all other checks of a run
        synapses = sum(len(p) for p in self.system.projections for key in p.weight_names if key in keys) if keys else 0
        copies = self._check_ready().capabilities.recording_copies if self._ranks is None else 1
        num_bytes = 8 * copies * cultures * request.num_values(steps, synapses)
        memory.require(f"The traces of a run of {steps * self.dt:g} ms", num_bytes)

    def __call__(
        self, decoding: Callable[..., Any], inputs: Any = None, encoding: Callable[..., Any] | None = None
    ) -> Any:
        """Encode inputs, run for the duration of the decoding, and decode the recording.

        Args:
            decoding: A ``Decoding``; with one culture also any other callable that has a ``duration`` (ms) and is
                called as ``decoding(env, it, t, iv, v, im, mp)``.
            inputs: Inputs of the encoding; without an encoding, a stimulus or None.
            encoding: An ``Encoding``, or a function that is called as ``encoding(env, duration, inputs)`` and returns
                a stimulus.

        Returns:
            The result of the culture; with several cultures, the results of all, as ``Decoding.decode`` gives them.

        Raises:
            InvalidInput: The decoding has no duration, there are several cultures and it is not a ``Decoding``, or the
                encoding is a class.
        """
        with self._together("encoding"):
            if not hasattr(decoding, "duration"):
                raise InvalidInput(f"decoding must have a duration (ms), got {shown(decoding)}.")
            if self.num_cultures > 1 and not isinstance(decoding, Decoding):
                raise InvalidInput(f"Several cultures need a Decoding, got {shown(decoding)}.")
            if isinstance(encoding, type):
                raise InvalidInput(f"encoding must be an Encoding or a function, got the class {encoding.__name__}.")
            stimulus = inputs if encoding is None else encoding(self, decoding.duration, inputs)
        recording = self.run(decoding.duration, stimulus)
        with self._together("decoding"):
            if not isinstance(decoding, Decoding):
                return decoding(self, *recording)
            results = decoding.decode(self, recording)
            return culture_result(results, 0, 1) if self.num_cultures == 1 else results

    def clear(self, seed: int | Sequence[int | None] | None = None, cultures: Sequence[int] | None = None) -> Self:
        """Reset cultures to time 0, with the same configuration and recording requests.

        Args:
            seed: New seed of the noise (``seed + b`` for culture b), or a sequence with one seed per cleared culture.
                If omitted, the next trial starts: the same seed with another noise stream.
            cultures: Indices of the cultures. Default: all.
        """

        def clear() -> None:
            with self._together("clear"):  # what one rank refuses clears none
                reset = self._cleared(seed, cultures)
            with self._together("clear"):
                reset()

        self._exclusively(clear)
        return self

    def _cleared(self, seed: int | Sequence[int | None] | None, cultures: Sequence[int] | None) -> Callable[[], None]:
        """Check the arguments of ``clear``; the function that is returned resets the cultures."""
        backend = self._check_ready()
        indices = self._culture_indices(cultures)
        seeds: list[int | None]
        if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str):
            seeds = list(seed)
            if len(seeds) != len(indices):
                raise InvalidInput(f"clear needs one seed for each of {len(indices)} cultures, got {len(seeds)}.")
        else:
            seeds = [None if seed is None else checked_seed(seed) + b for b in indices]
        after, trials, steps = list(self.seeds), list(self.trials), list(self._steps)
        for b, new in zip(indices, seeds, strict=True):
            after[b], trials[b] = (after[b], trials[b] + 1) if new is None else (checked_seed(new), 0)
            steps[b] = 0

        def reset() -> None:
            backend.reset({b: NoiseStream(after[b], trials[b]) for b in indices})
            self.seeds, self.trials, self._steps = after, trials, steps

        return reset
