"""Files and folders that are complete or absent, and what killed writers leave."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from sessions import made

from livn_gym.atomic import new_folder, only_writer, replacing
from livn_gym.errors import InvalidInput, StorageError
from livn_gym.formats import FORMATS, write

KILLED = """
import os, signal, sys
from livn_gym.atomic import new_folder, replacing
with {writer}(sys.argv[1]) as part:
    (part.write_text if "{writer}" == "replacing" else (part / "x").write_text)("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_a_writer(writer, path):
    done = subprocess.run([sys.executable, "-c", KILLED.format(writer=writer), str(path)])
    assert done.returncode == -signal.SIGKILL


def test_one_writer_at_a_time_holds_a_folder(tmp_path):
    with only_writer(tmp_path):
        with pytest.raises(InvalidInput, match="Another process writes to"), only_writer(tmp_path):
            pass
        with only_writer(tmp_path.parent):
            pass
    with only_writer(tmp_path):
        pass
    with pytest.raises(StorageError, match="cannot be opened"), only_writer(tmp_path / "absent"):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EBADF])
def test_a_folder_without_locks_is_written_to_all_the_same(tmp_path, monkeypatch, number):
    def refuse(descriptor, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with only_writer(tmp_path), replacing(tmp_path / "a.txt") as part:
        part.write_text("a")
    assert (tmp_path / "a.txt").read_text() == "a"


@pytest.mark.parametrize("writer", [replacing, new_folder])
def test_the_next_writer_removes_what_a_killed_one_left(writer, tmp_path):
    path = tmp_path / "a.txt"
    kill_a_writer(writer.__name__, path)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".")
    with replacing(tmp_path / "b.txt") as part:  # of another target: not its to clear
        part.write_text("b")
    assert left.exists()
    with writer(path) as part:
        (part if writer is replacing else part / "x").write_text("whole")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.txt", "b.txt"]


def test_what_a_living_writer_has_is_left_alone(tmp_path):
    with replacing(tmp_path / "a.txt") as first:
        first.write_text("first")
        with replacing(tmp_path / "a.txt") as second:
            second.write_text("second")
        assert first.exists()
    assert (tmp_path / "a.txt").read_text() == "first"


def test_parts_of_other_hosts_are_removed_after_a_day(tmp_path):
    with replacing(tmp_path / "a.txt") as part:
        part.write_text("a")
        name = part.name.split(".")
    foreign = tmp_path / f".{name[1]}.0000abcd-1-00000000.part.txt"
    foreign.write_text("theirs")
    with replacing(tmp_path / "a.txt") as part:
        part.write_text("a")
    assert foreign.exists()
    os.utime(foreign, (time.time() - 90_000.0,) * 2)
    with replacing(tmp_path / "a.txt") as part:
        part.write_text("a")
    assert not foreign.exists()


def test_generate_clears_what_a_killed_one_left(tmp_path, monkeypatch):
    from livn_gym.system import make, sonata

    kill_a_writer("new_folder", tmp_path / "mine")
    assert len(list(tmp_path.iterdir())) == 1
    sonata.write(make("EI1", seed=3), tmp_path / "mine")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]


def test_a_folder_with_content_and_a_file_are_refused(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        with pytest.raises(InvalidInput, match="new or an empty folder"), new_folder(tmp_path / name):
            pass
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "full"]


def test_what_the_system_refuses_is_said(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"), replacing(tmp_path / "none" / "a.txt") as part:
        part.write_text("a")
    with pytest.raises(StorageError, match="No space left"), replacing(tmp_path / "a.txt") as part:
        part.write_text("half")
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_fails_otherwise_leaves_the_old_file(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a.txt") as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("a.txt", "old")]


@pytest.mark.parametrize("name", ["nwb", "sonata", "parquet", "npz"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(name, tmp_path):
    """A limit on the size of files stands for the full disk: the system refuses the same calls of write."""
    script = f"""
import resource, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from sessions import made
from livn_gym.errors import StorageError
from livn_gym.formats import FORMATS, write
path = sys.argv[1]
open(path, "w").write("old")
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
try:
    made().save(path) if {name!r} == "npz" else write(made(), path, {name!r}, replace=True)
except StorageError as error:
    sys.exit("cannot be written" in str(error) and 42)
"""
    path = tmp_path / f"a{'.npz' if name == 'npz' else FORMATS[name].suffix}"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True)
    assert done.returncode == 42, done.stderr.decode()
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [(path.name, "old")]


def test_nix_is_not_begun_on_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10_000))
    with pytest.raises(StorageError, match="not enough space"):
        write(made(), tmp_path / "a.nix", "neo")
    assert list(tmp_path.iterdir()) == []
