"""The commands that tune and validate cultures, and those that validate tasks."""

import json
import re
import tomllib

import pytest
from commands import PNG, caller, row
from fakes import use_poisson_backend


@pytest.fixture
def run(monkeypatch, tmp_path):
    return caller(monkeypatch, tmp_path)


SHORT = (
    "[protocol]\nsettle_ms = 100\nrest_ms = 2000\nonset_ms = 200\nsustained_ms = 400\nlevel_ms = 200\npause_ms = 100\n"
    "pulse_trials = 1\npulse_interval_ms = 200\nplace_trials = 0\ndevice_ms = 0\ncut_ms = 200\n"
)


def test_validate_prints_a_table_and_writes_page_and_values(run, tmp_path):
    code, out, _ = run("validate", "EI2", "--quick", "--figure", "page.png", "--out", "values.json")
    assert code == 0
    name, band, value, verdict = row(out, "spontaneous rate (Hz)")
    assert (band, verdict) == ("2 ... 4.5", "ok")
    assert float(value.split(" ")[0]) == pytest.approx(3.0, abs=0.2)  # the fake's rate
    assert row(out, "network bursts (/s)")[3] == "MISSED"
    assert (tmp_path / "page.png").read_bytes().startswith(PNG)
    assert len(json.loads((tmp_path / "values.json").read_text())["sets"][0]["cultures"]) == 2


def test_validate_ends_with_1_where_a_target_is_missed(run, tmp_path):
    (tmp_path / "mine.toml").write_text("[targets.rate_hz]\nlow = 50.0\n" + SHORT)
    short = ("--seeds", "1", "--stimulated", "1", "--targets", "mine.toml", "--markdown")
    code, out, err = run("validate", "EI1", *short)
    assert code == 1
    assert "| spontaneous rate (Hz) | >= 50 |" in out
    assert "missed: rate_hz" in err


def test_validate_goes_on_from_a_folder(run, tmp_path):
    (tmp_path / "mine.toml").write_text('extends = "EI1"\n' + SHORT)
    short = ("--seeds", "1", "--stimulated", "1", "--targets", "mine.toml", "--folder", "kept")
    _, first, _ = run("validate", "EI1", *short, "--figure", "page.png")
    assert len(list((tmp_path / "kept").iterdir())) == 6  # two seeds of the own graph, and four graphs
    _, again, _ = run("validate", "EI1", *short)
    assert again == first
    code, _, err = run("validate", "EI1", *short, "--figure", "page.png")
    assert code == 1 and "kept holds the measures of all" in err


FIRE_MUCH = """
import numpy as np
from gymnasium import spaces
from livn_gym.envs.tasks import Task


class FireMuch(Task):
    loop_defaults = {"settle_ms": 400.0, "decoding": "channel_rates"}
    observation_space = spaces.Box(0.0, 1.0, (1,), np.float32)

    def reset(self, rng):
        self.steps, self.rate_hz = 0, 0.0

    def after_step(self, measurement):
        self.steps, self.rate_hz = self.steps + 1, measurement.rate_hz

    @property
    def reward(self):
        return self.rate_hz

    @property
    def terminated(self):
        return self.steps == 3

    def observe(self, measurement):
        return np.zeros(1)

    def info(self, measurement):
        return {}
"""


def test_validate_tasks_ends_with_1_where_a_task_fails_and_goes_on_from_a_folder(run, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(FIRE_MUCH)
    arguments = ("validate", "--tasks", "mine.py:FireMuch", "--quick", "--folder", "kept")
    code, out, err = run(*arguments)  # the fake responds to charge without synapses
    assert code == 1 and "/ (R - S) is" in err
    assert re.findall(r"mine.py:FireMuch │ +(\d, \d) ", out) == ["3, 3", "5, 5"]
    assert out.count("FAILED") == 2
    (path,) = (tmp_path / "kept").iterdir()
    kept = path.read_bytes()
    assert run(*arguments)[:2] == (1, out) and path.read_bytes() == kept
    use_poisson_backend(monkeypatch, "NetworkBackend")
    code, out, _ = run(*arguments[:-2], "--markdown")
    assert code == 0 and "| passed |" in out and "- met: lower 95 % bound of R - S" in out


def test_tune_writes_parameters_and_goes_on_from_its_study(run, tmp_path):
    (tmp_path / "mine.toml").write_text(
        "[targets.rate_hz]\nlow = 1.0\nhigh = 5.0\n[search]\nnoise-EXC-std_e = [0.4, 0.9]\n" + SHORT
    )
    options = ("--quick", "--targets", "mine.toml", "--out", "mine-params.toml")
    code, out, _ = run("tune", "EI1", "--trials", 2, *options)
    assert code == 0
    assert "2 trials in the study" in out
    assert row(out, "spontaneous rate")[3] == "ok"
    found = tomllib.loads((tmp_path / "mine-params.toml").read_text())
    assert 0.4 <= found["noise"]["EXC"]["std_e"] <= 0.9
    assert found["provenance"]["noise_seeds"] == [1000]
    code, out, _ = run("tune", "EI1", "--trials", 3, *options)
    assert "3 trials in the study" in out
    code, _, _ = run("validate", "EI1", "--quick", "--params", "mine-params.toml")
    assert code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("validate", "EI9"), "EI9"),
        (("validate",), "one system, or ids with --tasks"),
        (("validate", "EI1", "EI2"), "one system"),
        (("validate", "--tasks", "livn/EI9-v0"), "EI9"),
        (("validate", "EI2", "--variant", "asleep"), "asleep"),
        (("validate", "EI2", "--params", "none.toml"), "There is no file none.toml"),
        (("validate", "EI2", "--figure", "page.txt"), ".png"),
        (("tune", "EI9"), "EI9"),
        (("tune", "EI1", "--study", "study.db"), ".journal"),
    ],
)
def test_tune_and_validate_refuse_what_they_cannot_do(run, arguments, message):
    code, _, err = run(*arguments)
    assert code == 2
    assert message in err
