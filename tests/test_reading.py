"""Files that are damaged, absurd or hostile: an error that names the file, and nothing else."""

import io
import json
import os
import threading
import zipfile

import h5py
import numpy as np
import pytest
from sessions import made

from livn_gym import reading
from livn_gym.errors import CorruptData, InvalidInput, StorageError
from livn_gym.formats import FORMATS, Session, read, write
from livn_gym.hdf5 import Hdf5, check_structure
from livn_gym.reading import read_json, read_npz, read_toml, regular_file
from livn_gym.seal import check_seal


def load(path, name):
    """Read a file as one of the formats, or as what Session.save wrote."""
    return Session.load(path) if name == "npz" else read(path, name)


def suffix(name):
    return ".npz" if name == "npz" else FORMATS[name].suffix


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a sound file of every format."""
    folder, found = tmp_path_factory.mktemp("whole"), {}
    for name in (*FORMATS, "npz"):
        path = folder / f"a{suffix(name)}"
        made().save(path) if name == "npz" else write(made(), path, name)
        found[name] = path.read_bytes()
    return found


@pytest.mark.parametrize("name", [*FORMATS, "npz"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "loop", "nothing", "long"])
def test_what_is_no_file_is_refused_at_once(name, kind, tmp_path):
    path = tmp_path / f"a{suffix(name)}"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "long":
        path = tmp_path / ("a" * 300 + suffix(name))
    with pytest.raises(StorageError if kind in ("loop", "long") else InvalidInput) as error:
        load(path, name)
    assert path.name in str(error.value) and not isinstance(error.value, CorruptData)


@pytest.mark.parametrize("path", [5, b"a.npz", None, "a\0b"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(InvalidInput):
        regular_file(path)


def test_a_lock_or_a_broken_drive_is_not_damage(tmp_path):
    for message, error in (("errno = 5, error message = 'Input/output error'", StorageError), ("bad", CorruptData)):
        with pytest.raises(error), reading.damage(tmp_path / "a.h5"):
            raise OSError(f"Unable to open file ({message})")


def test_a_missing_permission_is_not_damage(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("{}")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        regular_file(path)


@pytest.mark.parametrize("name", [*FORMATS, "npz"])
def test_a_changed_byte_is_noticed(name, whole, tmp_path):
    path, content = tmp_path / f"a{suffix(name)}", whole[name]
    generator, expected = np.random.default_rng(0), made()
    for place in generator.integers(0, len(content) - 100, 12):
        path.write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
        try:
            found = load(path, name)
        except (CorruptData, InvalidInput) as error:
            assert path.name in str(error)
        else:  # bytes that mean nothing, such as times in a zip's directory
            assert found.metadata() == expected.metadata()
            assert np.array_equal(found.recording.spikes[2], expected.recording.spikes[2])


def test_every_changed_byte_of_hdf5_is_noticed(whole, tmp_path):
    for name in ("nwb", "neo", "sonata"):
        path, content = tmp_path / f"a{suffix(name)}", whole[name]
        for place in range(0, len(content) - 82, len(content) // 40):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            with pytest.raises(CorruptData, match=path.name):
                check_structure(path)


def test_a_seal_is_passed_over_by_hdf5_and_removed_by_a_change(whole, tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(whole["sonata"])
    assert check_seal(path)
    with h5py.File(path, "r") as file:
        assert set(file) == {"spikes", "livn_gym"}
    assert check_seal(path)
    with h5py.File(path, "a") as file:
        file.attrs["note"] = "mine"
    assert not check_seal(path)
    assert read(path, "sonata").seed == 7


@pytest.mark.parametrize("name", ["neo", "nwb", "sonata"])
def test_files_without_a_seal_are_read_too(name, whole, tmp_path):
    path = tmp_path / f"a{suffix(name)}"
    path.write_bytes(whole[name][:-82])
    assert not check_seal(path)
    assert read(path, name).metadata() == made().metadata()


@pytest.mark.slow
def test_a_file_on_which_hdf5_never_ends_is_damage(whole, tmp_path, monkeypatch):
    from livn_gym import hdf5

    monkeypatch.setattr(hdf5, "CHECK_S", 2.0)
    content = bytearray(whole["neo"][:-82])
    start = content.index(b"GCOL")  # the heap of texts: zeros in it are objects of no length, which HDF5 walks for ever
    content[start + 16 : start + 4096] = bytes(4096 - 16)
    (tmp_path / "a.nix").write_bytes(content)
    with pytest.raises(CorruptData, match=r"a\.nix"):
        read(tmp_path / "a.nix", "neo")


def test_absurd_hdf5_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", shape=(10**13,), dtype="f8", chunks=(10**6,))
    with Hdf5(path) as file:
        with pytest.raises(CorruptData, match="bytes"):
            file.array("x")
        with pytest.raises(CorruptData, match="bytes"):
            file.check()
    with pytest.raises(CorruptData, match=r"a\.h5"):
        check_structure(path)


def test_hdf5_that_leads_elsewhere_is_refused(tmp_path):
    (tmp_path / "secret").write_bytes(b"12345678")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros(3)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["link"] = h5py.ExternalLink("other.h5", "x")
        file.create_dataset("raw", shape=(8,), dtype="u1", external=[(str(tmp_path / "secret"), 0, 8)])
        layout = h5py.VirtualLayout(shape=(3,), dtype="f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", shape=(3,))
        file.create_virtual_dataset("virtual", layout)
    with Hdf5(tmp_path / "a.h5") as file:
        for place in ("raw", "virtual"):
            with pytest.raises(CorruptData, match="another file"):
                file.array(place)
        with pytest.raises(CorruptData, match="another file"):
            file.check()


def test_hdf5_with_a_cycle_of_groups_ends(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a/b/x"] = np.zeros(3)
        file["a/b/up"] = file["a"]
    with Hdf5(tmp_path / "a.h5") as file:
        file.check()


def test_kinds_shapes_and_places_of_hdf5_are_checked(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["text"], file["matrix"], file["nan"] = "word", np.zeros((2, 2)), [np.nan]
        file["real"], file["large"], file["group/x"] = [0.5], np.array([2**64 - 1], np.uint64), [1]
    with Hdf5(tmp_path / "a.h5") as file:
        for call, place in (
            (file.array, "text"),
            (file.array, "matrix"),
            (file.array, "none"),
            (file.array, "group"),
            (file.finite, "nan"),
            (file.index, "real"),
            (file.index, "large"),
            (file.json, "text"),
            (file.json, "matrix"),
        ):
            with pytest.raises(CorruptData, match=place):
                call(place)


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 200_000, b"\xff\xfe", b'{"a": ' + b"9" * 5000 + b"}"])
def test_text_that_is_no_json(content, tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(CorruptData, match=r"a\.json"):
        read_json(path)


@pytest.mark.parametrize("content", [b"a", b"a = " + b"[" * 100_000, b"\xff"])
def test_text_that_is_no_toml(content, tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"a\.toml is not valid TOML"):
        read_toml(path)


def test_text_is_bounded_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_TEXT_BYTES", 10)
    (tmp_path / "a.json").write_text(json.dumps("x" * 20))
    with pytest.raises(InvalidInput, match="at most 10"):
        read_json(tmp_path / "a.json")


def test_npz_comes_back(tmp_path):
    arrays = {
        "c": np.arange(6.0).reshape(2, 3),
        "f": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "none": np.zeros((0, 3)),
        "one": np.float64(1.5),
        "text": np.array("word"),
    }
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    found = read_npz(tmp_path / "a.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == np.asarray(array).dtype


def npy(header):
    """The bytes of an array with any header."""
    text = repr(header).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        npy({"descr": "<f8", "fortran_order": False, "shape": (10**13,)}),
        npy({"descr": "<f8", "fortran_order": False, "shape": (-1,)}),
        npy({"descr": "|O", "fortran_order": False, "shape": (1,)}) + bytes(8),
        npy({"descr": "<f8", "fortran_order": False, "shape": (1,)}) + bytes(16),
        npy("[" * 5000),
        b"no array",
        b"",
    ],
)
def test_npz_with_absurd_headers(content, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("x.npy", content)
    with pytest.raises(CorruptData, match=r"a\.npz"):
        read_npz(tmp_path / "a.npz")


def test_a_zip_bomb_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "INFLATION_FLOOR_BYTES", 10_000)
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(10**6))
    with pytest.raises(CorruptData, match="inflates"):
        read_npz(tmp_path / "a.npz")


def test_npz_that_is_another_thing(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    (tmp_path / "a.npz").write_bytes(buffer.getvalue())
    with pytest.raises(CorruptData, match=r"a\.npz"):
        Session.load(tmp_path / "a.npz")


def test_a_table_of_equal_values_is_bounded(tmp_path, monkeypatch):
    import pyarrow as pa
    from pyarrow import parquet

    monkeypatch.setattr(reading, "INFLATION_FLOOR_BYTES", 10_000)
    table = pa.table({"gid": np.zeros(10**6, np.int64), "t_ms": np.zeros(10**6)})
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(CorruptData, match="inflated"):
        read(tmp_path / "a.parquet", "parquet")


def test_reading_does_not_wait_for_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    found = []

    def attempt():
        try:
            read_json(tmp_path / "a.json")
        except InvalidInput as error:
            found.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(20.0)
    assert len(found) == 1 and "pipe" in str(found[0])


@pytest.mark.parametrize("name", [["nwb"], 5, {}])
def test_names_of_formats_are_checked_at_the_door(name, tmp_path):
    for call in (lambda: read(tmp_path / "a.nwb", name), lambda: write(made(), tmp_path / "a.nwb", name)):
        with pytest.raises(InvalidInput):
            call()


@pytest.mark.parametrize("name", [["nwb"], None, 5, {}])
def test_sessions_are_checked_at_the_door(name, tmp_path):
    for call in (
        lambda: write(name, tmp_path / "a.nwb", "nwb"),
        lambda: made(model=name),
        lambda: made(parameters={"a": float("nan")}),
        lambda: made(parameters={"a": "x"}),
        lambda: Session.of(name, made().recording),
        lambda: made().save(name),
    ):
        with pytest.raises(InvalidInput):
            call()
