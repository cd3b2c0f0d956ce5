"""Provenance of a result: name and hash of the culture's parameters, version and hash of the task.

Results are comparable only if both hashes are equal; ``check_comparable`` refuses others in one table.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, replace
from typing import Any

from livn_gym import config, device_profile, parameter_sets
from livn_gym import system as systems
from livn_gym.cell_values import heterogeneous_cells
from livn_gym.device_profile import DeviceProfile
from livn_gym.env import Env
from livn_gym.envs import tasks
from livn_gym.envs.loop_spec import LoopSpec, loop_options
from livn_gym.envs.registration import is_ours, spec_of
from livn_gym.envs.specs import plain_options
from livn_gym.errors import InvalidInput
from livn_gym.parameters import ParameterSet
from livn_gym.plant import DevicePlant
from livn_gym.registry import snake_case

IN_INFO = ("params", "params_hash", "task_version")
"""Entries that every ``info`` holds, as strings."""

COMPARED = ("params_hash", "task_version", "task_hash")
"""Entries that must be equal for two results to be comparable."""

OF_DEVICES = ("device", "device_hash")
"""Entries of ``info``, as strings, of a loop with a device."""

_OF_CULTURES = ("variant", "params", "posterior", "model", "backend", "profile", "dt")
"""Arguments of the loop that belong to the culture or its simulation, not to the task."""


_AROUND_LOOPS = (
    *("env", "graph_seed", "render_mode", "max_episode_steps"),
    *("autoreset_mode", "on_worker_failure", "disable_env_checker"),
)
"""Arguments of ``gym.make`` and ``gym.make_vec`` that do not belong to the loop."""


def provenance(env_id: str, options: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return the provenance of results on an environment, for the config of a run and the rows of a benchmark.

    Args:
        env_id: Id of the environment.
        options: Options of the environment, as of ``gym.make``.

    Returns:
        The entries of ``of_loop``; an empty dict for an environment of another package.

    Raises:
        UnknownOption: There is no option of that name.
        InvalidInput: An option is out of range.
    """
    spec = spec_of(env_id)
    if not is_ours(spec):
        return {}
    arguments = {"system": "EI2", "task": "rate_tracking"} | dict(spec.kwargs) | dict(options or {})
    system, task = arguments.pop("system"), arguments.pop("task")
    return of_loop(LoopSpec.of(system, task, **{k: v for k, v in arguments.items() if k not in _AROUND_LOOPS}))


def of_loop(loop: LoopSpec, env: Any = None) -> dict[str, str]:
    """Return the provenance of results in a closed loop.

    Args:
        loop: The loop.
        env: Its cultures, before any condition has changed their parameters. Default: as the loop would make them.
            Those of a plant have no parameters.

    Returns:
        ``params``: the name of the shipped set that the parameters equal, otherwise the name or path of ``params``, or
        an empty string. ``params_hash``: 12 hexadecimal digits that depend on every value. ``task``: its name.
        ``task_version``: as in its id. ``task_hash``: 12 hexadecimal digits that depend on all options of the task
        and of the loop around it, and on the task's revision. With a device, its name and hash as ``device`` and
        ``device_hash``.
    """
    identity = {"params": "", "params_hash": ""}
    if env is None and loop.plant is None:
        system = systems.make(loop.system)
        fitted = loop.fitted_sets()
        values = parameter_sets.find(system, loop.params if fitted is None else fitted.base, loop.variant)
        identity = parameter_sets.identity(system, ParameterSet(system).updated(values).frozen())
    elif isinstance(env, Env):
        parameters = env.parameters_of(0)
        if parameters.cells == heterogeneous_cells(env.system, env.model):  # drawn with the graph
            parameters = replace(parameters, cells={})
        identity = parameter_sets.identity(env.system, parameters)
    posterior = loop.fitted_sets()
    if posterior is not None:
        identity = {"params": "posterior", "params_hash": posterior.digest()}
    if not identity["params"] and isinstance(loop.params, str):
        identity["params"] = loop.params
    task_class = tasks.find(loop.task)
    name = snake_case(task_class.__name__)
    shipped = name in tasks.names() and tasks.find(name) is task_class
    registration = config.load("tasks", name)["registration"] if shipped else {"version": task_class.version}
    version = registration["version"]
    around = {option: getattr(loop, option) for option in loop_options() if option not in _OF_CULTURES}
    device = device_of(loop, env)
    for option in ("device", "observation", "plant"):  # without a device, hashes are those of before there were any
        if around[option] is None:
            del around[option]
    if device is not None:
        around["device"] = device.hash
    if isinstance(loop.plant, Mapping):  # a plant whose mapping offers all tasks is the same plant
        given = {key: value for key, value in loop.plant.items() if key != device_profile.ALL_TASKS}
        around["plant"] = given["name"] if given.keys() == {"name"} else given
    if "revision" in registration:
        around["revision"] = registration["revision"]
    defaults = _defaults(loop, task_class)
    given = {"options": dict(loop.task_options), **around}
    options = {key: _like(value, defaults.get(key)) for key, value in plain_options(given).items()}
    content = {"task": name, "version": version, **options}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=_type_name).encode()).hexdigest()[:12]
    found = identity | {"task": name, "task_version": str(version), "task_hash": digest}
    return found if device is None else found | {"device": device.name, "device_hash": device.hash}


def _defaults(loop: LoopSpec, task_class: type[tasks.Task]) -> dict[str, Any]:
    """Return the defaults of a task's options (as ``options``) and of the loop around it, in the form of JSON."""
    config = tasks.config_options(loop.task, loop.system)
    of_loop = {f.name: f.default for f in fields(LoopSpec) if f.default is not MISSING}
    of_task = {f.name: config.get(f.name, f.default) for f in fields(task_class.Options)}
    return plain_options(of_loop | config | {"options": of_task})


def _like(value: Any, default: Any) -> Any:
    """Return a value in the form of the default, where it can have it: 200 as 200.0, and no conditions as None."""
    if isinstance(value, int | float) and isinstance(default, int | float):
        if isinstance(value, bool) or isinstance(default, bool) or not float(value).is_integer():
            return value
        return type(default)(value)
    if default is None and value in ({}, []):
        return None
    if isinstance(value, Mapping) and set(value) == {"name"}:
        return _like(value["name"], default)
    if isinstance(value, Mapping):
        known = default if isinstance(default, Mapping) else {}
        return {key: _like(item, known.get(key)) for key, item in value.items()}
    if isinstance(value, list) and isinstance(default, list) and len(value) == len(default):
        return [_like(item, one) for item, one in zip(value, default, strict=True)]
    return value


def device_of(loop: LoopSpec, env: Any = None) -> DeviceProfile | None:
    """Return the device of a loop and its cultures, unusable channels included; None without one."""
    if isinstance(env, DevicePlant):
        return env.profile
    return None if loop.device is None else device_profile.find(loop.device)


def in_info(origin: Mapping[str, str]) -> dict[str, str]:
    """Return the entries of a loop's provenance that every ``info`` holds."""
    return {name: origin[name] for name in (*IN_INFO, *OF_DEVICES) if name in origin}


def described(origin: Mapping[str, Any]) -> str:
    """Return the provenance of a result as text: parameters, their hash, version of the task, and device if any."""
    params, digest, version = (origin.get(name) or "" for name in IN_INFO)
    device = f", device {origin['device']} ({origin['device_hash']})" if origin.get("device") else ""
    return (
        f"parameters {params or 'without a name'} ({digest or 'no hash'}), task version {version or 'unknown'}{device}"
    )


def check_comparable(what: str, origins: Iterable[Mapping[str, Any]]) -> None:
    """Refuse results of different parameters or tasks in one table.

    Args:
        what: Name of the table, for the message.
        origins: The provenance of each result; entries that one lacks count as empty.

    Raises:
        InvalidInput: Two of them differ in a hash or in the version of the task.
    """
    found = {tuple(str(origin.get(name) or "") for name in COMPARED): origin.get("params") or "" for origin in origins}
    if len(found) > 1:
        listed = "; ".join(
            f"parameters {params or 'without a name'} of hash {first or 'unknown'}, task version {version or 'unknown'}"
            f" of hash {second or 'unknown'}"
            for (first, version, second), params in found.items()
        )
        raise InvalidInput(f"{what} would mix results that cannot be compared: {listed}.")


def _type_name(value: object) -> str:
    """Describe an object that JSON cannot hold, the same in every process."""
    return f"{type(value).__module__}.{type(value).__qualname__}"
