"""A real HTTP server on this machine that answers as its script says, and keeps what it was asked."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Mapping
    from io import BufferedIOBase
    from types import TracebackType
    from typing import Any, Self


@dataclass(frozen=True)
class Reply:
    """What to answer: a status, headers and a body; or ``raw``, which writes to the connection itself."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: Callable[[BufferedIOBase, threading.Event], None] | None = None


@dataclass(frozen=True)
class Asked:
    path: str
    headers: Mapping[str, str]


def drip(out: BufferedIOBase, closing: threading.Event) -> None:
    """Write a header, then a byte now and then, for ever."""
    out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not closing.wait(0.05):
        out.write(b"x")
        out.flush()


def silence(_: BufferedIOBase, closing: threading.Event) -> None:
    """Accept, and say nothing."""
    closing.wait()


def hang_up(_: BufferedIOBase, __: threading.Event) -> None:
    """Close at once."""


def endless_headers(out: BufferedIOBase, closing: threading.Event) -> None:
    out.write(b"HTTP/1.1 200 OK\r\n")
    while not closing.is_set():
        out.write(b"X-More: " + b"x" * 1000 + b"\r\n")


def endless_interim(out: BufferedIOBase, closing: threading.Event) -> None:
    """Announce the answer again and again."""
    while not closing.is_set():
        out.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def drip_headers(out: BufferedIOBase, closing: threading.Event) -> None:
    """Write a header, a byte now and then."""
    out.write(b"HTTP/1.1 200 OK\r\nX-More: ")
    while not closing.wait(0.05):
        out.write(b"x")
        out.flush()


def says(text: bytes) -> Callable[[BufferedIOBase, threading.Event], None]:
    """Write these bytes, whatever they are, and close."""

    def write(out: BufferedIOBase, _: threading.Event) -> None:
        out.write(text)

    return write


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a full queue costs whoever comes next a second
    connections = 0

    def get_request(self) -> tuple[socket.socket, Any]:
        found = super().get_request()
        self.connections += 1
        return found

    def handle_error(self, *_: Any) -> None:  # noqa: ANN401 - socketserver's signature
        """Say nothing: a client that breaks off the handshake is as it should be."""


class FeedServer:
    """The last reply of a path's script is repeated. With ``tls`` it is served by TLS."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self._scheme = "https" if tls else "http"
        self._scripts: dict[str, list[Reply]] = defaultdict(list)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        if tls:
            # Each shakes hands in its own thread: one who is silent holds up no other.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True)

    @property
    def connections(self) -> int:
        """How often someone connected, whether or not anything was asked."""
        return self._server.connections

    @property
    def port(self) -> int:
        return self._server.server_port

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def script(self, path: str, *replies: Reply) -> str:
        """Answer ``path`` with these from now on, one after the other; return its URL."""
        with self._lock:
            self._scripts[path] = list(replies)
        return self.url(path)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _next(self, path: str, headers: Mapping[str, str]) -> Reply:
        with self._lock:
            self.asked.append(Asked(path, headers))
            script = self._scripts[path]
            if not script:
                return Reply(status=404)
            return script.pop(0) if len(script) > 1 else script[0]

    def _handler(server: FeedServer) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's below
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.close_connection = True
                reply = server._next(self.path, {name.lower(): value for name, value in self.headers.items()})
                with suppress(OSError):  # the client may have had enough
                    if reply.raw:
                        reply.raw(self.wfile, server._closing)
                        return
                    self.send_response(reply.status)
                    for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(reply.body)

            def log_message(self, *_: Any) -> None:  # noqa: ANN401 - http.server's signature
                """Say nothing."""

        return Handler
