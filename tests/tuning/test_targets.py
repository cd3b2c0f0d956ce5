"""Targets: bands, misses, objectives, and the files that are shipped."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn_gym import config
from livn_gym.errors import InvalidInput, UnknownName
from livn_gym.parameters import ParameterSet, tuned
from livn_gym.system import make
from livn_gym.tuning import MEASURES, Target, Targets, load
from livn_gym.tuning.study import with_products

FULL = Target("g", low=2.0, high=5.0, goal=3.0)


@pytest.mark.parametrize(
    ("target", "value", "miss"),
    [
        (FULL, 3.0, 0.0),
        (FULL, 2.0, 1.0),
        (FULL, 5.0, 1.0),
        (FULL, 4.0, 0.5),
        (FULL, 1.0, 2.0),
        (FULL, 1e6, 5.0),
        (FULL, math.nan, 5.0),
        (Target("g", low=2.0, high=4.0), 3.5, 0.5),
        (Target("g", low=2.0), 2.0, 0.0),
        (Target("g", low=2.0), 7.0, 0.0),
        (Target("g", low=2.0), 1.0, 1.5),
        (Target("g", high=2.0), 3.0, 1.5),
        (Target("g", low=3.0, goal=4.0), 5.0, 0.0),
        (Target("g", low=3.0, goal=4.0), 3.5, 0.5),
        (Target("g", high=0.5, goal=0.4), 0.1, 0.0),
        (Target("g", high=0.02, goal=0.0), 0.01, 0.5),
    ],
)
def test_a_miss_is_0_at_the_goal_and_1_at_the_end_of_the_band(target, value, miss):
    assert target.miss(value) == pytest.approx(miss)


@given(value=st.floats(-100, 100))
def test_within_the_band_a_miss_is_at_most_1(value):
    assert (FULL.miss(value) <= 1.0) == FULL.holds(value)


def test_an_end_belongs_to_the_band_whatever_the_rounding_of_a_mean():
    counts = [2] * 6 + [1] * 6  # 18 bursts in 12 cultures of 30 s
    mean = sum(count / 30.0 for count in counts) / 12
    assert mean < 0.05, "else this shows nothing"
    target = Target("g", low=0.05, high=0.2)
    assert target.holds(mean) and target.miss(mean) == 1.0
    assert not target.holds(0.0499999)


def test_a_wish_is_off_and_not_missed():
    assert FULL.verdict(6.0) == "MISSED"
    assert Target("g", low=2.0, gating=False).verdict(1.0) == "off"
    assert FULL.verdict(2.0) == FULL.verdict(5.0) == "ok"
    assert FULL.verdict(math.nan) == "MISSED"


def test_objectives_are_squared_misses_by_group_and_wishes_count_little():
    targets = Targets.from_mapping(
        {
            "targets": {
                "rate_hz": {"group": "a", "low": 2.0, "high": 4.0},
                "isi_cv": {"group": "b", "low": 1.0, "high": 2.0, "gating": False},
                "inh_hz": {"group": "a", "low": 1.0},
            }
        },
        "mine",
    )
    cultures = [{"rate_hz": 3.0, "isi_cv": 1.0, "inh_hz": 2.0}, {"rate_hz": 5.0, "isi_cv": 1.5, "inh_hz": 2.0}]
    # rates miss by 0 and 2: 4 / 2; intervals by 1 and 0: a quarter of 1 / 2
    assert targets.objectives(cultures) == pytest.approx({"a": 2.0, "b": 0.125})


@pytest.mark.parametrize("name", config.names("targets"))
def test_shipped_targets_name_what_there_is(name):
    targets = Targets.from_mapping(config.load("targets", name), name)
    assert set(targets.targets) <= set(MEASURES)
    system = make("EI1" if name == "EI1" else "EI2")
    searched = with_products(tuned(system) | {key: low for key, (low, _) in targets.search.items()})
    assert searched.keys() <= set(ParameterSet(system).keys())
    assert searched.keys() == tuned(system).keys()
    assert targets.protocol.groups == 16 and targets.protocol.pulse_rate_hz == 5.0


@pytest.mark.parametrize(
    ("system", "variant", "name"),
    [
        ("EI2", None, "culture"),
        ("EI1", None, "EI1"),
        ("unheard of", None, "culture"),
        ("EI2", "bursting", "bursting"),
        ("EI4", None, "EI4"),
    ],
)
def test_targets_are_found_by_system_or_variant(system, variant, name):
    assert load("", system, variant).name == name


RESPONSE = {"blanked_hz", "range_3ms", "range_5ms", "sustained", "second_cv", "curve_fall", "cut_gain", "evoked_share"}
"""Measures of the network's response to stimulation."""


@pytest.mark.parametrize(
    ("system", "variant", "gating"),
    [
        ("EI1", None, set()),
        ("EI2", None, RESPONSE),
        ("EI2", "bursting", set()),
        ("EI2", "asynchronous", set()),
        ("EI3", None, (RESPONSE - {"evoked_share", "second_cv"}) | {"local_evoked_share", "place", "place_cut"}),
        ("EI4", None, set()),
    ],
)
def test_the_networks_response_gates_the_sets_for_control_alone(system, variant, gating):
    targets = load("", system, variant).targets
    of_stimulation = {name for name, target in targets.items() if MEASURES[name].stage == "stimulation"}
    assert {name for name in of_stimulation if targets[name].gating} == gating
    assert {"rate_hz", "bursts_per_s", "isi_cv"} <= {name for name, target in targets.items() if target.gating}


def test_unknown_words_are_refused(tmp_path):
    with pytest.raises(UnknownName, match="asleep"):
        load("", "EI2", "asleep")
    for mapping, message in (
        ({"targets": {"rate": {"low": 1.0}}}, "rate_hz"),
        ({"targets": {"rate_hz": {"lowest": 1.0}}}, "low"),
        ({"target": {}}, "targets"),
        ({"targets": {}}, "empty"),
        ({"targets": {"rate_hz": {"low": 1.0}}, "protocol": {"rest": 1.0}}, "rest_ms"),
        ({"targets": {"rate_hz": {"low": 1.0}}, "search": {"noise-std_e": [2.0, 1.0]}}, "noise-std_e"),
        ({"targets": {"rate_hz": {"low": 4.0, "high": 1.0}}}, "in this order"),
        ({"targets": {"rate_hz": {"low": 1.0, "goal": 0.5}}}, "in its band"),
    ):
        with pytest.raises(InvalidInput, match=message):
            Targets.from_mapping(mapping, "wrong")
    broken = tmp_path / "broken.toml"
    broken.write_text("[targets")
    for path, message in ((broken, "not valid TOML"), (tmp_path / "absent.toml", "There is no file")):
        with pytest.raises(InvalidInput, match=message):
            load(path)


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[targets.rate_hz]\nlow = 1.0\nhigh = 2.0\n[protocol]\nrest_ms = 5000\nlevels_uA = [0, 5]\n")
    targets = load(path)
    assert (targets.name, targets.protocol.rest_ms, targets.protocol.levels_uA) == ("mine", 5000, (0, 5))
    assert targets.groups == ["rest"]


def test_targets_can_extend_others(tmp_path):
    culture, large = load("", "EI2"), load("", "EI4")
    assert large.search == culture.search
    assert {name for name in culture.targets if large.targets[name] != culture.targets[name]} == RESPONSE
    assert not any(large.targets[name].gating for name in RESPONSE)
    changed = {"levels_uA": (0.0, 4.0, 6.0, 8.0, 10.0), "level_ms": 2000.0}
    changed |= {"rest_ms": 30_000.0, "sustained_ms": 10_000.0}
    fewer = {"pulse_electrodes": 8, "pulse_trials": 2, "place_trials": 4, "device_ms": 0.0}
    assert large.protocol == replace(culture.protocol, **changed, **fewer, cut_ms=5000.0)
    path = tmp_path / "mine.toml"
    path.write_text('extends = "bursting"\n[targets]\nrate_hz = { low = 9.0 }\n')
    mine, bursting = load(path), load("", "EI2", "bursting")
    assert mine.targets == bursting.targets | {"rate_hz": Target("rest", 9.0)}
    assert mine.protocol == bursting.protocol
    path.write_text('extends = "nothing"\n')
    with pytest.raises(UnknownName, match="nothing"):
        load(path)
