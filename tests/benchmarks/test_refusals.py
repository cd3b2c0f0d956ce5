"""Every limit of every shipped device refuses a stimulus beyond it, by name."""

import pytest

from livn_gym import config


@pytest.mark.parametrize("device", config.names("devices"))
def test_every_unsafe_command_is_refused_by_its_limit(script, device):
    refusals = script("refusals")
    cases = refusals.cases(device)
    for case in cases:
        assert refusals.refused(case).limit == case.limit, case.what
    optional = {"lead_time_us", "max_phase_us", "max_total_charge_nC", "amplitude_step_uA", "usable"}
    limits = {*type(cases[0].profile.stimulation).__dataclass_fields__, "usable", "light", "duration_ms"}
    assert limits - {case.limit for case in cases} <= optional


def test_the_cl1_has_a_case_of_every_limit(script):
    limits = {case.limit for case in script("refusals").cases("cl1")}
    fields = {*type(script("refusals").cases("cl1")[0].profile.stimulation).__dataclass_fields__}
    assert fields - limits == {"amplitude_step_uA", "max_phase_us"}, "it documents neither"
