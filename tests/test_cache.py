import subprocess
import sys

import pytest

from livn_gym import cache as caching
from livn_gym.cache import SEAL, cache_root, cached_folder, is_intact
from livn_gym.errors import InvalidInput


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("LIVN_GYM_CACHE", str(folder))
    return folder


def fill(folder):
    (folder / "data").write_text("content")


def test_root_is_the_environment_variable_or_the_users(monkeypatch, tmp_path):
    assert cache_root() == tmp_path / "cache"
    monkeypatch.delenv("LIVN_GYM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform.startswith("linux"):
        assert cache_root() == tmp_path / "xdg" / "livn_gym"
    assert cache_root().name == "livn_gym"


def test_a_folder_is_built_once(cache):
    calls = []
    for _ in range(3):
        folder = cached_folder("a/b", lambda place: (calls.append(place), fill(place)))
    assert folder == cache / "a" / "b"
    assert len(calls) == 1
    assert (folder / "data").read_text() == "content"


def test_the_seal_is_what_sha256sum_reads():
    # by printf content | sha256sum
    folder = cached_folder("a", fill)
    assert (folder / SEAL).read_text() == ("ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73  data\n")


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "data").write_text("contenT"),
        lambda folder: (folder / "data").write_text("cont"),
        lambda folder: (folder / "data").unlink(),
        lambda folder: (folder / SEAL).unlink(),
        lambda folder: (folder / SEAL).write_text(""),
        lambda folder: (folder / SEAL).write_bytes(b"\xff\xfe"),
    ],
)
def test_a_damaged_folder_is_built_anew(damage):
    folder = cached_folder("a", fill)
    damage(folder)
    assert not is_intact(folder)
    assert cached_folder("a", fill) == folder
    assert is_intact(folder)
    assert (folder / "data").read_text() == "content"


def test_a_file_in_the_folders_place_is_replaced(cache):
    cache.mkdir()
    (cache / "a").write_text("in the way")
    assert is_intact(cached_folder("a", fill))


def test_a_failed_build_leaves_nothing_and_the_next_works(cache):
    def fail(folder):
        fill(folder)
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        cached_folder("a", fail)
    assert [path.name for path in cache.iterdir()] == [".a.lock"]
    assert is_intact(cached_folder("a", fill))


def test_a_failed_rebuild_keeps_the_damaged_folder_out_of_use(cache):
    folder = cached_folder("a", fill)
    (folder / "data").write_text("changed")

    def fail(_):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        cached_folder("a", fail)
    assert not is_intact(folder)


def test_a_killed_build_frees_the_lock_and_its_rest_is_cleared_away(cache):
    code = (
        "import os, signal\nfrom livn_gym.cache import cached_folder\n"
        "def build(folder):\n    (folder / 'half').write_text('x')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "cached_folder('a', build)\n"
    )
    child = subprocess.run([sys.executable, "-c", code])
    assert child.returncode == -9
    assert (cache / ".a.part" / "half").exists()
    folder = cached_folder("a", fill)
    assert sorted(path.name for path in folder.iterdir()) == [SEAL, "data"]
    assert sorted(path.name for path in cache.iterdir()) == [".a.lock", "a"]


def test_a_cache_that_cannot_be_written_is_a_clear_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LIVN_GYM_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(InvalidInput, match="LIVN_GYM_CACHE"):
        caching.cached_folder("a", fill)
