"""The committed results of the gate belong to the present parameters and tasks, and pages and docstrings say them."""

import inspect
from pathlib import Path

import pytest

from livn_gym.envs import tasks
from livn_gym.envs.provenance import COMPARED, provenance
from livn_gym.testing import gate_files
from livn_gym.testing.gate_result import Arm, Criterion, GateResult, Panel
from livn_gym.testing.gate_statistics import Interval


@pytest.fixture(scope="module")
def gate(script):
    return script("gate")


@pytest.fixture
def results(gate):
    return gate_files.read(gate.RESULTS)


def test_results_belong_to_the_present_parameters_and_tasks(results):
    """A result of earlier numbers is measured again by benchmarks/tasks/gate.py."""
    for result in results:
        present = provenance(result.protocol["env"], result.protocol["options"])
        assert {n: result.provenance[n] for n in COMPARED} == {n: present[n] for n in COMPARED}, result.name


def test_no_shipped_task_fails(results):
    assert not [result.name for result in results if result.verdict == "FAILED"]


def test_the_page_and_the_docstrings_say_what_the_files_hold(gate, results):
    text = gate.PAGE.read_text(encoding="utf-8")
    assert gate.page_with_table(text, results) == text
    for name in gate_files.tasks_with_results(results):
        path, written = gate.docstring_with_share(name, results)
        assert path.read_text(encoding="utf-8") == written, name


def result(name, share):
    arm = Arm("agent", "intact", (1.0, 2.0))
    names = ("S", "R", "S_cut", "X1", "X2", "S_poisson", "poisson")
    panel = Panel((3.0, 3.0), dict.fromkeys(names, arm), (Criterion("c", 1.0, 0.0, True),), Interval(share, 0.8, 1.0))
    return GateResult(name, {"task": "pong"}, {}, (panel,))


def test_a_share_is_written_once_and_renewed(gate, monkeypatch, tmp_path):
    source = Path(inspect.getfile(tasks.find("pong"))).read_text(encoding="utf-8")
    monkeypatch.setattr(gate.inspect, "getfile", lambda cls: str(tmp_path / "pong.py"))
    (tmp_path / "pong.py").write_text(source)
    for share in (0.9, 0.95):
        path, text = gate.docstring_with_share("pong", [result("livn/EI3-Pong-v0", share)] * 3)
        path.write_text(text)
    assert text.count(gate_files.SHARE) == 1 and "95 % (80 to 100) of the gain" in text and "90 %" not in text
    assert max(map(len, text.splitlines())) <= 120
    compile(text, "pong.py", "exec")
    page = gate.page_with_table(f"a\n{gate.START}old\n{gate.END}\nb\n", [result("livn/EI3-Pong-v0", 0.9)])
    assert page.startswith("a\n<!-- gate -->\n\n| task |") and page.endswith("\n\n<!-- end of gate -->\nb\n")
