"""The parameters of an ``Env``, which can be set between runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.backends import Backend, CellParameters, CultureParameters, Learning, Parameters
from livn_gym.cell_values import cells_of, checked_cells
from livn_gym.checks import checked
from livn_gym.errors import ClosedError, InvalidInput, UnsupportedModel, unknown_name
from livn_gym.exclusive import Exclusive
from livn_gym.models import Model
from livn_gym.parameters import ParameterSet, shared, tuned
from livn_gym.plasticity import Plasticity, Rule, rescaled
from livn_gym.system import System

Values = float | Sequence[float] | NDArray[np.float64]
"""A parameter's value for all cultures, or one for each of them."""


@checked
class Configurable(Exclusive):
    """The part of an ``Env`` that holds its parameters; every method returns the environment itself."""

    system: System
    model: Model
    num_cultures: int
    dt: float
    _parameters: list[ParameterSet]
    """Of every culture; cultures with equal parameters share one object."""

    # Parameters

    @property
    def parameters(self) -> Parameters:
        """Current weights (nS), noise and depression, which all cultures share.

        Raises:
            InvalidInput: The cultures have different parameters; ``parameters_of(b)`` gives one culture's.
        """
        first = self._parameters[0]
        if any(other is not first for other in self._parameters):
            raise InvalidInput("The cultures have different parameters: take env.parameters_of(b) of culture b.")
        return first.frozen()

    def parameters_of(self, culture: int) -> Parameters:
        """Current weights (nS), noise and depression of one culture.

        Raises:
            InvalidInput: There is no such culture.
        """
        if not 0 <= culture < self.num_cultures:
            raise InvalidInput(f"culture must lie in 0 ... {self.num_cultures - 1}, got {culture}.")
        return self._parameters[culture].frozen()

    def apply_model_defaults(self, variant: str | None = None, *, cultures: Sequence[int] | None = None) -> Self:
        """Set the parameters that are shipped for this system, or the generic ones for a system unknown by name.

        Args:
            variant: A named variant, where the system has one.
            cultures: The cultures to set; default all.

        Raises:
            UnknownName: There is no such variant.
        """
        return self._configure(lambda: self._updated(tuned(self.system, variant), cultures))

    def set_weights(self, weights: Mapping[str, Values], *, cultures: Sequence[int] | None = None) -> Self:
        """Set peak synaptic conductances, nS, by ``PRE_POST-section-RECEPTOR-weight``.

        Args:
            weights: Values by key, as of ``set_params``.
            cultures: The cultures to set; default all.

        Raises:
            UnknownName: The system has no such weight; nothing is changed.
            InvalidInput: A value is out of range; nothing is changed.
        """
        return self.set_params({f"weight-{key}": value for key, value in weights.items()}, cultures=cultures)

    def set_noise(self, noise: Mapping[str, Values], *, cultures: Sequence[int] | None = None) -> Self:
        """Set background noise: ``g_e0``, ``g_i0``, ``std_e``, ``std_i`` in nS, ``tau_e``, ``tau_i`` in ms.

        ``std_e`` sets every population, ``EXC-std_e`` one; the latter wins whatever their order.

        Args:
            noise: Values by key, as of ``set_params``.
            cultures: The cultures to set; default all.

        Raises:
            UnknownName: There is no such key; nothing is changed.
            InvalidInput: A value is out of range; nothing is changed.
        """
        return self.set_params({f"noise-{key}": value for key, value in noise.items()}, cultures=cultures)

    def set_params(self, params: Mapping[str, Values], *, cultures: Sequence[int] | None = None) -> Self:
        """Set any parameters by key, with the prefixes ``weight-``, ``noise-`` and ``depression-``.

        Cultures keep their states. A culture's trajectory depends on its own parameters alone.

        Args:
            params: For each key a number, or a sequence with one number for each of the cultures that are set, ``[n]``.
            cultures: The cultures to set; default all. The others keep their parameters.

        Raises:
            UnknownName: A key does not exist; nothing is changed.
            InvalidInput: A value is not finite or out of range, or a sequence has the wrong length; nothing is changed.
            UnsupportedModel: The backend has no parameters per culture; nothing is changed.
        """
        return self._configure(lambda: self._updated(params, cultures))

    def _updated(self, params: Mapping[str, Values], cultures: Sequence[int] | None) -> list[ParameterSet]:
        """The parameters of all cultures with changes to some of them."""
        selected = self._culture_indices(cultures)
        per_culture = {key: value for key, value in params.items() if np.ndim(value)}
        for key, value in per_culture.items():
            if len(value) != len(selected):  # type: ignore[arg-type]
                raise InvalidInput(f"{key} needs a number, or one for each of {len(selected)} cultures, got {value!r}.")
        changed = list(self._parameters)
        made: dict[int, ParameterSet] = {}
        for k, b in enumerate(selected):
            own = {key: value[k] if key in per_culture else value for key, value in params.items()}  # type: ignore[index]
            before = self._parameters[b]
            if per_culture or id(before) not in made:
                made[id(before)] = before.updated(own)
            changed[b] = made[id(before)]
        return changed

    def set_cells(self, values: Mapping[str, ArrayLike], *, cultures: Sequence[int] | None = None) -> Self:
        """Give single cells constants of their own, by ``<population>-<constant>``, such as ``"EXC-g_leak_soma"``.

        Constants are those of the model's cells and the capacitance ``C``, in the model's units; geometry, coupling and
        initial voltage are the same in all cells. Cells keep their states.

        Args:
            values: For each key a number, one number per cell of the population ``[n_cells]``, or one per culture and
                cell ``[n, n_cells]``.
            cultures: The cultures to set, n of them; default all.

        Raises:
            UnknownName: There is no such population or constant; nothing is changed.
            InvalidInput: Values have the wrong shape or are none that a cell can have; nothing is changed.
            UnsupportedModel: The backend has no constants per cell; nothing is changed.
        """

        def changed() -> list[ParameterSet]:
            selected = self._culture_indices(cultures)
            cells = checked_cells(self.system, self.model, values, len(selected))
            result = list(self._parameters)
            for k, b in enumerate(selected):
                result[b] = self._parameters[b].with_cells({key: own[k] for key, own in cells.items()})
                for population in self.system.populations:
                    cell = self.model.cell(population.name)
                    cells_of(cell, population.name, result[b].cells, range(population.count))
            return result

        return self._configure(changed)

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
        return self._configure(lambda: self._with_plasticity(plasticity))

    def disable_plasticity(self) -> Self:
        """Freeze all synapses as they are."""
        return self._configure(lambda: self._with_plasticity(None))

    def _with_plasticity(self, plasticity: Plasticity | None) -> list[ParameterSet]:
        made = {id(own): own.with_plasticity(plasticity) for own in self._parameters}
        return [made[id(own)] for own in self._parameters]

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
        plasticity = self._parameters[0].plasticity
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
                    unit = self.model.synapse(self.system, p, receptor)[1] * self._parameters[b].weights[key]
                    first = p.scale * unit
                    if np.allclose(weights[key], first, rtol=1e-12, atol=0.0):
                        continue  # as it was; its synapses need not be told apart
                    rule = None if plasticity is None else plasticity.rules[key]
                    bound = np.inf if rule is None else rule.parameters().w_max * unit
                    changed.setdefault(b, {})[key] = rescaled(weights[key], first, p.post_gid, cells, bound)
        if changed:
            backend.set_weights(changed)

    def _configure(self, change: Callable[[], list[ParameterSet]]) -> Self:
        def configure() -> None:
            with self._together("parameters"):
                changed = shared(change())
                self._check_open()
                if self._backend is not None:
                    differs = (own is not before for own, before in zip(changed, self._parameters, strict=True))
                    self._hand_over(self._backend, changed, [b for b, new in enumerate(differs) if new])
                self._parameters = changed

        self._exclusively(configure)
        return self

    @staticmethod
    def _hand_over(backend: Backend, parameters: Sequence[ParameterSet], changed: Sequence[int]) -> None:
        """Give a backend the parameters of all cultures, of which some have changed."""
        if any(own.cells for own in parameters) and not isinstance(backend, CellParameters):
            raise UnsupportedModel(f"The {backend.capabilities.name} backend has the same constants in all cells.")
        if all(own is parameters[0] for own in parameters):
            backend.set_parameters(parameters[0].frozen())
            return
        if not isinstance(backend, CultureParameters):
            raise UnsupportedModel(
                f"The {backend.capabilities.name} backend has the same parameters in all cultures: set them in all of "
                "them, or make an Env for each culture."
            )
        frozen = {id(own): own.frozen() for own in parameters}
        backend.set_culture_parameters({b: frozen[id(parameters[b])] for b in changed})

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
