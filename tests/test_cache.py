import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from livn_gym import cache as caching
from livn_gym.cache import SEAL, cache_root, cached_folder, is_intact
from livn_gym.errors import BackendError, CorruptData, StorageError


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
    assert [path.read_text() for path in cache.glob(".a.*.part/half")] == ["x"]
    folder = cached_folder("a", fill)
    assert sorted(path.name for path in folder.iterdir()) == [SEAL, "data"]
    assert sorted(path.name for path in cache.iterdir()) == [".a.lock", "a"]


def test_a_cache_that_cannot_be_written_is_a_clear_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LIVN_GYM_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(StorageError, match="LIVN_GYM_CACHE"):
        caching.cached_folder("a", fill)


def deep(folder):
    (folder / "x86_64").mkdir()
    (folder / "x86_64" / "lib.so").write_text("code")


@pytest.mark.parametrize("damage", [lambda lib: lib.write_text("c0de"), lambda lib: lib.unlink()])
def test_the_seal_covers_files_in_folders(damage):
    folder = cached_folder("a", deep)
    assert "x86_64/lib.so" in (folder / SEAL).read_text()
    damage(folder / "x86_64" / "lib.so")
    assert not is_intact(folder)
    assert (cached_folder("a", deep) / "x86_64" / "lib.so").read_text() == "code"


def test_a_file_that_was_added_is_not_left_there():
    folder = cached_folder("a", deep)
    (folder / "x86_64" / "added.so").write_text("code")
    assert not is_intact(folder)
    cached_folder("a", deep)
    assert not (folder / "x86_64" / "added.so").exists()
    (folder / ".nfs0001").write_text("a file system's own")
    assert is_intact(folder)


def test_a_folder_that_is_not_accepted_is_built_anew():
    cached_folder("a", fill)

    def other(folder):
        (folder / "data").write_text("other")

    folder = cached_folder("a", other, accept=lambda folder: (folder / "data").read_text() == "other")
    assert (folder / "data").read_text() == "other"


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_will_do(cache, monkeypatch, error):
    def no_locks(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(caching.fcntl, "flock", no_locks)
    (cached_folder("a", fill) / "data").write_text("changed")

    def meanwhile(folder):
        fill(folder)
        if not is_intact(cache / "a"):
            cached_folder("a", fill)  # another process, which does not wait and is faster

    folder = cached_folder("a", meanwhile)
    assert is_intact(folder) and (folder / "data").read_text() == "content"
    assert sorted(path.name for path in cache.iterdir()) == [".a.lock", "a"]


def test_what_is_left_on_a_file_system_without_locks_is_removed_after_a_day(cache, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "none")

    monkeypatch.setattr(caching.fcntl, "flock", no_locks)
    new, old = cache / f".a.{caching._host()}.1.part", cache / ".a.elsewhere.2.part"
    for part in (new, old):
        part.mkdir(parents=True)
    os.utime(old, (1.0, 1.0))
    cached_folder("a", fill)
    assert new.exists() and not old.exists(), "another process may be at work on the new one"


def test_another_error_of_a_lock_is_not_passed_over(monkeypatch):
    def broken(*_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(caching.fcntl, "flock", broken)
    with pytest.raises(StorageError, match="LIVN_GYM_CACHE"):
        cached_folder("a", fill)


@pytest.mark.parametrize("kind", [OSError, RuntimeError, BackendError])  # of writing, of HDF5, of a compiler
def test_a_full_disk_is_a_clear_error_and_leaves_nothing(cache, kind):
    def full(folder):
        fill(folder)
        raise kind(f"file write failed: {os.strerror(errno.ENOSPC)}")

    with pytest.raises(StorageError, match="No space left.*LIVN_GYM_CACHE"):
        cached_folder("a", full)
    assert [path.name for path in cache.iterdir()] == [".a.lock"]


def test_errors_of_a_build_that_say_what_they_are_pass():
    def damaged(_):
        raise CorruptData("the source is damaged")

    with pytest.raises(CorruptData, match="source"):
        cached_folder("a", damaged)


def test_what_cannot_be_read_is_not_called_damaged(monkeypatch):
    folder = cached_folder("a", fill)

    def refuse(_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(caching, "file_sha256", refuse)
    with pytest.raises(StorageError, match="cannot be read"):
        is_intact(folder)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_whatever_the_umask_others_cannot_write(cache, mask):
    before = os.umask(mask)
    try:
        folder = cached_folder("a/b", deep)
    finally:
        os.umask(before)
    for path in (cache, *cache.rglob("*")):
        assert path.stat().st_mode & 0o022 == 0, path
    readable = 0o755 & ~mask
    assert folder.stat().st_mode & 0o777 == (folder / "x86_64").stat().st_mode & 0o777 == readable


@pytest.mark.parametrize("place", ["", "a", "a/b", "a/b/SHA256SUMS", "a/b/x86_64", "a/b/x86_64/lib.so"])
def test_what_everyone_can_write_is_refused(cache, place):
    cached_folder("a/b", deep)
    (cache / place).chmod(0o777)
    with pytest.raises(StorageError, match=r"everyone.*LIVN_GYM_CACHE"):
        cached_folder("a/b", deep)


def test_what_belongs_to_another_is_refused(monkeypatch, cache):
    cached_folder("a", fill)
    owner = cache.stat().st_uid or 12345
    for path in (cache, *cache.rglob("*")):
        if path.stat().st_uid != owner:  # root's own would be trusted
            os.chown(path, owner, -1)
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(StorageError, match="belongs to"):
        cached_folder("a", fill)


def test_without_a_home_there_is_a_clear_error(monkeypatch):
    monkeypatch.delenv("LIVN_GYM_CACHE")
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "pwd", None)  # as for a user id without an entry
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    for place in (None, "~/cache"):
        if place:
            monkeypatch.setenv("LIVN_GYM_CACHE", place)
        with pytest.raises(StorageError, match="LIVN_GYM_CACHE"):
            cache_root()


@pytest.mark.parametrize("name", ["with space", "per%cent %s", "Zürich-培養", "quote'\"", "a" * 200, "*[x]?"])
def test_odd_names_of_folders_will_do(monkeypatch, tmp_path, name):
    monkeypatch.setenv("LIVN_GYM_CACHE", str(tmp_path / name))
    for _ in range(2):
        (cached_folder(name, fill) / "data").unlink()
    assert is_intact(cached_folder(name, fill))
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == sorted([f".{name}.lock", name])


@pytest.mark.parametrize("kind", ["file", "pipe", "device"])
def test_what_is_no_folder_is_called_that_and_stays(monkeypatch, tmp_path, kind):
    """Nobody is told to change the permissions of a device."""
    root = {"file": tmp_path / "root", "pipe": tmp_path / "root", "device": Path(os.devnull)}[kind]
    if kind == "file":
        root.write_text("content")
    elif kind == "pipe":
        os.mkfifo(root)
    monkeypatch.setenv("LIVN_GYM_CACHE", str(root))
    with pytest.raises(StorageError, match=r"not a folder.*LIVN_GYM_CACHE"):
        cached_folder("entry", fill)
    assert root.exists() and not root.is_dir()


def test_a_name_that_is_too_long_is_a_clear_error(monkeypatch, tmp_path):
    monkeypatch.setenv("LIVN_GYM_CACHE", str(tmp_path / ("a" * 300)))
    with pytest.raises(StorageError, match="LIVN_GYM_CACHE"):
        cached_folder("a", fill)
