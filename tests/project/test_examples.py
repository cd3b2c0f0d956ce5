"""The examples run in short form, and what they print is what their page says of them."""

import re
import subprocess
import sys
from pathlib import Path

import cl_sdk
import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))


def numbers(pattern, text):
    """The numbers that a pattern's groups find in a text; the pattern is there once."""
    (found,) = re.findall(pattern, text)
    return [float(number) for number in ([found] if isinstance(found, str) else found)]


def cl_closed_loop(out):
    rows = re.findall(r"^(upper left|centre|lower right) +(\S+) +(\S+) +(\S+) +(\S+)$", out, re.MULTILINE)
    assert [row[0] for row in rows] == ["upper left", "centre", "lower right"]
    none, strongest = (sum(float(row[column]) for row in rows) for column in (1, 4))
    assert strongest > none


def closed_loop_control(out):
    (alone,) = numbers(r"no stimulation: .* error over a second (\S+) Hz", out)
    (controlled,) = numbers(r"controlled: .* error over a second (\S+) Hz", out)
    assert controlled < 0.9 * alone  # 6 Hz at rest below the target, against the bursts that stimulation evokes


def custom_encoding(out):
    for axis in "xy":
        (correlation,) = numbers(rf"{axis}: correlation of position and response (\S+) over", out)
        assert correlation > 0.40  # p < 0.01 for 40 places without relation


def measure_recording(out):
    (rate_hz,) = numbers(r"rate_hz: (\S+) Hz", out)
    (ratio,) = numbers(r"range_5ms: (\S+)", out)
    (share,) = numbers(r"evoked_share: (\S+)", out)
    assert rate_hz > 1.0 and ratio > 1.5 and 0.0 <= share <= 1.0  # the network answers trains


def planning_with_snapshots(out):
    (constant,) = numbers(r"best of 9 constants: mean error (\S+) Hz", out)
    (planned,) = numbers(r"planned, .*: mean error (\S+) Hz", out)
    assert planned < constant


def plasticity_experiment(out):
    (forth,) = numbers(r"left to right: (\S+) %", out)
    (back,) = numbers(r"right to left: (\S+) %", out)
    assert forth > 0.0 > back


def dataset_generation(out):
    (files,) = numbers(r"(\d+) files", out)
    rate_hz, seed = numbers(r"last sample: (\S+) Hz over 400 ms, seed (\d+)", out)
    assert (files, seed) == (6, 5) and rate_hz > 0.0


def fit_recording(out):
    for name in ("rate_hz", "evoked_spikes"):
        recorded, fitted, shipped = numbers(rf"{name}: recorded (\S+), fitted (\S+), shipped (\S+)", out)
        assert abs(fitted - recorded) < abs(shipped - recorded) / 2
    numbers(r"(\d+) of 6 sets accepted", out)


def train_with_sb3(out):
    (trained,) = numbers(r"after \d+ steps: return (\S+)", out)
    (silent,) = numbers(r"no stimulation: return (\S+)", out)
    assert trained > silent


NEEDS = {"train_with_sb3": "rl", "cl_closed_loop": "cl"}
"""Examples that need what the extra ``test`` does not bring."""

ON_CL1 = {"cl_closed_loop"}
"""Scripts for a CL1, which ``livn-gym cl run`` runs on a simulated culture."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs(NEEDS[name]) if name in NEEDS else ()) for name in EXAMPLES]
)
def test_an_example_runs_and_shows_what_it_is_for(name, tmp_path):
    path, environment = str(ROOT / "examples" / f"{name}.py"), None
    command = [sys.executable, "-W", "error", path, "--short"]
    if name in ON_CL1:
        environment = cl_sdk.environment()
        command = [cl_sdk.python(), "-c", cl_sdk.MAIN, "cl", "run", "--accelerated", "--seed", "1", path, "--short"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    globals()[name](done.stdout)


def test_the_page_shows_every_example():
    page = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    assert re.findall(r"\(\.\./examples/(\w+)\.py\)", page) == EXAMPLES


def test_an_example_is_short():
    for name in EXAMPLES:
        lines = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8").count("\n")
        assert 30 <= lines <= 80, f"{name}: {lines} lines"
