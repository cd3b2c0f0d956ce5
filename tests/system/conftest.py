import json

import h5py
import numpy as np
import pytest

from livn_gym.system import Population, Projection, SynapseKinetics, System


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of its own for every test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("LIVN_GYM_CACHE", str(folder))
    return folder


def system_of(pre_gid, post_gid, **changes):
    """A culture of 3 A and 2 B cells; the edges run from A to B, another projection is empty."""
    pre_gid, post_gid = np.array(pre_gid, dtype=np.int64), np.array(post_gid, dtype=np.int64)
    order = np.lexsort((pre_gid, post_gid))
    count = len(order)
    none = np.empty(0, dtype=np.int64)
    parts = {
        "name": "five",
        "populations": (Population("A", 0, 3), Population("B", 3, 2)),
        "positions": np.arange(15).reshape(5, 3) * 10.125,
        "dendrites": np.array([[1.0, 0.0], [0.6, 0.8], [0.0, -1.0], [-1.0, 0.0], [0.707107, 0.707107]]),
        "projections": (
            Projection(
                "A",
                "B",
                "hillock",
                ("AMPA", "NMDA"),
                pre_gid[order],
                post_gid[order],
                np.arange(count) * 1.001,
                0.5 + np.arange(count) * 0.025,
                1.0 + np.arange(count) * 0.003,
            ),
            Projection("B", "A", "soma", ("GABA_A",), none, none.copy(), *(np.empty(0) for _ in range(3))),
        ),
        "electrodes": np.array([[0.1, 0.2, 5.0], [100.3, 0.2, 5.0]]),
        "bounding_box": np.array([[0.0, 0.0, 0.0], [150.0, 151.5, 10.0]]),
        "kinetics": {("A", "B", "AMPA"): SynapseKinetics(0.1, 0.5, 3.3, 0.7)},
        "output_radius_um": 62.5,
    }
    return System(**(parts | changes))


@pytest.fixture
def five():
    """A small culture with everything in it that a System can have."""
    return system_of([0, 2, 1, 1], [3, 3, 4, 4])


@pytest.fixture
def make_five():
    return system_of


@pytest.fixture
def graph_folder(tmp_path):
    """A culture in livn's single-file layout: three populations, one of them empty; no mea.json.

    P has gids 0-3, Q 4-5. P -> Q comes in three destination blocks with gaps, Q -> P in one, P -> P is
    described and has no edges, Q -> Q has no group at all.
    """
    folder = tmp_path / "small"
    folder.mkdir()
    with h5py.File(folder / "graph.h5", "w") as file:
        row = np.dtype([("Start", "<u8"), ("Count", "<u4"), ("Population", "<u2")])
        file["H5Types/Populations"] = np.array([(4, 2, 7), (0, 4, 3), (6, 0, 9)], dtype=row)
        cells = {
            "P": ([2, 0, 1, 3], [[30.0004, 10.0, 20.0, 40.0], [3.0, 1.0, 2.0, 4.0], [0.0, 0.0, 0.0, 0.5]]),
            "Q": ([0, 1], [[50.0, 60.0], [5.0, 6.0], [0.0, 0.0]]),
            "R": ([], [[], [], []]),
        }
        for name, (index, columns) in cells.items():
            for axis, column in zip("XYZ", columns, strict=True):
                group = file.create_group(f"Populations/{name}/Generated Coordinates/{axis} Coordinate")
                group["Cell Index"] = np.array(index, dtype=np.uint32)
                group["Attribute Pointer"] = np.arange(len(index) + 1, dtype=np.uint64)
                group["Attribute Value"] = np.array(column, dtype=np.float32)
        # onto P from Q: cells 0; then 2; then 3 - cell 3 by two synapses from the same source
        edges = {
            "P/Q": ([0, 2, 3], [0, 1, 2, 4], [0, 2, 3, 5], [1, 0, 1, 0, 0], [40.0, 50.5, 30.25, 10.0, 10.0]),
            "Q/P": ([0], [0, 3], [0, 0, 2], [3, 1], [20.0, 51.0]),
            "P/P": ([], [0], [], [], []),
        }
        for place, (index, block, pointer, source, distance) in edges.items():
            group = file.create_group(f"Projections/{place}")
            group["Edges/Destination Block Index"] = np.array(index, dtype=np.uint32)
            group["Edges/Destination Block Pointer"] = np.array(block, dtype=np.uint64)
            group["Edges/Destination Pointer"] = np.array(pointer, dtype=np.uint64)
            group["Edges/Source Index"] = np.array(source, dtype=np.uint32)
            group["Connections/distance"] = np.array(distance, dtype=np.float32)
            group["Synapses/syn_id"] = np.arange(len(source), dtype=np.uint32)
    excitatory = {"AMPA": {"e": 0, "g_unit": 0.0005, "tau_rise": 0.5, "tau_decay": 3.0, "weight": 1.0}}
    inhibitory = {"GABA_A": {"e": -70.5, "g_unit": 0.002, "tau_rise": 0.3, "tau_decay": 6.0, "weight": 1.0}}
    kinds = {
        "P": {"type": "excitatory", "sections": ["apical"], "mechanisms": {"default": excitatory}},
        "Q": {"type": "inhibitory", "sections": ["dend"], "mechanisms": {"default": inhibitory}},
    }
    graph = {
        "version": 1,
        "architecture": {"config": {"area": [[0, 0], [100.0, 50.0]], "z_range": [0.0, 1.0]}},
        "connections": {
            "any": {
                "config": {
                    "population_definitions": {"P": 3, "Q": 7, "R": 9},
                    "synapses": {"P": {"P": kinds["P"], "Q": kinds["Q"]}, "Q": {"P": kinds["P"]}},
                }
            }
        },
    }
    (folder / "graph.json").write_text(json.dumps(graph))
    return folder
