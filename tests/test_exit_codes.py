"""Exit codes of the command line: 2 for what cannot be a command, 1 for a command that fails, with one line."""

from pathlib import Path

import pytest
from commands import caller
from devices.test_cl_source import SMALL

from livn_gym.agents import evaluate
from livn_gym.errors import LimitExceeded


@pytest.fixture
def run(monkeypatch, tmp_path):
    return caller(monkeypatch, tmp_path)


USAGE = [
    ("simulate", "EI9"),
    ("simulate", "EI1", "--duration", "nan"),
    ("simulate", "EI1", "--profile", "slow"),
    ("simulate", "EI1", "--out", "spikes.csv"),
    ("simulate", "EI1", "--out", "nowhere/s.npz"),
    ("export", "none.npz", "--to", "nwb", "--out", "out.nwb"),
    ("measure", "none.csv"),
    ("measure", "."),
    ("fit", "none.csv"),
    ("fit", "broken.csv", "--out", "."),
    ("tune", "EI9"),
    ("tune", "EI1", "--targets", "broken.toml"),
    ("validate", "EI1", "--params", "broken.toml"),
    ("validate", "--tasks", "livn/EI9-v0"),
    ("generate", "broken.toml", "folder"),
    ("generate", "--device", "broken.toml"),
    ("generate", "--device", "cl2"),
    ("generate", "--device", ""),
    ("info", "broken.toml"),
    ("info", ""),
    ("new", "task", "nowhere/mine.py"),
    ("tune", "EI1", "--study", "t.journal", "--profile", "slow"),
    ("validate", "EI1", "--quick", "--folder", "measures", "--profile", "slow"),
    ("validate", "EI1", "--quick", "--folder", "broken.csv"),
    ("benchmark", "--tasks", "livn/EI1-v0", "--agents", "silent", "--out", "results", "-o", "foo=3"),
    ("benchmark", "--tasks", "livn/EI1-v0", "--agents", "silent", "--out", "broken.csv"),
    ("measure", "broken.csv", "--out", "folder.json"),
    ("sample", "EI9", "--out", "data"),
    ("warmup", "--backend", "none"),
    ("evaluate", "silent", "--env", "livn/EI1-v0", "-o", "foo=3"),
    ("evaluate", "silent", "--env", "livn/EI1-v0", "-o", "max_episode_steps=many"),
    ("evaluate", "silent", "--env", "livn/EI1-v0", "-o", "settle_ms"),
    ("evaluate", "nobody"),
    ("watch", "silent", "--env", "livn/EI1-v0", "--out", "episode.txt"),
    ("train", "--env", "livn/EI9-v0"),
    ("train", "--env", "livn/EI1-v0", "-o", "foo=3", "--steps", "8"),
    ("train", "--env", "livn/EI1-v0", "--posterior", "", "--steps", "8"),
    ("deploy", "silent", "--device", "broken.toml"),
    ("deploy", "silent", "--limits", "broken.toml"),
    ("deploy", "silent", "--episodes", "0"),
    ("serve", "--speed", "-1"),
    ("nothing",),
]


LEARNERS = pytest.mark.needs("rl")


@pytest.mark.parametrize(
    "arguments",
    [pytest.param(a, marks=LEARNERS if a[0] in ("benchmark", "train") else ()) for a in USAGE],
    ids=" ".join,
)
def test_what_cannot_be_a_command_is_2(run, arguments, tmp_path):
    Path("broken.toml").write_text("a = = 3\n")
    Path("broken.csv").write_text("t_ms,channel\n1,2\nx,3\n")
    Path("folder.json").mkdir()
    before = sorted(tmp_path.rglob("*"))
    code, _, err = run(*arguments)
    assert code == 2, err
    assert "Traceback" not in err and "unexpected error" not in err
    assert sorted(tmp_path.rglob("*")) == before


FAILURES = [
    ("measure", "broken.csv"),  # a damaged recording
    ("export", "broken.npz", "--to", "nwb", "--out", "out.nwb"),
    ("simulate", "EI1", "--duration", "10", "--settle", "0", "--out", "/proc/s.npz"),
    ("generate", "small.toml", "/proc/folder"),
]


@pytest.mark.parametrize("arguments", FAILURES, ids=" ".join)
def test_a_failure_is_1(run, arguments):
    Path("broken.csv").write_text("t_ms,channel\n1,2\nx,3\n")
    Path("broken.npz").write_bytes(b"PK\x03\x04 and no more")
    Path("small.toml").write_text(SMALL)
    code, _, err = run(*arguments)
    assert code == 1, err
    assert err.strip().splitlines()[-1].startswith("livn-gym: ") and "unexpected error" not in err


@pytest.mark.parametrize(("steps", "code"), [(0, 2), (3, 1)])
def test_what_is_refused_in_the_middle_of_a_run_is_a_failure(run, monkeypatch, steps, code):
    """An agent that exceeds a limit in its third step is not a wrong argument."""

    def play(*arguments, report, **options):
        report(steps)
        raise LimitExceeded("The command is too strong.")

    monkeypatch.setattr(evaluate, "play", play)
    found, _, err = run("evaluate", "silent", "--env", "livn/EI1-v0")
    assert (found, err.strip().splitlines()[-1]) == (code, "livn-gym: The command is too strong.")
