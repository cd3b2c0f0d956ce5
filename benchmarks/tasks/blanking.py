"""Shares of direct and synaptic spikes that are recorded under blanking, and of the time lost; prints a table.

Cultures get random commands through an encoding, step after step. The same cultures, from the same state and with the
same noise, get them without synapses, and, without synapses, no stimulation: what the two differ by is evoked by the
field alone, whatever the definition of a direct spike. That share is negative where cells that the field has excited
are refractory to noise.

Run: python benchmarks/tasks/blanking.py [--systems EI2 EI3] [--params FILE ...] [--steps 20]
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np

import livn_gym
from livn_gym.blanking import CurrentFlow, blanked
from livn_gym.encoding import PulseAmplitude
from livn_gym.env import Env
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus

BLANK_MS = ((0.0, 0.0), (2.0, 0.5), (3.0, 1.0), (3.0, 3.0), (5.0, 5.0))
ENCODINGS = (
    PulseAmplitude(rate_hz=20.0),
    PulseAmplitude(rate_hz=5.0, groups=4),
    PulseAmplitude(rate_hz=5.0, groups=16),
)
STEP_MS = 200.0
SETTLE_MS = 2000.0


class Step(NamedTuple):
    """A control step: its stimulus and recording."""

    stimulus: Stimulus | None
    recording: Recording


def run(env: Env, stimuli: list[Stimulus], stimulated: bool = True) -> list[Step]:
    """Run the steps; without stimulation, the stimuli still say when an array would be blanked."""
    return [Step(s, env.run(STEP_MS, s if stimulated else None)) for s in stimuli]


def counts(env: Env, steps: list[Step], blank_ms: tuple[float, float]) -> tuple[int, int, int, int, float]:
    """Direct and other spikes, recorded direct and other spikes, share of time lost (mean over channels)."""
    carried, totals, lost = None, np.zeros(4, dtype=np.int64), []
    for stimulus, recording in steps:
        flow = CurrentFlow(recording, stimulus, env.electrodes, carried)
        recorded, carried = blanked(recording, stimulus, env.electrodes, blank_ms, carried)
        for k, run in enumerate((recording, recorded)):
            direct = int(flow.direct(run).sum())
            totals[2 * k : 2 * k + 2] += direct, len(run.spikes[0]) - direct
        lost.append(0.0 if recorded.blanking is None else 1.0 - recorded.blanking.listening_ms.mean() / STEP_MS)
    return *totals.tolist(), float(np.mean(lost))


def table(system: str, params: str | None, cultures: int, num_steps: int, seed: int) -> None:
    """Print the rows of a system."""
    with livn_gym.make(system, num_cultures=cultures, seed=seed, profile="fast", params=params) as env:
        env.record_spikes()
        env.run(SETTLE_MS)
        snapshot, weights = env.save_state(), dict(env.parameters.weights)
        rng = np.random.default_rng(seed)
        for encoding in ENCODINGS:
            inputs = rng.uniform(-1.0, 1.0, (num_steps, cultures, env.electrodes.num_channels))
            stimuli = [encoding(env, STEP_MS, row) for row in inputs]
            env.load_state(snapshot)
            env.set_params({f"weight-{name}": weight for name, weight in weights.items()})
            intact = run(env, stimuli)
            cut = []
            for stimulated in (True, False):
                env.load_state(snapshot)
                env.set_params({f"weight-{name}": 0.0 for name in weights})
                cut.append(run(env, stimuli, stimulated))
            name = f"{encoding.rate_hz:g} Hz, {encoding.groups} group{'s' * (encoding.groups > 1)}"
            for blank_ms in BLANK_MS:
                direct, synaptic, seen_direct, seen_synaptic, lost = counts(env, intact, blank_ms)
                alone, quiet = (np.array(counts(env, steps, blank_ms)[:4]) for steps in cut)
                evoked, seen = (alone - quiet)[:2].sum(), (alone - quiet)[2:].sum()
                shares = seen_direct / direct, seen / evoked, seen_synaptic / synaptic, lost
                cells = " | ".join(f"{100 * share:.1f} %" for share in shares)
                per_cell = (direct / (direct + synaptic), (direct + synaptic) / _cell_seconds(env, num_steps))
                print(
                    f"| {system} | {name} | {blank_ms[0]:g}, {blank_ms[1]:g} | {per_cell[1]:.1f} | "
                    f"{100 * per_cell[0]:.0f} % | {cells} |",
                    flush=True,
                )


def _cell_seconds(env: Env, num_steps: int) -> float:
    return env.num_cultures * env.system.num_neurons * num_steps * STEP_MS * 1e-3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", nargs="+", default=["EI2", "EI3"])
    parser.add_argument("--params", nargs="*", default=[], help="parameter file of each system")
    parser.add_argument("--cultures", type=int, default=8, help="of EI2; a quarter of it of other systems")
    parser.add_argument("--steps", type=int, default=20, help="control steps of 200 ms")
    parser.add_argument("--seed", type=int, default=5000)
    given = parser.parse_args()
    print("| system | pulses | blanked, ms | rate, Hz | direct | direct seen | cut seen | synaptic seen | time lost |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for k, system in enumerate(given.systems):
        cultures = given.cultures if system == "EI2" else max(1, given.cultures // 4)
        table(system, given.params[k] if k < len(given.params) else None, cultures, given.steps, given.seed)


if __name__ == "__main__":
    main()
