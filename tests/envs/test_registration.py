import json
import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

import livn_gym
from livn_gym.envs.registration import ENTRY_POINT, is_ours, register, register_all, spec_of
from livn_gym.errors import ImportFailed, InvalidInput, UnknownName

IDS = ["livn/EI1-v0", "livn/EI2-v0", "livn/EI3-v0", "livn/EI4-v0"]


def test_all_cultures_are_registered_with_the_time_limit():
    assert [name for name in register_all() if "EI" in name and name.count("-") == 1] == IDS
    for name in IDS:
        spec = gym.spec(name)
        assert spec.max_episode_steps == 100
        assert spec.entry_point == ENTRY_POINT
        assert spec.order_enforce and not spec.nondeterministic


def test_registering_again_changes_nothing(recwarn):
    before = dict(gym.registry)
    register_all()
    assert dict(gym.registry) == before
    assert not recwarn.list  # Gymnasium warns when an id is overridden


@pytest.mark.parametrize("name", register_all())
def test_specs_survive_json_and_pickle(name):
    spec = gym.spec(name)
    assert json.loads(spec.to_json())["entry_point"] == ENTRY_POINT
    assert EnvSpec.from_json(spec.to_json()) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_importing_registers_and_stays_light():
    code = (
        "import sys, gymnasium\n"
        "before = set(sys.modules)\n"
        "import livn_gym\n"
        "assert not {'importlib.metadata', 'importlib.resources', 'email'} & (set(sys.modules) - before)\n"
        "assert 'livn/EI2-v0' in gymnasium.registry\n"
        "heavy = {'torch', 'neuron', 'numba', 'mpi4py', 'matplotlib', 'h5py', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert not [name for name in sys.modules if name.startswith('livn_gym.envs.culture')]\n"
        "assert 'livn_gym.plugins' not in sys.modules  # entry points are read when a name is asked for\n"
        "assert {'make', 'register', '__version__', 'testing', 'blanking', 'tuning'} <= set(dir(livn_gym))\n"
        "assert not {'livn_gym.testing', 'livn_gym.blanking', 'livn_gym.tuning'} & set(sys.modules)\n"
        "import livn_gym.errors\n"
        "names = livn_gym.testing.conform, livn_gym.blanking.blanked, livn_gym.tuning.validate\n"
        "assert all(callable(name) for name in names)\n"
        "assert not hasattr(livn_gym, 'testng') and not hasattr(livn_gym, '_testing')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_id_with_its_module_needs_no_import():
    # a wrong option shows that the environment was found, without building a culture
    code = "import gymnasium; gymnasium.make('livn_gym:livn/EI2-v0', targets_hz=8.0)"
    result = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True)
    assert "UnknownOption" in result.stderr and "Did you mean 'target_hz'?" in result.stderr


@pytest.fixture
def forget():
    """Ids that a test registers are forgotten after it."""
    before = set(gym.registry)
    yield
    for env_id in set(gym.registry) - before:
        del gym.registry[env_id]


@pytest.mark.usefixtures("fake", "forget")
def test_an_id_of_ones_own_is_the_environment_of_its_arguments():
    livn_gym.register("mine/Low-v0", system="EI1", target_hz=3.0, settle_ms=200.0, max_episode_steps=7)
    arguments = {"system": "EI1", "target_hz": 3.0, "settle_ms": 200.0}
    with gym.make("mine/Low-v0") as one, gym.make("livn/Culture-v0", **arguments) as other:
        np.testing.assert_array_equal(one.reset(seed=3)[0], other.reset(seed=3)[0])
        assert one.spec.max_episode_steps == 7 and EnvSpec.from_json(one.spec.to_json()) == one.spec
    envs = gym.make_vec("mine/Low-v0", num_envs=2, target_hz=4.0)
    assert type(envs.unwrapped).__name__ == "CultureVectorEnv" and envs.reset(seed=0)[1]["target_hz"][0] == 4.0
    livn_gym.register("mine/Low-v0", system="EI1", target_hz=3.0, settle_ms=200.0, max_episode_steps=7)
    with pytest.raises(InvalidInput, match="registered with other arguments"):
        livn_gym.register("mine/Low-v0", system="EI2")
    assert spec_of("mine/Low-v0") is gym.registry["mine/Low-v0"] and is_ours(spec_of("mine/Low-v0"))


@pytest.mark.parametrize("env_id", ["Low-v0", "livn/Low-v0", "mine/Low", "", "mine/", "mine/Lo w-v0", 3, None])
def test_an_id_has_a_namespace_of_its_own_and_a_version(env_id):
    with pytest.raises(InvalidInput, match="id"):
        livn_gym.register(env_id, system="EI1")


@pytest.mark.parametrize("steps", ["10", 0, -1, 1.5, True])
def test_a_time_limit_that_is_no_positive_integer_is_refused(steps):
    with pytest.raises(InvalidInput, match="max_episode_steps"):
        register("limits/Own-v0", system="EI1", max_episode_steps=steps)
    assert "limits/Own-v0" not in gym.registry


def test_the_module_of_an_id_is_imported_and_its_errors_are_named(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_ids.py").write_text("1 / 0")
    (tmp_path / "script_ids.py").write_text("raise SystemExit(3)")
    with pytest.raises(ImportFailed, match="'script_ids'.*SystemExit: 3"):
        spec_of("script_ids:mine/Low-v0")
    with pytest.raises(ImportFailed, match="'broken_ids'.*ZeroDivisionError"):
        spec_of("broken_ids:mine/Low-v0")
    with pytest.raises(ImportFailed, match="no_such_module"):
        spec_of("no_such_module:mine/Low-v0")
    with pytest.raises(UnknownName, match="Did you mean 'livn/EI2-v0'"):
        spec_of("livn/EI2-v1")
    assert not is_ours(spec_of("CartPole-v1"))
