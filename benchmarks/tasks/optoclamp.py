"""Optoclamp: how the rate answers to light, and how well controllers hold it, on intact cultures and without synapses.

Three tables. The first has the rate of a cell under constant light, intact and with all synapses cut; the direct share
is the gain of the cut culture over that of the intact one. The second has agents on the task; controllers are tuned on
other episodes, separately for every culture. The third has single targets under the controller. The cut culture also
gets a brighter lamp, as in an experiment that blocks transmission.

Run: python benchmarks/tasks/optoclamp.py [--system EI2] [--episodes 8] [--params NAME_OR_FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

import livn_gym
from livn_gym.agents import evaluate
from livn_gym.agents.baselines import Agent, BestConstant, ProportionalIntegral, Random, Silent
from livn_gym.agents.episodes import Episode
from livn_gym.agents.reference_agents import TUNING_SEED, Budget, tune
from livn_gym.agents.reference_agents.family import AgentFamily
from livn_gym.agents.report import markdown
from livn_gym.encoding import LightPulses

TASK = "OptoClamp"
IRRADIANCES = (0.0, 0.01, 0.02, 0.05, 0.2, 0.5)
"""Irradiances of the first table, mW/mm2; the task's lamp ends at 0.05."""

BRIGHT = {"name": "light_pulses", "max_irradiance_mW_mm2": 0.5, "rate_hz": 5.0, "duty": 1.0}
"""Encoding of the brighter lamp."""

TARGETS_HZ = (5.0, 10.0, 15.0)
SEED = 4_000_000
CONTROLLER = AgentFamily(
    "proportional-integral",
    ProportionalIntegral,
    {"gain": (0.001, 0.06), "integral_s": (0.2, 5.0)},
    frozenset(("gain", "integral_s")),
    {"gain": 0.01, "integral_s": 1.0},
)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", default="EI2")
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--candidates", type=int, default=6, help="controllers per round of tuning")
    parser.add_argument("--params", default=None)
    given = parser.parse_args()
    culture = {} if given.params is None else {"params": given.params}
    print(f"{given.system}: rate under constant light\n")
    print(response(given.system, given.episodes, culture), flush=True)
    env_id = f"livn_gym:livn/{given.system}-{TASK}-v0"
    cultures: dict[str, Mapping[str, Any]] = {
        "intact": {},
        "synapses cut": {"conditions": "synapses_cut"},
        "synapses cut, lamp of 0.5 mW/mm2": {"conditions": "synapses_cut", "encoding": BRIGHT},
    }
    rows, clamps = [], []
    for name, options in cultures.items():
        controller = tune([CONTROLLER], env_id, Budget(given.candidates, 2, 3), seed=TUNING_SEED, **culture, **options)
        agents: dict[str, Callable[[], Agent]] = {"silent": Silent, f"tuned {controller}": controller.make}
        if name == "intact":
            constant = BestConstant.search(env_id, strengths=6, episodes=3, refine=False, **culture, **options)
            agents |= {"random": partial(Random, 0), f"best constant ({constant.strength:g})": lambda c=constant: c}
        played = evaluate.play(agents, env_id, episodes=given.episodes, seed=SEED, **culture, **options)
        rows += [(name, agent, *of_task(episodes)) for agent, episodes in played.items()]
        if name == "intact" or "encoding" in options:
            clamps += [(name, *row) for row in clamp(env_id, controller.make, given.episodes, {**culture, **options})]
    print(f"\n{env_id}: {given.episodes} episodes of 30 s\n")
    heads = "return, mean ± SD", "relative error of the rate over a second", "mean dose, share of the largest"
    print(markdown(rows, ("culture", "agent", *heads)))
    print("\nSingle targets under the tuned controller, after the first 5 s\n")
    print(markdown(clamps, ("culture", "target, Hz", "rate, Hz", "rms error of the rate over a second, Hz")))


def response(system: str, cultures: int, options: Mapping[str, Any]) -> str:
    """Return the first table: rates 1 to 4 s after the onset of constant light."""
    rates: dict[bool, list[float]] = {}
    for cut in (False, True):
        env = livn_gym.make(system, profile="fast", opsin="williams_2013", num_cultures=cultures, **options)
        with env.record_spikes():
            if cut:
                env.set_weights(dict.fromkeys(env.parameters.weights, 0.0))
            rates[cut] = [_rate(env, irradiance) for irradiance in IRRADIANCES]
    intact, cut = (np.array(rates[key]) for key in (False, True))
    direct = (cut - cut[0])[1:] / (intact - intact[0])[1:]
    shares = ["-", *(f"{100 * share:.0f} %" for share in direct)]
    rows = [
        (f"{light:g}", f"{a:.1f}", f"{b:.1f}", s)
        for light, a, b, s in zip(IRRADIANCES, intact, cut, shares, strict=True)
    ]
    return markdown(rows, ("irradiance, mW/mm2", "intact, Hz", "synapses cut, Hz", "direct share of the gain"))


def _rate(env: Any, irradiance: float) -> float:
    env.clear(seed=SEED)
    env.run(2000.0)
    encoding = LightPulses(max(irradiance, 1e-9), rate_hz=5.0, duty=1.0)
    inputs = np.full((env.num_cultures, 1), 1.0 if irradiance else -1.0)
    env.run(1000.0, encoding(env, 1000.0, inputs))
    recording = env.run(3000.0, encoding(env, 3000.0, inputs))
    return len(recording.spike_gid) / (3.0 * env.num_cultures * env.system.num_neurons)


def of_task(episodes: list[Episode]) -> tuple[str, str, str]:
    """Return the return, the relative error of the rate over a second, and the dose as a share, over episodes."""
    returns = np.array([episode.total_reward for episode in episodes])
    error, dose = (np.mean([episode.mean(name) for episode in episodes]) for name in ("error", "dose_fraction"))
    return f"{returns.mean():.1f} ± {returns.std():.1f}", f"{error:.2f}", f"{100 * dose:.0f} %"


def clamp(
    env_id: str, make: Callable[[], Agent], episodes: int, options: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """Return the rows of the third table for a culture."""
    rows = []
    for target in TARGETS_HZ:
        (played,) = evaluate.play(
            {"controller": make}, env_id, episodes=episodes, seed=SEED, target_hz=target, **options
        ).values()
        later = slice(25, None)
        rates = np.array([episode.infos["rate_1s_hz"][later] for episode in played])
        rms = np.sqrt(np.mean((rates - target) ** 2))
        rows.append((f"{target:g}", f"{rates.mean():.2f}", f"{rms:.2f}"))
    return rows


if __name__ == "__main__":
    main()
