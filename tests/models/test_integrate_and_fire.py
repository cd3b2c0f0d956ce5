"""The cells with a reset against their papers' own equations, integrated by LSODA with the reset as an event."""

import inspect
import math
from dataclasses import replace

import numpy as np
import pytest
from cultures import Lab, system
from scipy.integrate import solve_ivp

from livn_gym.errors import InvalidInput
from livn_gym.models import AdaptiveExponential, AdaptiveExponentialModel, Izhikevich, IzhikevichModel
from livn_gym.stimulus import Stimulus

MODEL = {Izhikevich: IzhikevichModel, AdaptiveExponential: AdaptiveExponentialModel}


def integrate(derivatives, y, duration_ms, peak_mV, reset):
    """Times at which the first variable reaches the peak; the state after it is what ``reset`` gives."""

    def event(t, y):
        return y[0] - peak_mV

    event.terminal, event.direction = True, 1
    t, spikes = 0.0, []
    while t < duration_ms:
        done = solve_ivp(
            derivatives, (t, duration_ms), y, method="LSODA", rtol=1e-8, atol=1e-8, events=event, max_step=5.0
        )
        t, y = done.t[-1], done.y[:, -1]
        if done.status == 1:
            spikes.append(t)
            y = np.array(reset(y))
    return np.array(spikes)


def izhikevich(C, k, v_r, v_t, a, b, c, d, v_peak):
    """A point cell of the 2007 form, pF, nS, pA."""

    def spikes(current, duration_ms):
        def derivatives(t, y):
            v, u = y
            return [(k * (v - v_r) * (v - v_t) - u + current) / C, a * (b * (v - v_r) - u)]

        return integrate(derivatives, [v_r, 0.0], duration_ms, v_peak, lambda y: [c, y[1] + d])

    return spikes


def izhikevich_2003(a, b, c, d):
    """A point cell of the 2003 form, from its rest at -70 mV."""

    def spikes(current, duration_ms):
        def derivatives(t, y):
            v, u = y
            return [0.04 * v * v + 5.0 * v + 140.0 - u + current, a * (b * v - u)]

        return integrate(derivatives, [-70.0, -70.0 * b], duration_ms, 30.0, lambda y: [c, y[1] + d])

    return spikes


def adaptive_exponential(C, g_L, E_L, V_T, Delta_T, tau_w, a, b, V_r):
    """A point cell, pF, nS, pA; 15 slope factors above V_T a peak is less than 1e-6 ms away."""

    def spikes(current, duration_ms):
        def derivatives(t, y):
            v, w = y
            inward = -g_L * (v - E_L) + g_L * Delta_T * math.exp((v - V_T) / Delta_T)
            return [(inward - w + current) / C, (a * (v - E_L) - w) / tau_w]

        return integrate(derivatives, [E_L, 0.0], duration_ms, V_T + 15.0 * Delta_T, lambda y: [V_r, y[1] + b])

    return spikes


# The papers' own numbers: class, set, equations, and the currents in pA that stand for one in the paper, a few of them.
# 1 uA/cm2 of the paper of 2003 is 100 pA of a soma of 1e4 um2.
PUBLISHED = [
    (Izhikevich, "published_2003_regular_spiking", izhikevich_2003(0.02, 0.2, -65.0, 8.0), 100.0, (5.0, 10.0)),
    (Izhikevich, "published_2003_chattering", izhikevich_2003(0.02, 0.2, -50.0, 2.0), 100.0, (10.0,)),
    (Izhikevich, "published_2003_fast_spiking", izhikevich_2003(0.1, 0.2, -65.0, 2.0), 100.0, (5.0, 10.0)),
    (
        Izhikevich,
        "published_2007_regular_spiking",
        izhikevich(100.0, 0.7, -60.0, -40.0, 0.03, -2.0, -50.0, 100.0, 35.0),
        1.0,
        (60.0, 70.0, 85.0, 100.0),
    ),
    (
        Izhikevich,
        "published_2007_chattering",
        izhikevich(50.0, 1.5, -60.0, -40.0, 0.03, 1.0, -40.0, 150.0, 25.0),
        1.0,
        (200.0, 300.0),
    ),
    (
        AdaptiveExponential,
        "published_2005",
        adaptive_exponential(281.0, 30.0, -70.6, -50.4, 2.0, 144.0, 4.0, 80.5, -70.6),
        1.0,
        (650.0, 1000.0),
    ),
    (
        AdaptiveExponential,
        "published_2008_tonic",
        adaptive_exponential(200.0, 10.0, -70.0, -50.0, 2.0, 30.0, 2.0, 0.0, -58.0),
        1.0,
        (300.0, 500.0),
    ),
    (
        AdaptiveExponential,
        "published_2008_adaptation",
        adaptive_exponential(200.0, 12.0, -70.0, -50.0, 2.0, 300.0, 2.0, 60.0, -58.0),
        1.0,
        (500.0,),
    ),
    (
        AdaptiveExponential,
        "published_2008_bursting",
        adaptive_exponential(200.0, 10.0, -58.0, -50.0, 2.0, 120.0, 2.0, 100.0, -46.0),
        1.0,
        (210.0,),
    ),
]
CASES = [pytest.param(*row[:4], current, id=f"{row[1]}-{current:g}") for row in PUBLISHED for current in row[4]]


def simulated(cell, nA, duration_ms, population="EXC", **options):
    """Spike times and the soma's voltage of a cell on the native engine, under a constant current into its soma."""
    culture = system(1, 0) if population == "EXC" else system(0, 1)
    with Lab(culture, backend="native", model=MODEL[type(cell)](cell, cell), **options) as lab:
        recording = lab.run(duration_ms, Stimulus(np.array([[nA]]), duration_ms))[0]
    return recording.spike_t, recording.voltage[0, 0]


@pytest.mark.parametrize(("kind", "name", "paper", "pA", "current"), CASES)
def test_firing_patterns_are_the_papers(kind, name, paper, pA, current):
    """Every interval of 500 ms, to 1 % and five steps: spikes and resets lie on steps, and the upstroke takes some."""
    expected = paper(current, 500.0)
    spikes, _ = simulated(kind.named(name), current * pA * 1e-3, 500.0, scheme="second_order")
    count = min(len(spikes), len(expected))
    assert abs(len(spikes) - len(expected)) <= 1
    assert count >= 2
    assert spikes[0] == pytest.approx(expected[0], rel=0.01, abs=2.0)  # -10 mV is up to 2 ms before the peak
    assert np.diff(spikes[:count]) == pytest.approx(np.diff(expected[:count]), rel=0.01, abs=0.125)


def test_patterns_differ_as_the_papers_say():
    def intervals(kind, name, nA):
        return np.diff(simulated(kind.named(name), nA, 500.0)[0])

    regular = intervals(Izhikevich, "published_2003_regular_spiking", 1.0)
    fast = intervals(Izhikevich, "published_2003_fast_spiking", 1.0)
    chattering = intervals(Izhikevich, "published_2007_chattering", 0.2)
    adapting = intervals(AdaptiveExponential, "published_2005", 1.0)
    assert len(fast) > 4 * len(regular)
    assert chattering.max() > 10.0 * chattering.min()
    # Brette & Gerstner's cell slows down from spike to spike: the last interval is 2.66 of the first.
    assert (np.diff(adapting) > -0.026).all()
    assert adapting[-1] / adapting[0] == pytest.approx(2.66, abs=0.03)


@pytest.mark.parametrize(
    ("cell", "rheobase_pA"),
    [
        # where the two fixed points meet: (k (v_t - v_r) + b)^2 / 4 k
        (Izhikevich.named("published_2007_regular_spiking"), (0.7 * 20.0 - 2.0) ** 2 / 2.8),
        # (g_L + a) (V - E_L - Delta_T) at V = V_T + Delta_T ln(1 + a / g_L)
        (AdaptiveExponential.named("published_2008_tonic"), 12.0 * (18.0 + 2.0 * math.log(1.2))),
    ],
)
def test_cells_fire_from_their_rheobase_on(cell, rheobase_pA):
    assert len(simulated(cell, 0.99e-3 * rheobase_pA, 1500.0)[0]) == 0
    assert len(simulated(cell, 1.01e-3 * rheobase_pA, 1500.0)[0]) > 0


@pytest.mark.parametrize("scheme", ["backward_euler", "second_order"])
@pytest.mark.parametrize(("kind", "name", "paper", "pA", "current"), [CASES[4], CASES[-3]])
def test_intervals_converge_with_the_time_step(kind, name, paper, pA, current, scheme):
    """At least in proportion to it; a quarter of the step must leave less than half of the error."""
    exact = np.diff(paper(current, 400.0))[-5:].mean()
    coarse, fine = (
        abs(
            np.diff(simulated(kind.named(name), current * pA * 1e-3, 400.0, dt=dt, scheme=scheme)[0])[-5:].mean()
            - exact
        )
        for dt in (0.1, 0.025)
    )
    assert fine < 0.5 * coarse


def two_compartments(cell, nA, duration_ms):
    """Spikes of the whole cell by LSODA, from the class's own derivatives."""
    parameters = cell.step.parameters(cell, 0.025)
    names = list(inspect.signature(cell.step.reset).parameters)
    high = cell.v_peak if isinstance(cell, Izhikevich) else cell.V_T + 15.0 * cell.Delta_T

    def reset(y):
        values = parameters | dict(zip(("v_s", "v_d", *cell.step.states), y, strict=True))
        return cell.step.reset(*(values[name] for name in names))

    return integrate(lambda t, y: cell.derivatives(y, soma_nA=nA), cell.initial_state(), duration_ms, high, reset)


CULTURE = [(kind, population) for kind in MODEL for population in ("EXC", "INH")]


@pytest.mark.parametrize(("kind", "population"), CULTURE)
def test_culture_cells_rest_silent_and_fire_from_1_hz_on(kind, population):
    cell = kind.named(f"culture_{population.lower()}")
    spikes, v = simulated(cell, 0.0, 500.0, population)
    assert len(spikes) == 0
    assert -62.0 < v[-1] < -55.0
    assert v[-1] == pytest.approx(cell.v_init, abs=0.05)
    low, high = 0.0, 0.1
    for _ in range(12):  # 0.1 nA / 2**12: the current from which a cell fires at all within 2 s
        middle = (low + high) / 2
        fires = len(simulated(cell, middle, 2000.0, population)[0]) > 0
        low, high = (low, middle) if fires else (middle, high)
    counts = [len(simulated(cell, nA, 3000.0, population)[0]) / 3.0 for nA in (high, 1.5 * high, 3.0 * high)]
    assert 0.3 <= counts[0] <= 3.0
    assert counts[0] < counts[1] < counts[2] < 100.0


@pytest.mark.parametrize(("kind", "population"), CULTURE)
@pytest.mark.parametrize("nA", [0.08, 0.15])
def test_culture_cells_follow_their_derivatives(kind, population, nA):
    """5 % of the mean interval, at least 360 steps (9 ms): the charge of a spike to the dendrite depends on dt."""
    cell = kind.named(f"culture_{population.lower()}")
    nA = nA if population == "EXC" else nA / 4
    spikes, _ = simulated(cell, nA, 400.0, population, scheme="second_order")
    expected = two_compartments(cell, nA, 400.0)
    assert len(expected) > 4
    assert np.diff(spikes).mean() == pytest.approx(np.diff(expected).mean(), rel=0.05)


EXC = Izhikevich.named("culture_exc")
ADEX = AdaptiveExponential.named("culture_exc")


@pytest.mark.parametrize(
    ("cell", "changes", "message"),
    [
        (EXC, {"v_peak": -20.0}, "v_peak -20"),
        (EXC, {"c": -5.0}, "c -5"),
        (EXC, {"v_t": -61.0}, "v_r < v_t"),
        (EXC, {"k": 0.0}, "k must be greater than 0"),
        (EXC, {"a": -0.1}, "a must be greater than 0"),
        (EXC, {"g_leak_dendrite": -0.1}, "g_leak_dendrite must be at least 0"),
        (EXC, {"d": math.nan}, "d must be a finite number"),
        (ADEX, {"v_peak": -30.0}, "v_peak -30"),
        (ADEX, {"V_r": 0.0}, "V_r 0"),
        (ADEX, {"V_T": 5.0}, "V_T 5"),
        (ADEX, {"Delta_T": 0.1}, "Delta_T of at least"),
        (ADEX, {"tau_w": 0.0}, "tau_w must be greater than 0"),
    ],
)
def test_parameters_are_checked(cell, changes, message):
    with pytest.raises(InvalidInput, match=message):
        replace(cell, **changes)
