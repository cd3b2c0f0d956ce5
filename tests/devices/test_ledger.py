"""The ledger of a session: complete, in order, and no line can be changed unnoticed."""

import json
import os

import pytest

from livn_gym.devices.ledger import Ledger, read_ledger
from livn_gym.errors import CorruptData, InvalidInput, StorageError


@pytest.fixture
def path(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for number in range(3):
        ledger.write("sent", charge_nC=number / 3)
    ledger.close()
    ledger.close()
    return ledger.path


def test_lines_are_read_as_written(path):
    lines = read_ledger(path)
    assert [line["number"] for line in lines] == [0, 1, 2]
    assert [line["charge_nC"] for line in lines] == [0.0, 1 / 3, 2 / 3]
    assert all(line["time"] and line["event"] == "sent" for line in lines)


def test_a_line_can_be_read_at_once(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.write("opened")
    assert len(read_ledger(ledger.path)) == 1


def test_a_session_never_continues_the_ledger_of_another(path):
    with pytest.raises(InvalidInput, match="new ledger"):
        Ledger(path)
    assert len(read_ledger(path)) == 3


@pytest.mark.parametrize("damage", ["changed", "removed", "added", "cut", "no json"])
def test_every_later_change_is_found(path, damage):
    lines = path.read_bytes().splitlines(keepends=True)
    changed = {
        "changed": [lines[0].replace(b"0.0", b"0.5"), *lines[1:]],
        "removed": [lines[0], lines[2]],
        "added": [*lines, lines[2]],
        "cut": [*lines[:2], lines[2][:20]],
        "no json": [*lines, b"x\n"],
    }[damage]
    path.write_bytes(b"".join(changed))
    with pytest.raises(CorruptData, match="line"):
        read_ledger(path)


def test_values_that_json_lacks_are_refused(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    with pytest.raises(ValueError, match="JSON"):
        ledger.write("sent", charge_nC=float("nan"))
    ledger.write("opened")
    assert json.loads(ledger.path.read_text())["number"] == 0


def test_folders_that_cannot_be_written(tmp_path):
    with pytest.raises(StorageError, match="cannot be created"):
        Ledger(tmp_path / "absent" / "ledger.jsonl")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a Linux device")
def test_a_full_disk_is_an_error_before_anything_is_sent(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, ledger._file)
    os.close(full)
    with pytest.raises(StorageError, match="No space left"):
        ledger.write("sent")
    with pytest.raises(StorageError, match="cannot be written"):
        ledger.close()  # nothing can be forced to such a disk either
