"""What stands between a task and the culture: an encoding, a decoding and a condition."""

import numpy as np
from gymnasium import spaces

from livn_gym.decoding import Decoding
from livn_gym.encoding import Encoding
from livn_gym.encoding.limits import channel_inputs, safe_pulse
from livn_gym.envs.conditions import Condition, culture_slices
from livn_gym.stimulus import Stimulus


class UniformPulses(Encoding):
    """One number sets the amplitude of the pulses at all electrodes."""

    def __init__(self, rate_hz: float = 20.0) -> None:
        safe_pulse(10.0, 0.2, rate_hz)
        self.rate_hz = rate_hz

    def __call__(self, view, duration_ms, inputs):
        amplitude_uA = 5.0 * (channel_inputs(view, inputs, (1,), 1.0) + 1.0) * np.ones(view.electrodes.num_channels)
        return Stimulus.pulse_train(amplitude_uA, duration_ms=duration_ms, rate_hz=self.rate_hz)

    def action_space(self, view):
        return spaces.Box(-1.0, 1.0, (1,), np.float32)


class ActiveCells(Decoding):
    """Share of the cells that fire, in each of the parts of a step."""

    def __init__(self, duration: float, parts: int = 2) -> None:
        super().__init__(duration)
        self.parts = parts

    def decode(self, view, recording):
        culture, gid, t = self.spikes(view, recording)
        part = np.minimum((t / self.duration * self.parts).astype(int), self.parts - 1)
        fired = np.zeros((recording.num_cultures, self.parts, view.system.num_neurons), dtype=bool)
        fired[culture, part, gid] = True
        return fired.mean(axis=2)

    def observation_space(self, view):
        return spaces.Box(0.0, 1.0, (self.parts,), np.float32)


class MissedSpikes(Condition):
    """Every spike is missed with a probability."""

    def __init__(self, env, *, share: float = 0.2) -> None:
        super().__init__(env)
        self.share = share

    def begin(self, np_random):
        return np.random.default_rng(np_random.integers(2**63))

    def recording(self, recording, stimulus, run):
        kept = np.empty(len(recording.spikes[0]), dtype=bool)
        for b, own in zip(run.cultures, culture_slices(recording), strict=True):
            kept[own] = self.states[b].uniform(size=own.stop - own.start) >= self.share
        return recording.where(kept)
