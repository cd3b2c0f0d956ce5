"""What does not fit into the machine is refused before it is allocated."""

import pytest

from livn_gym import make, memory
from livn_gym.env import Env
from livn_gym.errors import InvalidInput
from livn_gym.io import MEA
from livn_gym.system import predefined


def test_the_machine_has_memory():
    assert memory.total_bytes() > 2**28
    memory.require("A page", 4096)
    with pytest.raises(InvalidInput, match="GiB"):
        memory.require("Everything", 2.0**70)


def test_runs_that_record_too_much_are_refused_and_change_nothing():
    with make("EI1") as env:
        env.record_voltage().record_membrane_current()
        for duration in (1e9, 1e12, 1e300):
            with pytest.raises(InvalidInput):
                env.run(duration)
        assert env.t == 0.0
        assert env.run(1.0).voltage.shape == (1, 10, 40)


@pytest.mark.parametrize("options", [{"num_cultures": 10**9}, {"num_cultures": 10**30}, {"dt": 1e-300}, {"dt": 1e300}])
def test_absurd_sizes_are_refused(options):
    with pytest.raises(InvalidInput):
        Env(predefined("EI1"), **options)


def test_arrays_of_too_many_electrodes_are_refused():
    with pytest.raises(InvalidInput):
        MEA.grid((1e6, 1e6), (10**6, 10**6))
