import json
import pickle
import subprocess
import sys

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec

from livn_gym.envs.registration import ENTRY_POINT, register_all

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
        "import sys, livn_gym, gymnasium\n"
        "assert 'livn/EI2-v0' in gymnasium.registry\n"
        "heavy = {'torch', 'neuron', 'numba', 'mpi4py', 'matplotlib', 'h5py', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert not [name for name in sys.modules if name.startswith('livn_gym.envs.culture')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_id_with_its_module_needs_no_import():
    # a wrong option shows that the environment was found, without building a culture
    code = "import gymnasium; gymnasium.make('livn_gym:livn/EI2-v0', target=8.0)"
    result = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True)
    assert "UnknownOption" in result.stderr and "Did you mean 'target_hz'?" in result.stderr
