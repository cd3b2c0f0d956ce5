"""Style of all figures: fonts, colours and sizes; check for matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from livn_gym.checks import checked_types
from livn_gym.errors import BackendUnavailable
from livn_gym.system import Population, System

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9")
"""Colours of populations, from Okabe & Ito's palette, which people with any colour vision can tell apart."""

GREY = "#808080"

STYLE = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "figure.dpi": 100.0,
}


def check_available() -> None:
    """Check that matplotlib is installed.

    Raises:
        BackendUnavailable: It is not; the message says how to install it.
    """
    if find_spec("matplotlib") is None:
        raise BackendUnavailable('Rendering needs matplotlib, which is missing: pip install "livn_gym[viz]"')


@checked_types
def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Make a function draw in the project's style, without a change of the user's style.

    The function raises ``BackendUnavailable`` if matplotlib is not installed.
    """

    @wraps(draw)
    def styled_draw(*arguments: P.args, **options: P.kwargs) -> R:
        check_available()
        with import_module("matplotlib").rc_context(STYLE):
            return draw(*arguments, **options)

    return styled_draw


@checked_types
def new_figure(width: float, height: float) -> Figure:
    """Make a figure of a size in inches, without window or global state."""
    return import_module("matplotlib.figure").Figure(figsize=(width, height), layout="constrained")


@checked_types
def panel(ax: Any, width: float = 6.4, height: float = 4.0) -> tuple[Figure, Any]:
    """Return figure and axes: of ``ax``, or new ones if it is None."""
    if ax is not None:
        return ax.figure, ax
    figure = new_figure(width, height)
    return figure, figure.subplots()


def plain_numbers(*axes: Any) -> None:
    """Label logarithmic axes with plain numbers, 0.01 or 1000, instead of powers of ten."""
    for axis in axes:
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(import_module("matplotlib.ticker").NullFormatter())


@checked_types
def coloured(system: System) -> Iterator[tuple[Population, str]]:
    """Return every population with its colour."""
    return zip(system.populations, COLOURS * len(system.populations), strict=False)
