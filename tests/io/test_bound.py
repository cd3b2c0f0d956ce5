"""Electrodes bound to a geometry give what the interface gives for that geometry."""

import pickle

import numpy as np
import pytest
from cultures import system

from livn_gym.env import Env
from livn_gym.errors import InvalidInput, NotRecorded, UnknownName
from livn_gym.io import IO, MEA, BoundElectrodes
from livn_gym.models import Geometry
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus


class Wires(IO):
    """One channel per cell, without positions; counts how often its cells are asked for."""

    def __init__(self, cells=0):
        self.cells, self.asked = cells, 0

    @property
    def num_channels(self):
        return self.cells

    def bind(self, system):
        return Wires(system.num_neurons)

    def cell_stimulus(self, geometry, stimulus):
        return Stimulus(stimulus.array, stimulus.dt, "current")

    def channel_cells(self, geometry):
        self.asked += 1
        return np.eye(self.cells, dtype=bool)


@pytest.fixture
def bound():
    culture = system(4, 2)
    mea = MEA([[50.0, 0.0, 0.0], [300.0, 0.0, 0.0], [0.0, 0.0, 0.0]], output_radius=60.0).bind(culture)
    return BoundElectrodes(mea, Geometry(culture.positions, culture.positions + [70.0, 0.0, 0.0]))


def test_channels_are_given_by_number_or_name(bound):
    mea = MEA(bound.coordinates_um, output_radius=60.0, channel_names=["A1", "A2", "B1"])
    named = BoundElectrodes(mea, bound.geometry)
    assert bound.channel_names == ("0", "1", "2") and named.channel_names == ("A1", "A2", "B1")
    assert named.channels(["B1", 0]).tolist() == [2, 0]
    for channels in (["A1"], ["B1", "A2"], [0, 1, 2], []):
        cells = named.channel_cells()[named.channels(channels)]
        assert named.gids(channels).tolist() == np.flatnonzero(cells.any(axis=0)).tolist()
    gid, t = np.array([0, 1, 3, 5]), np.array([1.0, 2.0, 3.0, 4.0])
    run = Recording(0.0, 5.0, 0.1, 0.1, 1, np.zeros(4, int), gid, t)
    channel, when = named.channel_recording(gid, t)
    assert set(when[channel == 0]) == set(run.select(named.gids(["A1"])).spike_t) != set()


@pytest.mark.parametrize(
    ("channels", "error", "message"),
    [
        (["A1"], UnknownName, "A1"),
        ([3], InvalidInput, r"0 \.\.\. 2 or a name of channel_names, got 3"),
        ([-1], InvalidInput, "got -1"),
        ([1, "1"], InvalidInput, "channels must be distinct"),
        ("1", InvalidInput, "must be a sequence"),
        ([0.5], InvalidInput, "names"),
    ],
)
def test_channels_that_are_none_are_refused(bound, channels, error, message):
    with pytest.raises(error, match=message):
        bound.channels(channels)


def test_every_method_is_the_interfaces_for_the_geometry(bound):
    mea, geometry = bound.io, bound.geometry
    assert bound.num_channels == 3
    np.testing.assert_array_equal(bound.coordinates_um, mea.electrode_coordinates)
    np.testing.assert_array_equal(bound.channel_cells(), mea.channel_cells(geometry))
    commands = Stimulus(np.array([[1.0, -2.0, 0.5]]), 1.0, "electrode")
    seen = bound.cell_stimulus(commands)
    assert seen.mode == "extracellular" and seen.array is commands.array
    np.testing.assert_array_equal(seen.gain, mea.cell_stimulus(geometry, commands).gain)
    spikes = ([0, 1, 3, 5], [4.0, 3.0, 2.0, 1.0])
    for one, other in zip(bound.channel_recording(*spikes), mea.channel_recording(geometry, *spikes), strict=True):
        np.testing.assert_array_equal(one, other)
    fields = {"current_gid": np.array([1]), "current_soma": np.ones((1, 1, 4)), "current_dendrite": -np.ones((1, 1, 4))}
    recording = Recording(0.0, 0.4, 0.1, 0.1, 1, **fields)
    np.testing.assert_array_equal(bound.potential_recording(recording), mea.potential_recording(geometry, recording))


def test_pairs_are_the_mask(bound):
    channel, cell = bound.channel_cell_pairs()
    mask = np.zeros((3, 6), dtype=bool)
    mask[channel, cell] = True
    np.testing.assert_array_equal(mask, bound.channel_cells())
    assert len(channel) == mask.sum() and (np.diff(channel) >= 0).all()


def test_the_cells_of_an_interface_are_asked_for_once():
    culture = system(4, 2)
    wires = Wires(6)
    bound = BoundElectrodes(wires, Geometry(culture.positions, culture.positions))
    for _ in range(3):
        assert bound.channel_cells().sum() == len(bound.channel_cell_pairs()[0]) == 6
    assert wires.asked == 1


def test_a_pickle_holds_what_it_was_made_of_alone(bound):
    before = len(pickle.dumps(bound))
    bound.channel_cell_pairs()
    again = pickle.loads(pickle.dumps(bound))
    assert len(pickle.dumps(bound)) == before
    np.testing.assert_array_equal(again.channel_cells(), bound.channel_cells())


def test_an_interface_of_ones_own_needs_no_positions():
    env = Env(system(4, 2), io=Wires())
    assert env.electrodes.coordinates_um is None
    assert (env.io.num_channels, env.electrodes.num_channels) == (6, 6)
    assert env.electrodes.geometry is env.geometry
    channel, when = env.electrodes.channel_recording([0, 5, 3], [2.0, 1.0, 1.0])
    assert (channel.tolist(), when.tolist()) == ([3, 5, 0], [1.0, 1.0, 2.0])
    with pytest.raises(NotRecorded, match="Wires does not record potentials"):
        env.electrodes.potential_recording(Recording(0.0, 1.0, 0.1, 0.1, 1))
    env.close()
