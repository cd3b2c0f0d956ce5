"""Rendering of a culture: the array, a spike raster, the rate and its target, the charge.

matplotlib is imported on first use, so that it is needed only for rendering. Pictures are drawn on a separate figure,
without pyplot's global state; a window uses pyplot and the user's backend.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.envs.delivery import shares
from livn_gym.envs.screens import OffScreen, Screen, human_screen
from livn_gym.envs.tasks import Measurement
from livn_gym.plot.array_map import CHARGE_MAP, draw_array
from livn_gym.plot.spikes import raster_spikes, raster_stride
from livn_gym.plot.style import COLOURS, coloured
from livn_gym.system import System

RASTER_MS, TRACE_MS = 2000.0, 20000.0
CHARGE_LABEL = "electrode: charge (% of most)"
LIGHT_LABEL = "light (% of most)"
"""The label where an encoding drives lights only, whose mean dose is then shown at every electrode."""


class Renderer:
    """Collects the measurements of one culture and draws the latest seconds.

    Args:
        system: The culture's cells and electrodes.
        highest_charge_nC: Charge of each channel in a step under the highest command, nC ``[C]``.
        window: Draw in a window rather than off screen.
    """

    def __init__(self, system: System, highest_charge_nC: NDArray[np.float64], window: bool) -> None:
        self._system = system
        self._highest_nC = highest_charge_nC
        self._window = window
        self._steps: deque[Measurement] = deque()
        self._targets: deque[float] = deque()
        self._picture: _Picture | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return everything but the figure, which a copy draws again."""
        return vars(self) | {"_picture": None}

    def clear(self) -> None:
        """Remove all steps, at the start of an episode."""
        self._steps.clear()
        self._targets.clear()

    def add(self, measurement: Measurement, target_hz: float | None) -> None:
        """Add a control step; ``target_hz``, the target of the next step, is drawn beside the rates."""
        self._steps.append(measurement)
        self._targets.append(np.nan if target_hz is None else target_hz)
        while self._steps[0].time_ms <= measurement.time_ms - TRACE_MS:
            self._steps.popleft()
            self._targets.popleft()

    def frame(self) -> NDArray[np.uint8]:
        """Return the picture, ``[640, 960, 3]``."""
        figure = self._updated().figure
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()

    def show(self) -> None:
        """Draw in the window or the notebook's cell."""
        self._updated().screen.refresh()

    def close(self) -> None:
        """Close the window, if any; may be called twice."""
        if self._picture is not None:
            self._picture.screen.close()
        self._picture = None

    def _updated(self) -> _Picture:
        if self._picture is None:
            screen = human_screen() if self._window else OffScreen()
            self._picture = _Picture(screen, self._system, self._highest_nC)
        self._picture.update(list(self._steps), np.array(self._targets))
        return self._picture


class _Picture:
    """A figure and its artists that change in every step."""

    def __init__(self, screen: Screen, system: System, highest_nC: NDArray) -> None:
        self.screen = screen
        self.figure = figure = screen.figure
        self._system = system
        self._highest_nC = highest_nC
        self._lit = not highest_nC.any()
        grid = figure.add_gridspec(
            3,
            2,
            width_ratios=(1.0, 0.98),
            height_ratios=(2.1, 1.5, 1.2),
            left=0.065,
            right=0.98,
            top=0.885,
            bottom=0.085,
            wspace=0.19,
            hspace=0.4,
        )
        self._title = figure.text(0.065, 0.957, "", fontsize=12, fontweight="bold", va="center")
        self._build_array(figure.add_subplot(grid[:, 0]))
        self._build_raster(figure.add_subplot(grid[0, 1]))
        self._build_rates(figure.add_subplot(grid[1, 1]))
        self._build_charge(figure.add_subplot(grid[2, 1], sharex=self._rate_axes))

    def _build_array(self, axes: Any) -> None:
        self._electrodes, self._cells = draw_array(axes, self._system)
        bars = (
            (self._cells[0][1], 0.0, "cell: rate of last second (Hz)"),
            (self._electrodes, 0.54, LIGHT_LABEL if self._lit else CHARGE_LABEL),
        )
        for artist, left, label in bars:
            bar = axes.inset_axes((left, -0.15, 0.46, 0.028))
            self.figure.colorbar(artist, cax=bar, orientation="horizontal")
            bar.tick_params(labelsize=7.5)
            bar.set_xlabel(label, fontsize=8.5)

    def _build_raster(self, axes: Any) -> None:
        system = self._system
        axes.set_ylim(-1, system.num_neurons)
        _label(axes, "", "cell")
        self._stride = raster_stride(system.num_neurons)
        size = np.clip(110.0 * self._stride / system.num_neurons, 0.8, 6.0)
        self._rasters = []
        for population, colour in coloured(system):
            (line,) = axes.plot([], [], linestyle="none", marker="|", markersize=size, color=colour)
            middle = ((population.start + population.stop) / 2 + 1) / (system.num_neurons + 1)
            style = {"transform": axes.transAxes, "fontsize": 8.5, "color": colour}
            axes.text(1.008, middle, population.name, rotation=90, va="center", **style)
            self._rasters.append((population, line))
        self._raster_axes = axes

    def _build_rates(self, axes: Any) -> None:
        (self._rate,) = axes.plot([], [], color="#9a9a9a", linewidth=1.0, drawstyle="steps-pre", label="step")
        (self._rate_1s,) = axes.plot([], [], color=COLOURS[0], linewidth=2.0, label="1 s mean")
        style = {"color": COLOURS[1], "linewidth": 1.5, "linestyle": "--", "drawstyle": "steps-post"}
        (self._target,) = axes.plot([], [], label="target", **style)
        _label(axes, "", "rate (Hz a cell)")
        self._rate_axes = axes

    def _build_charge(self, axes: Any) -> None:
        channels = self._system.num_channels
        self._charge = axes.imshow(
            np.zeros((channels, 1)),
            cmap=CHARGE_MAP,
            vmin=0,
            vmax=100,
            aspect="auto",
            interpolation="nearest",
            origin="lower",
            extent=(0, 1, -0.5, channels - 0.5),
        )
        _label(axes, "time (s)", "channel")
        axes.set_yticks(np.unique(np.linspace(0, channels - 1, 4).round()))

    def update(self, steps: list[Measurement], targets_hz: NDArray[np.float64]) -> None:
        """Show steps and the targets set after each, oldest first; the last step is the present one."""
        if not steps:
            self._title.set_text(self._system.name)
            return
        latest = steps[-1]
        charge = 100.0 * np.array([shares(step.charge_nC, self._highest_nC) for step in steps])
        if self._lit:
            charge[:] = 100.0 * np.array([step.dose_fraction for step in steps])[:, None]
        self._electrodes.set_array(charge[-1])
        aim = "" if np.isnan(targets_hz[-1]) else f" (target {targets_hz[-1]:.1f})"
        self._title.set_text(
            f"{self._system.name}   {latest.time_ms / 1000:.1f} s   {latest.rate_1s_hz:.1f} Hz{aim}   "
            f"{'light' if self._lit else 'charge'} {charge[-1].mean():.0f} %"
        )
        self._update_spikes(steps)
        self._update_traces(steps, targets_hz, charge)

    def _update_spikes(self, steps: list[Measurement]) -> None:
        end = steps[-1].time_ms
        gid, time = _spikes(steps, end - RASTER_MS)
        recent = np.bincount(gid[time >= end - 1000.0], minlength=self._system.num_neurons)
        for population, cells in self._cells:
            cells.set_array(recent[population.start : population.stop])
        for population, line in self._rasters:
            drawn = (gid >= population.start) & (gid < population.stop) & (gid % self._stride == 0)
            line.set_data(time[drawn] / 1000, gid[drawn])
        self._raster_axes.set_xlim((end - RASTER_MS) / 1000, end / 1000)

    def _update_traces(self, steps: list[Measurement], targets_hz: NDArray, charge: NDArray) -> None:
        time = np.array([step.time_ms for step in steps]) / 1000
        rate, rate_1s = (np.array([getattr(step, name) for step in steps]) for name in ("rate_hz", "rate_1s_hz"))
        self._rate.set_data(time, rate)
        self._rate_1s.set_data(time, rate_1s)
        self._target.set_data(time, targets_hz)
        if self._rate_axes.get_legend() is None:
            lines = [self._rate, self._rate_1s, *([] if np.isnan(targets_hz).all() else [self._target])]
            style = {"ncols": 3, "fontsize": 8, "frameon": False}
            self._rate_axes.legend(handles=lines, loc="lower right", bbox_to_anchor=(1.0, 0.96), **style)
        left = max(time[0], time[-1] - TRACE_MS / 1000) if time[-1] > TRACE_MS / 1000 else min(time[0], -1.0)
        self._rate_axes.set(
            xlim=(left, max(time[-1], TRACE_MS / 1000)),
            ylim=(0, 1.15 * max(rate.max(), np.nan_to_num(targets_hz).max(), 10.0)),
        )
        length = (time[-1] - time[0]) / max(1, len(time) - 1)
        channels = self._system.num_channels
        self._charge.set_data(charge.T)
        self._charge.set_extent((time[0] - length, time[-1], -0.5, channels - 0.5))


def _label(axes: Any, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=9, labelpad=1)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.locator_params(axis="x", nbins=6)


def _spikes(steps: list[Measurement], start_ms: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return cell and time in the episode (ms) of the spikes of all steps that end after ``start_ms``."""
    return raster_spikes((step.recording, step.time_ms) for step in steps if step.time_ms > start_ms)
