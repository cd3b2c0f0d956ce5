"""The simulated culture: a system, its dynamics and its interface, run by a backend."""

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
from livn_gym.backends import Backend, CultureSpec, Precision, Scheme, Undoable
from livn_gym.backends.ranks import Ranks
from livn_gym.cell_values import heterogeneous_cells
from livn_gym.checks import checked
from livn_gym.configurable import Configurable
from livn_gym.decoding import Decoding, culture_result
from livn_gym.decoding.gather import merge
from livn_gym.errors import InvalidInput, UnsupportedModel, shown
from livn_gym.exclusive import Run
from livn_gym.interrupts import CallLock
from livn_gym.io import IO, MEA, BoundElectrodes
from livn_gym.models import Geometry, ReducedCalciumSomaDendrite
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
    """One or several cultures of the same system.

    Until parameters are set (``apply_model_defaults`` or ``set_...``) cells are unconnected and noiseless.
    A culture's trajectory depends on its seed and on dt, scheme and precision alone.

    Calls of several threads follow one another. A call that is interrupted (Ctrl-C) or fails has not happened or,
    except for ``run``, may have happened completely; with the native engine, ``run`` then continues exactly where the
    run before ended. See ``docs/architecture.md`` for forks, and for cultures that NEURON loses.

    Args:
        system: A ``System``, a name, or the path of a folder or TOML file; see ``livn_gym.system.make``.
        model: The cells' dynamics, as ``livn_gym.models.make`` takes it; default ``ReducedCalciumSomaDendrite()``.
        io: The interface, as ``livn_gym.io.make`` takes it; default ``MEA()``, which takes the system's own electrodes.
        seed: Seed of the background noise; culture b gets ``seed + b``. Or a sequence of B seeds.
        comm: mpi4py communicator whose ranks share the cultures, each with cells of its own. They all make the same
            calls; recordings are of the rank's own cells. See ``docs/scaling.md``.
        subworld_size: Consecutive ranks of ``comm`` that share cultures, where there are several such subworlds;
            default all. ``env.comm`` is the subworld's communicator.
        backend: ``"native"`` (compiled kernels), ``"neuron"`` (the reference), or whatever else
            ``livn_gym.backends.make`` takes; default from LIVN_BACKEND, else the native one.
        num_cultures: B, independent copies with their own seeds and stimuli.
        profile: The setting from which ``dt``, ``scheme`` and ``precision`` are taken where they are not given:
            ``"exact"`` (0.025 ms, backward Euler, float64), or ``"fast"`` (0.05 ms, second order, and float32 on a
            backend that has it).
        dt: Simulation time step, ms.
        scheme: ``"backward_euler"``, or ``"second_order"`` for the staggered Crank-Nicolson solve.
        precision: ``"float64"`` or ``"float32"``.

    Raises:
        InvalidInput: An argument is out of range.
        UnknownName: There is no profile of that name.
        UnsupportedModel: The backend cannot run the model, or not in that precision.
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
    ) -> None:
        self._ranks = Ranks.of(comm, subworld_size)
        with self._together("Env"):
            self.system = systems.make(system)
            self.model = ReducedCalciumSomaDendrite() if model is None else models.make(model)
            self.num_cultures = whole_number("num_cultures", num_cultures)
            # A cell has some 25 variables of 8 bytes, in the simulator and once more in a snapshot.
            memory.require(f"{num_cultures} cultures", self.num_cultures * self.system.num_neurons * 400)
            chosen = backends.make_profile(profile, dt, scheme, precision)
            self.dt = chosen.dt_ms
            self.scheme: Scheme = chosen.scheme
            self.precision: Precision = chosen.precision
            self._precision_given = precision is not None
            self.seeds = checked_seeds(seed, self.num_cultures)
            self.trials = [0] * self.num_cultures
            bound = (MEA() if io is None else ios.make(io)).bind(self.system)
            self.electrodes = BoundElectrodes(bound, self.model.geometry(self.system))
            first = ParameterSet(self.system).with_cells(heterogeneous_cells(self.system, self.model))
            self._parameters = [first] * self.num_cultures
            self._backend: Backend | None = None
            self._backend_spec = backend
            self._request = RecordingRequest()
            self._steps = [0] * self.num_cultures
            self._closed = False
            self._lock = CallLock("Env")
            self._last: Run | None = None
            if self._ranks is not None and self._ranks.size > self.system.num_neurons:
                raise InvalidInput(f"{self._ranks.size} ranks cannot share {self.system.num_neurons} cells.")

    def init(self) -> Self:
        """Build the cultures in the simulator; returns the environment itself."""
        self._check_open()
        with self._together("init"):
            if self._backend is None:
                self._install(*self._built())
        return self

    def _built(self) -> tuple[Backend, CultureSpec]:
        """The cultures in a new simulator; an interrupt leaves nothing behind."""
        backend = backends.make(self._backend_spec)
        can = backend.capabilities
        precision = self.precision
        if precision not in can.precisions:
            if self._precision_given:
                raise UnsupportedModel(f"The {can.name} backend has no {precision}, only {can.precisions}.")
            precision = can.precisions[0]
        if self._ranks is not None and not can.mpi:
            raise UnsupportedModel(f"The {can.name} backend cannot share a culture between ranks.")
        numbers = (self.dt, self.scheme, self.num_cultures, precision)
        spec = CultureSpec(self.system, self.model, *numbers, ranks=self._ranks)
        started = time.perf_counter()
        try:
            streams = [NoiseStream(*numbers) for numbers in zip(self.seeds, self.trials, strict=True)]
            backend.build(spec, self._parameters[0].frozen(), streams)
            if any(own is not self._parameters[0] or own.cells for own in self._parameters):
                self._hand_over(backend, self._parameters, range(self.num_cultures))
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
        """Use a simulator from now on, unless another thread was faster."""

        def install() -> None:
            if self._closed or self._backend is not None:
                backend.close()
                self._check_open()
                return
            self.precision, self.own_gids = spec.precision, spec.gids
            self._backend = backend

        self._exclusively(install)

    @property
    def io(self) -> IO:
        """The interface, bound to the system."""
        return self.electrodes.io

    @property
    def geometry(self) -> Geometry:
        """Positions of the cells' compartments."""
        return self.electrodes.geometry

    # Running

    @property
    def comm(self) -> Any:
        """Communicator of the ranks that share the cultures; None where this process has them alone."""
        return None if self._ranks is None else self._ranks.comm

    @property
    def t(self) -> float:
        """Time of culture 0 since its last ``clear``, ms."""
        if self._last is not None and self._last.interrupted:
            self._exclusively(lambda: None)
        return self._steps[0] * self.dt

    def gather(self, value: Any, root: int | None = 0) -> list[Any] | None:
        """A value of each of the ranks that share the cultures, in their order, on one or (root None) all of them.

        Raises:
            InvalidInput: There is no such rank.
        """
        size = 1 if self._ranks is None else self._ranks.size
        if root is not None and not 0 <= root < size:
            raise InvalidInput(f"root must be a rank of 0 ... {size - 1} or None, got {root}.")
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
            duration: How long, ms; a whole number of time steps.
            stimulus: A ``Stimulus`` (or what ``Stimulus.from_arg`` takes) not longer than the run; in the
                ``"electrode"`` mode it passes through ``io``.
            cultures: Which cultures run, ascending; the others stay as they are. Default all. The stimulus and the
                recording are of those that run.
            root_only: Where ranks share the cultures: the first of them gets the recording of all cells, the others
                one that holds nothing. Otherwise every rank gets the recording of its own cells.

        Returns:
            The recording; with one culture it unpacks into ``it, t, iv, v, im, mp``. Its ``t0_ms`` is the first
            culture's.

        Raises:
            InvalidInput: A duration that is no positive whole number of steps, a stimulus of the wrong shape,
                longer than the run, or of the wrong number of cultures.
            ClosedError: The environment is closed or ``init`` was not called.
            WorkerError: It failed on another of the ranks that share the cultures.
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
            own = Run(self._steps)
            try:
                with self._together("run"):
                    return self._prepared(duration, stimulus, cultures, own)()
            except BaseException:
                own.interrupted = True  # it failed on another rank
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
        """Check a run's arguments; what is returned runs."""
        self._check_ready()
        chosen = self._culture_indices(cultures)
        if chosen != sorted(chosen):
            raise InvalidInput(f"cultures must ascend, got {cultures}.")
        steps = whole_steps("duration (ms)", duration, self.dt)
        if steps % self._request.sample_steps:
            raise InvalidInput(
                f"duration must be a multiple of the sampling interval {self._request.sample_steps * self.dt:g} ms."
            )
        applied = self._applied(Stimulus.from_arg(stimulus), float(duration), len(chosen))
        plasticity = self._parameters[0].plasticity
        request = self._request if self._ranks is None else self._request.restricted_to(self.own_gids)
        if request.weight_steps and plasticity is not None:
            if steps % request.weight_steps:
                every_ms = request.weight_steps * self.dt
                raise InvalidInput(f"duration must be a multiple of {every_ms:g} ms, at which weights are recorded.")
            request = replace(request, weight_keys=tuple(plasticity.rules))
        self._check_memory(steps, len(chosen), request)

        def advance() -> Recording:
            backend = self._check_ready()
            recording = backend.run(steps, applied, request, None if len(chosen) == self.num_cultures else chosen)
            if isinstance(backend, Undoable):
                run.steps, self._last = self._steps, run
            t0_ms, populations = self._steps[chosen[0]] * self.dt, self.system.populations
            recording = replace(recording, t0_ms=t0_ms, populations=populations)
            self._steps = [now + steps if b in chosen else now for b, now in enumerate(self._steps)]
            return recording

        return advance

    def _check_memory(self, steps: int, cultures: int, request: RecordingRequest) -> None:
        """Refuse a run whose traces the machine cannot hold, before any culture has changed."""
        rows = sum(map(len, request.traced_gids.values()))
        values = rows * (steps // request.sample_steps)
        if request.weight_keys:
            synapses = sum(
                len(p) * len(set(p.weight_names) & set(request.weight_keys)) for p in self.system.projections
            )
            values += synapses * (steps // request.weight_steps)
        copies = 1 if cultures == 1 else 2  # some backends record single cultures and join them
        memory.require(f"What a run of {steps * self.dt:g} ms records", 8 * copies * cultures * values)

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
        """Put cultures back to time 0 with the same configuration and recordings.

        Args:
            seed: Start the noise anew from this seed (culture b: ``seed + b``; or a sequence, one for each
                cleared culture). Without one, the noise goes on with the next trial's stream.
            cultures: Which cultures; default all.
        """

        def clear() -> None:
            with self._together("clear"):
                self._clear(seed, cultures)

        self._exclusively(clear)
        return self

    def _clear(self, seed: int | Sequence[int | None] | None, cultures: Sequence[int] | None) -> None:
        backend = self._check_ready()
        chosen = self._culture_indices(cultures)
        seeds: list[int | None]
        if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str):
            seeds = list(seed)
            if len(seeds) != len(chosen):
                raise InvalidInput(f"clear needs one seed for each of {len(chosen)} cultures, got {len(seeds)}.")
        else:
            seeds = [None if seed is None else checked_seed(seed) + b for b in chosen]
        checked = [None if new is None else checked_seed(new) for new in seeds]
        after, trials, steps = list(self.seeds), list(self.trials), list(self._steps)
        for b, new in zip(chosen, checked, strict=True):
            if new is None:
                trials[b] += 1
            else:
                after[b], trials[b] = new, 0
            steps[b] = 0
        backend.reset({b: NoiseStream(after[b], trials[b]) for b in chosen})
        self.seeds, self.trials, self._steps = after, trials, steps

    def _applied(self, stimulus: Stimulus | None, duration_ms: float, count: int) -> Stimulus | None:
        """What the cells get from a stimulus, which is checked before any culture runs."""
        if stimulus is None:
            return None
        if stimulus.duration_ms > duration_ms * (1 + 1e-9):
            raise InvalidInput(
                f"The stimulus lasts {stimulus.duration_ms:g} ms, longer than the run of {duration_ms:g} ms."
            )
        if stimulus.num_cultures not in (None, count):
            raise InvalidInput(f"The stimulus is for {stimulus.num_cultures} cultures, {count} are to run.")
        if stimulus.mode == "electrode":
            stimulus = self.electrodes.cell_stimulus(stimulus)
        width = stimulus.num_columns if stimulus.gain is None else len(stimulus.gain)
        if width != self.system.num_neurons:
            raise InvalidInput(
                f"A stimulus per neuron needs {self.system.num_neurons} columns for {self.system.name}, got {width}."
            )
        stimulus.schedule(self.dt)  # refuses overlapping pulses and times that are no whole steps
        return stimulus
