"""Hold a culture's firing rate at a target by hand: encode, run, decode, correct, 200 ms at a time.

Run: ``python examples/closed_loop_control.py [--short]``.
"""

from __future__ import annotations

import argparse

import numpy as np

from livn_gym import make
from livn_gym.decoding import MeanFiringRate
from livn_gym.encoding import PulseAmplitude

STEP_MS = 200.0
TARGET_HZ = 9.0
GAIN, PER_STEP = 0.02, 0.02  # inputs (the range is 2) for an error of 1 Hz: at once, and added up every step


def run(steps: int, controlled: bool, seed: int) -> np.ndarray:
    """Rates of the steps, Hz [T], after two seconds at rest."""
    encoding, decoding = PulseAmplitude(rate_hz=20.0), MeanFiringRate(duration=STEP_MS)
    rates_hz, integral, level = [], 0.0, -1.0  # -1 is no pulse, 1 the highest
    with make("EI2", seed=seed, profile="fast") as env:
        env.record_spikes().run(2000.0)
        for _ in range(steps):
            inputs = np.full(env.electrodes.num_channels, level)
            rates_hz.append(env(decoding, inputs, encoding)["rate_hz"])
            if controlled:
                error_hz = TARGET_HZ - rates_hz[-1]
                integral = float(np.clip(integral + PER_STEP * error_hz, 0.0, 2.0))
                level = float(np.clip(-1.0 + integral + GAIN * error_hz, -1.0, 1.0))
    return np.array(rates_hz)


def main() -> None:
    """Print how far the rate is from the target, with the controller and without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few seconds of the culture only")
    steps = 40 if parser.parse_args().short else 150
    for name, controlled in (("left alone", False), ("controlled", True)):
        rates_hz = run(steps, controlled, seed=1)[steps // 2 :]
        seconds_hz = np.convolve(rates_hz, np.ones(5) / 5, mode="valid")  # a step is noisy, a second less so
        error_hz = np.abs(seconds_hz - TARGET_HZ).mean()
        print(f"{name}: mean rate {rates_hz.mean():.1f} Hz, mean error of a second {error_hz:.2f} Hz")


if __name__ == "__main__":
    main()
