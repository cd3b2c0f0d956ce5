"""What can be set on an ``Env`` between runs: parameters, and what is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, Self

from livn_gym.backends import Backend, Parameters
from livn_gym.errors import ClosedError, InvalidInput
from livn_gym.parameters import ParameterSet, tuned
from livn_gym.recording import RecordingRequest
from livn_gym.system import System
from livn_gym.units import whole_steps

Populations = str | Sequence[str] | None


class Configurable:
    """The part of an ``Env`` that holds its configuration; every method returns the environment itself."""

    system: System
    dt: float
    _parameters: ParameterSet
    _backend: Backend | None
    _request: RecordingRequest
    _closed: bool

    # Parameters

    @property
    def parameters(self) -> Parameters:
        """Weights (nS), noise and depression as they stand."""
        return self._parameters.frozen()

    def apply_model_defaults(self, variant: str | None = None) -> Self:
        """Set the parameters that are shipped for this system, or the generic ones for a system unknown by name.

        Args:
            variant: A named variant, where the system has one.
        """
        return self.set_params(tuned(self.system, variant))

    def set_weights(self, weights: Mapping[str, float]) -> Self:
        """Set peak synaptic conductances, nS, by ``PRE_POST-section-RECEPTOR-weight``.

        Raises:
            UnknownName: The system has no such weight; nothing is changed.
        """
        return self.set_params({f"weight-{key}": value for key, value in weights.items()})

    def set_noise(self, noise: Mapping[str, float]) -> Self:
        """Set background noise: ``g_e0``, ``g_i0``, ``std_e``, ``std_i`` in nS, ``tau_e``, ``tau_i`` in ms.

        ``std_e`` sets every population, ``EXC-std_e`` one; the latter wins whatever their order.
        """
        return self.set_params({f"noise-{key}": value for key, value in noise.items()})

    def set_params(self, params: Mapping[str, float]) -> Self:
        """Set any parameters by key, with the prefixes ``weight-``, ``noise-`` and ``depression-``.

        Raises:
            UnknownName: A key does not exist; nothing is changed.
            InvalidInput: A value is not finite or out of range; nothing is changed.
        """
        self._check_open()
        changed = self._parameters.updated(params)
        if self._backend is not None:
            self._backend.set_parameters(changed.frozen())
        self._parameters = changed
        return self

    # Recording

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

    def _sample(self, sample_ms: float | None) -> int:
        return self._request.sample_steps if sample_ms is None else whole_steps("sample_ms", sample_ms, self.dt)

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("This Env is closed; make a new one.")


def _names(population: Populations) -> str | list[str] | None:
    return population if population is None or isinstance(population, str) else list(population)
