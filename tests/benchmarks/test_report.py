"""The report on speed: blocks of pages, kept tables, busy machines, and commands of all tables of the pages."""

import datetime
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = """# Title

<!-- speed: machine -->
an old machine
<!-- end -->

<!-- speed: engines -->
<!-- end -->

Text stays.

<!-- speed: memory -->
| old |
<!-- end -->
"""


@pytest.fixture
def report(script, monkeypatch):
    module = script("report")
    monkeypatch.setattr(module, "code", lambda: "abc1234")
    monkeypatch.setattr(module, "machine", lambda: "a processor")
    return module


@pytest.fixture
def commands(report, tmp_path, monkeypatch):
    """Tables whose commands are scripts in a temporary folder, as text by name."""

    def replace(**texts):
        paths = {name: tmp_path / f"{name}.py" for name in texts}
        for name, text in texts.items():
            paths[name].write_text(text, encoding="utf-8")
        monkeypatch.setattr(report, "TABLES", {name: str(path) for name, path in paths.items()})
        return list(texts)

    return replace


def measured(report, text="| new |", **changes):
    date = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    return report.Measured(text, "a processor", date, "abc1234", 0.02, False)._replace(**changes)


def test_tables_replace_the_text_of_their_block(report):
    found = {"engines": measured(report, date="2001-02-03T04:05:06+00:00"), "memory": measured(report, "7 MB")}
    found["engines"] = found["engines"]._replace(others=0.05)
    page = report.renewed(PAGE, found)
    assert "<!-- speed: engines -->\n\n| new |\n\n<!-- end -->" in page
    assert "<!-- speed: memory -->\n\n7 MB\n\n<!-- end -->" in page
    assert "a processor; 2001-02-03 to 20" in page and "commit abc1234. Other programs used at most 0.05 proc" in page
    assert "old" not in page and "Text stays." in page
    assert report.renewed(page, found) == page


def test_the_machine_stays_while_one_of_its_tables_does(report):
    page = report.renewed(PAGE, {"memory": measured(report, "7 MB")})
    assert "an old machine" in page and "7 MB" in page


def test_a_table_is_measured_once(report, commands, tmp_path):
    names = commands(first="print('| 1 |')", second="import sys; print(sys.argv[1:])")
    asked = []
    ready = lambda: not asked.append(None)  # noqa: E731
    found, failed = report.report(names, tmp_path / "out", True, ready)
    assert (found["first"].text, found["second"].text, failed, len(asked)) == ("| 1 |", "['--quick']", [], 2)
    assert report.report(names, tmp_path / "out", True, ready) == (found, [])
    assert len(asked) == 2
    report.report(names, tmp_path / "out", False, ready)  # without --quick these are others
    assert len(asked) == 4


@pytest.mark.parametrize(
    "changes",
    [{"machine": "another"}, {"commit": "0000000"}, {"quick": True}, {"date": "2001-02-03T04:05:06+00:00"}],
    ids=["machine", "commit", "quick", "date"],
)
def test_other_tables_are_not_taken(report, tmp_path, changes):
    path = tmp_path / "table.json"
    for kept, usable in ((measured(report), True), (measured(report, **changes), False)):
        path.write_text(report.json.dumps(kept._asdict()), encoding="utf-8")
        assert (report.load(path, "abc1234", False) is not None) is usable
    assert report.load(tmp_path / "absent.json", "abc1234", False) is None


def test_tables_of_changed_code_are_not_kept(report, tmp_path):
    path = tmp_path / "table.json"
    path.write_text(report.json.dumps(measured(report, commit="abc1234-changed")._asdict()), encoding="utf-8")
    assert report.load(path, "abc1234-changed", False) is None


def test_the_quieter_of_two_measurements_counts(report, commands, tmp_path, monkeypatch):
    tables = [measured(report, "disturbed", others=0.8), measured(report, "quieter", others=0.4)]
    monkeypatch.setattr(report, "measure", lambda command, quick: tables.pop(0))
    found, _ = report.report(commands(first=""), tmp_path / "out", False, lambda: True)
    assert (found["first"].text, tables) == ("quieter", [])


def test_a_failure_does_not_stop_the_others(report, commands, tmp_path, capsys):
    names = commands(first="raise SystemExit('a deliberate fault')", second="print('| 2 |')")
    found, failed = report.report(names, tmp_path / "out", False, lambda: True)
    assert (list(found), failed) == (["second"], ["first"])
    assert "first: a deliberate fault" in capsys.readouterr().err


def test_a_busy_machine_measures_nothing(report, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(report, "in_use", lambda seconds: 1.5)
    monkeypatch.setattr(sys, "argv", ["report.py", "--out", str(tmp_path / "out"), "--patience", "0"])
    with pytest.raises(SystemExit, match="2"):
        report.main()
    assert "use 1.5 processors" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())


def test_a_quick_table_is_not_for_pages(report, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["report.py", "--quick", "--write"])
    with pytest.raises(SystemExit, match="2"):
        report.main()
    assert "committed code" in capsys.readouterr().err


def test_every_table_of_the_pages_has_a_command(report):
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")]
    names = {match["name"] for page in pages for match in report.BLOCK.finditer(page)}
    assert names == {report.MACHINE, *report.TABLES}
    assert sum(page.count("<!-- speed: ") - page.count("<!-- speed: machine") for page in pages) == len(report.TABLES)
    for command in report.TABLES.values():
        assert (ROOT / command.split()[0]).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["larger cultures", "memory", "operations", "plasticity"])
def test_commands_print_tables(report, name):
    text = report.measure(report.TABLES[name], quick=True).text
    assert "\n| --- |" in text
