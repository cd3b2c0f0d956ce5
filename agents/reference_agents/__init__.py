"""Reference agents: for every task the families of agents that stand for a good controller, and their tuner.

A module of this package with the name of a task, such as ``rate_tracking``, has a function ``families(env, info)``,
which returns the ``AgentFamily`` objects for that task. Any other task gets those of ``generic``. ``env`` is an
environment of the task after its first reset and ``info`` what the reset returned, so that families can depend on the
spaces, the system, the electrodes and the names in info.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from livn_gym.agents.reference_agents.family import AgentFamily
from livn_gym.agents.reference_agents.tuner import TUNING_SEED, Budget, Tuned, tune
from livn_gym.envs import tasks
from livn_gym.envs.culture_env import CultureEnv
from livn_gym.registry import snake_case

__all__ = ["TUNING_SEED", "AgentFamily", "Budget", "Tuned", "families_of", "tune"]


def families_of(task: tasks.Spec, env: CultureEnv, info: Mapping[str, Any]) -> Sequence[AgentFamily]:
    """Return the families of reference agents for a task.

    Args:
        task: The task, as environments take it.
        env: An environment of the task, after a reset.
        info: The info that the reset returned.
    """
    task_class = tasks.find(task["name"] if isinstance(task, Mapping) else task)
    name = snake_case(task_class.__name__)
    module = f"{__name__}.{name}"
    own = name in tasks.names() and tasks.find(name) is task_class and find_spec(module) is not None
    return import_module(module if own else f"{__name__}.generic").families(env, info)
