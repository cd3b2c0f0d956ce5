"""A spec makes an equal environment, directly, through JSON and through pickle, for every documented call."""

import pickle
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode

from livn_gym.decoding import ChannelRates, PopulationRates
from livn_gym.encoding import PulseAmplitude, PulseRate
from livn_gym.envs.conditions.latency import Latency
from livn_gym.envs.specs import located, plain, plain_options
from livn_gym.envs.tasks.rate_tracking import RateTracking
from livn_gym.envs.wrappers import ChargeBudget, ElectrodeMask, SpikeCounts
from livn_gym.errors import InvalidInput
from livn_gym.models import Izhikevich, IzhikevichModel
from livn_gym.system import make as make_system

pytestmark = pytest.mark.usefixtures("fake")

CALLS = [
    {},
    {"target_hz": 8.0},
    {"target_hz": np.float64(8.0)},
    {"target_hz": (6.0, 9.0)},
    {"target_hz": np.array([6.0, 9.0])},
    {"step_ms": np.int64(1000), "max_episode_steps": 7},
    {"graph_seed": np.int64(3)},
    {"graph_seed": "resample"},
    {"conditions": ("latency", {"name": "electrode_faults", "loss": np.float32(0.25)})},
    {"blank_ms": np.array([2.0, 0.5])},
    {"blank_ms": 0},
    {"conditions": None, "model": None, "dt": None},
    {"encoding": {"name": "pulse_rate", "amplitude_uA": np.float64(5.0)}},
    {"encoding": PulseAmplitude(rate_hz=10.0)},
    {"encoding": PulseRate(100.0)},
    {"decoding": PopulationRates(200.0)},
    {"decoding": ChannelRates(200.0)},
    {"model": "izhikevich_model"},
    {"model": {"name": "izhikevich_model", "exc": "published_2003_regular_spiking"}},
    {"model": IzhikevichModel()},
    {"model": IzhikevichModel("published_2003_regular_spiking", Izhikevich.named("published_2003_fast_spiking"))},
    {"render_mode": "rgb_array"},
]


def episode(env):
    first = env.reset(seed=3)
    action = np.linspace(-1, 1, int(np.prod(env.action_space.shape)), dtype=np.float32).reshape(env.action_space.shape)
    return [first[0], *(env.step(action)[0] for _ in range(2))]


def check_spec(env, make):
    spec = env.spec
    assert spec.pprint(disable_print=True)
    text = spec.to_json()
    assert EnvSpec.from_json(text) == spec
    expected = episode(env)
    for again in (spec, EnvSpec.from_json(text), pickle.loads(pickle.dumps(spec))):
        other = make(again)
        assert other.spec == spec
        assert (other.observation_space, other.action_space) == (env.observation_space, env.action_space)
        for mine, its in zip(expected, episode(other), strict=True):
            np.testing.assert_array_equal(mine, its)
        other.close()
    env.close()


@pytest.mark.parametrize("options", CALLS)
def test_of_single_environments(options):
    check_spec(gym.make("livn/EI2-v0", settle_ms=200.0, **options), gym.make)


@pytest.mark.parametrize(
    "options",
    [
        *CALLS,
        {"autoreset_mode": AutoresetMode.SAME_STEP},
        {"autoreset_mode": "Disabled"},
        {"graph_seed": np.array([1, 2])},
        {"graph_seed": range(2)},
        {"graph_seed": "per_env"},
    ],
)
def test_of_vectors(options):
    check_spec(gym.make_vec("livn/EI1-v0", num_envs=2, settle_ms=200.0, **options), gym.make_vec)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda env: ElectrodeMask(env, stimulate=range(0, 16, 5), hear=range(8)),
        lambda env: ElectrodeMask(env, stimulate=np.arange(3), hear=(1, np.int64(2))),
        lambda env: ElectrodeMask(env, hear=(c for c in range(3))),
        lambda env: SpikeCounts(env, bins=np.int64(4)),
        lambda env: ChargeBudget(env, np.float64(300.0), "silence"),
        lambda env: ChargeBudget(env, np.int32(300)),
        lambda env: SpikeCounts(ChargeBudget(ElectrodeMask(env, hear=[1]), 300.0), 2),
    ],
)
def test_of_wrapped_environments(wrap):
    check_spec(wrap(gym.make("livn/EI2-v0", settle_ms=200.0)), gym.make)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.array([[1, 2]]), [[1, 2]]),
        (range(3), [0, 1, 2]),
        ((1, (2, "a")), [1, [2, "a"]]),
        ({"a": np.int64(1), "b": (None,)}, {"a": 1, "b": [None]}),
        (Path("a") / "b", "a/b"),
        (PulseRate(100.0), {"name": "pulse_rate", "max_rate_hz": 100.0, "amplitude_uA": 7.5, "phase_ms": 0.2}),
        (IzhikevichModel(), {"name": "izhikevich_model", "exc": "culture_exc", "inh": "culture_inh"}),
    ],
)
def test_plain_values(value, expected):
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)


def test_an_object_of_ones_own_stays_and_json_names_it():
    class Louder(PulseAmplitude.__mro__[1]):
        def __call__(self, env, duration, inputs):
            return PulseAmplitude()(env, duration, inputs)

        def action_space(self, env):
            return PulseAmplitude().action_space(env)

    env = gym.make("livn/EI1-v0", settle_ms=200.0, encoding=Louder())
    assert gym.make(env.spec).action_space == env.action_space
    with pytest.raises(InvalidInput, match="encoding=.*Louder"):
        env.spec.to_json()
    env.close()


def test_json_does_not_take_a_dataclass_for_a_mapping():
    @dataclass
    class Plain(type(PulseAmplitude()).__mro__[1]):
        name: str = "pulse_amplitude"  # by which its fields would make another encoding

        def __call__(self, env, duration, inputs):
            return PulseAmplitude()(env, duration, inputs)

        def action_space(self, env):
            return PulseAmplitude().action_space(env)

    with gym.make("livn/EI1-v0", settle_ms=200.0, encoding=Plain()) as env:
        assert type(gym.make(env.spec).spec.kwargs["encoding"]) is Plain
        with pytest.raises(InvalidInput, match="encoding=.*Plain"):
            env.spec.to_json()
    with gym.make("livn/Culture-v0", settle_ms=200.0, system=make_system("EI1")) as env:
        with pytest.raises(InvalidInput, match="system=System"):
            env.spec.to_json()


def test_a_spec_equals_the_one_that_json_gives():
    with gym.make("livn/EI1-v0", settle_ms=200.0) as env:
        again = gym.envs.registration.EnvSpec.from_json(env.spec.to_json())
        assert again == env.spec and env.spec == again
        again.kwargs["settle_ms"] = 400.0
        assert again != env.spec and env.spec != again


def test_the_arguments_that_were_given_are_not_changed():
    given = {"conditions": [{"name": "latency", "latency_ms": np.float64(3.0)}]}
    gym.make("livn/EI1-v0", settle_ms=200.0, **given).close()
    assert type(given["conditions"][0]["latency_ms"]) is np.float64


def test_classes_and_functions_are_written_as_references():
    given = {
        "task": RateTracking,
        "encoding": {"name": PulseRate, "max_rate_hz": 50.0},
        "conditions": [Latency, {"name": "latency"}],
        "system": make_system,
        "inner": RateTracking,
    }
    assert plain_options(given) == {
        "task": "livn_gym.envs.tasks.rate_tracking:RateTracking",
        "encoding": {"name": "livn_gym.encoding.pulse_rate:PulseRate", "max_rate_hz": 50.0},
        "conditions": ["livn_gym.envs.conditions.latency:Latency", {"name": "latency"}],
        "system": "livn_gym.system.registry:make",
        "inner": RateTracking,
    }


def test_paths_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"task": "my.py:Mine", "conditions": [{"name": "my.py"}], "system": "cultures/one", "params": "my.toml"}
    assert located(given | {"inner": "ALE/Pong-v5", "encoding": "pulse_rate"}) == {
        "task": f"{tmp_path}/my.py:Mine",
        "conditions": [{"name": f"{tmp_path}/my.py"}],
        "system": f"{tmp_path}/cultures/one",
        "params": f"{tmp_path}/my.toml",
        "inner": "ALE/Pong-v5",
        "encoding": "pulse_rate",
    }
    assert located({"system": "EI1", "params": {"noise-std_e": 1.0}}) == {
        "system": "EI1",
        "params": {"noise-std_e": 1.0},
    }
