"""``livn-gym fit`` on the Poisson fake, whose cultures are alike whatever their parameters."""

import json
import tomllib

import numpy as np
import pytest
from commands import PNG, caller, row

from livn_gym.errors import InvalidInput
from livn_gym.fitting import Job, Space
from livn_gym.fitting.result import recording_sha256
from livn_gym.fitting.study import FitStudy
from livn_gym.posterior import Posterior


@pytest.fixture
def run(monkeypatch, tmp_path):
    return caller(monkeypatch, tmp_path)


@pytest.mark.slow
def test_fit_prints_measures_and_writes_sets_page_and_provenance(run, tmp_path):
    assert run("simulate", "EI1", "--duration", 300_000, "--out", "culture.npz")[0] == 0
    code, out, err = run("fit", "culture.npz", "--system", "EI1", "--quick", "--design", "design.json")
    assert code == 0, err
    _, recorded, _, fitted = row(out, "spontaneous rate per channel (Hz)")
    assert float(recorded) == pytest.approx(30.0, abs=2.0)  # ten cells of 3 Hz
    assert all(float(number) == pytest.approx(30.0, abs=2.0) for number in fitted.split(" ... "))
    assert row(out, "spikes evoked per 100 channels")[1] == "not identified"
    folder = tmp_path / "fitted"
    assert (folder / "page.png").read_bytes().startswith(PNG)
    posterior = Posterior.read(folder)
    assert posterior.recording_sha256 == recording_sha256(tmp_path / "culture.npz")
    about = tomllib.loads((folder / "set-01.toml").read_text())["provenance"]
    assert about["recording_sha256"] == posterior.recording_sha256 and about["found_by"] == "livn-gym fit"
    summary = json.loads((folder / "fit.json").read_text())
    assert summary["accepted"] == len(posterior.sets) and summary["evoked"] == "not identified"
    again = run("fit", "culture.npz", "--system", "EI1", "--quick", "--design", "design.json")
    assert again[:2] == (code, out)


def test_fit_refuses_what_it_cannot_fit(run, tmp_path):
    (tmp_path / "fitted").write_text("")
    assert "is a file" in run("fit", "culture.npz")[2]
    code, _, err = run("fit", "culture.npz", "--out", ".")
    assert code == 2 and "not empty" in err
    code, _, err = run("fit", "culture.npz", "--out", "other")
    assert code == 2 and "culture.npz" in err
    run("simulate", "EI1", "--duration", 20_000, "--out", "short.npz")
    code, _, err = run("fit", "short.npz", "--system", "EI1", "--out", "other")
    assert code == 2 and "20 s without stimulation; at least 300 s are needed" in err
    assert not (tmp_path / "other").exists()


def test_a_wrong_argument_leaves_nothing_behind(run, tmp_path):
    """The corrected command then works in the same folder."""
    assert run("simulate", "EI1", "--duration", 300_000, "--out", "culture.npz")[0] == 0
    (tmp_path / "foreign.json").write_text("{}")
    before = sorted(tmp_path.rglob("*"))
    for wrong, message in (
        (("--profile", "foo"), "'foo'"),
        (("--phase-ms", "nan"), "finite"),
        (("--phase-ms", "9"), "3 nC"),
        (("--system", "EI9"), "EI9"),
        (("--design", "foreign.json"), "first wave"),
        (("--design", "none/design.json"), "no folder"),
    ):
        code, _, err = run("fit", "culture.npz", "--system", "EI1", "--quick", *wrong)
        assert message in err.splitlines()[-1] and "Traceback" not in err, err
        assert code == (1 if message == "first wave" else 2)
        assert sorted(tmp_path.rglob("*")) == before


def test_an_interrupted_start_does_not_bind_the_next_arguments(tmp_path):
    """A study in which nothing was simulated is no study of other arguments."""
    space = Space.of("EI1")
    for budget in (1, 2):
        study = FitStudy(tmp_path / "study.journal", space, ["rate_hz"], np.zeros(1), {"budget": budget})
    job = Job(space.params(np.zeros(space.num_varied)), None, 1)
    study.add("wave 0", 0, np.zeros(space.num_varied), job, {"rate_hz": 1.0})
    with pytest.raises(InvalidInput, match="study of another fit"):
        FitStudy(tmp_path / "study.journal", space, ["rate_hz"], np.zeros(1), {"budget": 1})


@pytest.mark.needs("rl")
def test_train_takes_the_folder_of_a_fit(run, tmp_path):
    code, _, err = run("train", "--posterior", "nothing", "--steps", 8, "--num-envs", 1)
    assert code == 2 and "There is no folder" in err and "/nothing'" in err
    assert not (tmp_path / "runs").exists()
