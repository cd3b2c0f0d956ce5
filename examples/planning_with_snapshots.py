"""Planning with snapshots: try commands on copies of the culture, apply the best one, and continue.

A snapshot of one culture is loaded into many copies, which run one step in parallel, each under another command. The
copies get the same noise as the culture, so the result is that of an agent with a perfect model.

Run: ``python examples/planning_with_snapshots.py [--short]``.
"""

from __future__ import annotations

import argparse

import numpy as np

from livn_gym import make
from livn_gym.decoding import MeanFiringRate
from livn_gym.encoding import PulseAmplitude

STEP_MS = 200.0
ENCODING, DECODING = PulseAmplitude(9.0, rate_hz=5.0, groups=16), MeanFiringRate(duration=STEP_MS)
CONSTANTS = np.linspace(-1.0, 1.0, 9)


def targets_hz(steps: int) -> np.ndarray:
    """Return a target rate, a sine between 5 and 11 Hz with a period of 4 s, [T]."""
    return 8.0 + 3.0 * np.sin(2.0 * np.pi * np.arange(steps) * STEP_MS / 4000.0)


def constant(level: float, steps: int) -> float:
    """Return the mean error under the same command in every step, Hz."""
    with make("EI2", seed=5, profile="fast") as env:
        env.record_spikes().run(2000.0)
        inputs = np.full(env.electrodes.num_channels, level)
        rates_hz = [env(DECODING, inputs, ENCODING)["rate_hz"] for _ in range(steps)]
    return float(np.abs(rates_hz - targets_hz(steps)).mean())


def planned(steps: int, candidates: int) -> float:
    """Return the mean error under the best of random commands in every step, Hz."""
    rng, errors_hz = np.random.default_rng(0), []
    with make("EI2", seed=5, profile="fast") as env, make("EI2", num_cultures=candidates, profile="fast") as copies:
        env.record_spikes().run(2000.0)
        copies.record_spikes()
        for target_hz in targets_hz(steps):
            levels = rng.uniform(-1.0, 1.0, (candidates, 1))
            spread = 0.5 * rng.standard_normal((candidates, env.electrodes.num_channels))
            commands = np.clip(levels + spread, -1.0, 1.0)  # [B, C]
            copies.load_state(env.save_state())  # one state into all copies
            predicted_hz = copies(DECODING, commands, ENCODING)["rate_hz"]  # [B]
            best = np.abs(predicted_hz - target_hz).argmin()
            rate_hz = env(DECODING, commands[best], ENCODING)["rate_hz"]
            assert rate_hz == predicted_hz[best], "a snapshot continues bit for bit"
            errors_hz.append(abs(rate_hz - target_hz))
    return float(np.mean(errors_hz))


def main() -> None:
    """Print the errors of planning and of the best constant command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="quick check: 20 steps instead of 60")
    short = parser.parse_args().short
    steps, candidates = (20, 8) if short else (60, 32)
    best = min(constant(level, steps) for level in CONSTANTS)
    print(f"best of {len(CONSTANTS)} constants: mean error {best:.2f} Hz")
    print(f"planned, {candidates} candidates per step: mean error {planned(steps, candidates):.2f} Hz")


if __name__ == "__main__":
    main()
