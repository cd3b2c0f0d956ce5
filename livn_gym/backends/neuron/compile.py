"""Compile the mechanisms once a machine, into the user's cache."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from livn_gym.backends.neuron.library import compile_safely
from livn_gym.cache import cached_folder
from livn_gym.errors import BackendError, BackendUnavailable

_log = logging.getLogger(__name__)
_LIBRARIES = ("libnrnmech.so", "libnrnmech.dylib")


def mechanism_library(generated: Mapping[str, str] | None = None) -> Path:
    """The path of the compiled mechanisms, compiling them on first use.

    The folder's name is a digest of the sources and of NEURON's and Python's versions. Processes that start at
    once wait for the first one.

    Args:
        generated: Mechanisms beside those written by hand, file name to text.

    Raises:
        BackendUnavailable: NEURON or a C++ compiler is missing.
        BackendError: Compilation failed; the message holds the compiler's output.
    """
    try:
        neuron_version = version("neuron")
    except PackageNotFoundError as error:
        raise BackendUnavailable("NEURON is not installed: pip install 'livn_gym[neuron]'.") from error
    sources = {
        item.name: item.read_text(encoding="utf-8")
        for item in sorted(files(__package__).joinpath("mechanisms").iterdir(), key=lambda item: item.name)
        if item.name.endswith(".mod")
    }
    sources |= generated or {}
    digest = hashlib.sha256(repr((sources, neuron_version, sys.version_info[:2], platform.machine())).encode())

    def build(part: Path) -> None:
        compile_safely(lambda place: compile_mechanisms(sources, place), part)

    folder = cached_folder(f"mechanisms/{digest.hexdigest()[:16]}", build)
    library = _library(folder)
    assert library is not None, "an intact folder holds what compile_mechanisms checked"
    return library


def compile_mechanisms(sources: dict[str, str], folder: Path) -> None:
    """Write mechanisms (file name to text) into an empty folder and compile them there.

    Raises:
        BackendUnavailable: A tool is missing.
        BackendError: Compilation failed.
    """
    compiler = os.environ.get("CXX") or "g++"
    for tool, package in ((compiler, "a C++ compiler (Debian: apt-get install g++)"), ("make", "make")):
        if shutil.which(tool) is None:
            raise BackendUnavailable(
                f"NEURON's mechanisms are compiled on first use, but {tool!r} was not found: install {package}."
            )
    nrnivmodl = _nrnivmodl()
    _log.warning("livn_gym: compiling NEURON mechanisms (once on this machine)")
    for name, text in sources.items():
        (folder / name).write_text(text, encoding="utf-8")
    # Without contraction into fused multiply-adds every processor draws the same noise.
    done = subprocess.run(
        [nrnivmodl, "-incflags", "-ffp-contract=off", "."],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",  # paths and translated messages may be in any encoding
        env=os.environ
        | {
            "CXX": compiler,
            "PATH": os.pathsep.join([str(Path(nrnivmodl).parent), os.environ.get("PATH", "")]),
        },
    )
    if done.returncode != 0 or _library(folder) is None:
        raise BackendError(f"Compiling NEURON's mechanisms failed:\n{done.stdout}\n{done.stderr}")


def _library(folder: Path) -> Path | None:
    return next((path for name in _LIBRARIES for path in folder.glob(f"*/{name}")), None)


def _nrnivmodl() -> str:
    beside = Path(sysconfig.get_path("scripts")) / "nrnivmodl"
    found = str(beside) if beside.exists() else shutil.which("nrnivmodl")
    if found is None:
        raise BackendUnavailable("nrnivmodl was not found beside this Python: reinstall livn_gym[neuron].")
    return found
