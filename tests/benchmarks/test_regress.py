"""Comparison of two versions: statistics with known answers, versions whose clock is known, and cleaning up."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from scipy.stats import binom

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "engine" / "regress.py"

FAKE = """
import time
now = 0.0
time.perf_counter = time.process_time = lambda: now

class Env:
    def record_spikes(self):
        return self

    def run(self, duration_ms):
        global now
        now += {seconds}
        return type("Recording", (), dict(spike_t=[0.0] * {spikes}))

def make(system, **options):
    return Env()
"""
"""A livn_gym that moves the clock itself."""


@pytest.fixture(scope="module")
def regress(script):
    return script("regress")


@pytest.fixture
def version(tmp_path):
    """Make a folder with a livn_gym of known speed."""

    def make(name, seconds, spikes=3, text=FAKE):
        package = tmp_path / name / "livn_gym"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(text.format(seconds=seconds, spikes=spikes), encoding="utf-8")
        return str(package.parent)

    return make


def run(*arguments, **options):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def test_a_new_process_imports_the_version_and_not_the_current_folder(script, version, monkeypatch):
    monkeypatch.chdir(version("here", 1.0, text="raise SystemExit('the package of the current folder')"))
    monkeypatch.setenv("PYTHONPATH", version("there", 1.0))
    times, _ = script("regress_child").process("import livn_gym")()
    assert times.wall_s > 0.0


@pytest.mark.parametrize("number", range(6, 60))
def test_interval_contains_the_median_as_often_as_stated(regress, number):
    low, high = regress.median_interval(range(1, number + 1))
    assert low + high == number + 1  # the same rank from both ends
    assert 1.0 - 2.0 * binom.cdf(low - 1, number, 0.5) >= 0.95
    assert 1.0 - 2.0 * binom.cdf(low, number, 0.5) < 0.95  # and the next narrower one does not


def test_few_values_have_no_interval(regress):
    with pytest.raises(ValueError, match="5 values"):
        regress.median_interval(range(5))


def test_ratios_are_those_of_a_turn(regress):
    found = regress.ratios([1.0, 2.0, 4.0, 1.0, 1.0, 1.0], [1.1, 2.2, 4.4, 1.0, 1.2, 1.3])
    assert found.median == pytest.approx(1.1)
    assert found.quartiles == pytest.approx((1.1, 1.175))
    assert found.interval == pytest.approx((1.0, 1.3))


@pytest.mark.parametrize(
    ("clock", "processor", "by", "slower"),
    [
        ((1.031, 1.2), (0.9, 1.0), "clock", True),
        ((1.029, 1.2), (1.1, 1.2), "clock", False),
        ((1.029, 1.2), (1.1, 1.2), "processor", True),
        ((1.1, 1.2), None, "processor", True),
    ],
)
def test_the_whole_interval_must_lie_above_the_limit(regress, clock, processor, by, slower):
    measures = [None if ends is None else regress.Ratios(1.1, ends, ends) for ends in (clock, processor)]
    assert regress.slower(regress.Comparison((1.0, 1.1), *measures, (0.0, 0.0)), 0.03, by) is slower


@pytest.mark.parametrize(
    ("after_s", "spikes", "code", "cells"),
    [
        (0.01, 3, 0, ["10.000", "10.000", "1.000", "equal"]),
        (0.02, 3, 1, ["10.000", "20.000", "2.000", "equal"]),
        (0.005, 4, 0, ["10.000", "5.000", "0.500", "1350 and 1800"]),
    ],
)
def test_versions_of_known_speed(version, after_s, spikes, code, cells):
    done = run(version("before", 0.01), version("after", after_s, spikes), "--what", "EI2-1-fast")
    assert (done.returncode, done.stderr) == (code, "")
    row = done.stdout.splitlines()[4]
    assert row.startswith("| EI2-1-fast |")
    for cell in cells:
        assert cell in row
    closing = "none" if code == 0 else "EI2-1-fast"
    assert done.stdout.splitlines()[-1] == f"slower by more than 3 %: {closing}"


def test_a_version_that_fails_is_no_result(version):
    broken = version("after", 0.01, text="raise RuntimeError('a deliberate fault')")
    done = run(version("before", 0.01), broken, "--what", "EI2-1-fast")
    assert done.returncode == 2
    assert "Traceback" in done.stderr and done.stderr.endswith("regress.py: RuntimeError: a deliberate fault\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["HEAD"], "after"),
        (["HEAD", "HEAD", "--what", "EI2-0-fast"], "'EI2-0-fast' is no workload"),
        (["HEAD", "HEAD", "--what", "EI2-1-quick"], "'EI2-1-quick' is no workload"),
        (["HEAD", "HEAD", "--rounds", "5"], "at least 6"),
        (["HEAD", "HEAD", "--limit", "-1"], "must be positive"),
        (["HEAD", "HEAD", "--limit", "x"], "invalid"),
        (["HEAD", "no-such-commit"], "no-such-commit is neither a folder nor a commit"),
        (["HEAD", str(ROOT / "docs")], "without livn_gym"),
    ],
)
def test_wrong_arguments(arguments, reason):
    done = run(*arguments)
    assert done.returncode == 2
    assert reason in done.stderr


def nothing_left(folder):
    """True if a folder is empty and git knows no worktree in it; other tests may have theirs at the same time."""
    git = ["git", "-C", ROOT, "worktree", "list"]
    worktrees = subprocess.run(git, capture_output=True, text=True, check=True).stdout
    return not list(folder.iterdir()) and str(folder) not in worktrees


@pytest.mark.slow
def test_a_commit_against_itself(tmp_path):
    options = ["--what", "EI1-1-fast-20", "step-2", "--rounds", "6", "--seconds", "0.01", "--limit", "100000"]
    done = run("HEAD", "HEAD", *options, env=os.environ | {"TMPDIR": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(", equal |") == 2
    assert nothing_left(tmp_path)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing(tmp_path, version, number, code):
    folder = tmp_path / "temporary"
    folder.mkdir()
    arguments = ["HEAD", version("after", 1e-9), "--what", "EI1-1-fast", "--rounds", "100000"]
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
    ) as process:
        try:
            process.stdout.readline()  # both versions are checked out
            assert not nothing_left(folder)
            process.send_signal(number)
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == code
    assert nothing_left(folder)
