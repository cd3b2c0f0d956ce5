"""Screens of ``render_mode="human"``: a window, a notebook's cell, or none.

matplotlib is imported on first use.
"""

from __future__ import annotations

import io
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any

SIZE_INCHES, DPI = (9.6, 6.4), 100
_log = logging.getLogger("livn_gym")

_WITHOUT_WINDOWS = ContextVar("without_windows", default=False)
"""True where matplotlib's backend may have no windows, and nobody expects one."""


@contextmanager
def without_windows() -> Iterator[None]:
    """Expect in this block that there may be no display, as on a server: no warning says that no window is opened.

    A window that cannot be opened although matplotlib's backend has windows is still reported.
    """
    token = _WITHOUT_WINDOWS.set(True)
    try:
        yield
    finally:
        _WITHOUT_WINDOWS.reset(token)


class Screen(ABC):
    """A figure and its display.

    Attributes:
        figure: A matplotlib figure.
    """

    figure: Any

    @abstractmethod
    def refresh(self) -> None:
        """Display the present state of the figure."""

    @abstractmethod
    def close(self) -> None:
        """Close the window, if any; may be called twice."""


class OffScreen(Screen):
    """A figure that is drawn into memory, without pyplot's global state."""

    def __init__(self) -> None:
        self.figure = import_module("matplotlib.figure").Figure(figsize=SIZE_INCHES, dpi=DPI)
        import_module("matplotlib.backends.backend_agg").FigureCanvasAgg(self.figure)

    def refresh(self) -> None:
        """Draw the figure."""
        self.figure.canvas.draw()

    def close(self) -> None:
        """Do nothing: there is no window."""


class Notebook(OffScreen):
    """Output of the notebook cell that runs: each picture replaces the one before, and another cell has its own.

    Args:
        shell: Shell of IPython.
    """

    def __init__(self, shell: Any) -> None:
        super().__init__()
        self._shell = shell
        self._cell: object = None
        self._handle: Any = None

    def refresh(self) -> None:
        """Display the picture in the cell."""
        display = import_module("IPython.display")
        data = io.BytesIO()
        self.figure.canvas.print_png(data)
        picture = display.Image(data=data.getvalue(), format="png")
        if self._handle is None or self._cell != self._shell.execution_count:
            self._cell = self._shell.execution_count
            self._handle = display.display(picture, display_id=True)
        else:
            self._handle.update(picture)


class Window(Screen):
    """An interactive window of the user's matplotlib backend; if the user closes it, it stays closed.

    Args:
        figure: Figure of pyplot.
    """

    def __init__(self, figure: Any) -> None:
        self.figure = figure
        if figure.canvas.manager is not None:
            figure.canvas.manager.set_window_title("livn_gym")
        figure.show()

    def refresh(self) -> None:
        """Draw the figure and process the window's events."""
        if import_module("matplotlib.pyplot").fignum_exists(self.figure.number):
            self.figure.canvas.draw_idle()
            self.figure.canvas.start_event_loop(0.001)

    def close(self) -> None:
        """Close the window."""
        import_module("matplotlib.pyplot").close(self.figure)


def human_screen() -> Screen:
    """Return a window if matplotlib can open one, otherwise a notebook's cell, otherwise no screen with a warning."""
    window, reason, failed = _window()
    if window is not None:
        return window
    shell = _notebook_shell()
    if shell is not None:
        return Notebook(shell)
    level = logging.WARNING if failed or not _WITHOUT_WINDOWS.get() else logging.DEBUG
    _log.log(level, 'No window can be opened (%s); render_mode="rgb_array" gives pictures instead.', reason)
    return OffScreen()


def _window() -> tuple[Window | None, str, bool]:
    """Return a window of pyplot; or None, the reason why there is none, and whether opening it failed."""
    plt = import_module("matplotlib.pyplot")
    backends = import_module("matplotlib.backends")
    silent = backends.backend_registry.list_builtin(backends.BackendFilter.NON_INTERACTIVE)
    try:
        # The notebook's inline backend shows a figure once, at the end of a cell; matplotlib does not list it.
        name = plt.get_backend()
        if name.lower() in silent or "inline" in name.lower():
            return None, f"matplotlib's backend is {name}", False
        return Window(plt.figure(figsize=SIZE_INCHES, dpi=DPI)), "", False
    except Exception as error:  # each toolkit has its own errors, such as TclError without a display
        return None, f"{type(error).__name__}: {error}", True


def _notebook_shell() -> Any:
    """Return IPython's shell in a notebook; None in a terminal or a script."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell if shell is not None and getattr(shell, "kernel", None) is not None else None
