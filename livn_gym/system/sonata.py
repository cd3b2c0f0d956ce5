"""Read and write systems in the SONATA format, with the electrodes in probeinterface's JSON format.

A folder holds ``circuit_config.json``, ``nodes.h5``, ``edges.h5``, their type tables and, if there are electrodes,
``electrodes.json``. The section ``livn_gym`` of the config holds what SONATA cannot represent.

Reference:
    Dai et al., The SONATA data format for efficient description of large-scale network models,
    PLoS Comput Biol 16:e1007696, 2020.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from livn_gym.atomic import new_folder
from livn_gym.checks import checked
from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.hdf5 import Hdf5, new_file
from livn_gym.reading import damage, part_of, read_json
from livn_gym.system.system import Population, Projection, SynapseKinetics, System

CONFIG = "circuit_config.json"
_NODES, _EDGES, _ELECTRODES = "nodes.h5", "edges.h5", "electrodes.json"
FORMAT = 2
"""Version of the file format, which is increased at every change."""
_SECTION_SHA256 = "section_sha256"

_MAGIC = np.uint32(0x0A7A)
_CONTACT_RADIUS_UM = 15.0


@checked
def write(system: System, folder: str | Path) -> Path:
    """Write a system into a new folder, which appears only when it is complete.

    Args:
        system: System to write.
        folder: Path of a folder that is empty or does not exist.

    Returns:
        The folder.

    Raises:
        InvalidInput: The folder is not empty.
        StorageError: The folder cannot be written.
    """
    folder = Path(folder)
    with new_folder(folder) as temporary:
        write_files(system, temporary)
    return folder


@checked
def write_files(system: System, folder: Path) -> None:
    """Write the files of a system into an existing, empty folder."""
    _write_nodes(system, folder)
    _write_edges(system, folder)
    if system.num_channels:
        _write_electrodes(system, folder)
    config = {
        "version": 1,
        "manifest": {"$BASE_DIR": "."},
        "networks": {
            "nodes": [
                {
                    "nodes_file": f"$BASE_DIR/{_NODES}",
                    "node_types_file": "$BASE_DIR/node_types.csv",
                    "populations": {p.name: {"type": "point_neuron"} for p in system.populations},
                }
            ],
            "edges": [
                {
                    "edges_file": f"$BASE_DIR/{_EDGES}",
                    "edge_types_file": "$BASE_DIR/edge_types.csv",
                    "populations": {_edge_name(p.pre, p.post): {"type": "chemical"} for p in system.projections},
                }
            ]
            if system.projections
            else [],
        },
        "livn_gym": _extras(system),
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


@checked
def read(folder: str | Path) -> System:
    """Read a folder written by ``write`` and verify its SHA-256.

    Raises:
        CorruptData: A file is missing or damaged, or does not match the checksum.
        InvalidInput: The SONATA circuit was not written by livn_gym.
    """
    folder = Path(folder)
    config = part_of(read_json, folder / CONFIG)
    extras = config.get("livn_gym") if isinstance(config, dict) else None
    if not isinstance(extras, dict):
        raise InvalidInput(
            f"{folder / CONFIG} has no section 'livn_gym': only SONATA circuits that livn_gym wrote can be "
            "read, since others do not say which receptors a connection has."
        )
    if extras.get("format") != FORMAT:
        raise InvalidInput(
            f"{folder} has format version {extras.get('format')!r}, this version reads {FORMAT}: generate it again "
            "(livn-gym generate)."
        )
    stated = extras.pop(_SECTION_SHA256, None)
    if stated != _section_sha256(extras):
        raise CorruptData(
            f"{folder / CONFIG}: the section 'livn_gym' was changed or is damaged: it has the SHA-256 "
            f"{_section_sha256(extras)}, and states {stated}."
        )
    with damage(folder, "holds a damaged SONATA circuit", invalid_is_damage=True):
        system = _read(folder, extras)
    if system.sha256() != extras.get("sha256"):
        raise CorruptData(
            f"{folder} is damaged: its arrays have the SHA-256 {system.sha256()}, {CONFIG} states "
            f"{extras.get('sha256')}."
        )
    return system


def _section_sha256(extras: dict[str, Any]) -> str:
    """Return the SHA-256 of the section ``livn_gym``, independent of its layout and the order of its keys."""
    return hashlib.sha256(json.dumps(extras, sort_keys=True).encode()).hexdigest()


def _edge_name(pre: str, post: str) -> str:
    return f"{pre}__{post}__chemical"


def _extras(system: System) -> dict[str, Any]:
    extras: dict[str, Any] = {
        "format": FORMAT,
        "name": system.name,
        "sha256": system.sha256(),
        "populations": {p.name: {"first_gid": p.start, "count": p.count} for p in system.populations},
        "projections": [
            {"pre": p.pre, "post": p.post, "section": p.section, "receptors": list(p.receptors)}
            for p in system.projections
        ],
        "kinetics": [
            {"pre": pre, "post": post, "receptor": receptor, "values": asdict(kinetics)}
            for (pre, post, receptor), kinetics in system.kinetics.items()
        ],
        "bounding_box_um": system.bounding_box.tolist(),
        "output_radius_um": system.output_radius_um,
        "input_radius_um": system.input_radius_um,
    }
    if system.heterogeneity:
        extras["heterogeneity"] = sorted(system.heterogeneity)
    extras = json.loads(json.dumps(extras))  # as it is read back, so that the checksum is the same
    return extras | {_SECTION_SHA256: _section_sha256(extras)}


@contextmanager
def _open_new(path: Path) -> Iterator[h5py.File]:
    with new_file(path, track_order=True) as file:
        file.attrs["magic"] = _MAGIC
        file.attrs["version"] = np.array([0, 1], dtype=np.uint32)
        yield file


def _write_nodes(system: System, folder: Path) -> None:
    types = ["node_type_id pop_name model_type"]
    with _open_new(folder / _NODES) as file:
        for type_id, population in enumerate(system.populations):
            rows = slice(population.start, population.stop)
            group = file.create_group(f"nodes/{population.name}")
            group["node_type_id"] = np.full(population.count, type_id, dtype=np.int64)
            group["node_id"] = np.arange(population.count, dtype=np.uint64)
            group["node_group_id"] = np.zeros(population.count, dtype=np.uint32)
            group["node_group_index"] = np.arange(population.count, dtype=np.uint64)
            for axis, name in enumerate("xyz"):
                group[f"0/{name}"] = system.positions[rows, axis]
            for axis, name in enumerate("xy"):
                group[f"0/dendrite_{name}"] = system.dendrites[rows, axis]
            for key, factors in system.heterogeneity.items():
                if key.partition("-")[0] == population.name:
                    group[f"0/factor_{key.partition('-')[2]}"] = factors
            types.append(f"{type_id} {population.name} point_neuron")
    (folder / "node_types.csv").write_text("\n".join(types) + "\n", encoding="utf-8")


def _write_edges(system: System, folder: Path) -> None:
    types = ["edge_type_id pop_name section receptors"]
    with _open_new(folder / _EDGES) as file:
        file.create_group("edges")
        for type_id, projection in enumerate(system.projections):
            pre, post = system.population(projection.pre), system.population(projection.post)
            group = file["edges"].create_group(_edge_name(pre.name, post.name))
            ids = {
                "source": (pre, projection.pre_gid - pre.start),
                "target": (post, projection.post_gid - post.start),
            }
            for end, (population, node_ids) in ids.items():
                dataset = group.create_dataset(f"{end}_node_id", data=node_ids.astype(np.uint64))
                dataset.attrs["node_population"] = population.name
            group["edge_type_id"] = np.full(len(projection), type_id, dtype=np.int64)
            group["edge_group_id"] = np.zeros(len(projection), dtype=np.uint32)
            group["edge_group_index"] = np.arange(len(projection), dtype=np.uint64)
            group["0/delay"] = projection.delay_ms
            group["0/distance"] = projection.distance_um
            group["0/scale"] = projection.scale
            for name, end in (("source_to_target", "source"), ("target_to_source", "target")):
                _write_index(group.create_group(f"indices/{name}"), ids[end][1], ids[end][0].count)
            receptors = ",".join(projection.receptors)
            types.append(f"{type_id} {_edge_name(pre.name, post.name)} {projection.section} {receptors}")
    (folder / "edge_types.csv").write_text("\n".join(types) + "\n", encoding="utf-8")


def _write_index(group: h5py.Group, node_ids: NDArray[np.int64], count: int) -> None:
    """Write the index that gives, for each node, the ranges of consecutive edges at this end.

    Row n of ``node_id_to_ranges`` is the range ``[first, last)`` of rows of ``range_to_edge_id``, which are ranges
    ``[first, last)`` of edge ids. The specification uses this name and ``node_id_to_range``: libsonata reads the first,
    BMTK the second.
    """
    starts = np.flatnonzero(np.diff(node_ids, prepend=-1))
    stops = np.append(starts[1:], len(node_ids)) if len(starts) else starts
    owner = node_ids[starts]
    order = np.argsort(owner, kind="stable")
    group["range_to_edge_id"] = np.column_stack([starts, stops])[order].astype(np.uint64)
    bounds = np.searchsorted(owner[order], np.arange(count + 1))
    group["node_id_to_ranges"] = np.column_stack([bounds[:-1], bounds[1:]]).astype(np.uint64)
    group["node_id_to_range"] = group["node_id_to_ranges"]  # a second link to the same data


def _write_electrodes(system: System, folder: Path) -> None:
    from probeinterface import Probe, ProbeGroup, write_probeinterface  # slow to import

    probe = Probe(ndim=3, si_units="um", name=system.name)
    probe.set_contacts(
        system.electrodes,
        shapes="circle",
        shape_params={"radius": _CONTACT_RADIUS_UM},
        plane_axes=np.tile(np.eye(3)[:2], (system.num_channels, 1, 1)),
    )
    probe.set_device_channel_indices(np.arange(system.num_channels))
    group = ProbeGroup()
    group.add_probe(probe)
    write_probeinterface(folder / _ELECTRODES, group)


def _read(folder: Path, extras: dict[str, Any]) -> System:
    entries = sorted(extras["populations"].items(), key=lambda item: item[1]["first_gid"])
    populations = tuple(Population(name, entry["first_gid"], entry["count"]) for name, entry in entries)
    with part_of(Hdf5, folder / _NODES) as file:
        columns = {
            name: np.concatenate([file.array(f"nodes/{population.name}/0/{name}") for population in populations])
            for name in ("x", "y", "z", "dendrite_x", "dendrite_y")
        }
        heterogeneity = {
            key: file.array(f"nodes/{key.partition('-')[0]}/0/factor_{key.partition('-')[2]}")
            for key in extras.get("heterogeneity", [])
        }
    start = {population.name: population.start for population in populations}
    with part_of(Hdf5, folder / _EDGES) as file:
        projections = tuple(_read_edges(file, entry, start) for entry in extras["projections"])
    return System(
        name=extras["name"],
        populations=populations,
        positions=np.column_stack([columns[axis] for axis in "xyz"]),
        dendrites=np.column_stack([columns[f"dendrite_{axis}"] for axis in "xy"]),
        projections=projections,
        electrodes=_read_electrodes(folder / _ELECTRODES),
        bounding_box=np.array(extras["bounding_box_um"], dtype=np.float64),
        kinetics={
            (entry["pre"], entry["post"], entry["receptor"]): SynapseKinetics(**entry["values"])
            for entry in extras["kinetics"]
        },
        output_radius_um=extras["output_radius_um"],
        input_radius_um=extras["input_radius_um"],
        heterogeneity=heterogeneity,
    )


def _read_electrodes(path: Path) -> NDArray[np.float64]:
    """Read electrode positions from a probeinterface JSON file, um ``[C, 3]``; empty without such a file."""
    if not os.path.lexists(path):
        return np.zeros((0, 3))
    probe = read_json(path)["probes"][0]
    if probe["si_units"] != "um":
        raise CorruptData(f"{path} must be in um, got {probe['si_units']!r}.")
    return np.array(probe["contact_positions"], dtype=np.float64)


def _read_edges(file: Hdf5, entry: dict[str, Any], start: dict[str, int]) -> Projection:
    pre, post = entry["pre"], entry["post"]
    path = f"edges/{_edge_name(pre, post)}"
    return Projection(
        pre=pre,
        post=post,
        section=entry["section"],
        receptors=tuple(entry["receptors"]),
        pre_gid=file.index(f"{path}/source_node_id") + start[pre],
        post_gid=file.index(f"{path}/target_node_id") + start[post],
        distance_um=file.array(f"{path}/0/distance"),
        delay_ms=file.array(f"{path}/0/delay"),
        scale=file.array(f"{path}/0/scale"),
    )
