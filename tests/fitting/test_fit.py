"""Small fits of EI1, whose ten cells are cheap."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from livn_gym.env import Env
from livn_gym.errors import InvalidInput, UnknownName
from livn_gym.fitting import Budget, Space, fit, fitted_vector, simulate
from livn_gym.fitting.fit import STUDY
from livn_gym.fitting.result import SUMMARY, write_fit
from livn_gym.fitting.space import Job
from livn_gym.formats import ChannelSpikes
from livn_gym.posterior import Posterior
from livn_gym.system import make
from livn_gym.tuning import ProbeSweep, record_sweep

BUDGET = Budget(design=16, waves=1, sets=8, candidates=6, seeds=3, checks=2, other_graphs=1)
RECORDED = ProbeSweep(rest_ms=300_000.0, trials=12, pulses_uA=(14.0,))

SCRIPT = """
import pickle, sys
from pathlib import Path
from livn_gym.fitting.result import write_fit
from livn_gym.fitting import Budget, fit

spikes, budget = pickle.loads(Path(sys.argv[1]).read_bytes())
result = fit(spikes, "EI1", sys.argv[2], budget=budget)
write_fit(sys.argv[2], result, "00", "a test", 0, budget)
"""


def shifted():
    """Parameters of a culture that fires faster than EI1."""
    space = Space.of("EI1")
    return space.params(np.where([key == "noise-EXC-std_e" for key in space.keys], 0.15, 0.0))


@pytest.fixture(scope="module")
def recording():
    with Env(make("EI1", 77), seed=3, profile="fast") as env:
        env.init().set_params(shifted())
        recorded, stimulus = record_sweep(env, RECORDED)
        return ChannelSpikes.of_recording(recorded, env.electrodes, stimulus, source="EI1, faster")


@pytest.mark.slow
def test_a_fit_comes_nearer_than_the_shipped_parameters_and_is_written(recording, tmp_path):
    result = fit(recording, "EI1", tmp_path, budget=BUDGET, design_path=tmp_path / "design.json")
    assert len(result.candidates) == 6 and result.cultures >= BUDGET.searched + 6 * 3
    generic = simulate("EI1", [Job(Space.of("EI1").base, None, 9 + k) for k in range(3)], result.sweep)
    names = result.criterion.names
    shipped = result.criterion.distance_of_set(np.array([fitted_vector(values, names) for values in generic]))
    assert result.candidates[0].distance < shipped / 3
    assert result.sets, [item.distance for item in result.candidates]
    assert abs(np.log(result.sets[0].measures["rate_hz"] / result.recorded["rate_hz"])) < 0.2

    write_fit(tmp_path, result, "00", "a test", 0, BUDGET)
    posterior = Posterior.read(tmp_path)
    assert posterior.system == "EI1" and len(posterior.sets) == len(result.sets)
    assert posterior.sets[0] == result.sets[0].params
    summary = json.loads((tmp_path / SUMMARY).read_text())
    assert summary["evoked"] == "identified" and summary["provenance"]["recording_sha256"] == "00"
    assert summary["predictive_pass_rate"] == result.pass_rate

    other = fit(recording, "EI1", tmp_path / "again", budget=BUDGET, design_path=tmp_path / "design.json")
    assert [item.distance for item in other.candidates] == [item.distance for item in result.candidates]
    with pytest.raises(InvalidInput, match="study of another fit"):
        fit(recording, "EI1", tmp_path, budget=BUDGET, seed=1)
    with pytest.raises(InvalidInput, match="another system, start, sweep, device or budget"):
        budget = Budget(design=17, waves=0, sets=1, candidates=6, seeds=3, checks=2)
        fit(recording, "EI1", tmp_path / "other", budget=budget, design_path=tmp_path / "design.json")


@pytest.mark.slow
def test_a_killed_fit_continues_as_if_it_had_not_been(recording, tmp_path):
    import pickle

    spontaneous = recording.slice(0.0, 300_000.0)
    pickled = tmp_path / "recording.pkl"
    pickled.write_bytes(pickle.dumps((spontaneous, BUDGET)))

    def start(name):
        return subprocess.Popen([sys.executable, "-c", SCRIPT, str(pickled), str(tmp_path / name)])

    assert start("whole").wait() == 0
    total = len((tmp_path / "whole" / STUDY).read_bytes().splitlines())
    for lines in (BUDGET.design // 2, total // 2):
        process = start("killed")
        journal = tmp_path / "killed" / STUDY
        while process.poll() is None:
            if journal.exists() and len(journal.read_bytes().splitlines()) > lines:
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(0.02)
        process.wait()
    assert start("killed").wait() == 0
    whole, killed = (
        {path.name: path.read_text() for path in (tmp_path / folder).iterdir() if path.name != STUDY}
        for folder in ("whole", "killed")
    )
    assert whole == killed
    assert json.loads(whole[SUMMARY])["evoked"] == "not identified"


def test_bad_input_is_refused_before_anything_is_simulated(recording, tmp_path):
    folder = tmp_path / "fitted"
    with pytest.raises(UnknownName, match="EI22"):
        fit(recording, "EI22", folder)
    with pytest.raises(InvalidInput, match="at least 300 s"):
        fit(recording.slice(0.0, 60_000.0), "EI1", folder)
    with pytest.raises(InvalidInput, match="parameters of the system 'EI1'"):
        fit(recording, "EI2", folder, space=Space.of("EI1"))
    with pytest.raises(InvalidInput, match="seed"):
        fit(recording, "EI1", folder, seed=-1)
    for changes in ({"design": 3}, {"seeds": 1}, {"checks": 0}, {"waves": -1}):
        with pytest.raises(InvalidInput, match=next(iter(changes))):
            Budget(**changes)
    assert not folder.exists()
