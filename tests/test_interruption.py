"""One Ctrl-C ends a long command, with what it has saved, a line that says how to continue, and the exit code 130."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes import use_poisson_backend
from typer.testing import CliRunner

from livn_gym.cli import app, interruption

SHORT = ["-o", "settle_ms=200", "-o", "max_episode_steps=5"]
TRAIN = ["--env", "livn/EI1-v0", "--steps", "1000000", "--num-envs", "2", "--checkpoint-every", "64", *SHORT]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "begun", "hint"),
    [
        (["train", "--agent", "sac", "--out", "run", *TRAIN], "run/checkpoint.pkl", "--resume"),
        (
            ["benchmark", "--tasks", "livn/EI1-v0", "--agents", "sac", "--steps", "1000000", "--out", "b", *SHORT],
            "b/runs/*/checkpoint.pkl",
            "the same command",
        ),
        (
            ["sample", "EI1", "--samples", "100000", "--shard", "2", "--out", "s"],
            "s/data/*.parquet",
            "the same command",
        ),
        (["tune", "EI1", "--quick", "--study", "t.journal", "--trials", "100000"], "t.journal", "the same command"),
        (["deploy", "silent", "--out", "d"], "d/ledger.jsonl", "folder of the session"),
    ],
)
def test_ctrl_c_ends_a_command_once_and_for_all(arguments, begun, hint, tmp_path):
    """The signal goes to the command alone: its processes end with it."""
    command = [sys.executable, "-c", "from livn_gym.cli import main; main()", *arguments]
    started = {"cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, env={**os.environ, "COLUMNS": "200"}, **started) as process:
        try:
            while not any(path.stat().st_size for path in tmp_path.glob(begun)):  # a ledger begins empty
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    last = errors.strip().splitlines()[-1]
    assert process.returncode == interruption.EXIT_CODE
    assert last.startswith("livn-gym: interrupted") and hint in last
    assert "Traceback" not in errors and list(tmp_path.glob(begun))
    assert not list(tmp_path.rglob(".*.part*"))
    end = time.monotonic() + 30.0
    while _members(process.pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert _members(process.pid) == []


def _members(session):
    """Processes of a session that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def test_an_interrupt_that_python_dropped_is_raised_at_the_next_report(monkeypatch, tmp_path):
    """It came while a destructor ran, whose exceptions Python only prints."""
    use_poisson_backend(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: None)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    class Dropping:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    from livn_gym.agents import evaluate

    real = evaluate.play

    def play(*arguments, **options):
        Dropping()
        return real(*arguments, **options)

    monkeypatch.setattr(evaluate, "play", play)
    try:
        result = CliRunner().invoke(app, ["evaluate", "silent", "--env", "livn/EI1-v0", *SHORT])
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == interruption.EXIT_CODE and "nothing was written" in result.stderr


def test_ctrl_c_stays_ignored_where_it_is():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruption.interruptible():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            interruption.check()
    finally:
        signal.signal(signal.SIGINT, before)
