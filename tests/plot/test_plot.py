"""What figures show, by numbers."""

from dataclasses import replace

import numpy as np
import pytest
from cultures import system
from matplotlib.figure import Figure
from pictures import busy, curve, recording, stimulus, traces

from livn_gym import plot
from livn_gym.errors import BackendUnavailable, CorruptData, InvalidInput, NotRecorded
from livn_gym.io import MEA
from livn_gym.stimulus import Stimulus
from livn_gym.system import make

SILENT = recording([], [])


def axes():
    return Figure().subplots()


def test_a_raster_shows_every_spike_and_the_populations_rates():
    figure = plot.raster(recording([0, 1, 2, 0], [0.0, 5.0, 25.0, 45.0]), system(2, 1), bin_ms=20)
    spikes, rate = figure.axes
    exc, inh = spikes.lines
    assert np.array_equal(exc.get_xydata(), [[1.0, 0], [1.005, 1], [1.045, 0]])  # seconds since the last clear
    assert np.array_equal(inh.get_xydata(), [[1.025, 2]])
    # 3 spikes of 2 cells in 50 ms, 1 of 1
    assert [exc.get_label(), inh.get_label()] == ["EXC, 30.0 Hz", "INH, 20.0 Hz"]
    (values, edges, _), (inhibitory, _, _) = (stairs.get_data() for stairs in rate.patches)
    assert np.allclose(edges, [1.0, 1.02, 1.04, 1.05])
    # spikes / (2 cells x 20, 20 and 10 ms), then of 1 cell
    assert np.allclose(values, [2 / 0.04, 0, 1 / 0.02]) and np.allclose(inhibitory, [0, 1 / 0.02, 0])


def test_a_raster_in_axes_of_yours():
    alone, pair = axes(), Figure().subplots(2)
    assert plot.raster(busy(), make("EI2"), ax=alone) is alone.figure
    assert alone.get_xlabel() == "time (s)" and len(alone.figure.axes) == 1
    assert plot.raster(busy(), make("EI2"), ax=pair) is pair[0].figure
    assert len(pair[1].patches) == 2


def test_silence_can_be_drawn(tmp_path):
    one = system(1)
    for number, figure in enumerate(
        (
            plot.raster(SILENT, one),
            plot.mea_map(one, SILENT),
            plot.evoked(SILENT, one, [25.0], before_ms=5.0, after_ms=5.0),
            plot.intervals(SILENT),
            plot.intervals(SILENT, one),
            plot.avalanches(SILENT),
            plot.connectivity(one),
        )
    ):
        figure.savefig(tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").stat().st_size > 1000


def test_a_map_shows_rates_and_charges():
    figure = plot.mea_map(make("EI2"), busy(), stimulus())
    electrodes, exc, inh = figure.axes[0].collections
    charge = np.zeros(16)
    charge[[0, 5]] = 10 * 0.4 * np.array([10.0, 5.0])  # pulses x ms x uA
    assert np.allclose(electrodes.get_array(), charge)
    rates = np.bincount(busy().spikes[1], minlength=100)  # in one second
    assert np.allclose(exc.get_array(), rates[:80]) and np.allclose(inh.get_array(), rates[80:])


def test_an_evoked_response_by_hand():
    # Channel 0 at cell 0, channel 1 at cell 2; pulses at 10 and 30 ms.
    array = MEA([[0.0, 0.0, 0.0], [200.0, 0.0, 0.0]], output_radius=10.0)
    heard = recording([0, 1, 0, 2], [10.0, 11.0, 31.0, 39.9])
    figure = plot.evoked(heard, system(3), [10.0, 30.0], io=array, before_ms=10, after_ms=10, bin_ms=5)
    mean, channels, _ = figure.axes
    (mesh,) = channels.collections
    hz = 1 / 0.005 / 2  # one spike in 5 ms, two pulses
    assert np.allclose(mesh.get_array(), [[0, 0, 2 * hz, 0], [0, 0, 0, hz]])
    values, edges, _ = mean.patches[0].get_data()
    assert np.allclose(values, [0, 0, hz, hz / 2]) and np.allclose(edges, [-10, -5, 0, 5, 10])


def test_onsets_are_those_of_the_pulses_first_phase():
    given = plot.evoked(busy(), make("EI2"), np.arange(50.0, 1000.0, 100.0))
    pulses = plot.evoked(busy(), make("EI2"), stimulus())
    assert np.array_equal(given.axes[0].patches[0].get_data()[0], pulses.axes[0].patches[0].get_data()[0])


def test_connectivity_by_hand():
    figure = plot.connectivity(system(2, 1, [(0, 1, 1.0), (2, 0, 1.0)]))
    expected = [[0, 1, 0], [0, 0, 0], [-1, 0, 0]]
    assert np.array_equal(figure.axes[0].collections[0].get_array(), expected)


def test_connectivity_in_blocks_keeps_the_mean():
    culture = system(401, edges=[(0, 400, 1.0), (1, 3, 1.0), (2, 3, 1.0)])
    shown = plot.connectivity(culture).axes[0].collections[0].get_array()  # blocks of 3 cells, 2 in the last
    assert shown.shape == (134, 134)
    assert shown[0, 133] == pytest.approx(1 / 6) and shown[0, 1] == pytest.approx(2 / 9)
    assert np.count_nonzero(shown) == 2


def test_voltages_lie_one_above_the_other():
    (drawn,) = plot.voltage(traces(), system(2, 1), cells=[2, 0]).axes
    upper, lower = drawn.lines
    given = traces().voltage[0]
    assert drawn.get_title("left") == "hand-made: somatic voltage"
    dendrite = replace(traces(), voltage_soma=None, voltage_dendrite=traces().voltage, voltage_compartment="dendrite")
    assert plot.voltage(dendrite).axes[0].get_title("left") == "Dendritic voltage"
    assert np.allclose(upper.get_ydata(), given[1]) and np.allclose(lower.get_ydata(), given[0] - 100.0)
    assert upper.get_xdata()[[0, -1]].tolist() == [1.0, 1.0495]
    assert [tick.get_text() for tick in drawn.get_yticklabels()] == ["INH 2: 0 mV", "EXC 0: 0 mV"]


def test_intervals_stay_within_a_culture():
    # cell 0 of both cultures: 10 ms in one, 20 ms in the other
    pooled = recording([0, 0, 0, 0], [1.0, 11.0, 5.0, 25.0], cultures=2, culture=[0, 0, 1, 1])
    drawn = axes()
    plot.intervals(pooled, ax=drawn)
    counts = {round(bar.get_x()): bar.get_height() for bar in drawn.patches if bar.get_height()}
    assert sum(counts.values()) == 2 and len(counts) == 2
    assert min(counts) <= 10 <= max(counts) <= 20


def test_avalanches_by_hand():
    # bins of 5 ms: 2, 1, -, 1, -: the first is cut by the start; then sizes 2 and 1 between empty bins
    given = recording([0] * 4, [6.0, 7.0, 20.0, 30.0])
    curve_, _ = plot.avalanches(given, bin_ms=5.0).axes[0].lines
    assert curve_.get_xydata().tolist() == pytest.approx(np.array([[1.0, 1.0], [2.0, 1 / 3]]))
    assert curve_.get_label() == "culture (3)"


@pytest.mark.parametrize(("given", "said"), [(SILENT, "no spikes"), (None, "no bin of 10 ms")])
def test_no_avalanches_are_said_to_be_none(given, said):
    axes = plot.avalanches(
        given or recording([0] * 5, [5.0, 15.0, 25.0, 35.0, 45.0], duration_ms=50.0), bin_ms=10.0
    ).axes[0]
    assert said in axes.texts[0].get_text() and not axes.lines


def test_avalanches_leave_out_the_rest_of_a_bin():
    given = recording([0] * 3, [8.0, 22.0, 49.5], duration_ms=50.0)
    assert plot.avalanches(given, bin_ms=7.0).axes[0].lines[0].get_label() == "culture (2)"


def test_a_learning_curve_from_rows_a_file_and_a_folder(tmp_path):
    path = tmp_path / "curve.csv"
    names = ["step", "seconds", "return", "return_low", "return_high"]
    lines = [",".join(str(row.get(name, 3)) for name in names) for row in curve()]
    path.write_text("\n".join([",".join(names), *lines]))
    lines = [plot.learning_curves(given).axes[0].lines[0].get_xydata() for given in (curve(), path, str(tmp_path))]
    assert np.allclose(lines[0][:2], [[0.0, -50.0], [1000.0, -25.0]])
    assert np.array_equal(lines[0], lines[1]) and np.array_equal(lines[0], lines[2])


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "step,return,return_low,return_high\n1,x,2,3\n"])
def test_a_damaged_learning_curve_is_found(tmp_path, content):
    (tmp_path / "curve.csv").write_text(content)
    with pytest.raises((CorruptData, InvalidInput), match="curve.csv (is no learning curve|has no rows)"):
        plot.learning_curves(tmp_path)


@pytest.mark.parametrize(
    ("draw", "error", "words"),
    [
        (lambda: plot.raster(recording([0], [1.0], cultures=2), system(1)), InvalidInput, "shows one culture, got 2"),
        (lambda: plot.raster(SILENT, system(1), bin_ms=0), InvalidInput, "bin_ms"),
        (lambda: plot.mea_map(system(1), recording([0], [1.0], cultures=2)), InvalidInput, "shows one culture"),
        (
            lambda: plot.mea_map(system(1), stimulus=Stimulus(np.zeros((5, 1)), 1.0)),
            InvalidInput,
            "'current' with 1 columns",
        ),
        (lambda: plot.mea_map(system(1), stimulus=stimulus()), InvalidInput, "of 1 channels"),
        (lambda: plot.evoked(SILENT, system(1), [10.0]), InvalidInput, "20 ms before and 80 ms after"),
        (lambda: plot.evoked(SILENT, system(1), Stimulus(np.zeros((5, 1)), 1.0)), InvalidInput, "Only pulses"),
        (lambda: plot.evoked(SILENT, system(1), [10.0], after_ms=0.0), InvalidInput, "after_ms"),
        (lambda: plot.voltage(SILENT), NotRecorded, "record_voltage"),
        (lambda: plot.voltage(traces(), cells=[1]), NotRecorded, r"\[1\] were not recorded, only those of \[0, 2\]"),
        (lambda: plot.voltage(traces(), cells=[]), InvalidInput, "at least one cell"),
        (lambda: plot.avalanches(SILENT, bin_ms=-1.0), InvalidInput, "bin_ms"),
        (lambda: plot.learning_curves({}), InvalidInput, "at least one training"),
        (lambda: plot.learning_curves("nowhere"), InvalidInput, "no learning curve nowhere"),
        (lambda: plot.learning_curves([{"step": 1.0}]), InvalidInput, "missing: return, "),
    ],
)
def test_what_cannot_be_shown_is_refused(draw, error, words):
    with pytest.raises(error, match=words):
        draw()


EI2, EI3 = make("EI2"), make("EI3")
OF_EI2 = replace(recording([0, 99], [1.0, 2.0]), populations=EI2.populations)


@pytest.mark.parametrize(
    "draw",
    [
        plot.raster,
        plot.intervals,
        lambda recorded, system: plot.mea_map(system, recorded),
        lambda recorded, system: plot.evoked(recorded, system, [25.0], before_ms=5.0, after_ms=5.0),
        lambda recorded, system: plot.voltage(replace(traces(), populations=recorded.populations), system),
    ],
)
def test_a_recording_of_another_system_is_refused(draw):
    with pytest.raises(InvalidInput, match="another system: of 80 EXC, 20 INH cells, EI3 has 800 EXC, 200 INH"):
        draw(OF_EI2, EI3)
    draw(OF_EI2, EI2)
    draw(replace(OF_EI2, populations=()), EI3)


def test_without_populations_the_cells_are_compared():
    for draw in (plot.raster, plot.intervals):
        with pytest.raises(InvalidInput, match="cell 99, EI1 has 10 cells"):
            draw(replace(OF_EI2, populations=()), make("EI1"))
    with pytest.raises(InvalidInput, match="cell 2, .* has 1 cells"):
        plot.voltage(traces(), system(1))


def test_missing_spikes_are_said():
    without = replace(SILENT, spike_culture=None, spike_gid=None, spike_t=None)
    for draw in (plot.raster, plot.intervals):
        with pytest.raises(NotRecorded, match="record_spikes"):
            draw(without, system(1))


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("livn_gym.plot.style.find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r"livn_gym\[viz\]"):
        plot.intervals(SILENT)
