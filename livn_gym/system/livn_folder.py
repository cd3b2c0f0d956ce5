"""Import systems from folders in livn's layout: NeuroH5 files with a graph.json.

Cells and connections are in ``cells.h5`` and ``connections.h5``, or together in ``graph.h5``. All dendrites point along
+x, since the files do not define their direction; delays are distance / 250 um/ms, at least 0.05 ms. The default
weights in the files are ignored: weights are set by key, in units of the file's ``g_unit``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import CorruptData
from livn_gym.hdf5 import Hdf5
from livn_gym.reading import damage, part_of, read_json
from livn_gym.system.system import Population, Projection, SynapseKinetics, System
from livn_gym.units import NS_TO_US, finite

GRAPH, CELLS, CONNECTIONS, COMBINED, ARRAY = "graph.json", "cells.h5", "connections.h5", "graph.h5", "mea.json"
MARKER_FILES = (GRAPH, CELLS, CONNECTIONS, COMBINED)
"""Files of which any identifies a folder in this layout."""

_VELOCITY_UM_PER_MS = 250.0
_MIN_DELAY_MS = 0.05
_SECTIONS = {"excitatory": "hillock", "inhibitory": "soma"}
"""Sections in weight keys by synapse type, whatever section the file names."""


@checked
def read(folder: str | Path) -> System:
    """Read a folder; the system has the name of the folder.

    Raises:
        CorruptData: A file is missing, damaged, or inconsistent with another.
    """
    folder = Path(folder).resolve()
    with damage(folder, "is not a valid system", invalid_is_damage=True):
        return _read(folder)


def _read(folder: Path) -> System:
    graph = _json(folder / GRAPH)
    if graph.get("version", 1) != 1:
        raise CorruptData(f"{folder / GRAPH} is of version {graph['version']!r}; only version 1 can be read.")
    combined = (folder / COMBINED).exists()
    cells, connections = (folder / (COMBINED if combined else name) for name in (CELLS, CONNECTIONS))
    definitions = _section(folder / GRAPH, graph, "connections")
    with part_of(Hdf5, cells) as file:
        populations = _populations(file, definitions)
        positions = np.concatenate([_positions(file, population) for population in populations])
    projections: list[Projection] = []
    kinetics: dict[tuple[str, str, str], SynapseKinetics] = {}
    with part_of(Hdf5, connections) as file:
        for pre in populations:
            for post in populations:
                entry = _synapses(folder / GRAPH, definitions, pre, post)
                edges = _edges(file, pre, post)
                if entry is None and not len(edges[0]):
                    continue
                if entry is None:
                    raise CorruptData(f"{folder / GRAPH} does not describe the synapses {pre.name} -> {post.name}.")
                receptors = _receptors(folder / GRAPH, entry, pre, post)
                kinetics |= {(pre.name, post.name, name): values for name, values in receptors.items()}
                projections.append(_projection(pre, post, _SECTIONS[entry["type"]], tuple(receptors), edges))
    electrodes, radii = _electrodes(folder / ARRAY)
    architecture = _section(folder / GRAPH, graph, "architecture").get("config")
    return System(
        name=folder.name,
        populations=tuple(populations),
        positions=positions,
        dendrites=np.tile([1.0, 0.0], (len(positions), 1)),
        projections=tuple(projections),
        electrodes=electrodes,
        bounding_box=_bounding_box(folder / GRAPH, architecture),
        kinetics=kinetics,
        output_radius_um=radii["output_radius"],
        input_radius_um=radii["input_radius"],
    )


def _json(path: Path) -> dict[str, Any]:
    content = part_of(read_json, path)
    if not isinstance(content, dict):
        raise CorruptData(f"{path} must hold an object, got {type(content).__name__}.")
    return content


def _section(path: Path, graph: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    if not isinstance(graph.get(key), Mapping):
        raise CorruptData(f"{path} has no section {key!r}.")
    return graph[key]


def _configs(definitions: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """Return the entry ``key`` of every connections section that has one."""
    configs = [section.get("config") for section in definitions.values() if isinstance(section, Mapping)]
    entries = [config.get(key) for config in configs if isinstance(config, Mapping)]
    return [entry for entry in entries if isinstance(entry, Mapping)]


def _populations(file: Hdf5, definitions: Mapping[str, Any]) -> list[Population]:
    """Read the populations that have cells, in gid order.

    The file identifies populations by number, and graph.json maps numbers to names. If it does not, populations are
    identified by their number of cells.
    """
    path = "H5Types/Populations"
    table = file.array(path, "Vfiu")
    if not {"Start", "Count", "Population"} <= set(table.dtype.names or ()):
        raise file.damaged(path, "lacks the columns Start, Count, Population")
    name_by_number = {
        number: name for entry in _configs(definitions, "population_definitions") for name, number in entry.items()
    }
    names = file.names("Populations")
    sizes = (
        {name: len(file.index(f"{_coordinate(name, 'X')}/Cell Index")) for name in names} if not name_by_number else {}
    )
    populations, stop = [], 0
    for start, count, number in sorted((int(r["Start"]), int(r["Count"]), int(r["Population"])) for r in table):
        if count == 0:
            continue
        name = name_by_number.get(number) if name_by_number else next((n for n in names if sizes[n] == count), None)
        if name not in names:
            raise file.damaged(path, f"has a population {number} of {count} cells that is not among {names}")
        if start != stop:
            raise file.damaged(path, f"is not contiguous: {name} starts at {start}, expected {stop}")
        names.remove(name)
        populations.append(Population(name, start, count))
        stop = start + count
    if not populations:
        raise file.damaged(path, "has no cells")
    return populations


def _thousandths(file: Hdf5, path: str) -> NDArray[np.float64]:
    """Read finite numbers, rounded to multiples of 1e-3."""
    return np.rint(file.finite(path) * 1e3) / 1e3


def _coordinate(population: str, axis: str) -> str:
    return f"Populations/{population}/Generated Coordinates/{axis} Coordinate"


def _positions(file: Hdf5, population: Population) -> NDArray[np.float64]:
    """Read the soma positions of a population, um ``[count, 3]``."""
    columns = []
    for axis in "XYZ":
        path = _coordinate(population.name, axis)
        cell = file.index(f"{path}/Cell Index")
        pointer = file.index(f"{path}/Attribute Pointer")
        value = _thousandths(file, f"{path}/Attribute Value")
        if len(cell) != population.count or not np.array_equal(np.sort(cell), np.arange(population.count)):
            raise file.damaged(path, f"does not have each of {population.count} cells once")
        if len(pointer) != len(cell) + 1 or np.any(np.diff(pointer) != 1) or pointer[0] or pointer[-1] != len(value):
            raise file.damaged(path, "does not have one value for each cell")
        column = np.empty(population.count)
        column[cell] = value
        columns.append(column)
    return np.column_stack(columns)


Edges = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def _edges(file: Hdf5, pre: Population, post: Population) -> Edges:
    """Read presynaptic gid, postsynaptic gid and distance (um) of every synapse, ``[E]``, sorted by (post, pre).

    Destinations are stored in blocks of consecutive cells. Block b starts with cell ``index[b]`` and has the entries
    ``block[b]`` to ``block[b + 1]`` of the destination pointer. The last entry of the last block only marks the end.
    """
    path = f"Projections/{post.name}/{pre.name}"
    if pre.name not in file.names(f"Projections/{post.name}"):
        empty = np.empty(0, dtype=np.int64)
        return empty, empty.copy(), np.empty(0)
    index = file.index(f"{path}/Edges/Destination Block Index")
    block = file.index(f"{path}/Edges/Destination Block Pointer")
    pointer = file.index(f"{path}/Edges/Destination Pointer")
    source = file.index(f"{path}/Edges/Source Index")
    distance = _thousandths(file, f"{path}/Connections/distance")
    if len(distance) != len(source):
        raise file.damaged(path, f"has {len(source)} edges and {len(distance)} distances")
    if not len(source):
        return source, source.copy(), distance
    sizes = np.diff(block)
    if len(sizes) != len(index) or not len(sizes) or block[0] != 0 or block[-1] != len(pointer):
        raise file.damaged(f"{path}/Edges/Destination Block Pointer", "does not match the blocks or the pointers")
    sizes[-1] -= 1
    if np.any(sizes < 0) or np.any(np.diff(pointer) < 0) or pointer[0] != 0 or pointer[-1] != len(source):
        raise file.damaged(f"{path}/Edges/Destination Pointer", f"does not cover all {len(source)} edges")
    target = np.concatenate([first + np.arange(size) for first, size in zip(index, sizes, strict=True)])
    target = np.repeat(target, np.diff(pointer))
    for name, ids, population in (("source", source, pre), ("destination", target, post)):
        if ids.min() < 0 or ids.max() >= population.count:
            raise file.damaged(path, f"has a {name} outside the {population.count} cells of {population.name}")
    if np.any(distance < 0.0):
        raise file.damaged(f"{path}/Connections/distance", "has a negative distance")
    order = np.lexsort((source, target))
    return source[order] + pre.start, target[order] + post.start, distance[order]


def _projection(
    pre: Population, post: Population, section: str, receptors: tuple[str, ...], edges: Edges
) -> Projection:
    pre_gid, post_gid, distance = edges
    delay = np.maximum(distance / _VELOCITY_UM_PER_MS, _MIN_DELAY_MS)
    return Projection(
        pre=pre.name,
        post=post.name,
        section=section,
        receptors=receptors,
        pre_gid=pre_gid,
        post_gid=post_gid,
        distance_um=distance,
        delay_ms=np.rint(delay * 1e3) / 1e3,
        scale=np.ones(len(distance)),
    )


def _synapses(
    path: Path, definitions: Mapping[str, Any], pre: Population, post: Population
) -> Mapping[str, Any] | None:
    """Return the entry of graph.json for the synapses from one population onto another."""
    for synapses in _configs(definitions, "synapses"):
        by_pre = synapses.get(post.name, {})
        if isinstance(by_pre, Mapping) and pre.name in by_pre:
            entry = by_pre[pre.name]
            kind = entry.get("type") if isinstance(entry, Mapping) else None
            if kind not in _SECTIONS:
                raise CorruptData(
                    f"{path}: synapses {pre.name} -> {post.name} have type {kind!r}, expected one of {[*_SECTIONS]}."
                )
            return entry
    return None


def _receptors(path: Path, entry: Mapping[str, Any], pre: Population, post: Population) -> dict[str, SynapseKinetics]:
    where = f"{path}: mechanisms.default of the synapses {pre.name} -> {post.name}"
    try:
        receptors = {
            name: SynapseKinetics(
                reversal_mV=finite(f"{name} e", values["e"]),
                tau_rise_ms=finite(f"{name} tau_rise", values["tau_rise"], above=0.0),
                tau_decay_ms=finite(f"{name} tau_decay", values["tau_decay"], above=values["tau_rise"]),
                unit_nS=finite(f"{name} g_unit", values["g_unit"], minimum=0.0) / NS_TO_US,
            )
            for name, values in entry["mechanisms"]["default"].items()
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CorruptData(f"{where} cannot be used: {type(error).__name__}: {error}.") from error
    if not receptors:
        raise CorruptData(f"{where} has no receptor.")
    return receptors


def _electrodes(path: Path) -> tuple[NDArray[np.float64], dict[str, float | None]]:
    """Read the positions of the electrodes, um ``[C, 3]``, and the radii; empty and None without such a file."""
    if not os.path.lexists(path):
        return np.zeros((0, 3)), {"input_radius": None, "output_radius": None}
    layout = _json(path)
    try:
        rows = np.array(layout["electrode_coordinates"], dtype=np.float64).reshape(-1, 4)
        rows = rows[np.argsort(rows[:, 0], kind="stable")]  # the channel is the id of the electrode
        if not np.isfinite(rows).all() or (np.diff(rows[:, 0]) == 0.0).any():
            raise ValueError("ids must be distinct and all numbers finite")
        radii = {
            key: None if layout.get(key) is None else finite(key, layout[key], above=0.0)
            for key in ("input_radius", "output_radius")
        }
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptData(f"{path} is not an electrode layout: {type(error).__name__}: {error}.") from error
    return np.rint(rows[:, 1:] * 1e3) / 1e3, radii


def _bounding_box(path: Path, architecture: Any) -> NDArray[np.float64]:
    try:
        (x0, y0), (x1, y1) = architecture["area"]
        z0, z1 = architecture["z_range"]
        return np.rint(np.array([[x0, y0, z0], [x1, y1, z1]], dtype=np.float64) * 1e3) / 1e3
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptData(f"{path}: architecture.config has no usable area and z_range ({error}).") from error
