"""Constants of cells that a system's config spreads."""

from dataclasses import replace

import numpy as np
import pytest

from livn_gym import config
from livn_gym.env import Env
from livn_gym.errors import InvalidInput, UnknownName
from livn_gym.models import IzhikevichModel
from livn_gym.system import System, generate, predefined_config, sonata
from livn_gym.system.generator_config import GeneratorConfig

SPREAD = {"EXC-g_leak_soma": {"cv": 0.2}, "INH-g_L": {"cv": 0.1}}


def read(heterogeneity, name="EI2"):
    return GeneratorConfig.from_mapping({**config.load("systems", name), "heterogeneity": heterogeneity}, name)


def spread(name="EI2", seed=None, heterogeneity=SPREAD):
    return generate(replace(read(heterogeneity, name), sha256=None), seed)


def test_the_graph_is_the_one_without_and_factors_have_their_spread():
    plain, system = generate(predefined_config("EI3")), spread("EI3")
    assert replace(system, heterogeneity={}).sha256() == plain.sha256() != system.sha256()
    for key, cv in (("EXC-g_leak_soma", 0.2), ("INH-g_L", 0.1)):
        factors = system.heterogeneity[key]
        count = len(factors)
        assert abs(factors.mean() - 1.0) < 4 * cv / count**0.5
        assert abs(factors.std() / cv - 1.0) < 4 / (2 * count) ** 0.5 + 0.05
        np.testing.assert_allclose(factors * 1e3, np.rint(factors * 1e3), rtol=0, atol=1e-9)


def test_factors_follow_the_seed_of_the_graph_and_not_the_other_keys():
    system = spread(seed=5)
    assert spread(seed=5).sha256() == system.sha256() != spread(seed=6).sha256()
    alone = spread(seed=5, heterogeneity={"INH-g_L": {"cv": 0.1}, "INH-g_Na": {"cv": 0.1}})
    np.testing.assert_array_equal(alone.heterogeneity["INH-g_L"], system.heterogeneity["INH-g_L"])
    assert not np.array_equal(alone.heterogeneity["INH-g_Na"], alone.heterogeneity["INH-g_L"])


def test_no_spread_is_the_model():
    assert (spread(heterogeneity={"EXC-g_Na": {"cv": 0.0}}).heterogeneity["EXC-g_Na"] == 1.0).all()


def test_a_folder_keeps_the_factors(tmp_path):
    system = spread()
    again = System.from_directory(sonata.write(system, tmp_path / "culture"))
    assert again.sha256() == system.sha256() and set(again.heterogeneity) == set(SPREAD)
    for key, factors in system.heterogeneity.items():
        np.testing.assert_array_equal(again.heterogeneity[key], factors)


def test_an_env_multiplies_the_models_constants():
    system = spread()
    with Env(system) as env:
        for key, constant in (("EXC-g_leak_soma", env.model.cells["EXC"].g_leak_soma), ("INH-g_L", 0.3)):
            np.testing.assert_array_equal(env.parameters.cells[key].values, constant * system.heterogeneity[key])
        env.apply_model_defaults()
        assert set(env.parameters.cells) == set(SPREAD)
    with pytest.raises(UnknownName, match="EXC-g_leak_soma"):
        Env(system, model=IzhikevichModel())


@pytest.mark.slow
def test_the_spikes_are_those_of_cells_that_were_set():
    system = spread()
    with Env(system, profile="fast") as env, Env(replace(system, heterogeneity={}), profile="fast") as other:
        cells = {key: own.values for key, own in env.parameters.cells.items()}
        recordings = []
        for each in (env.init(), other.set_cells(cells).init()):
            recordings.append(each.apply_model_defaults().record_spikes().run(300.0))
        first, second = recordings
        assert len(first.spike_t) > 20 and np.array_equal(first.spike_t, second.spike_t)


@pytest.mark.parametrize(
    ("heterogeneity", "error", "message"),
    [
        ({"EXC-g_Na": 0.1}, InvalidInput, "keys and values"),
        ({"EXC-g_Na": {"sd": 0.1}}, UnknownName, "cv"),
        ({"EXC-g_Na": {"cv": -0.1}}, InvalidInput, "at least 0"),
        ({"EXC-g_Na": {"cv": 3.0}}, InvalidInput, "at most 1"),
        ({"EXX-g_Na": {"cv": 0.1}}, InvalidInput, "EXX-g_Na"),
        ({"EXC": {"cv": 0.1}}, InvalidInput, "<population>-<constant>"),
        ([1], InvalidInput, "keys and values"),
    ],
)
def test_tables_that_make_no_sense_are_refused(heterogeneity, error, message):
    with pytest.raises(error, match=message):
        read(heterogeneity)
