"""The closed loop, written once over a batch of B cultures; a single environment is the batch of one."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
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
from livn_gym.envs import tasks
from livn_gym.envs.tasks import Measurement, Task
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.stimulus import Stimulus
from livn_gym.units import whole_steps

WINDOW_MS = 1000.0
"""The "last second" of observations and scores."""


class ClosedLoop:
    """Encode, run, decode, score; for B cultures at once. Owns the cultures and closes them.

    Time limits and the form in which results are handed over belong to the environments that wrap it.

    Args:
        env: The cultures; their spikes are recorded from now on.
        task: The aim.
        encoding: From one culture's action, a point of a bounded ``Box``, to electrode commands.
        decoding: From a recording to features in a bounded ``Box``.
        step_ms: Length of a control step, ms; a second must be a whole number of them.
        settle_ms: How long a reset culture runs by itself before the first observation, ms.

    Raises:
        InvalidInput: Times are no whole number of time steps, or a space is no bounded Box.
    """

    def __init__(
        self,
        env: Env,
        task: Task,
        encoding: Encoding,
        decoding: Decoding,
        *,
        step_ms: float,
        settle_ms: float,
    ) -> None:
        whole_steps("step_ms", step_ms, env.dt)
        whole_steps("settle_ms", settle_ms, env.dt, minimum=0)
        steps = round(WINDOW_MS / step_ms)
        if steps < 1 or abs(steps * step_ms - WINDOW_MS) > 1e-6:
            raise InvalidInput(f"step_ms must divide {WINDOW_MS:g} ms, got {step_ms:g}.")
        self.env = env.record_spikes()
        self.task = task
        self.encoding = encoding
        self.decoding = decoding
        self.step_ms = float(step_ms)
        self.settle_ms = float(settle_ms)
        self.num_cultures = env.num_cultures
        self._steps_a_second = steps
        self._time_ms = 0.0
        self.action_space = _bounded_box("Encoding", encoding, encoding.action_space(env))
        self._feature_space = _bounded_box("Decoding", decoding, decoding.observation_space(env))
        low, high = task.observation_bounds()
        features = self._feature_space
        self.observation_space = spaces.Box(
            np.concatenate([features.low, features.low, low]).astype(np.float32),
            np.concatenate([features.high, features.high, high]).astype(np.float32),
            dtype=np.float32,
        )
        most = self._encode(np.broadcast_to(self.action_space.high, (self.num_cultures, *self.action_space.shape)))
        self.highest_charge_nC = self._charge(most)[0]
        """What the highest action gives by each channel in a step, both phases counted, nC ``[C]``."""
        if not self.highest_charge_nC.all():
            raise InvalidInput(f"The highest action gives some channel no charge in a step of {step_ms:g} ms.")
        self._window: deque[tuple[NDArray, NDArray]] = deque(maxlen=steps)
        self.history: deque[Measurement] = deque(maxlen=steps)
        """The last second's measurements, oldest first, those of settling included."""
        self._seeded = False

    def reset(
        self, np_random: Sequence[np.random.Generator], seeds: Sequence[int | None]
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float64]]]:
        """Begin an episode in every culture and let it settle, unstimulated.

        Args:
            np_random: The generator of each culture's task, ``[B]``.
            seeds: Where each culture's noise starts, ``[B]``; None goes on with the next trial (the first
                time, with a seed from the culture's generator).

        Returns:
            Observations ``[B, F]`` and infos ``[B]`` by name.
        """
        if not self._seeded:
            seeds = [
                int(generator.integers(2**63)) if seed is None else seed
                for generator, seed in zip(np_random, seeds, strict=True)
            ]
        self.env.clear(seed=list(seeds))
        self._seeded = True
        self.task.reset(np_random)
        self._window.clear()
        self.history.clear()
        remembered = min(int(self.settle_ms // self.step_ms), self._steps_a_second)
        self._time_ms = -remembered * self.step_ms
        if self.settle_ms > remembered * self.step_ms:
            self.env.run(self.settle_ms - remembered * self.step_ms)
        for _ in range(remembered):
            self._advance(None)
        return self._observation(), self._info()

    def step(
        self, actions: NDArray
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], dict[str, NDArray[np.float64]]]:
        """One control step of every culture.

        Args:
            actions: ``[B, *action shape]``, within the action space.

        Returns:
            Observations ``[B, F]``, rewards ``[B]``, terminations ``[B]`` and infos ``[B]`` by name.

        Raises:
            InvalidInput: An action has the wrong shape, is not finite or lies outside the space; nothing ran.
            ClosedError: The loop is closed.
        """
        self._advance(self._encode(self._checked(actions)))
        reward, terminated = self.task.score(self.measurement)
        return self._observation(), reward, terminated, self._info()

    @property
    def measurement(self) -> Measurement:
        """The latest step's; zeros where nothing ran since the reset."""
        if self.history:
            return self.history[-1]
        features = np.zeros((self.num_cultures, *self._feature_space.shape))
        rate = np.zeros(self.num_cultures)
        charge = np.zeros((self.num_cultures, len(self.highest_charge_nC)))
        return Measurement(None, features, features, rate, rate, charge, rate, 0.0)

    def close(self) -> None:
        """Free the cultures; may be called twice."""
        self.env.close()

    def _advance(self, stimulus: Stimulus | None) -> None:
        recording = self.env.run(self.step_ms, stimulus)
        features = np.asarray(self.decoding.batch(self.env, recording), dtype=np.float64)
        culture, _, _ = recording.spikes
        count = np.bincount(culture, minlength=self.num_cultures)
        rate = count / (self.env.system.num_neurons * self.step_ms * 1e-3)
        self._window.append((features, rate))
        features_1s, rate_1s = (np.mean(values, axis=0) for values in zip(*self._window, strict=True))
        charge = self._charge(stimulus)
        share = charge.sum(axis=1) / self.highest_charge_nC.sum()
        self._time_ms += self.step_ms
        self.history.append(Measurement(recording, features, features_1s, rate, rate_1s, charge, share, self._time_ms))

    def _encode(self, actions: NDArray) -> Stimulus:
        return self.encoding(self.env, self.step_ms, actions if self.num_cultures > 1 else actions[0])

    def _charge(self, stimulus: Stimulus | None) -> NDArray[np.float64]:
        """Absolute charge by channel, nC ``[B, C]``."""
        if stimulus is None:
            return np.zeros((self.num_cultures, len(self.highest_charge_nC)))
        charge = np.atleast_2d(stimulus.charge_nC())
        return np.broadcast_to(charge, (self.num_cultures, charge.shape[1]))

    def _checked(self, actions: NDArray) -> NDArray:
        space = self.action_space
        given = np.asarray(actions)
        if given.shape != (self.num_cultures, *space.shape):
            raise InvalidInput(f"An action must have the shape {space.shape}, got {given.shape[1:]}.")
        if not np.issubdtype(given.dtype, np.number) or not np.isfinite(given).all():
            raise InvalidInput("An action must be finite numbers; got NaN, infinity or something else.")
        if (given < space.low).any() or (given > space.high).any():
            raise InvalidInput(
                f"An action must lie in {space.low.min():g} ... {space.high.max():g}, "
                f"got values from {given.min():g} to {given.max():g}."
            )
        return given

    def _observation(self) -> NDArray[np.float32]:
        now = self.measurement
        return np.concatenate([now.features, now.features_1s, self.task.observe(now)], axis=1).astype(np.float32)

    def _info(self) -> dict[str, NDArray[np.float64]]:
        now = self.measurement
        common = {
            "rate_hz": now.rate_hz,
            "rate_1s_hz": now.rate_1s_hz,
            "charge_nC": now.charge_nC.sum(axis=1),
            "charge_fraction": now.charge_fraction,
            "time_ms": np.full(self.num_cultures, now.time_ms),
        }
        return common | self.task.info(now)


def make_loop(
    system: str,
    task: str,
    num_cultures: int,
    *,
    encoding: str | Encoding,
    decoding: str | Decoding,
    backend: str | None,
    profile: str = "fast",
    dt: float | None = None,
    options: Mapping[str, Any],
) -> ClosedLoop:
    """A closed loop from names, as every environment makes its own.

    Args:
        system: Name of a predefined system.
        task: Name of a task.
        num_cultures: B.
        encoding: Name of an encoding, or an encoding.
        decoding: Name of a decoding, or a decoding of the step's duration.
        backend: Name of a simulator; None for the default.
        profile: The simulation's setting, ``"fast"`` or ``"exact"`` (see ``Env``).
        dt: Time step of the simulation, ms; None takes the profile's.
        options: The task's options by keyword, ``step_ms`` and ``settle_ms`` among them; None means the
        default.

    Raises:
        UnknownName: There is no system, task, option, encoding, decoding or backend of that name.
        InvalidInput: A value is out of range.
    """
    defaults = tasks.defaults(task, system)
    for name in options:
        if name not in defaults:
            others = ("encoding", "decoding", "backend", "profile", "dt", "render_mode")
            raise unknown_name("option", name, [*defaults, *others])
    chosen = defaults | {name: value for name, value in options.items() if value is not None}
    step_ms, settle_ms = chosen.pop("step_ms"), chosen.pop("settle_ms")
    env = livn_gym.make(system, backend=backend, profile=profile, dt=dt, num_cultures=num_cultures)
    try:
        return ClosedLoop(
            env,
            tasks.create(task, env, **chosen),
            encodings.make(encoding) if isinstance(encoding, str) else encoding,
            decodings.make(decoding, duration=step_ms) if isinstance(decoding, str) else decoding,
            step_ms=step_ms,
            settle_ms=settle_ms,
        )
    except BaseException:
        env.close()
        raise


def _bounded_box(kind: str, owner: object, space: spaces.Space) -> spaces.Box:
    if not isinstance(space, spaces.Box) or len(space.shape) != 1 or not space.is_bounded():
        raise InvalidInput(f"{kind} {type(owner).__name__} needs a bounded one-dimensional Box space, has {space}.")
    return space
