"""The native backend: groups of cultures, advanced by compiled kernels on several threads."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, TypeVar, get_args

import numba
import numpy as np
from numpy.typing import NDArray

from livn_gym import processors
from livn_gym.backends.base import (
    MAX_VOLTAGE_MV,
    Backend,
    Capabilities,
    CellParameters,
    CultureParameters,
    CultureSpec,
    Learning,
    Parameters,
    Scheme,
    Snapshots,
    Stoppable,
    Undoable,
)
from livn_gym.backends.native.driver import AnyDrive, Probe
from livn_gym.backends.native.generate import source
from livn_gym.backends.native.group import CultureGroup
from livn_gym.backends.native.group_run import Diverged, GroupRun, Inputs, typed_arguments
from livn_gym.backends.native.layout import layouts
from livn_gym.backends.native.program import program
from livn_gym.backends.native.samples import Samples
from livn_gym.backends.native.selection import Selection
from livn_gym.backends.native.settings import SettingsMaker, Varied
from livn_gym.backends.native.state import CultureState, check_state
from livn_gym.backends.native.stimuli import Drives
from livn_gym.backends.native.synapses import Synapses
from livn_gym.backends.native.team import STOP
from livn_gym.backends.native.team_size import TeamChoice, group_size
from livn_gym.errors import SimulationDiverged, UnsupportedModel
from livn_gym.interrupts import Pool, concurrent_calls, uninterrupted
from livn_gym.numerics import NoiseStream
from livn_gym.recording import Recording
from livn_gym.recording_request import RecordingRequest
from livn_gym.stimulus import Stimulus
from livn_gym.units import NS_TO_US, whole_number

_T = TypeVar("_T")
_BITS = {"float64": 64, "float32": 32}


class NativeBackend(Backend, CultureParameters, CellParameters, Snapshots, Learning, Stoppable, Undoable):
    """Backend that runs B cultures in one process, with trajectories independent of the batch and of threads.

    A trajectory depends only on its noise stream, dt, scheme and precision. A run that raises has no effect. Copies and
    pickles continue exactly, with their own threads.

    Args:
        threads: Number of threads. Default: the environment variable LIVN_GYM_THREADS, otherwise one per processor that
            this process may use. By default, processes that ``multiprocessing`` started, such as the workers of an
            ``AsyncVectorEnv``, do not divide a culture among threads.

    Raises:
        InvalidInput: The number of threads is not positive.
    """

    capabilities = Capabilities(
        name="native", snapshots=True, mpi=True, precisions=("float64", "float32"), schemes=get_args(Scheme)
    )

    def __init__(self, threads: int | None = None) -> None:
        given = processors.requested() if threads is None else whole_number("threads", threads)
        self.threads = given or len(processors.usable())
        self._teams = given is not None or multiprocessing.parent_process() is None
        self._team_choice = TeamChoice()
        self._groups: list[CultureGroup] = []
        self._pool = Pool(self.threads)
        self._control: list[NDArray[np.int64]] = []
        self._restore: Callable[[], None] | None = None
        self._programs: dict[tuple[Varied, bool], Callable[..., Any]] = {}
        self._cached_arguments: tuple[Any, dict[range, tuple[Varied, tuple[NDArray, ...]]]] = None, {}

    @property
    def num_cultures(self) -> int:
        """Number of cultures B."""
        return sum(group.count for group in self._groups)

    def build(self, spec: CultureSpec, parameters: Parameters, streams: Sequence[NoiseStream]) -> None:
        """Build the cultures; the kernels are compiled on first use on this machine."""
        self._spec, self._layouts = spec, layouts(spec)
        self._synapses, self._drives = Synapses(spec, self._layouts), Drives(spec, self._layouts)
        self._maker = SettingsMaker(spec, self._layouts, self._synapses)
        self._settings = self._maker.make([parameters] * len(streams), None)
        self._groups = self._grouped(streams, range(len(streams)))
        self._prepare()

    def run(
        self,
        num_steps: int,
        stimulus: Stimulus | None,
        request: RecordingRequest,
        cultures: Sequence[int] | None = None,
    ) -> Recording:
        """Advance cultures."""
        run = self._run_all if cultures is None else self._run_some
        numbers = range(self.num_cultures) if cultures is None else cultures
        ranks = self._spec.ranks
        if ranks is not None and not ranks.any_thread:
            return run(num_steps, stimulus, request, numbers)
        return uninterrupted(lambda: run(num_steps, stimulus, request, numbers), self.stop)

    def stop(self) -> None:
        """Request the current run to end; its kernels check for this once per window."""
        for control in self._control:
            control[STOP] = 1

    def undo(self) -> None:
        """Restore the states before the last run."""
        restore, self._restore = self._restore, None
        if restore is None:
            raise RuntimeError("There is no run to undo.")
        restore()

    def reset(self, streams: Mapping[int, NoiseStream]) -> None:
        """Reset some cultures to time 0."""
        self._restore = None
        for group, selected in self._shares(self._groups, streams):
            group.reset(selected)

    def save(self, cultures: Sequence[int]) -> list[CultureState]:
        """Return the states of some cultures."""
        states: dict[int, CultureState] = {}
        for group, selected in self._shares(self._groups, {b: b for b in cultures}):
            states |= zip(selected.values(), group.save(list(selected)), strict=True)
        return [states[b] for b in cultures]

    def load(self, states: Mapping[int, CultureState]) -> None:
        """Restore saved states.

        Raises:
            InvalidInput: A state is damaged or of another type of culture. Nothing is changed.
        """
        cells, dtype = self._spec.system.num_neurons, np.dtype(self._spec.precision)
        for state in states.values():
            check_state(state, self._layouts, self._settings.network, cells, dtype)
        self._restore = None
        self._load(self._groups, states)
        self._prepare()

    def weights(self, cultures: Sequence[int]) -> list[dict[str, NDArray[np.float64]]]:
        """Return the peak conductance of every synapse of some cultures, nS."""
        weights: dict[int, NDArray[np.float64]] = {}
        common, row = self._settings.network.weight, self._settings.row
        for group, selected in self._shares(self._groups, {b: b for b in cultures}):
            weights |= {b: group.learnt.weight[c] if group.learns else common[row[b]] for c, b in selected.items()}
        indices = {key: self._synapses.indices(key) for key in self._synapses.keys}
        return [{key: weights[b][index] / NS_TO_US for key, index in indices.items()} for b in cultures]

    def set_weights(self, weights: Mapping[int, Mapping[str, NDArray[np.float64]]]) -> None:
        """Set the peak conductance of every synapse, nS."""
        self._restore = None
        for group in self._groups:
            group.own_synapses()
        for group, selected in self._shares(self._groups, weights):
            for c, values in selected.items():
                for key, value in values.items():
                    group.learnt.weight[c, self._synapses.indices(key)] = value * NS_TO_US
        self._prepare()

    def set_parameters(self, parameters: Parameters) -> None:
        """Replace weights, noise, depression and plasticity in all cultures."""
        self._set([parameters] * self.num_cultures)

    def set_culture_parameters(self, parameters: Mapping[int, Parameters]) -> None:
        """Replace weights, noise and depression in some cultures."""
        self._set([parameters.get(b, before) for b, before in enumerate(self._settings.parameters)])

    def _set(self, parameters: Sequence[Parameters]) -> None:
        before, self._restore = self._settings, None
        settings = self._maker.make(parameters, before)
        plasticity = parameters[0].plasticity
        first = 0
        for group in self._groups:
            group.set_weight(settings.network.weight, settings.row[first : first + group.count])
            group.first_states = {c: settings.first_states(first + c) for c in range(group.count)}
            first += group.count
            if plasticity not in (None, before.parameters[0].plasticity):
                group.begin_learning()
        self._settings = settings
        self._prepare()

    def _prepare(self) -> None:
        """Load the kernels for the current parameters, which are compiled on first use on this machine."""
        first = 0
        for group in self._groups:
            self._program(self._arguments(range(first, first + group.count))[0], group.learns)
            first += group.count

    def _arguments(self, cultures: Sequence[int]) -> tuple[Varied, tuple[NDArray, ...]]:
        """See ``SettingsMaker.arguments``; those of a range of cultures are cached while the settings stay the same."""
        if not isinstance(cultures, range):
            return self._maker.arguments(self._settings, cultures, np.dtype(self._spec.precision))
        settings, cached = self._cached_arguments
        if settings is not self._settings:
            cached = {}
            self._cached_arguments = self._settings, cached
        if cultures not in cached:
            cached[cultures] = self._maker.arguments(self._settings, cultures, np.dtype(self._spec.precision))
        return cached[cultures]

    def _program(self, varied: Varied, learns: bool) -> Callable[..., Any]:
        """Return the kernels that read these parameters per lane, for shared or individual synapses."""
        if (varied, learns) not in self._programs:
            spec = self._spec
            bits, shared = _BITS[spec.precision], spec.ranks is not None
            text = source(self._layouts, self._maker.names, bits, shared=shared, learns=learns, varied=varied)
            self._programs[varied, learns] = program(text, partial(self._compile, varied))
        return self._programs[varied, learns]

    def close(self) -> None:
        """Release the arrays and the threads."""
        self._groups, self._restore, self._control = [], None, []
        self._pool.close()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for copying and pickling, without checkpoints and compiled kernels.

        Raises:
            UnsupportedModel: MPI ranks share the cultures.
        """
        state = vars(self).copy()
        if self._groups and self._spec.ranks is not None:
            raise UnsupportedModel("Cultures that MPI ranks share cannot be copied or pickled.")
        return state | {"_control": [], "_restore": None, "_programs": {}, "_cached_arguments": (None, {})}

    def _compile(self, varied: Varied, run: Any) -> None:
        """Compile the program for the types of its arguments, without running it."""
        (group,) = self._grouped([NoiseStream(0)], [0])
        drive, request = self._drives.drive(None, 0, group.count), RecordingRequest()
        common = self._arguments([0])[1][: len(self._layouts)]
        arrays = common + (np.zeros(0, dtype=self._spec.precision),) * len(varied)
        probe = self._samples(group.count, 0, request, learns=False).probe
        inputs = Inputs(arrays, self._settings.network, self._settings.rules, drive, probe)
        run.compile(tuple(numba.typeof(argument) for argument in typed_arguments(group, inputs)))

    def _grouped(self, streams: Sequence[NoiseStream], cultures: Sequence[int]) -> list[CultureGroup]:
        """Make groups of cultures at time 0 for all threads; ``cultures`` are their indices."""
        spec, counts = self._spec, [layout.count for layout in self._layouts]
        if spec.ranks is not None:
            size, team = len(streams), 1  # several groups would communicate with other ranks in any order
        else:
            size, team = group_size(len(streams), counts, self.threads, spec.precision, teams=self._teams)
        fixed = (np.dtype(spec.precision), spec.system.num_neurons, spec.ranks, team)
        groups = [
            CultureGroup(self._layouts, list(streams[b : b + size]), *fixed) for b in range(0, len(streams), size)
        ]
        row = self._settings.row[list(cultures)]
        for k, group in enumerate(groups):
            group.set_weight(self._settings.network.weight, row[k * size : k * size + group.count])
            if any(self._settings.parameters[b].cells for b in cultures):
                group.first_states = {
                    c: self._settings.first_states(cultures[k * size + c]) for c in range(group.count)
                }
                group.reset(dict(enumerate(streams[k * size : k * size + group.count])))
            if self._settings.parameters[0].plasticity is not None:
                group.own_synapses()
        return groups

    @staticmethod
    def _shares(
        groups: Sequence[CultureGroup], values: Mapping[int, _T]
    ) -> Iterator[tuple[CultureGroup, dict[int, _T]]]:
        """Divide values by culture among the groups, keyed by the index within each group."""
        first = 0
        for group in groups:
            selected = {c: values[first + c] for c in range(group.count) if first + c in values}
            if selected:
                yield group, selected
            first += group.count

    def _load(self, groups: Sequence[CultureGroup], states: Mapping[int, CultureState]) -> None:
        for group, selected in self._shares(groups, states):
            group.load(selected)

    def _run_all(
        self, num_steps: int, stimulus: Stimulus | None, request: RecordingRequest, cultures: Sequence[int]
    ) -> Recording:
        """Advance all cultures."""
        self._restore = None
        learning = self._settings.rules.dendritic_delay_steps > 0
        restores = [group.checkpoint(learning=learning) for group in self._groups]
        try:
            recording = self._run(self._groups, num_steps, stimulus, request, cultures)
        except BaseException:
            for restore in restores:
                restore()
            raise

        def restore_all() -> None:
            for restore in restores:
                restore()

        self._restore = restore_all
        return recording

    def _run_some(
        self, num_steps: int, stimulus: Stimulus | None, request: RecordingRequest, cultures: Sequence[int]
    ) -> Recording:
        """Advance some cultures; see ``Selection``."""
        self._restore = None
        threads = 1 if self._spec.ranks else self.threads
        selection = Selection(
            self._groups, cultures, lambda b: self._grouped([NoiseStream(0)] * len(b), b), threads, num_steps
        )
        learning = self._settings.rules.dendritic_delay_steps > 0
        restores = [group.checkpoint(learning=learning) for group in selection.groups]

        def restore_some() -> None:
            for restore in restores:
                restore()
            selection.store()

        try:
            recording = self._run(selection.groups, num_steps, stimulus, request, cultures)
            selection.store()
        except BaseException:
            restore_some()
            raise
        self._restore = restore_some
        return recording

    def _run(
        self,
        groups: list[CultureGroup],
        num_steps: int,
        stimulus: Stimulus | None,
        request: RecordingRequest,
        cultures: Sequence[int],
    ) -> Recording:
        """Advance groups; ``cultures`` are the indices of their cultures."""
        first = list(accumulate((group.count for group in groups), initial=0))
        bounds = list(zip(first[:-1], first[1:], strict=True))
        drives = [self._drives.drive(stimulus, start, stop) for start, stop in bounds]
        learns = all(group.learns for group in groups)
        samples = self._samples(first[-1], num_steps, request, learns=learns)
        choice = self._team_choice
        threads = 1 if choice.alone else max(1, self.threads // concurrent_calls())
        runs = [
            self._group_run(group, cultures[start:stop], num_steps, drive, samples.of(start, stop), threads)
            for group, drive, (start, stop) in zip(groups, drives, bounds, strict=True)
        ]
        self._control = [run.control for run in runs]
        calls = [(run, thread) for run in runs for thread in range(run.threads)]
        began = time.perf_counter()
        self._pool.map(GroupRun.advance, *zip(*calls, strict=True), stop=self.stop)
        if any(run.allows_team for run in runs):
            choice.note((time.perf_counter() - began) / num_steps, crowded=any(run.crowded for run in runs))
        spikes = []
        for run, start in zip(runs, first, strict=False):
            try:
                spikes.append(run.finish())
            except Diverged as error:
                raise SimulationDiverged(
                    f"The membrane voltage of cell {error.gid} of culture {cultures[start + error.culture]} left "
                    f"+-{MAX_VOLTAGE_MV:g} mV or was no number at all within {error.step * self._spec.dt_ms:g} ms: a "
                    "stimulus, the noise or a weight is too strong. The run has not happened."
                ) from None
        return samples.recording(spikes, first)

    def _group_run(
        self, group: CultureGroup, cultures: Sequence[int], num_steps: int, drive: AnyDrive, probe: Probe, threads: int
    ) -> GroupRun:
        varied, arrays = self._arguments(cultures)
        rules = self._settings.rules
        # Postsynaptic spikes of a window must not reach plastic synapses before its end.
        window = self._synapses.window
        if rules.dendritic_delay_steps:
            window = min(window, rules.dendritic_delay_steps + 1)
        inputs = Inputs(arrays, self._settings.network, rules, drive, probe)
        return GroupRun(
            group, self._program(varied, group.learns), inputs, window, num_steps, self._spec.dt_ms, threads
        )

    def _samples(self, cultures: int, num_steps: int, request: RecordingRequest, *, learns: bool) -> Samples:
        fixed = (self._spec, self._synapses, self._drives.coupling_uS)
        return Samples(*fixed, cultures, num_steps, request, learns=learns)
