"""What a browser may say: every command, and refusals that say why."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn_gym.errors import InvalidInput
from livn_gym.serve import messages

GOOD = [
    ({"type": "pause"}, messages.Pause()),
    ({"type": "resume"}, messages.Resume()),
    ({"type": "step"}, messages.Step()),
    ({"type": "speed", "factor": 0.5}, messages.Speed(0.5)),
    ({"type": "speed", "factor": 100}, messages.Speed(100.0)),
    ({"type": "speed", "factor": None}, messages.Speed(None)),
    ({"type": "reset", "seed": 7}, messages.Reset(7)),
    ({"type": "reset", "seed": None}, messages.Reset(None)),
    ({"type": "task", "id": "livn/EI1-v0"}, messages.ChangeTask("livn/EI1-v0")),
    ({"type": "agent", "name": "random"}, messages.ChangeAgent("random", 0.3)),
    ({"type": "agent", "name": "constant", "strength": 1}, messages.ChangeAgent("constant", 1.0)),
    (
        {"type": "stimulate", "channels": [5, 0], "amplitude_uA": 15.0, "steps": 2},
        messages.Stimulate((5, 0), 15.0, 2),
    ),
    ({"type": "stimulate", "channels": [0], "amplitude_uA": 0, "steps": 1}, messages.Stimulate((0,), 0.0, 1)),
]

STIMULATE = {"type": "stimulate", "channels": [1], "amplitude_uA": 5.0, "steps": 1}
BAD = [
    ("", "JSON"),
    ("pause", "JSON"),
    ("[1]", "JSON object, got list"),
    ("null", "JSON object"),
    ('{"type": "pause"', "JSON"),
    ("[" * 4000, "JSON"),
    ('{"type": "speed", "factor": NaN}', "NaN"),
    ('{"type": "speed", "factor": Infinity}', "Infinity"),
    ('{"type": "speed", "factor": 1e999}', "finite"),
    ('{"type": "pause", "type": "step"}', "twice"),
    (f'{{"type": "reset", "seed": {"9" * 4000}}}', "integer in 0"),
    (f'{{"type": "speed", "factor": {"9" * 4000}}}', "0.01"),
    (b"\x00\x01", "text"),
    ("x" * 5000, "4096 bytes, got 5000"),
    ('{"type": "' + "\u00e9" * 3000 + '"}', "bytes"),
    ({}, "needs a field 'type', one of 'pause'"),
    ({"type": 3}, "type of message"),
    ({"type": ["pause"]}, "type of message"),
    ({"type": "paus"}, "Did you mean 'pause'"),
    ({"type": "pause", "now": 1}, "field of 'pause'"),
    ({"type": "pause", "ref": "1"}, "ref"),
    ({"type": "pause", "ref": -1}, "ref"),
    ({"type": "pause", "ref": 2**31}, "ref"),
    ({"type": "speed"}, "needs factor"),
    ({"type": "speed", "factor": "fast"}, "finite number"),
    ({"type": "speed", "factor": True}, "finite number"),
    ({"type": "speed", "factor": 0}, "0.01"),
    ({"type": "speed", "factor": 101}, "100"),
    ({"type": "reset", "seed": -1}, "integer"),
    ({"type": "reset", "seed": 1.5}, "integer"),
    ({"type": "reset", "seed": True}, "integer"),
    ({"type": "task", "id": 5}, "text"),
    ({"type": "task", "id": ""}, "text"),
    ({"type": "agent", "name": None}, "text"),
    ({"type": "agent", "name": "constant", "strength": 1.01}, "0 ... 1"),
    ({"type": "agent", "name": "constant", "strength": None}, "finite number"),
    (STIMULATE | {"channels": []}, "list of channels"),
    (STIMULATE | {"channels": 3}, "list of channels"),
    (STIMULATE | {"channels": [0, "1"]}, "integer"),
    (STIMULATE | {"channels": [-1]}, "integer"),
    (STIMULATE | {"channels": [2, 2]}, "distinct"),
    (STIMULATE | {"amplitude_uA": 15.1}, "15"),
    (STIMULATE | {"amplitude_uA": -1}, "0 ... 15"),
    (STIMULATE | {"steps": 0}, "1 ... 1000"),
    (STIMULATE | {"steps": 1001}, "1 ... 1000"),
    ({"type": "stimulate", "channels": [1]}, "needs amplitude_uA, steps"),
]


def parse(message):
    content, ref = messages.read(message)
    return messages.command_of(content), ref


@pytest.mark.parametrize(("message", "command"), GOOD)
def test_commands(message, command):
    assert parse(json.dumps(message)) == (command, None)
    assert parse(json.dumps(message | {"ref": 12})) == (command, 12)


@pytest.mark.parametrize(("message", "why"), BAD, ids=range(len(BAD)))
def test_refusals_say_why_and_stay_short(message, why):
    with pytest.raises(InvalidInput, match="(?s)" + why.replace(".", r"\.").replace("[", r"\[")) as caught:
        parse(json.dumps(message) if isinstance(message, dict) else message)
    assert len(str(caught.value)) < 400


def test_every_command_is_tried():
    kinds = {json.loads(json.dumps(message))["type"] for message, _ in GOOD}
    assert kinds == set(messages._KINDS)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3))
FIELDS = st.sampled_from(["factor", "seed", "id", "name", "strength", "channels", "amplitude_uA", "steps", "ref", "x"])


@given(st.text() | st.binary())
def test_no_text_does_anything_but_raise(message):
    with pytest.raises(InvalidInput):
        parse(message)


@given(st.sampled_from(sorted(messages._KINDS)), st.dictionaries(FIELDS, VALUES, max_size=5))
def test_whatever_the_fields_hold_it_is_a_command_or_refused(kind, fields):
    try:
        command, ref = parse(json.dumps(fields | {"type": kind}))
    except InvalidInput:
        return
    assert type(command) is messages._KINDS[kind][0]
    assert ref is None or 0 <= ref < 2**31
