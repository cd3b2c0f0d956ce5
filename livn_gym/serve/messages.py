"""Commands of a browser and their checks: JSON objects with a ``type`` and the fields of that type alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from livn_gym.encoding.limits import MAX_CHARGE_NC
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.units import finite, whole_number

MAX_BYTES = 4096
"""Largest size of a message, bytes; the answer to a longer one is an error."""

PHASE_MS, RATE_HZ = 0.2, 20.0
"""Phase width and pulse rate of manual stimulation."""

MAX_AMPLITUDE_UA = MAX_CHARGE_NC / PHASE_MS
MAX_STEPS = 1000
SPEEDS = (0.01, 100.0)
"""Lowest and highest speed, simulated time in units of real time."""

_REF_LIMIT = 2**31


@dataclass(frozen=True)
class Pause:
    """Pause after the current step."""


@dataclass(frozen=True)
class Resume:
    """Continue running."""


@dataclass(frozen=True)
class Step:
    """Pause, and run one step."""


@dataclass(frozen=True)
class Speed:
    """Change the speed, simulated time in units of real time; None is as fast as possible."""

    factor: float | None


@dataclass(frozen=True)
class Reset:
    """Begin an episode; if the seed is None, with the next trial."""

    seed: int | None


@dataclass(frozen=True)
class ChangeTask:
    """Change to another environment."""

    id: str


@dataclass(frozen=True)
class ChangeAgent:
    """Change to another agent; ``strength`` is the action of the constant agent."""

    name: str
    strength: float = 0.3


@dataclass(frozen=True)
class Stimulate:
    """Stimulate channels for a number of steps, instead of the agent; an amplitude of 0 ends the stimulation."""

    channels: tuple[int, ...]
    amplitude_uA: float
    steps: int


Command = Pause | Resume | Step | Speed | Reset | ChangeTask | ChangeAgent | Stimulate


def read(message: str | bytes) -> tuple[dict[str, Any], int | None]:
    """Return the fields of a message, and the reference number for the answer.

    Raises:
        InvalidInput: The message is too long or no JSON object, or the reference number is out of range.
    """
    if isinstance(message, bytes):
        raise InvalidInput("A message must be text.")
    size = len(message.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise InvalidInput(f"A message has at most {MAX_BYTES} bytes, got {size}.")
    content = _object(message)
    ref = content.pop("ref", None)
    if ref is not None and whole_number("ref", ref, minimum=0) >= _REF_LIMIT:
        raise InvalidInput(f"ref must be below {_REF_LIMIT}.")
    return content, ref


def command_of(content: Mapping[str, Any]) -> Command:
    """Return the command of the fields of a message.

    Raises:
        InvalidInput: A field is missing, unknown, of another type or out of range.
    """
    if "type" not in content:
        raise InvalidInput(f"A message needs a field 'type', one of {', '.join(map(repr, _KINDS))}.")
    kind = content["type"]
    values = {name: value for name, value in content.items() if name != "type"}
    if not isinstance(kind, str) or kind not in _KINDS:
        raise unknown_name("type of message", _shortened(kind), _KINDS)
    command, checks = _KINDS[kind]
    allowed = {field.name: field for field in fields(command)}
    for name in values:
        if name not in allowed:
            raise unknown_name(f"field of {kind!r}", _shortened(name), allowed)
    required = [name for name, check in checks.items() if name not in values and name not in _OPTIONAL]
    if required:
        raise InvalidInput(f"A message {kind!r} needs {', '.join(required)}.")
    return command(**{name: checks[name](value) for name, value in values.items()})


def _object(message: str) -> dict[str, Any]:
    try:
        content = json.loads(message, parse_constant=_refuse_constant, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:  # InvalidInput is a ValueError too
        raise InvalidInput(f"A message must be a JSON object: {_shortened(str(error))}.") from error
    if not isinstance(content, dict):
        raise InvalidInput(f"A message must be a JSON object, got {type(content).__name__}.")
    return content


def _refuse_constant(name: str) -> float:
    raise InvalidInput(f"{name} is no JSON number")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise InvalidInput("a field occurs twice")
    return content


def _shortened(value: object) -> str:
    """Return the text of a value, shortened for an error message."""
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _number_in(name: str, low: float, high: float) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        if isinstance(value, int) and abs(value) > 10**9:  # too long to be a float, or to be shown
            raise InvalidInput(f"{name} must lie in {low:g} ... {high:g}.")
        number = finite(name, value)
        if not low <= number <= high:
            raise InvalidInput(f"{name} must lie in {low:g} ... {high:g}, got {number:g}.")
        return number

    return check


def _optional(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


def _integer(name: str, low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidInput(f"{name} must be an integer in {low} ... {high}, got {_shortened(value)}.")
        return value

    return check


def _text(name: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not value:
            raise InvalidInput(f"{name} must be text, got {_shortened(value)}.")
        return value

    return check


def _channels(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidInput(f"channels must be a list of channels, got {_shortened(value)}.")
    check = _integer("A channel", 0, 10**6)
    channels = tuple(check(channel) for channel in value)
    if len(set(channels)) != len(channels):
        raise InvalidInput("channels must be distinct.")
    return channels


_KINDS: Mapping[str, tuple[type[Any], Mapping[str, Callable[[Any], Any]]]] = {
    "pause": (Pause, {}),
    "resume": (Resume, {}),
    "step": (Step, {}),
    "speed": (Speed, {"factor": _optional(_number_in("factor", *SPEEDS))}),
    "reset": (Reset, {"seed": _optional(_integer("seed", 0, 2**53 - 1))}),
    "task": (ChangeTask, {"id": _text("id")}),
    "agent": (ChangeAgent, {"name": _text("name"), "strength": _number_in("strength", 0.0, 1.0)}),
    "stimulate": (
        Stimulate,
        {
            "channels": _channels,
            "amplitude_uA": _number_in("amplitude_uA", 0.0, MAX_AMPLITUDE_UA),
            "steps": _integer("steps", 1, MAX_STEPS),
        },
    ),
}

_OPTIONAL = {"strength"}
