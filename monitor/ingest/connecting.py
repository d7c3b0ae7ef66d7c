"""Connections to addresses that may be asked, each within a deadline that holds for all that is done with it.

Hides sockets, TLS and name servers. A name is looked up once a connection: each address of the answer is judged, and
the one that is connected to is one of these, not what a second look-up says. Whatever blocks (looking up, connecting,
shaking hands, reading, writing) waits no longer than the deadline, and no longer than until `Connector.close`. Knows
nothing of HTTP.
"""

from __future__ import annotations

import errno
import io
import os
import select
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack
from functools import cached_property, partial
from queue import SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

import certifi

from monitor.errors import FetchError
from monitor.ingest.addresses import AddressError, why_refused

if TYPE_CHECKING:
    from datetime import timedelta

    from _typeshed import WriteableBuffer

    from monitor.ingest.addresses import Address

Resolve = Callable[..., Iterable[tuple[Any, Any, Any, Any, tuple[Any, ...]]]]
"""`socket.getaddrinfo`, or what answers as it does."""

MAX_ADDRESSES: Final = 4
"""Addresses of one name that are tried."""
LOOKING_UP: Final = 16
"""Threads that look names up: each may hang for as long as the system's resolver is patient."""
MAX_NAMES: Final = 10_000
_REMEMBERED: Final = 60.0
_T = TypeVar("_T")


class UnreachableError(FetchError):
    """Nobody answers at any of its addresses."""


class Deadline:
    """The end of a span of time that began when it was made."""

    def __init__(self, span: timedelta) -> None:
        self._end = monotonic() + span.total_seconds()

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: none are.
        """
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def put_off(self, seconds: float) -> None:
        """Leave out a time that was spent waiting for something else."""
        self._end += seconds


class Connector:
    """Connects for all threads; ``close`` ends every wait of every connection at once, with CancelledError."""

    def __init__(self, resolve: Resolve = socket.getaddrinfo) -> None:
        self._names = _Names(resolve)
        self._waking, waker = os.pipe()
        # The end that everyone waits on is closed last: its number may not become another file's while one waits.
        weakref.finalize(self, os.close, self._waking)
        self._wake = weakref.finalize(self, os.close, waker)

    @property
    def is_closed(self) -> bool:
        """Whether nothing may be waited for any more."""
        return not self._wake.alive

    def close(self) -> None:
        """Give up every connection. Closing twice is harmless."""
        self._wake()
        self._names.close()

    def connect(self, address: Address, deadline: Deadline, *, internal: bool) -> Channel:
        """Connect to an address that is allowed, by TLS where its scheme says so.

        Raises:
            AddressError: it has none that is.
            UnreachableError: nobody answers there.
            socket.gaierror: its name does not resolve.
            ssl.SSLError: the certificate or the handshake is bad.
            TimeoutError: the deadline has passed.
            CancelledError: the connector was closed meanwhile.
        """
        sock = self._dial(self._allowed(address, deadline, internal=internal), address.port, deadline)
        with ExitStack() as undoing:
            undoing.callback(sock.close)
            _check(sock.getpeername()[0], internal=internal)
            if address.scheme == "https":
                sock = self._with_tls(sock, address.host, deadline)
            undoing.pop_all()
        return Channel(sock, self, deadline)

    def patiently(self, sock: socket.socket, operation: Callable[[], _T], deadline: Deadline) -> _T:
        """Repeat an operation of a socket until it need not wait.

        Raises:
            TimeoutError: the deadline has passed.
            CancelledError: the connector was closed meanwhile.
        """
        while not self.is_closed:
            try:
                return operation()
            except (BlockingIOError, ssl.SSLWantReadError):
                event = select.POLLIN
            except ssl.SSLWantWriteError:
                event = select.POLLOUT
            self._wait(sock, event, deadline.left())
        raise CancelledError

    def _wait(self, sock: socket.socket, event: int, seconds: float) -> None:
        waiting = select.poll()
        waiting.register(self._waking, select.POLLIN)
        waiting.register(sock, event)
        ready = waiting.poll(seconds * 1000)
        if self.is_closed:
            raise CancelledError
        if not ready:
            raise TimeoutError

    def _allowed(self, address: Address, deadline: Deadline, *, internal: bool) -> list[str]:
        ips = [address.host] if address.is_ip else self._names.look_up(address.host, deadline)
        judged = {ip: why_refused(ip, internal=internal) for ip in ips}
        allowed = [ip for ip, why in judged.items() if not why]
        if not allowed:
            raise AddressError(f"it is {next(iter(judged.values()), 'none')}", retryable=not address.is_ip)
        return allowed[:MAX_ADDRESSES]

    def _dial(self, ips: list[str], port: int, deadline: Deadline) -> socket.socket:
        """Connect to the first that answers. Each has a part of the time: a dead one leaves some to the rest."""
        for others, ip in zip(reversed(range(len(ips))), ips, strict=True):
            try:
                return self._connected(ip, port, deadline.left() / (others + 1))
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError):
            raise failure
        raise UnreachableError(failure.strerror or type(failure).__name__) from failure

    def _connected(self, ip: str, port: int, seconds: float) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
        with ExitStack() as undoing:
            undoing.callback(sock.close)
            sock.settimeout(0)
            error = sock.connect_ex((ip, port))
            if error == errno.EINPROGRESS:
                self._wait(sock, select.POLLOUT, seconds)
                error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, os.strerror(error))
            undoing.pop_all()
        return sock

    def _with_tls(self, sock: socket.socket, host: str, deadline: Deadline) -> ssl.SSLSocket:
        wrapped = self._context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        with ExitStack() as undoing:
            undoing.callback(wrapped.close)
            self.patiently(wrapped, wrapped.do_handshake, deadline)
            undoing.pop_all()
        return wrapped

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """What the system trusts, and what Mozilla does: slim systems trust nobody."""
        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        return context


def _check(peer: str, *, internal: bool) -> None:
    """Judge whom we are connected to in the end, whatever lies between.

    Raises:
        AddressError: it is refused.
    """
    why = why_refused(peer, internal=internal)
    if why:
        raise AddressError(f"it is {why}")


class Channel(io.RawIOBase):
    """One connection as a stream of bytes, within its deadline."""

    def __init__(self, sock: socket.socket, connector: Connector, deadline: Deadline) -> None:
        self._sock, self._connector, self._deadline = sock, connector, deadline

    def readable(self) -> bool:
        """Of course."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read what there is, at least a byte; 0 is the end.

        Raises:
            TimeoutError: the deadline has passed.
            CancelledError: the connector was closed meanwhile.
            OSError: the connection broke.
        """
        return self._connector.patiently(self._sock, partial(self._sock.recv_into, buffer), self._deadline)

    def send_all(self, data: bytes) -> None:
        """Write to the end.

        Raises:
            TimeoutError, CancelledError, OSError: as of `readinto`.
        """
        rest = memoryview(data)
        while rest:
            rest = rest[self._connector.patiently(self._sock, partial(self._sock.send, rest), self._deadline) :]

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()
        super().close()


class _Names:
    """Looks names up in threads of its own, since no look-up can be interrupted; remembers answers for a minute."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Future[list[str]]]] = {}
        self._asked: SimpleQueue[tuple[str, Future[list[str]]] | None] = SimpleQueue()
        self._threads = 0
        self._is_closed = False

    def look_up(self, host: str, deadline: Deadline) -> list[str]:
        """Return the addresses of a name, as of `socket.getaddrinfo`.

        Raises:
            socket.gaierror: it has none.
            TimeoutError: the deadline has passed.
            CancelledError: closed meanwhile.
        """
        answer = self._answer(host)
        try:
            return answer.result(deadline.left())
        except socket.gaierror:
            self._forget(host, answer)
            raise

    def close(self) -> None:
        """Give up; threads that hang in the system's resolver end with it."""
        with self._lock:
            self._is_closed = True
            for _, answer in self._known.values():
                answer.cancel()
            for _ in range(self._threads):
                self._asked.put(None)

    def _answer(self, host: str) -> Future[list[str]]:
        with self._lock:
            if self._is_closed:
                raise CancelledError
            until, answer = self._known.get(host, (0.0, None))
            if answer and monotonic() < until:
                return answer
            answer = Future()
            self._known.pop(host, None)
            self._known[host] = monotonic() + _REMEMBERED, answer
            if len(self._known) > MAX_NAMES:
                del self._known[next(iter(self._known))]
            self._asked.put((host, answer))
            if self._threads < LOOKING_UP:
                self._threads += 1
                threading.Thread(target=self._work, name="looking up", daemon=True).start()
            return answer

    def _forget(self, host: str, answer: Future[list[str]]) -> None:
        with self._lock:
            if self._known.get(host, (0.0, None))[1] is answer:
                del self._known[host]

    def _work(self) -> None:
        while asked := self._asked.get():
            host, answer = asked
            try:
                found = [str(one[4][0]) for one in self._resolve(host, None, type=socket.SOCK_STREAM)]
            except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
                _settle(answer, error)
            else:
                _settle(answer, found)


def _settle(answer: Future[list[str]], found: list[str] | Exception) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    if isinstance(found, Exception):
        answer.set_exception(found)
    else:
        answer.set_result(found)
