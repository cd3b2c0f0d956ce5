"""Construction of closed loops from names, numbers and objects."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import PurePath
from typing import Any, Self

import livn_gym
from livn_gym import decoding as decodings
from livn_gym import device_profile
from livn_gym import encoding as encodings
from livn_gym import system as systems
from livn_gym.blanking import BLANK_MS, blank_times
from livn_gym.channel_view import device_array
from livn_gym.decoding import Decoding
from livn_gym.encoding import Encoding
from livn_gym.env import Env
from livn_gym.envs import conditions as known_conditions
from livn_gym.envs import plants, tasks
from livn_gym.envs.device_encoding import encoding_for
from livn_gym.envs.device_link import DeviceLink
from livn_gym.envs.device_options import check_device_options, check_offered, device_link
from livn_gym.envs.loop import ClosedLoop
from livn_gym.envs.posterior_draw import PosteriorDraw
from livn_gym.envs.randomization import Randomization
from livn_gym.envs.tasks import Task, TaskSetup
from livn_gym.errors import InvalidInput, shown, unknown_option
from livn_gym.plant import DevicePlant
from livn_gym.posterior import Posterior
from livn_gym.registry import check_options
from livn_gym.units import finite
from livn_gym.view import CultureView

_NOT_OF_LOOP = ("system", "task", "task_options", "given")
"""Fields of ``LoopSpec`` that are no arguments of the loop."""

_OF_ENVIRONMENTS = ("system", "task", "max_episode_steps", "graph_seed", "render_mode")
_OF_SINGLE = ("env",)
_OF_VECTOR = ("num_envs", "autoreset_mode", "on_worker_failure")
"""Arguments of all, of single and of vector environments that do not belong to the loop."""


@dataclass(frozen=True, eq=False)
class LoopSpec:
    """A closed loop as names, numbers and objects, before there is a culture; ``of`` reads the task's config.

    Instead of a name, an attribute can be a reference, a path, a class or a mapping; see ``livn_gym.registry``.

    Attributes:
        system: The system, as ``livn_gym.system.make`` takes it.
        task: The task: a name, a reference, a path or a class.
        task_options: The task's options that differ from the defaults of its class ``Options``. They are copied for
            every culture.
        step_ms: Length of a control step, ms; it divides 1000.
        settle_ms: Unstimulated time before the first observation, ms.
        encoding: The encoding, as ``livn_gym.encoding.make`` takes it.
        decoding: The decoding of one step, as ``livn_gym.decoding.make`` takes it.
        variant: Name of the culture's parameters, as ``"bursting"``; None is the system's own.
        params: Parameters, as ``livn_gym.parameter_sets.find`` takes them; None for the shipped ones.
        io: The electrode interface, as ``livn_gym.io.make`` takes it; None for the default.
        model: The dynamics of the cells, as ``livn_gym.models.make`` takes it; None for the default.
        opsin: The opsin of the cells, as ``livn_gym.models.channelrhodopsin.make`` takes it; None for none.
        light: The lights, as ``livn_gym.io.make_lights`` takes them; None is a lamp if there is an opsin.
        backend: The simulator, as ``livn_gym.backends.make`` takes it; None for the default.
        profile: Profile of the simulation, ``"fast"`` or ``"exact"`` (see ``Env``).
        dt: Time step of the simulation, ms; None takes the profile's.
        conditions: Conditions between the loop and its cultures, see ``livn_gym.envs.conditions``: a name, a mapping
            with a ``name`` and options, or a list of these; None is no condition.
        randomize: Ranges of the factors of parameters that every episode draws, ``[low, high]`` by pattern of keys;
            see ``livn_gym.envs.randomization``. None draws nothing.
        posterior: Folder that ``livn-gym fit`` wrote, or a ``Posterior``: every episode draws one of its parameter
            sets; see ``livn_gym.envs.posterior_draw``. None draws nothing.
        blank_ms: Times after current in which stimulated and other electrodes do not record, ms: two numbers, or one
            for both; 0 for no blanking. See ``livn_gym.blanking``. Default with a device: those of its artefact.
        device: Profile of the device under whose limits the cultures are simulated, as ``livn_gym.device_profile.find``
            takes it; None for none. The electrodes of the system must have the shape of the device's array. An encoding
            that is not given is made to fit the device, see ``livn_gym.envs.device_encoding``.
        observation: ``"cells"``, the true spikes of the cells, or ``"channels"``, the spikes that the device detects on
            its channels. None is ``"channels"`` with a device, and ``"cells"`` without one.
        plant: Cultures behind a device in place of simulated ones, as ``livn_gym.envs.plants.make`` takes them; None
            for simulated ones. The system then names the task's options only.
        given: Names of the options that were given, in contrast to those of the task's config.
    """

    system: Any
    task: str | type[Task]
    task_options: Mapping[str, Any] = field(default_factory=dict)
    step_ms: float = 200.0
    settle_ms: float = 2000.0
    encoding: encodings.Spec = "pulse_amplitude"
    decoding: decodings.Spec = "channel_rates"
    variant: str | None = None
    params: Any = None
    io: Any = None
    model: Any = None
    opsin: Any = None
    light: Any = None
    backend: Any = None
    profile: str = "fast"
    dt: float | None = None
    conditions: known_conditions.Spec | Sequence[known_conditions.Spec] | None = None
    randomize: Mapping[str, Sequence[float]] | None = None
    posterior: Any = None
    blank_ms: Any = BLANK_MS
    device: Any = None
    observation: str | None = None
    plant: Any = None
    given: tuple[str, ...] = ()

    @classmethod
    def of(cls, system: Any, task: tasks.Spec, **options: Any) -> Self:
        """Make the spec from an environment's arguments; missing ones come from the task's config.

        Args:
            system: The system, as ``livn_gym.system.make`` takes it.
            task: A name, a reference, a path, a class, or a mapping with a ``name`` and options of the task.
            **options: Options of the task and of the loop; None means the default.

        Raises:
            UnknownOption: There is no option of that name.
            UnknownName: There is no task of that name.
            InvalidInput: A task's option is out of range.
        """
        name, options = tasks.unpacked(task, options) if isinstance(task, Mapping) else (task, options)
        if "env" in options:
            raise InvalidInput(
                "env= is for a single environment: give a vector environment the system, params, ... of its cultures."
            )
        task_class = tasks.find(name)
        of_task = tasks.option_names(task_class)
        _check_task(task_class)
        _check_names(task_class, options, _OF_SINGLE)
        values = tasks.config_options(name, system)
        if isinstance(options.get("params"), str | PurePath) or options.get("posterior") is not None:
            values.pop("variant", None)  # a parameter set by name or path replaces the task's variant
        given = {option: value for option, value in options.items() if value is not None}
        values |= given
        if "step_ms" in values:
            values["step_ms"] = finite("step_ms", values["step_ms"], above=0.0)
        values["blank_ms"] = blank_times(values.get("blank_ms", BLANK_MS))
        check_device_options(name, values, given)
        task_options = {option: values.pop(option) for option in of_task if option in values}
        tasks.make_options(task_class, task_options)  # refuses wrong values before a culture is built
        spec = cls(system, name, task_options, **values, given=tuple(given))
        spec.fitted_sets()  # refuses a wrong folder before a culture is built
        return spec

    def fitted_sets(self) -> Posterior | None:
        """Return the fitted parameter sets of which every episode draws one; None for none.

        Raises:
            InvalidInput: The folder holds no fit, or parameters are given as well.
            CorruptData: A file of the fit is damaged.
        """
        if self.posterior is None:
            return None
        if self.params is not None or self.variant is not None:
            raise InvalidInput("With posterior=, leave out params and variant: the parameters are those of the fit.")
        if isinstance(self.posterior, Posterior):
            return self.posterior
        if not isinstance(self.posterior, str | PurePath) or not str(self.posterior).strip():
            raise InvalidInput(f"posterior must be the folder of a fit or a Posterior, got {shown(self.posterior)}.")
        return Posterior.read(str(self.posterior))

    def make(self, num_cultures: int = 1, graph_seed: int | None = None) -> ClosedLoop:
        """Make the loop and its cultures.

        Args:
            num_cultures: B.
            graph_seed: Seed of another culture with the same statistics; None is the predefined one.

        Raises:
            UnknownName: There is no system, encoding, decoding, condition or backend of that name.
            InvalidInput: A value is out of range.
            LimitExceeded: A device could not give the highest command.
        """
        env = self._plant(num_cultures, graph_seed) if self.plant is not None else self._env(num_cultures, graph_seed)
        try:
            return self.around(env)
        except BaseException:
            env.close()
            raise

    def _env(self, num_cultures: int, graph_seed: int | None) -> Env:
        """Make simulated cultures; with a device, they have its usable electrodes."""
        options: dict[str, Any] = {"graph_seed": graph_seed, "io": self.io}
        system, fitted = self.system, self.fitted_sets()
        if self.device is not None:
            system = systems.make(system, graph_seed)
            options = {"io": device_array(device_profile.find(self.device), system)}
        return livn_gym.make(
            system,
            variant=self.variant,
            params=self.params if fitted is None else fitted.base,
            model=self.model,
            opsin=self.opsin,
            light=self.light,
            backend=self.backend,
            profile=self.profile,
            dt=self.dt,
            num_cultures=num_cultures,
            **options,
        )

    def _plant(self, num_cultures: int, graph_seed: int | None) -> DevicePlant:
        """Make cultures behind a device."""
        if graph_seed is not None:
            raise InvalidInput(
                "With plant=, leave out graph_seed: it draws a simulated culture, and a plant has its own."
            )
        plant = plants.make(self.plant)
        if plant.num_cultures != num_cultures:
            plant.close()
            raise InvalidInput(f"{num_cultures} cultures were asked for, the plant has {plant.num_cultures}.")
        return plant

    def around(self, env: Env | DevicePlant) -> ClosedLoop:
        """Make the loop around existing cultures; the loop closes them, but they stay open if it cannot be made.

        Args:
            env: The cultures; the spec's own system, parameters, model, ... are not used.
        """
        device = device_link(env, self.device, self.observation)
        if device is not None and not isinstance(env, Env):
            check_offered(self.task, device.profile, plant=self.plant)
        encoding, decoding = self.make_encoding(device, env.dt), self.make_decoding()
        fitted = self.fitted_sets()
        drawn = [PosteriorDraw(env, fitted)] if isinstance(env, Env) and fitted is not None else []
        randomized = []
        if self.randomize not in (None, {}) and isinstance(env, Env):
            randomized = [Randomization(env, self.randomize)]
        view = env if device is None else device.view
        blank_ms = self.blank_ms
        if device is not None and "blank_ms" not in self.given:
            blank_ms = device.profile.artefact.blank_ms
        return ClosedLoop(
            env,
            [self.make_task(view, encoding, decoding) for _ in range(env.num_cultures)],
            encoding,
            decoding,
            settle_ms=self.settle_ms,
            conditions=[*drawn, *randomized, *known_conditions.make(env, self.conditions)],
            blank_ms=blank_ms,
            device=device,
        )

    def make_encoding(self, device: DeviceLink | None = None, dt: float | None = None) -> Encoding:
        """Make the encoding; an object is returned unchanged.

        Args:
            device: A device, for which the encoding of a task's config is changed.
            dt: Time step of the runs, ms, of which phases are then multiples.
        """
        if device is None or "encoding" in self.given:
            return encodings.make(self.encoding)
        return encodings.make(encoding_for(device.profile, self.encoding, device.profile.tick_ms if dt is None else dt))

    def make_decoding(self) -> Decoding:
        """Make the decoding of one step; an object is returned unchanged."""
        spec = self.decoding
        decoding = decodings.DECODINGS.find(spec) if isinstance(spec, str) else spec
        options = {} if isinstance(decoding, Decoding) else {"duration": self.step_ms}
        return decodings.make(decoding, **options)

    def make_task(self, view: CultureView, encoding: Encoding | None = None, decoding: Decoding | None = None) -> Task:
        """Make the task of one culture.

        Args:
            view: The cultures.
            encoding: The loop's encoding; None makes one.
            decoding: The loop's decoding; None makes one.
        """
        cls = tasks.find(self.task)
        options = tasks.make_options(cls, copy.deepcopy(dict(self.task_options)))
        encoding, decoding = encoding or self.make_encoding(), decoding or self.make_decoding()
        setup = TaskSetup.of(view, encoding, decoding, self.step_ms, options)
        check_options(cls.__name__, cls, {}, (setup,))
        return cls(setup)


def loop_options() -> list[str]:
    """Return the names of those arguments of every environment that belong to the loop."""
    return [option.name for option in fields(LoopSpec) if option.name not in _NOT_OF_LOOP]


def check_vector_options(task: tasks.Spec, options: Mapping[str, Any]) -> None:
    """Check the names of the options of a vector environment; ``LoopSpec.of`` checks those of a single one.

    Raises:
        UnknownOption: There is no option of that name.
    """
    name, options = tasks.unpacked(task, options) if isinstance(task, Mapping) else (task, options)
    _check_names(tasks.find(name), {key: value for key, value in options.items() if key not in _OF_SINGLE}, _OF_VECTOR)


def _check_names(task_class: type[Task], options: Mapping[str, Any], of_environment: Sequence[str]) -> None:
    known = [*tasks.option_names(task_class), *loop_options()]
    for option in options:
        if option not in known:
            valid = [*known, *_OF_ENVIRONMENTS, *of_environment]
            raise unknown_option("The environment", option, [name for name in valid if name != option])


def _check_task(task_class: type[Task]) -> None:
    """Refuse a task with options or defaults that do not exist, or have the names of the loop's own."""
    taken = {*loop_options(), *_OF_ENVIRONMENTS, *_OF_SINGLE, *_OF_VECTOR}
    clashing = sorted(taken.intersection(tasks.option_names(task_class)))
    if clashing:
        raise InvalidInput(
            f"The options {clashing} of {task_class.__name__} are arguments of every environment: rename them, or set "
            "their defaults in loop_defaults."
        )
    defaults = task_class.loop_defaults
    if not isinstance(defaults, Mapping):
        raise InvalidInput(f"{task_class.__name__}.loop_defaults must be a mapping, got {shown(defaults)}.")
    for option in defaults:
        if option not in loop_options():
            raise unknown_option(f"{task_class.__name__}.loop_defaults", option, loop_options())
