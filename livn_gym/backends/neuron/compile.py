"""Compile the mechanisms once a machine, into the user's cache."""

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

# Without contraction into fused multiply-adds every processor draws the same noise. Given last, these win over what
# the compiler's command may say.
_FLAGS = "-O2 -fno-fast-math -ffp-contract=off"

# What a shell or make would take from the environment into a build that is to be the same everywhere.
_BUILD_VARIABLES = (
    *("MAKEFLAGS", "MFLAGS", "GNUMAKEFLAGS", "MAKEFILES", "MAKELEVEL", "MAKEOVERRIDES"),
    *("CC", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "LINKFLAGS", "INCFLAGS", "DESTDIR"),
    *("BASH_ENV", "ENV", "CDPATH", "SHELLOPTS", "BASHOPTS"),
)

_PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")
"""Paths that make and the shell take as they are."""

_NAME = re.compile(r"\b(SUFFIX|POINT_PROCESS|ARTIFICIAL_CELL)(\s+)(\w+)")


def mechanism_library(generated: Mapping[str, str] | None = None) -> Mechanisms:
    """The compiled mechanisms, compiling them on first use.

    The folder's name is a digest of the sources, of NEURON's and Python's versions and of the compiler's options; the
    mechanisms' names end in its beginning. Processes that start at once wait for the first one.

    Args:
        generated: Mechanisms beside those written by hand, file name to text.

    Raises:
        BackendUnavailable: NEURON or a C++ compiler is missing.
        BackendError: Compilation failed, or what was compiled computes otherwise; the message holds the output.
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
        lambda part: compile_mechanisms(named, part, tag),
        accept=lambda part: (library := _library(part)) is not None and tag.encode() in library.read_bytes(),
    )
    library = _library(folder)
    assert library is not None, "an accepted folder holds one"
    return Mechanisms(library, tag)


def compile_mechanisms(sources: Mapping[str, str], folder: Path, tag: str) -> None:
    """Write mechanisms (file name to text) into an empty folder, with the library that is compiled from them.

    The compilation runs elsewhere, since make takes many paths for something else.

    Args:
        sources: Mechanisms, file name to text.
        folder: Where they and the library go.
        tag: The end of the mechanisms' names.

    Raises:
        BackendUnavailable: A tool is missing.
        BackendError: Compilation failed, or the library draws other numbers than ``livn_gym.numerics``.
        StorageError: There is no temporary folder.
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
    with tempfile.TemporaryDirectory(prefix="livn_gym_", dir=_plain_folder()) as place:
        for name, text in sources.items():
            Path(place, name).write_text(text, encoding="utf-8")
            (folder / name).write_text(text, encoding="utf-8")
        variables = {name: value for name, value in simulator.environment().items() if name not in _BUILD_VARIABLES}
        variables["CXX"] = shlex.join(command).replace("$", "$$")
        variables["PATH"] = os.pathsep.join([str(Path(nrnivmodl).parent), os.environ.get("PATH", "")])
        done = subprocess.run(
            [nrnivmodl, "-incflags", _FLAGS, "-loadflags", _FLAGS, "."],
            cwd=place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=variables,
        )
        built = _library(Path(place))
        if done.returncode != 0 or built is None:
            raise BackendError(
                f"Compiling NEURON's mechanisms with {shlex.join(command)} (the environment variable CXX) failed:\n"
                f"{done.stdout}\n{done.stderr}"
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
            f"The mechanisms that {shlex.join(command)} (the environment variable CXX) made cannot be used; it must "
            f"not have options that change arithmetic, such as -ffast-math:\n{checked.stdout}\n{checked.stderr}"
        )


def _compiler() -> list[str]:
    """The C++ compiler and its options: the environment variable CXX as make takes it, or the path of a program.

    Raises:
        BackendUnavailable: The variable is no command.
    """
    given = os.environ.get("CXX", "").strip() or "g++"
    if shutil.which(given) is not None:
        return [given]  # its path may have spaces
    try:
        return shlex.split(given)
    except ValueError as error:
        raise BackendUnavailable(f"The environment variable CXX is no command ({error}): {given!r}.") from error


def _plain_folder() -> str:
    """A folder for temporary files whose path make can take.

    Raises:
        StorageError: There is none.
    """
    for place in (os.environ.get("TMPDIR", ""), "/tmp", "/var/tmp"):
        if _PLAIN.fullmatch(place) and os.access(place, os.W_OK | os.X_OK):
            return place
    raise StorageError(
        "NEURON's mechanisms are compiled in a temporary folder, whose path must be of letters, digits and _./+- only: "
        f"set the environment variable TMPDIR to one that can be written, now {os.environ.get('TMPDIR')!r}."
    )


def _library(folder: Path) -> Path | None:
    return next((path for name in _LIBRARIES for path in folder.glob(f"*/{name}")), None)


def _nrnivmodl() -> str:
    beside = Path(sysconfig.get_path("scripts")) / "nrnivmodl"
    found = str(beside) if beside.exists() else shutil.which("nrnivmodl")
    if found is None:
        raise BackendUnavailable("nrnivmodl was not found beside this Python: reinstall livn_gym[neuron].")
    return found
