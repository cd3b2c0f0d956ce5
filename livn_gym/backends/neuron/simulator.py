"""NEURON in this process, with the project's own mechanisms and no others of their names.

NEURON loads by itself what it finds compiled in the current folder, in the folders of ``NRN_NMODL_PATH`` and in the
options of ``NEURON_MODULE_OPTIONS``, and the first mechanism of a name is the one that counts. So it is imported where
there is nothing to find, and the names of the project's mechanisms end in a digest of what they were made from.
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
"""Beginnings of the environment variables that make NEURON load, find or build something else."""

_loaded: dict[str, Path] = {}
"""The libraries that were loaded here, by their tag."""


@dataclass(frozen=True)
class Mechanisms:
    """Compiled mechanisms.

    Attributes:
        library: The shared library.
        tag: The end of every mechanism's name, after an underscore; empty where the names have none.
    """

    library: Path
    tag: str

    def name(self, mechanism: str) -> str:
        """What NEURON knows a mechanism by."""
        return f"{mechanism}_{self.tag}" if self.tag else mechanism


def environment() -> dict[str, str]:
    """This process's environment variables without those that change which NEURON or which mechanisms are used."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}


def interpreter() -> Any:
    """NEURON's ``h``, imported without anything that it would load by itself.

    Raises:
        BackendUnavailable: NEURON is not installed.
    """
    if "neuron" not in sys.modules:
        kept = {name: os.environ[name] for name in ("NRN_NMODL_PATH", "HOC_LIBRARY_PATH") if name in os.environ}
        kept["NEURON_MODULE_OPTIONS"] = os.environ.get("NEURON_MODULE_OPTIONS", "-nogui")
        for name in kept:
            os.environ.pop(name, None)
        os.environ["NEURON_MODULE_OPTIONS"] = "-nogui"
        try:
            with _in_folder(Path(__file__).parent):  # nothing is compiled here
                import neuron  # noqa: F401
        except ImportError as error:
            raise BackendUnavailable("NEURON is not installed: pip install 'livn_gym[neuron]'.") from error
        finally:
            os.environ.update(kept)
    from neuron import h

    return h


def load(mechanisms: Mechanisms) -> Any:
    """NEURON's ``h`` with these mechanisms.

    Raises:
        BackendError: They cannot be loaded, or others of their names are there already.
    """
    h = interpreter()
    known = _loaded.get(mechanisms.tag)
    if known is not None and known == mechanisms.library:
        return h
    name = mechanisms.name("OUConductance")
    if known is not None or hasattr(h, name):
        raise BackendError(
            f"NEURON already has a mechanism {name} in this process, from {known or 'a library that is not ours'}, so "
            f"that the one of {mechanisms.library} cannot be loaded. Start a process that loads no mechanisms itself."
        )
    # By a path without anything that NEURON's own language could stumble over, as letters beyond ASCII.
    with _in_folder(mechanisms.library.parent):
        done = h.nrn_load_dll(f"./{mechanisms.library.name}")
    if not done or not hasattr(h, name):
        raise BackendError(f"NEURON could not load the mechanisms in {mechanisms.library}.")
    _loaded[mechanisms.tag] = mechanisms.library
    return h


def check(mechanisms: Mechanisms, draws: int = 64) -> None:
    """Compare the noise that mechanisms draw with ``livn_gym.numerics.noise``, bit for bit.

    A compiler that reorders or contracts operations (``-ffast-math``, fused multiply-adds) changes it.

    Raises:
        BackendError: They differ.
    """
    h = load(mechanisms)
    section, stream = h.Section(name="check"), numerics.NoiseStream(0x0123456789ABCDEF, 42)
    pair = [getattr(h, mechanisms.name("OUConductance"))(section(0.5)) for _ in range(2)]
    for receptor, noise in enumerate(pair):
        noise.cell, noise.receptor, noise.tau = 7, receptor, 1e-6  # so short that every step draws a new number
        noise.seed_low, noise.seed_high, noise.trial = stream.words
    h.finitialize()
    for step in range(draws):
        h.fadvance()
        expected = numerics.noise(step, 7, stream)
        if [noise.y for noise in pair] != [float(value) for value in expected]:
            raise BackendError(f"The compiled noise differs from livn_gym's own at step {step}.")


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Make a folder the current one for a while; the one before may have been removed meanwhile."""
    try:
        before = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))
    except OSError:
        os.chdir(folder)  # there is none to go back to
        yield
        return
    try:
        os.chdir(folder)
        yield
    finally:
        os.fchdir(before)
        os.close(before)


if __name__ == "__main__":
    check(Mechanisms(Path(sys.argv[1]), sys.argv[2]))
