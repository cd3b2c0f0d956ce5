"""``livn-gym fit`` on the Poisson fake, whose cultures are alike whatever their parameters."""

import json
import tomllib

import pytest
from commands import PNG, caller, row

from livn_gym.fitting.result import recording_sha256
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
    code, _, err = run("fit", "culture.npz", "--out", "other")
    assert code == 2 and "culture.npz" in err
    run("simulate", "EI1", "--duration", 20_000, "--out", "short.npz")
    code, _, err = run("fit", "short.npz", "--system", "EI1", "--out", "other")
    assert code == 2 and "20 s without stimulation; at least 300 s are needed" in err
    assert not (tmp_path / "other").exists()


@pytest.mark.needs("rl")
def test_train_takes_the_folder_of_a_fit(run, tmp_path):
    code, _, err = run("train", "--posterior", "nothing", "--steps", 8, "--num-envs", 1)
    assert code == 2 and "nothing holds no posterior.json" in err
    assert not (tmp_path / "runs").exists()
