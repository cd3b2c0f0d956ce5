"""Server of the page and its WebSocket, in a separate thread."""

from __future__ import annotations

import asyncio
import hmac
import http
import logging
import re
import secrets
import socket
import threading
from collections.abc import Sequence
from importlib import resources
from typing import Any, Self
from urllib.parse import parse_qs

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from livn_gym.errors import BackendUnavailable, InvalidInput, LivnError
from livn_gym.serve import frames, messages
from livn_gym.serve.session import MAX_WAITING, LiveSession

FRAMES_PER_S = 10
"""Largest number of frames per second for a browser."""

MAX_CLIENTS = 8
MAX_TRANSPORT_BYTES = 65536
"""Size above which a message ends the connection; above ``messages.MAX_BYTES`` the answer is an error."""

SOCKET_PATH = "/socket"
_PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/draw.js": ("draw.js", "text/javascript; charset=utf-8"),
}
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:"
_NO_TOKEN = "The address must contain the token: open the full address that livn-gym serve printed at its last start.\n"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_log = logging.getLogger("livn_gym")


class LiveServer:
    """Serves a session to browsers; a context manager whose thread runs until the block is left.

    A WebSocket is accepted only from pages of this server (by the browser's ``Origin``), and from programs that send
    no ``Origin``, as no browser does. Requests with another ``Host`` are refused, which prevents DNS rebinding. Every
    user of the machine can connect to the loopback address, so the page and the WebSocket require a token,
    ``?token=``, which ``url`` and ``socket_url`` contain.

    Args:
        session: The session, already entered.
        host: Address to listen on. If it is not the loopback, everyone who can connect to it can control the culture.
        port: Port to listen on; 0 is any free port.
        origins: Further accepted origins, ``http://name:port``, for example of a proxy.
        token: At least 16 letters, digits, ``.``, ``_``, ``~`` and ``-``; default a random one. If it is empty, no
            token is required.

    Raises:
        BackendUnavailable: The server cannot listen on the address.
        InvalidInput: An origin or the token has another form.

    Attributes:
        port: Port of the server.
        token: Token that requests must contain; empty for none.
        url: Address of the page, with the token.
        socket_url: Address of the WebSocket, with the token.
        failure: The error that ended the thread; None if there was none.
    """

    def __init__(
        self,
        session: LiveSession,
        host: str = "127.0.0.1",
        port: int = 8765,
        *,
        origins: Sequence[str] = (),
        token: str | None = None,
    ) -> None:
        self.session = session
        self.token = secrets.token_urlsafe(24) if token is None else token
        if self.token and not re.fullmatch(r"[A-Za-z0-9._~-]{16,256}", self.token):
            raise InvalidInput("A token has 16 to 256 letters, digits, '.', '_', '~' and '-'.")
        for origin in origins:
            if not re.fullmatch(r"https?://[^/\s]+", origin):
                raise InvalidInput(f"An origin has the form http://name:port, got {origin!r}.")
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            self._socket = socket.create_server((host, port), family=family)
        except OSError as error:
            raise BackendUnavailable(f"Cannot listen on {host} port {port}: {error.strerror or error}.") from error
        self.port: int = self._socket.getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        query = f"?token={self.token}" if self.token else ""
        self.url = f"http://{name}:{self.port}/{query}"
        self.socket_url = f"ws://{name}:{self.port}{SOCKET_PATH}{query}"
        suffix = "" if self.port == 80 else f":{self.port}"  # browsers omit the default port
        server_origins = [f"http://{alias}{suffix}" for alias in dict.fromkeys((*_LOOPBACK, name))]
        self._origins = list(dict.fromkeys((*server_origins, *origins)))
        self._hosts = list(dict.fromkeys(origin.partition("://")[2].lower() for origin in self._origins))
        folder = resources.files(__package__) / "page"
        self._files = {path: (folder.joinpath(file).read_bytes(), kind) for path, (file, kind) in _PAGE.items()}
        self._clients = 0
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="livn_gym live server", daemon=True)

    def __enter__(self) -> Self:
        """Start the server, and wait until the page can be opened."""
        self._thread.start()
        self._ready.wait()
        if self.failure is not None:
            raise self.failure
        return self

    def __exit__(self, *exception: object) -> None:
        """Close all connections."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self.failure = error
            _log.debug("The live server ended", exc_info=error)
        finally:
            self._socket.close()
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        origins: Any = [*self._origins, None]
        options: Any = {"compression": None, "server_header": None, "max_size": MAX_TRANSPORT_BYTES}
        server: Server
        async with serve(
            self._talk, sock=self._socket, origins=origins, process_request=self._page, close_timeout=1, **options
        ) as server:
            self._ready.set()
            await self._stop.wait()
            if self.session.wait(0.0):
                await asyncio.sleep(2.0 / FRAMES_PER_S)  # so that every page gets the reason for the end of the loop
            server.close()

    def _page(self, connection: ServerConnection, request: Request) -> Response | None:
        """Return a file of the page, an error, or None to continue with the WebSocket's handshake."""
        if [host.lower() for host in request.headers.get_all("Host")] not in [[host] for host in self._hosts]:
            text = f"This server accepts {', '.join(self._hosts)} only; livn-gym serve --origin adds other hosts.\n"
            return _response(http.HTTPStatus.FORBIDDEN, text.encode())
        path, _, query = request.path.partition("?")
        if path in ("/", SOCKET_PATH) and not self._admits(query):
            return _response(http.HTTPStatus.FORBIDDEN, _NO_TOKEN.encode())
        if path == SOCKET_PATH:
            if self._clients < MAX_CLIENTS:
                return None
            return _response(http.HTTPStatus.SERVICE_UNAVAILABLE, f"{MAX_CLIENTS} pages are open already.\n".encode())
        if path in self._files:
            return _response(http.HTTPStatus.OK, *self._files[path])
        return _response(http.HTTPStatus.NOT_FOUND, b"There is nothing here.\n")

    def _admits(self, query: str) -> bool:
        """Return whether the query of an address contains the token; style and scripts do not need it."""
        if not self.token:
            return True
        tokens = parse_qs(query, errors="surrogateescape").get("token", [])
        return len(tokens) == 1 and hmac.compare_digest(
            tokens[0].encode("utf-8", "surrogateescape"), self.token.encode("ascii")
        )

    async def _talk(self, connection: ServerConnection) -> None:
        """Serve one browser until it disconnects."""
        self._clients += 1
        show = asyncio.create_task(self._show(connection))
        show.add_done_callback(_report)
        answers: set[asyncio.Task] = set()
        try:
            async for message in connection:
                answer = asyncio.create_task(self._answer(connection, message))
                answers.add(answer)
                answer.add_done_callback(answers.discard)
                answer.add_done_callback(_report)
                if len(answers) >= MAX_WAITING:  # a client that does not read its answers must wait
                    await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        except ConnectionClosed:
            pass  # without a closing handshake, as when a laptop is shut
        finally:
            self._clients -= 1
            for task in (show, *answers):
                task.cancel()
            await asyncio.gather(show, *answers, return_exceptions=True)

    async def _answer(self, connection: ServerConnection, message: str | bytes) -> None:
        ref = None
        try:
            content, ref = messages.read(message)
            note = await asyncio.wrap_future(self.session.submit(messages.command_of(content)))
            text = frames.answer_message(ref, note=note)
        except LivnError as error:
            text = frames.answer_message(ref, error=str(error))
        await _send(connection, text)

    async def _show(self, connection: ServerConnection) -> None:
        """Send the latest state repeatedly; only this task waits for a slow browser."""
        version, scene, since = -1, -1, -1
        while True:
            view = self.session.view
            if view.version != version:
                version = view.version
                if view.scene is None:
                    await _send(connection, frames.status_message(view))
                else:
                    if view.scene.number != scene:
                        scene, since = view.scene.number, -1
                        names = self.session.catalog.names
                        await _send(connection, frames.scene_message(view.scene, self.session.ids, names))
                    await _send(connection, frames.frame_message(view, since))
                    since = view.steps[-1].number if view.steps else since
            await asyncio.sleep(1.0 / FRAMES_PER_S)


def _report(task: asyncio.Task) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("The live view failed for a browser: %s", task.exception(), exc_info=task.exception())


async def _send(connection: ServerConnection, message: str | bytes) -> None:
    try:
        await connection.send(message)
    except ConnectionClosed:
        pass  # the task that reads the connection ends as well


def _response(status: http.HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8") -> Response:
    headers = Headers(
        {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Connection": "close",
        }
    )
    return Response(status.value, status.phrase, headers, body)
