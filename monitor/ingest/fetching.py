"""One document over HTTP, within bounds: total time, decoded bytes, redirects, and whom may be asked.

Hides http.client. A failure of the world is a value, not an exception. A fetch runs in its caller's thread; any number
may run at once. Bodies are read and unpacked here in steps, because a library's whole is unbounded: 980 bytes of doubly
compressed gzip become 512 MB in one piece, and a chunk of size -1 is read for ever. Redirects are followed here, one by
one, each held to what the first is held to and without the secrets that were another's. Keeps no cookies and no
connections, knows no proxies, retries nothing, and does not ask robots.txt (`robots`).
"""

from __future__ import annotations

import io
import re
import socket
import ssl
import zlib
from concurrent.futures import CancelledError
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from http.client import BadStatusLine, HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Final

from monitor import __version__
from monitor.errors import FetchError
from monitor.ingest.addresses import AddressError, join_url, parse_url
from monitor.ingest.connecting import Connector, Deadline, UnreachableError
from monitor.ingest.turns import HostBusyError, Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self

    from monitor.ingest.addresses import Address
    from monitor.ingest.connecting import Channel, Resolve

MAX_BYTES: Final = 10_000_000
MAX_HEAD: Final = 262_144
MAX_ERROR_PAGE: Final = 65_536
MAX_CHUNKS: Final = 100_000
MAX_CHUNK_LINE: Final = 1_000
MAX_INTERIM: Final = 10
"""Answers before the answer (1xx other than 100) that are read over."""
MAX_REDIRECTS: Final = 5
DEADLINE: Final = timedelta(seconds=30)
GAP: Final = timedelta(seconds=1)
LONGEST_WAIT: Final = timedelta(hours=24)
ACCEPT_FEED: Final = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
)
ACCEPT_PAGE: Final = "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.5"

_GZIP: Final = 31  # zlib's window bits for a gzip header
_MAGIC: Final = b"\x1f\x8b"
_STEP: Final = 65_536
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PERMANENT: Final = frozenset({301, 308})
_BODILESS: Final = frozenset({204, 205})
_BUSY: Final = frozenset({429, 503})
_BLOCKED: Final = frozenset({401, 403, 451})
_CHUNK_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_MAX_AGE: Final = re.compile(r'(?<![\w-])max-age\s*=\s*"?([0-9]+)', re.ASCII)
_STALE: Final = re.compile(r"(?<![\w-])no-(?:cache|store)(?![\w-])", re.ASCII)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]+")
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_USER_AGENT: Final = f"monitor/{__version__} (news monitoring; reads feeds at their pace)"
_CERTIFICATE: Final = {
    10: "certificate expired",
    18: "certificate signed by itself",
    19: "certificate signed by itself",
    20: "certificate signed by nobody known",
    62: "certificate of another name",
    64: "certificate of another address",
}
"""OpenSSL's X509_V_ERR_* (https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)."""


class Failure(StrEnum):
    """Why there is no document."""

    ADDRESS = "address refused"
    NAME = "name does not resolve"
    UNREACHABLE = "unreachable"
    TLS = "no secure connection"
    TOO_SLOW = "too slow"
    CUT_OFF = "cut off or damaged"
    TOO_LARGE = "too large"
    ENCODING = "unsupported encoding"
    REDIRECT = "bad redirect"
    BUSY = "asked to wait"
    BLOCKED = "blocked"
    NOT_FOUND = "not found"
    GONE = "gone"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to fetch, and the validators of the copy that we have.

    ``headers`` are a source's own, secrets as a rule: they go to the URL's origin only. ``internal`` requests may reach
    private networks, and wait for no turn. A line break in a header is a mistake of the caller.
    """

    url: str
    etag: str | None = None
    last_modified: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    internal: bool = False
    accept: str = ACCEPT_FEED

    def __post_init__(self) -> None:
        """Find the mistake before it is sent."""
        if any(_CONTROLS.search(text) for pair in self.headers.items() for text in pair):
            raise ValueError("a header holds a control character")

    @property
    def conditions(self) -> dict[str, str]:
        """The headers that make it conditional."""
        known = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in known.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A whole body, decompressed; ``url`` is where it was at last found, after ``hops`` redirects.

    ``moved`` is the same where every redirect said that it is for ever. ``fresh_for`` is how long the server says that
    there is nothing new (RFC 9111), at most 24 h. Names of ``headers`` are in lower case.
    """

    body: bytes = field(repr=False)
    url: str
    content_type: str
    etag: str | None
    last_modified: str | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    fresh_for: timedelta | None = None
    moved: str | None = None
    hops: int = 0


@dataclass(frozen=True, slots=True)
class NotModified:
    """The server says that our copy is the present one, and for how long."""

    fresh_for: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """No document. ``retry_after`` is how long the server asks us to stay away, at most 24 h.

    Where there was an answer, ``status``, ``headers`` and the beginning of its ``body`` tell what kind of page it is.
    """

    reason: Failure
    detail: str = ""
    retryable: bool = True
    retry_after: timedelta | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        """``reason: detail``, for a log line; holds no address, which may hold a secret."""
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


Outcome = Fetched | NotModified | Failed


class Fetcher:
    """Fetches for all threads; a fetch costs its thread a wait.

    ``gap`` is how far apart requests to one host are, ``resolve`` what looks names up.
    """

    def __init__(
        self, *, deadline: timedelta = DEADLINE, resolve: Resolve = socket.getaddrinfo, gap: timedelta = GAP
    ) -> None:
        self._deadline = deadline
        self._connector = Connector(resolve)
        self._turns = Turns(gap)

    def fetch(self, request: Request, now: datetime) -> Outcome:
        """Fetch within the deadline; waiting for the host's turn is not counted, and has a bound of its own.

        ``now`` is what dates are counted from.

        Raises:
            CancelledError: the fetcher was closed meanwhile.
        """
        if self._connector.is_closed:
            raise CancelledError
        try:
            return self._follow(request, now, Deadline(self._deadline))
        except (FetchError, OSError, HTTPException, zlib.error) as error:
            return self._failed(error)

    def slow_down(self, host: str, gap: timedelta) -> None:
        """Keep requests to a host at least this far apart, 30 s at most."""
        self._turns.slow_down(host, gap)

    def close(self) -> None:
        """Give up every fetch at once. Closing twice is harmless."""
        self._connector.close()
        self._turns.close()

    def _follow(self, request: Request, now: datetime, deadline: Deadline) -> Outcome:
        first = address = parse_url(request.url)
        is_own = is_forever = True
        for hops in range(MAX_REDIRECTS + 1):
            turn = nullcontext(0.0) if request.internal else self._turns.turn(address.host)
            with turn as waited:
                deadline.put_off(waited)
                with closing(self._connector.connect(address, deadline, internal=request.internal)) as channel:
                    channel.send_all(_written(address, request, first.credentials, is_own=is_own))
                    answer = _Answer(channel)
                    if answer.status not in _REDIRECTS:
                        moved = str(address) if hops and is_forever else None
                        return _outcome(answer, request, now, url=str(address), moved=moved, hops=hops)
            address = _led_to(address, answer)
            # What belongs to the first origin does not come back on the way.
            is_own = is_own and address.origin == first.origin
            is_forever = is_forever and answer.status in _PERMANENT
        raise _UnusableError(Failure.REDIRECT, f"more than {MAX_REDIRECTS}")

    def _failed(self, error: Exception) -> Failed:
        if isinstance(error, FetchError):
            reason = error.failure if isinstance(error, _UnusableError) else _reason(error)
            return Failed(reason=reason, detail=error.reason, retryable=error.retryable)
        if isinstance(error, TimeoutError):
            detail = f"no whole answer within {self._deadline.total_seconds():g} s"
            return Failed(reason=Failure.TOO_SLOW, detail=detail)
        return Failed(reason=_reason(error), detail=_detail(error))


class _UnusableError(FetchError):
    """An answer that is no document."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure


_REASONS: Final = (
    (AddressError, Failure.ADDRESS),
    (UnreachableError, Failure.UNREACHABLE),
    (HostBusyError, Failure.TOO_SLOW),
    (socket.gaierror, Failure.NAME),
    (ssl.SSLError, Failure.TLS),
)


def _reason(error: Exception) -> Failure:
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), Failure.CUT_OFF)


def _detail(error: Exception) -> str:
    """Say what went wrong, in words that hold nothing of what was asked; a server may send that back."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE.get(error.verify_code, error.verify_message)
    if isinstance(error, ssl.SSLError):
        return (error.reason or "broken off").lower().replace("_", " ")
    if isinstance(error, BadStatusLine):
        return "no answer in HTTP"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) or type(error).__name__


def _written(address: Address, request: Request, credentials: str | None, *, is_own: bool) -> bytes:
    headers = {"User-Agent": _USER_AGENT, "Accept": request.accept}
    if is_own:
        headers |= {"Authorization": credentials} if credentials else {}
        headers |= request.conditions | {name.title(): value for name, value in request.headers.items()}
    headers |= {"Host": address.netloc, "Accept-Encoding": "gzip", "Connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {address.target} HTTP/1.1\r\n{lines}\r\n".encode()


def _led_to(address: Address, answer: _Answer) -> Address:
    location = answer.headers.get("location")
    if not location:
        raise _UnusableError(Failure.REDIRECT, "to nowhere")
    with suppress(UnicodeDecodeError):  # headers come as Latin-1, and what is beyond ASCII is UTF-8 as a rule
        location = location.encode("latin-1").decode()
    try:
        return join_url(address, location)
    except AddressError as error:
        raise _UnusableError(Failure.REDIRECT, f"its target is refused: {error.reason}") from None


def _outcome(  # noqa: PLR0913 - what was asked, what came, and on which way
    answer: _Answer, request: Request, now: datetime, *, url: str, moved: str | None, hops: int
) -> Outcome:
    if answer.status == HTTPStatus.NOT_MODIFIED and request.conditions:
        return NotModified(fresh_for=_fresh_for(answer.headers, now))
    if answer.status // 100 != 2:  # noqa: PLR2004 - success
        return _refusal(answer, now)
    return Fetched(
        body=answer.body(),
        url=url,
        content_type=answer.headers.get("content-type", ""),
        etag=_validator(answer.headers, "etag"),
        last_modified=_validator(answer.headers, "last-modified"),
        status=answer.status,
        headers=answer.headers,
        fresh_for=_fresh_for(answer.headers, now),
        moved=moved,
        hops=hops,
    )


def _validator(headers: Mapping[str, str], name: str) -> str | None:
    """Return what can be sent back; a header that is not ASCII cannot."""
    value = headers.get(name)
    return value if value and value.isascii() else None


def _refusal(answer: _Answer, now: datetime) -> Failed:
    status = answer.status
    return Failed(
        reason=_refused_as(status),
        detail=f"{status} {_PHRASES.get(status, '')}".strip(),
        retryable=status != HTTPStatus.GONE,
        retry_after=_retry_after(answer.headers.get("retry-after", ""), now),
        status=status,
        headers=answer.headers,
        body=answer.beginning(),
    )


def _refused_as(status: int) -> Failure:
    if status == HTTPStatus.NOT_FOUND:
        return Failure.NOT_FOUND
    if status in _BUSY:
        return Failure.BUSY
    if status in _BLOCKED:
        return Failure.BLOCKED
    return Failure.GONE if status == HTTPStatus.GONE else Failure.REFUSED


# --- The answer ------------------------------------------------------------------------------------------------------


class _Answer:
    """What a server says: status and headers, read at once, and the body, read in steps when it is asked for."""

    def __init__(self, channel: Channel) -> None:
        self._stream = io.BufferedReader(channel, _STEP)
        head = _Head(self._stream.readline)
        for _ in range(MAX_INTERIM):
            self._response = HTTPResponse(head)  # type: ignore[arg-type] # it takes what `makefile` gives
            self._response.begin()
            if self._response.status >= 200:  # noqa: PLR2004 - it is final
                break
        else:
            raise HTTPException("never comes to its answer")
        self.status = self._response.status
        self.headers = _joined(self._response.getheaders())

    def body(self) -> bytes:
        """Read the whole body, decompressed."""
        if self.status in _BODILESS:
            return b""
        if (self._response.length or 0) > MAX_BYTES:
            raise _too_large()
        body = bytearray()
        for piece in self._decoded():
            body += piece
            if len(body) > MAX_BYTES:
                raise _too_large()
        return bytes(body)

    def beginning(self) -> bytes:
        """Read what can be read of an error page, whatever is wrong with the rest."""
        body = bytearray()
        with suppress(FetchError, OSError, HTTPException, zlib.error):
            for piece in self._decoded():
                body += piece
                if len(body) >= MAX_ERROR_PAGE:
                    break
        return bytes(body[:MAX_ERROR_PAGE])

    def _decoded(self) -> Iterator[bytes]:
        transfer = self.headers.get("transfer-encoding", "").lower()
        encoding = self.headers.get("content-encoding", "").lower()
        if transfer not in {"", "identity", "chunked"}:
            raise _UnusableError(Failure.ENCODING, transfer[:40])
        if encoding not in {"", "identity", "gzip", "x-gzip"}:
            raise _UnusableError(Failure.ENCODING, encoding[:40])
        pieces = self._bounded(self._chunks() if self._response.chunked else self._plain())
        return _unpacked(pieces) if "gzip" in encoding else pieces

    def _bounded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Hold to the cap what comes, too: unpacked, it may be nothing for ever."""
        came = 0
        for piece in pieces:
            came += len(piece)
            if came > MAX_BYTES:
                raise _too_large()
            yield piece

    def _plain(self) -> Iterator[bytes]:
        """Read up to the length that was announced, or to the end where none was."""
        left = self._response.length
        while left != 0:
            piece = self._stream.read1(_STEP if left is None else min(left, _STEP))
            if not piece and left:
                raise HTTPException("shorter than said")
            if not piece:
                return
            left = left and left - len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        for _ in range(MAX_CHUNKS):
            left = self._chunk_size()
            if not left:
                return  # what trails the last chunk says nothing about the body
            while left:
                piece = self._stream.read1(min(left, _STEP))
                if not piece:
                    raise HTTPException("a chunk ends early")
                left -= len(piece)
                yield piece
            if self._stream.readline(3) not in {b"\r\n", b"\n"}:
                raise HTTPException("a chunk is longer than said")
        raise HTTPException("too many chunks")

    def _chunk_size(self) -> int:
        found = _CHUNK_SIZE.fullmatch(self._stream.readline(MAX_CHUNK_LINE))
        if not found:
            raise HTTPException("a chunk without a size")
        return int(found[1], 16)


class _Head:
    """Lends http.client the lines of a head, so many bytes of them, and keeps the stream open."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._left = MAX_HEAD

    def makefile(self, _: str) -> Self:
        """Give what is read from."""
        return self

    def readline(self, limit: int) -> bytes:
        """Read a line, cut off at the limit."""
        line = self._read(limit)
        self._left -= len(line)
        if self._left < 0:
            raise HTTPException("headers without end")
        return line

    def flush(self) -> None:
        """Nothing is written."""

    def close(self) -> None:
        """Leave it to whom it belongs."""


def _joined(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Join headers of one name (RFC 9110 §5.3), and folded lines."""
    joined: dict[str, str] = {}
    for name, value in headers:
        line = _CONTROLS.sub(" ", value).strip()
        joined[name.lower()] = f"{joined[name.lower()]}, {line}" if name.lower() in joined else line
    return joined


def _too_large() -> _UnusableError:
    return _UnusableError(Failure.TOO_LARGE, f"more than {MAX_BYTES // 1_000_000} MB")


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack gzip, member after member, in steps; what follows the last member is no part of it."""
    unpacking = None
    for piece in pieces:
        rest = piece
        while rest:
            if unpacking is None or unpacking.eof:
                if unpacking and not rest.startswith(_MAGIC[: len(rest)]):
                    return
                unpacking = zlib.decompressobj(_GZIP)
            yield unpacking.decompress(rest, _STEP)
            rest = unpacking.unused_data or unpacking.unconsumed_tail
    if unpacking and not unpacking.eof:
        raise HTTPException("the compressed body ends early")


# --- What headers say about time -------------------------------------------------------------------------------------


def _fresh_for(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Read how long there is nothing new (RFC 9111 §4.2), as a wait; None when it does not say."""
    control = headers.get("cache-control", "").lower()
    if _STALE.search(control):
        return timedelta(0)
    age = _MAX_AGE.search(control)
    if age:
        spent = headers.get("age", "")
        return _wait(float(age[1]) - (float(spent) if spent.isdecimal() else 0.0))
    expires = _instant(headers.get("expires", ""))
    if not expires:
        return None
    return _wait((expires - (_instant(headers.get("date", "")) or now)).total_seconds())


def _retry_after(value: str, now: datetime) -> timedelta | None:
    """Read Retry-After (RFC 9110 §10.2.3): seconds or a date, as a wait; None when it does not say."""
    text = value.strip()
    if text.lstrip("-").isdecimal():
        return _wait(float(text))
    instant = _instant(text)
    return _wait((instant - now).total_seconds()) if instant else None


def _wait(seconds: float) -> timedelta:
    """Hold a wait that a server asks for within 0 to 24 h."""
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_WAIT.total_seconds()))


def _instant(date: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
