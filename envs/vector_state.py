"""Saved states of vector environments, with the arguments to which they belong."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

from livn_gym.envs.provenance import described
from livn_gym.errors import InvalidInput

_KEYS = {"num_envs", "graphs", "provenance", "environments", "own", "incomplete"}


def load(state: bytes, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a saved state.

    Args:
        state: Pickle of the entries; it must come from a trusted source.
        arguments: ``num_envs``, ``graphs`` (one seed per environment) and ``provenance`` of the environment that is to
            continue.

    Raises:
        InvalidInput: These are no such bytes, or the state belongs to other arguments.
    """
    try:
        saved = pickle.loads(state)
    except Exception as error:  # bytes that are no pickle may raise anything
        raise InvalidInput(f"This is no state of a vector environment: {error}") from error
    if not isinstance(saved, dict) or not _KEYS <= saved.keys():
        raise InvalidInput("This is no state of a vector environment.")
    if saved["num_envs"] != arguments["num_envs"]:
        raise InvalidInput(f"The state is of {saved['num_envs']} environments, here are {arguments['num_envs']}.")
    if saved["provenance"] != arguments["provenance"]:
        origins = saved["provenance"], arguments["provenance"]
        there, here = (f"{described(each)}, task hash {each.get('task_hash')}" for each in origins)
        raise InvalidInput(
            f"The state is of an environment with other arguments: {there}; here are {here}. The task hash depends on "
            "all options of the task and of the loop around it."
        )
    if saved["graphs"] != arguments["graphs"]:
        raise InvalidInput(
            f"The state is of environments with graph_seed={saved['graphs']}, here it is {arguments['graphs']}."
        )
    return saved
