"""A simulator of a few lines, so that what lies above the backends is tested in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from livn_gym import backends
from livn_gym.backends import Backend, Capabilities, CultureParameters, CultureSpec, Parameters
from livn_gym.numerics import NoiseStream, stream_key, uniform
from livn_gym.recording import Recording
from livn_gym.recording_request import RecordingRequest
from livn_gym.stimulus import Stimulus

BIN_MS = 5.0


class PoissonBackend(Backend, CultureParameters):
    """Unconnected cells that fire at 3 Hz, and at 6.6 Hz under the strongest pulses of livn/EI2-v0.

    Charge raises the rate of all cells alike, by 0.12 Hz for a nC a second on every channel, for as long as
    the run lasts. Time goes in bins of 5 ms, in which a cell fires at most once. Everything follows from a
    culture's noise stream, the cell and the bin, as in a real backend.
    """

    capabilities = Capabilities("fake", snapshots=False, mpi=False)

    def build(self, spec: CultureSpec, parameters: Parameters, streams: Sequence[NoiseStream]) -> None:
        self.spec = spec
        self.keys = [stream_key(stream.seed, stream.trial) for stream in streams]
        self.bins = [0] * len(streams)

    def run(
        self,
        num_steps: int,
        stimulus: Stimulus | None,
        request: RecordingRequest,
        cultures: Sequence[int] | None = None,
    ) -> Recording:
        duration_ms = num_steps * self.spec.dt_ms
        bins = round(duration_ms / BIN_MS)
        assert abs(bins * BIN_MS - duration_ms) < 1e-6, "the fake runs whole bins"
        parts = []
        for k, b in enumerate(range(len(self.keys)) if cultures is None else cultures):
            charge_nC = 0.0 if stimulus is None else stimulus[k].charge_nC().mean()
            rate_hz = 3.0 + 120.0 * self.gain(b) * charge_nC / duration_ms
            cell, index = np.meshgrid(np.arange(self.spec.system.num_neurons), np.arange(bins))
            chance, place = uniform(cell, index + self.bins[b], self.keys[b])
            fires = chance < rate_hz * BIN_MS * 1e-3
            gid, t = cell[fires].astype(np.int64), (index + place)[fires] * BIN_MS
            order = np.lexsort((gid, t))
            self.bins[b] += bins
            spikes = (np.zeros(len(gid), np.int64), gid[order], t[order]) if request.spike_gids is not None else ()
            parts.append(Recording(0.0, duration_ms, self.spec.dt_ms, self.spec.dt_ms, 1, *spikes))
        return Recording.batch(parts, 0.0)

    def gain(self, culture: int) -> float:
        """Share of the effect of charge."""
        return 1.0

    def reset(self, streams: Mapping[int, NoiseStream]) -> None:
        for b, stream in streams.items():
            self.keys[b], self.bins[b] = stream_key(stream.seed, stream.trial), 0

    def set_parameters(self, parameters: Parameters) -> None:
        self.parameters = parameters

    def set_culture_parameters(self, parameters: Mapping[int, Parameters]) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class NetworkBackend(PoissonBackend):
    """Cells whose response to charge needs synapses: without weights they fire at 3 Hz whatever the stimulus."""

    def build(self, spec: CultureSpec, parameters: Parameters, streams: Sequence[NoiseStream]) -> None:
        super().build(spec, parameters, streams)
        self.set_parameters(parameters)

    def set_parameters(self, parameters: Parameters) -> None:
        self.set_culture_parameters(dict.fromkeys(range(len(self.keys)), parameters))

    def set_culture_parameters(self, parameters: Mapping[int, Parameters]) -> None:
        self.linked = getattr(self, "linked", {}) | {b: any(p.weights.values()) for b, p in parameters.items()}

    def gain(self, culture: int) -> float:
        return float(self.linked[culture])


def use_poisson_backend(monkeypatch, kind: str = "PoissonBackend") -> None:
    """Make ``backend="fake"`` a backend, and the default one, for a test."""
    monkeypatch.setitem(backends._SHIPPED, "fake", f"{__name__}:{kind}")
    monkeypatch.setenv("LIVN_BACKEND", "fake")
