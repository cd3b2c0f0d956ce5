"""Who may open a device: nobody reaches tissue without limits, a verified profile and a typed name."""

from dataclasses import replace

import pytest
from devices.sessions_of_devices import CL1, LIMITS, limits_of

from livn_gym.device_profile import find
from livn_gym.devices.limits import SessionLimits
from livn_gym.devices.permission import Permission, check_permitted, confirmed
from livn_gym.errors import InvalidInput, LivingTissue


def test_simulated_cultures_need_no_permission():
    for name in ("cl1", "mcs60", "maxone"):
        profile = find(name)
        check_permitted(profile, SessionLimits.of_profile(profile), None, simulated=True)


def test_the_typed_name_of_the_culture_permits_the_session(tmp_path):
    limits, shown = limits_of(tmp_path), []
    permission = confirmed(limits, lambda text: shown.append(text) or " chip 17\n")
    check_permitted(CL1, limits, permission, simulated=False)
    for part in ("living tissue", "'chip 17'", "A. Name", "3 uA", "200 Hz", "0.1 uC per electrode", "1 uC", "STOP"):
        assert part in shown[0]


@pytest.mark.parametrize("typed", ["", "y", "yes", "Chip 17", "chip 1"])
def test_anything_else_refuses_it(tmp_path, typed):
    with pytest.raises(InvalidInput, match="nothing was opened"):
        confirmed(limits_of(tmp_path), lambda text: typed)


def test_without_a_limits_file_nobody_is_asked():
    def ask(text):
        raise AssertionError(text)

    with pytest.raises(InvalidInput, match="--limits FILE"):
        confirmed(SessionLimits.of_profile(CL1), ask)


def test_a_real_device_is_refused_without_permission(tmp_path):
    for limits in (SessionLimits.of_profile(CL1), limits_of(tmp_path)):
        with pytest.raises(LivingTissue, match="--live"):
            check_permitted(CL1, limits, None, simulated=False)


def test_a_permission_is_for_the_confirmed_limits_only(tmp_path):
    permission = confirmed(limits_of(tmp_path), lambda text: "chip 17")
    wider = limits_of(tmp_path, LIMITS.replace("0.1", "0.2"))
    with pytest.raises(LivingTissue, match="other limits"):
        check_permitted(CL1, wider, permission, simulated=False)
    with pytest.raises(LivingTissue, match="other limits"):
        check_permitted(CL1, SessionLimits.of_profile(CL1), Permission("A", "B", ""), simulated=False)


@pytest.mark.parametrize("name", ["mcs60", "maxone"])
def test_profiles_that_nobody_verified_are_for_simulation_only(tmp_path, name):
    profile = find(name)
    limits = replace(SessionLimits.of_profile(profile), digest="0" * 64)
    with pytest.raises(InvalidInput, match="verified = false"):
        check_permitted(profile, limits, Permission("A", "B", "0" * 64), simulated=False)


def test_live_stimulation_of_a_simulator_is_a_mistake(tmp_path):
    limits = limits_of(tmp_path)
    permission = confirmed(limits, lambda text: "chip 17")
    with pytest.raises(InvalidInput, match="simulated culture"):
        check_permitted(CL1, limits, permission, simulated=True)


def test_limits_are_of_the_device():
    with pytest.raises(InvalidInput, match="'mcs60', not for 'cl1'"):
        check_permitted(CL1, SessionLimits.of_profile(find("mcs60")), None, simulated=True)
