"""Keyword arguments of environments: unknown ones, conditions in every form, objects that cultures must not share."""

import inspect

import gymnasium as gym
import numpy as np
import pytest

import livn_gym
from livn_gym import decoding, encoding
from livn_gym.envs.culture_env import CultureEnv
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.envs.vector_env import CultureVectorEnv
from livn_gym.errors import InvalidInput, LivnError, UnknownOption

pytestmark = pytest.mark.usefixtures("fake")

EI1 = "livn/EI1-v0"


RESOLVED = ("system", "task", "encoding", "decoding", "params", "io", "model", "opsin", "backend", "device", "plant")
"""Arguments that may be a name, a mapping or an object."""


NUMBERS = ("step_ms", "settle_ms", "dt")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, value)
            for name in (*RESOLVED, "light", "posterior", "variant", "profile")
            for value in (5, ["x"], b"x")
        ),
        *((name, value) for name in NUMBERS for value in ("x", ["x"], 2j, True)),
        *(("conditions", value) for value in (5, [5], b"x", ["latency", 2.5])),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_by_the_name_of_its_argument(name, value):
    opsin = {"opsin": "williams_2013"} if name == "light" else {}
    options = {"system": "EI1", "task": "rate_tracking", **opsin, name: value}
    with pytest.raises(InvalidInput, match=rf"^(An? )?{name}\b"):
        CultureEnv(**options)


@pytest.mark.parametrize(
    "name", ["system", "task", "encoding", "decoding", "io", "model", "backend", "device", "plant"]
)
def test_a_mapping_without_a_name_is_refused_by_its_argument(name):
    with pytest.raises(InvalidInput, match=f"^An? {name} given as a mapping needs a 'name', got {{'rate': 3}}"):
        CultureEnv(**{"system": "EI1", "task": "rate_tracking", name: {"rate": 3}})


@pytest.mark.parametrize(
    "call",
    [
        lambda: gym.make(EI1, frameskip=4),
        lambda: gym.make(EI1, graph_seed="resample", frameskip=4),
        lambda: gym.make_vec(EI1, num_envs=2, frameskip=4),
        lambda: gym.make_vec(EI1, num_envs=2, graph_seed="per_env", frameskip=4),
        lambda: gym.make_vec(EI1, num_envs=2, vectorization_mode="sync", frameskip=4),
        lambda: LoopSpec.of("EI1", "rate_tracking", frameskip=4),
        lambda: encoding.make("pulse_amplitude", frameskip=4),
        lambda: decoding.make("channel_rates", duration=200.0, frameskip=4),
        lambda: gym.make(EI1, encoding={"name": "pulse_amplitude", "frameskip": 4}),
        lambda: gym.make(EI1, decoding={"name": "channel_rates", "frameskip": 4}),
        lambda: gym.make(EI1, conditions={"name": "latency", "frameskip": 4}),
        lambda: livn_gym.make("EI1", frameskip=4),
    ],
)
def test_an_unknown_keyword_is_pythons_type_error_and_ours(call):
    """TorchRL recognises an environment without frame skip by these words."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'frameskip'") as caught:
        call()
    assert isinstance(caught.value, UnknownOption | LivnError)
    assert "Valid: " in str(caught.value)


def test_the_nearest_keyword_is_offered_and_what_the_environment_sets_is_not():
    with pytest.raises(UnknownOption, match="Did you mean 'target_hz'") as caught:
        gym.make(EI1, targets_hz=8.0)
    assert "'settle_ms'" in str(caught.value)
    with pytest.raises(UnknownOption, match="Did you mean 'latency_ms'") as caught:
        gym.make(EI1, conditions={"name": "latency", "latency": 3.0})
    assert "'env'" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "given", "nearest"),
    [
        (gym.make, "system_", "system"),
        (gym.make, "tasks", "task"),
        (gym.make, "max_episode_step", "max_episode_steps"),
        (gym.make_vec, "system_", "system"),
        (gym.make_vec, "autoreset_mod", "autoreset_mode"),
        (gym.make_vec, "on_worker_fail", "on_worker_failure"),
        (gym.make_vec, "num_env", "num_envs"),
    ],
)
def test_every_accepted_keyword_is_offered(make, given, nearest):
    with pytest.raises(UnknownOption, match=f"Did you mean {nearest!r}"):
        make(EI1, **{given: "EI1"})


@pytest.mark.parametrize(("make", "made"), [(gym.make, CultureEnv), (gym.make_vec, CultureVectorEnv)])
def test_keywords_are_listed_where_they_are_accepted(make, made):
    with pytest.raises(UnknownOption) as caught:
        make(EI1, frameskip=4)
    listed = str(caught.value).partition("Valid: ")[2]
    arguments = {name for name in inspect.signature(made).parameters if name != "options"}
    assert all(f"'{name}'" in listed for name in arguments)
    assert ("'env'" in listed, "'num_envs'" in listed) == (made is CultureEnv, made is CultureVectorEnv)
    with pytest.raises(UnknownOption) as caught:
        CultureEnv("EI1", max_episode_steps=4)
    assert "'max_episode_steps'" not in str(caught.value).partition("Valid: ")[2]


@pytest.mark.parametrize("none", [None, [], ()])
def test_no_conditions(none):
    for make in (gym.make, gym.make_vec):
        env = make(EI1, conditions=none, settle_ms=200.0)
        env.reset(seed=0)
        env.close()


@pytest.mark.parametrize("form", ["latency", {"name": "latency"}, ["latency"], ("latency",), [{"name": "latency"}]])
def test_conditions_in_every_form_reach_every_culture(form):
    loop = LoopSpec.of("EI1", "rate_tracking", conditions=form).make(3)
    assert [(type(c).__name__, len(c.states)) for c in loop.conditioned.conditions] == [("Latency", 3)]
    loop.close()


@pytest.mark.parametrize(
    "wrong",
    [
        3,
        [None],
        [3],
        {"latency_ms": 4.0},
        {"name": "latency", "env": None},
        {"name": "latency", 3: 4.0},
        (name for name in ["latency"]),
        {"latency"},
    ],
)
def test_conditions_of_another_kind_are_refused(wrong):
    with pytest.raises(InvalidInput):
        gym.make_vec(EI1, num_envs=2, conditions=wrong)


@pytest.mark.parametrize("wrong", [{"name": "channel_rates", "duration": 100.0}, {"name": "channel_rates", 3: 4}])
def test_what_the_loop_sets_is_no_option_of_a_decoding(wrong):
    with pytest.raises(InvalidInput):
        gym.make(EI1, decoding=wrong)


def test_cultures_do_not_share_an_environment_given_as_an_object():
    given = gym.make("CartPole-v1")
    loop = LoopSpec.of("EI2", "cart_pole", inner=given, scales=[1.0] * 4, settle_ms=200.0).make(2)
    first, second = (task.inner.env for task in loop.tasks)
    assert first is not second and given is not first and given is not second
    loop.reset([np.random.default_rng(b) for b in range(2)], [0, 1])
    assert not np.array_equal(first.unwrapped.state, second.unwrapped.state)
    loop.close()


def test_an_unknown_option_of_an_inner_environment_is_refused():
    with pytest.raises(InvalidInput, match="pole"):
        gym.make("livn/EI3-CartPole-v0", inner={"id": "CartPole-v1", "pole": 3})


@pytest.mark.parametrize(
    "options",
    [
        {"inner": 3},
        {"inner": {"id": 3}},
        {"inner": "not an id"},
        {"inner": "NoSuchEnvironment-v0"},
        {"inner": "Pendulum-v1"},
        {"inner": {"id": "CartPole-v1", "extra": object()}},
        {"scales": 3},
        {"scales": "1111"},
        {"scales": [1.0]},
        {"scales": [0.0] * 4},
    ],
)
def test_inner_environments_that_are_none(options):
    with pytest.raises(InvalidInput):
        gym.make("livn/EI3-CartPole-v0", **options)


def test_numpy_numbers_are_options_of_an_inner_environment():
    inner = {"id": "CartPole-v1", "sutton_barto_reward": np.bool_(True)}
    env = gym.make("livn/EI3-CartPole-v0", inner=inner, settle_ms=200.0)
    assert gym.make(type(env.spec).from_json(env.spec.to_json())).spec == env.spec
    env.close()


def test_more_environments_than_memory_holds_are_refused_at_once():
    with pytest.raises(InvalidInput, match="num_envs"):
        gym.make_vec(EI1, num_envs=10**12)
