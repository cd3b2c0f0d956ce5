"""Pictures against committed ones, and their text as strings."""

import sys
from pathlib import Path

import numpy as np
import pytest
from pictures import CHANGED, DRAWN, baseline, distance, pixels

TOLERANCE = 0.01
"""Above what another hinting of letters or the baselines' 128 colours make (below 0.006), below any change of data
(above 0.02, see the second test)."""


@pytest.mark.parametrize("name", DRAWN)
def test_the_picture_is_as_it_was(name):
    assert distance(pixels(DRAWN[name]()), baseline(name)) < TOLERANCE


@pytest.mark.parametrize("name", CHANGED)
def test_a_picture_of_other_data_is_told_apart(name):
    assert CHANGED.keys() == DRAWN.keys()
    assert distance(pixels(CHANGED[name]()), baseline(name)) > 1.5 * TOLERANCE


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("raster", [("", "cell"), ("time (s)", "rate (Hz a cell)")]),
        ("mea-map-plain", [("x (µm)", "y (µm)")]),
        (
            "mea-map",
            [
                ("x (µm)", "y (µm)"),
                ("cell: mean rate (Hz; faster than 30 alike)", ""),
                ("electrode: charge (nC)", ""),
            ],
        ),
        (
            "evoked",
            [("", "mean (Hz a channel)"), ("time since the pulse (ms)", "channel"), ("", "recorded spikes (Hz)")],
        ),
        ("learning", [("environment steps", "return of an episode (sum of rewards)")]),
        (
            "connectivity",
            [("postsynaptic cell", "presynaptic cell"), ("", "strength (of the weight; inhibition negative)")],
        ),
        ("voltage", [("time (s)", "voltage, 100 mV a cell")]),
        ("intervals", [("interval between spikes of a cell (ms)", "number of intervals")]),
        ("avalanches", [("size of an avalanche (spikes)", "share at least so large")]),
    ],
)
def test_every_axis_says_its_unit(name, labels):
    figure = DRAWN[name]()
    assert [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes] == labels


def test_channels_stand_beside_their_electrodes():
    axes = DRAWN["mea-map"]().axes[0]
    assert [text.get_text() for text in axes.texts] == [str(channel) for channel in range(16)]


def test_the_style_is_not_left_behind():
    import matplotlib

    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"font.size": 30.0, "axes.spines.top": True}):
        figure = DRAWN["intervals"]()
        assert matplotlib.rcParams["font.size"] == 30.0
    assert figure.axes[0].xaxis.label.get_size() == 9.0 and not figure.axes[0].spines["top"].get_visible()
    assert dict(matplotlib.rcParams) == before


def test_drawing_needs_no_pyplot():
    import subprocess

    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent.parent)!r})\n"
        "from pictures import DRAWN\n"
        "for draw in DRAWN.values(): draw()\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


def test_baselines_are_small_and_all_used():
    files = list((Path(__file__).parent / "baselines").iterdir())
    assert {path.stem for path in files} == set(DRAWN)
    assert sum(path.stat().st_size for path in files) < 100_000
    assert all(np.ptp(baseline(name)) > 0.5 for name in DRAWN)  # none is blank
