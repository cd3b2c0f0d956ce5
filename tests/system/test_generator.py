import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.system import GeneratorConfig, Population, generate, generator, predefined_config
from livn_gym.system.generator_config import Area, ElectrodeGrid, SynapseSite


def config(**changes):
    parts = {
        "name": "test",
        "seed": 7,
        "area": Area("rectangle", 300.0, 200.0),
        "populations": (Population("EXC", 0, 40), Population("INH", 40, 10)),
        "sigma_um": 100.0,
        "cutoff_um": 250.0,
        "in_degree": {("EXC", "EXC"): 6.0, ("EXC", "INH"): 5.0, ("INH", "EXC"): 2.0},
        "delay_base_ms": 0.5,
        "velocity_um_per_ms": 250.0,
        "delay_resolution_ms": 0.05,
        "scale_cv": 0.3,
        "synapses": {
            "EXC": SynapseSite("hillock", ("AMPA", "NMDA")),
            "INH": SynapseSite("soma", ("GABA_A",)),
        },
        "electrodes": ElectrodeGrid(2, 3, 50.0),
    }
    return GeneratorConfig(**(parts | changes))


def crowd(seed=0):
    """2,000 cells in four square cutoffs and more, all of one kind: enough for statistics."""
    return config(
        seed=seed,
        area=Area("rectangle", 1500.0, 1500.0),
        populations=(Population("EXC", 0, 2000),),
        in_degree={("EXC", "EXC"): 10.0},
        cutoff_um=300.0,
    )


# What is generated


def test_same_seed_same_culture_other_seed_another():
    assert generate(config()).sha256() == generate(config()).sha256() == generate(config(seed=1), seed=7).sha256()
    hashes = {generate(config(), seed).sha256() for seed in (*range(20), 2**32, 2**64 - 1)}
    assert len(hashes) == 22


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, True, "1"])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(InvalidInput, match="graph seed"):
        generate(config(), seed)


@pytest.mark.parametrize("name", ["EI1", "EI2", "EI3"])
def test_predefined_arrays_have_their_checksum(name):
    recipe = predefined_config(name)
    assert recipe.sha256 is not None
    assert generate(replace(recipe, sha256=None)).sha256() == recipe.sha256


def test_another_checksum_is_refused():
    stated = "0" * 64
    with pytest.raises(CorruptData, match=f"config states {stated}.* remove its line sha256"):
        generate(config(sha256=stated))
    assert generate(config(sha256=stated), seed=8).num_neurons == 50  # it speaks of the config's own seed only


@given(
    seed=st.integers(0, 2**64 - 1),
    count=st.tuples(st.integers(2, 25), st.integers(1, 12)),
    shape=st.sampled_from(["rectangle", "disk"]),
    cutoff_um=st.floats(150.0, 400.0),
    degree=st.floats(0.05, 0.9),
    resolution_ms=st.sampled_from([0.001, 0.05, 0.1]),
)
@settings(max_examples=25, deadline=None)
def test_every_culture_is_well_formed(seed, count, shape, cutoff_um, degree, resolution_ms):
    system = generate(
        config(
            area=Area(shape, 100.0, 100.0),
            populations=(Population("EXC", 0, count[0]), Population("INH", count[0], count[1])),
            cutoff_um=cutoff_um,  # beyond the area's diagonal, so that every in-degree below 1 can be reached
            in_degree={("EXC", "EXC"): degree, ("EXC", "INH"): degree, ("INH", "EXC"): degree},
            delay_resolution_ms=resolution_ms,
        ),
        seed,
    )
    xyz = system.positions
    assert np.array_equal(np.round(xyz, 3), xyz)
    assert xyz.min() >= 0.0 and xyz.max() <= 100.0 and not xyz[:, 2].any()
    if shape == "disk":
        assert np.hypot(xyz[:, 0] - 50.0, xyz[:, 1] - 50.0).max() <= 50.001
    assert np.abs(np.hypot(*system.dendrites.T) - 1.0).max() < 2e-6  # two components rounded to 1e-6
    for p in system.projections:
        order = p.post_gid * system.num_neurons + p.pre_gid
        assert np.all(np.diff(order) > 0)  # sorted by (post, pre), each pair once
        assert np.all(p.pre_gid != p.post_gid)
        d = np.hypot(*(xyz[p.pre_gid] - xyz[p.post_gid]).T[:2])
        assert np.all(np.abs(p.distance_um - d) < 6e-4) and np.array_equal(np.round(p.distance_um, 3), p.distance_um)
        steps = p.delay_ms / resolution_ms
        assert np.all(np.abs(steps - np.round(steps)) < 1e-6)
        assert np.all(np.abs(p.delay_ms - 0.5 - p.distance_um / 250.0) <= 0.5 * resolution_ms + 1e-9)
        assert np.all(p.scale >= 0.001) and np.array_equal(np.round(p.scale, 3), p.scale)


def test_projections_carry_their_receptors_in_a_fixed_order():
    system = generate(config())
    assert [(p.pre, p.post) for p in system.projections] == [("EXC", "EXC"), ("EXC", "INH"), ("INH", "EXC")]
    assert system.weight_names == (
        "EXC_EXC-hillock-AMPA-weight",
        "EXC_EXC-hillock-NMDA-weight",
        "EXC_INH-hillock-AMPA-weight",
        "EXC_INH-hillock-NMDA-weight",
        "INH_EXC-soma-GABA_A-weight",
    )


def test_electrodes_are_centred_and_numbered_row_by_row():
    system = generate(config())
    expected = [[x, y, 0.0] for y in (75.0, 125.0) for x in (100.0, 150.0, 200.0)]
    assert system.electrodes.tolist() == expected
    assert system.bounding_box.tolist() == [[0.0, 0.0, 0.0], [300.0, 200.0, 0.0]]


def test_predefined_grids():
    one, two = (generate(predefined_config(name)) for name in ("EI1", "EI2"))
    assert one.electrodes.tolist() == [[20.0, 20.0, 0.0]]
    assert one.output_radius_um == 50.0
    assert sorted(set(two.electrodes[:, 0])) == sorted(set(two.electrodes[:, 1])) == [50.0, 150.0, 250.0, 350.0]
    assert two.electrodes[1].tolist() == [150.0, 50.0, 0.0]


# Statistics. Bounds are 4.5 standard deviations of the count in question; the seeds are fixed.


@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("EI1", {("EXC", "EXC"): 3, ("EXC", "INH"): 3, ("INH", "EXC"): 1, ("INH", "INH"): 0.5}),
        ("EI2", {("EXC", "EXC"): 20, ("EXC", "INH"): 20, ("INH", "EXC"): 10, ("INH", "INH"): 10}),
        ("EI3", {("EXC", "EXC"): 20, ("EXC", "INH"): 20, ("INH", "EXC"): 10, ("INH", "INH"): 10}),
    ],
)
def test_mean_in_degree_is_near_the_target(name, targets):
    system = generate(predefined_config(name))
    found = {(p.pre, p.post): p for p in system.projections}
    assert set(found) == set(targets)
    for (pre, post), target in targets.items():
        expected = target * system.population(post).count
        # a sum of independent draws varies less than a Poisson count of the same mean
        assert abs(len(found[pre, post]) - expected) < 4.5 * math.sqrt(expected)


def test_probability_falls_as_the_gaussian_of_distance():
    system = generate(crowd())
    (edges,) = system.projections
    xy = system.positions[:, :2]
    distance = np.sqrt(((xy[:, None] - xy[None]) ** 2).sum(axis=2))
    np.fill_diagonal(distance, np.inf)  # 32 MB: the comparison may have the N x N matrix that the generator must not
    kernel = np.where(distance <= 300.0, np.exp(-0.5 * (distance / 100.0) ** 2), 0.0)
    amplitude = 10.0 * 2000 / kernel.sum()
    assert amplitude < 1.0  # else the probability would be cut at 1
    assert edges.distance_um.max() <= 300.0
    for low, high in [(0, 30), (30, 60), (60, 100), (100, 150), (150, 200), (200, 300)]:
        expected = amplitude * kernel[(distance >= low) & (distance < high)].sum()
        count = np.count_nonzero((edges.distance_um >= low) & (edges.distance_um < high))
        assert expected > 50
        assert abs(count - expected) < 4.5 * math.sqrt(expected)


def test_probability_is_cut_at_one_and_the_in_degree_still_met():
    # 4 of the 5 neighbours of each of 6 cells, with a narrow kernel: the near ones are certain
    wanted = config(
        area=Area("rectangle", 100.0, 100.0),
        populations=(Population("EXC", 0, 6),),
        sigma_um=50.0,
        in_degree={("EXC", "EXC"): 4.0},
    )
    counts = [generate(wanted, seed).num_synapses for seed in range(200)]
    # at most 30 edges, at least 18 of the 24 by chance: the variance of a count is below 30 / 4
    assert abs(np.mean(counts) - 24.0) < 4.5 * math.sqrt(30 / 4 / 200)
    everyone = replace(wanted, in_degree={("EXC", "EXC"): 5.0})
    assert np.array_equal(generate(everyone).connectivity_matrix() > 0, ~np.eye(6, dtype=bool))


def test_an_in_degree_beyond_reach_is_refused_with_what_there_is():
    with pytest.raises(InvalidInput, match=r"EXC_INH = 41 cannot be reached.*40 EXC cells"):
        generate(config(cutoff_um=900.0, in_degree={("EXC", "INH"): 41.0}))


def test_strengths_are_log_normal_with_mean_one():
    (edges,) = generate(crowd()).projections
    count = len(edges)
    assert abs(edges.scale.mean() - 1.0) < 4.5 * 0.3 / math.sqrt(count)
    sigma = math.sqrt(math.log(1.09))
    logs = np.log(edges.scale)
    assert abs(logs.std() - sigma) < 4.5 * sigma / math.sqrt(2 * count)
    assert abs(logs.mean() + sigma**2 / 2) < 4.5 * sigma / math.sqrt(count)


def test_equal_strengths_without_variation():
    system = generate(config(scale_cv=0.0))
    assert all(np.all(p.scale == 1.0) for p in system.projections)


@pytest.mark.parametrize("shape", ["rectangle", "disk"])
def test_positions_are_uniform(shape):
    area = Area(shape, 1000.0, 1000.0)
    xy = generate(config(area=area, populations=(Population("EXC", 0, 8000),), in_degree={})).positions[:, :2] - 500
    radius = np.hypot(*xy.T)
    parts = [xy[:, 0] < 0, xy[:, 1] < 0, (xy[:, 0] < 0) == (xy[:, 1] < 0), radius < 500 * math.sqrt(0.5)]
    shares = [0.5, 0.5, 0.5, 0.5 if shape == "disk" else math.pi / 8]
    for part, share in zip(parts, shares, strict=True):
        assert abs(part.mean() - share) < 4.5 * math.sqrt(share * (1 - share) / 8000)


def test_dendrites_point_everywhere():
    system = generate(config(populations=(Population("EXC", 0, 8000),), in_degree={}))
    assert np.abs(system.dendrites.mean(axis=0)).max() < 4.5 * math.sqrt(0.5 / 8000)
    assert np.abs((system.dendrites**2).mean(axis=0) - 0.5).max() < 4.5 * math.sqrt(0.125 / 8000)


# The same everywhere


def test_blocks_do_not_matter(monkeypatch):
    system = generate(crowd())
    monkeypatch.setattr(generator, "_BLOCK_PAIRS", 3000)
    assert generate(crowd()).sha256() == system.sha256()


def test_pairs_within_the_cutoff_come_once_each():
    rng = np.random.default_rng(0)
    milli = rng.integers(0, 10_000, (60, 2))
    pre, post = Population("A", 0, 40), Population("B", 20, 40)  # they share the cells 20 ... 39
    for cutoff in (700, 2500, 20_000):
        found = [np.concatenate(part) for part in zip(*generator._pairs(pre, post, milli, cutoff), strict=True)]
        expected = {
            (i, j): round(math.dist(milli[i], milli[j]))
            for i in range(40)
            for j in range(20, 60)
            if i != j and round(math.dist(milli[i], milli[j])) <= cutoff
        }
        assert len(found[0]) == len(expected) > 10
        assert {(i, j): d for i, j, d in np.column_stack(found).tolist()} == expected


_CHILD = """
import sys
from dataclasses import replace
from numpy._core._multiarray_umath import __cpu_features__ as features
from livn_gym.system import generate, predefined_config
from livn_gym.system.generator_config import Area
assert not any(features[name] for name in sys.argv[1:])
for name in ("EI1", "EI2", "EI3"):
    recipe = replace(predefined_config(name), sha256=None)
    print(generate(recipe).sha256())
    size = recipe.area.width_um
    print(generate(replace(recipe, area=Area("disk", size, size))).sha256())
"""


@pytest.mark.parametrize("wanted", [("X86_V4",), tuple(__cpu_dispatch__)])
def test_arrays_do_not_depend_on_the_vector_width(wanted):
    disabled = [name for name in wanted if __cpu_features__.get(name)]  # NumPy warns of those it does not have
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(disabled)}
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", _CHILD, *disabled],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (child.returncode, child.stderr) == (0, "")
    expected = []
    for name in ("EI1", "EI2", "EI3"):
        recipe = predefined_config(name)
        size = recipe.area.width_um
        expected += [
            recipe.sha256,
            generate(replace(recipe, sha256=None, area=Area("disk", size, size))).sha256(),
        ]
    assert child.stdout.split() == expected


# On Linux ru_maxrss survives exec, so a child of a large pytest process would report its parent's peak; VmHWM does not.
_LARGE = """
import re, resource, sys
from livn_gym.system import generate, predefined_config
system = generate(predefined_config("EI4"))
if sys.platform == "linux":
    peak_kb = int(re.findall(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[0])
else:
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
print(system.sha256(), peak_kb, system.num_synapses)
"""


def test_ten_thousand_cells_have_their_checksum_and_stay_below_a_gigabyte():
    child = subprocess.run([sys.executable, "-c", _LARGE], capture_output=True, text=True, check=True)
    digest, peak_kb, synapses = child.stdout.split()
    assert digest == predefined_config("EI4").sha256
    assert float(peak_kb) < 1e6
    assert abs(int(synapses) - 300_000) < 4.5 * math.sqrt(300_000)
