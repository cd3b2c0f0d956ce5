"""Compile NEURON's mechanisms once per machine, into the user's cache."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from livn_gym import child
from livn_gym.backends.neuron import simulator
from livn_gym.backends.neuron.simulator import Mechanisms
from livn_gym.cache import cached_folder
from livn_gym.errors import BackendError, BackendUnavailable, StorageError

_log = logging.getLogger(__name__)
_LIBRARIES = ("libnrnmech.so", "libnrnmech.dylib")

# Without fused multiply-adds, all processors draw the same noise. The options come last, to override those of CXX.
_FLAGS = "-O2 -fno-fast-math -ffp-contract=off"

# Variables with which a shell or make would change the build.
_BUILD_VARIABLES = (
    *("MAKEFLAGS", "MFLAGS", "GNUMAKEFLAGS", "MAKEFILES", "MAKELEVEL", "MAKEOVERRIDES"),
    *("CC", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "LINKFLAGS", "INCFLAGS", "DESTDIR"),
    *("BASH_ENV", "ENV", "CDPATH", "SHELLOPTS", "BASHOPTS"),
)

_PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")
"""Paths that make and the shell do not interpret."""

_NAME = re.compile(r"\b(SUFFIX|POINT_PROCESS|ARTIFICIAL_CELL)(\s+)(\w+)")


def mechanism_library(generated: Mapping[str, str] | None = None) -> Mechanisms:
    """Return the compiled mechanisms, which are compiled on first use.

    The name of the folder is a hash of the sources, of the versions of NEURON and Python and of the compiler options;
    the names of the mechanisms end with its first digits. Processes that start together wait for the first one.

    Args:
        generated: Generated mechanisms in addition to the hand-written ones, file name to text.

    Raises:
        BackendUnavailable: NEURON or a C++ compiler is missing.
        BackendError: Compilation failed, or the compiled mechanisms draw other numbers; the message has the output.
        StorageError: The cache folder cannot be used.
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
    machine = (neuron_version, sys.version_info[:2], platform.machine(), _FLAGS, _compiler()[1:])
    digest = hashlib.sha256(repr((sources, machine)).encode()).hexdigest()[:16]
    tag = digest[:8]
    named = {name: _NAME.sub(rf"\1\2\3_{tag}", text) for name, text in sources.items()}
    folder = cached_folder(
        f"mechanisms/{digest}",
        lambda path: compile_mechanisms(named, path, tag),
        accept=lambda path: (library := _library(path)) is not None and tag.encode() in library.read_bytes(),
    )
    library = _library(folder)
    assert library is not None, "an accepted folder holds one"
    return Mechanisms(library, tag)


def compile_mechanisms(sources: Mapping[str, str], folder: Path, tag: str) -> None:
    """Write mechanisms and the library compiled from them into an empty folder.

    The compilation runs in a temporary folder, since make misinterprets many paths.

    Args:
        sources: Mechanisms, file name to text.
        folder: Output folder.
        tag: Suffix of the names of the mechanisms.

    Raises:
        BackendUnavailable: A tool is missing.
        BackendError: Compilation failed, or the library draws other numbers than ``livn_gym.numerics``.
        StorageError: There is no usable temporary folder.
    """
    command = _compiler()
    for tool, package in ((command[0], "a C++ compiler (Debian: apt-get install g++)"), ("make", "make")):
        if shutil.which(tool) is None:
            raise BackendUnavailable(
                f"NEURON's mechanisms are compiled on first use, but {tool!r} was not found: install {package}, or set "
                "the environment variable CXX to a compiler."
            )
    nrnivmodl = _nrnivmodl()
    _log.warning("livn_gym: compiling NEURON mechanisms (once on this machine)")
    with tempfile.TemporaryDirectory(prefix="livn_gym_", dir=_plain_folder()) as build_folder:
        for name, text in sources.items():
            Path(build_folder, name).write_text(text, encoding="utf-8")
            (folder / name).write_text(text, encoding="utf-8")
        variables = {name: value for name, value in simulator.environment().items() if name not in _BUILD_VARIABLES}
        variables["CXX"] = shlex.join(command).replace("$", "$$")
        variables["PATH"] = os.pathsep.join([str(Path(nrnivmodl).parent), os.environ.get("PATH", "")])
        compilation = subprocess.run(
            [nrnivmodl, "-incflags", _FLAGS, "-loadflags", _FLAGS, "."],
            cwd=build_folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=variables,
        )
        built = _library(Path(build_folder))
        if compilation.returncode != 0 or built is None:
            raise BackendError(
                f"Compiling NEURON's mechanisms with {shlex.join(command)} (the environment variable CXX) failed:\n"
                f"{compilation.stdout}\n{compilation.stderr}"
            )
        target = folder / built.parent.name
        target.mkdir()
        shutil.copy(built, target)
        checked = subprocess.run(
            child.command(simulator.__name__, str(target / built.name), tag),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=simulator.environment(),
        )
    if checked.returncode != 0:
        raise BackendError(
            f"The mechanisms compiled by {shlex.join(command)} (the environment variable CXX) cannot be used; it must "
            f"not have options that change arithmetic, such as -ffast-math:\n{checked.stdout}\n{checked.stderr}"
        )


def _compiler() -> list[str]:
    """Return the C++ compiler and its options, from the environment variable CXX, otherwise ``g++``.

    Raises:
        BackendUnavailable: The variable is not a command.
    """
    command = os.environ.get("CXX", "").strip() or "g++"
    if shutil.which(command) is not None:
        return [command]  # the path may contain spaces
    try:
        return shlex.split(command)
    except ValueError as error:
        raise BackendUnavailable(f"The environment variable CXX is not a command ({error}): {command!r}.") from error


def _plain_folder() -> str:
    """Return a folder for temporary files whose path make can handle.

    Raises:
        StorageError: There is no such folder.
    """
    for folder in (os.environ.get("TMPDIR", ""), "/tmp", "/var/tmp"):
        if _PLAIN.fullmatch(folder) and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise StorageError(
        "NEURON's mechanisms are compiled in a temporary folder, whose path must be of letters, digits and _./+- only: "
        f"set the environment variable TMPDIR to one that can be written, now {os.environ.get('TMPDIR')!r}."
    )


def _library(folder: Path) -> Path | None:
    return next((path for name in _LIBRARIES for path in folder.glob(f"*/{name}")), None)


def _nrnivmodl() -> str:
    script = Path(sysconfig.get_path("scripts")) / "nrnivmodl"
    path = str(script) if script.exists() else shutil.which("nrnivmodl")
    if path is None:
        raise BackendUnavailable("nrnivmodl was not found next to this Python: reinstall livn_gym[neuron].")
    return path
