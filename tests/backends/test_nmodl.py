"""The mechanisms that are made from models' functions: the cells that have some by hand are the check."""

import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from livn_gym.backends.neuron.mechanisms import compartments, sources
from livn_gym.backends.neuron.nmodl import mechanism
from livn_gym.models import AdaptiveExponentialModel, CellStep, Izhikevich, ReducedCalciumSomaDendrite

TESTS = Path(__file__).parents[1]


def step(conductances, advance=lambda x: x, reset=None):
    return CellStep(("x",), lambda cell: [0.0], lambda cell, dt: {}, conductances, advance, reset)


@pytest.mark.parametrize(("dt", "scheme"), [(0.025, "backward_euler"), (0.05, "second_order")])
def test_made_mechanisms_are_those_by_hand(dt, scheme, tmp_path):
    """Both default cells for 100 ms with noise: the same spikes; voltages but for the order of multiplications."""
    code = f"""
        import sys
        import numpy as np
        from cultures import system
        from livn_gym.backends import CultureSpec
        from livn_gym.backends.neuron import mechanisms
        from livn_gym.backends.neuron.compile import mechanism_library
        from livn_gym.backends.neuron.culture import Culture
        from livn_gym.models import ReducedCalciumSomaDendrite
        from livn_gym.numerics import NoiseStream
        from livn_gym.parameters import ParameterSet
        from livn_gym.recording_request import RecordingRequest
        from livn_gym.stimulus import Stimulus
        if sys.argv[1] == "made":
            mechanisms._BY_HAND.clear()
        model, culture = ReducedCalciumSomaDendrite(), system(1, 1, [(0, 1, 1.0), (1, 0, 1.5)])
        weights = dict.fromkeys((f"weight-{{name}}" for name in culture.weight_names), 1.0)
        spec = CultureSpec(culture, model, {dt}, "{scheme}", 1)
        run = Culture(spec, mechanism_library(mechanisms.sources(model.cells.values(), {dt})))
        run.set_parameters(ParameterSet(culture).updated(weights | {{"noise-std_e": 0.3}}).frozen())
        run.reset(NoiseStream(1))
        gids = culture.gids()
        stimulus = Stimulus(np.array([[0.2, 0.06]]), 100.0)
        recording = run.run(round(100 / {dt}), stimulus, RecordingRequest(gids, gids, gids, 1))
        traces = {{"v": recording.voltage, "i": recording.current_soma}}
        np.savez(sys.argv[2], gid=recording.spike_gid, t=recording.spike_t, **traces)
    """
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    results = []
    for kind in ("hand", "made"):
        out = tmp_path / f"{kind}.npz"
        command = [sys.executable, "-c", textwrap.dedent(code), kind, str(out)]
        subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, check=True, capture_output=True)
        results.append(np.load(out))
    hand, made = results
    assert len(hand["t"]) > 10
    assert np.array_equal(hand["gid"], made["gid"]) and np.array_equal(hand["t"], made["t"])
    early = round(10.0 / dt)
    assert np.abs(hand["v"] - made["v"])[..., :early].max() < 1e-6
    assert np.abs(hand["i"] - made["i"])[..., :early].max() < 1e-8


def test_cells_with_mechanisms_by_hand_need_no_made_ones():
    assert sources(ReducedCalciumSomaDendrite().cells.values(), 0.025) == {}
    made = sources(AdaptiveExponentialModel().cells.values(), 0.025)
    assert list(made) == ["adaptive_exponential_cell.mod"]


def test_the_text_does_not_hang_on_parameters_and_its_values_do():
    first, second = Izhikevich.named("culture_exc"), Izhikevich.named("published_2003_fast_spiking")
    a, b, c = compartments(first, 0.025), compartments(second, 0.025), compartments(first, 0.1)
    assert a.source == b.source == c.source
    assert a.soma_values["p_k"] == first.k and b.soma_values["p_k"] == second.k
    assert a.soma_values["p_gain_u"] == pytest.approx(1.0 - math.exp(-0.025 * first.a))
    assert c.soma_values["p_gain_u"] > a.soma_values["p_gain_u"]


def branch(v):
    if v < -50.0:
        return -2.0 * v
    w = abs(v) + LIMIT
    if w > 3.0:
        w = max(w, 1.0)
    else:
        w = 0.5
    return math.exp(w) / 3.0


LIMIT = 1e-6


def test_functions_are_translated():
    text = mechanism("my_cell", step(lambda_conductances, advance=lambda_advance), ["k"])
    expected = """
        FUNCTION f_branch(l_v) {
            LOCAL l_w
            if (l_v < 0.0 - 50.0) {
                f_branch = (0.0 - 2.0) * l_v
            } else {
                l_w = f_abs(l_v) + 1e-06
                if (l_w > 3.0) {
                    l_w = f_max(l_w, 1.0)
                } else {
                    l_w = 0.5
                }
                f_branch = exp(l_w) / 3.0
            }
        }
    """
    assert textwrap.dedent(expected).strip() in text
    assert "new_G_s = f_branch(v_ahead)" in text
    assert "new_J_d = p_k" in text
    assert "new_x_x = x_x + f_branch(v_d)" in text
    assert "p_v_peak" not in text  # nothing of a reset where there is none


def lambda_conductances(v_ahead, x, k):
    return branch(v_ahead), x, 0.0, k


def lambda_advance(x, v_d):
    return x + branch(v_d)


def loops(x):
    for _ in ():
        abs(x)
    return x


def assigns(x):
    x = x + 1.0
    return x


def roots(x):
    return math.sqrt(x)


def names(x):
    return x + UNKNOWN


UNKNOWN = "text"


def negates(x):
    return not x


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (loops, "the statement: for"),
        (assigns, "assign to its arguments"),
        (roots, "math.sqrt"),
        (names, "UNKNOWN"),
        (negates, "not x"),
    ],
)
def test_what_cannot_be_translated_is_refused(function, message):
    with pytest.raises(TypeError, match=message):
        mechanism("my_cell", step(lambda_conductances, advance=function), ["k"])
