"""Cells with a reset: error of their intervals by time step, rate against current, and cultures of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

import numpy as np
from scipy.integrate import solve_ivp

from livn_gym import make
from livn_gym.backends import CultureSpec
from livn_gym.backends.native import NativeBackend
from livn_gym.models import AdaptiveExponential, AdaptiveExponentialModel, Izhikevich, IzhikevichModel
from livn_gym.numerics import NoiseStream
from livn_gym.parameters import ParameterSet
from livn_gym.recording_request import RecordingRequest
from livn_gym.stimulus import Stimulus
from livn_gym.system import Population, System

ResetCell = Izhikevich | AdaptiveExponential

DURATION_MS = 600.0
SETTINGS = [(dt, scheme) for dt in (0.025, 0.05, 0.1) for scheme in ("backward_euler", "second_order")]
PATTERNS: list[tuple[type[ResetCell], str, float]] = [
    (Izhikevich, "published_2003_regular_spiking", 1.0),
    (Izhikevich, "published_2003_chattering", 0.6),
    (Izhikevich, "published_2003_fast_spiking", 1.0),
    (Izhikevich, "published_2007_regular_spiking", 0.07),
    (Izhikevich, "published_2007_regular_spiking", 0.1),
    (Izhikevich, "published_2007_chattering", 0.2),
    (AdaptiveExponential, "published_2005", 1.0),
    (AdaptiveExponential, "published_2008_tonic", 0.5),
    (AdaptiveExponential, "published_2008_adaptation", 0.5),
    (AdaptiveExponential, "published_2008_bursting", 0.21),
    (Izhikevich, "culture_exc", 0.1),
    (Izhikevich, "culture_inh", 0.02),
    (AdaptiveExponential, "culture_exc", 0.1),
    (AdaptiveExponential, "culture_inh", 0.02),
]
CURRENTS_PA = {
    "culture_exc": (45, 48, 50, 52, 55, 60, 80, 100, 150, 200),
    "culture_inh": (4, 5, 6, 8, 10, 15, 20, 30, 50, 80),
}


def exact(cell: ResetCell, nA: float) -> np.ndarray:
    """Spike times by LSODA, from the class's derivatives with the reset as an event, ms."""
    assert cell.step.reset is not None
    parameters = cell.step.parameters(cell, 0.025)
    names = list(inspect.signature(cell.step.reset).parameters)
    # 15 slope factors above V_T the exponential's peak is less than 1e-5 ms away.
    peak = cell.v_peak if isinstance(cell, Izhikevich) else cell.V_T + 15.0 * cell.Delta_T

    def event(t: float, y: np.ndarray) -> float:
        return y[0] - peak

    vars(event).update(terminal=True, direction=1)
    derivatives: Callable[..., list[float]] = lambda t, y: cell.derivatives(y, soma_nA=nA)  # noqa: E731
    t, y, spikes = 0.0, np.array(cell.initial_state()), []
    while t < DURATION_MS:
        done = solve_ivp(
            derivatives, (t, DURATION_MS), y, method="LSODA", rtol=1e-8, atol=1e-8, events=event, max_step=5.0
        )
        t, y = done.t[-1], done.y[:, -1]
        if done.status == 1:
            spikes.append(t)
            values = parameters | dict(zip(("v_s", "v_d", *cell.step.states), y, strict=True))
            y = np.array(cell.step.reset(*(values[name] for name in names)))
    return np.array(spikes)


def simulated(cell: ResetCell, nA: float, duration_ms: float, dt_ms: float, scheme: str) -> np.ndarray:
    """Spike times of the native engine in float64, ms."""
    model = IzhikevichModel(cell, cell) if isinstance(cell, Izhikevich) else AdaptiveExponentialModel(cell, cell)
    place, along = np.zeros((1, 3)), np.array([[1.0, 0.0]])
    system = System("one", (Population("EXC", 0, 1),), place, along, (), place, np.array([[0.0] * 3, [1.0] * 3]))
    backend = NativeBackend()
    spec = CultureSpec(system, model, dt_ms, scheme, 1)  # type: ignore[arg-type]
    try:
        backend.build(spec, ParameterSet(system).frozen(), [NoiseStream(0)])
        stimulus = Stimulus(np.array([[nA]]), duration_ms)
        return backend.run(round(duration_ms / dt_ms), stimulus, RecordingRequest(system.gids())).spikes[2]
    finally:
        backend.close()


def intervals() -> None:
    """Print errors of mean intervals against LSODA, over the spikes that both have."""
    print(f"\nmean interval of {DURATION_MS:g} ms by LSODA, and the engine's error by time step (ms) and scheme\n")
    print("| cell, nA | interval (ms) | " + " | ".join(f"{dt:g} {s.replace('_', ' ')}" for dt, s in SETTINGS) + " |")
    print("| --- " * (2 + len(SETTINGS)) + "|")
    for kind, name, nA in PATTERNS:
        cell = kind.named(name)
        reference = exact(cell, nA)
        errors = []
        for dt, scheme in SETTINGS:
            spikes = simulated(cell, nA, DURATION_MS, dt, scheme)
            count = min(len(spikes), len(reference))
            errors.append(np.ptp(spikes[:count]) / np.ptp(reference[:count]) - 1.0)
        row = " | ".join(f"{100 * error:+.2f} %" for error in errors)
        print(f"| {kind.__name__} {name}, {nA:g} | {np.diff(reference).mean():.2f} | {row} |", flush=True)


def rates(currents_pA: Sequence[float], cell: ResetCell) -> str:
    """Rates between 1 and 4 s, by current."""
    counts = [(simulated(cell, pA * 1e-3, 4000.0, 0.025, "backward_euler") > 1000.0).sum() / 3.0 for pA in currents_pA]
    return ", ".join(f"{pA:g} pA {count:.1f}" for pA, count in zip(currents_pA, counts, strict=True))


def cultures() -> None:
    """Print rates of cultures with the shipped parameters, at rest and under pulses on every electrode."""
    print("\nmean rates of 4 cultures over 8 s, and over 2 s of 20 Hz pulses on every electrode, Hz\n")
    print("| model | system | spontaneous: EXC, INH | 3 uA | 7.5 uA | 15 uA |\n| --- " + "| --- " * 5 + "|")
    for model in (IzhikevichModel(), AdaptiveExponentialModel()):
        for name in ("EI1", "EI2", "EI3"):
            with make(name, model=model, num_cultures=4, seed=1) as env:
                env.record_spikes().run(1500)
                gid = env.run(8000).spikes[1]
                own = [((gid >= p.start) & (gid < p.stop)).sum() / p.count / 32.0 for p in env.system.populations]
                driven = []
                for uA in (3.0, 7.5, 15.0):
                    amplitudes = np.full(env.electrodes.num_channels, uA)
                    pulses = Stimulus.pulse_train(amplitudes, duration_ms=2000.0, rate_hz=20.0)
                    driven.append(len(env.run(2000, pulses).spikes[1]) / env.system.num_neurons / 8.0)
            numbers = " | ".join(f"{rate:.1f}" for rate in driven)
            print(f"| {type(model).__name__} | {name} | {own[0]:.1f}, {own[1]:.1f} | {numbers} |", flush=True)


def main() -> None:
    """Print everything."""
    intervals()
    print("\nrate (Hz) between 1 and 4 s of a constant current into the soma\n")
    for kind in (Izhikevich, AdaptiveExponential):
        for name, currents in CURRENTS_PA.items():
            print(f"- {kind.__name__} {name}: {rates(currents, kind.named(name))}", flush=True)
    cultures()


if __name__ == "__main__":
    main()
