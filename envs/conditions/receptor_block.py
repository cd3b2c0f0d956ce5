"""Receptor block: the synapses of some receptors are weaker for an episode, or after a start time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.envs.conditions.base import Condition, ConditionedRun
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.plant import Plant
from livn_gym.units import finite


@checked
class ReceptorBlock(Condition):
    """Scales the weights of the synapses of some receptors, as a blocker in the bath does.

    Weights are parameters: plastic synapses forget their learned changes when a block begins or ends.

    Args:
        env: The cultures of the loop.
        receptors: Name or names, such as ``"NMDA"`` (AP5), ``"AMPA"`` (CNQX) or ``"GABA_A"`` (bicuculline); default
            all.
        gain: Share of the weight that remains, 0 to 1.
        start_ms: Start of the block since the first observation, ms; it acts from the first step that ends later. If
            omitted, the block lasts from the start of settling to the end of the episode.

    Raises:
        UnknownName: The system has no synapses of that receptor.
        InvalidInput: The gain lies outside 0 ... 1, or there are no receptors.
    """

    def __init__(
        self,
        env: Plant,
        *,
        receptors: str | Sequence[str] | None = None,
        gain: float = 0.0,
        start_ms: float | None = None,
    ) -> None:
        super().__init__(env)
        self.gain = finite("gain", gain, minimum=0.0)
        if self.gain > 1.0:
            raise InvalidInput(f"gain must lie in 0 ... 1, got {gain:g}.")
        self.start_ms = None if start_ms is None else finite("start_ms", start_ms)
        known = {name: name.split("-")[-2] for name in env.system.weight_names}
        given = known.values() if receptors is None else receptors
        blocked = [given] if isinstance(given, str) else list(given)
        if not blocked:
            raise InvalidInput("receptors must name at least one receptor; all are blocked without this argument.")
        for name in blocked:
            if name not in known.values():
                raise unknown_name("receptor", name, known.values())
        self._keys = [f"weight-{key}" for key, receptor in known.items() if receptor in blocked]

    def factors(self, run: ConditionedRun) -> Mapping[str, NDArray[np.float64]]:
        """Return the gain for the weights of these receptors, or 1 before the block begins."""
        blocked = np.full(len(run), True) if self.start_ms is None else run.time_ms > self.start_ms
        return dict.fromkeys(self._keys, np.where(blocked, self.gain, 1.0))
