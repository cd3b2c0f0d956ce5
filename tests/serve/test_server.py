"""The page and its WebSocket, talked to by a client, on the Poisson fake."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest
from fakes import PoissonBackend
from typer.testing import CliRunner
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import livn_gym
from livn_gym.cli import app
from livn_gym.errors import BackendUnavailable, InvalidInput
from livn_gym.serve import frames, messages
from livn_gym.serve.server import MAX_CLIENTS, LiveServer
from livn_gym.serve.session import MAX_WAITING

PAGE = Path(livn_gym.__file__).parent / "serve" / "page"


@pytest.fixture
def server(session):
    with LiveServer(session, port=0) as running:
        yield running


def client(server, **options):
    return connect(server.socket_url, max_size=None, compression=None, **options)


def ask(socket, message):
    """Send, and give the next answer; frames on the way are skipped."""
    socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
    while True:
        answer = socket.recv(timeout=60)
        if isinstance(answer, str) and json.loads(answer)["type"] in ("done", "error"):
            return json.loads(answer)


def frame(socket, wanted=lambda header: True):
    """The next frame whose header is as wanted."""
    while True:
        answer = socket.recv(timeout=60)
        if isinstance(answer, bytes) and wanted(header := frames.read_frame(answer)[0]):
            return header


def get(server, path, **headers):
    """A page as a browser with the token asks for it."""
    return get_as_is(server, f"{path}?token={server.token}", **headers)


def get_as_is(server, path, **headers):
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def test_the_page_is_served_with_a_strict_policy(server):
    for path, name in (
        ("/", "index.html"),
        ("/app.js", "app.js"),
        ("/draw.js", "draw.js"),
        ("/style.css", "style.css"),
    ):
        status, headers, body = get(server, path)
        assert (status, body) == (200, (PAGE / name).read_bytes())
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/server.py", "/../server.py", "/%2e%2e/server.py", "/page/", "//etc/passwd"])
def test_nothing_else_is_served(server, path):
    assert get(server, path)[0] == 404


def test_the_page_names_no_other_host():
    for file in PAGE.iterdir():
        assert not re.search(r"https?://|//[a-z]+\.", file.read_text(encoding="utf-8")), file.name


def test_scene_and_frames(server):
    with client(server) as page:
        scene = json.loads(page.recv(timeout=60))
        while scene["type"] == "status":
            scene = json.loads(page.recv(timeout=60))
        assert scene["type"] == "scene" and scene["id"] == "livn/EI2-v0"
        assert (len(scene["cells"]), len(scene["electrodes"])) == (100, 16)
        assert set(scene["ids"]) == set(livn_gym.register_all()) and "constant" in scene["agents"]
        assert frame(page)["status"] in ("settling", "paused")
        page.send(json.dumps({"type": "step", "ref": 4}))
        assert frame(page, lambda header: header["step"] == 1)["steps"]["reward"][-1] < 0
        assert ask(page, {"type": "pause", "ref": 5})["ref"] in (4, 5)  # 4 came before or comes now


BAD = [
    b"\x00",
    "no json",
    "[" * 4000,
    json.dumps({"type": "pause", "also": 1}),
    json.dumps({"type": "stimulate", "channels": [99], "amplitude_uA": 1.0, "steps": 1}),
    json.dumps({"type": "stimulate", "channels": [1], "amplitude_uA": 99.0, "steps": 1}),
    json.dumps({"type": "task", "id": "livn/../../etc"}),
    json.dumps({"type": "agent", "name": "/tmp"}),
    "x" * 60_000,
]


def test_bad_messages_are_answered_and_the_connection_stays(server):
    with client(server) as page:
        for message in BAD:
            answer = ask(page, message)
            assert answer["type"] == "error" and answer["message"]
        assert ask(page, {"type": "pause", "ref": 1})["type"] == "done"
    assert server.session.failure is None


def test_an_error_carries_the_number_of_its_message(server):
    with client(server) as page:
        for message in (
            {"type": "task", "id": "livn/EI7-v0"},
            {"type": "speed", "factor": 0.001},
            {"type": "spee"},
            {"type": "pause", "now": 1},
            {"type": "speed"},
            {},
        ):
            answer = ask(page, message | {"ref": 77})
            assert (answer["type"], answer["ref"]) == ("error", 77)
        assert ask(page, {"type": "pause", "ref": -1})["ref"] is None


def test_a_huge_message_ends_its_own_connection_only(server):
    with client(server) as page, client(server) as other:
        with pytest.raises(ConnectionClosed):
            ask(page, "x" * 100_000)
        assert ask(other, {"type": "pause"})["type"] == "done"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])
def test_pages_of_other_origins_are_refused(server, origin):
    with pytest.raises(InvalidStatus) as caught, client(server, origin=origin):
        pass
    assert caught.value.response.status_code == 403
    assert b"Origin" in caught.value.response.body


@pytest.mark.parametrize("path", ["/", "/socket"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1.evil.example:{port}", ""]
)
def test_foreign_names_that_point_here_are_refused(server, path, host):
    status, _, body = get(server, path, Host=host.format(port=server.port))
    assert status == 403
    assert f"127.0.0.1:{server.port}, localhost:{server.port}" in body.decode() and "--origin" in body.decode()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
def test_its_own_names_are_served(server, host):
    assert get(server, "/", Host=f"{host}:{server.port}")[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_its_own_page_is_accepted(server, host):
    with client(server, origin=f"http://{host}:{server.port}") as page:
        assert ask(page, {"type": "pause"})["type"] == "done"


def test_further_origins_can_be_named(session):
    with LiveServer(session, port=0, origins=["http://lab.example:80"]) as server:
        with client(server, origin="http://lab.example:80") as page:
            assert ask(page, {"type": "pause"})["type"] == "done"
        assert get(server, "/", Host="lab.example:80")[0] == 200
    for wrong in ("lab.example", "http://lab.example/page", "*"):
        with pytest.raises(InvalidInput, match="http://name:port"):
            LiveServer(session, port=0, origins=[wrong])


def test_it_listens_on_the_loopback_alone(server):
    assert server.url == f"http://127.0.0.1:{server.port}/?token={server.token}"
    assert server._socket.getsockname()[0] == "127.0.0.1"


def without_token(server):
    """Queries that do not hold it."""
    changed = server.token[:-1] + ("a" if server.token[-1] != "a" else "b")
    yield from ("", "?", "?token=", f"?token={changed}", f"?token={server.token[:-1]}", f"?token={server.token}x")
    yield from (
        f"?Token={server.token}",
        f"?token={changed}&token={server.token}",
        "?token=%ff%00",
        "?token=" + "x" * 4000,
    )
    yield f"?token={server.token}&token={server.token}"


def test_who_has_no_token_gets_neither_the_page_nor_the_culture(server):
    for query in without_token(server):
        for path in ("/", "/socket"):
            status, _, body = get_as_is(server, path + query)
            assert status == 403 and b"token" in body and server.token.encode() not in body
        with pytest.raises(InvalidStatus) as caught, connect(f"ws://127.0.0.1:{server.port}/socket{query}"):
            pass
        assert caught.value.response.status_code == 403
    with client(server) as page:
        assert ask(page, {"type": "pause"})["type"] == "done"


def test_every_server_has_a_token_of_its_own_that_cannot_be_guessed(session):
    tokens = set()
    for _ in range(5):
        with LiveServer(session, port=0) as server:
            tokens.add(server.token)
    assert len(tokens) == 5 and all(len(token) >= 22 for token in tokens)  # 128 bits in base 64


def test_a_token_can_be_chosen_or_left_out(session):
    with LiveServer(session, port=0, token="a-token.of_my~own") as server:
        assert server.url.endswith("/?token=a-token.of_my~own")
        assert get(server, "/")[0] == 200 and get_as_is(server, "/")[0] == 403
    with LiveServer(session, port=0, token="") as server:
        assert server.url.endswith(f"{server.port}/") and get_as_is(server, "/")[0] == 200
        with client(server, origin=f"http://127.0.0.1:{server.port}") as page:
            assert ask(page, {"type": "pause"})["type"] == "done"
    for wrong in ("short", "with a space in it ", "ünicodeünicodeünicode", "x" * 300, "a&b=c" * 5):
        with pytest.raises(InvalidInput, match="16 to 256"):
            LiveServer(session, port=0, token=wrong)


def test_a_browser_that_does_not_read_holds_nobody_up(server, monkeypatch):
    """What it misses is not queued: frames of a megabyte, of which the system's buffers hold about ten."""
    small = frames.frame_message
    monkeypatch.setattr(frames, "frame_message", lambda *arguments: small(*arguments) + bytes(1_000_000))
    with client(server, max_queue=1) as lazy, client(server) as page:
        assert ask(page, {"type": "resume"})["type"] == "done"
        for _ in range(40):  # while the other one reads nothing
            frame(page)
        ask(page, {"type": "pause"})
        newest, count, last = server.session.view.steps[-1].number, 0, None
        while last != newest:
            numbers = frame(lazy)["steps"]["number"]
            count, last = count + 1, numbers[-1] if numbers else last
        assert count < 30


def test_two_pages_see_the_same_and_both_act(server):
    with client(server) as one, client(server) as other:
        assert ask(one, {"type": "step"})["type"] == "done"
        assert frame(other, lambda header: header["step"] == 1)["steps"]["reward"][-1] < 0
        assert ask(other, {"type": "agent", "name": "random"})["type"] == "done"
        assert frame(one, lambda header: header["agent"] == "random")["step"] == 1


def test_a_page_that_asks_faster_than_the_loop_answers_is_read_no_faster(server, monkeypatch):
    go, run = threading.Event(), PoissonBackend.run
    monkeypatch.setattr(PoissonBackend, "run", lambda *given: (go.wait(30), run(*given))[1])
    with client(server) as page:
        for ref in range(3 * MAX_WAITING):
            page.send(json.dumps({"type": "pause" if ref else "step", "ref": ref}))
        go.set()
        answers = []
        while len(answers) < 3 * MAX_WAITING:
            answer = page.recv(timeout=60)
            if isinstance(answer, str) and "ref" in json.loads(answer):
                answers.append(json.loads(answer))
    assert {answer["type"] for answer in answers} == {"done"}, "none was dropped for being one too many"
    assert sorted(answer["ref"] for answer in answers) == list(range(3 * MAX_WAITING))


def test_the_page_hears_why_the_loop_ended(server, monkeypatch):
    def fail(*_):
        raise RuntimeError("a fault of ours")

    with client(server) as page:
        assert ask(page, {"type": "pause"})["type"] == "done"
        monkeypatch.setattr(PoissonBackend, "run", fail)
        page.send(json.dumps({"type": "step"}))
        assert server.session.wait(30)
        server._loop.call_soon_threadsafe(server._stop.set)
        assert "a fault of ours" in frame(page, lambda header: header["status"] == "stopped")["error"]


def test_so_many_pages_and_no_more(server):
    with ExitStack() as pages:
        for _ in range(MAX_CLIENTS):
            ask(pages.enter_context(client(server)), {"type": "pause"})
        with pytest.raises(InvalidStatus) as caught, client(server):
            pass
        assert caught.value.response.status_code == 503
    end = time.monotonic() + 30
    while server._clients and time.monotonic() < end:
        time.sleep(0.01)
    with client(server) as page:
        assert ask(page, {"type": "pause"})["type"] == "done"


def test_a_page_that_goes_without_a_word_is_forgotten(server):
    with client(server) as page:
        ask(page, {"type": "pause"})
        page.socket.shutdown(socket.SHUT_RDWR)
    end = time.monotonic() + 30
    while server._clients and time.monotonic() < end:
        time.sleep(0.01)
    assert server._clients == 0
    with client(server) as another:
        assert ask(another, {"type": "step"})["type"] == "done"


def test_an_ended_session_says_so(server):
    with client(server) as page:
        ask(page, {"type": "pause"})
        server.session._ending.set()
        answer = ask(page, {"type": "pause"})
        assert answer["type"] == "error" and "ended" in answer["message"]


def test_a_taken_port_is_a_clear_error(session):
    with LiveServer(session, port=0) as server, pytest.raises(BackendUnavailable, match=f"port {server.port}"):
        LiveServer(session, port=server.port)


def test_the_command_line_refuses_what_cannot_be_shown(fake, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for arguments, code, why in (
        (["livn/EI9-v0"], 2, "environment"),
        (["--agent", "nobody"], 2, "nobody"),
        (["--speed", "1000"], 2, "--speed"),
        (["--token", "short"], 2, "token"),
        (["--token", ""], 2, "--no-token"),
        (["--token", "x" * 20, "--no-token"], 2, "cannot be combined"),
        (["--host", "203.0.113.7"], 1, "Cannot listen on 203.0.113.7"),  # reserved for documentation: never ours
    ):
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["serve", *arguments, "--port", "0"])
        assert (result.exit_code, result.stdout) == (code, "")
        assert why in result.stderr and len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_stopped(ending, tmp_path):
    command = [sys.executable, "-c", "from livn_gym.cli import main; main()", "serve", "livn/EI1-v0", "--port", "0"]
    started = {"cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env={**os.environ, "PYTHONUNBUFFERED": "1"}, **started) as process:
        try:
            port, query = re.search(r"http://127\.0\.0\.1:(\d+)/(\S*)", process.stdout.readline()).groups()
            with connect(f"ws://127.0.0.1:{port}/socket{query}", max_size=None) as page:
                assert frame(page, lambda header: header["step"] >= 1)["id"] == "livn/EI1-v0"
            process.send_signal(ending)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (0, "Ended.\n", "")


@pytest.mark.parametrize("debug", [False, True])
def test_a_fault_of_the_loop_ends_the_command(debug, tmp_path):
    broken = (
        "from livn_gym.cli import main\nfrom livn_gym.serve.session import LiveSession\n"
        "def fail(*_): raise RuntimeError('a fault of ours')\nLiveSession._step = fail\nmain()"
    )
    flags = ["--debug"] if debug else []
    command = [sys.executable, "-c", broken, *flags, "serve", "livn/EI1-v0", "--port", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "Open http://" in done.stdout
    assert "RuntimeError: a fault of ours" in done.stderr
    assert ("in fail" in done.stderr) is debug, "where it happened, as everywhere only with --debug"
    assert debug or len(done.stderr.splitlines()) == 1


def test_a_taken_port_ends_the_command_with_one_line(server, tmp_path):
    main = "from livn_gym.cli import main; main()"
    command = [sys.executable, "-c", main, "serve", "livn/EI1-v0", "--port", str(server.port)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"port {server.port}: Address already in use" in done.stderr and len(done.stderr.splitlines()) == 1


def test_messages_are_smaller_than_what_ends_a_connection():
    from livn_gym.serve.server import MAX_TRANSPORT_BYTES

    assert messages.MAX_BYTES < MAX_TRANSPORT_BYTES
