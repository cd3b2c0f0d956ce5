"""Pictures that are compared: small ones of made-up data, and how near two of them are."""

from pathlib import Path

import numpy as np
from cultures import system
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text
from matplotlib.ticker import NullFormatter

from livn_gym import plot
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.system import make

BASELINES = Path(__file__).parent / "plot" / "baselines"
DPI = 40


def recording(gid, t_ms, cultures=1, culture=None, duration_ms=50.0, **traces):
    gid, t_ms = np.array(gid, dtype=np.int64), np.array(t_ms, dtype=np.float64)
    culture = np.zeros(len(gid), np.int64) if culture is None else np.array(culture, dtype=np.int64)
    return Recording(1000.0, duration_ms, 0.025, 0.5, cultures, culture, gid, t_ms, **traces)


def busy(duration_ms=1000.0, cells=100, every_ms=100.0):
    """Irregular spikes made without a random generator, with a volley after each pulse."""
    k = np.arange(900)
    gid, t = (k * 37) % cells, (k * 0.618034 % 1.0) ** 1.1 * duration_ms
    pulses = np.arange(50.0, duration_ms, every_ms)
    volley = (pulses[:, None] + 2.0 + np.arange(cells) * 0.17).ravel()
    gid, t = np.append(gid, np.tile(np.arange(cells), len(pulses))), np.append(t, volley)
    kept = t < duration_ms
    order = np.lexsort((gid[kept], t[kept]))
    return recording(gid[kept][order], t[kept][order], duration_ms=duration_ms)


def stimulus():
    amplitude = np.zeros(16)
    amplitude[[0, 5]] = 10.0, 5.0
    return Stimulus.pulse_train(amplitude, duration_ms=1000.0, rate_hz=10.0, start_ms=50.0)


def traces():
    t = np.arange(100) * 0.5
    voltage = np.stack([-60.0 + 5.0 * np.sin(t / 7.0), -60.0 + 90.0 * (np.abs(t - 20.0) < 0.6)])
    return recording([], [], voltage_soma=voltage[None], voltage_gid=np.array([0, 2]))


def curve(offset=0.0):
    return [
        {"step": 1000.0 * k, "return": -50.0 / (k + 1) + offset, "return_low": -60.0, "return_high": -5.0}
        for k in range(5)
    ]


DRAWN = {
    "raster": lambda: plot.raster(busy(), make("EI2")),
    "mea-map": lambda: plot.mea_map(make("EI2"), busy(), stimulus()),
    "mea-map-plain": lambda: plot.mea_map(make("EI1")),
    "evoked": lambda: plot.evoked(busy(), make("EI2"), stimulus(), before_ms=10.0, after_ms=40.0),
    "learning": lambda: plot.learning_curves({"ppo": curve(), "sac": curve(9.0)}, title="EI2", levels={"silent": -55}),
    "connectivity": lambda: plot.connectivity(make("EI1")),
    "voltage": lambda: plot.voltage(traces(), system(2, 1)),
    "intervals": lambda: plot.intervals(busy(), make("EI2")),
    "avalanches": lambda: plot.avalanches(busy(cells=20), bin_ms=1.0),
}


def half():
    """Every other spike of ``busy``."""
    whole = busy()
    return whole.where(np.arange(len(whole.spikes[0])) % 2 == 0)


CHANGED = {
    "raster": lambda: plot.raster(half(), make("EI2")),
    "mea-map": lambda: plot.mea_map(make("EI2"), half(), stimulus()),
    "mea-map-plain": lambda: plot.mea_map(make("EI1", seed=2)),
    "evoked": lambda: plot.evoked(busy(), make("EI2"), [57.0, 157.0], before_ms=10.0, after_ms=40.0),
    "learning": lambda: plot.learning_curves({"ppo": curve(), "sac": curve(12.0)}, levels={"silent": -55}),
    "connectivity": lambda: plot.connectivity(make("EI1", seed=2)),
    "voltage": lambda: plot.voltage(traces(), system(2, 1), cells=[2, 0]),
    "intervals": lambda: plot.intervals(half(), make("EI2")),
    "avalanches": lambda: plot.avalanches(busy(cells=20), bin_ms=2.0),
}
"""The same pictures of other data, which a comparison must tell apart."""


def pixels(figure: Figure):
    """What is drawn, without its text, ``[height, width, 3]`` in 0 ... 1, at a fixed resolution.

    Letters and the room they take differ between versions of FreeType; tests read them as strings instead.
    """
    for axes in figure.findobj(Axes):
        if axes.get_legend() is not None:
            axes.get_legend().remove()
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(NullFormatter())
            axis.set_minor_formatter(NullFormatter())
    for text in figure.findobj(Text):
        text.set_visible(False)
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3] / 255.0


def baseline(name):
    return imread(BASELINES / f"{name}.png")[..., :3]


def distance(first, second):
    """RMS of the difference of means over 4 x 4 pixels, 0 ... 1; these do not see how edges are smoothed."""
    assert first.shape == second.shape
    height, width = (size // 4 * 4 for size in first.shape[:2])
    difference = (first - second)[:height, :width].reshape(height // 4, 4, width // 4, 4, 3).mean(axis=(1, 3))
    return float(np.sqrt((difference**2).mean()))


def write():
    """Make the baselines anew: ``PYTHONPATH=tests python -c 'import pictures; pictures.write()'``."""
    from PIL import Image

    for name, draw in DRAWN.items():
        picture = Image.fromarray(np.rint(pixels(draw()) * 255.0).astype(np.uint8))
        picture.quantize(128).save(BASELINES / f"{name}.png", optimize=True)
