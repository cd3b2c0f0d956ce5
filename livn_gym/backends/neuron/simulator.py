"""NEURON in this process, with only the mechanisms of this package.

NEURON automatically loads mechanisms compiled in the current folder, in the folders of ``NRN_NMODL_PATH`` and in
``NEURON_MODULE_OPTIONS``, and the first mechanism of a name takes precedence. It is therefore imported in a folder
without mechanisms, and the names of the mechanisms of this package end with a hash of their sources.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livn_gym import numerics
from livn_gym.errors import BackendError, BackendUnavailable

_FOREIGN = ("NRN", "NEURON", "CORENRN", "CORENEURON", "HOC_LIBRARY_PATH", "MODLUNIT")
"""Prefixes of the environment variables that change what NEURON loads, finds or builds."""

_loaded: dict[str, Path] = {}
"""Libraries loaded in this process, by their tag."""


@dataclass(frozen=True)
class Mechanisms:
    """Compiled mechanisms.

    Attributes:
        library: Shared library.
        tag: Suffix of the names of all mechanisms, after an underscore; empty for none.
    """

    library: Path
    tag: str

    def name(self, mechanism: str) -> str:
        """Return the name of a mechanism in NEURON."""
        return f"{mechanism}_{self.tag}" if self.tag else mechanism


def environment() -> dict[str, str]:
    """Return the environment variables of this process except those that change NEURON or its mechanisms."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}


def interpreter() -> Any:
    """Return NEURON's ``h``, imported without automatically loaded mechanisms.

    Raises:
        BackendUnavailable: NEURON is not installed.
    """
    if "neuron" not in sys.modules:
        saved = {name: os.environ[name] for name in ("NRN_NMODL_PATH", "HOC_LIBRARY_PATH") if name in os.environ}
        saved["NEURON_MODULE_OPTIONS"] = os.environ.get("NEURON_MODULE_OPTIONS", "-nogui")
        for name in saved:
            os.environ.pop(name, None)
        os.environ["NEURON_MODULE_OPTIONS"] = "-nogui"
        try:
            with _in_folder(Path(__file__).parent):  # this folder has no mechanisms
                import neuron  # noqa: F401
        except ImportError as error:
            raise BackendUnavailable("NEURON is not installed: pip install 'livn_gym[neuron]'.") from error
        finally:
            os.environ.update(saved)
    from neuron import h

    return h


def load(mechanisms: Mechanisms) -> Any:
    """Load mechanisms and return NEURON's ``h``.

    Raises:
        BackendError: The mechanisms cannot be loaded, or others with the same names are already loaded.
    """
    h = interpreter()
    loaded = _loaded.get(mechanisms.tag)
    if loaded is not None and loaded == mechanisms.library:
        return h
    name = mechanisms.name("OUConductance")
    if loaded is not None or hasattr(h, name):
        raise BackendError(
            f"NEURON already has a mechanism {name} in this process, from {loaded or 'another library'}, so "
            f"that the one of {mechanisms.library} cannot be loaded. Start a process that loads no mechanisms itself."
        )
    # As a relative path, since NEURON cannot handle all characters in a path, such as non-ASCII letters.
    with _in_folder(mechanisms.library.parent):
        success = h.nrn_load_dll(f"./{mechanisms.library.name}")
    if not success or not hasattr(h, name):
        raise BackendError(f"NEURON could not load the mechanisms in {mechanisms.library}.")
    _loaded[mechanisms.tag] = mechanisms.library
    return h


def check(mechanisms: Mechanisms, draws: int = 64) -> None:
    """Check that mechanisms draw the same noise as ``livn_gym.numerics.noise``, bit for bit.

    Compilers that reorder or contract operations (``-ffast-math``, fused multiply-adds) change the noise.

    Raises:
        BackendError: The noise differs.
    """
    h = load(mechanisms)
    section, stream = h.Section(name="check"), numerics.NoiseStream(0x0123456789ABCDEF, 42)
    pair = [getattr(h, mechanisms.name("OUConductance"))(section(0.5)) for _ in range(2)]
    for receptor, noise in enumerate(pair):
        noise.cell, noise.receptor, noise.tau = (
            7,
            receptor,
            1e-6,
        )  # a short time constant, so that every step draws a new number
        noise.seed_low, noise.seed_high, noise.trial = stream.words
    h.finitialize()
    for step in range(draws):
        h.fadvance()
        expected = numerics.noise(step, 7, stream)
        if [noise.y for noise in pair] != [float(value) for value in expected]:
            raise BackendError(f"The compiled noise differs from livn_gym's own at step {step}.")


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Temporarily change the current folder; the previous one may have been removed."""
    try:
        previous = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))
    except OSError:
        os.chdir(folder)  # there is no folder to return to
        yield
        return
    try:
        os.chdir(folder)
        yield
    finally:
        os.fchdir(previous)
        os.close(previous)


if __name__ == "__main__":
    check(Mechanisms(Path(sys.argv[1]), sys.argv[2]))
