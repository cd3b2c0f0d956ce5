from copy import deepcopy

import pytest

from livn_gym import config
from livn_gym.errors import InvalidInput, UnknownName
from livn_gym.system import GeneratorConfig, Population, predefined_config


@pytest.fixture
def table():
    return config.load("systems", "EI2")


@pytest.mark.parametrize(
    ("name", "exc", "inh", "channels", "side_um"),
    [
        ("EI1", 8, 2, 1, 40.0),
        ("EI2", 80, 20, 16, 400.0),
        ("EI3", 800, 200, 64, 1000.0),
        ("EI4", 8000, 2000, 1024, 4000.0),
    ],
)
def test_predefined_numbers(name, exc, inh, channels, side_um):
    recipe = predefined_config(name)
    assert recipe.populations == (Population("EXC", 0, exc), Population("INH", exc, inh))
    assert recipe.electrodes.rows * recipe.electrodes.columns == channels
    assert (recipe.area.width_um, recipe.area.height_um) == (side_um, side_um)
    assert recipe.sigma_um == 200
    assert recipe.output_radius_um == (50 if name == "EI1" else None)
    assert recipe.input_radius_um is None


def test_populations_by_ratio(table):
    table["populations"] = {"total": 10, "ratio": {"EXC": 0.8, "INH": 0.2}}
    assert GeneratorConfig.from_mapping(table, "x").populations == (
        Population("EXC", 0, 8),
        Population("INH", 8, 2),
    )
    # 7 cells shared 2 : 1 : 1 are 3.5, 1.75, 1.75; rounded down 3, 1, 1, and the two left go to the .75s
    table["populations"] = {"total": 7, "ratio": {"EXC": 2, "INH": 1, "third": 1}}
    assert [p.count for p in GeneratorConfig.from_mapping(table, "x").populations] == [3, 2, 2]


def test_disk_by_diameter(table):
    table["area"] = {"shape": "disk", "diameter_um": 300}
    area = GeneratorConfig.from_mapping(table, "x").area
    assert (area.shape, area.width_um, area.height_um) == ("disk", 300, 300)


def put(table, path, value):
    table = deepcopy(table)
    *outer, last = path.split(".")
    place = table
    for key in outer:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return table


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("sead", 1, "Unknown key in system config 'sead'. Did you mean 'seed'"),
        ("area.widht_um", 1, "Did you mean 'width_um'"),
        ("connectivity.in_degree.EXC_INF", 1, "Did you mean 'EXC_INH'"),
        ("synapses.EX", {}, "Did you mean 'EXC'"),
        ("area.shape", "hexagon", "Unknown area shape 'hexagon'"),
    ],
)
def test_unknown_keys_are_named_with_the_nearest(table, path, value, message):
    with pytest.raises(UnknownName, match=message):
        GeneratorConfig.from_mapping(put(table, path, value), "x")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("seed", -1, "seed must be an integer"),
        ("seed", 2**64, "below"),
        ("seed", True, "seed must be an integer"),
        ("sha256", "abc", "64 lower-case"),
        ("delay", None, "lacks delay"),
        ("delay", 3, "must be a table"),
        ("delay.velocity_um_per_ms", 0, "greater than 0"),
        ("delay.resolution_ms", 0.0125, "multiple of 0.001"),
        ("delay.base_ms", -0.5, "at least 0"),
        ("area.width_um", 0, "width_um"),
        ("area.height_um", float("nan"), "height_um"),
        ("connectivity.sigma_um", "wide", "sigma_um"),
        ("connectivity.cutoff_um", 2001, "at most 10 sigma_um"),
        ("connectivity", {"sigma_um": 1e4, "cutoff_um": 3e4, "in_degree": {}}, "at most 20000"),
        ("connectivity.in_degree.EXC_EXC", 0, "greater than 0"),
        ("synapses.scale_cv", -0.1, "scale_cv"),
        ("synapses.EXC", None, "must have an entry"),
        ("synapses.EXC.receptors", "AMPA", "list of names"),
        ("synapses.EXC.receptors", [], "one or more distinct"),
        ("synapses.EXC.section", "a-b", "words"),
        ("populations.count.EXC", 0, "at least 1"),
        ("populations.count.EXC", 2.0, "integer"),
        ("populations.count", {"E-X": 3}, "letters and digits"),
        ("populations", {"count": {}}, "one or more populations"),
        ("populations", {"total": 10, "ratio": {"EXC": -1}}, "greater than 0"),
        ("electrodes.rows", 1.5, "integer"),
        ("electrodes.pitch_um", 0, "pitch_um"),
        ("electrodes.output_radius_um", 0, "output_radius_um"),
        ("electrodes.rows", 10**6, "1,000,000 electrodes"),
        ("populations.count.EXC", 10**12, "10,000,000 cells"),
        ("connectivity.in_degree.EXC_EXC", 1e12, "1,000,000,000 synapses"),
    ],
)
def test_values_out_of_range_are_refused(table, path, value, message):
    with pytest.raises(InvalidInput, match=message):
        GeneratorConfig.from_mapping(put(table, path, value), "x")


def test_from_toml(tmp_path):
    path = tmp_path / "mine.toml"
    text = (
        'seed = 3\narea = {shape = "disk", diameter_um = 50}\n'
        "populations = {count = {EXC = 4}}\nelectrodes = {rows = 1, columns = 1, pitch_um = 10}\n"
        'synapses = {scale_cv = 0, EXC = {section = "hillock", receptors = ["AMPA"]}}\n'
        "connectivity = {sigma_um = 20, cutoff_um = 50, in_degree = {EXC_EXC = 2}}\n"
        "delay = {base_ms = 0.5, velocity_um_per_ms = 250, resolution_ms = 0.05}\n"
    )
    path.write_text(text)
    recipe = GeneratorConfig.from_toml(path)
    assert (recipe.name, recipe.seed, recipe.in_degree) == ("mine", 3, {("EXC", "EXC"): 2})
    path.write_text("a = " + "[" * 10**5)
    with pytest.raises(InvalidInput, match="mine.toml"):
        GeneratorConfig.from_toml(path)
    path.write_text("seed = ")
    with pytest.raises(InvalidInput, match="mine.toml"):
        GeneratorConfig.from_toml(path)
    with pytest.raises(InvalidInput, match="absent.toml"):
        GeneratorConfig.from_toml(tmp_path / "absent.toml")
