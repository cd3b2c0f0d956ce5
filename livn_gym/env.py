"""The simulated culture: a system, its dynamics and its interface, run by a backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from livn_gym import backends
from livn_gym.backends import Backend, CultureSpec, Parameters, Scheme
from livn_gym.decoding import Decoding
from livn_gym.encoding import Encoding
from livn_gym.errors import ClosedError, InvalidInput
from livn_gym.io import IO, MEA
from livn_gym.models import Geometry, Model, ReducedCalciumSomaDendrite
from livn_gym.numerics import stream_key
from livn_gym.parameters import ParameterSet, tuned
from livn_gym.recording import Recording, RecordingRequest
from livn_gym.stimulus import Stimulus
from livn_gym.system import System
from livn_gym.units import finite, whole_steps

Populations = str | Sequence[str] | None


class Env:
    """One or several cultures of the same system.

    Until parameters are set (``apply_model_defaults`` or ``set_...``) cells are unconnected and noiseless.
    A culture's trajectory depends on its seed and on dt and scheme alone.

    Args:
        system: A ``System``, or the path of a folder that holds one.
        model: The cells' dynamics; default ``ReducedCalciumSomaDendrite()``.
        io: The interface; default ``MEA()``, which takes the system's own electrodes.
        seed: Seed of the background noise; culture b gets ``seed + b``. Or a sequence of B seeds.
        comm: MPI communicator that shares one culture between its ranks. Only size 1 is supported.
        subworld_size: Ranks a culture is spread over; only 1 is supported.
        backend: ``"native"`` (compiled kernels) or ``"neuron"`` (the reference); default from LIVN_BACKEND, else
            the native one.
        num_cultures: B, independent copies with their own seeds and stimuli.
        dt: Simulation time step, ms.
        scheme: ``"backward_euler"``, or ``"second_order"`` for the staggered Crank-Nicolson solve.

    Raises:
        InvalidInput: An argument is out of range.
        UnsupportedModel: The backend cannot run the model.
    """

    def __init__(
        self,
        system: System | str | Path,
        model: Model | None = None,
        io: IO | None = None,
        seed: int | Sequence[int] = 0,
        comm: Any = None,
        subworld_size: int | None = None,
        *,
        backend: str | None = None,
        num_cultures: int = 1,
        dt: float = 0.025,
        scheme: Scheme = "backward_euler",
    ) -> None:
        if comm is not None and comm.Get_size() > 1:
            raise InvalidInput(
                f"A culture cannot be shared between ranks yet: comm has {comm.Get_size()} ranks, only 1 is supported."
            )
        if subworld_size not in (None, 1):
            raise InvalidInput(f"subworld_size must be 1, got {subworld_size}.")
        if isinstance(num_cultures, bool) or not isinstance(num_cultures, int | np.integer) or num_cultures < 1:
            raise InvalidInput(f"num_cultures must be a positive integer, got {num_cultures!r}.")
        if scheme not in ("backward_euler", "second_order"):
            raise InvalidInput(f"scheme must be 'backward_euler' or 'second_order', got {scheme!r}.")
        self.system = system if isinstance(system, System) else System.from_directory(system)
        self.model = model if model is not None else ReducedCalciumSomaDendrite()
        self.io = (io if io is not None else MEA()).bind(self.system)
        self.num_cultures = int(num_cultures)
        self.dt = finite("dt (ms)", dt, above=0.0)
        self.scheme: Scheme = scheme
        self.seeds = _seeds(seed, self.num_cultures)
        self.trials = [0] * self.num_cultures
        self.geometry: Geometry = self.model.geometry(self.system)
        self._parameters = ParameterSet(self.system)
        self._backend: Backend | None = None
        self._backend_name = backend
        self._request = RecordingRequest()
        self._steps = [0] * self.num_cultures
        self._closed = False

    def init(self) -> Self:
        """Build the cultures in the simulator; returns the environment itself."""
        if self._closed:
            raise ClosedError("This Env is closed; make a new one.")
        if self._backend is None:
            backend = backends.create(self._backend_name)
            spec = CultureSpec(self.system, self.model, self.dt, self.scheme, self.num_cultures)
            try:
                backend.build(spec, self._parameters.frozen(), [self._key(b) for b in range(self.num_cultures)])
            except BaseException:
                backend.close()
                raise
            self._backend = backend
        return self

    # Parameters

    @property
    def parameters(self) -> Parameters:
        """Weights (nS), noise and depression as they stand."""
        return self._parameters.frozen()

    def apply_model_defaults(self, variant: str | None = None) -> Self:
        """Set the parameters that are shipped for this system, or the generic ones for a system unknown by name.

        Args:
            variant: A named variant, where the system has one.
        """
        return self.set_params(tuned(self.system, variant))

    def set_weights(self, weights: Mapping[str, float]) -> Self:
        """Set peak synaptic conductances, nS, by ``PRE_POST-section-RECEPTOR-weight``.

        Raises:
            UnknownName: The system has no such weight; nothing is changed.
        """
        return self.set_params({f"weight-{key}": value for key, value in weights.items()})

    def set_noise(self, noise: Mapping[str, float]) -> Self:
        """Set background noise: ``g_e0``, ``g_i0``, ``std_e``, ``std_i`` in nS, ``tau_e``, ``tau_i`` in ms.

        ``std_e`` sets every population, ``EXC-std_e`` one; the latter wins whatever their order.
        """
        return self.set_params({f"noise-{key}": value for key, value in noise.items()})

    def set_params(self, params: Mapping[str, float]) -> Self:
        """Set any parameters by key, with the prefixes ``weight-``, ``noise-`` and ``depression-``.

        Raises:
            UnknownName: A key does not exist; nothing is changed.
            InvalidInput: A value is not finite or out of range; nothing is changed.
        """
        self._check_open()
        changed = self._parameters.updated(params)
        if self._backend is not None:
            self._backend.set_parameters(changed.frozen())
        self._parameters = changed
        return self

    # Recording

    def record_spikes(self, population: Populations = None) -> Self:
        """Record spikes of all or some populations from the next run on."""
        self._check_open()
        self._request = replace(self._request, spikes=self.system.gids(_names(population)))
        return self

    def record_voltage(self, population: Populations = None, *, sample_ms: float | None = None) -> Self:
        """Record the soma's voltage of all or some populations from the next run on.

        Args:
            population: Name or names; default all.
            sample_ms: Time between samples, shared by all traces; default every time step.
        """
        self._check_open()
        self._request = replace(
            self._request, voltage=self.system.gids(_names(population)), sample_steps=self._sample(sample_ms)
        )
        return self

    def record_membrane_current(
        self,
        population: Populations = None,
        *,
        compartment: Literal["soma", "dendrite"] = "soma",
        sample_ms: float | None = None,
    ) -> Self:
        """Record membrane currents of all or some populations from the next run on.

        Args:
            population: Name or names; default all.
            compartment: Which compartment the array ``mp`` shows; extracellular potentials use both.
            sample_ms: Time between samples, shared by all traces; default every time step.
        """
        self._check_open()
        if compartment not in ("soma", "dendrite"):
            raise InvalidInput(f"compartment must be 'soma' or 'dendrite', got {compartment!r}.")
        self._request = replace(
            self._request,
            current=self.system.gids(_names(population)),
            compartment=compartment,
            sample_steps=self._sample(sample_ms),
        )
        return self

    # Running

    @property
    def t(self) -> float:
        """Time of culture 0 since its last ``clear``, ms."""
        return self._steps[0] * self.dt

    def run(self, duration: float, stimulus: Any = None) -> Recording:
        """Advance every culture.

        Args:
            duration: How long, ms; a whole number of time steps.
            stimulus: A ``Stimulus`` (or what ``Stimulus.from_arg`` takes) not longer than the run; in the
                ``"electrode"`` mode it passes through ``io``.

        Returns:
            The recording; with one culture it unpacks into ``it, t, iv, v, im, mp``.

        Raises:
            InvalidInput: A duration that is no positive whole number of steps, a stimulus of the wrong shape,
                longer than the run, or of the wrong number of cultures.
            ClosedError: The environment is closed or ``init`` was not called.
        """
        backend = self._check_ready()
        steps = whole_steps("duration (ms)", duration, self.dt)
        if steps % self._request.sample_steps:
            raise InvalidInput(
                f"duration must be a multiple of the sampling interval {self._request.sample_steps * self.dt:g} ms."
            )
        stimuli = self._stimuli(Stimulus.from_arg(stimulus), float(duration))
        parts = backend.run(steps, stimuli, self._request)
        t0 = self.t
        self._steps = [done + steps for done in self._steps]
        return _stack(parts, t0)

    def __call__(self, decoding: Decoding, inputs: Any = None, encoding: Encoding | None = None) -> Any:
        """Encode ``inputs``, run for the decoding's duration, decode.

        Without an encoding the inputs are the stimulus itself, or None. With B > 1 the decoding sees the whole batch.
        """
        stimulus = inputs if encoding is None else encoding(self, decoding.duration, inputs)
        recording = self.run(decoding.duration, stimulus)
        return decoding(self, *recording) if self.num_cultures == 1 else decoding.batch(self, recording)

    def clear(self, seed: int | Sequence[int | None] | None = None, cultures: Sequence[int] | None = None) -> Self:
        """Put cultures back to time 0 with the same configuration and recordings.

        Args:
            seed: Start the noise anew from this seed (culture b: ``seed + b``; or a sequence, one for each
                cleared culture). Without one, the noise goes on with the next trial's stream.
            cultures: Which cultures; default all.
        """
        backend = self._check_ready()
        chosen = list(range(self.num_cultures)) if cultures is None else [int(b) for b in cultures]
        if any(not 0 <= b < self.num_cultures for b in chosen) or len(set(chosen)) != len(chosen):
            raise InvalidInput(f"cultures must be distinct indices below {self.num_cultures}, got {cultures}.")
        seeds: list[int | None]
        if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str):
            seeds = list(seed)
            if len(seeds) != len(chosen):
                raise InvalidInput(f"clear needs one seed for each of {len(chosen)} cultures, got {len(seeds)}.")
        else:
            seeds = [None if seed is None else _seed(seed) + b for b in chosen]
        checked = [None if new is None else _seed(new) for new in seeds]
        for b, new in zip(chosen, checked, strict=True):
            if new is None:
                self.trials[b] += 1
            else:
                self.seeds[b], self.trials[b] = new, 0
            self._steps[b] = 0
        backend.reset({b: self._key(b) for b in chosen})
        return self

    def close(self) -> None:
        """Free the simulator; may be called twice."""
        self._closed = True
        if self._backend is not None:
            self._backend.close()
            self._backend = None

    def __enter__(self) -> Self:
        """Use as a context manager that closes at its end."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def _key(self, culture: int) -> int:
        return stream_key(self.seeds[culture], self.trials[culture])

    def _sample(self, sample_ms: float | None) -> int:
        return self._request.sample_steps if sample_ms is None else whole_steps("sample_ms", sample_ms, self.dt)

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("This Env is closed; make a new one.")

    def _check_ready(self) -> Backend:
        self._check_open()
        if self._backend is None:
            raise ClosedError("Call init() before running: env = Env(...).init().")
        return self._backend

    def _stimuli(self, stimulus: Stimulus | None, duration_ms: float) -> list[Stimulus | None]:
        if stimulus is None:
            return [None] * self.num_cultures
        if stimulus.duration_ms > duration_ms * (1 + 1e-9):
            raise InvalidInput(
                f"The stimulus lasts {stimulus.duration_ms:g} ms, longer than the run of {duration_ms:g} ms."
            )
        if stimulus.num_cultures not in (None, self.num_cultures):
            raise InvalidInput(
                f"The stimulus is for {stimulus.num_cultures} cultures, the Env has {self.num_cultures}."
            )
        if stimulus.mode == "electrode":
            stimulus = self.io.cell_stimulus(self.geometry, stimulus)
        width = stimulus.num_columns if stimulus.gain is None else len(stimulus.gain)
        if width != self.system.num_neurons:
            raise InvalidInput(
                f"A stimulus per neuron needs {self.system.num_neurons} columns for {self.system.name}, got {width}."
            )
        parts = [stimulus[b] for b in range(self.num_cultures)]
        for part in parts:
            part.schedule(self.dt)  # what one culture's stimulus cannot do is refused before any culture runs
        return list(parts)


def _seed(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < 2**64:
        raise InvalidInput(f"A seed must be an integer from 0 to 2**64 - 1, got {value!r}.")
    return int(value)


def _seeds(seed: object, count: int) -> list[int]:
    if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str):
        if len(seed) != count:
            raise InvalidInput(f"seed needs one entry for each of {count} cultures, got {len(seed)}.")
        return [_seed(value) for value in seed]
    return [_seed(_seed(seed) + b) for b in range(count)]


def _names(population: Populations) -> str | list[str] | None:
    return population if population is None or isinstance(population, str) else list(population)


def _stack(parts: Sequence[Recording], t0_ms: float) -> Recording:
    """One recording of B cultures from one of each."""
    first = replace(parts[0], t0_ms=t0_ms, num_cultures=len(parts))
    if len(parts) == 1:
        return first
    if first.spike_gid is not None:
        _, gid, t = (np.concatenate(arrays) for arrays in zip(*(p.spikes for p in parts), strict=True))
        culture = np.repeat(np.arange(len(parts)), [len(p.spikes[0]) for p in parts])
        first = replace(first, spike_culture=culture, spike_gid=gid, spike_t=t)
    for name in ("voltage", "current_soma", "current_dendrite"):
        if getattr(first, name) is not None:
            traces: Any = {name: np.concatenate([getattr(part, name) for part in parts])}
            first = replace(first, **traces)
    return first
