from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from livn_gym.errors import InvalidInput, UnknownName
from livn_gym.system import Population


def test_counts_names_and_gids(five):
    assert (five.num_neurons, five.num_channels, five.num_synapses) == (5, 2, 4)
    assert five.population_names == ("A", "B")
    assert five.gids().tolist() == [0, 1, 2, 3, 4]
    assert five.gids("B").tolist() == [3, 4]
    assert five.gids(["B", "A", "B"]).tolist() == [0, 1, 2, 3, 4]
    assert five.weight_names == (
        "A_B-hillock-AMPA-weight",
        "A_B-hillock-NMDA-weight",
        "B_A-soma-GABA_A-weight",
    )


def test_an_unknown_population_is_named_with_the_nearest(five):
    with pytest.raises(UnknownName, match="'A', 'B'"):
        five.gids("C")


def test_cell_ranges_split_the_projections_without_loss(five):
    for cut in range(6):
        for whole in five.projections:
            low, high = whole.onto(0, cut), whole.onto(cut, 5)
            assert np.all(low.post_gid < cut)
            assert np.all(high.post_gid >= cut)
            for name in ("pre_gid", "post_gid", "distance_um", "delay_ms", "scale"):
                joined = np.concatenate([getattr(low, name), getattr(high, name)])
                assert np.array_equal(joined, getattr(whole, name))


def test_synapses_in_any_order_are_found_by_their_cells(make_five):
    (projection, *_) = make_five([0, 2, 1, 2], [4, 3, 4, 3]).projections
    part = projection.onto(4, 5)
    assert (part.pre_gid.tolist(), part.post_gid.tolist()) == ([0, 1], [4, 4])


def test_connectivity_matrix_is_pre_by_post_and_adds_contacts(make_five):
    matrix = make_five([0, 2, 2], [3, 4, 4]).connectivity_matrix()
    expected = np.zeros((5, 5))
    expected[0, 3] = 1.0
    expected[2, 4] = 1.003 + 1.006
    assert np.allclose(matrix, expected, rtol=1e-15, atol=0)


def test_summary_counts(five):
    summary = five.summary()
    assert summary["populations"] == {"A": 3, "B": 2}
    assert summary["in_degree"] == {"A->B": 2.0, "B->A": 0.0}
    assert summary["delay_ms"] == {"A->B": [0.5, 0.575]}
    assert summary["area_um"] == [150.0, 151.5]
    assert summary["sha256"] == five.sha256()


def test_everything_is_read_only(five):
    with pytest.raises(FrozenInstanceError):
        five.name = "other"
    projection = five.projections[0]
    for array in (five.positions, five.dendrites, five.electrodes, five.bounding_box, projection.scale):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize("field", ["positions", "electrodes", "bounding_box"])
def test_the_hash_sees_a_thousandth(five, field):
    moved = getattr(five, field).copy()
    moved[0, 0] += 0.001
    assert replace(five, **{field: moved}).sha256() != five.sha256()


@pytest.mark.parametrize("field", ["pre_gid", "distance_um", "delay_ms", "scale"])
def test_the_hash_sees_every_edge_value(five, field):
    projection = five.projections[0]
    changed = getattr(projection, field).copy()
    changed[0] = changed[0] + 1
    other = replace(five, projections=(replace(projection, **{field: changed}), five.projections[1]))
    assert other.sha256() != five.sha256()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"populations": (Population("A", 0, 3), Population("B", 4, 2))}, "contiguous"),
        ({"positions": np.zeros((4, 3))}, "positions"),
        ({"dendrites": np.full((5, 2), np.nan)}, "dendrites"),
        ({"electrodes": np.zeros((2, 2))}, "electrodes"),
        ({"bounding_box": np.zeros((3, 3))}, "bounding_box"),
    ],
)
def test_parts_that_do_not_fit_are_refused(make_five, changes, message):
    with pytest.raises(InvalidInput, match=message):
        make_five([0], [3], **changes)


def test_edges_must_belong_to_their_populations_and_have_values(make_five, five):
    with pytest.raises(InvalidInput, match="not in A"):
        make_five([3], [3])
    projection = five.projections[0]
    with pytest.raises(InvalidInput, match="scale of A->B"):
        replace(projection, scale=projection.scale[:-1])
    with pytest.raises(InvalidInput, match="delay_ms of A->B"):
        replace(projection, delay_ms=np.full(4, np.inf))
    with pytest.raises(InvalidInput, match="positive"):
        replace(projection, delay_ms=np.zeros(4))
