"""The operator's limits file: within the profile, complete, and about the right device."""

import math

import pytest
from devices.sessions_of_devices import CL1, LIMITS, limits_of

from livn_gym.device_profile import find
from livn_gym.devices.limits import HEARTBEAT_MS, MAX_LATE_MS, NARROWABLE, SESSION_CHARGE, SessionLimits
from livn_gym.errors import InvalidInput, UnknownName

NARROW = """
[stimulation]
max_amplitude_uA = 1.5
max_phase_charge_nC = 0.6
max_total_charge_nC = 1.2
max_phase_us = 400
max_rate_hz = 20
max_channels = 16
[watchdog]
max_late_ms = 10
heartbeat_ms = 250
"""


def test_a_file_without_tables_has_the_limits_of_the_profile(tmp_path):
    limits = limits_of(tmp_path)
    assert (limits.operator, limits.culture) == ("A. Name", "chip 17")
    assert (limits.max_electrode_charge_uC, limits.max_minutes) == (0.1, 30.0)
    assert (limits.max_late_ms, limits.heartbeat_ms) == (MAX_LATE_MS, HEARTBEAT_MS)
    assert limits.profile.stimulation == CL1.with_stimulation(max_session_charge_uC=1.0).stimulation
    assert (limits.profile.electrodes.usable == CL1.electrodes.usable).all()
    assert len(limits.digest) == 64


def test_every_limit_can_be_narrowed(tmp_path):
    limits = limits_of(tmp_path, LIMITS.replace("[session]", "channels = [8, 9]\n[session]"), NARROW)
    narrow = limits.profile.stimulation
    assert [getattr(narrow, name) for name in NARROWABLE] == [1.5, 0.6, 1.2, 400, 20, 16]
    assert (limits.max_late_ms, limits.heartbeat_ms) == (10.0, 250.0)
    assert limits.profile.electrodes.usable_channels.tolist() == [8, 9]
    shown = limits.as_json()
    assert shown["channels"] == [8, 9] and shown["max_amplitude_uA"] == 1.5 and shown[SESSION_CHARGE] == 1.0


@pytest.mark.parametrize("name", NARROWABLE)
def test_a_limit_wider_than_the_profile_is_refused_by_name(tmp_path, name):
    allowed = getattr(CL1.stimulation, name)
    narrower = 1000 if math.isinf(allowed) else int(allowed)
    limits_of(tmp_path, extra=f"[stimulation]\n{name} = {narrower}\n")
    if not math.isinf(allowed):
        with pytest.raises(InvalidInput, match=f"{name} is .*the profile allows {allowed:g}"):
            limits_of(tmp_path, extra=f"[stimulation]\n{name} = {narrower + 1}\n")


def test_all_wider_limits_are_named_at_once(tmp_path):
    extra = "[stimulation]\nmax_amplitude_uA = 4.0\nmax_rate_hz = 300\nmax_channels = 2\n"
    with pytest.raises(InvalidInput, match="max_amplitude_uA.*max_rate_hz") as refused:
        limits_of(tmp_path, extra=extra)
    assert "max_channels" not in str(refused.value)


def test_a_budget_wider_than_the_profile_is_refused(tmp_path):
    path = tmp_path / "limits.toml"
    path.write_text(LIMITS, encoding="utf-8")
    with pytest.raises(InvalidInput, match="max_session_charge_uC is 1, the profile allows 0.5"):
        SessionLimits.read(path, CL1.with_stimulation(max_session_charge_uC=0.5))


def test_unusable_channels_are_wider_than_the_profile(tmp_path):
    for channels, message in (("[8, 0]", "channel 0 is not usable"), ("[64]", "64"), ("[]", "list"), ("8", "list")):
        with pytest.raises(InvalidInput, match=message):
            limits_of(tmp_path, LIMITS.replace("[session]", f"channels = {channels}\n[session]"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('operator = "A. Name"', "", "operator"),
        ('culture = "chip 17"', 'culture = " "', "culture must be text"),
        ('device = "cl1"', 'device = "maxone"', "'maxone', not for 'cl1'"),
        ("max_minutes = 30.0", "", "max_minutes"),
        ("max_minutes = 30.0", "max_minutes = 0", "greater than 0"),
        ("max_minutes = 30.0", "max_minutes = inf", "finite"),
        ("max_minutes = 30.0", "max_minutes = true", "finite number"),
        ("max_minutes = 30.0", 'max_minutes = "30"', "finite number"),
        ("[session]", "[sessions]", "Did you mean 'session'"),
        ("max_minutes = 30.0", "max_minutes = 30.0\nmax_hours = 1", "max_hours"),
        ("[session]", "[watchdog]\nmax_late_ms = -1\n[session]", "max_late_ms"),
        ("[session]", "[stimulation]\nmax_channels = 1.5\n[session]", "max_channels"),
        ("[session]", "[stimulation]\nmin_phase_us = 20\n[session]", "min_phase_us"),
        ('device = "cl1"', 'device = "cl1"\nwatchdog = 3', "watchdog must be a table"),
    ],
)
def test_incomplete_and_wrong_files_are_refused(tmp_path, old, new, message):
    with pytest.raises(InvalidInput, match=message):
        limits_of(tmp_path, LIMITS.replace(old, new))


def test_unknown_entries_are_named(tmp_path):
    with pytest.raises(UnknownName, match="Unknown key in .*Did you mean 'max_amplitude_uA'"):
        limits_of(tmp_path, extra="[stimulation]\nmax_amplitude = 1.0\n")


def test_damaged_and_missing_files(tmp_path):
    with pytest.raises(InvalidInput, match="limits.toml is not valid TOML"):
        limits_of(tmp_path, "device = ")
    with pytest.raises(InvalidInput, match="There is no file"):
        SessionLimits.read(tmp_path / "absent.toml", CL1)


def test_limits_of_a_profile_alone_have_no_budget():
    limits = SessionLimits.of_profile(find("cl1"))
    assert limits.max_electrode_charge_uC == math.inf and limits.as_json()["max_minutes"] is None
