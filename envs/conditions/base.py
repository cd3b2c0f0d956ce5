"""What a condition is: something that stands between the closed loop and one culture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from livn_gym.checks import checked
from livn_gym.env import Env
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus


@checked
class Condition(ABC):
    """Changes what reaches one culture, what the culture is, or what is heard of it; stateful, one a culture.

    A subclass takes ``(env, **options)``, every option with a default, and overrides what it changes.

    Args:
        env: The cultures of the loop.
    """

    def __init__(self, env: Env) -> None:
        self.env = env

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the cultures: the state of a loop is put into another one's."""
        return {name: value for name, value in vars(self).items() if name != "env"}

    @abstractmethod
    def reset(self, np_random: np.random.Generator) -> None:
        """Begin an episode, before the culture settles, drawing from the environment's generator."""

    @property
    def idle(self) -> bool:
        """Whether it changes nothing in the run that comes: a loop whose conditions are all idle does not ask them."""
        return False

    def parameters(self, time_ms: float) -> Mapping[str, float]:
        """Parameters of the culture (keys of ``Env.set_params``, the same at every call) for the run that comes.

        Args:
            time_ms: End of the run, since the first observation; at most 0 while settling.
        """
        return {}

    def stimulus(self, stimulus: Stimulus | None, duration_ms: float) -> Stimulus | None:
        """What reaches the electrodes instead, not longer than the run; one culture's, None for nothing."""
        return stimulus

    def recording(self, recording: Recording, stimulus: Stimulus | None, time_ms: float) -> Recording:
        """What is heard instead.

        Args:
            recording: One culture's run.
            stimulus: What reached the electrodes in it.
            time_ms: End of the run, as in ``parameters``.
        """
        return recording
