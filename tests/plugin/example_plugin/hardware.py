"""An electrode interface, a device and a simulator."""

from dataclasses import replace

import numpy as np

from livn_gym.backends import Backend, Capabilities
from livn_gym.device_profile import DeviceElectrodes, DeviceProfile, find
from livn_gym.io import MEA
from livn_gym.numerics import stream_key, uniform
from livn_gym.recording import Recording


class FirstElectrodes(MEA):
    """The first electrodes of the system's own array."""

    def __init__(self, count: int = 1) -> None:
        super().__init__()
        self.count = count

    def bind(self, system):
        return MEA(system.electrodes[: self.count], output_radius=20.0).bind(system)


def four_wires() -> DeviceProfile:
    """Four electrodes on a square behind the electronics of a CL1; nobody has seen it."""
    corners = np.array([[0.0, 0.0], [40.0, 0.0], [0.0, 40.0], [40.0, 40.0]])
    electrodes = DeviceElectrodes(corners, np.ones(4, dtype=bool), ("a", "b", "c", "d"), 10.0)
    return replace(find("cl1"), name="four_wires", verified=False, electrodes=electrodes)


class RandomFiring(Backend):
    """Cells that fire at random, whatever stimulates them."""

    capabilities = Capabilities("random firing", snapshots=False, mpi=False)

    def __init__(self, rate_hz: float = 5.0) -> None:
        self.rate_hz = rate_hz

    def build(self, spec, parameters, streams):
        self.spec, self.keys, self.step = spec, {}, {}
        self.reset(dict(enumerate(streams)))

    def reset(self, streams):
        for b, stream in streams.items():
            self.keys[b], self.step[b] = stream_key(stream.seed, stream.trial), 0

    def set_parameters(self, parameters):
        pass

    def run(self, num_steps, stimulus, request, cultures=None):
        dt_ms, parts = self.spec.dt_ms, []
        cell = np.arange(self.spec.system.num_neurons)
        for b in range(self.spec.num_cultures) if cultures is None else cultures:
            steps = np.arange(self.step[b], self.step[b] + num_steps)[:, None]
            fires = uniform(cell[None], steps, self.keys[b])[0] < self.rate_hz * dt_ms * 1e-3
            step, gid = np.nonzero(fires)
            spikes = (np.zeros(len(gid), np.int64), gid, step * dt_ms)
            parts.append(Recording(0.0, num_steps * dt_ms, dt_ms, dt_ms, 1, *spikes))
            self.step[b] += num_steps
        return Recording.batch(parts, 0.0)

    def close(self):
        self.keys = {}
