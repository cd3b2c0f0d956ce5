"""What every shipped task holds to: pure getters, options in one place, docstrings that say what the code does."""

import ast
import dataclasses
import inspect
import pickle
import re

import numpy as np
import pytest

from livn_gym import config
from livn_gym.envs import tasks
from livn_gym.envs.culture_env import CultureEnv
from livn_gym.envs.loop_spec import LoopSpec, loop_options
from livn_gym.envs.specs import plain
from livn_gym.envs.tasks import Task
from livn_gym.errors import InvalidInput, UnknownOption

HEADINGS = (
    *("Description", "Action Space", "Observation Space", "Rewards", "Starting State", "Episode End", "Arguments"),
    *("References", "Version History"),
)
CHANGES = {"reset", "after_step", "after_demonstration", "close"}
GETTERS = [name for name in vars(Task) if not name.startswith("_") and name not in CHANGES | {"Options"}]
"""Everything public of a task that does not change it."""


def got(task, name, measurement, action):
    """What a getter gives."""
    value = getattr(task, name)
    steps = 0 if task.calibration is None else len(task.calibration)
    given = {"measurement": measurement, "action": action, "measurements": [measurement] * steps}
    return value(*(given[argument] for argument in inspect.signature(value).parameters)) if callable(value) else value


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("name", tasks.names())
def test_getters_change_nothing_and_give_the_same_twice(name):
    assert {"reward", "terminated", "truncated", "observe", "info", "to_command", "demonstration"} <= set(GETTERS)
    loop = LoopSpec.of("EI2", name, settle_ms=500.0).make()
    task, rng = loop.tasks[0], np.random.default_rng(1)
    loop.reset([np.random.default_rng(3)], [3])
    for _ in range(6):
        action = rng.uniform(task.action_space.low, task.action_space.high).astype(np.float32)
        before = pickle.dumps(task)
        for getter in GETTERS:
            first, second = (got(task, getter, loop.history[0][-1], action) for _ in range(2))
            assert pickle.dumps(first) == pickle.dumps(second), getter
            if isinstance(first, np.ndarray) and getter == "observe":
                first += 1.0  # whoever changes what was seen does not change the task
            assert pickle.dumps(task) == before, getter
        loop.step(action[None])
        assert pickle.dumps(task) != before  # a step does
    loop.close()


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("name", tasks.names())
def test_a_tasks_state_is_all_that_its_episode_depends_on(name):
    """A pickled task, given its setup, continues as the original."""
    loop = LoopSpec.of("EI2", name, settle_ms=500.0).make()
    loop.reset([np.random.default_rng(3)], [3])
    task = loop.tasks[0]
    copy = pickle.loads(pickle.dumps(task))
    assert not hasattr(copy, "setup")
    copy.setup = task.setup
    rng = np.random.default_rng(1)
    for _ in range(5):
        action = rng.uniform(task.action_space.low, task.action_space.high).astype(np.float32)
        np.testing.assert_array_equal(copy.to_command(action), task.to_command(action))
        loop.step(action[None])
        measurement = loop.history[0][-1]
        copy.after_step(measurement)
        np.testing.assert_array_equal(copy.observe(measurement), task.observe(measurement))
        assert (copy.reward, copy.terminated, copy.truncated) == (task.reward, task.terminated, task.truncated)
        assert copy.info(measurement) == task.info(measurement)
    copy.close()
    loop.close()


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("name", tasks.names())
def test_a_reset_forgets_the_last_episode_and_a_step_leaves_its_measurement_alone(name):
    loop = LoopSpec.of("EI2", name, settle_ms=500.0).make()
    task = loop.tasks[0]
    loop.reset([np.random.default_rng(3)], [3])
    action = task.action_space.high
    beginnings = []
    for steps in (1, 4):
        for _ in range(steps):
            loop.step(action[None])
            measurement = loop.history[0][-1]
            before = pickle.dumps(measurement)
            task.after_step(measurement)
            assert pickle.dumps(measurement) == before
        task.reset(np.random.default_rng(5))
        beginnings.append(pickle.loads(pickle.dumps(task)))  # objects that are shared are so in both
    loop.close()
    assert pickle.dumps(beginnings[0]) == pickle.dumps(beginnings[1])


@pytest.mark.parametrize("name", tasks.names())
def test_config_and_class_give_the_same_defaults(name):
    cls, given = tasks.find(name), config.load("tasks", name)["options"]
    assert dataclasses.is_dataclass(cls.Options) and cls.Options.__dataclass_params__.frozen
    assert set(given) <= {*tasks.option_names(cls), *loop_options()}
    defaults = plain(dataclasses.asdict(cls.Options()))
    # TOML has no None, which is the default of options that a config leaves out
    assert {option: given.get(option) for option in tasks.option_names(cls)} == defaults
    for own in config.load("tasks", name).get("systems", {}).values():
        assert set(own) <= set(given)


@pytest.mark.parametrize("name", tasks.names())
def test_options_are_checked_at_the_door(name):
    cls = tasks.find(name)
    with pytest.raises(UnknownOption, match="no_such_option"):
        tasks.make_options(cls, {"no_such_option": 1})
    with pytest.raises(UnknownOption, match="no_such_option"):
        LoopSpec.of("EI2", name, no_such_option=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(cls.Options(), tasks.option_names(cls)[0], 1)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        (name, field.name, value)
        for name in tasks.names()
        for field in dataclasses.fields(tasks.find(name).Options)
        if field.type in ("float", "int")
        for value in (float("nan"), True, "text", None, [1.0, 2.0], 1j)
    ],
)
def test_numbers_are_numbers(name, option, value):
    with pytest.raises(InvalidInput):
        tasks.find(name).Options(**{option: value})


def rows(text):
    """Name and default of every row of the table under Arguments."""
    table = re.search(r"^## Arguments\n[^|]*((?:^\|.*\n)+)", text, re.MULTILINE).group(1)
    found = {}
    name = ""
    for line in table.splitlines()[2:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name = cells[0].strip("`") or name
        found[name] = f"{found.get(name, '')} {cells[1].strip('`')}".strip()
    return {name: cell if re.match(r"\([a-z]", cell) else ast.literal_eval(cell) for name, cell in found.items()}


@pytest.mark.parametrize("cls", [CultureEnv, *(tasks.find(name) for name in tasks.names())])
def test_docstrings_have_gymnasiums_headings(cls):
    text = inspect.cleandoc(cls.__doc__)
    assert tuple(re.findall(r"^## (.*)$", text, re.MULTILINE)) == HEADINGS


@pytest.mark.parametrize("name", tasks.names())
def test_the_table_of_arguments_is_the_options(name):
    cls, given = tasks.find(name), config.load("tasks", name)
    loop = {field.name: field.default for field in dataclasses.fields(LoopSpec)}
    own = tasks.option_names(cls)
    expected = {n: value for n, value in given["options"].items() if n in own or value != loop[n]}
    expected |= {n: None for n in own if n not in given["options"]}
    table = rows(inspect.cleandoc(cls.__doc__))
    assert set(table) == set(expected)
    for option, default in table.items():
        if isinstance(default, str) and default.startswith("("):  # each system has its own
            assert all(option in own for own in given["systems"].values())
        else:
            assert default == expected[option], option


def test_the_environments_table_of_arguments_is_the_loops_options():
    table = rows(inspect.cleandoc(CultureEnv.__doc__))
    assert list(table) == ["system", "task", "env", *loop_options(), "graph_seed", "render_mode"]
    for field in dataclasses.fields(LoopSpec):
        if field.name in table and field.name not in ("system", "task"):
            assert table[field.name] == field.default, field.name


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("name", tasks.names())
def test_the_keys_of_info_are_in_the_docstrings(name):
    loop = LoopSpec.of("EI2", name, settle_ms=500.0).make()
    (info,) = loop.reset([np.random.default_rng(3)], [3]).infos
    loop.close()
    text = inspect.cleandoc(CultureEnv.__doc__) + inspect.cleandoc(tasks.find(name).__doc__)
    tables = re.findall(r"^\| key .*\n((?:^\|.*\n)+)", text, re.MULTILINE)
    assert [key for table in tables for key in re.findall(r"^\| `(\w+)`", table, re.MULTILINE)] == list(info)
