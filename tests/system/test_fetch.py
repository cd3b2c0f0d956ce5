import gzip
import hashlib
import io
import os
import socket
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from livn_gym.cache import is_intact
from livn_gym.errors import CorruptData, DownloadFailed, InvalidInput, StorageError
from livn_gym.system import System, archives, fetch, make, sonata

SAMPLE = Path(__file__).parents[1] / "data" / "livn-EI1"


def zipped(folder, inside=""):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for path in sorted(folder.iterdir()):
            file.write(path, f"{inside}{path.name}")
    return buffer.getvalue()


def tarred(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                file.addfile(info)
    return gzip.compress(buffer.getvalue(), mtime=0)  # the same bytes at every time


def sample_tar(inside=""):
    return tarred({f"{inside}{path.name}": path.read_bytes() for path in sorted(SAMPLE.iterdir())})


def checksum(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def server(monkeypatch):
    """A web server on loopback; ``pages`` maps a path to (status, announced length, body)."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            httpd.requests.append(self.path)
            page = httpd.pages.get(self.path.partition("?")[0], (404, 9, b"not there"))
            status, length, body, *headers = page
            self.send_response(status)
            if length is not None:
                self.send_header("Content-Length", str(length))
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.pages, httpd.requests = {}, []
    httpd.url = f"http://127.0.0.1:{httpd.server_port}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def nothing_left(cache):
    """Only locks and the folders that hold them."""
    return all(path.is_dir() or path.name.endswith(".lock") for path in cache.rglob("*")) and not any(
        is_intact(path) for path in cache.rglob("*") if path.is_dir()
    )


@pytest.mark.parametrize("inside", ["", "a-folder/"])
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_archives_from_a_url(server, cache, inside, kind):
    content = zipped(SAMPLE, inside) if kind == "zip" else sample_tar(inside)
    server.pages[f"/some/culture.{kind}"] = (200, len(content), content)
    folder = fetch(f"{server.url}/some/culture.{kind}?download=1", checksum(content).upper())
    assert folder.is_relative_to(cache)
    assert folder.name == "culture"
    assert System.from_directory(folder).sha256() == System.from_directory(SAMPLE).sha256()
    assert System.from_directory(folder).name == "culture"
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_the_second_fetch_asks_no_server(server):
    content = zipped(SAMPLE)
    server.pages["/c.zip"] = (200, len(content), content)
    folders = {fetch(f"{server.url}/c.zip", checksum(content)) for _ in range(3)}
    assert len(folders) == 1
    assert server.requests == ["/c.zip"]
    (folder,) = folders
    (folder / "cells.h5").write_bytes(b"damaged")
    assert fetch(f"{server.url}/c.zip", checksum(content)) == folder
    assert (folder / "cells.h5").read_bytes() == (SAMPLE / "cells.h5").read_bytes()


def bad_pages(content):
    middle = len(content) // 2
    return {
        "corrupted": (
            200,
            len(content),
            content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        ),
        "truncated": (200, len(content), content[:middle]),  # the server closes before what it announced
        "shortened": (200, middle, content[:middle]),  # and here it announces what it sends
        "empty": (200, 0, b""),
        "missing": (404, 9, b"not there"),
        "failing": (503, 4, b"busy"),
    }


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("corrupted", CorruptData),
        ("truncated", CorruptData),
        ("shortened", CorruptData),
        ("empty", CorruptData),
        ("missing", DownloadFailed),
        ("failing", DownloadFailed),
    ],
)
def test_bad_downloads_leave_nothing_and_a_good_one_then_works(server, cache, kind, error):
    content = sample_tar()
    server.pages["/c.tar.gz"] = bad_pages(content)[kind]
    with pytest.raises(error, match=r"The download of http://127\.0\.0\.1:\d+/c\.tar\.gz"):
        fetch(f"{server.url}/c.tar.gz", checksum(content))
    assert nothing_left(cache)
    server.pages["/c.tar.gz"] = (200, len(content), content)
    assert is_intact(fetch(f"{server.url}/c.tar.gz", checksum(content)))


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_encoding_of_what_is_sent(server, kind):
    content = zipped(SAMPLE) if kind == "zip" else sample_tar()
    sent = gzip.compress(content)
    server.pages[f"/c.{kind}"] = (200, len(sent), sent, ("Content-Encoding", "gzip"))
    folder = fetch(f"{server.url}/c.{kind}", checksum(content))
    assert System.from_directory(folder).sha256() == System.from_directory(SAMPLE).sha256()


def test_a_tar_gz_that_is_said_to_be_an_encoded_tar(server):
    content = sample_tar()
    server.pages["/c.tar.gz"] = (200, len(content), content, ("Content-Encoding", "gzip"))
    assert is_intact(fetch(f"{server.url}/c.tar.gz", checksum(content)))


@pytest.mark.parametrize(
    "sent",
    [b"", b"no gzip", gzip.compress(bytes(1000))[:-9], gzip.compress(bytes(10**6))],
    ids=["empty", "plain", "cut", "bomb"],
)
def test_a_bad_encoding(server, cache, sent, monkeypatch):
    monkeypatch.setattr(archives, "INFLATION_FLOOR_BYTES", 10_000)
    server.pages["/c.zip"] = (200, len(sent), sent, ("Content-Encoding", "gzip"))
    with pytest.raises(CorruptData, match="The download of"):
        fetch(f"{server.url}/c.zip", "0" * 64)
    assert nothing_left(cache)


@pytest.mark.parametrize("length", [True, False])
def test_downloads_are_bounded(server, cache, monkeypatch, length):
    monkeypatch.setattr(archives, "MAX_DOWNLOAD_BYTES", 1000)
    content = sample_tar()
    server.pages["/c.tar.gz"] = (200, len(content) if length else None, content)
    with pytest.raises(DownloadFailed, match="at most 1,000"):
        fetch(f"{server.url}/c.tar.gz", checksum(content))
    assert nothing_left(cache)


def test_a_server_that_trickles_is_given_up(server, cache, monkeypatch):
    monkeypatch.setattr(archives, "GRACE_S", -1e9)
    content = sample_tar()
    server.pages["/c.tar.gz"] = (200, len(content), content)
    with pytest.raises(DownloadFailed, match="too slow"):
        fetch(f"{server.url}/c.tar.gz", checksum(content))
    assert nothing_left(cache)


def test_a_silent_server_is_given_up(server, cache, monkeypatch):
    monkeypatch.setattr(archives, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections and says nothing
        with pytest.raises(DownloadFailed):
            fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/c.zip", "0" * 64)
    assert nothing_left(cache)


def test_redirections_are_followed_within_http(server):
    content = sample_tar()
    server.pages["/c.tar.gz"] = (200, len(content), content)
    server.pages["/moved.tar.gz"] = (302, 0, b"", ("Location", f"{server.url}/c.tar.gz"))
    server.pages["/circle.tar.gz"] = (302, 0, b"", ("Location", f"{server.url}/circle.tar.gz"))
    server.pages["/file.tar.gz"] = (302, 0, b"", ("Location", "file:///etc/hostname"))
    assert fetch(f"{server.url}/moved.tar.gz", checksum(content)).name == "moved"
    for name in ("circle", "file"):
        with pytest.raises(DownloadFailed):
            fetch(f"{server.url}/{name}.tar.gz", "0" * 64)


def test_a_full_disk_is_no_damage(server, cache, monkeypatch):
    content = sample_tar()
    server.pages["/c.tar.gz"] = (200, len(content), content)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives.shutil, "copyfileobj", full)
    with pytest.raises(StorageError, match="No space left"):
        fetch(f"{server.url}/c.tar.gz", checksum(content))


def test_status_is_in_the_message(server):
    with pytest.raises(DownloadFailed, match="404"):
        fetch(f"{server.url}/absent.zip", "0" * 64)


def test_refused_connections(cache):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DownloadFailed, match="failed"):
        fetch(f"http://127.0.0.1:{port}/c.zip", "0" * 64)
    assert nothing_left(cache)


def test_a_download_that_is_no_system(server, cache):
    for name, content, message in (
        ("text.zip", tarred({"notes.txt": b"no culture"}), "no system"),
        ("page.zip", b"<html>sign in</html>", "neither a .zip nor a .tar.gz"),
        ("half.zip", zipped(SAMPLE)[:5000], "cannot be unpacked"),
        ("half.tar.gz", sample_tar()[:5000], "cannot be unpacked"),
        ("lacking.tar.gz", tarred({"graph.json": b"{}"}), "connections"),
    ):
        server.pages[f"/{name}"] = (200, len(content), content)
        with pytest.raises(CorruptData, match=message):
            fetch(f"{server.url}/{name}", checksum(content))
    assert nothing_left(cache)


def evil_zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("../../../escaped.txt", "out")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        evil_zip(),
        tarred({"../../../escaped.txt": b"out"}),
        tarred({"link": (tarfile.SYMTYPE, "../../.."), "link/escaped.txt": b"out"}),
        tarred({"link": (tarfile.SYMTYPE, "/etc/hostname")}),
        tarred({"device": (tarfile.CHRTYPE, "")}),
        tarred({"pipe": (tarfile.FIFOTYPE, "")}),
        tarred({"/escaped.txt": b"out", "../escaped.txt": b"out"}),
    ],
    ids=["zip up", "tar up", "link up", "link out", "device", "pipe", "absolute"],
)
def test_archives_cannot_write_or_read_outside(tmp_path, cache, content):
    (tmp_path / "evil.zip").write_bytes(content)
    with pytest.raises(CorruptData, match="cannot be unpacked"):
        fetch(tmp_path / "evil.zip")
    assert list(tmp_path.rglob("escaped.txt")) == []
    assert nothing_left(cache)


def long_header():
    """A tar whose extended header says that it has 8 GB, which would be read as a whole."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 2**33 - 512
    return gzip.compress(info.tobuf() + bytes(4096))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(tarfile.TarInfo("x").tobuf()[:-1]), "unpacked"),
        (tarred({"x": bytes(10**6)}), "inflates"),
        (tarred({f"{k}": b"" for k in range(60)}), "more than 50 files"),
        (long_header(), "header"),
        (gzip.compress(bytes(10**6)), "inflates"),
    ],
    ids=["cut header", "large file", "many files", "long header", "zeros"],
)
def test_bombs_are_refused(tmp_path, cache, monkeypatch, content, message):
    monkeypatch.setattr(archives, "INFLATION_FLOOR_BYTES", 100_000)
    monkeypatch.setattr(archives, "MAX_FILES", 50)
    (tmp_path / "bomb.tar.gz").write_bytes(content)
    with pytest.raises(CorruptData, match=message):
        fetch(tmp_path / "bomb.tar.gz")
    assert nothing_left(cache)


def test_a_zip_bomb_is_refused(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(archives, "INFLATION_FLOOR_BYTES", 100_000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x", bytes(10**6))
    with pytest.raises(CorruptData, match="inflates"):
        fetch(tmp_path / "bomb.zip")
    assert nothing_left(cache)


def test_what_is_neither_folder_nor_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(InvalidInput, match="pipe"):
        fetch(tmp_path / "pipe.zip")


def test_local_archives(tmp_path):
    (tmp_path / "culture.tgz").write_bytes(sample_tar("inner/"))
    folder = fetch(tmp_path / "culture.tgz")
    assert folder.name == "culture"
    assert fetch(str(tmp_path / "culture.tgz"), checksum(sample_tar("inner/"))) == folder
    with pytest.raises(CorruptData, match=f"expected {'0' * 64}"):
        fetch(tmp_path / "culture.tgz", "0" * 64)


def test_local_folders(tmp_path):
    system = make("EI1", seed=3)
    source = sonata.write(system, tmp_path / "mine")
    folder = fetch(source, system.sha256(), name="renamed")
    assert folder.name == "renamed"
    assert System.from_directory(folder).sha256() == system.sha256()
    assert fetch(source, name="renamed") == folder
    with pytest.raises(CorruptData, match="expected"):
        fetch(source, "0" * 64)
    (source / "edges.h5").write_bytes(b"")
    with pytest.raises(CorruptData, match="damaged"):
        fetch(source)
    assert System.from_directory(folder).sha256() == system.sha256()  # the copy does not depend on the source


def test_folders_of_the_same_name_and_other_content_are_other_entries(tmp_path):
    first = sonata.write(make("EI1", seed=3), tmp_path / "a" / "mine")
    second = sonata.write(make("EI1", seed=4), tmp_path / "b" / "mine")
    assert fetch(first) != fetch(second)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("http://127.0.0.1/c.zip", {}, "needs its checksum"),
        ("http://127.0.0.1/c.zip", {"sha256": "abc"}, "64 hexadecimal"),
        ("http://127.0.0.1/c.zip", {"sha256": 5}, "sha256"),
        ("ftp://127.0.0.1/c.zip", {"sha256": "0" * 64}, "http or https"),
        ("http://127.0.0.1/", {"sha256": "0" * 64}, "give name="),
        ("http://127.0.0.1/c.zip", {"sha256": "0" * 64, "name": "../up"}, "give name="),
        ("http://[::1/c.zip", {"sha256": "0" * 64}, "not a URL"),
        ("absent-folder", {}, "no folder or archive"),
        (5, {}, "source"),
    ],
)
def test_bad_requests_are_refused(source, options, message):
    with pytest.raises(InvalidInput, match=message):
        fetch(source, **options)


def test_a_local_folder_that_is_no_system(tmp_path):
    (tmp_path / "plain").mkdir()
    with pytest.raises(InvalidInput, match="holds no system"):
        fetch(tmp_path / "plain")
