"""The closed loop, written once over a batch of B cultures; a single environment is the batch of one."""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

import livn_gym
from livn_gym import decoding as decodings
from livn_gym import encoding as encodings
from livn_gym.decoding import Decoding
from livn_gym.encoding import Encoding
from livn_gym.env import Env
from livn_gym.envs import conditions as known_conditions
from livn_gym.envs import tasks
from livn_gym.envs.actions import checked_actions
from livn_gym.envs.conditions import Chosen, Condition, Conditioned
from livn_gym.envs.layout import ObservationLayout
from livn_gym.envs.results import Info, StepResult
from livn_gym.envs.tasks import Measurement, Task
from livn_gym.envs.turn import Turn
from livn_gym.errors import InvalidInput, unknown_option
from livn_gym.stimulus import Stimulus
from livn_gym.units import whole_steps

WINDOW_MS = 1000.0
"""The "last second" of observations and scores."""

_EVERYWHERE = ("params", "io", "model", "backend", "profile", "dt", "graph_seed", "conditions", "render_mode")
"""Options of every task."""


class ClosedLoop:
    """Encode, run, decode, score; for B cultures at once. Owns the cultures and closes them.

    ``reset`` and ``step`` take and return what concerns n of the B cultures, by default all, in ascending order. Time
    limits and the form in which results are handed over belong to the environments that wrap the loop.

    Args:
        env: The cultures; their spikes are recorded from now on.
        tasks: The aim of each culture, ``[B]``, alike but for what they draw.
        encoding: From one culture's command, a point of a bounded ``Box``, to electrode commands.
        decoding: From a recording to features in a bounded ``Box``.
        step_ms: Length of a control step, ms; a second must be a whole number of them.
        settle_ms: How long a reset culture runs by itself before the first observation, ms.
        conditions: What stands between the loop and each culture, ``[B]`` lists; default nothing.

    Raises:
        InvalidInput: Times are no whole number of time steps, a space is no bounded Box, or there are not B tasks.
    """

    def __init__(
        self,
        env: Env,
        tasks: Sequence[Task],
        encoding: Encoding,
        decoding: Decoding,
        *,
        step_ms: float,
        settle_ms: float,
        conditions: Sequence[Sequence[Condition]] | None = None,
    ) -> None:
        whole_steps("step_ms", step_ms, env.dt)
        whole_steps("settle_ms", settle_ms, env.dt, minimum=0)
        steps = round(WINDOW_MS / step_ms)
        if steps < 1 or abs(steps * step_ms - WINDOW_MS) > 1e-6:
            raise InvalidInput(f"step_ms must divide {WINDOW_MS:g} ms, got {step_ms:g}.")
        if len(tasks) != env.num_cultures:
            raise InvalidInput(f"{env.num_cultures} cultures need as many tasks, got {len(tasks)}.")
        self.env = env.record_spikes()
        self.conditioned = Conditioned(env, conditions if conditions is not None else [[] for _ in tasks])
        self.tasks = list(tasks)
        self.encoding = encoding
        self.decoding = decoding
        self.step_ms = float(step_ms)
        self.settle_ms = float(settle_ms)
        self.num_cultures = env.num_cultures
        commands = _bounded_box("Encoding", encoding, encoding.action_space(env))
        try:
            features = _bounded_box("Decoding", decoding, decoding.observation_space(env))
        except NotImplementedError as error:
            raise InvalidInput(f"{type(decoding).__name__} gives no observation: {error}") from error
        self.action_space = [_bounded_box("Task", task, task.action_space(commands)) for task in self.tasks][0]
        seen = [features, features] if tasks[0].sees_culture else []
        low, high = tasks[0].observation_bounds()
        self.observation_space = spaces.Box(
            np.concatenate([*(space.low for space in seen), low]).astype(np.float32),
            np.concatenate([*(space.high for space in seen), high]).astype(np.float32),
            dtype=np.float32,
        )
        everywhere = np.broadcast_to(commands.high, (self.num_cultures, *commands.shape))
        self.highest_charge_nC = self._charge(self._encode(everywhere), 1)[0]
        """What the highest command gives by each channel in a step, both phases counted, nC ``[C]``."""
        if not self.highest_charge_nC.all():
            raise InvalidInput(f"The highest command gives some channel no charge in a step of {step_ms:g} ms.")
        self.history: list[deque[Measurement]] = [deque(maxlen=steps) for _ in self.tasks]
        """Every culture's last second, oldest first, settling included; never empty after a reset."""
        self.num_features = features.shape[0] if self.tasks[0].sees_culture else 0
        """How many entries of the observation one decoded recording takes: it begins with two of them, or none."""
        self.layout = self._layout()
        """What each entry of the observation is."""
        plain = all(
            getattr(type(tasks[0]), name) is getattr(Task, name) for name in ("action_space", "command")
        ) and self.action_space.shape == (env.io.num_channels,)
        self.action_channels = np.arange(env.io.num_channels) if plain else np.full(self.action_space.shape or (), -1)
        """The channel that each number of an action is for, ``[A]``; -1 where it is for no single one."""
        self._features_shape = features.shape
        self._seeded = [False] * self.num_cultures
        self._turn = Turn(self.num_cultures)

    def reset(
        self,
        np_random: Sequence[np.random.Generator],
        seeds: Sequence[int | None],
        cultures: Sequence[int] | None = None,
    ) -> StepResult:
        """Begin an episode and let the cultures settle, unstimulated.

        Args:
            np_random: The generators that the tasks draw from, ``[n]``.
            seeds: Where the noise starts, ``[n]``; None goes on with the next trial (the first time, with a seed
                from the culture's generator).
            cultures: Which cultures; default all.

        Returns:
            The first observations ``[n, F]`` and infos ``[n]``; rewards are 0.

        Raises:
            OverlappingCall: Another thread is in a step or reset.
        """
        chosen = self._all(cultures)
        with self._turn.of(chosen):
            return self._begin(np_random, seeds, chosen)

    def _begin(
        self, np_random: Sequence[np.random.Generator], seeds: Sequence[int | None], chosen: list[int]
    ) -> StepResult:
        starts = [
            int(generator.integers(2**63)) if seed is None and not self._seeded[b] else seed
            for b, generator, seed in zip(chosen, np_random, seeds, strict=True)
        ]
        self.env.clear(seed=starts, cultures=chosen)
        for b, generator in zip(chosen, np_random, strict=True):
            self._seeded[b] = True
            self.tasks[b].reset(generator)
            self.history[b].clear()
        self.conditioned.reset(np_random, chosen)
        self._demonstrate(chosen)
        longest = self.history[0].maxlen or 0
        remembered = min(int(self.settle_ms // self.step_ms), longest)
        if self.settle_ms > remembered * self.step_ms:
            unseen_ms = self.settle_ms - remembered * self.step_ms
            self.conditioned.run(unseen_ms, None, chosen, [-remembered * self.step_ms] * len(chosen))
        for k in range(remembered):
            self._advance(None, chosen, time_ms=(k + 1 - remembered) * self.step_ms)
        if not remembered:
            for b in chosen:
                self.history[b].append(self._silence())
        return StepResult.of_reset(self._observations(chosen), self._infos(chosen), chosen)

    def step(self, actions: NDArray, cultures: Sequence[int] | None = None) -> StepResult:
        """One control step.

        Args:
            actions: ``[n, *action shape]``, within the action space.
            cultures: Which cultures; default all.

        Returns:
            Observations ``[n, F]``, rewards, ends by the task itself and infos, ``[n]`` each.

        Raises:
            InvalidInput: An action has the wrong shape, is not finite or lies outside the space; nothing ran.
            ClosedError: The loop is closed.
            ResetNeeded: The last step or reset of a culture was interrupted or failed half way.
            OverlappingCall: Another thread is in a step or reset.
        """
        chosen = self._all(cultures)
        checked = self.checked(actions, len(chosen))
        self._turn.check(chosen)
        with self._turn.of(chosen):
            return self._stepped(checked, chosen)

    def _stepped(self, checked: NDArray, chosen: list[int]) -> StepResult:
        commands = np.stack([self.tasks[b].command(action) for b, action in zip(chosen, checked, strict=True)])
        self._advance(self._encode(commands), chosen)
        scores = [self.tasks[b].score(self.history[b][-1]) for b in chosen]
        return StepResult(
            self._observations(chosen),
            np.array([reward for reward, _ in scores], dtype=np.float64),
            np.array([terminated for _, terminated in scores], dtype=np.bool_),
            np.array([self.tasks[b].truncated for b in chosen], dtype=np.bool_),
            self._infos(chosen),
            np.array(chosen, dtype=np.int64),
        )

    def state(self) -> dict[str, Any]:
        """What the next step depends on, picklable; it shares memory with the loop.

        Raises:
            UnsupportedModel: The backend has no snapshots.
        """
        culture = self.env.save_state() if any(self._seeded) else None
        conditions = self.conditioned.conditions
        loop = {"tasks": self.tasks, "conditions": conditions, "history": self.history, "seeded": self._seeded}
        return {"culture": culture, **loop}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of an equal loop, whose objects are taken over."""
        if state["culture"] is not None:
            self.env.load_state(state["culture"])
        self.tasks, self.history, self._seeded = state["tasks"], state["history"], state["seeded"]
        for condition in chain.from_iterable(state["conditions"]):
            condition.env = self.env
        self.conditioned.conditions = state["conditions"]
        self._turn = Turn(self.num_cultures)

    def close(self) -> None:
        """Free the cultures and what the tasks hold; may be called twice."""
        self.env.close()
        for task in self.tasks:
            task.close()

    def _layout(self) -> ObservationLayout:
        channels, features = self.env.io.num_channels, self.num_features
        own = np.arange(features) if self.decoding.per_channel else np.full(features, -1)
        task = (self.observation_space.shape or (0,))[0] - 2 * features
        return ObservationLayout(
            np.repeat([True, False], [2 * features, task]),
            np.concatenate([own, own, np.full(task, -1)]),
            np.arange(channels),
        )

    def _demonstrate(self, chosen: list[int]) -> None:
        """Show each task what its culture does under the task's own command, if it asks for that."""
        shown = [self.tasks[b].demonstration() for b in chosen]
        first = shown[0]  # tasks are alike: all ask for as long, or none does
        if first is None:
            return
        steps, skipped = (math.ceil(time / self.step_ms) for time in (first.duration_ms, first.skip_ms))
        stimulus = self._encode(np.stack([own.command for own in shown if own is not None]))
        features = []
        for k in range(steps):
            self._advance(stimulus, chosen, time_ms=(k + 1 - steps) * self.step_ms - self.settle_ms)
            features.append([self.history[b][-1].features for b in chosen])
        for b, mean in zip(chosen, np.mean(features[skipped:], axis=0), strict=True):
            self.tasks[b].demonstrated(mean)
            self.history[b].clear()

    def _all(self, cultures: Sequence[int] | None) -> list[int]:
        return list(range(self.num_cultures)) if cultures is None else list(cultures)

    def _advance(self, stimulus: Stimulus | None, chosen: list[int], time_ms: float | None = None) -> None:
        times = [self.history[b][-1].time_ms + self.step_ms if time_ms is None else time_ms for b in chosen]
        recording, stimulus = self.conditioned.run(self.step_ms, stimulus, chosen, times)
        features = np.asarray(self.decoding.decode(self.env, recording), dtype=np.float64)
        charge = self._charge(stimulus, len(chosen))
        highest_nC, cell_seconds = self.highest_charge_nC.sum(), self.env.system.num_neurons * self.step_ms * 1e-3
        for k, b in enumerate(chosen):
            past, own = self.history[b], recording.culture(k)
            rate_hz = len(own.spikes[1]) / cell_seconds
            if past and past[-1].recording is None:
                past.clear()  # the silence before a first step is no step
            past.append(
                Measurement(
                    own,
                    features[k],
                    np.mean([*(m.features for m in past), features[k]][-(past.maxlen or 0) :], axis=0),
                    rate_hz,
                    float(np.mean([*(m.rate_hz for m in past), rate_hz][-(past.maxlen or 0) :])),
                    charge[k],
                    float(charge[k].sum() / highest_nC),
                    times[k],
                )
            )

    def _silence(self) -> Measurement:
        none = np.zeros(self._features_shape)
        return Measurement(None, none, none, 0.0, 0.0, np.zeros(len(self.highest_charge_nC)), 0.0, 0.0)

    def _encode(self, commands: NDArray) -> Stimulus:
        return self.encoding(self.env, self.step_ms, commands if self.num_cultures > 1 else commands[0])

    def _charge(self, stimulus: Stimulus | None, count: int) -> NDArray[np.float64]:
        """Absolute charge by channel, nC ``[n, C]``."""
        if stimulus is None:
            return np.zeros((count, len(self.highest_charge_nC)))
        return np.atleast_2d(stimulus.charge_nC())

    def checked(self, actions: NDArray, count: int) -> NDArray:
        """Actions of so many cultures as an array within the space; see ``checked_actions``.

        Raises:
            InvalidInput: They have the wrong shape, are not finite or lie outside the space.
        """
        return checked_actions(self.action_space, actions, count)

    def _observations(self, chosen: list[int]) -> NDArray[np.float32]:
        rows = []
        for b in chosen:
            now = self.history[b][-1]
            seen = (now.features, now.features_1s) if self.tasks[b].sees_culture else ()
            rows.append(np.concatenate([*seen, self.tasks[b].observe(now)]))
        return np.stack(rows).astype(np.float32)

    def _infos(self, chosen: list[int]) -> list[Info]:
        infos = []
        for b in chosen:
            now = self.history[b][-1]
            common = {
                "rate_hz": now.rate_hz,
                "rate_1s_hz": now.rate_1s_hz,
                "charge_nC": float(now.charge_nC.sum()),
                "charge_fraction": now.charge_fraction,
                "time_ms": now.time_ms,
            }
            infos.append(common | self.tasks[b].info(now))
        return infos


def make_loop(
    system: Any,
    task: Any,
    num_cultures: int,
    *,
    params: Any = None,
    io: Any = None,
    model: Any = None,
    backend: Any = None,
    profile: str | None = None,
    dt: float | None = None,
    graph_seed: int | None = None,
    conditions: Chosen | Sequence[Chosen] | None = None,
    **options: Any,
) -> ClosedLoop:
    """A closed loop from names, as every environment makes its own.

    Args:
        system: A system, as ``livn_gym.system.make`` takes it.
        task: Name of a task.
        num_cultures: B.
        params: Parameters, as ``livn_gym.parameter_sets.find`` takes them; None for those that are shipped.
        io: The electrode interface, as ``livn_gym.io.make`` takes it; None for the default.
        model: The cells' dynamics, as ``livn_gym.models.make`` takes it; None for the default.
        backend: The simulator, as ``livn_gym.backends.make`` takes it; None for the default.
        profile: The simulation's setting, ``"fast"`` (also for None) or ``"exact"`` (see ``Env``).
        dt: Time step of the simulation, ms; None takes the profile's.
        graph_seed: Another culture generated from the system's numbers; None is the predefined one.
        conditions: What stands between the loop and the cultures, see ``livn_gym.envs.conditions``: a name, a mapping
            with a ``name`` and options, or a list of these; None is nothing.
        **options: The task's options by keyword, ``step_ms``, ``settle_ms``, ``encoding`` and ``decoding`` among them;
            None means the default. An encoding or decoding is a name, a mapping with a name and its options, or an
            object.

    Raises:
        UnknownOption: There is no option of that name.
        UnknownName: There is no system, task, encoding, decoding or backend of that name.
        InvalidInput: A value is out of range.
    """
    defaults = tasks.defaults(task, system)
    for name in options:
        if name not in defaults:
            raise unknown_option("The environment", name, [*defaults, *_EVERYWHERE])
    chosen = defaults | {name: value for name, value in options.items() if value is not None}
    step_ms, settle_ms, encoding, decoding = (
        chosen.pop(name) for name in ("step_ms", "settle_ms", "encoding", "decoding")
    )
    env = livn_gym.make(
        system,
        variant=chosen.pop("variant", None),
        graph_seed=graph_seed,
        params=params,
        model=model,
        io=io,
        backend=backend,
        profile="fast" if profile is None else profile,
        dt=dt,
        num_cultures=num_cultures,
    )
    try:
        return ClosedLoop(
            env,
            # An object among the options, as an environment inside, is one culture's own.
            [tasks.create(task, env, **(copy.deepcopy(chosen) if b else chosen)) for b in range(num_cultures)],
            encodings.make(encoding),
            _decoding(decoding, step_ms),
            step_ms=step_ms,
            settle_ms=settle_ms,
            conditions=[known_conditions.create(env, conditions) for _ in range(num_cultures)],
        )
    except BaseException:
        env.close()
        raise


def _decoding(spec: decodings.Spec, step_ms: float) -> Decoding:
    thing = decodings.DECODINGS.find(spec) if isinstance(spec, str) else spec
    return decodings.make(thing) if isinstance(thing, Decoding) else decodings.make(thing, duration=step_ms)


def _bounded_box(kind: str, owner: object, space: spaces.Space) -> spaces.Box:
    if not isinstance(space, spaces.Box) or len(space.shape) != 1 or not space.is_bounded():
        raise InvalidInput(f"{kind} {type(owner).__name__} needs a bounded one-dimensional Box space, has {space}.")
    return space
