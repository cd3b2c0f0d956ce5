"""Parameters of an ``Env``, which can be set between runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.backends import Backend, CellParameters, CultureParameters, Learning, Parameters
from livn_gym.cell_values import cells_of, checked_cells
from livn_gym.checks import checked
from livn_gym.errors import ClosedError, InvalidInput, UnsupportedModel, unknown_name
from livn_gym.exclusive import Exclusive
from livn_gym.models import Model
from livn_gym.parameters import ParameterSet, by_key, shared, tuned
from livn_gym.plasticity import Plasticity, rescaled
from livn_gym.system import System

Values = float | Sequence[float] | NDArray[np.float64]
"""Value of a parameter for all cultures, or a sequence with one value per culture."""


@checked
class Configurable(Exclusive):
    """Mixin of ``Env`` with its parameters. Methods that change them return the Env itself."""

    system: System
    model: Model
    num_cultures: int
    dt: float
    _parameters: list[ParameterSet]
    """Parameters of each culture; cultures with equal parameters share one object."""

    # Parameters

    @property
    def parameters(self) -> Parameters:
        """Current weights (nS), noise and depression, which all cultures share.

        Raises:
            InvalidInput: The cultures have different parameters; ``parameters_of(b)`` returns those of one culture.
        """
        first = self._parameters[0]
        if any(other is not first for other in self._parameters):
            raise InvalidInput("The cultures have different parameters: use env.parameters_of(b) for culture b.")
        return first.frozen()

    def parameters_of(self, culture: int) -> Parameters:
        """Return the current weights (nS), noise and depression of one culture.

        Raises:
            InvalidInput: There is no such culture.
        """
        if not 0 <= culture < self.num_cultures:
            raise InvalidInput(f"culture must be from 0 to {self.num_cultures - 1}, got {culture}.")
        return self._parameters[culture].frozen()

    def apply_model_defaults(self, variant: str | None = None, *, cultures: Sequence[int] | None = None) -> Self:
        """Set the parameters shipped for the name of the system, or the generic ones for other names.

        Args:
            variant: Variant of the shipped parameters.
            cultures: Indices of the cultures to set. Default: all.

        Raises:
            UnknownName: There is no such variant.
        """

        def updated() -> list[ParameterSet]:
            shipped = ParameterSet(self.system).updated(tuned(self.system, variant))  # also what the file leaves out
            return self._updated(by_key(shipped.frozen()), cultures)

        return self._configure(updated)

    def set_weights(self, weights: Mapping[str, Values], *, cultures: Sequence[int] | None = None) -> Self:
        """Set peak synaptic conductances, nS, by ``PRE_POST-section-RECEPTOR-weight``.

        Args:
            weights: Values by key, as for ``set_params``.
            cultures: Indices of the cultures to set. Default: all.

        Raises:
            UnknownName: The system has no such weight. Nothing is changed.
            InvalidInput: A value is out of range. Nothing is changed.
        """
        return self.set_params({f"weight-{key}": value for key, value in weights.items()}, cultures=cultures)

    def set_noise(self, noise: Mapping[str, Values], *, cultures: Sequence[int] | None = None) -> Self:
        """Set background noise: ``g_e0``, ``g_i0``, ``std_e``, ``std_i`` in nS, ``tau_e``, ``tau_i`` in ms.

        ``std_e`` sets all populations, ``EXC-std_e`` a single one; the latter always takes precedence.

        Args:
            noise: Values by key, as for ``set_params``.
            cultures: Indices of the cultures to set. Default: all.

        Raises:
            UnknownName: There is no such key. Nothing is changed.
            InvalidInput: A value is out of range. Nothing is changed.
        """
        return self.set_params({f"noise-{key}": value for key, value in noise.items()}, cultures=cultures)

    def set_params(self, params: Mapping[str, Values], *, cultures: Sequence[int] | None = None) -> Self:
        """Set any parameters by key, with the prefixes ``weight-``, ``noise-`` and ``depression-``.

        Weights, means and standard deviations of the noise are in nS, time constants in ms; ``U`` is from 0 to 1. The
        states of cultures do not change. The trajectory of a culture depends only on its own parameters.

        Args:
            params: For each key a number, or a sequence with one number per culture that is set, ``[n]``.
            cultures: Indices of the cultures to set. Default: all. The parameters of the others do not change.

        Raises:
            UnknownName: A key does not exist. Nothing is changed.
            InvalidInput: A value is not finite or out of range, or a sequence has a wrong length. Nothing is changed.
            UnsupportedModel: The backend does not support parameters per culture. Nothing is changed.
        """
        return self._configure(lambda: self._updated(params, cultures))

    def _updated(self, params: Mapping[str, Values], cultures: Sequence[int] | None) -> list[ParameterSet]:
        """Return the parameters of all cultures, updated for some of them."""
        selected = self._culture_indices(cultures)
        per_culture = {key: value for key, value in params.items() if np.ndim(value)}
        for key, value in per_culture.items():
            if len(value) != len(selected):  # type: ignore[arg-type]
                raise InvalidInput(f"{key} needs a number, or one for each of {len(selected)} cultures, got {value!r}.")
        changed = list(self._parameters)
        updated: dict[int, ParameterSet] = {}
        for k, b in enumerate(selected):
            values = {key: value[k] if key in per_culture else value for key, value in params.items()}  # type: ignore[index]
            previous = self._parameters[b]
            if per_culture or id(previous) not in updated:
                updated[id(previous)] = previous.updated(values)
            changed[b] = updated[id(previous)]
        return changed

    def set_cells(self, values: Mapping[str, ArrayLike], *, cultures: Sequence[int] | None = None) -> Self:
        """Set constants of single cells, by ``<population>-<constant>``, for example ``"EXC-g_leak_soma"``.

        Constants are those of the cells of the model and the capacitance ``C``, in the units of the model; geometry,
        coupling and initial voltage are the same in all cells. The states of cells do not change.

        Args:
            values: For each key a number, one number per cell of the population ``[n_cells]``, or one per culture and
                cell ``[n, n_cells]``.
            cultures: Indices of the n cultures to set. Default: all.

        Raises:
            UnknownName: There is no such population or constant. Nothing is changed.
            InvalidInput: Values have a wrong shape or are out of range for a cell. Nothing is changed.
            UnsupportedModel: The backend does not support constants per cell. Nothing is changed.
        """

        def changed() -> list[ParameterSet]:
            selected = self._culture_indices(cultures)
            cells = checked_cells(self.system, self.model, values, len(selected))
            result = list(self._parameters)
            for k, b in enumerate(selected):
                result[b] = self._parameters[b].with_cells({key: arrays[k] for key, arrays in cells.items()})
                for population in self.system.populations:
                    cell = self.model.cell(population.name)
                    cells_of(cell, population.name, result[b].cells, range(population.count))
            return result

        return self._configure(changed)

    # Plasticity

    def enable_plasticity(self, config: Any = None, *, dendritic_delay_ms: float = 0.5) -> Self:
        """Enable spike-timing-dependent plasticity of synapses.

        Learnt weights persist between runs and after ``disable_plasticity``. They are reset by ``clear``, and when a
        weight parameter is set to another value.

        Args:
            config: A ``Rule`` or the name of one, ``"stdp"`` or ``"inhibitory_stdp"``, which applies to its default
                projection; or a mapping of projections (``"EXC_EXC"``: the synapses of its first receptor, AMPA or
                GABA_A) or weight keys to rules or names. Default: ``STDP()`` on EXC_EXC and ``InhibitorySTDP()`` on
                INH_EXC, if these projections exist.
            dendritic_delay_ms: Delay after which a postsynaptic spike takes effect at the cell's synapses.

        Raises:
            UnknownName: There is no such projection, weight key or rule.
            InvalidInput: The delay is not positive, or ``config`` is none of these.
        """
        self._check_unshared("plasticity")
        plasticity = Plasticity.of(config, list(self.system.weight_names), dendritic_delay_ms)
        return self._configure(lambda: self._with_plasticity(plasticity))

    def disable_plasticity(self) -> Self:
        """Disable plasticity; all synapses keep their current weights."""
        return self._configure(lambda: self._with_plasticity(None))

    def _with_plasticity(self, plasticity: Plasticity | None) -> list[ParameterSet]:
        updated = {id(item): item.with_plasticity(plasticity) for item in self._parameters}
        return [updated[id(item)] for item in self._parameters]

    def get_weights(self, projection: str | None = None) -> dict[str, NDArray[np.float64]]:
        """Return the peak conductance of every synapse, nS.

        Args:
            projection: Projection, for example ``"EXC_EXC"``, or weight key. Default: all.

        Returns:
            Conductances by weight key, in the order of the edges: ``[E]``, or ``[B, E]`` with several cultures.

        Raises:
            UnknownName: There is no such projection or weight key.
        """
        per_culture = self._exclusively(lambda: self._learning().weights(range(self.num_cultures)))
        keys = [key for key in per_culture[0] if projection in (None, key, _projection(key))]
        if projection is not None and not keys:
            allowed = [*dict.fromkeys(map(_projection, per_culture[0])), *per_culture[0]]
            raise unknown_name("projection or weight", projection, allowed)
        stacked = {key: np.stack([weights[key] for weights in per_culture]) for key in keys}
        return stacked if self.num_cultures > 1 else {key: values[0] for key, values in stacked.items()}

    def normalize_weights(self, projection: str | None = None) -> Self:
        """Rescale the plastic synapses of each cell so that their sum equals that before plasticity.

        This is synaptic scaling (Turrigiano, Cell 135:422, 2008). Weights stay within the bounds of the rule, 0 and
        ``w_max`` times the parameter: synapses that would exceed the bound are set to it, and the other synapses of the
        cell are scaled further. If the bounds do not allow the sum, all non-zero synapses of the cell end at the bound.
        Synapses at 0, and cells whose sum is 0, do not change. While plasticity is disabled, learnt weights are
        rescaled without bounds; synapses without learnt weights do not change.

        Args:
            projection: Projection or weight key. Default: all with a rule, or all while plasticity is disabled.

        Raises:
            UnknownName: There is no such projection or weight key, or it has no rule.
        """
        self._exclusively(lambda: self._normalize(projection))
        return self

    def _normalize(self, projection: str | None) -> None:
        plasticity = self._parameters[0].plasticity
        available = list(self.system.weight_names if plasticity is None else plasticity.rules)
        selected = [key for key in available if projection in (None, key, _projection(key))]
        if projection is not None and not selected:
            kind = "projection or weight" if plasticity is None else "projection or weight with a rule"
            raise unknown_name(kind, projection, [*dict.fromkeys(map(_projection, available)), *available])
        backend = self._learning()
        cells = self.system.num_neurons
        changed: dict[int, dict[str, NDArray[np.float64]]] = {}
        for b, weights in enumerate(backend.weights(range(self.num_cultures))):
            for p in self.system.projections:
                for receptor, key in zip(p.receptors, p.weight_names, strict=True):
                    if key not in selected:
                        continue
                    unit = self.model.synapse(self.system, p, receptor)[1] * self._parameters[b].weights[key]
                    initial = p.scale * unit
                    if np.allclose(weights[key], initial, rtol=1e-12, atol=0.0):
                        continue  # unchanged, so that the cultures can share these synapses
                    rule = None if plasticity is None else plasticity.rules[key]
                    bound = np.inf if rule is None else rule.parameters().w_max * unit
                    changed.setdefault(b, {})[key] = rescaled(weights[key], initial, p.post_gid, cells, bound)
        if changed:
            backend.set_weights(changed)

    def _configure(self, change: Callable[[], list[ParameterSet]]) -> Self:
        def configure() -> None:
            with self._together("parameters"):  # what one rank refuses changes none
                changed = shared(change())
                self._check_open()
            with self._together("parameters"):
                if self._backend is not None:
                    differs = (new is not old for new, old in zip(changed, self._parameters, strict=True))
                    self._pass_parameters(self._backend, changed, [b for b, differ in enumerate(differs) if differ])
            self._parameters = changed

        self._exclusively(configure)
        return self

    @staticmethod
    def _pass_parameters(backend: Backend, parameters: Sequence[ParameterSet], changed: Sequence[int]) -> None:
        """Pass the parameters of all cultures to a backend; ``changed`` are the cultures with new ones."""
        if any(item.cells for item in parameters) and not isinstance(backend, CellParameters):
            raise UnsupportedModel(
                f"The {backend.capabilities.name} backend supports only equal constants in all cells."
            )
        if all(item is parameters[0] for item in parameters):
            backend.set_parameters(parameters[0].frozen())
            return
        if not isinstance(backend, CultureParameters):
            raise UnsupportedModel(
                f"The {backend.capabilities.name} backend supports only equal parameters in all cultures: set them for "
                "all cultures, or make an Env for each culture."
            )
        frozen = {id(item): item.frozen() for item in parameters}
        backend.set_culture_parameters({b: frozen[id(parameters[b])] for b in changed})

    def _check_unshared(self, feature: str) -> None:
        """Check that no ranks share the cultures, for features that do not support this."""
        if self._ranks is not None:
            raise UnsupportedModel(f"Cultures that ranks share do not support {feature} yet: run them in one process.")

    def _learning(self) -> Learning:
        self._check_open()
        self._check_unshared("weights of single synapses")
        if self._backend is None:
            raise ClosedError("Call init() first: env = Env(...).init().")
        if not isinstance(self._backend, Learning):
            raise UnsupportedModel(
                f"The {self._backend.capabilities.name} backend does not support weights of single synapses."
            )
        return self._backend


def _projection(key: str) -> str:
    """Return the projection of a weight key."""
    return key.partition("-")[0]
