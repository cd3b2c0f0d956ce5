"""Engines that can be timed in turns: ours in this process, the others each in a process of its own."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from children import Child, Times, Unavailable, last_line, timed

from livn_gym.backends import CultureSpec, Profile
from livn_gym.backends.native import NativeBackend
from livn_gym.cache import cache_root, cached_folder
from livn_gym.models import ReducedCalciumSomaDendrite
from livn_gym.numerics import NoiseStream
from livn_gym.parameters import ParameterSet, tuned
from livn_gym.recording_request import RecordingRequest
from livn_gym.system import make

HERE = Path(__file__).resolve().parent
PEER = "2.0.0"


class Contestant(Protocol):
    """Something that advances cultures and takes the time."""

    def run(self, duration_ms: float) -> Times:
        """Advance every culture."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


class Native:
    """B cultures on the native engine, settled for 100 ms."""

    def __init__(self, name: str, cultures: int, setting: Profile, threads: int = 1) -> None:
        system = make(name)
        spec = CultureSpec(
            system, ReducedCalciumSomaDendrite(), setting.dt_ms, setting.scheme, cultures, setting.precision
        )
        self.backend, self.dt_ms = NativeBackend(threads), setting.dt_ms
        streams = [NoiseStream(seed) for seed in range(cultures)]
        self.backend.build(spec, ParameterSet(system).updated(tuned(system)).frozen(), streams)
        self.request = RecordingRequest(spike_gids=system.gids())
        self.run(100.0)

    def run(self, duration_ms: float) -> Times:
        """Advance every culture."""
        return timed(lambda: self.backend.run(round(duration_ms / self.dt_ms), None, self.request))

    def close(self) -> None:
        """Free the cultures and threads."""
        self.backend.close()


def neuron(mode: str, setting: Profile) -> Child:
    """EI2 in NEURON: ``"backend"`` as our backend steps it, ``"psolve"`` by NEURON's own loop, or ``"coreneuron"``.

    Raises:
        Unavailable: It does not run here, with what it said.
    """
    environment = {"NEURON_MODULE_OPTIONS": "-nogui"}
    if mode == "coreneuron":
        environment["CORENEURONLIB"] = str(coreneuron_library())
    command = [sys.executable, str(HERE / "neuron_child.py"), mode, str(setting.dt_ms), setting.scheme]
    return Child(command, **environment)


def coreneuron_library() -> Path:
    """Our mechanisms compiled for CoreNEURON, with every instruction of this processor.

    Unchanged but for the loop over a cell's plastic synapses, with which CoreNEURON dies (signal 11, at its first
    step) although no synapse is plastic here.

    Raises:
        Unavailable: The translator or the compiler refused them.
    """
    mechanisms = files("livn_gym.backends.neuron").joinpath("mechanisms")
    sources = {item.name: item.read_text(encoding="utf-8") for item in mechanisms.iterdir()}
    synapse = sources["dual_exponential.mod"]
    sources["dual_exponential.mod"], removed = re.subn(r"FOR_NETCONS\(.*?\n        \}\n", "", synapse, flags=re.DOTALL)
    assert removed == 1, "the mechanism's loop over plastic synapses was not found"
    # Without contraction the noise is the same on every processor, and comparable with NEURON's.
    flags = "-O3 -march=native -ffp-contract=off"
    digest = hashlib.sha256(repr((sorted(sources.items()), flags, version("neuron"))).encode()).hexdigest()[:16]
    scripts = sysconfig.get_path("scripts")

    def build(folder: Path) -> None:
        print("compiling the mechanisms for CoreNEURON (once on this machine)", file=sys.stderr, flush=True)
        for name, text in sources.items():
            (folder / name).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [f"{scripts}/nrnivmodl", "-coreneuron", "-incflags", flags, "."],
            cwd=folder,
            capture_output=True,
            text=True,
            env=os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"},
        )
        if done.returncode or not list(folder.glob("*/libcorenrnmech.*")):
            raise Unavailable(f"nrnivmodl -coreneuron: {last_line(done.stderr)}")

    (library,) = cached_folder(f"benchmarks/coreneuron-{digest}", build).glob("*/libcorenrnmech.*")
    return library


def peer(dt_ms: float) -> Child:
    """The native backend of livn on the graph of our EI2, in a virtual environment of its own.

    Raises:
        Unavailable: It cannot be installed or does not run, with what was said.
    """
    folder = cache_root() / "benchmarks" / f"livn-{PEER}"
    python, installed = folder / "bin" / "python", folder / "installed"
    if not installed.exists():
        print(f"installing livn {PEER} into an environment of its own", file=sys.stderr, flush=True)
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", f"livn=={PEER}"],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise Unavailable(f"installation failed: {last_line(done.stderr)}")
        installed.touch()
    graph = folder / "EI2.npz"
    system = make("EI2")
    columns: dict[str, Any] = {"positions": system.positions}
    columns |= {f"count {population.name}": population.count for population in system.populations}
    for projection in system.projections:
        edges = np.stack([projection.pre_gid, projection.post_gid, projection.delay_ms])
        columns[f"edges {projection.pre} {projection.post}"] = edges
    np.savez(graph, **columns)
    return Child([str(python), "-E", str(HERE / "livn_child.py"), str(graph), str(dt_ms)], LIVN_BACKEND="native")
