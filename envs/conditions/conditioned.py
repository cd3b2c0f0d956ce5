"""Runs of a loop's cultures under its conditions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked_options, number_array
from livn_gym.env import Env
from livn_gym.envs import returned
from livn_gym.envs.conditions.base import Condition, ConditionedRun
from livn_gym.errors import InvalidInput, shown, unknown_name
from livn_gym.parameters import by_key
from livn_gym.plant import Plant
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus


@checked_options
class Conditioned:
    """``Env.run`` of some cultures of a batch under conditions; ``Env.run`` itself while all conditions are idle.

    Args:
        env: The cultures; the factors of conditions multiply the parameters of an ``Env``.
        conditions: The conditions, in the order in which they are applied.

    Raises:
        InvalidInput: A condition changes parameters, and the cultures have none; or it has no states.
    """

    def __init__(self, env: Plant, conditions: Sequence[Condition]) -> None:
        for condition in conditions:
            if not hasattr(condition, "states"):
                raise InvalidInput(f"{type(condition).__name__}.__init__ must call super().__init__(env).")
            if not isinstance(env, Env) and type(condition).factors is not Condition.factors:
                raise InvalidInput(
                    f"{type(condition).__name__} changes parameters of simulated cells, which the cultures of "
                    f"{type(env).__name__} do not have."
                )
        self.env = env
        self.conditions = list(conditions)
        self._base: dict[str, NDArray[np.float64]] = {}
        """Parameters before any factor by key, ``[B]``; empty until a condition returns a factor."""
        self._set: dict[str, NDArray[np.float64]] = {}
        """Latest parameters of the cultures by key, ``[B]``, for the keys that have had a factor."""

    @property
    def changes_stimuli(self) -> bool:
        """Whether a condition may change what reaches the electrodes."""
        return any(type(condition).stimulus is not Condition.stimulus for condition in self.conditions)

    @property
    def idle(self) -> bool:
        """True if no condition changes anything in the next run."""
        return all(condition.idle for condition in self.conditions)

    def check_loop(self, strongest: Stimulus | None, settle_ms: float) -> None:
        """Refuse a loop in which a condition cannot act, see ``Condition.check_loop``."""
        for condition in self.conditions:
            condition.check_loop(strongest, settle_ms)

    def reset(self, np_random: Sequence[np.random.Generator], cultures: Sequence[int]) -> None:
        """Begin an episode in n cultures, each with its generator."""
        for b, generator in zip(cultures, np_random, strict=True):
            for condition in self.conditions:
                condition.states[b] = condition.begin(generator)

    def state(self) -> list[list[Any]]:
        """Return the states of all conditions in every culture, ``[B]`` lists."""
        return [[condition.states[b] for condition in self.conditions] for b in range(self.env.num_cultures)]

    def set_state(self, states: Sequence[Sequence[Any]]) -> None:
        """Continue from states of equal conditions; they are used without a copy."""
        for b, condition_states in enumerate(states):
            for condition, state in zip(self.conditions, condition_states, strict=True):
                condition.states[b] = state

    def info(self, culture: int) -> dict[str, float]:
        """Return the entries of all conditions for a culture's ``info``."""
        entries: dict[str, float] = {}
        for condition in self.conditions:
            entries |= returned.info(condition, condition.info(culture), entries)
        return entries

    def run(
        self,
        duration_ms: float,
        stimulus: Stimulus | None,
        cultures: Sequence[int],
        time_ms: Sequence[float],
        admit: Callable[[Stimulus | None], object] | None = None,
    ) -> tuple[Recording, Stimulus | None, Recording]:
        """Run n of the cultures under their conditions.

        Args:
            duration_ms: Length of the run.
            stimulus: Encoded stimulus of n cultures; None is no stimulus.
            cultures: The cultures that run, ascending ``[n]``.
            time_ms: End of the run since each culture's first observation, ``[n]``.
            admit: Called with the stimulus after all conditions, before anything runs. If it raises, conditions and
                cultures are as before.

        Returns:
            The recording and the stimulus after all conditions, and the recording of the cultures before them.
        """
        if self.idle:
            if admit is not None:
                admit(stimulus)
            recording = self._run(duration_ms, stimulus, cultures)
            return recording, stimulus, recording
        run = ConditionedRun(np.array(cultures, dtype=np.int64), duration_ms, np.array(time_ms, dtype=np.float64))
        before = None if admit is None else copy.deepcopy([condition.states for condition in self.conditions])
        for condition in self.conditions:
            stimulus = condition.stimulus(stimulus, run)
        if admit is not None and before is not None:
            try:
                admit(stimulus)
            except BaseException:
                for condition, states in zip(self.conditions, before, strict=True):
                    condition.states = states
                raise
        self._set_parameters(run)
        recording = of_cultures = self._run(duration_ms, stimulus, cultures)
        for condition in self.conditions:
            recording = condition.recording(recording, stimulus, run)
        return recording, stimulus, of_cultures

    def _run(self, duration_ms: float, stimulus: Stimulus | None, cultures: Sequence[int]) -> Recording:
        run_all = len(cultures) == self.env.num_cultures
        return self.env.run(duration_ms, stimulus, cultures=None if run_all else cultures)

    def _set_parameters(self, run: ConditionedRun) -> None:
        """Set the parameters, times their factors, that differ from the present ones of the cultures that run."""
        products: dict[str, Any] = dict.fromkeys(self._set, 1.0)
        for condition in self.conditions:
            for key, factor in _factors(condition, run).items():
                products[key] = products.get(key, 1.0) * factor
        changed = {}
        for key, factor in products.items():
            base = self._base_of(key)
            value = base[run.cultures] * factor
            if not np.array_equal(value, self._set.setdefault(key, base.copy())[run.cultures]):
                changed[key] = value
        if changed:
            assert isinstance(self.env, Env)  # others have no condition with factors
            self.env.set_params(changed, cultures=run.cultures.tolist())
            for key, value in changed.items():
                self._set[key][run.cultures] = value

    def _base_of(self, key: str) -> NDArray[np.float64]:
        if not self._base:
            assert isinstance(self.env, Env)
            values = [by_key(self.env.parameters_of(b)) for b in range(self.env.num_cultures)]
            self._base = {name: np.array([of_culture[name] for of_culture in values]) for name in values[0]}
        if key not in self._base:
            raise unknown_name("parameter", key, self._base)
        return self._base[key]


def _factors(condition: Condition, run: ConditionedRun) -> dict[str, NDArray[np.float64]]:
    """The factors of a condition, which may be a user's own."""
    given = condition.factors(run)
    what = f"{type(condition).__name__}.factors"
    if not isinstance(given, Mapping):
        raise InvalidInput(f"{what} must return a mapping of keys to factors, got {shown(given)}.")
    factors = {key: number_array(f"{what}[{key!r}]", factor) for key, factor in given.items()}
    for key, factor in factors.items():
        if factor.shape not in ((), (1,), (len(run),)):
            raise InvalidInput(f"{what}[{key!r}] must be one number or {len(run)}, got the shape {factor.shape}.")
    return factors
