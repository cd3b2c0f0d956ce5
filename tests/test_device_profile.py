"""Profiles of devices: the shipped files, the format, and what is refused."""

import pickle
import tomllib
from importlib.resources import files

import numpy as np
import pytest

from livn_gym import config, system
from livn_gym.device_profile import DeviceProfile, find, from_tables, names
from livn_gym.errors import InvalidInput, UnknownName
from livn_gym.signals import ThresholdDetector


def tables(name="cl1"):
    return tomllib.loads((files("livn_gym.configs") / "devices" / f"{name}.toml").read_text(encoding="utf-8"))


@pytest.fixture(params=config.names("devices"))
def profile(request):
    return find(request.param)


def test_shipped_profiles_cite_their_sources_and_keep_the_safe_charge(profile):
    assert profile.sources and profile.title
    assert profile.stimulation.max_phase_charge_nC <= 3.0
    assert profile.stimulation.max_rate_hz <= 200.0
    assert profile.stimulation.charge_balanced


def test_only_the_cl1_is_verified():
    assert [name for name in names() if find(name).verified] == ["cl1"]


def test_no_limit_of_a_verified_profile_is_assumed_but_the_number_of_channels():
    assumed = [value for value in find("cl1").assumptions if value.startswith("stimulation.")]
    assert assumed == ["stimulation.max_channels"]


def test_the_cl1_has_59_usable_channels_in_columns():
    cl1 = find("cl1")
    electrodes = cl1.electrodes
    assert np.flatnonzero(~electrodes.usable).tolist() == [0, 4, 7, 56, 63]
    assert electrodes.usable_channels.tolist() == [c for c in range(64) if c not in (0, 4, 7, 56, 63)]
    np.testing.assert_allclose(electrodes.coordinates_um[1] - electrodes.coordinates_um[0], [0, 200, 0])
    np.testing.assert_allclose(electrodes.coordinates_um[8] - electrodes.coordinates_um[0], [200, 0, 0])
    assert cl1.stimulation.lead_ms == pytest.approx(0.08)
    assert cl1.artefact.blank_ms == (3.0, 1.0)


def test_the_60_electrodes_of_mcs_leave_out_the_corners():
    electrodes = find("mcs60").electrodes
    assert electrodes.num_channels == 60
    at = dict(zip(electrodes.names, electrodes.coordinates_um, strict=True))
    for name, (x, y, _) in at.items():  # a name is column and row
        assert (x, y) == ((int(name[0]) - 0.5) * 200, (int(name[1]) - 0.5) * 200)
    assert [electrodes.names[c] for c in np.flatnonzero(~electrodes.usable)] == ["15"]


def test_arrays_of_one_shape_fit_whatever_their_size():
    electrodes = find("cl1").electrodes
    assert electrodes.scale(system.make("EI3").electrodes) == pytest.approx(125 / 200)
    assert electrodes.scale(electrodes.coordinates_um[:, [1, 0, 2]] + 50.0) == pytest.approx(1.0)
    assert electrodes.scale(system.make("EI2").electrodes) is None
    moved = electrodes.coordinates_um.copy()
    moved[3] += 5.0
    assert electrodes.scale(moved) is None


def test_the_probe_wires_usable_channels_only():
    profile = find("cl1")
    wiring = profile.electrodes.probe().device_channel_indices
    assert (wiring[profile.electrodes.usable] == profile.electrodes.usable_channels).all()
    assert (wiring[~profile.electrodes.usable] == -1).all()


def test_a_profile_is_found_by_name_path_reference_and_object(tmp_path):
    cl1 = find("cl1")
    path = tmp_path / "mine.toml"
    path.write_bytes((files("livn_gym.configs") / "devices" / "cl1.toml").read_bytes())
    own = find(path)
    assert (own.name, own.hash) == ("mine", cl1.hash)
    assert find(str(path)).hash == cl1.hash
    assert find(cl1) is cl1
    (tmp_path / "made.py").write_text("from livn_gym.device_profile import find\nDEVICE = find('mcs60')\n")
    assert find(f"{tmp_path}/made.py:DEVICE").name == "mcs60"
    with pytest.raises(UnknownName, match="cl2.*Did you mean 'cl1'"):
        find("cl2")
    with pytest.raises(InvalidInput, match="There is no file"):
        find(tmp_path / "none.toml")


def test_a_profile_is_pickled(profile):
    copied = pickle.loads(pickle.dumps(profile))
    assert isinstance(copied, DeviceProfile)
    assert copied.hash == profile.hash


def test_the_hash_depends_on_the_limits_and_not_on_the_prose():
    table = tables()
    table["title"] = "another"
    assert from_tables(table, "x").hash == find("cl1").hash
    table["stimulation"]["max_rate_hz"] = 100.0
    assert from_tables(table, "x").hash != find("cl1").hash
    assert find("cl1").with_stimulation(max_rate_hz=100.0).hash == from_tables(table, "x").hash


def changed(part, key, value):
    table = tables()
    where = table if part is None else table[part]
    if value is None:
        del where[key]
    else:
        where[key] = value
    return table


@pytest.mark.parametrize(
    ("part", "key", "value", "message"),
    [
        ("stimulation", "max_rate_hz", None, "lacks max_rate_hz"),
        (None, "verified", None, "lacks verified"),
        (None, "verified", "yes", "verified"),
        ("stimulation", "max_rate", 3.0, "max_rate_hz"),
        ("stimulation", "max_rate_hz", 0.0, "greater than 0"),
        ("stimulation", "max_rate_hz", float("nan"), "greater than 0"),
        ("stimulation", "max_amplitude_uA", "3", "max_amplitude_uA"),
        ("stimulation", "max_channels", 1.5, "max_channels"),
        ("stimulation", "min_phase_us", 1e6, "greater than 0|exceeds|max_phase_us"),
        ("recording", "bits", 24, "at most 16"),
        ("recording", "highpass_hz", 2e4, "below half"),
        ("recording", "noise_uV", -1.0, "at least 0"),
        ("artefact", "others_ms", 9.0, "exceeds stimulated_ms"),
        ("electrodes", "unusable", [64], r"0 \.\.\. 63"),
        ("electrodes", "unusable", [1, 1], "distinct"),
        ("electrodes", "unusable", list(range(64)), "at least one usable"),
        ("electrodes", "order", "spiral", "rows"),
        ("electrodes", "pitch_um", None, "rows, columns and pitch_um"),
        ("electrodes", "names", ["a"], "64 distinct names"),
        ("electrodes", "coordinates_um", [[0.0, 0.0]], "either rows"),
        (None, "assumptions", ["noise"], "recording.noise_uV"),
        (None, "sources", "a book", "list of texts"),
        (None, "recording", 3, "The device 'wrong'.*table|table"),
        (None, "titl", "x", "Unknown key in the device 'wrong' 'titl'.*Did you mean 'title'"),
        (None, "title", "", "title of the device 'wrong' must not be empty"),
        (None, "title", " ", "title of the device 'wrong' must not be empty"),
        (None, "sources", [], "is verified, so its sources"),
        (None, "sources", [""], "sources of the device 'wrong' must not be empty"),
        ("stimulation", "min_phase_us", 30.0, "min_phase_us = 30 is not a multiple of phase_step_us = 20"),
        ("stimulation", "min_phase_us", 10.0, "min_phase_us = 10 is not a multiple of phase_step_us = 20"),
        ("stimulation", "phase_step_us", 1e-9, "whole number of ns"),
        ("stimulation", "amplitude_step_uA", 4.0, "no current would be possible"),
        ("stimulation", "max_phases", 1, "one phase is not balanced"),
        ("electrodes", "pitch_um", 1e300, "within 1e.06 um"),
        ("recording", "waveform_after", 10**8, "at most 100 ms long"),
        ("recording", "uV_per_unit", 1e-9, "nothing would be detected"),
    ],
)
def test_wrong_files_are_refused(part, key, value, message):
    table = changed(part, key, value)
    if key == "min_phase_us":
        table["stimulation"]["max_phase_us"] = 100.0
    with pytest.raises(InvalidInput, match=message):
        from_tables(table, "wrong")


def test_a_device_may_be_without_noise():
    """What is left is the rounding to units."""
    profile = from_tables(changed("recording", "noise_uV", 0.0), "quiet").of_usable()
    detector = ThresholdDetector(profile, threshold="fixed")
    np.testing.assert_allclose(detector.noise_uV, profile.recording.uV_per_unit / np.sqrt(12.0), rtol=0.01)


def test_coordinates_can_be_listed():
    table = tables()
    table["electrodes"] = {"coordinates_um": [[0.0, 0.0], [50.0, 0.0]], "radius_um": 5.0, "names": ["A", "B"]}
    table["stimulation"]["max_channels"] = 1
    profile = from_tables(table, "two")
    assert profile.electrodes.coordinates_um.tolist() == [[0, 0, 0], [50, 0, 0]]
    assert profile.electrodes.names == ("A", "B")


def test_a_mapping_names_a_profile_and_other_limits():
    narrow = find({"name": "cl1", "max_rate_hz": 20.0, "all_tasks": True})
    assert (narrow.name, narrow.stimulation.max_rate_hz) == ("cl1", 20.0)
    assert find({"name": "cl1", "all_tasks": True}).hash == find("cl1").hash
    with pytest.raises(InvalidInput, match="needs a 'name'"):
        find({"max_rate_hz": 20.0})
    with pytest.raises(UnknownName, match="max_rate_hz"):
        find({"name": "cl1", "rate_hz": 20.0})
    with pytest.raises(InvalidInput, match="stimulation.max_amplitude_uA must be a finite number, got inf"):
        find({"name": "cl1", "max_amplitude_uA": float("inf")})
    with pytest.raises(InvalidInput, match="all_tasks must be True or False, got 'yes'"):
        find({"name": "cl1", "all_tasks": "yes"})


WIDER = {
    "max_amplitude_uA": 30.0,
    "max_phases": 4,
    "min_phase_us": 10.0,
    "phase_step_us": 10.0,
    "max_phase_charge_nC": 3.1,
    "max_total_charge_nC": 6.0,
    "max_rate_hz": 201.0,
    "max_channels": 64,
    "lead_time_us": 40.0,
    "lead_step_us": 30.0,
    "charge_balanced": False,
}


@pytest.mark.parametrize("limit", WIDER)
def test_limits_are_no_wider_than_those_of_the_profile(limit, tmp_path):
    given = {limit: WIDER[limit]} | ({"min_phase_us": 20.0} if limit == "phase_step_us" else {})
    if limit == "min_phase_us":
        given["phase_step_us"] = 10.0
    for make in (lambda: find({"name": "cl1", **given}), lambda: find("cl1").with_stimulation(**given)):
        with pytest.raises(InvalidInput, match=f"{limit} is .*, the profile allows .*a profile of its own"):
            make()
    table = tables()
    table["stimulation"] |= given
    assert getattr(from_tables(table, "mine").stimulation, limit) == WIDER[limit]


def test_every_kind_of_limit_has_a_narrower_side():
    table = tables("mcs60")
    table["stimulation"] |= {"max_session_charge_uC": 10.0, "max_phase_us": 500.0}
    limited = from_tables(table, "limited")
    for wider in (
        {"max_session_charge_uC": None},
        {"max_session_charge_uC": 11.0},
        {"max_phase_us": float("inf")},
        {"amplitude_step_uA": 0.0},
        {"amplitude_step_uA": 0.07},
    ):
        with pytest.raises(InvalidInput, match=f"{next(iter(wider))} is"):
            limited.with_stimulation(**wider)
    step_uA = limited.stimulation.amplitude_step_uA
    narrower = {"max_session_charge_uC": 9.0, "max_phase_us": 400.0, "amplitude_step_uA": 2 * step_uA, "max_phases": 2}
    assert limited.with_stimulation(**narrower).stimulation.amplitude_step_uA == 2 * step_uA


def test_limits_can_be_narrowed():
    with pytest.raises(UnknownName, match="max_amplitude_uA"):
        find("cl1").with_stimulation(max_amplitude=1.0)
    assert find("cl1").with_stimulation(max_amplitude_uA=1.0).stimulation.max_amplitude_uA == 1.0
