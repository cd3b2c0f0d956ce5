"""Structure of a culture: populations, positions, dendrites, projections and electrodes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked, checked_types
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.units import finite, whole_number

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
"""Names of populations, which are parts of keys such as ``EXC_INH-soma-AMPA-weight``."""
_KEY_WORD = re.compile(r"\w+")


@checked
@dataclass(frozen=True)
class Population:
    """Cells of one type, with the gids ``start, ..., start + count - 1``."""

    name: str
    start: int
    count: int

    def __post_init__(self) -> None:
        """Check the name and the gids."""
        if not isinstance(self.name, str) or not _WORD.fullmatch(self.name):
            raise InvalidInput(f"A population's name is letters and digits, starting with a letter; got {self.name!r}.")
        whole_number(f"first gid of {self.name}", self.start, minimum=0)
        whole_number(f"number of {self.name} cells", self.count, minimum=1)

    @property
    def stop(self) -> int:
        """Last gid plus 1."""
        return self.start + self.count

    @property
    def gids(self) -> NDArray[np.int64]:
        """Gids of the population, ``[count]``."""
        return np.arange(self.start, self.stop, dtype=np.int64)


@checked_types
@dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from one population onto another, in any order; those of our systems are sorted by (post gid, pre gid).

    Attributes:
        pre: Name of the presynaptic population.
        post: Name of the postsynaptic population.
        section: Part of the weight keys that names the site of the synapses, ``"hillock"`` or ``"soma"``.
        receptors: Receptors of every synapse of the projection, for example ``("AMPA", "NMDA")``.
        pre_gid: Presynaptic cells, int64 ``[E]``.
        post_gid: Postsynaptic cells, int64 ``[E]``.
        distance_um: Distance between the somata, um ``[E]``, a multiple of 1e-3.
        delay_ms: Sum of conduction and synaptic delay, ms ``[E]``, a multiple of 1e-3.
        scale: Strength relative to the weight of the projection, ``[E]``, with a mean near 1, a multiple of 1e-3.
    """

    pre: str
    post: str
    section: str
    receptors: tuple[str, ...]
    pre_gid: NDArray[np.int64]
    post_gid: NDArray[np.int64]
    distance_um: NDArray[np.float64]
    delay_ms: NDArray[np.float64]
    scale: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Check that the arrays are consistent, and make them read-only."""
        receptors = self.receptors
        if not isinstance(receptors, tuple) or not receptors or len(set(receptors)) != len(receptors):
            raise InvalidInput(f"{self.pre}->{self.post} needs a tuple of distinct receptors, got {receptors!r}.")
        for word in (self.section, *receptors):
            if not isinstance(word, str) or not _KEY_WORD.fullmatch(word):
                raise InvalidInput(f"Section and receptors of {self.pre}->{self.post} must be words, got {word!r}.")
        for name in ("pre_gid", "post_gid", "distance_um", "delay_ms", "scale"):
            array = getattr(self, name)
            kinds = "iu" if name.endswith("gid") else "fiu"
            if not isinstance(array, np.ndarray) or array.dtype.kind not in kinds:
                raise InvalidInput(f"{name} of {self.pre}->{self.post} must be an array of numbers, got {array!r:.80}.")
            if array.shape != self.pre_gid.shape or array.ndim != 1 or not np.isfinite(array).all():
                raise InvalidInput(f"{name} of {self.pre}->{self.post} must hold one finite value for each synapse.")
            array.flags.writeable = False
        if len(self) and self.delay_ms.min() <= 0.0:
            raise InvalidInput(f"Delays of {self.pre}->{self.post} must be positive.")
        if len(self) and (self.distance_um.min() < 0.0 or self.scale.min() < 0.0):
            raise InvalidInput(f"Distances and strengths of {self.pre}->{self.post} must not be negative.")

    def __len__(self) -> int:
        """Number of synapses."""
        return len(self.pre_gid)

    @property
    def weight_names(self) -> tuple[str, ...]:
        """Keys of the projection's weights, ``PRE_POST-section-RECEPTOR-weight``."""
        return tuple(f"{self.pre}_{self.post}-{self.section}-{receptor}-weight" for receptor in self.receptors)

    def onto(self, start: int, stop: int) -> Projection:
        """Return the synapses whose postsynaptic gid is in ``[start, stop)``, in the same order."""
        rows = (self.post_gid >= start) & (self.post_gid < stop)
        return replace(
            self,
            pre_gid=self.pre_gid[rows],
            post_gid=self.post_gid[rows],
            distance_um=self.distance_um[rows],
            delay_ms=self.delay_ms[rows],
            scale=self.scale[rows],
        )


@checked
@dataclass(frozen=True)
class SynapseKinetics:
    """Kinetics of a receptor that the files of a system define in place of those of the model.

    Raises:
        InvalidInput: A number is not finite, a time constant is not positive, the decay is not slower than the rise, or
            the unit is negative.
    """

    reversal_mV: float
    tau_rise_ms: float
    tau_decay_ms: float
    unit_nS: float

    def __post_init__(self) -> None:
        """Check the ranges."""
        finite("reversal_mV", self.reversal_mV)
        finite("tau_rise_ms", self.tau_rise_ms, above=0.0)
        finite("tau_decay_ms", self.tau_decay_ms, above=self.tau_rise_ms)
        finite("unit_nS", self.unit_nS, minimum=0.0)


@checked_types
@dataclass(frozen=True, eq=False)
class System:
    """Cells, connections and electrodes of a culture; immutable.

    Attributes:
        name: Name under which tuned parameters are looked up.
        populations: Populations in gid order, contiguous from 0.
        positions: Soma positions, um ``[N, 3]``, multiples of 1e-3.
        dendrites: Unit vectors in the plane from the soma towards the dendrite, ``[N, 2]``, multiples of 1e-6.
        projections: One projection per connected pair of populations (pre, post).
        electrodes: Electrode positions, um ``[C, 3]``.
        bounding_box: Lower and upper corner of the area of the culture, um ``[2, 3]``.
        kinetics: Receptor kinetics defined by the files of the system, by (pre, post, receptor); usually empty.
        output_radius_um: Recording radius of an electrode, um; None if the files of the system do not define it.
        input_radius_um: Stimulation radius of an electrode, um; None if the files of the system do not define it.
        heterogeneity: Factors of a constant of the model in every cell of a population, ``[n]`` with a mean near 1, by
            ``<population>-<constant>``; multiples of 1e-3.
    """

    name: str
    populations: tuple[Population, ...]
    positions: NDArray[np.float64]
    dendrites: NDArray[np.float64]
    projections: tuple[Projection, ...]
    electrodes: NDArray[np.float64]
    bounding_box: NDArray[np.float64]
    kinetics: Mapping[tuple[str, str, str], SynapseKinetics] = field(default_factory=dict)
    output_radius_um: float | None = None
    input_radius_um: float | None = None
    heterogeneity: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that all attributes are consistent, and make the arrays read-only."""
        if not isinstance(self.name, str) or not self.name:
            raise InvalidInput(f"The name of a system must be a non-empty string, got {self.name!r}.")
        if not isinstance(self.populations, tuple) or not self.populations:
            raise InvalidInput(f"A system needs a tuple of one or more populations, got {self.populations!r}.")
        if len(set(self.population_names)) != len(self.populations):
            raise InvalidInput(f"Populations need distinct names, got {list(self.population_names)}.")
        stop = 0
        for population in self.populations:
            if population.start != stop:
                raise InvalidInput(f"Populations must be non-empty and contiguous from gid 0, got {population}.")
            stop = population.stop
        for name, array, width in (
            ("positions", self.positions, 3),
            ("dendrites", self.dendrites, 2),
            ("electrodes", self.electrodes, 3),
        ):
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
                raise InvalidInput(f"{name} must be an array of numbers, got {array!r:.80}.")
            rows = len(array) if name == "electrodes" and array.ndim else stop
            if array.shape != (rows, width) or not np.isfinite(array).all():
                raise InvalidInput(f"{name} must be finite with shape [{rows}, {width}], got {array.shape}.")
            array.flags.writeable = False
        if self.bounding_box.shape != (2, 3) or not np.isfinite(self.bounding_box).all():
            raise InvalidInput(f"bounding_box must be finite with shape [2, 3], got {self.bounding_box.shape}.")
        self.bounding_box.flags.writeable = False
        check_distinct(self.electrodes)
        for radius in ("output_radius_um", "input_radius_um"):
            if getattr(self, radius) is not None:
                finite(radius, getattr(self, radius), above=0.0)
        pairs = [(projection.pre, projection.post) for projection in self.projections]
        if len(set(pairs)) != len(pairs):
            raise InvalidInput(f"A pair of populations can have only one projection, got {pairs}.")
        for projection in self.projections:
            for gid, name in ((projection.pre_gid, projection.pre), (projection.post_gid, projection.post)):
                population = self.population(name)
                if len(gid) and (gid.min() < population.start or gid.max() >= population.stop):
                    raise InvalidInput(f"A gid of projection {projection.pre}->{projection.post} is not in {name}.")
        self._check_kinetics()
        for key, factors in self.heterogeneity.items():
            count = self.population(key.partition("-")[0]).count
            if factors.shape != (count,) or not (np.isfinite(factors) & (factors > 0.0)).all():
                raise InvalidInput(f"The heterogeneity {key!r} needs a positive factor for each of {count} cells.")
            factors.flags.writeable = False

    def _check_kinetics(self) -> None:
        """Check that all kinetics belong to a receptor of a projection."""
        existing = {(p.pre, p.post, receptor) for p in self.projections for receptor in p.receptors}
        for key, kinetics in self.kinetics.items():
            if key not in existing:
                raise unknown_name("receptor of kinetics", key, sorted(existing))
            if not isinstance(kinetics, SynapseKinetics):
                raise InvalidInput(f"Kinetics of {key} must be SynapseKinetics, got {kinetics!r}.")

    @classmethod
    def from_directory(cls, path: str | Path) -> System:
        """Read a SONATA folder or a folder in livn's HDF5 layout."""
        from livn_gym.system.files import read  # a file format imports System

        return read(Path(path))

    @property
    def num_neurons(self) -> int:
        """Number of cells N."""
        return self.populations[-1].stop

    @property
    def num_channels(self) -> int:
        """Number of electrodes C."""
        return len(self.electrodes)

    @property
    def num_synapses(self) -> int:
        """Number of synapses; one with several receptors counts once."""
        return sum(len(projection) for projection in self.projections)

    @property
    def population_names(self) -> tuple[str, ...]:
        """Names of the populations in gid order."""
        return tuple(population.name for population in self.populations)

    @property
    def weight_names(self) -> tuple[str, ...]:
        """All weight keys of the system, ``PRE_POST-section-RECEPTOR-weight``."""
        return tuple(name for projection in self.projections for name in projection.weight_names)

    def population(self, name: str) -> Population:
        """Return the population of a name.

        Raises:
            UnknownName: There is no population of that name.
        """
        for population in self.populations:
            if population.name == name:
                return population
        raise unknown_name("population", name, self.population_names)

    def gids(self, populations: str | list[str] | tuple[str, ...] | None = None) -> NDArray[np.int64]:
        """Return the gids of one or several populations (default: all), ascending."""
        if populations is None:
            return np.arange(self.num_neurons, dtype=np.int64)
        selected = (populations,) if isinstance(populations, str) else tuple(populations)
        if not selected:
            raise InvalidInput("populations must name at least one population; None selects all.")
        return np.unique(np.concatenate([self.population(name).gids for name in selected]))

    def connectivity_matrix(self) -> NDArray[np.float64]:
        """Return the synaptic strengths relative to the weights, ``[N, N]`` indexed (pre, post); 0 if unconnected.

        The matrix needs 8 N**2 bytes: 80 kB for EI2, 0.8 GB for EI4.
        """
        matrix = np.zeros((self.num_neurons, self.num_neurons))
        for projection in self.projections:
            # a pair of cells may have several synapses in an imported culture
            np.add.at(matrix, (projection.pre_gid, projection.post_gid), projection.scale)
        return matrix

    def summary(self) -> dict[str, object]:
        """Return counts, sizes and mean in-degrees, as plain values for printing or JSON."""
        return {
            "name": self.name,
            "neurons": self.num_neurons,
            "populations": {population.name: population.count for population in self.populations},
            "synapses": self.num_synapses,
            "in_degree": {
                f"{p.pre}->{p.post}": round(len(p) / self.population(p.post).count, 2) for p in self.projections
            },
            "delay_ms": {
                f"{p.pre}->{p.post}": [float(p.delay_ms.min()), float(p.delay_ms.max())]
                for p in self.projections
                if len(p)
            },
            "channels": self.num_channels,
            "area_um": [float(x) for x in (self.bounding_box[1] - self.bounding_box[0])[:2]],
            "sha256": self.sha256(),
        }

    def sha256(self) -> str:
        """Return the SHA-256 of everything that affects a simulation, with arrays rounded, equal on every machine.

        The name, which only selects the shipped parameters, is not included. Kinetics, radii and heterogeneity are
        included only if the system defines any.
        """
        digest = hashlib.sha256()

        def add(label: str, array: NDArray, unit: float) -> None:
            digest.update(f"{label}:{array.shape};".encode())
            digest.update(np.rint(array * (1.0 / unit)).astype("<i8").tobytes())

        for population in self.populations:
            digest.update(f"{population.name}:{population.start}:{population.count};".encode())
        add("positions", self.positions, 1e-3)
        add("dendrites", self.dendrites, 1e-6)
        add("electrodes", self.electrodes, 1e-3)
        add("bounding_box", self.bounding_box, 1e-3)
        for p in self.projections:
            digest.update(f"{p.pre}:{p.post}:{p.section}:{','.join(p.receptors)};".encode())
            add("pre", p.pre_gid, 1.0)
            add("post", p.post_gid, 1.0)
            for label, array in (("distance", p.distance_um), ("delay", p.delay_ms), ("scale", p.scale)):
                add(label, array, 1e-3)
        if self.kinetics or self.output_radius_um is not None or self.input_radius_um is not None:
            kinetics = sorted((key, tuple(map(float, astuple(values)))) for key, values in self.kinetics.items())
            radii = [None if r is None else float(r) for r in (self.output_radius_um, self.input_radius_um)]
            digest.update(repr((kinetics, radii)).encode())
        for key in sorted(self.heterogeneity):
            add(f"heterogeneity {key}", self.heterogeneity[key], 1e-3)
        return digest.hexdigest()


@checked
def check_distinct(electrodes_um: NDArray) -> None:
    """Check that all electrodes have different positions; two in one place would record the same cells.

    Args:
        electrodes_um: Electrode positions, um ``[C, 3]``.

    Raises:
        InvalidInput: Two electrodes have the same position to within a thousandth of a micrometre.
    """
    positions, first, count = np.unique(
        np.rint(electrodes_um * 1e3) + 0.0, axis=0, return_index=True, return_counts=True
    )  # + 0.0 turns -0.0 into 0.0
    if len(positions) != len(electrodes_um):
        x, y, z = electrodes_um[first[np.argmax(count)]].tolist()
        raise InvalidInput(f"Two electrodes have the same position, ({x:g}, {y:g}, {z:g}) um.")
