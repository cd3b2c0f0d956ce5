"""Electrode arrays: fields, what cells get, what electrodes hear and see, layouts."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from cultures import Lab, system
from hypothesis import given
from hypothesis import strategies as st

from livn_gym.errors import ClosedError, CorruptData, InvalidInput, NotRecorded, UnknownName
from livn_gym.io import IO, MEA
from livn_gym.io.fields import source_potential, unit_potential
from livn_gym.models import Geometry, ReducedCalciumSomaDendrite
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.system import generate, predefined_config


def geometry(somata, dendrites=None):
    """Somata at the given places, dendrites where given or 100 um along +x."""
    somata = np.array(somata, dtype=float)
    return Geometry(somata, somata + [100.0, 0.0, 0.0] if dendrites is None else np.array(dendrites, dtype=float))


@pytest.fixture(scope="module")
def ei2():
    return generate(predefined_config("EI2"))


# Fields


def test_a_disk_makes_the_potentials_of_the_fact_sheet():
    # rho I / (4 pi sqrt(r^2 + a^2 + h^2)) = 3.5 * 15e-6 / (4 pi * 52.20e-6) V above it
    assert 15 * unit_potential(np.array(0.0), "disk") == pytest.approx(80.03, abs=0.01)
    # and 112.8 um away from the effective source at 100 um: "36 mV" in round numbers
    assert 15 * unit_potential(np.array(100.0), "disk") == pytest.approx(37.03, abs=0.01)


def test_a_point_source_is_offset_by_5_um():
    # 3.5 ohm m * 1 uA / (4 pi 100 um) = 2.785 mV
    assert unit_potential(np.array(95.0), "point") == pytest.approx(2.7852, abs=1e-4)
    assert np.isfinite(unit_potential(np.array(0.0), "point"))


def test_a_membrane_current_makes_the_potential_worked_out_by_hand():
    # 1 nA / (4 pi * 0.3 S/m * 10 um) = 26.53 uV
    assert source_potential(np.array(10.0)) == pytest.approx(0.026526, abs=1e-6)
    # nearer than 7.5 um it no longer rises
    assert source_potential(np.array(0.0)) == source_potential(np.array(7.5))


@given(st.sampled_from(["disk", "point"]), st.lists(st.floats(0, 1e5), min_size=2, max_size=20, unique=True))
def test_fields_fall_with_distance(electrode, radii):
    values = unit_potential(np.sort(radii), electrode)
    assert (values > 0).all() and (np.diff(values) <= 0).all()


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


# Hearing spikes


@pytest.fixture
def listening():
    """Three electrodes 100 um apart that hear 60 um far, and four cells; the third lies between two electrodes."""
    mea = MEA([[0.0, 0, 0], [100.0, 0, 0], [200.0, 0, 0]], output_radius=60.0)
    return mea, geometry([[0.0, 60.0, 0], [0.0, 60.1, 0], [150.0, 0, 0], [200.0, 0, 500.0]])


def test_an_electrode_hears_somata_within_its_radius_in_the_plane(listening):
    mea, cells = listening
    assert mea.channel_cells(cells).tolist() == [
        [True, False, False, False],
        [False, False, True, False],
        [False, False, True, True],
    ]


def test_spikes_are_heard_by_every_electrode_in_reach(listening):
    mea, cells = listening
    channels, times = mea.channel_recording(cells, [2, 1, 0, 3, 2], [1.0, 2.0, 2.0, 5.0, 2.0])
    assert channels.tolist() == [1, 2, 0, 1, 2, 2]
    assert times.tolist() == [1.0, 1.0, 2.0, 2.0, 2.0, 5.0]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 100)), max_size=30))
def test_channel_recordings_hold_each_spike_as_often_as_it_is_heard(spikes):
    mea = MEA([[0.0, 0, 0], [100.0, 0, 0], [200.0, 0, 0]], output_radius=60.0)
    cells = geometry([[0.0, 60.0, 0], [0.0, 60.1, 0], [150.0, 0, 0], [200.0, 0, 500.0]])
    channels, times = mea.channel_recording(cells, [g for g, _ in spikes], [t for _, t in spikes])
    heard = mea.channel_cells(cells)
    expected = sorted((t, c) for g, t in spikes for c in range(3) if heard[c, g])
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
    heard = rates.any(axis=1)
    matrix = np.corrcoef(rates[heard])
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


# Seeing potentials


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
    with pytest.raises(ClosedError, match="no electrode_coordinates yet: give it, or bind"):
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


# Coordinates and layouts


def test_coordinates_in_every_form():
    for rows in ([[1.0, 2.0, 0.0], [3.0, 4.0, 0.0]], [[1, 2], [3, 4]], [[1, 3, 4, 0], [0, 1, 2, 0]]):
        assert MEA(rows).electrode_coordinates.tolist() == [[1, 2, 0], [3, 4, 0]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([1.0, 2.0, 3.0], r"\[C, 3\] in um, \[C, 2\], or rows .id, x, y, z., got the shape \[3\]"),
        (np.zeros((2, 5)), r"got the shape \[2, 5\]"),
        (np.zeros((0, 3)), "got the shape"),
        ([[0, 0, np.nan]], "NaN or infinity"),
        ([["a", "b", "c"]], "array of numbers"),
        ([[1, 0, 0, 0], [2, 9, 0, 0]], r"ids must be 0 ... 1, each once; got \[1.0, 2.0\]"),
        ([[0, 0, 0, 0], [0, 9, 0, 0]], "each once"),
        ([[5, 5, 0], [5, 5, 0]], "same place"),
    ],
)
def test_coordinates_that_make_no_sense_are_refused(rows, message):
    with pytest.raises(InvalidInput, match=message):
        MEA(rows)


def test_radii_and_electrode_models_are_checked():
    for options in ({"input_radius": 0}, {"output_radius": -1}, {"output_radius": np.nan}):
        with pytest.raises(InvalidInput, match="put_radius must be"):
            MEA(**options)
    with pytest.raises(UnknownName, match="Unknown electrode model 'disc'. Did you mean 'disk'"):
        MEA(electrode="disc")


def test_a_grid_by_hand():
    spread = MEA.grid((400, 200), (2, 4))
    assert spread.electrode_coordinates[:, 0].tolist() == [50, 150, 250, 350] * 2
    assert spread.electrode_coordinates[:, 1].tolist() == [50] * 4 + [150] * 4
    centred = MEA.grid([[-100, 0, 5], [100, 100, 50]], (1, 3), pitch=30, output_radius=4.0)
    assert centred.electrode_coordinates.tolist() == [[-30, 50, 5], [0, 50, 5], [30, 50, 5]]
    assert centred.output_radius == 4.0


def test_the_grid_of_ei2_is_the_systems_own(ei2):
    np.testing.assert_array_equal(MEA.grid(ei2.bounding_box, (4, 4)).electrode_coordinates, ei2.electrodes)


@given(st.tuples(st.floats(10, 5000), st.floats(10, 5000)), st.integers(1, 9), st.integers(1, 9))
def test_grids_lie_within_their_area_centred_and_even(area, rows, columns):
    xy = MEA.grid(area, (rows, columns)).electrode_coordinates[:, :2].reshape(rows, columns, 2)
    assert (xy >= 0).all() and (xy <= area).all()
    # places are rounded to 1e-3 um
    np.testing.assert_allclose(xy.mean(axis=(0, 1)), np.array(area) / 2, atol=1e-3)
    np.testing.assert_allclose(np.diff(xy[..., 0], axis=1), area[0] / columns, atol=2e-3)
    np.testing.assert_allclose(np.diff(xy[..., 1], axis=0), area[1] / rows, atol=2e-3)


@pytest.mark.parametrize(
    ("area", "shape", "pitch", "message"),
    [
        ((400, 0), (2, 2), None, "positive size"),
        ((400,), (2, 2), None, "bounding box of positive size"),
        ("large", (2, 2), None, "bounding box, got 'large'"),
        ((400, np.nan), (2, 2), None, "positive size"),
        ((400, 400), (0, 2), None, "two positive integers"),
        ((400, 400), (2.0, 2), None, "integer"),
        ((400, 400), (2,), None, "two positive integers"),
        ((400, 400), (5, 2), 101, "5 x 2 electrodes at 101 um do not fit into 400 x 400 um"),
        ((400, 400), (2, 2), 0, "pitch .um. must be greater than 0"),
    ],
)
def test_grids_that_make_no_sense_are_refused(area, shape, pitch, message):
    with pytest.raises(InvalidInput, match=message):
        MEA.grid(area, shape, pitch)


def test_the_pitch_of_a_large_array_is_found_across_blocks():
    rows = MEA.grid((5000, 5000), (30, 30)).electrode_coordinates.copy()
    rows[7, :2] = rows[-1, :2] + [3.0, 4.0]  # the first row's eighth electrode, moved beside the very last
    assert MEA(rows).bind(system(1)).output_radius == pytest.approx(2.5)


# probeinterface


def test_a_layout_goes_to_a_probe_and_back():
    mea = MEA([[0.0, 0, 1.5], [10.0, 20.0, 2.5], [5.0, 7.0, 3.5]])
    probe = mea.to_probe()
    assert (probe.get_contact_count(), probe.si_units) == (3, "um")
    again = MEA.from_probe(probe, output_radius=12.0)
    np.testing.assert_array_equal(again.electrode_coordinates, mea.electrode_coordinates)
    assert again.output_radius == 12.0


def test_a_flat_probe_in_other_units_is_ordered_by_its_wiring():
    from probeinterface import Probe

    probe = Probe(ndim=2, si_units="mm")
    probe.set_contacts(np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]), shapes="circle", shape_params={"radius": 0.01})
    unwired = MEA.from_probe(probe).electrode_coordinates
    np.testing.assert_allclose(unwired, [[100, 200, 0], [300, 400, 0], [500, 600, 0]])
    probe.set_device_channel_indices([1, -1, 0])
    wired = MEA.from_probe(probe).electrode_coordinates
    np.testing.assert_allclose(wired, [[500, 600, 0], [100, 200, 0]])


def test_a_layout_goes_to_a_file_and_back(tmp_path, ei2):
    mea = MEA().bind(ei2)
    mea.write(tmp_path / "layout.json")
    assert [file.name for file in tmp_path.iterdir()] == ["layout.json"]
    again = MEA.read(tmp_path / "layout.json", electrode="point")
    np.testing.assert_array_equal(again.electrode_coordinates, ei2.electrodes)
    assert again.electrode == "point"


def test_the_electrodes_of_a_saved_system_are_a_layout(tmp_path, ei2):
    from livn_gym.system import write

    write(ei2, tmp_path / "ei2")
    layout = MEA.read(tmp_path / "ei2" / "electrodes.json")
    np.testing.assert_array_equal(layout.electrode_coordinates, ei2.electrodes)


def test_files_that_are_no_layout_are_refused(tmp_path):
    path = tmp_path / "layout.json"
    with pytest.raises(InvalidInput, match="There is no file"):
        MEA.read(path)
    MEA([[0.0, 0.0], [1.0, 1.0]]).write(path)
    whole = path.read_text()
    for content in ("", "[]", "{}", whole[:200], json.dumps({"probes": [{"ndim": 3}]})):
        path.write_text(content)
        with pytest.raises(CorruptData, match="is no probeinterface JSON"):
            MEA.read(path)
    two = json.loads(whole)
    del two["probes"][0]["device_channel_indices"]
    two["probes"], two["probe_ids"] = two["probes"] * 2, ["0", "1"]
    path.write_text(json.dumps(two))
    with pytest.raises(InvalidInput, match="holds 2"):
        MEA.read(path)


def test_a_layout_that_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "layout.json"
    MEA([[0.0, 0.0]]).write(path)
    before = path.read_bytes()

    def fail(file, probe):
        file.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr("probeinterface.write_probeinterface", fail)
    with pytest.raises(OSError, match="disk full"):
        MEA([[5.0, 5.0]]).write(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["layout.json"]
