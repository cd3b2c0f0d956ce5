"""Environments under the limits of a device, over MPI ranks."""

import subprocess
import sys
from pathlib import Path

import pytest
from mpi import launch

SCRIPT = str(Path(__file__).with_name("device_script.py"))


@pytest.mark.slow
def test_ranks_observe_what_one_process_observes():
    alone = subprocess.run(
        [sys.executable, SCRIPT], check=True, env=launch.environment(), timeout=300, capture_output=True, text=True
    ).stdout.split()
    shared = launch.run(["-m", "livn_gym.mpi", SCRIPT], 2, timeout=300.0).good().out.split()
    assert shared == alone
    assert alone[1:] == ["cl1", "True"]
