"""Closed loop of a live view, in a separate thread."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Self

import gymnasium as gym

from livn_gym.agents.baselines import Agent, Silent
from livn_gym.envs.registration import register_all, spec_of
from livn_gym.errors import ClosedError, InvalidInput, LivnError, unknown_name
from livn_gym.serve import messages
from livn_gym.serve.agent_catalog import AgentCatalog
from livn_gym.serve.manual import ManualPulses, ManualStimulation
from livn_gym.serve.messages import Command
from livn_gym.serve.state import LiveStep, Scene, View

MAX_WAITING = 64
"""Largest number of commands that wait for the end of a step; further ones are refused."""

_LAG_S = 0.5
"""Largest delay behind the set speed that the loop catches up with, s."""

_BUILD_S = 1.0
"""Longest wait for a culture under construction when the session is left, s."""

_log = logging.getLogger("livn_gym")


class LiveSession:
    """Runs episodes of an environment until it is closed; commands are executed between steps.

    Use it as a context manager: the thread starts on entering and ends on leaving. It does not wait for
    readers: ``view`` is replaced after every step.

    Args:
        env_id: Id of the first environment.
        catalog: The available agents.
        agent: Name of the first agent.
        strength: Action of the constant agent.
        seed: Seed of the first reset.
        speed: Simulated time in units of real time; None is as fast as possible.
        paused: Whether to wait for a command before the first step.
        options: Options of the first environment.
    """

    def __init__(
        self,
        env_id: str,
        catalog: AgentCatalog,
        agent: str = "silent",
        *,
        strength: float = 0.3,
        seed: int = 0,
        speed: float | None = 1.0,
        paused: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.ids = tuple(dict.fromkeys((*register_all(), env_id)))
        """Available ids: all of this package, and the first environment's."""
        spec_of(env_id)
        self.catalog = catalog
        if agent not in catalog.names:
            raise unknown_name("agent", agent, catalog.names)
        self._options = {env_id: dict(options or {})}
        self._env_id, self._agent_name, self._strength = env_id, agent, strength
        self._speed, self._paused, self._seed = speed, paused, seed
        self._manual_pulses = ManualPulses()
        self._env: Any = None
        self._agent: Agent = Silent()
        self._scene: Scene | None = None
        self._steps: deque[LiveStep] = deque()
        self._episode = self._step_count = self._number = self._version = 0
        self._total = 0.0
        self._last_return: float | None = None
        self._observation: Any = None
        self._info: dict[str, float] = {}
        self._due = 0.0
        self._error = ""
        self._commands: queue.Queue[tuple[Command, Future[str]] | None] = queue.Queue(MAX_WAITING)
        self._ending = threading.Event()
        self._ended = threading.Event()
        self.failure: BaseException | None = None
        """The error that ended the thread; None if there was none."""
        self.view = self._new_view("building")
        """Latest state; it may be read from any thread."""
        self._thread = threading.Thread(target=self._run, name="livn_gym live loop", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """End the thread after its present step, and free the culture.

        A build cannot be interrupted: its thread continues as a daemon and frees the culture at its end.
        """
        self._ending.set()
        try:
            self._commands.put_nowait(None)  # wakes a waiting loop
        except queue.Full:
            pass  # the loop is not waiting
        building = self.view.status == "building"
        self._thread.join(_BUILD_S if building else None)

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end of the thread; return whether it has ended."""
        return self._ended.wait(timeout_s)

    def submit(self, command: Command) -> Future[str]:
        """Queue a command, which is executed between two steps.

        Returns:
            Future of a message for the user, mostly empty. A ``LivnError`` means that nothing has changed.

        Raises:
            InvalidInput: Too many commands are waiting.
            ClosedError: The session has ended.
        """
        if self._ending.is_set() or self._ended.is_set():
            raise ClosedError("This session has ended.")
        answer: Future[str] = Future()
        try:
            self._commands.put_nowait((command, answer))
        except queue.Full:
            raise InvalidInput(f"{MAX_WAITING} commands are waiting already; this one was dropped.") from None
        return answer

    # In the thread of the loop

    def _run(self) -> None:
        try:
            self._error = self._change_task(self._env_id)
            self._publish()
            while not self._ending.is_set():
                if not self._execute_next():
                    self._step_or_pause()
        except BaseException as error:
            self.failure = error
            self._error = f"{type(error).__name__}: {error}"
            _log.debug("The live loop ended", exc_info=error)
        finally:
            self._publish("stopped")
            self._ended.set()
            self._refuse_waiting()
            if self._env is not None:
                self._env.close()

    def _execute_next(self) -> bool:
        """Execute a command if there is one before the next step is due; return whether there was one."""
        try:
            if self._paused:
                item = self._commands.get()
            else:
                wait_s = 0.0 if self._speed is None else self._due - time.perf_counter()
                item = self._commands.get(timeout=wait_s) if wait_s > 0.0 else self._commands.get_nowait()
        except queue.Empty:
            return False
        if item is None:
            return True
        command, answer = item
        if not answer.set_running_or_notify_cancel():
            return True
        try:
            note = self._execute(command)
        except LivnError as error:
            self._publish()
            answer.set_exception(error)
        except BaseException as error:
            answer.set_exception(error)
            raise
        else:
            self._publish()
            answer.set_result(note)
        return True

    def _execute(self, command: Command) -> str:
        match command:
            case messages.Pause():
                self._paused = True
            case messages.Resume():
                self._paused, self._error, self._due = False, "", time.perf_counter()
            case messages.Step():
                self._paused, self._error = True, ""
                self._step_or_pause()
            case messages.Speed(factor):
                self._speed, self._due = factor, time.perf_counter()
            case messages.Reset(seed):
                self._begin(seed)
            case messages.ChangeTask(env_id):
                return self._change_task(env_id)
            case messages.ChangeAgent(name, strength):
                self._change_agent(name, strength)
            case messages.Stimulate(channels, amplitude, steps):
                self._stimulate(channels, amplitude, steps)
        return ""

    def _stimulate(self, channels: tuple[int, ...], amplitude_uA: float, steps: int) -> None:
        assert self._scene is not None
        count = self._scene.system.num_channels
        if max(channels) >= count:
            raise InvalidInput(f"Channels must lie in 0 ... {count - 1}, got {max(channels)}.")
        device = self._env.unwrapped.device
        if device is not None:  # pulses by hand are a condition, behind the check of the device's limits
            raise InvalidInput(f"Pulses by hand are not within the limits of {device.name}: only the agent stimulates.")
        self._manual_pulses.request(channels, amplitude_uA, steps)

    def _change_task(self, env_id: str) -> str:
        self._check_id(env_id)
        before, self._env_id = self._env_id, env_id
        self._publish("building")
        options = dict(self._options.get(env_id, {}))
        conditions = options.pop("conditions", spec_of(env_id).kwargs.get("conditions"))
        if not isinstance(conditions, list | tuple):
            conditions = [] if conditions is None else [conditions]
        requests = ManualPulses()
        manual = {"name": ManualStimulation, "requests": requests}
        try:
            env: Any = gym.make(env_id, disable_env_checker=True, conditions=[*conditions, manual], **options)
        except LivnError:
            self._env_id = before
            raise
        if self._env is not None:
            self._env.close()
        self._env, self._manual_pulses = env, requests
        self._begin(self._seed, reset_agent=False)
        try:
            self._change_agent(self._agent_name, self._strength)
        except InvalidInput as error:
            self._change_agent("silent", self._strength)
            return f"{error} The agent is silent now."
        return ""

    def _change_agent(self, name: str, strength: float) -> None:
        agent = self.catalog.make(name, strength, self._env)
        agent.reset(self._env, self._info)
        self._agent, self._agent_name, self._strength = agent, name, strength

    def _begin(self, seed: int | None, reset_agent: bool = True) -> None:
        """Begin an episode; if the seed is None, with the next trial."""
        self._publish("settling")
        self._observation, info = self._env.reset(seed=seed)
        self._info = dict(info)
        self._seed = self._seed if seed is None else seed
        self._episode += 1
        self._step_count, self._total, self._error = 0, 0.0, ""
        self._set_scene()
        self._store_settling()
        self._due = time.perf_counter()
        if reset_agent:
            self._agent.reset(self._env, self._info)

    def _set_scene(self) -> None:
        bare = self._env.unwrapped
        view, scene = bare.view, self._scene
        if scene is not None and scene.env_id == self._env_id and scene.system is view.system:
            return
        self._scene = Scene(
            0 if scene is None else scene.number + 1,
            self._env_id,
            view.system,
            bare.highest_charge_nC,
            bare.step_ms,
            self._env.spec.max_episode_steps,
        )

    def _store_settling(self) -> None:
        assert self._scene is not None
        self._number += self._scene.stored_steps  # the gap shows a reader that these do not follow the last ones
        self._steps = deque(maxlen=self._scene.stored_steps)
        for measurement in self._env.unwrapped.last_second:
            self._store(LiveStep(self._number, measurement, {}, None, 0.0))

    def _store(self, step: LiveStep) -> None:
        self._steps.append(step)
        self._number += 1

    def _step_or_pause(self) -> None:
        """Run a step; an error pauses the loop and is reported. After a failed step, begin an episode."""
        try:
            try:
                self._step()
            except gym.error.ResetNeeded:  # the previous step failed after it had begun
                self._begin(None)
                self._step()
        except LivnError as error:
            self._paused, self._error = True, str(error)
            self._publish()

    def _step(self) -> None:
        assert self._scene is not None
        started = time.perf_counter()
        action = self._agent.act(self._observation, self._info)
        self._observation, reward, terminated, truncated, info = self._env.step(action)
        self._info = dict(info)
        ended = time.perf_counter()
        measurement = self._env.unwrapped.measurement
        self._store(LiveStep(self._number, measurement, self._info, float(reward), (ended - started) * 1e3))
        self._step_count += 1
        self._total += float(reward)
        if self._speed is not None:
            self._due = max(self._due + self._scene.step_ms * 1e-3 / self._speed, ended - _LAG_S)
        if terminated or truncated:
            self._last_return = self._total
            self._begin(None)
        self._publish()

    def _publish(self, status: str | None = None) -> None:
        self._version += 1
        self.view = self._new_view(status or ("paused" if self._paused else "running"))

    def _new_view(self, status: str) -> View:
        return View(
            self._version,
            status,
            self._scene,
            self._env_id,
            self._agent_name,
            self._strength,
            self._speed,
            self._episode,
            self._seed,
            self._step_count,
            self._total,
            self._last_return,
            tuple(self._steps),
            {channel: amplitude for channel, (amplitude, _) in self._manual_pulses.pending.items()},
            self._error,
        )

    def _check_id(self, env_id: str) -> None:
        if env_id not in self.ids:
            raise unknown_name("environment", env_id, self.ids)

    def _refuse_waiting(self) -> None:
        while True:
            try:
                item = self._commands.get_nowait()
            except queue.Empty:
                return
            if item is not None:
                item[1].set_exception(ClosedError("This session has ended."))
