"""What a culture is made of: populations, positions, dendrites, projections, electrodes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import InvalidInput, unknown_name


@dataclass(frozen=True)
class Population:
    """Cells of one kind; their gids are ``start, ..., start + count - 1``."""

    name: str
    start: int
    count: int

    @property
    def stop(self) -> int:
        """One past the last gid."""
        return self.start + self.count

    @property
    def gids(self) -> NDArray[np.int64]:
        """The gids of the population, ``[count]``."""
        return np.arange(self.start, self.stop, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Projection:
    """The synapses from one population onto another, sorted by (post gid, pre gid).

    Attributes:
        pre: Name of the presynaptic population.
        post: Name of the postsynaptic population.
        section: The word that weight keys use for the site, ``"hillock"`` or ``"soma"``.
        receptors: Receptors that every synapse of the projection carries, e.g. ``("AMPA", "NMDA")``.
        pre_gid: Presynaptic cells, int64 ``[E]``.
        post_gid: Postsynaptic cells, int64 ``[E]``.
        distance_um: Distance between the somata, um ``[E]``, a multiple of 1e-3.
        delay_ms: Conduction and synaptic delay, ms ``[E]``, a multiple of 1e-3.
        scale: Strength relative to the projection's weight, ``[E]``, mean near 1, a multiple of 1e-3.
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
        """Check that the arrays belong together, and make them read-only."""
        for name in ("pre_gid", "post_gid", "distance_um", "delay_ms", "scale"):
            array = getattr(self, name)
            if array.shape != self.pre_gid.shape or array.ndim != 1 or not np.isfinite(array).all():
                raise InvalidInput(f"{name} of {self.pre}->{self.post} must hold one finite value for each synapse.")
            array.flags.writeable = False
        if len(self) and self.delay_ms.min() <= 0.0:
            raise InvalidInput(f"Delays of {self.pre}->{self.post} must be positive.")

    def __len__(self) -> int:
        """Number of synapses."""
        return len(self.pre_gid)

    @property
    def weight_names(self) -> tuple[str, ...]:
        """Keys of the projection's weights, ``PRE_POST-section-RECEPTOR-weight``."""
        return tuple(f"{self.pre}_{self.post}-{self.section}-{receptor}-weight" for receptor in self.receptors)

    def onto(self, start: int, stop: int) -> Projection:
        """The part whose postsynaptic gid lies in ``[start, stop)``; views, no copies."""
        part = slice(*np.searchsorted(self.post_gid, (start, stop)))
        return replace(
            self,
            pre_gid=self.pre_gid[part],
            post_gid=self.post_gid[part],
            distance_um=self.distance_um[part],
            delay_ms=self.delay_ms[part],
            scale=self.scale[part],
        )


@dataclass(frozen=True)
class SynapseKinetics:
    """Kinetics of one receptor that a system's own files prescribe in place of the model's."""

    reversal_mV: float
    tau_rise_ms: float
    tau_decay_ms: float
    unit_nS: float


@dataclass(frozen=True, eq=False)
class System:
    """A culture's neural architecture and its electrodes; immutable.

    Attributes:
        name: Name under which tuned parameters are looked up.
        populations: Populations in gid order, contiguous from 0.
        positions: Soma positions, um ``[N, 3]``, multiples of 1e-3.
        dendrites: Unit vectors in the plane from soma towards dendrite, ``[N, 2]``, multiples of 1e-6.
        projections: One entry per connected (pre, post) pair.
        electrodes: Electrode positions, um ``[C, 3]``.
        bounding_box: Lower and upper corner of the culture's area, um ``[2, 3]``.
        kinetics: Receptor kinetics prescribed by the system, by (pre, post, receptor); usually empty.
        output_radius_um: How far an electrode hears, where the system's files say so.
        input_radius_um: How far an electrode is taken to reach, where the system's files say so.
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

    def __post_init__(self) -> None:
        """Check that the parts fit together, and make the arrays read-only."""
        stop = 0
        for population in self.populations:
            if population.start != stop or population.count < 1:
                raise InvalidInput(f"Populations must be non-empty and contiguous from gid 0, got {population}.")
            stop = population.stop
        for name, array, width in (
            ("positions", self.positions, 3),
            ("dendrites", self.dendrites, 2),
            ("electrodes", self.electrodes, 3),
        ):
            rows = len(array) if name == "electrodes" else stop
            if array.shape != (rows, width) or not np.isfinite(array).all():
                raise InvalidInput(f"{name} must be finite with shape [{rows}, {width}], got {array.shape}.")
            array.flags.writeable = False
        if self.bounding_box.shape != (2, 3) or not np.isfinite(self.bounding_box).all():
            raise InvalidInput(f"bounding_box must be finite with shape [2, 3], got {self.bounding_box.shape}.")
        self.bounding_box.flags.writeable = False
        for projection in self.projections:
            for gid, name in ((projection.pre_gid, projection.pre), (projection.post_gid, projection.post)):
                population = self.population(name)
                if len(gid) and (gid.min() < population.start or gid.max() >= population.stop):
                    raise InvalidInput(f"A gid of projection {projection.pre}->{projection.post} is not in {name}.")

    @classmethod
    def from_directory(cls, path: str | Path) -> System:
        """Read a SONATA folder or a folder in livn's HDF5 layout."""
        from livn_gym.system.files import read  # a file format imports System

        return read(Path(path))

    @property
    def num_neurons(self) -> int:
        """N, the number of cells."""
        return self.populations[-1].stop

    @property
    def num_channels(self) -> int:
        """C, the number of electrodes."""
        return len(self.electrodes)

    @property
    def num_synapses(self) -> int:
        """Number of connections, each counted once whatever its receptors."""
        return sum(len(projection) for projection in self.projections)

    @property
    def population_names(self) -> tuple[str, ...]:
        """Names in gid order."""
        return tuple(population.name for population in self.populations)

    @property
    def weight_names(self) -> tuple[str, ...]:
        """Every weight key of the system, ``PRE_POST-section-RECEPTOR-weight``."""
        return tuple(name for projection in self.projections for name in projection.weight_names)

    def population(self, name: str) -> Population:
        """The population of that name.

        Raises:
            UnknownName: There is none.
        """
        for population in self.populations:
            if population.name == name:
                return population
        raise unknown_name("population", name, self.population_names)

    def gids(self, populations: str | list[str] | tuple[str, ...] | None = None) -> NDArray[np.int64]:
        """Gids of one or several populations (default all), ascending."""
        if populations is None:
            return np.arange(self.num_neurons, dtype=np.int64)
        chosen = (populations,) if isinstance(populations, str) else tuple(populations)
        return np.unique(np.concatenate([self.population(name).gids for name in chosen]))

    def projections_onto(self, start: int, stop: int) -> tuple[Projection, ...]:
        """The projections' parts onto the cells ``[start, stop)``, so that a rank builds only its own."""
        if not 0 <= start <= stop <= self.num_neurons:
            raise InvalidInput(f"Cell range must lie in 0 ... {self.num_neurons}, got {start} ... {stop}.")
        return tuple(projection.onto(start, stop) for projection in self.projections)

    def connectivity_matrix(self) -> NDArray[np.float64]:
        """Synapse strengths relative to their weights, ``[N, N]`` indexed (pre, post); 0 where unconnected.

        Needs 8 N**2 bytes: 80 kB for EI2, 0.8 GB for EI4.
        """
        matrix = np.zeros((self.num_neurons, self.num_neurons))
        for projection in self.projections:
            # a pair of cells may have several synapses in an imported culture
            np.add.at(matrix, (projection.pre_gid, projection.post_gid), projection.scale)
        return matrix

    def summary(self) -> dict[str, object]:
        """Counts, sizes and mean in-degrees, as plain values for printing or JSON."""
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
        """SHA-256 of every array, taken as whole thousandths so that it is equal on every machine."""
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
        return digest.hexdigest()
