import os
from pathlib import Path

import pytest

from livn_gym import ownership
from livn_gym.ownership import why_untrusted


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    path.chmod(0o644)
    return path


def test_own_files_that_others_can_read_are_trusted(file):
    assert why_untrusted(file) is None and why_untrusted(file.parent) is None


def test_files_of_root_are_trusted():
    assert why_untrusted(Path("/")) is None


@pytest.mark.parametrize("mode", [0o646, 0o666, 0o622])
def test_what_everyone_can_write_is_not(file, mode):
    file.chmod(mode)
    assert "everyone" in why_untrusted(file)


def test_a_folder_in_which_all_can_make_files_but_not_replace_those_of_others_is(tmp_path):
    tmp_path.chmod(0o1777)
    assert why_untrusted(tmp_path) is None
    tmp_path.chmod(0o777)
    assert "everyone" in why_untrusted(tmp_path)


def test_another_owner_is_not(file, monkeypatch):
    if file.stat().st_uid == 0:
        os.chown(file, 12345, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert "belongs to the user" in why_untrusted(file)


class Group:
    gr_name, gr_mem = "lab", []


class User:
    pw_name, pw_gid = "anna", 4242


@pytest.mark.parametrize(
    "name, members, trusted",
    [("anna", [], True), ("anna", ["anna"], True), ("anna", ["anna", "ben"], False), ("lab", ["anna"], False)],
)
def test_a_group_of_this_user_alone_is_trusted(file, monkeypatch, name, members, trusted):
    monkeypatch.setattr(Group, "gr_name", name)
    monkeypatch.setattr(Group, "gr_mem", members)
    monkeypatch.setattr(ownership.grp, "getgrgid", lambda gid: Group)
    monkeypatch.setattr(ownership.pwd, "getpwuid", lambda uid: User)
    file.chmod(0o664)
    if os.geteuid() == 0:
        os.chown(file, -1, 4242)
    else:
        monkeypatch.setattr(User, "pw_gid", file.stat().st_gid)
    assert (why_untrusted(file) is None) is trusted


def test_a_user_and_a_group_without_an_entry_are_named_by_number(file, monkeypatch):
    def unknown(_):
        raise KeyError

    for module, name in ((ownership.grp, "getgrgid"), (ownership.pwd, "getpwuid")):
        monkeypatch.setattr(module, name, unknown)
    assert why_untrusted(file) is None
    file.chmod(0o664)
    gid = file.stat().st_gid
    if os.geteuid() == 0:
        gid = 4242
        os.chown(file, -1, gid)
    assert str(gid) in why_untrusted(file)
