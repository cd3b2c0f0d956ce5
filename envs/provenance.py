"""Provenance of a result: name and hash of the culture's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livn_gym import parameter_sets
from livn_gym import system as systems
from livn_gym.envs import tasks
from livn_gym.envs.loop_spec import LoopSpec, loop_options
from livn_gym.envs.registration import is_ours, spec_of
from livn_gym.parameters import ParameterSet


def provenance(env_id: str, options: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return name and hash of an environment's parameters, for the config of a run and the rows of a benchmark.

    Args:
        env_id: Id of the environment.
        options: Options of the environment, as of ``gym.make``.

    Returns:
        ``params``: the name of the shipped set that the parameters equal, otherwise the name or path of ``params``, or
        an empty string. ``params_hash``: 12 hexadecimal digits that depend on every value. An empty dict for an
        environment of another package.
    """
    spec = spec_of(env_id)
    if not is_ours(spec):
        return {}
    arguments = {"system": "EI2", "task": "rate_tracking"} | dict(spec.kwargs) | dict(options or {})
    system, task = arguments.pop("system"), arguments.pop("task")
    known = {*loop_options(), *tasks.option_names(tasks.find(task["name"] if isinstance(task, Mapping) else task))}
    loop = LoopSpec.of(system, task, **{name: value for name, value in arguments.items() if name in known})
    culture = systems.make(loop.system)
    values = parameter_sets.find(culture, loop.params, loop.variant)
    identity = parameter_sets.identity(culture, ParameterSet(culture).updated(values).frozen())
    if not identity["params"] and isinstance(loop.params, str):
        identity["params"] = loop.params
    return identity
