"""The equations against values worked out by hand from the papers' formulas; e stands for exp(1)."""

import inspect
import math
from types import FunctionType

import numba
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn_gym.models import BoothRinzelKiehn, PinskyRinzel
from livn_gym.models import booth_rinzel_kiehn as brk
from livn_gym.models import pinsky_rinzel as pr
from livn_gym.models.step import relaxed

OPEN, SHUT = 0.7310585786, 0.2689414214  # 1 / (1 + 1/e) and 1 / (1 + e): one k beyond theta

# name, argument, value
BRK_TABLE = [
    ("m_inf", -35.0, 0.5),
    ("m_inf", -27.2, OPEN),
    ("h_inf", -55.0, 0.5),
    ("h_inf", -48.0, SHUT),
    ("tau_h", -50.0, 15.0),  # 30 / (1 + 1)
    ("tau_h", -35.0, 9.646651),  # 30 / (e + exp(-15/16)) = 30 / (2.7182818 + 0.3916056)
    ("n_inf", -28.0, 0.5),
    ("n_inf", -13.0, OPEN),
    ("tau_n", -40.0, 3.5),  # 7 / (1 + 1)
    ("tau_n", 0.0, 2.209872),  # 7 / (e + exp(-4/5)) = 7 / (2.7182818 + 0.4493290)
    ("mN_inf", -30.0, 0.5),
    ("mN_inf", -25.0, OPEN),
    ("hN_inf", -45.0, 0.5),
    ("hN_inf", -40.0, SHUT),
    ("mL_inf", -40.0, 0.5),
    ("mL_inf", -33.0, OPEN),
]
PR_TABLE = [
    ("alpha_m", 13.1, 1.28),  # 0.32 * 4, the limit
    ("alpha_m", 9.1, 0.744930),  # 0.32 * 4 / (e - 1)
    ("beta_m", 40.1, 1.4),  # 0.28 * 5, the limit
    ("beta_m", 45.1, 0.814767),  # 0.28 * 5 / (e - 1)
    ("alpha_n", 35.1, 0.08),
    ("alpha_n", 30.1, 0.0465581),  # 0.016 * 5 / (e - 1)
    ("beta_n", 20.0, 0.25),
    ("alpha_h", 17.0, 0.128),
    ("alpha_h", 35.0, 0.0470886),  # 0.128 / e
    ("beta_h", 40.0, 2.0),
    ("alpha_s", 65.0, 0.8),
    ("beta_s", 51.1, 0.1),
    ("beta_s", 56.1, 0.0581977),  # 0.02 * 5 / (e - 1)
    ("alpha_c", 10.0, 0.0462936),  # exp(-3.5/27) / 18.975
    ("alpha_c", 60.0, 0.275729),  # 2 exp(-53.5/27)
    ("beta_c", 6.5, 1.961662),  # 2 - exp(-3.5/11) / 18.975
    ("beta_c", 60.0, 0.0),
    ("alpha_q", 100.0, 0.002),
    ("alpha_q", 1000.0, 0.01),
    ("chi", 125.0, 0.5),
    ("chi", 300.0, 1.0),
]
CELLS = [BoothRinzelKiehn.named(n) for n in BoothRinzelKiehn.set_names()] + [
    PinskyRinzel.named(n) for n in PinskyRinzel.set_names()
]


@pytest.mark.parametrize(("name", "v", "value"), BRK_TABLE)
def test_booth_rinzel_kiehn_gates(name, v, value):
    assert getattr(brk, name)(v) == pytest.approx(value, rel=1e-5)  # the table has six digits


@pytest.mark.parametrize(("name", "x", "value"), PR_TABLE)
def test_pinsky_rinzel_rates(name, x, value):
    assert getattr(pr, name)(x) == pytest.approx(value, rel=1e-5)


def test_constant_times():
    assert (brk.TAU_mN, brk.TAU_hN, brk.TAU_mL, pr.BETA_Q) == (4.0, 40.0, 40.0, 0.001)


@given(st.floats(-1e-4, 1e-4) | st.floats(-200.0, 200.0), st.sampled_from([4.0, 5.0]))
def test_ratio_is_exact_near_its_removable_singularity(x, y):
    # exp(x / y) - 1 loses at most 1.1e-16 / 1e-6 to cancellation before the series takes over.
    expected = y if abs(x) < 1e-300 else x / math.expm1(x / y)
    assert pr.ratio(x, y) == pytest.approx(expected, rel=1e-9)


def test_the_two_branches_of_c_meet():
    # exp(40/11) / 18.975 is 2.0002, so the published branches meet to 2e-4 of the rate.
    below, above = 50.0, 50.0 + 1e-9
    assert pr.alpha_c(below) == pytest.approx(pr.alpha_c(above), rel=1e-3)
    assert pr.beta_c(below) == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.config_name}-{cell.v_init:g}")
@given(v=st.floats(-100.0, 60.0))
def test_initial_state_is_settled_but_for_the_voltages(cell, v):
    state = cell.initial_state(v)
    assert len(state) == len(cell.state_names)
    assert state[:2] == [v, v]
    # Rates stay below 100 /ms and calcium below 1e5 /ms here, so rounding alone stays below 1e-9.
    assert max(abs(change) for change in cell.derivatives(state)[2:]) < 1e-9


def test_booth_rinzel_kiehn_derivatives_by_hand():
    cell = BoothRinzelKiehn.named("published_1997")
    index = {name: i for i, name in enumerate(cell.state_names)}
    shut = [-60.0, -50.0] + [0.0] * 9
    change = cell.derivatives(shut)
    assert change[0] == pytest.approx(10.0)  # gc / p * 10 mV / C
    assert change[1] == pytest.approx(-0.1 / 0.9 * 10.0 - 0.51 * 10.0)
    # 1 uA/cm2 of a compartment's own area is 1 mV/ms at 1 uF/cm2.
    driven = cell.derivatives(shut, cell.density_to_nA(1.0, "soma"), cell.density_to_nA(2.0, "dendrite"))
    assert driven[0] - change[0] == pytest.approx(1.0)
    assert driven[1] - change[1] == pytest.approx(2.0)
    calcium = [0.0, 0.0] + [0.0] * 9
    for name in ("mN_soma", "hN_soma", "mN_dendrite", "hN_dendrite", "mL"):
        calcium[index[name]] = 1.0
    calcium[index["Ca_soma"]] = 0.1
    change = cell.derivatives(calcium)
    assert change[index["Ca_soma"]] == pytest.approx(0.01 * (0.009 * 14.0 * 80.0 - 2.0 * 0.1))
    assert change[index["Ca_dendrite"]] == pytest.approx(0.01 * 0.009 * (0.03 + 0.33) * 80.0)
    assert change[0] == pytest.approx(14.0 * 80.0 - 5.0 * (0.1 / 0.3) * 80.0 - 0.51 * 60.0)
    assert change[1] == pytest.approx((0.03 + 0.33) * 80.0 - 0.51 * 60.0)


def test_booth_rinzel_kiehn_sodium_and_potassium_by_hand():
    cell = BoothRinzelKiehn.named("published_1997")
    state = [-35.0, -35.0] + [0.0] * 9
    state[2], state[3] = 0.8, 0.5  # h, n; m is 1/2 at -35 mV
    expected = -(120.0 * 0.125 * 0.8 * -90.0 + 100.0 * 0.0625 * 45.0 + 0.51 * 25.0)
    assert cell.derivatives(state)[0] == pytest.approx(expected)


def test_pinsky_rinzel_derivatives_by_hand():
    cell = PinskyRinzel.named("published_1994")
    shut = [-60.0, -50.0] + [0.0] * 6
    change = cell.derivatives(shut)
    assert change[0] == pytest.approx(2.1 / 0.5 * 10.0 / 3.0)
    assert change[1] == pytest.approx((-42.0 - 0.1 * 10.0) / 3.0)
    driven = cell.derivatives(shut, cell.density_to_nA(3.0, None), cell.density_to_nA(3.0, "dendrite"))
    assert driven[0] - change[0] == pytest.approx(2.0)  # 3 uA/cm2 of the whole cell, / p / C
    assert driven[1] - change[1] == pytest.approx(1.0)
    state = [-60.0, -60.0, 0.0, 0.4, 1.0, 0.5, 0.25, 125.0]  # h, n, s, c, q, Ca
    change = cell.derivatives(state)
    assert change[0] == pytest.approx(-15.0 * 0.4 * 15.0 / 3.0)
    I_Ca = 10.0 * -140.0
    assert change[1] == pytest.approx(-(I_Ca + 15.0 * 0.5 * 0.5 * 15.0 + 0.8 * 0.25 * 15.0) / 3.0)
    assert change[7] == pytest.approx(-0.13 * I_Ca - 0.075 * 125.0)


def test_pinsky_rinzel_sodium_by_hand():
    cell = PinskyRinzel.named("published_1994")
    m = 1.28 / (1.28 + 0.28 * 27.0 / (1.0 - math.exp(-27.0 / 5.0)))  # u = 13.1 mV
    state = [-46.9, -46.9, 0.7] + [0.0] * 5
    assert cell.derivatives(state)[0] == pytest.approx(-(0.1 * 13.1 + 30.0 * m * m * 0.7 * -106.9) / 3.0)


@pytest.mark.parametrize("module", [brk, pr], ids=["booth_rinzel_kiehn", "pinsky_rinzel"])
def test_numba_compiles_the_functions_in_file_order(module):
    functions = [f for f in vars(module).values() if isinstance(f, FunctionType) and f.__module__ == module.__name__]
    functions = [f for f in functions if not f.__name__.endswith("_parameters")]  # these take a cell
    assert len(functions) > 15
    namespace = dict(vars(module))
    for function in (relaxed, *functions):
        compiled = numba.njit(FunctionType(function.__code__, namespace, function.__name__))
        namespace[function.__name__] = compiled
        arguments = [0.3 + i for i in range(len(inspect.signature(function).parameters))]
        # The compiler may contract or use another exp: a few units in the last place.
        assert compiled(*arguments) == pytest.approx(function(*arguments), rel=1e-13)
