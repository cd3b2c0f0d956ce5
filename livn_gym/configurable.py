"""The parameters of an ``Env``, which can be set between runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends import Learning, Parameters
from livn_gym.checks import checked
from livn_gym.errors import ClosedError, UnsupportedModel, unknown_name
from livn_gym.exclusive import Exclusive
from livn_gym.models import Model
from livn_gym.parameters import ParameterSet, tuned
from livn_gym.plasticity import Plasticity, Rule, rescaled
from livn_gym.system import System

_T = TypeVar("_T")


@checked
class Configurable(Exclusive):
    """The part of an ``Env`` that holds its parameters; every method returns the environment itself."""

    system: System
    model: Model
    num_cultures: int
    dt: float
    _parameters: ParameterSet

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
        return self._configure(lambda: self._parameters.updated(tuned(self.system, variant)))

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
        return self._configure(lambda: self._parameters.updated(params))

    # Plasticity

    def enable_plasticity(
        self, config: Rule | Mapping[str, Rule] | None = None, *, dendritic_delay_ms: float = 0.5
    ) -> Self:
        """Let synapses change with the timing of spikes from now on.

        What they learn stays through runs and after ``disable_plasticity``. It is forgotten by ``clear``, and where a
        weight is set to another value.

        Args:
            config: A rule, for the projection that it is meant for; or rules by projection (``"EXC_EXC"``: its first
                receptor's synapses, AMPA or GABA_A) or weight key. Default ``STDP()`` on EXC_EXC and
                ``InhibitorySTDP()`` on INH_EXC, where they exist.
            dendritic_delay_ms: Time after which a postsynaptic spike reaches the cell's synapses.

        Raises:
            UnknownName: There is no such projection or weight key.
            InvalidInput: The delay is not positive.
        """
        self._check_whole("plasticity")
        plasticity = Plasticity.of(config, list(self.system.weight_names), dendritic_delay_ms)
        return self._configure(lambda: self._parameters.with_plasticity(plasticity))

    def disable_plasticity(self) -> Self:
        """Freeze all synapses as they are."""
        return self._configure(lambda: self._parameters.with_plasticity(None))

    def get_weights(self, projection: str | None = None) -> dict[str, NDArray[np.float64]]:
        """Peak conductance of every synapse, nS.

        Args:
            projection: Only the synapses of one projection, e.g. ``"EXC_EXC"``, or of one weight key; default all.

        Returns:
            By weight key, in the order of the projection's edges: ``[E]``, or ``[B, E]`` with several cultures.

        Raises:
            UnknownName: There is no such projection or weight key.
        """
        every = self._exclusively(lambda: self._learning().weights(range(self.num_cultures)))
        keys = [key for key in every[0] if projection in (None, key, _projection(key))]
        if projection is not None and not keys:
            known = [*dict.fromkeys(map(_projection, every[0])), *every[0]]
            raise unknown_name("projection or weight", projection, known)
        stacked = {key: np.stack([weights[key] for weights in every]) for key in keys}
        return stacked if self.num_cultures > 1 else {key: values[0] for key, values in stacked.items()}

    def normalize_weights(self, projection: str | None = None) -> Self:
        """Rescale every cell's plastic synapses so that their sum is what the weight parameter alone would give.

        Synaptic scaling (Turrigiano, Cell 135:422, 2008). Every weight ends within the rule's bounds, 0 and ``w_max``
        times the parameter: synapses that would leave them stay at the bound and the cell's others are raised
        instead. So the sum is reached wherever the bounds allow it, else all synapses of the cell that are not 0 end
        at the bound. Synapses at 0, and cells whose sum is 0, stay as they are. While plasticity is disabled, what was
        learnt before is rescaled without bounds; where nothing was learnt, nothing changes.

        Args:
            projection: Only one projection's or weight key's; default all with a rule, or all while disabled.

        Raises:
            UnknownName: There is no such projection or weight key, or nothing of it follows a rule.
        """
        self._exclusively(lambda: self._normalize(projection))
        return self

    def _normalize(self, projection: str | None) -> None:
        plasticity = self._parameters.plasticity
        able = list(self.system.weight_names if plasticity is None else plasticity.rules)
        chosen = [key for key in able if projection in (None, key, _projection(key))]
        if projection is not None and not chosen:
            kind = "projection or weight" if plasticity is None else "projection or weight with a rule"
            raise unknown_name(kind, projection, [*dict.fromkeys(map(_projection, able)), *able])
        backend = self._learning()
        cells = self.system.num_neurons
        changed: dict[int, dict[str, NDArray[np.float64]]] = {}
        for b, weights in enumerate(backend.weights(range(self.num_cultures))):
            for p in self.system.projections:
                for receptor, key in zip(p.receptors, p.weight_names, strict=True):
                    if key not in chosen:
                        continue
                    unit = self.model.synapse(self.system, p, receptor)[1] * self._parameters.weights[key]
                    first = p.scale * unit
                    if np.allclose(weights[key], first, rtol=1e-12, atol=0.0):
                        continue  # as it was; its synapses need not be told apart
                    rule = None if plasticity is None else plasticity.rules[key]
                    bound = np.inf if rule is None else rule.numbers().w_max * unit
                    changed.setdefault(b, {})[key] = rescaled(weights[key], first, p.post_gid, cells, bound)
        if changed:
            backend.set_weights(changed)

    def _configure(self, change: Callable[[], ParameterSet]) -> Self:
        def configure() -> None:
            with self._together("parameters"):
                changed = change()
                self._check_open()
                if self._backend is not None:
                    self._backend.set_parameters(changed.frozen())
                self._parameters = changed

        self._exclusively(configure)
        return self

    def _check_whole(self, wanted: str) -> None:
        """Refuse what a culture cannot have while ranks share it."""
        if self._ranks is not None:
            raise UnsupportedModel(f"A culture that ranks share has no {wanted} yet: run it in one process.")

    def _learning(self) -> Learning:
        self._check_open()
        self._check_whole("weights of single synapses")
        if self._backend is None:
            raise ClosedError("Call init() first: env = Env(...).init().")
        if not isinstance(self._backend, Learning):
            raise UnsupportedModel(f"The {self._backend.capabilities.name} backend has no weights of single synapses.")
        return self._backend


def _projection(key: str) -> str:
    """The projection of a weight key."""
    return key.partition("-")[0]
