"""A study's file after accidents: cut, damaged, or no study at all, and what a killed writer leaves."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.tuning import CultureSet, Target, Targets, tune
from livn_gym.tuning.journal import open_journal

ONE = CultureSet("one", (None,), (1,))
KEY = "noise-EXC-std_e"
LINE = b'{"op_code":0,"worker_id":"a"}\n'


@pytest.fixture
def search(poisson, short, tmp_path):
    targets = Targets("mine", {"rate_hz": Target("rest", 2.0, 4.5, 3.0)}, {KEY: (0.4, 0.9)}, short)

    def run(trials):
        options = {"cultures": ONE, "confirmation": ONE, "finalists": 1}
        return tune("EI1", targets, tmp_path / "study.journal", trials=trials, **options)

    return run


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_study_with_a_cut_last_line_continues(search, tmp_path, cut, caplog):
    path = tmp_path / "study.journal"
    assert search(2).trials == 2
    os.truncate(path, path.stat().st_size - cut)
    assert search(4).trials == 4
    assert "was cut" in caplog.text
    assert path.read_bytes().endswith(b"\n")


def test_a_damaged_line_is_corrupt_data_with_the_files_name_and_nothing_changes(search, tmp_path):
    path = tmp_path / "study.journal"
    search(2)
    lines = path.read_bytes().splitlines(keepends=True)
    for damaged in (lines[3][:-9] + b"\n", b"\x00\xff\n", b"[" * 100_000 + b"\n", b"[1]\n"):
        content = b"".join([*lines[:3], damaged, *lines[4:]])
        path.write_bytes(content)
        with pytest.raises(CorruptData, match=r"study\.journal is damaged in line 4"):
            search(3)
        assert path.read_bytes() == content


def readable(content):
    try:
        return [json.loads(line) for line in content.splitlines()]
    except ValueError:
        return None


def test_a_flipped_bit_is_noticed_wherever_it_is(search, tmp_path):
    """With another digit a line is still JSON. The last line's end is what a cut would take."""
    path = tmp_path / "study.journal"
    search(1)
    assert search(2).trials == 2  # an intact study continues
    content = path.read_bytes()
    begin = content.index(b"\n")  # a first line without a checksum would be of an earlier version
    for at in np.random.default_rng(0).integers(begin, len(content) - 1, 60).tolist():
        damaged = bytearray(content)
        damaged[at] ^= 1
        path.write_bytes(damaged)
        if readable(bytes(damaged)) == readable(content):
            continue  # the last of 17 digits may change without another number
        with pytest.raises(CorruptData, match=r"study\.journal"):
            open_journal(path)
    path.write_bytes(content)
    open_journal(path)


def test_a_study_of_an_earlier_version_continues(search, tmp_path):
    path = tmp_path / "study.journal"
    search(1)
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert all(line.pop("sha256") for line in lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert search(2).trials == 2


def test_lines_that_are_json_but_no_study_are_corrupt_data(search, tmp_path):
    (tmp_path / "study.journal").write_bytes(LINE)
    with pytest.raises(CorruptData, match=r"study\.journal is no study"):
        search(1)


def test_a_pipe_or_a_folder_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.journal")
    (tmp_path / "folder.journal").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(InvalidInput, match=name):
            open_journal(tmp_path / f"{name}.journal")


HOLDER = """
import sys, time
from pathlib import Path
from livn_gym.tuning.journal import _Lock
_Lock(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(600)
"""


def test_a_killed_writer_leaves_no_lock(tmp_path):
    path = tmp_path / "study.journal"
    path.write_bytes(LINE)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    journal = open_journal(path)  # would wait for ever if the lock outlived its process
    journal.append_logs([{"op_code": 1, "worker_id": "b"}])
    assert [entry["op_code"] for entry in journal.read_logs(0)] == [0, 1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["study.journal"]
