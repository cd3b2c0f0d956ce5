"""Light on cells that MPI ranks share."""

from pathlib import Path

import pytest
from mpi import launch


@pytest.mark.slow
def test_ranks_give_what_one_process_gives_under_light():
    word, count = launch.run([str(Path(__file__).with_name("light_script.py"))], 2, timeout=300.0).good().out.split()
    assert word == "equal" and int(count) > 20
