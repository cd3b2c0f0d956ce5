"""Gymnasium ids: one per system and task from ``configs/tasks/*.toml``, one for any culture, and ids of a user.

Registration runs at ``import livn_gym``, so it reads a few numbers and imports neither environments nor simulators.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec, parse_env_id

from livn_gym import config
from livn_gym.errors import ImportFailed, InvalidInput, unknown_name
from livn_gym.units import whole_number

ENTRY_POINT = "livn_gym.envs.culture_env:CultureEnv"
VECTOR_ENTRY_POINT = "livn_gym.envs.vector_env:CultureVectorEnv"

CULTURE_ID = "livn/Culture-v0"
"""Id for any culture, task, ..., which are arguments of ``gym.make``."""

MAX_EPISODE_STEPS = 100
"""Time limit of ids that do not state one."""

STANDARD_SYSTEMS = ("EI2", "EI3")
"""Systems of the standard tables."""

_NAMESPACE = "livn"


def register_all() -> tuple[str, ...]:
    """Register all ids of this package that are not registered yet; return the ids of systems with tasks.

    A task's table ``[registration]`` has its systems, its word in the id (``livn/EI2-<word>-v0``, or ``livn/EI2-v0`` if
    it is empty), its version and its time limit in steps.
    """
    ids = []
    for task in config.names("tasks"):
        table = config.load("tasks", task)["registration"]
        for system in table["systems"]:
            word = f"-{table['word']}" if table["word"] else ""
            env_id = f"{_NAMESPACE}/{system}{word}-v{table['version']}"
            ids.append(env_id)
            _register(env_id, table["max_episode_steps"], {"system": system, "task": task})
    _register(CULTURE_ID, MAX_EPISODE_STEPS, {})
    return tuple(ids)


def standard_ids() -> list[str]:
    """Return the ids of the benchmark and the gate: one per task, on the first of EI2 and EI3 that has it.

    EI1 has one electrode, and EI4 takes hours.
    """
    ids: dict[str, str] = {}
    for system in STANDARD_SYSTEMS:
        for env_id in register_all():
            arguments = spec_of(env_id).kwargs
            if arguments["system"] == system:
                ids.setdefault(arguments["task"], env_id)
    return list(ids.values())


def register(env_id: str, *, max_episode_steps: int | None = MAX_EPISODE_STEPS, **options: Any) -> None:
    """Register a Gymnasium id for an environment with any system, task, encoding, ....

    ``register("my/Avoid-v0", system="my_culture/", task="my_package.tasks:Avoid")`` is ``livn/Culture-v0`` with these
    arguments as its defaults. An id is known only in the process that registers it. Put the call into a module
    and name the module with the id, ``gym.make("my_package:my/Avoid-v0")``, so that other processes can register it as
    well.

    Args:
        env_id: ``"<namespace>/<name>-v<version>"``; the namespace ``livn`` is reserved.
        max_episode_steps: Time limit in steps; None for no limit.
        **options: Arguments of ``CultureEnv``. Names, references and paths can be sent to other processes and stored as
            JSON; an object can be if it can be made again from a reference and its options.

    Raises:
        InvalidInput: The limit of steps is not a positive integer, or the id has another form, is in the namespace
            ``livn``, or is registered with other arguments.
    """
    try:
        namespace, _, version = parse_env_id(env_id)
    except (gym.error.Error, TypeError) as error:
        raise InvalidInput(f"An id has the form '<namespace>/<name>-v<version>', got {env_id!r}: {error}") from error
    if namespace in (None, _NAMESPACE) or version is None:
        raise InvalidInput(f"An id needs a namespace other than {_NAMESPACE!r} and a version '-v0', got {env_id!r}.")
    if max_episode_steps is not None:
        whole_number("max_episode_steps", max_episode_steps)
    known = gym.registry.get(env_id)
    if known is not None and (known.kwargs, known.max_episode_steps) != (options, max_episode_steps):
        raise InvalidInput(f"{env_id!r} is registered with other arguments already: {known.kwargs}.")
    _register(env_id, max_episode_steps, options)


def is_ours(spec: EnvSpec) -> bool:
    """Return whether an id makes environments of this package, which a vector environment simulates as one batch."""
    return spec.vector_entry_point == VECTOR_ENTRY_POINT


def spec_of(env_id: str) -> EnvSpec:
    """Return the spec of an id; for ``"module:id"``, import the module that registers it first.

    Raises:
        UnknownName: There is no such id.
        ImportFailed: The module cannot be imported.
    """
    module, colon, name = str(env_id).rpartition(":")
    if colon:
        try:
            import_module(module)
        except (Exception, SystemExit) as error:  # a user's module can raise anything
            raise ImportFailed(
                f"The module {module!r} of {env_id!r} cannot be imported: {type(error).__name__}: {error}"
            ) from error
    if name not in gym.registry:
        ids = [known for known, spec in gym.registry.items() if is_ours(spec)]
        raise unknown_name("environment", name, ids)
    return gym.registry[name]


def _register(env_id: str, max_episode_steps: int | None, options: dict[str, Any]) -> None:
    if env_id not in gym.registry:
        gym.register(
            env_id,
            entry_point=ENTRY_POINT,
            vector_entry_point=VECTOR_ENTRY_POINT,
            max_episode_steps=max_episode_steps,
            kwargs=options,
        )
