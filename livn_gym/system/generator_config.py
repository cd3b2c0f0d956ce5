"""Config of the generator of cultures, read from TOML and checked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.reading import read_toml
from livn_gym.system.system import Population
from livn_gym.units import finite

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
MAX_CELLS, MAX_ELECTRODES, MAX_SYNAPSES = 10**7, 10**6, 10**9
"""Limits of generated systems; the memory of the machine may impose lower ones."""
_NOT_A_TABLE = "must be a table of keys and values"


@checked
@dataclass(frozen=True)
class Area:
    """Flat area with its lower left corner at the origin; a disk touches all sides of its square.

    Attributes:
        shape: ``"rectangle"`` or ``"disk"``.
        width_um: Extent along x, um; the diameter of a disk.
        height_um: Extent along y, um; the diameter of a disk.
    """

    shape: Literal["rectangle", "disk"]
    width_um: float
    height_um: float

    def __post_init__(self) -> None:
        """Check shape and size."""
        if self.shape not in ("rectangle", "disk"):
            raise unknown_name("area shape", self.shape, ("rectangle", "disk"))
        for name in ("width_um", "height_um"):
            # up to 1 m; the generator represents coordinates as whole thousandths of a micrometre
            if not 1e-3 <= finite(f"area {name}", getattr(self, name)) <= 1e6:
                raise InvalidInput(f"area {name} must be from 0.001 to 1e6 um, got {getattr(self, name):g}.")
        if self.shape == "disk" and self.width_um != self.height_um:
            raise InvalidInput(
                f"A disk must have equal width and height, got {self.width_um:g} and {self.height_um:g} um."
            )


@checked
@dataclass(frozen=True)
class ElectrodeGrid:
    """Electrode grid centred on the area, numbered row by row: channel = row * columns + column."""

    rows: int
    columns: int
    pitch_um: float

    def __post_init__(self) -> None:
        """Check the ranges."""
        _whole("electrodes rows", self.rows, 0)
        _whole("electrodes columns", self.columns, 0)
        if self.rows * self.columns > MAX_ELECTRODES:
            raise InvalidInput(
                f"At most {MAX_ELECTRODES:,} electrodes are possible, got {self.rows} rows of {self.columns}."
            )
        finite("electrodes pitch_um", self.pitch_um, above=0.0)


@checked
@dataclass(frozen=True)
class SynapseSite:
    """Site and receptors of all synapses that a population makes.

    Attributes:
        section: Part of the weight keys that names the site of the synapses, ``"hillock"`` or ``"soma"``.
        receptors: Names of the receptors, for example ``("AMPA", "NMDA")``.
    """

    section: str
    receptors: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that section and receptors can be parts of a weight key."""
        for word in (self.section, *self.receptors):
            if not isinstance(word, str) or not re.fullmatch(r"\w+", word):
                raise InvalidInput(f"Sections and receptors must be words, got {word!r}.")
        if not self.receptors or len(set(self.receptors)) != len(self.receptors):
            raise InvalidInput(f"A synapse needs one or more distinct receptors, got {list(self.receptors)}.")


@checked
@dataclass(frozen=True)
class GeneratorConfig:
    """Config from which a culture is generated; ``configs/systems`` shows its layout as TOML.

    Attributes:
        name: Name of the system.
        seed: Default seed of ``generate``.
        area: Area of the cells.
        populations: Populations of cells, with contiguous gids from 0.
        sigma_um: Standard deviation of the Gaussian by which connection probability falls with distance, um.
        cutoff_um: Distance beyond which cells are never connected, um.
        in_degree: Mean number of inputs of a postsynaptic cell from a population, by (pre, post).
        delay_base_ms: Delay of a synapse at distance 0, ms.
        velocity_um_per_ms: Conduction velocity.
        delay_resolution_ms: Unit of which delays are whole multiples, ms.
        scale_cv: Coefficient of variation of the log-normal synaptic strengths, whose mean is 1.
        synapses: Site and receptors of the synapses of each presynaptic population.
        electrodes: Electrode grid.
        output_radius_um: Recording radius of an electrode, um; None selects the default of the interface.
        input_radius_um: Stimulation radius of an electrode, um; None selects the default of the interface.
        sha256: ``System.sha256()`` of the system generated from ``seed``, which is checked if it is given.
        heterogeneity: Coefficient of variation of a constant of a population's cells, by ``<population>-<constant>``.
    """

    name: str
    seed: int
    area: Area
    populations: tuple[Population, ...]
    sigma_um: float
    cutoff_um: float
    in_degree: Mapping[tuple[str, str], float]
    delay_base_ms: float
    velocity_um_per_ms: float
    delay_resolution_ms: float
    scale_cv: float
    synapses: Mapping[str, SynapseSite]
    electrodes: ElectrodeGrid
    output_radius_um: float | None = None
    input_radius_um: float | None = None
    sha256: str | None = None
    heterogeneity: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the ranges, and that all entries refer to the same populations."""
        _whole("seed", self.seed, 0)
        if self.seed >= 2**64:
            raise InvalidInput(f"seed must be below 2**64, got {self.seed}.")
        for key in ("sigma_um", "cutoff_um", "velocity_um_per_ms", "delay_resolution_ms"):
            finite(key, getattr(self, key), above=0.0)
        if self.cutoff_um > 10.0 * self.sigma_um:
            raise InvalidInput(
                f"cutoff_um must be at most 10 sigma_um, got cutoff_um {self.cutoff_um:g}, sigma_um {self.sigma_um:g}."
            )
        if self.cutoff_um > 2e4:  # the generator tabulates the probability in steps of 0.001 um
            raise InvalidInput(f"cutoff_um must be at most 20000 um, got {self.cutoff_um:g}.")
        thousandths = self.delay_resolution_ms * 1e3
        if round(thousandths) < 1 or abs(thousandths - round(thousandths)) > 1e-9:
            raise InvalidInput(f"delay_resolution_ms must be a multiple of 0.001, got {self.delay_resolution_ms:g}.")
        for key in ("delay_base_ms", "scale_cv"):
            finite(key, getattr(self, key), minimum=0.0)
        for key in ("output_radius_um", "input_radius_um"):
            if getattr(self, key) is not None:
                finite(key, getattr(self, key), above=0.0)
        if self.sha256 is not None and not (isinstance(self.sha256, str) and _SHA256.fullmatch(self.sha256)):
            raise InvalidInput(f"sha256 must be 64 lower-case hexadecimal digits, got {self.sha256!r}.")
        names = [population.name for population in self.populations]
        if not names or len(set(names)) != len(names):
            raise InvalidInput(f"A culture needs one or more populations with distinct names, got {names}.")
        if sum(population.count for population in self.populations) > MAX_CELLS:
            raise InvalidInput(f"At most {MAX_CELLS:,} cells are possible, got {list(self.populations)}.")
        for key, cv in self.heterogeneity.items():
            population, _, constant = key.partition("-")
            if population not in names or not re.fullmatch(r"\w+", constant):
                raise InvalidInput(f"[heterogeneity] needs keys <population>-<constant> of {names}, got {key!r}.")
            if finite(f"[heterogeneity] {key} cv", cv, minimum=0.0) > 1.0:
                raise InvalidInput(f"[heterogeneity] {key} cv must be at most 1, got {cv:g}.")
        for pair, degree in self.in_degree.items():
            for name in pair:
                if name not in names:
                    raise unknown_name("population of in_degree", name, names)
            finite(f"in_degree of {'_'.join(pair)}", degree, above=0.0)
            if pair[0] not in self.synapses:
                raise InvalidInput(f"Population {pair[0]} makes connections, so [synapses] must have an entry for it.")
        if self.num_synapses > MAX_SYNAPSES:
            raise InvalidInput(f"At most {MAX_SYNAPSES:,} synapses are possible, got about {self.num_synapses:,}.")

    @property
    def num_synapses(self) -> int:
        """Expected number of synapses."""
        count = {population.name: population.count for population in self.populations}
        return round(sum(degree * count[post] for (_, post), degree in self.in_degree.items()))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], name: str) -> Self:
        """Read a mapping in the layout of the files in ``configs/systems``.

        Args:
            mapping: Parsed TOML.
            name: Name of the system.

        Raises:
            InvalidInput: A key is missing or a value out of range.
            UnknownName: A key or population does not exist.
        """
        required = ("seed", "area", "populations", "connectivity", "delay", "synapses", "electrodes")
        top = _table("system config", mapping, required, ("sha256", "heterogeneity"))
        populations = _populations(top["populations"])
        names = [population.name for population in populations]
        connectivity = _table("[connectivity]", top["connectivity"], ("sigma_um", "cutoff_um", "in_degree"))
        delay = _table("[delay]", top["delay"], ("base_ms", "velocity_um_per_ms", "resolution_ms"))
        synapses = _table("[synapses]", top["synapses"], ("scale_cv",), names)
        radii = ("output_radius_um", "input_radius_um")
        electrodes = _table("[electrodes]", top["electrodes"], ("rows", "columns", "pitch_um"), radii)
        pairs = {f"{pre}_{post}": (pre, post) for pre in names for post in names}
        degrees = _table("[connectivity.in_degree]", connectivity["in_degree"], (), pairs)
        return cls(
            name=name,
            seed=top["seed"],
            area=_area(top["area"]),
            populations=populations,
            sigma_um=connectivity["sigma_um"],
            cutoff_um=connectivity["cutoff_um"],
            in_degree={pairs[key]: degree for key, degree in degrees.items()},
            delay_base_ms=delay["base_ms"],
            velocity_um_per_ms=delay["velocity_um_per_ms"],
            delay_resolution_ms=delay["resolution_ms"],
            scale_cv=synapses["scale_cv"],
            synapses={pre: _site(pre, synapses[pre]) for pre in names if pre in synapses},
            electrodes=ElectrodeGrid(electrodes["rows"], electrodes["columns"], electrodes["pitch_um"]),
            output_radius_um=electrodes.get("output_radius_um"),
            input_radius_um=electrodes.get("input_radius_um"),
            sha256=top.get("sha256"),
            heterogeneity=_heterogeneity(top.get("heterogeneity", {})),
        )

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read a TOML file; the system has the name of the file.

        Raises:
            InvalidInput: There is no such file, or its content is not valid.
        """
        return cls.from_mapping(read_toml(path), Path(path).stem)


def _table(label: str, table: object, required: Collection[str], optional: Collection[str] = ()) -> Mapping[str, Any]:
    """Check that a table is a mapping with all required and no unknown keys, and return it."""
    if not isinstance(table, Mapping):
        raise InvalidInput(f"{label} {_NOT_A_TABLE}, got {table!r}.")
    for key in table:
        if key not in required and key not in optional:
            raise unknown_name(f"key in {label}", key, [*required, *optional])
    missing = [key for key in required if key not in table]
    if missing:
        raise InvalidInput(f"{label} lacks {', '.join(missing)}.")
    return table


def _whole(name: str, value: object, minimum: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise InvalidInput(f"{name} must be an integer of at least {minimum}, got {value!r}.")
    return value


def _area(table: object) -> Area:
    shape = table.get("shape") if isinstance(table, Mapping) else None
    if shape == "disk":
        disk = _table("[area] of a disk", table, ("shape", "diameter_um"))
        return Area("disk", disk["diameter_um"], disk["diameter_um"])
    rectangle = _table("[area]", table, ("shape", "width_um", "height_um"))
    return Area(rectangle["shape"], rectangle["width_um"], rectangle["height_um"])


def _site(pre: str, table: object) -> SynapseSite:
    site = _table(f"[synapses.{pre}]", table, ("section", "receptors"))
    if not isinstance(site["receptors"], list | tuple):
        raise InvalidInput(f"[synapses.{pre}] receptors must be a list of names, got {site['receptors']!r}.")
    return SynapseSite(site["section"], tuple(site["receptors"]))


def _heterogeneity(table: object) -> dict[str, float]:
    if not isinstance(table, Mapping):
        raise InvalidInput(f"[heterogeneity] {_NOT_A_TABLE}, got {table!r}.")
    return {key: _table(f"[heterogeneity] {key}", value, ("cv",))["cv"] for key, value in table.items()}


def _populations(table: object) -> tuple[Population, ...]:
    """Read populations from ``count = {EXC = 80}``, or from ``total = 100`` and ``ratio = {EXC = 4, INH = 1}``."""
    if isinstance(table, Mapping) and "count" in table:
        by_count = _table("[populations] by count", table, ("count",))["count"]
        if not isinstance(by_count, Mapping):
            raise InvalidInput(f"[populations] count {_NOT_A_TABLE}, got {by_count!r}.")
        counts = dict(by_count)
    else:
        by_ratio = _table("[populations] without count", table, ("total", "ratio"))
        counts = _apportion(_whole("[populations] total", by_ratio["total"], 1), by_ratio["ratio"])
    if not counts:
        raise InvalidInput("[populations] must name one or more populations.")
    populations, start = [], 0
    for name, count in counts.items():
        if not _NAME.fullmatch(name):
            raise InvalidInput(f"A population's name is letters and digits, starting with a letter; got {name!r}.")
        populations.append(Population(name, start, _whole(f"number of {name} cells", count, 1)))
        start += count
    return tuple(populations)


def _apportion(total: int, ratio: object) -> dict[str, int]:
    """Divide ``total`` cells by ratio with the largest-remainder method."""
    if not isinstance(ratio, Mapping) or not ratio:
        raise InvalidInput(f"[populations] ratio {_NOT_A_TABLE}, got {ratio!r}.")
    shares = {name: finite(f"ratio of {name}", value, above=0.0) for name, value in ratio.items()}
    exact = {name: total * share / sum(shares.values()) for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts
