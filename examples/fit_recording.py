"""Fit cultures to a recording: several parameter sets that reproduce it, and environments that draw one per episode.

The recording is that of a simulated culture with parameters and connections that the fit does not know, so that the
result can be judged. A laboratory reads a file instead: ``livn_gym.formats.read_channels("recording.nwb")``.

Run: ``python examples/fit_recording.py [--short]``. Needs the extra ``tune``.
"""

from __future__ import annotations

import argparse
import tempfile

import gymnasium as gym

from livn_gym import make
from livn_gym.fitting import Budget, Space, fit, simulate
from livn_gym.fitting.result import write_fit
from livn_gym.fitting.space import Job
from livn_gym.formats import ChannelSpikes
from livn_gym.tuning import ProbeSweep, record_sweep

HIDDEN = {"noise-EXC-std_e": 0.70, "weight-EXC_EXC-hillock-NMDA-weight": 2.0}


def recorded(system: str) -> ChannelSpikes:
    """Return the recording of a culture with hidden parameters on a hidden graph."""
    with make(system, seed=5, graph_seed=77, profile="fast") as env:
        env.set_params(HIDDEN)
        sweep = ProbeSweep(rest_ms=300_000.0, pulses_uA=(14.0,), trials=12)
        recording, stimulus = record_sweep(env, sweep)
        return ChannelSpikes.of_recording(recording, env.electrodes, stimulus, source="a hidden culture")


def main() -> None:
    """Fit, and print the recording's measures beside those of the nearest set and of the shipped parameters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="quick check: few cultures")
    short = parser.parse_args().short
    system = "EI1"  # ten cells on one electrode; a fit of EI2 with the default budget takes minutes
    budget = Budget(design=24, waves=2, sets=16, candidates=8, checks=8)
    if short:
        budget = Budget(design=16, waves=1, sets=8, candidates=6, checks=4, other_graphs=1)
    spikes = recorded(system)
    with tempfile.TemporaryDirectory() as folder:
        result = fit(spikes, system, folder, budget=budget)
        base = Space.of(system).base
        (shipped,) = simulate(system, [Job(base, None, seed=1)], result.sweep)
        for name, value in result.recorded.items():
            fitted = result.candidates[0].measures[name]
            print(f"{name}: recorded {value:.3f}, fitted {fitted:.3f}, shipped {shipped[name]:.3f}")
        print(f"{len(result.sets)} of {len(result.candidates)} sets accepted, {result.pass_rate:.0%} of new runs pass")
        if result.sets:
            write_fit(folder, result, recording_sha256="", source=spikes.source, seed=0, budget=budget)
            with gym.make("livn_gym:livn/EI1-v0", posterior=folder) as env:
                drawn = [int(env.reset(seed=seed)[1]["fitted_set"]) for seed in range(6)]
            print(f"sets of six episodes: {drawn}")


if __name__ == "__main__":
    main()
