"""The closed loop over a batch of B cultures; a single environment is a batch of one."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.blanking import BLANK_MS
from livn_gym.copies import altered
from livn_gym.decoding import Decoding
from livn_gym.encoding import Encoding
from livn_gym.env import Env
from livn_gym.envs import returned
from livn_gym.envs.acquisition import Acquired, Acquisition
from livn_gym.envs.actions import checked_actions
from livn_gym.envs.conditions import Condition, Conditioned
from livn_gym.envs.delivery import Delivery
from livn_gym.envs.device_link import DeviceLink
from livn_gym.envs.layout import loop_layout, observation_box
from livn_gym.envs.measurement import History, Measurement, Meter
from livn_gym.envs.results import Info, StepResult
from livn_gym.envs.tasks import Task, TaskSetup
from livn_gym.envs.tasks.setup import bounded_box
from livn_gym.envs.turn import Turn
from livn_gym.errors import InvalidInput
from livn_gym.parameters import parameter_identity
from livn_gym.plant import Plant
from livn_gym.stimulus import Stimulus
from livn_gym.units import whole_steps

CALIBRATION_SEED = 20_050_607
"""Seed of the noise of every calibration; no episode has this seed unless it is chosen on purpose."""


class ClosedLoop:
    """Encodes commands, runs B cultures, decodes the recordings and computes the rewards; closes the cultures.

    ``reset`` and ``step`` take n of the B cultures, by default all, in ascending order. Time limits and the format of
    the results belong to the environments around the loop.

    Args:
        env: The cultures, an ``Env`` or another ``Plant``; the loop makes an ``Env`` record spikes.
        tasks: The task of each culture, ``[B]``, equal except for random numbers; each is made with ``TaskSetup.of``
            these cultures, the encoding and the decoding.
        encoding: Turns the command of a culture, a point of a bounded ``Box``, into a stimulus.
        decoding: Turns a recording of one step into features in a bounded ``Box``.
        settle_ms: Time that a reset culture runs unstimulated before the first observation, ms.
        conditions: Conditions between the loop and its cultures, in the order in which they are applied; default none.
        blank_ms: Times after current in which stimulated and other electrodes do not record, ms; 0 for no blanking.
        device: The device between the loop and its cultures; None for none. Decoding, tasks and blanking then see its
            view.

    Raises:
        InvalidInput: Times are no whole number of time steps, a space is no bounded Box, there are not B tasks, they
            were set up for another encoding or decoding, or a condition changes parameters that a plant does not have.
        LimitExceeded: The device could not give the highest command.
    """

    def __init__(
        self,
        env: Plant,
        tasks: Sequence[Task],
        encoding: Encoding,
        decoding: Decoding,
        *,
        settle_ms: float,
        conditions: Sequence[Condition] = (),
        blank_ms: float | ArrayLike = BLANK_MS,
        device: DeviceLink | None = None,
    ) -> None:
        if len(tasks) != env.num_cultures:
            raise InvalidInput(f"{env.num_cultures} cultures need as many tasks, got {len(tasks)}.")
        for task in tasks:
            if not hasattr(task, "setup"):
                raise InvalidInput(f"{type(task).__name__}.__init__ must call super().__init__(setup).")
        whole_steps("settle_ms", settle_ms, env.dt, minimum=0)
        view = env if device is None else device.view
        setup = TaskSetup.of(view, encoding, decoding, tasks[0].setup.step_ms, None)
        for task in tasks:
            made_with = task.setup.step_ms, task.setup.commands, task.setup.features
            if made_with != (setup.step_ms, setup.commands, setup.features):
                raise InvalidInput(f"{type(task).__name__} was set up for another step, encoding or decoding.")
        self.env = env.record_spikes() if isinstance(env, Env) else env
        self.device = device
        self.view = view
        """View that recordings refer to: the cultures themselves, or the channels of a device as cells."""
        self.lights = env.lights if isinstance(env, Env) else None
        self.conditioned = Conditioned(env, conditions)
        self.acquisition = Acquisition(env, self.conditioned, device, blank_ms)
        self.tasks = list(tasks)
        self.encoding = encoding
        self.decoding = decoding
        self.step_ms = setup.step_ms
        self.settle_ms = float(settle_ms)
        self.num_cultures = env.num_cultures
        self.action_space = bounded_box("Task", tasks[0], tasks[0].action_space)
        sees_culture = tasks[0].sees_culture
        observed = bounded_box("Task", tasks[0], tasks[0].observation_space)
        self._num_observed = observed.shape[0]
        self.observation_space = observation_box(setup.features if sees_culture else None, observed)
        commands = np.broadcast_to(setup.commands.high, (self.num_cultures, *setup.commands.shape))
        strongest = self._encode(commands)
        if device is not None:
            device.check(strongest, self.step_ms, range(self.num_cultures))
        self.conditioned.check_loop(strongest, self.settle_ms)
        self.strongest = strongest
        """Stimulus of the highest command in a step."""
        highest = Delivery.of(self.env, strongest, 1)
        highest.check_highest(self.step_ms)
        self.highest_charge_nC = highest.charge_nC[0]
        """Charge of each channel in a step under the highest command, both phases counted, nC ``[C]``; 0 with light."""
        num_features = setup.features.shape[0]
        self.num_features = num_features if sees_culture else 0
        """F, the length of each of the two decoded recordings at the start of the observation; 0 if it has none."""
        num_entries, num_channels = self.observation_space.shape[0], view.electrodes.num_channels
        self.layout = loop_layout(self.num_features, num_entries, num_channels, decoding.per_channel)
        """Layout of the observation."""
        self.action_channels = tasks[0].action_channels
        """Channel of each number of an action, ``[A]``; -1 where it belongs to no single channel."""
        numbers = view.system.num_neurons, self.step_ms, num_features, self.highest_charge_nC, highest.dose_mJ_mm2[0]
        self._meter = Meter(*numbers, decoding.per_channel, (decoding.starts_at_ms, decoding.stops_at_ms))
        self.history: list[History] = [self._meter.history() for _ in self.tasks]
        """Measurements of the last second of each culture, ``[B]``; never empty after a reset."""
        self._setups = [task.setup for task in self.tasks]
        self._seeded = [False] * self.num_cultures
        self._turn = Turn(self.num_cultures)

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes for a copy or a pickle.

        Raises:
            OverlappingCall: A step or reset is going on.
        """
        self._turn.check_idle()
        return vars(self).copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the setups of the tasks of a copy or a pickle, which the state of a task leaves out."""
        vars(self).update(state)
        self._set_up(self.tasks)

    def reset(
        self,
        np_random: Sequence[np.random.Generator],
        seeds: Sequence[int | None],
        cultures: Sequence[int] | None = None,
    ) -> StepResult:
        """Begin an episode and let the cultures settle, unstimulated.

        Args:
            np_random: Generators of the tasks, ``[n]``.
            seeds: Seeds of the noise, ``[n]``; None continues with the next trial (at the first reset, with a seed from
                the culture's generator).
            cultures: Indices of the cultures; default all.

        Returns:
            The first observations ``[n, 2 F + K]`` and infos ``[n]``; rewards are 0.

        Raises:
            OverlappingCall: Another thread is in a step or reset.
        """
        indices = self._indices(cultures)
        with self._turn.of(indices):
            return self._begin(np_random, seeds, indices)

    def _begin(
        self, np_random: Sequence[np.random.Generator], seeds: Sequence[int | None], cultures: list[int]
    ) -> StepResult:
        starts = [
            int(generator.integers(2**63)) if seed is None and not self._seeded[b] else seed
            for b, generator, seed in zip(cultures, np_random, seeds, strict=True)
        ]
        self._calibrate(cultures)
        self.env.clear(seed=starts, cultures=cultures)
        self._turn.commit()
        for b, generator in zip(cultures, np_random, strict=True):
            self._seeded[b] = True
            self.tasks[b].reset(generator)
            self.history[b].clear()
        self.conditioned.reset(np_random, cultures)
        self.acquisition.reset(cultures)
        self._demonstrate(cultures)
        self._settle(cultures)
        return StepResult.of_reset(self._observations(cultures), self._infos(cultures), cultures)

    def _calibrate(self, cultures: list[int]) -> None:
        """Calibrate the tasks that need it and were not calibrated yet; their cultures must then be cleared."""
        results: dict[Hashable, Any] = {}  # cultures with equal parameters share one calibration
        for b in cultures:
            commands = self.tasks[b].calibration
            if commands is None or self._setups[b].calibrated is not None:
                continue
            self._turn.commit()
            parameters = parameter_identity(self.env.parameters_of(b)) if isinstance(self.env, Env) else b
            if parameters not in results:
                results[parameters] = self.tasks[b].calibrated(self._measurements(b, commands))
            self._setups[b] = altered(self._setups[b], calibrated=results[parameters])
            self.tasks[b].setup = self._setups[b]

    def _measurements(self, culture: int, commands: NDArray) -> list[Measurement]:
        """Apply commands to a culture without conditions, after settling, and return the measurements."""
        self.env.clear(seed=[CALIBRATION_SEED], cultures=[culture])
        self.acquisition.reset([culture])
        if self.settle_ms:
            self.acquisition.run(self.settle_ms, None, [culture], None)
        history, measured = self._meter.history(), []
        for k, command in enumerate(commands):
            acquired = self.acquisition.run(self.step_ms, self._encode(command[None]), [culture], None)
            self._measure([history], acquired, [(k + 1) * self.step_ms])
            measured.append(history[-1])
        return measured

    def _settle(self, cultures: list[int]) -> None:
        """Run the cultures unstimulated, and measure the steps of the last second."""
        remembered = min(int(self.settle_ms // self.step_ms), self.history[0].maxlen or 0)
        times = [(k + 1 - remembered) * self.step_ms for k in range(remembered)]
        before_ms = self.settle_ms - remembered * self.step_ms
        if self.settle_ms and self.acquisition.divisible(cultures):  # one run for all steps
            whole = self._acquired(self.settle_ms, None, cultures, [0.0] * len(cultures)).recording
            dt, steps = self.env.dt, round(self.step_ms / self.env.dt)
            first = round(self.settle_ms / dt) - remembered * steps
            for start, time_ms in zip(range(first, first + remembered * steps, steps), times, strict=True):
                times_ms = {"t0_ms": (round(whole.t0_ms / dt) + start) * dt, "duration_ms": steps * dt}
                recording = altered(whole.slice(start * dt, (start + steps) * dt), **times_ms)
                counts = np.bincount(recording.spikes[0], minlength=len(cultures))
                spikes = np.stack([np.zeros_like(counts), counts], axis=1)
                histories = [self.history[b] for b in cultures]
                self._measure(histories, Acquired(recording, spikes, None), [time_ms] * len(cultures))
        else:
            if before_ms > 0:
                self._acquired(before_ms, None, cultures, [-remembered * self.step_ms] * len(cultures))
            for time_ms in times:
                self._advance(None, cultures, time_ms=time_ms)
        if not remembered:
            for b in cultures:
                self._meter.add_silence(self.history[b])

    def step(self, actions: NDArray, cultures: Sequence[int] | None = None) -> StepResult:
        """Run one control step.

        Args:
            actions: ``[n, *action shape]``, within the action space.
            cultures: Indices of the cultures; default all.

        Returns:
            Observations ``[n, 2 F + K]``, rewards, ends by the task itself and infos, ``[n]`` each.

        Raises:
            InvalidInput: An action has the wrong shape, is not finite or lies outside the space; nothing ran.
            ClosedError: The loop is closed.
            ResetNeeded: The last step or reset of a culture was interrupted or failed half way.
            OverlappingCall: Another thread is in a step or reset.
        """
        indices = self._indices(cultures)
        checked = np.array(self.checked(actions, len(indices)))  # a copy, since measurements hold it
        self._turn.check(indices)
        with self._turn.of(indices):
            return self._stepped(checked, indices)

    def _stepped(self, actions: NDArray, cultures: list[int]) -> StepResult:
        tasks = [self.tasks[b] for b in cultures]
        commands = returned.commands(tasks, actions, self._setups[0].commands)
        self._advance(self._encode(commands), cultures, actions)
        for b, task in zip(cultures, tasks, strict=True):
            task.after_step(self.history[b][-1])
        return StepResult(
            self._observations(cultures),
            returned.rewards(tasks),
            returned.ends(tasks, "terminated"),
            returned.ends(tasks, "truncated"),
            self._infos(cultures),
            np.array(cultures, dtype=np.int64),
        )

    def state(self) -> dict[str, Any]:
        """Return everything that the next step depends on, picklable; it shares memory with the loop.

        Raises:
            UnsupportedModel: The backend has no snapshots, or the cultures are no simulation.
        """
        loop = {"tasks": self.tasks, "history": self.history, "seeded": self._seeded}
        loop |= {"calibrated": [setup.calibrated for setup in self._setups], "incomplete": self._turn.incomplete}
        return loop | self.acquisition.state(snapshot=any(self._seeded))

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from the state of an equal loop; its objects are used without a copy."""
        with self._turn.of(range(self.num_cultures)):
            self._turn.commit()
            self.acquisition.set_state(state)
            self.tasks, self.history, self._seeded = state["tasks"], state["history"], state["seeded"]
            pairs = zip(self._setups, state["calibrated"], strict=True)
            self._setups = [altered(setup, calibrated=result) for setup, result in pairs]
            self._set_up(self.tasks)
        self._turn.incomplete = state["incomplete"]

    def close(self) -> None:
        """Free the resources of the cultures and the tasks; may be called twice."""
        self.env.close()
        for task in self.tasks:
            task.close()

    def checked(self, actions: NDArray, count: int) -> NDArray:
        """Return the actions of ``count`` cultures as an array within the space; see ``checked_actions``.

        Raises:
            InvalidInput: They have the wrong shape, are not finite or lie outside the space.
        """
        return checked_actions(self.action_space, actions, count)

    def _set_up(self, tasks: Sequence[Task]) -> None:
        for task, setup in zip(tasks, self._setups, strict=True):
            task.setup = setup

    def _demonstrate(self, cultures: list[int]) -> None:
        """Run the demonstration of each task, if it has one, and report the mean decoded recording to the task."""
        demonstrations = [self.tasks[b].demonstration for b in cultures]
        first = demonstrations[0]  # tasks are alike: all have one of the same length, or none has
        if first is None:
            return
        steps, skipped = (math.ceil(time / self.step_ms) for time in (first.duration_ms, first.skip_ms))
        commands = [demonstration.command for demonstration in demonstrations if demonstration is not None]
        stimulus = self._encode(np.stack(commands))
        features = []
        for k in range(steps):
            self._advance(stimulus, cultures, time_ms=(k + 1 - steps) * self.step_ms - self.settle_ms)
            features.append([self.history[b][-1].features for b in cultures])
        for b, of_culture in zip(cultures, zip(*features[skipped:], strict=True), strict=True):
            self.tasks[b].after_demonstration(np.mean(of_culture, axis=0))  # in an order that depends on no other
            self.history[b].clear()

    def _indices(self, cultures: Sequence[int] | None) -> list[int]:
        return list(range(self.num_cultures)) if cultures is None else list(cultures)

    def _advance(
        self,
        stimulus: Stimulus | None,
        cultures: list[int],
        actions: NDArray | None = None,
        time_ms: float | None = None,
    ) -> None:
        times = [self.history[b][-1].time_ms + self.step_ms if time_ms is None else time_ms for b in cultures]
        acquired = self._acquired(self.step_ms, stimulus, cultures, times)
        self._measure([self.history[b] for b in cultures], acquired, times, actions)

    def _acquired(
        self, duration_ms: float, stimulus: Stimulus | None, cultures: list[int], times: list[float]
    ) -> Acquired:
        """Run the cultures under the conditions."""
        return self.acquisition.run(duration_ms, stimulus, cultures, times, self._turn.commit)

    def _measure(
        self, histories: Sequence[History], acquired: Acquired, times: list[float], actions: NDArray | None = None
    ) -> None:
        """Decode the recording of a step of n cultures and append it to their histories."""
        recording, spikes, stimulus = acquired
        results = self.decoding.decode(self.view, recording)
        features = returned.features(self.decoding, results, len(histories), self._setups[0].features.shape[0])
        delivery = Delivery.of(self.env, stimulus, len(histories))
        given = [None] * len(histories) if actions is None else list(actions)
        charge_nC, dose = delivery.charge_nC, delivery.dose_mJ_mm2
        self._meter.add(histories, recording, features, charge_nC, dose, times, given, spikes)

    def _encode(self, commands: NDArray) -> Stimulus | None:
        inputs = commands if self.num_cultures > 1 else commands[0]
        stimulus = self.encoding(self.env, self.step_ms, inputs)
        columns = self.env.electrodes.num_channels, 0 if self.lights is None else self.lights.num_lights
        checked = returned.stimulus(self.encoding, stimulus, len(commands), *columns)
        return checked if self.device is None else self.device.encoded(checked)

    def _observations(self, cultures: list[int]) -> NDArray[np.float32]:
        latest, tasks = [self.history[b][-1] for b in cultures], [self.tasks[b] for b in cultures]
        observed = [task.observe(measured) for task, measured in zip(tasks, latest, strict=True)]
        rows = np.empty((len(cultures), *self.observation_space.shape), dtype=np.float32)
        decoded = self.num_features
        if decoded:
            rows[:, :decoded] = [measured.features for measured in latest]
            rows[:, decoded : 2 * decoded] = [measured.features_1s for measured in latest]
        rows[:, 2 * decoded :] = returned.observations(tasks, observed, self._num_observed)
        return rows

    def _infos(self, cultures: list[int]) -> list[Info]:
        infos = []
        for b in cultures:
            measured = self.history[b][-1]
            info = measured.info(lit=self.lights is not None)
            info |= returned.info(self.tasks[b], self.tasks[b].info(measured), info)
            if self.conditioned.conditions:
                info |= returned.info(self.conditioned, self.conditioned.info(b), info)
            infos.append(info)
        return infos
