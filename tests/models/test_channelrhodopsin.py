"""The opsin: its equations against those of the paper, time constants, convergence, and expression."""

import inspect
import math

import numpy as np
import pytest

import livn_gym
from livn_gym.errors import InvalidInput, UnknownName, UnknownOption
from livn_gym.models import Channelrhodopsin, Expression, channelrhodopsin
from livn_gym.models.channelrhodopsin import advance, conductance
from livn_gym.system import make

AT_22 = Channelrhodopsin.named("williams_2013", temperature_C=22.0)


def clamped(irradiance, v, dt_ms, duration_ms, opsin=AT_22, start=(0.0, 0.0, 0.0, 0.0)):
    """States ``[T + 1, 4]`` and relative currents ``[T + 1]`` at a fixed voltage under constant light."""
    parameters = opsin.parameters(dt_ms)
    light = dict(zip(channelrhodopsin.LIGHT, opsin.light(irradiance).tolist(), strict=True))
    given = {name: (parameters | light)[name] for name in list(inspect.signature(advance).parameters)[5:]}
    currents = {name: parameters[name] for name in ("gamma", "slope", "voltage", "E")}
    states = [tuple(start)]
    for _ in range(round(duration_ms / dt_ms)):
        states.append(advance(v, *states[-1], **given))
    current = [conductance(v, s[0], s[1], 1.0, **currents) * (v - parameters["E"]) for s in states]
    return np.array(states), np.array(current)


def published(irradiance, v, duration_ms, dt_ms=0.005):
    """Currents every 0.1 ms by Runge-Kutta, from equations 1 to 12 of the paper as they are printed."""
    F = 12e-20 * irradiance * 1e3 / (1.986446e-25 / 470e-9) / (1.3 * 1e3)
    logarithm = math.log(1.0 + irradiance / 0.024)
    e12, e21 = 0.011 + 0.005 * logarithm, 0.008 + 0.004 * logarithm
    d1, r = 0.075 + 0.043 * math.tanh(-(v + 20.0) / 20.0), 4.34587e-5 * math.exp(-0.0211539274 * v)
    S0 = 0.5 * (1.0 + math.tanh(120.0 * (100.0 * irradiance - 0.1)))

    def slope(y):
        O1, O2, C1, p = y
        C2 = 1.0 - O1 - O2 - C1
        k1, k2 = 0.8535 * F * p, 0.14 * F * p
        return np.array(
            [
                k1 * C1 - (d1 + e12) * O1 + e21 * O2,
                k2 * C2 - (0.05 + e21) * O2 + e12 * O1,
                d1 * O1 + r * C2 - k1 * C1,
                (S0 - p) / 1.3,
            ]
        )

    y, current = np.array([0.0, 0.0, 1.0, 0.0]), []
    for k in range(round(duration_ms / dt_ms) + 1):
        if k % round(0.1 / dt_ms) == 0:
            current.append((y[0] + 0.1 * y[1]) * (10.6408 - 14.6408 * math.exp(-v / 42.7671)))
        a = slope(y)
        b = slope(y + dt_ms / 2 * a)
        c = slope(y + dt_ms / 2 * b)
        y = y + dt_ms / 6 * (a + 2 * b + 2 * c + slope(y + dt_ms * c))
    return np.array(current)


@pytest.mark.parametrize(("irradiance", "v"), [(5.5, -80.0), (1.6, -40.0), (0.1, -70.0), (5.5, 40.0)])
def test_photocurrent_is_that_of_the_published_equations(irradiance, v):
    expected = published(irradiance, v, 60.0)
    _, current = clamped(irradiance, v, 0.1, 60.0)
    assert np.abs(current - expected).max() < 0.01 * np.abs(expected).max()


def test_the_error_falls_with_the_square_of_the_step():
    expected = published(2.0, -70.0, 20.0)[-1]
    errors = [abs(clamped(2.0, -70.0, dt, 20.0)[1][-1] - expected) for dt in (0.4, 0.2, 0.1)]
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.3)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.3)


def test_the_current_peaks_sags_and_recovers_in_the_dark_with_the_published_rate():
    """Under 5.5 mW/mm2 at -80 mV the current peaks within 10 ms and sags to about half (figure 2 of the paper)."""
    states, current = clamped(5.5, -80.0, 0.1, 1000.0)
    peak = current.argmin()
    assert peak * 0.1 < 10.0
    assert 0.4 < current[-1] / current[peak] < 0.65
    rate = 4.34587e-5 * math.exp(0.0211539274 * 80.0)  # 1 / 4.2 s
    later, _ = clamped(0.0, -80.0, 0.5, 3000.0, start=states[-1])
    closed = later[[1000, 5000], 2]  # after 0.5 and 2.5 s, when all channels have closed
    assert math.log(closed[0] / closed[1]) / 2000.0 == pytest.approx(rate, rel=1e-3)


def test_the_current_ends_with_the_slower_of_the_published_closing_rates():
    """In the dark, O1 and O2 form a linear system: its slow eigenvalue is the last decay of the current."""
    states, _ = clamped(5.5, -80.0, 0.1, 200.0)
    _, current = clamped(0.0, -80.0, 0.05, 200.0, start=states[-1])
    d1 = 0.075 + 0.043 * math.tanh(3.0)
    slow = max(np.linalg.eigvals([[-(d1 + 0.011), 0.008], [0.011, -(0.05 + 0.008)]]).real)
    assert math.log(current[2000] / current[3000]) / 50.0 == pytest.approx(-slow, rel=0.01)


def test_cells_in_the_dark_remain_exactly_dark():
    states, current = clamped(0.0, -60.0, 0.025, 10.0)
    assert not states.any() and not current.any()


def test_states_are_shares_under_strong_light_and_long_steps():
    states, _ = clamped(1000.0, -60.0, 1.0, 300.0)
    assert states.min() >= 0.0 and states[:, :3].sum(axis=1).max() < 1.0 + 1e-9


def test_the_current_rectifies_and_reverses_where_the_published_one_does():
    v = np.array([-80.0, -20.0, 13.0, 13.6488, 14.0, 60.0])
    names = {name: AT_22.parameters(0.1)[name] for name in ("gamma", "slope", "voltage", "E")}
    current = [conductance(x, 0.4, 0.2, 2.0, **names) * (x - names["E"]) for x in v]
    expected = 2.0 * (0.4 + 0.1 * 0.2) * (10.6408 - 14.6408 * np.exp(-v / 42.7671))
    np.testing.assert_allclose(current, expected, rtol=1e-5, atol=1e-5)


def test_warm_channels_are_faster_by_the_published_factors():
    warm = Channelrhodopsin.named("williams_2013").parameters(0.1)
    cold = AT_22.parameters(0.1)
    assert warm["d2"] / cold["d2"] == pytest.approx(1.77**1.5)
    assert warm["recovery"] / cold["recovery"] == pytest.approx(2.56**1.5)
    assert warm["e12_light"] == cold["e12_light"]


def test_expression_is_drawn_for_each_graph():
    system, other = make("EI2"), make("EI2", 7)
    opsin = Channelrhodopsin.named("williams_2013", expression={"fraction": 0.6, "cv": 0.3})
    factors = opsin.expression.factors(system)
    exc = system.populations[0]
    assert not factors[exc.stop :].any()
    has = factors[exc.start : exc.stop] > 0.0
    assert abs(has.mean() - 0.6) < 3.0 * math.sqrt(0.24 / exc.count)
    assert factors[factors > 0].mean() == pytest.approx(1.0, abs=0.15)
    assert (factors == opsin.expression.factors(system)).all()
    assert (factors != opsin.expression.factors(other)).any()
    assert (factors != Expression(fraction=0.6, cv=0.3, seed=1).factors(system)).any()
    everywhere = Expression(("EXC", "INH"), fraction=1.0, cv=0.0).factors(system)
    assert (everywhere == 1.0).all()


def test_the_peak_photocurrent_of_a_culture_cell_is_that_of_a_small_neuron():
    """Neurons with ChR2 have peak currents of 0.1 to 1 nA; the culture's EXC cell has 1885 um2 of membrane."""
    system = make("EI1")
    opsin = Channelrhodopsin.named("williams_2013", expression={"fraction": 1.0, "cv": 0.0})
    with livn_gym.make("EI1") as env:
        g_uS = opsin.conductances_uS(system, env.model)
    _, current = clamped(5.5, -70.0, 0.1, 30.0, opsin)
    assert 0.1 < -current.min() * g_uS[0] < 1.0


def test_wrong_opsins_are_refused():
    with pytest.raises(UnknownName, match="williams_2013"):
        channelrhodopsin.make("chr3")
    with pytest.raises(UnknownOption, match="temperature_C"):
        channelrhodopsin.make({"name": "williams_2013", "temperature": 30.0})
    with pytest.raises(InvalidInput, match="needs the name"):
        channelrhodopsin.make({"temperature_C": 30.0})
    with pytest.raises(InvalidInput, match="0 to 45"):
        Channelrhodopsin.named("williams_2013", temperature_C=80.0)
    with pytest.raises(InvalidInput, match="at most 1"):
        Channelrhodopsin.named("williams_2013", expression={"fraction": 1.5})
    with pytest.raises(UnknownOption, match="fraction"):
        Channelrhodopsin.named("williams_2013", expression={"share": 1.0})
    with pytest.raises(UnknownName, match="EXC"):
        Expression(("PV",)).factors(make("EI1"))
