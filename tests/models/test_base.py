"""Parameter sets, checks, units, receptors and geometry."""

import math
from dataclasses import replace

import numpy as np
import pytest
from cultures import system
from hypothesis import given
from hypothesis import strategies as st

from livn_gym.errors import InvalidInput, UnknownName
from livn_gym.models import (
    BoothRinzelKiehn,
    Depression,
    Noise,
    PinskyRinzel,
    Receptor,
    ReducedCalciumSomaDendrite,
)
from livn_gym.system import SynapseKinetics

MODEL = ReducedCalciumSomaDendrite()
EXC, INH = BoothRinzelKiehn.named("culture"), PinskyRinzel.named("culture")


def test_sets_by_name():
    assert BoothRinzelKiehn.set_names() == ["published_1997", "published_1997_serotonin", "culture"]
    assert PinskyRinzel.set_names() == ["published_1994", "culture"]
    assert BoothRinzelKiehn.named("published_1997").g_KCa_soma == 5.0
    assert (EXC.C, EXC.gc, EXC.g_CaL, EXC.g_KCa_soma, EXC.g_KCa_dendrite) == (0.75, 0.34, 0.113, 2.4, 1.4)
    assert (INH.p, INH.length_um, INH.diameter_um) == (0.5, 37.6, 10.0)


def test_serotonin_is_potassium_at_63_percent_and_nothing_else():
    plain = BoothRinzelKiehn.named("published_1997")
    serotonin = BoothRinzelKiehn.named("published_1997_serotonin")
    assert serotonin.g_KCa_soma / plain.g_KCa_soma == pytest.approx(0.627, abs=1e-3)
    assert serotonin.g_KCa_dendrite / plain.g_KCa_dendrite == pytest.approx(0.627, abs=1e-3)
    same = {"g_KCa_soma": 5.0, "g_KCa_dendrite": 1.1, "v_init": plain.v_init}
    assert replace(serotonin, **same) == plain


def test_inhibitory_culture_cell_differs_from_the_published_one_in_its_leak_alone():
    published = PinskyRinzel.named("published_1994")
    assert replace(INH, g_L=published.g_L, V_L=published.V_L, v_init=published.v_init) == published


@pytest.mark.parametrize("cls", [BoothRinzelKiehn, PinskyRinzel])
def test_unknown_set_names_the_nearest(cls):
    with pytest.raises(UnknownName, match="'cultur'.*Did you mean 'culture'.*published"):
        cls.named("cultur")


def test_model_takes_names_or_cells():
    model = ReducedCalciumSomaDendrite("published_1997", inh=INH)
    assert model.cell("EXC") == BoothRinzelKiehn.named("published_1997")
    assert model.cell("INH") is INH
    assert list(model.cells) == ["EXC", "INH"]
    with pytest.raises(UnknownName, match="'EX'"):
        model.cell("EX")
    with pytest.raises(UnknownName, match="nonsense"):
        ReducedCalciumSomaDendrite("nonsense")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("g_Na", math.nan, "g_Na must be a finite number"),
        ("E_K", math.inf, "E_K must be a finite number"),
        ("v_init", "rest", "v_init must be a finite number"),
        ("g_CaL", True, "g_CaL must be a finite number"),
        ("C", 0.0, "C must be greater than 0"),
        ("gc", -0.1, "gc must be greater than 0"),
        ("length_um", 0.0, "length_um must be greater than 0"),
        ("diameter_um", -5.0, "diameter_um must be greater than 0"),
        ("p", 0.0, "p must be between 0 and 1"),
        ("p", 1.0, "p must be between 0 and 1"),
    ],
)
def test_cell_refuses(name, value, message):
    with pytest.raises(InvalidInput, match=message):
        replace(EXC, **{name: value})


def test_units_of_the_excitatory_cell():
    # pi * 5 * 120 um2 = 1884.96 um2 = 1.88496e-5 cm2
    assert EXC.area_um2 == pytest.approx(1884.956, abs=1e-3)
    # A density of g mS/cm2 is a conductance as g * 1 mV is a current: the number in nA is one in uS.
    assert EXC.density_to_nA(EXC.g_leak_soma, "soma") * 1e3 == pytest.approx(0.96, abs=0.005)  # nS
    assert EXC.density_to_nA(EXC.g_leak_dendrite, "dendrite") * 1e3 == pytest.approx(8.65, abs=0.005)
    assert EXC.coupling_uS == pytest.approx(0.34 * 1.884956e-2, rel=1e-6)
    assert INH.coupling_uS == pytest.approx(2.1e-2 * 1.181239, rel=1e-6)  # pi * 10 * 37.6 um2 = 1181.239 um2


def test_densities_of_the_parts_add_up_to_the_whole():
    for cell in (EXC, INH):
        parts = cell.density_to_nA(2.0) + cell.density_to_nA(2.0, "dendrite")
        assert parts == pytest.approx(cell.density_to_nA(2.0, None))
        assert cell.density_to_nA(2.0) == pytest.approx(cell.p * cell.density_to_nA(2.0, None))


@pytest.mark.parametrize("post", ["EXC", "INH"])
@pytest.mark.parametrize("name", ["AMPA", "NMDA", "GABA_A"])
def test_receptors_peak_at_one(post, name):
    receptor = MODEL.receptor(post, name)
    t = np.arange(0.0, 100.0, 1e-3)
    shape = np.exp(-t / receptor.tau_decay_ms) - np.exp(-t / receptor.tau_rise_ms)
    assert (receptor.normalisation * shape).max() == pytest.approx(1.0, abs=1e-4)  # grid of 1 us


@given(st.floats(0.05, 20.0), st.floats(1.05, 50.0))
def test_any_receptor_peaks_at_one(rise, factor):
    receptor = Receptor("any", 0.0, rise, rise * factor)
    t = np.linspace(0.0, 20.0 * rise, 20_001)  # the peak lies before 4.1 rise times
    shape = np.exp(-t / receptor.tau_decay_ms) - np.exp(-t / rise)
    assert (receptor.normalisation * shape).max() == pytest.approx(1.0, abs=1e-4)


def test_receptor_kinetics():
    assert (MODEL.receptor("EXC", "AMPA").tau_rise_ms, MODEL.receptor("EXC", "AMPA").tau_decay_ms) == (0.5, 3.0)
    assert (MODEL.receptor("INH", "NMDA").tau_rise_ms, MODEL.receptor("INH", "NMDA").tau_decay_ms) == (10.0, 35.0)
    assert [MODEL.receptor(post, "GABA_A").tau_rise_ms for post in ("EXC", "INH")] == [0.3, 0.08]
    assert [MODEL.receptor(post, "GABA_A").tau_decay_ms for post in ("EXC", "INH")] == [6.2, 4.8]
    assert [MODEL.receptor("EXC", name).reversal_mV for name in ("AMPA", "NMDA", "GABA_A")] == [0.0, 0.0, -60.0]
    blocked = [name for name in ("AMPA", "NMDA", "GABA_A") if MODEL.receptor("EXC", name).magnesium_mM is not None]
    assert blocked == ["NMDA"]


def test_sites():
    sites = {
        (post, name): MODEL.receptor_site(post, name) for post in ("EXC", "INH") for name in ("AMPA", "NMDA", "GABA_A")
    }
    assert {key for key, site in sites.items() if site == "dendrite"} == {("EXC", "AMPA"), ("EXC", "NMDA")}
    assert MODEL.noise_site("EXC", "e") == "dendrite"
    assert {MODEL.noise_site("EXC", "i"), MODEL.noise_site("INH", "e"), MODEL.noise_site("INH", "i")} == {"soma"}
    for ask in (MODEL.receptor, MODEL.receptor_site):
        with pytest.raises(UnknownName, match="'GABA'.*Did you mean 'GABA_A'"):
            ask("EXC", "GABA")
        with pytest.raises(UnknownName, match="'PYR'"):
            ask("PYR", "AMPA")
    with pytest.raises(UnknownName, match="'PYR'"):
        MODEL.noise_site("PYR", "e")


def test_synapse_is_the_models_unless_files_prescribe_another():
    culture = system(2, 1, [(0, 2, 1.0), (2, 0, 1.0)])
    to_inh = next(p for p in culture.projections if p.post == "INH")
    assert MODEL.synapse(culture, to_inh, "NMDA") == (MODEL.receptor("INH", "NMDA"), 1.0)
    own = replace(culture, kinetics={("EXC", "INH", "NMDA"): SynapseKinetics(-5.0, 2.0, 20.0, 0.5)})
    receptor, unit_nS = MODEL.synapse(own, to_inh, "NMDA")
    assert receptor == Receptor("NMDA", -5.0, 2.0, 20.0, magnesium_mM=1.0)
    assert unit_nS == 0.5
    assert MODEL.synapse(own, to_inh, "AMPA") == (MODEL.receptor("INH", "AMPA"), 1.0)


def test_kinetics_that_one_conductance_cannot_hold_are_refused():
    culture = system(2, 1, [(0, 1, 1.0), (2, 0, 1.0), (2, 2, 1.0)])
    kinetics = {("INH", "EXC", "GABA_A"): SynapseKinetics(-70.0, 0.5, 5.0, 1.0)}
    own = replace(culture, kinetics=kinetics)
    onto_exc = next(p for p in own.projections if (p.pre, p.post) == ("INH", "EXC"))
    assert MODEL.synapse(own, onto_exc, "GABA_A")[0].reversal_mV == -70.0
    both = system(2, 1, [(0, 1, 1.0), (2, 0, 1.0)])
    onto_exc = [p for p in both.projections if p.post == "EXC"]
    mixed = replace(both, kinetics={("EXC", "EXC", "AMPA"): SynapseKinetics(0.0, 0.5, 3.0, 1.0)})
    mixed = replace(mixed, projections=(onto_exc[0], replace(onto_exc[1], receptors=("GABA_A", "AMPA"))))
    with pytest.raises(InvalidInput, match="different kinetics for AMPA on EXC"):
        MODEL.synapse(mixed, mixed.projections[0], "AMPA")


def test_dendrites_lie_in_each_cells_own_direction():
    angles = np.array([0.0, 0.5 * np.pi, np.pi, 0.25 * np.pi])
    directions = np.round(np.column_stack([np.cos(angles), np.sin(angles)]), 6)
    culture = replace(system(3, 1), dendrites=directions)
    geometry = MODEL.geometry(culture)
    offset = geometry.dendrite_um - geometry.soma_um
    assert np.array_equal(geometry.soma_um, culture.positions)
    lengths = np.array([108.0, 108.0, 108.0, 33.84])  # 0.9 * 120 and 0.9 * 37.6 um
    assert np.allclose(offset[:, :2], directions * lengths[:, None], rtol=0, atol=1e-9)
    assert (offset[:, 2] == 0.0).all()
    assert np.allclose(np.linalg.norm(offset, axis=1), lengths, rtol=0, atol=1e-3)  # directions are rounded to 1e-6


@pytest.mark.parametrize(
    ("key", "value"),
    [("g_e0", -1.0), ("g_i0", math.nan), ("std_e", -0.1), ("std_i", math.inf), ("tau_e", 0.0), ("tau_i", -1.0)],
)
def test_noise_refuses(key, value):
    with pytest.raises(InvalidInput, match=f"Noise {key}"):
        Noise(**{key: value})


def test_noise_defaults_are_silent_and_published():
    noise = Noise()
    assert (noise.g_e0, noise.g_i0, noise.std_e, noise.std_i) == (0.0, 0.0, 0.0, 0.0)
    assert (noise.tau_e, noise.tau_i, noise.E_e, noise.E_i) == (2.7, 10.5, 0.0, -75.0)


@pytest.mark.parametrize(
    ("key", "value"), [("U", -0.1), ("U", 1.1), ("U", math.nan), ("tau_rec", 0.0), ("tau_rec", math.inf)]
)
def test_depression_refuses(key, value):
    with pytest.raises(InvalidInput, match=f"Depression {key}"):
        Depression(**{key: value})


def test_depression_takes_its_bounds():
    assert Depression(U=1.0).U == 1.0
    assert Depression().U == 0.0
