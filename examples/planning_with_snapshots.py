"""Plan by looking ahead: try commands on copies of the culture, apply the best, go on from there.

A snapshot of one culture is loaded into many copies, which run one step side by side, each under another command. The
copies get the noise that is to come as well, so this is what an agent with a perfect model could do.

Run: ``python examples/planning_with_snapshots.py [--short]``.
"""

from __future__ import annotations

import argparse

import numpy as np

from livn_gym import make
from livn_gym.decoding import MeanFiringRate
from livn_gym.encoding import PulseAmplitude

STEP_MS = 200.0
ENCODING, DECODING = PulseAmplitude(), MeanFiringRate(duration=STEP_MS)
CONSTANTS = np.linspace(-1.0, 1.0, 9)


def targets_hz(steps: int) -> np.ndarray:
    """A rate that swings between 5 and 11 Hz once in 4 s, [T]."""
    return 8.0 + 3.0 * np.sin(2.0 * np.pi * np.arange(steps) * STEP_MS / 4000.0)


def constant(level: float, steps: int) -> float:
    """Mean error of the same command in every step, Hz."""
    with make("EI2", seed=5, profile="fast") as env:
        env.record_spikes().run(2000.0)
        inputs = np.full(env.electrodes.num_channels, level)
        rates_hz = [env(DECODING, inputs, ENCODING)["rate_hz"] for _ in range(steps)]
    return float(np.abs(rates_hz - targets_hz(steps)).mean())


def planned(steps: int, candidates: int) -> float:
    """Mean error of the best of random commands in every step, Hz."""
    rng, errors_hz = np.random.default_rng(0), []
    with make("EI2", seed=5, profile="fast") as env, make("EI2", num_cultures=candidates, profile="fast") as copies:
        env.record_spikes().run(2000.0)
        copies.record_spikes()
        for target_hz in targets_hz(steps):
            levels = rng.uniform(-1.0, 0.0, (candidates, 1))  # more than 7.5 uA everywhere is too much
            spread = 0.5 * rng.standard_normal((candidates, env.electrodes.num_channels))
            commands = np.clip(levels + spread, -1.0, 1.0)  # [B, C]
            copies.load_state(env.save_state())  # one state into all copies
            foreseen_hz = copies(DECODING, commands, ENCODING)["rate_hz"]  # [B]
            best = np.abs(foreseen_hz - target_hz).argmin()
            rate_hz = env(DECODING, commands[best], ENCODING)["rate_hz"]
            assert rate_hz == foreseen_hz[best], "a snapshot goes on bit for bit"
            errors_hz.append(abs(rate_hz - target_hz))
    return float(np.mean(errors_hz))


def main() -> None:
    """Print the errors of planning and of the best constant command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few seconds of the culture only")
    short = parser.parse_args().short
    steps, candidates = (20, 8) if short else (60, 32)
    best = min(constant(level, steps) for level in CONSTANTS)
    print(f"best of {len(CONSTANTS)} constants: mean error {best:.2f} Hz")
    print(f"planned, {candidates} tries a step: mean error {planned(steps, candidates):.2f} Hz")


if __name__ == "__main__":
    main()
