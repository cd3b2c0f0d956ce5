"""Electrode arrays: stimulation of cells, recording of spikes and potentials, binding to a system."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from cultures import Lab, system
from hypothesis import given
from hypothesis import strategies as st

from livn_gym.errors import ClosedError, InvalidInput, NotRecorded
from livn_gym.io import IO, MEA
from livn_gym.models import Geometry, ReducedCalciumSomaDendrite
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus


def geometry(somata, dendrites=None):
    """Somata at the given places, dendrites where given or 100 um along +x."""
    somata = np.array(somata, dtype=float)
    return Geometry(somata, somata + [100.0, 0.0, 0.0] if dendrites is None else np.array(dendrites, dtype=float))


# Stimulation


def test_transfer_is_the_potential_at_the_dendrite_minus_that_at_the_soma():
    mea = MEA([[0.0, 0.0, 0.0], [100.0, 0.0, 0.0]])
    transfer = mea.transfer(geometry([[0.0, 0.0, 0.0]]))
    assert transfer.shape == (1, 2)
    # 15 uA under the soma: 37.03 mV at the dendrite minus 80.03 mV at the soma, and mirrored
    np.testing.assert_allclose(15 * transfer[0], [-43.0, 43.0], atol=0.01)


def test_a_cathodic_pulse_at_the_soma_depolarises_it_and_at_the_dendrite_hyperpolarises():
    mea = MEA([[0.0, 0.0, 0.0], [100.0, 0.0, 0.0]])
    commands = Stimulus.pulse_train([15.0, 0.0], duration_ms=50, rate_hz=20)
    seen = mea.cell_stimulus(geometry([[0.0, 0.0, 0.0], [100.0, 0.0, 0.0]], [[100.0, 0, 0], [0.0, 0, 0]]), commands)
    assert seen.mode == "extracellular"
    at_cells = seen.gain @ [-15.0, 0.0]  # the first phase of the first electrode's pulse
    assert seen.schedule(0.025).value[0] == -15.0
    # positive is depolarising in the extracellular mode
    np.testing.assert_allclose(at_cells, [43.0, -43.0], atol=0.01)


def test_a_simulated_soma_follows_the_sign_of_the_pulse():
    culture = system(1)  # its soma lies on the only electrode
    cells = ReducedCalciumSomaDendrite().geometry(culture)
    mea = MEA().bind(culture)
    with Lab(culture) as lab:
        lab.run(50)
        for amplitude in (5.0, -5.0, 15.0):
            train = Stimulus.pulse_train([amplitude], duration_ms=20, rate_hz=50)
            recording = lab.run(20, mea.cell_stimulus(cells, train))[0]
            rest, first = recording.voltage[0, 0, [0, 8]]  # before the pulse, after its first phase
            assert np.sign(first - rest) == np.sign(amplitude)
            assert (len(recording.spike_t) > 0) == (amplitude == 15.0)
            lab.run(200)


def test_a_cell_across_the_field_line_gets_little():
    seen = MEA([[50.0, -80.0, 0.0]]).transfer(geometry([[0.0, 0.0, 0.0]]))
    assert abs(seen[0, 0]) < 1e-12  # soma and dendrite are equally far


@given(st.integers(0, 2**32 - 1))
def test_stimulation_is_linear_and_reaches_every_cell(seed):
    rng = np.random.default_rng(seed)
    cells = geometry(rng.uniform(0, 400, (6, 3)), rng.uniform(0, 400, (6, 3)))
    mea = MEA(rng.uniform(0, 400, (4, 3)), output_radius=50.0)
    transfer = mea.transfer(cells)
    assert (transfer != 0).all()
    each = [MEA([row]).transfer(cells)[:, 0] for row in mea.electrode_coordinates]
    np.testing.assert_allclose(transfer, np.column_stack(each), rtol=1e-12)


def test_the_time_course_is_shared_and_never_dense():
    mea = MEA.grid((400, 400), (4, 4))
    commands = Stimulus.pulse_train(np.ones((2, 16)), duration_ms=200)
    seen = mea.cell_stimulus(geometry(np.zeros((100, 3))), commands)
    assert seen.array is None and seen.pulses is commands.pulses
    assert (seen.num_cultures, seen.gain.shape) == (2, (100, 16))
    array = Stimulus(np.ones((5, 16)), 1.0, "electrode")
    assert mea.cell_stimulus(geometry(np.zeros((100, 3))), array).array is array.array


def test_transfer_is_computed_once_for_a_geometry():
    mea, cells, others = MEA([[0.0, 0.0, 0.0]]), geometry(np.zeros((3, 3))), geometry(np.ones((2, 3)))
    first = mea.transfer(cells)
    assert mea.transfer(cells) is first
    assert mea.transfer(others).shape == (2, 1)
    np.testing.assert_array_equal(mea.transfer(cells), first)
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0


def test_stimuli_that_do_not_fit_the_electrodes_are_refused():
    mea, cells = MEA.grid((400, 400), (2, 2)), geometry(np.zeros((3, 3)))
    with pytest.raises(InvalidInput, match="needs 4 columns, one for each channel, got 3"):
        mea.cell_stimulus(cells, Stimulus(np.ones((5, 3)), 1.0, "electrode"))
    with pytest.raises(InvalidInput, match="mode 'electrode' .uA., got 'current'"):
        mea.cell_stimulus(cells, Stimulus(np.ones((5, 4)), 1.0))


# Recording spikes


@pytest.fixture
def listening():
    """Three electrodes 100 um apart, recording radius 60 um, and four cells, the third between two electrodes."""
    mea = MEA([[0.0, 0, 0], [100.0, 0, 0], [200.0, 0, 0]], output_radius=60.0)
    return mea, geometry([[0.0, 60.0, 0], [0.0, 60.1, 0], [150.0, 0, 0], [200.0, 0, 500.0]])


def test_an_electrode_records_somata_within_its_radius_in_the_plane(listening):
    mea, cells = listening
    assert mea.channel_cells(cells).tolist() == [
        [True, False, False, False],
        [False, False, True, False],
        [False, False, True, True],
    ]


def test_spikes_are_recorded_by_every_electrode_within_its_radius(listening):
    mea, cells = listening
    channels, times = mea.channel_recording(cells, [2, 1, 0, 3, 2], [1.0, 2.0, 2.0, 5.0, 2.0])
    assert channels.tolist() == [1, 2, 0, 1, 2, 2]
    assert times.tolist() == [1.0, 1.0, 2.0, 2.0, 2.0, 5.0]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 100)), max_size=30))
def test_channel_recordings_hold_each_spike_as_often_as_it_is_recorded(spikes):
    mea = MEA([[0.0, 0, 0], [100.0, 0, 0], [200.0, 0, 0]], output_radius=60.0)
    cells = geometry([[0.0, 60.0, 0], [0.0, 60.1, 0], [150.0, 0, 0], [200.0, 0, 500.0]])
    channels, times = mea.channel_recording(cells, [g for g, _ in spikes], [t for _, t in spikes])
    recorded = mea.channel_cells(cells)
    expected = sorted((t, c) for g, t in spikes for c in range(3) if recorded[c, g])
    assert list(zip(times.tolist(), channels.tolist(), strict=True)) == expected


def test_no_spikes_and_spikes_that_cannot_be(listening):
    mea, cells = listening
    channels, times = mea.channel_recording(cells, [], [])
    assert len(channels) == len(times) == 0
    with pytest.raises(NotRecorded, match="record_spikes"):
        mea.channel_recording(cells, None, None)
    for gids in ([4], [-1]):
        with pytest.raises(InvalidInput, match="gids must lie in 0 ... 3"):
            mea.channel_recording(cells, gids, [1.0])
    with pytest.raises(InvalidInput, match=r"gids and times \[S\]"):
        mea.channel_recording(cells, [1, 2], [1.0])


def test_selection_uses_the_input_radius(listening):
    mea, cells = listening
    wide = MEA(mea.electrode_coordinates, input_radius=150.0, output_radius=60.0)
    assert wide.selected_cells(cells)[0].tolist() == [True, True, True, False]


def channel_correlations(mea, culture, windows):
    """Correlations between the channels' spike counts in windows of 1 s, cells Poisson at 3 Hz."""
    cells = ReducedCalciumSomaDendrite().geometry(culture)
    counts = np.random.default_rng(1).poisson(3.0, (windows, culture.num_neurons))
    gids = np.repeat(np.tile(np.arange(culture.num_neurons), windows), counts.ravel())
    window = np.repeat(np.repeat(np.arange(windows), culture.num_neurons), counts.ravel())
    channels, times = mea.channel_recording(cells, gids, window + 0.5)
    rates = np.zeros((mea.num_channels, windows))
    np.add.at(rates, (channels, times.astype(int)), 1)
    recorded = rates.any(axis=1)
    matrix = np.corrcoef(rates[recorded])
    return matrix[np.triu_indices(len(matrix), 1)]


def test_channels_are_independent_on_ei2(ei2):
    mea = MEA().bind(ei2)
    assert (mea.num_channels, mea.output_radius, mea.input_radius) == (16, 50.0, 100.0)
    correlations = channel_correlations(mea, ei2, 5000)
    # 5000 windows leave chance correlations of 0.014 (standard deviation)
    assert np.abs(correlations).max() < 0.1


def test_a_radius_of_250_um_would_mix_the_channels_of_ei2(ei2):
    mea = MEA(output_radius=250.0).bind(ei2)
    assert np.median(channel_correlations(mea, ei2, 500)) > 0.5


# Recording potentials


def currents(soma, dendrite, gids, **changes):
    """A recording of membrane currents ``[B, m, T]``."""
    return replace(
        Recording(0.0, 1.0, 0.025, 0.025, len(soma)),
        current_gid=np.array(gids),
        current_soma=np.array(soma, dtype=float),
        current_dendrite=np.array(dendrite, dtype=float),
        **changes,
    )


def test_a_potential_by_hand():
    cells = geometry([[0.0, 0, 0], [0.0, 30.0, 0]], [[0.0, 0, 40.0], [0.0, 30.0, 40.0]])
    mea = MEA([[0.0, 0.0, 0.0], [20.0, 0.0, 0.0]])
    # only cell 1 was recorded: 2 nA out of its soma, 2 nA into its dendrite in the first sample
    seen = mea.potential_recording(cells, currents([[[2.0, 0.0]]], [[[-2.0, 3.0]]], [1]))
    k = 1 / (4 * np.pi * 0.3)  # mV um / nA
    expected = [
        [k * (2 / 30 - 2 / 50), k * 3 / 50],
        [k * (2 / np.sqrt(1300) - 2 / np.sqrt(2900)), k * 3 / np.sqrt(2900)],
    ]
    np.testing.assert_allclose(seen, expected, rtol=1e-12)


def test_potentials_of_several_cultures_have_a_leading_axis():
    rng = np.random.default_rng(0)
    cells, mea = geometry(rng.uniform(0, 400, (5, 3))), MEA.grid((400, 400), (2, 3))
    soma, dendrite = rng.normal(size=(2, 2, 4, 7))
    both = currents(soma, dendrite, [0, 1, 3, 4])
    seen = mea.potential_recording(cells, both)
    assert seen.shape == (2, 6, 7)
    for b in range(2):
        np.testing.assert_allclose(mea.potential_recording(cells, both.culture(b)), seen[b], rtol=1e-12)


def test_potentials_do_not_depend_on_which_compartment_the_arrays_show():
    cells, mea = geometry([[0.0, 0, 0]]), MEA([[10.0, 0, 0]])
    shown = currents([[[1.0]]], [[[-1.0]]], [0])
    np.testing.assert_array_equal(
        mea.potential_recording(cells, shown),
        mea.potential_recording(cells, replace(shown, current_compartment="dendrite")),
    )


def test_a_potential_on_top_of_a_cell_is_finite():
    seen = MEA([[0.0, 0, 0]]).potential_recording(geometry([[0.0, 0, 0]]), currents([[[1.0]]], [[[0.0]]], [0]))
    # 1 nA / (4 pi * 0.3 S/m * 7.5 um)
    assert seen[0, 0] == pytest.approx(0.035368, abs=1e-6)


def test_potentials_need_membrane_currents():
    with pytest.raises(NotRecorded, match="record_membrane_current"):
        MEA([[0.0, 0, 0]]).potential_recording(geometry([[0.0, 0, 0]]), Recording(0.0, 1.0, 0.025, 0.025, 1))


# Binding


def test_a_bound_array_takes_from_the_system_what_was_left_open():
    culture = system(2)
    bound = MEA().bind(culture)
    np.testing.assert_array_equal(bound.electrode_coordinates, culture.electrodes)
    assert (bound.input_radius, bound.output_radius) == (100.0, 50.0), "one electrode has no pitch"
    own = replace(culture, output_radius_um=33.0, input_radius_um=44.0)
    assert (MEA().bind(own).output_radius, MEA().bind(own).input_radius) == (33.0, 44.0)
    given = MEA([[0.0, 0, 0], [30.0, 40.0, 0], [300.0, 0, 0]], 7.0)
    assert (given.bind(own).output_radius, given.bind(own).input_radius) == (33.0, 7.0)
    assert given.bind(culture).output_radius == 25.0, "half the distance of the closest two"
    assert MEA(output_radius=9.0).bind(own).output_radius == 9.0


def test_binding_leaves_the_original_open_and_unshared():
    mea = MEA()
    first, second = mea.bind(system(2)), mea.bind(system(3))
    assert mea.electrode_coordinates is None and mea.output_radius is None
    first.transfer(geometry(np.zeros((2, 3))))
    assert second.transfer(geometry(np.zeros((3, 3)))).shape == (3, 1)
    assert isinstance(first, IO)


def test_an_array_that_is_not_bound_says_so():
    with pytest.raises(ClosedError, match="no electrode_coordinates yet: pass it, or call bind"):
        _ = MEA().num_channels
    with pytest.raises(ClosedError, match="no output_radius yet"):
        MEA([[0.0, 0, 0]]).channel_cells(geometry([[0.0, 0, 0]]))


def test_a_system_without_electrodes_gives_an_array_without_channels():
    bound = MEA().bind(replace(system(2), electrodes=np.zeros((0, 3))))
    cells = geometry(np.zeros((2, 3)))
    assert (bound.num_channels, bound.transfer(cells).shape, bound.channel_cells(cells).shape) == (0, (2, 0), (0, 2))
    assert len(bound.channel_recording(cells, [0, 1], [1.0, 2.0])[0]) == 0


def test_an_array_can_be_sent_to_another_process():
    bound, cells = MEA().bind(system(2)), geometry(np.zeros((2, 3)))
    again = pickle.loads(pickle.dumps(bound))
    np.testing.assert_array_equal(again.transfer(cells), bound.transfer(cells))
