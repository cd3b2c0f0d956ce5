"""What an ``Env`` records, which can be set between runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Self

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput
from livn_gym.exclusive import Exclusive
from livn_gym.recording import RecordingRequest
from livn_gym.system import System
from livn_gym.units import whole_steps

Populations = str | Sequence[str] | None


@checked
class Recorder(Exclusive):
    """The part of an ``Env`` that chooses what is recorded; every method returns the environment itself."""

    system: System
    dt: float
    _request: RecordingRequest

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

    def record_weights(self, dt: float) -> Self:
        """Record the weights of all synapses that follow a rule, every ``dt`` ms from the next run on."""
        self._check_open()
        self._request = replace(self._request, weight_steps=whole_steps("record_weights dt (ms)", dt, self.dt))
        return self

    def _sample(self, sample_ms: float | None) -> int:
        return self._request.sample_steps if sample_ms is None else whole_steps("sample_ms", sample_ms, self.dt)


def _names(population: Populations) -> str | list[str] | None:
    return population if population is None or isinstance(population, str) else list(population)
