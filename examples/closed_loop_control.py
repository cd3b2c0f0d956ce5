"""Control a culture's firing rate with a proportional-integral controller: encode, run, decode, every 200 ms.

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
PROPORTIONAL, INTEGRAL = 0.03, 0.03  # inputs (their range is 2) per Hz of error, and per Hz and step


def run(steps: int, controlled: bool, seed: int) -> np.ndarray:
    """Return the rate of every step, Hz [T], after two seconds without stimulation."""
    encoding, decoding = PulseAmplitude(15.0, rate_hz=5.0, groups=16), MeanFiringRate(duration=STEP_MS)
    rates_hz, integral, level = [], 0.0, -1.0  # -1 is no pulse, 1 the highest amplitude
    with make("EI2", seed=seed, profile="fast") as env:
        env.record_spikes().run(2000.0)
        for _ in range(steps):
            inputs = np.full(env.electrodes.num_channels, level)
            rates_hz.append(env(decoding, inputs, encoding)["rate_hz"])
            if controlled:
                error_hz = TARGET_HZ - rates_hz[-1]
                integral = float(np.clip(integral + INTEGRAL * error_hz, 0.0, 2.0))
                level = float(np.clip(-1.0 + integral + PROPORTIONAL * error_hz, -1.0, 1.0))
    return np.array(rates_hz)


def main() -> None:
    """Print the error of the rate with and without the controller."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="quick check: 8 s of the culture instead of 30 s")
    steps = 40 if parser.parse_args().short else 150
    for name, controlled in (("no stimulation", False), ("controlled", True)):
        rates_hz = run(steps, controlled, seed=1)[steps // 2 :]
        seconds_hz = np.convolve(rates_hz, np.ones(5) / 5, mode="valid")  # means over a second are less noisy
        error_hz = np.abs(seconds_hz - TARGET_HZ).mean()
        print(f"{name}: mean rate {rates_hz.mean():.1f} Hz, mean error over a second {error_hz:.2f} Hz")


if __name__ == "__main__":
    main()
