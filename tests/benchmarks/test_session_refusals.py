"""Everything unsafe that a session can be asked for, or that can happen in one, is refused or stops it."""


def test_every_case_is_refused_with_its_reason(script):
    refusals = script("session_refusals")
    cases = refusals.cases()
    for case in cases:
        assert case[1] in str(refusals.refused(case)), case[0]
    assert len({what for what, _, _ in cases}) == len(cases) >= 19
