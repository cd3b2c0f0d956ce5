"""Paths of systems that are not what a developer's are."""

import os

import pytest

from livn_gym.errors import InvalidInput
from livn_gym.system import System, fetch, make, sonata


@pytest.mark.parametrize("name", ["with space", "per%cent %s", "Zürich-培養", "quote'\"", "#[*]?", "bad\udcff"])
def test_a_system_is_written_and_read_there(tmp_path, name):
    if name.startswith("bad"):
        try:
            os.mkdir(tmp_path / name)
            os.rmdir(tmp_path / name)
        except OSError:
            pytest.skip("this file system has names in UTF-8 alone")
    system = make("EI1")
    folder = tmp_path / name
    sonata.write(system, folder)
    assert System.from_directory(folder).sha256() == system.sha256()


@pytest.mark.parametrize("read", [System.from_directory, fetch])
def test_a_home_that_nobody_has_is_a_clear_error(read):
    with pytest.raises(InvalidInput, match="no-such-user"):
        read("~no-such-user/culture")


def test_the_users_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    sonata.write(make("EI1"), tmp_path / "culture")
    assert System.from_directory("~/culture").num_neurons == 10
