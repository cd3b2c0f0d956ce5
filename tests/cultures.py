"""Small cultures made by hand, and a way to run them on a backend without an Env."""

from __future__ import annotations

import numpy as np

from livn_gym import backends
from livn_gym.backends import CultureSpec
from livn_gym.models import ReducedCalciumSomaDendrite
from livn_gym.numerics import NoiseStream
from livn_gym.parameters import ParameterSet
from livn_gym.recording_request import RecordingRequest
from livn_gym.system import Population, Projection, System


def system(exc=1, inh=0, edges=(), name="hand-made"):
    """EXC and INH cells 100 um apart on a line, dendrites along +x; edges are (pre gid, post gid, delay ms)."""
    n = exc + inh
    populations = tuple(
        Population(label, start, count) for label, start, count in (("EXC", 0, exc), ("INH", exc, inh)) if count
    )
    positions = np.column_stack([100.0 * np.arange(n), np.zeros(n), np.zeros(n)])
    projections = []
    for pre in populations:
        for post in populations:
            chosen = [e for e in edges if pre.start <= e[0] < pre.stop and post.start <= e[1] < post.stop]
            if chosen:
                receptors = ("AMPA", "NMDA") if pre.name == "EXC" else ("GABA_A",)
                section = "hillock" if pre.name == "EXC" else "soma"
                a, b, delay = (np.array(column) for column in zip(*chosen, strict=True))
                distance = 100.0 * np.abs(a - b)
                projections.append(
                    Projection(
                        pre.name,
                        post.name,
                        section,
                        receptors,
                        a,
                        b,
                        distance,
                        delay.astype(float),
                        np.ones(len(a)),
                    )
                )
    return System(
        name,
        populations,
        positions,
        np.tile([1.0, 0.0], (n, 1)),
        tuple(projections),
        np.array([[0.0, 0.0, 0.0]]),
        np.array([[0.0, 0.0, 0.0], [100.0 * n, 100.0, 0.0]]),
    )


class Lab:
    """A backend with cultures in it."""

    def __init__(
        self,
        culture,
        backend=None,
        model=None,
        params=None,
        seeds=(1,),
        dt=0.025,
        scheme="backward_euler",
        precision="float64",
    ):
        self.system, self.dt, self.num_cultures = culture, dt, len(seeds)
        self.parameters = ParameterSet(culture).updated(params or {})
        self.backend = backends.make(backend)
        spec = CultureSpec(culture, model or ReducedCalciumSomaDendrite(), dt, scheme, len(seeds), precision)
        self.backend.build(spec, self.parameters.frozen(), [NoiseStream(seed) for seed in seeds])

    def run(self, duration_ms, stimulus=None, *, sample_steps=1, traces=True):
        """Run every culture with the same stimulus; a tuple of their recordings."""
        gids = self.system.gids()
        request = RecordingRequest(gids, gids if traces else None, gids if traces else None, sample_steps)
        return self.backend.run(round(duration_ms / self.dt), stimulus, request).cultures

    def set(self, params):
        self.parameters = self.parameters.updated(params)
        self.backend.set_parameters(self.parameters.frozen())

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.backend.close()


def equal(first, second):
    """Two recordings hold the same numbers, bit for bit."""
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("spike_gid", "spike_t", "voltage", "current_soma", "current_dendrite")
    )
