"""One document over HTTP, within bounds: total time, decoded bytes, redirects.

Hides httpx. A failure of the world is a value, not an exception. Decompression is ours, because httpx's cannot be
bounded: 980 bytes of doubly compressed gzip become 512 MB in one piece before anything can be counted (measured).
Redirects are followed here, one by one, each without what the one before was given. Keeps no cookies, retries nothing.
"""

from __future__ import annotations

import asyncio
import threading
import zlib
from concurrent.futures import CancelledError
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Final

import httpx

from monitor import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES: Final = 10_000_000
DEADLINE: Final = timedelta(seconds=30)
MAX_REDIRECTS: Final = 5
LONGEST_WAIT: Final = timedelta(hours=24)
_GZIP: Final = 31  # zlib's window bits for a gzip header
_STEP: Final = 65_536
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_BUSY: Final = frozenset({429, 503})
_HEADERS: Final = {
    "User-Agent": f"monitor/{__version__} (news monitoring; reads feeds at their pace)",
    "Accept": "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5",
    "Accept-Encoding": "gzip",
}


class Failure(StrEnum):
    """Why there is no document."""

    UNREACHABLE = "unreachable"
    TOO_SLOW = "too slow"
    CUT_OFF = "cut off or damaged"
    TOO_LARGE = "too large"
    ENCODING = "unsupported encoding"
    REDIRECT = "bad redirect"
    BUSY = "asked to wait"
    GONE = "gone"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to fetch, and the validators of the copy that we have."""

    url: str
    etag: str | None = None
    last_modified: str | None = None

    @property
    def conditions(self) -> dict[str, str]:
        """The headers that make it conditional."""
        known = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in known.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A whole body, decompressed; ``url`` is where it was at last found."""

    body: bytes
    url: str
    content_type: str
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True)
class NotModified:
    """The server says that our copy is the present one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """No document. ``retry_after`` is how long the server asks us to stay away, at most 24 h."""

    reason: Failure
    detail: str = ""
    retryable: bool = True
    retry_after: timedelta | None = None

    def __str__(self) -> str:
        """``reason: detail``, for a log line; holds no address, which may hold a secret."""
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


Outcome = Fetched | NotModified | Failed


class Fetcher:
    """Fetches in one event loop for all threads, so that slow servers cost a waiting thread each and no work."""

    def __init__(self, *, deadline: timedelta = DEADLINE) -> None:
        self._deadline = deadline
        self._closing = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._client = httpx.AsyncClient(
            headers=_HEADERS,
            timeout=deadline.total_seconds(),
            # Polls are minutes apart: a connection kept is one that the server is about to close.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
        self._thread = threading.Thread(target=self._loop.run_forever, name="fetching", daemon=True)
        self._thread.start()

    def fetch(self, request: Request, now: datetime) -> Outcome:
        """Fetch within the deadline; ``now`` is what a Retry-After date is counted from.

        Raises:
            CancelledError: the fetcher was closed meanwhile.
        """
        with self._closing:
            if self._loop.is_closed():
                raise CancelledError
            waiting = asyncio.run_coroutine_threadsafe(self._fetch(request, now), self._loop)
        return waiting.result()

    def close(self) -> None:
        """Give up every fetch and end the loop. Closing twice is harmless."""
        with self._closing:
            if self._loop.is_closed():
                return
            asyncio.run_coroutine_threadsafe(self._give_up(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _give_up(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._client.aclose()

    async def _fetch(self, request: Request, now: datetime) -> Outcome:
        try:
            async with asyncio.timeout(self._deadline.total_seconds()):
                return await self._follow(request, now)
        except (TimeoutError, httpx.TimeoutException):
            detail = f"no whole answer within {self._deadline.total_seconds():g} s"
            return Failed(reason=Failure.TOO_SLOW, detail=detail)
        except httpx.ConnectError as error:
            return Failed(reason=Failure.UNREACHABLE, detail=str(error))
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            return Failed(reason=Failure.REDIRECT, detail=type(error).__name__)
        except (httpx.HTTPError, zlib.error) as error:
            return Failed(reason=Failure.CUT_OFF, detail=str(error) or type(error).__name__)

    async def _follow(self, request: Request, now: datetime) -> Outcome:
        url = httpx.URL(request.url)
        for _ in range(MAX_REDIRECTS + 1):
            async with self._client.stream("GET", url, headers=request.conditions, follow_redirects=False) as response:
                location = response.headers.get("location")
                if response.status_code not in _REDIRECTS or not location:
                    return await _read(response, now)
                url = url.join(location)
            if url.scheme not in {"http", "https"}:
                return Failed(reason=Failure.REDIRECT, detail=f"to {url.scheme}:, which is not the web")
        return Failed(reason=Failure.REDIRECT, detail=f"more than {MAX_REDIRECTS}")


async def _read(response: httpx.Response, now: datetime) -> Outcome:
    status = response.status_code
    if status == httpx.codes.NOT_MODIFIED:
        return NotModified()
    if not response.is_success:
        return _refusal(status, response.headers, now)
    body = await _body(response)
    if isinstance(body, Failed):
        return body
    headers = response.headers
    return Fetched(
        body=body,
        url=str(response.url),
        content_type=headers.get("content-type", ""),
        etag=_validator(headers, "etag"),
        last_modified=_validator(headers, "last-modified"),
    )


def _validator(headers: Mapping[str, str], name: str) -> str | None:
    """Return what can be sent back; a header that is not ASCII cannot."""
    value = headers.get(name)
    return value if value and value.isascii() else None


def _refusal(status: int, headers: Mapping[str, str], now: datetime) -> Failed:
    detail = f"{status} {httpx.codes.get_reason_phrase(status)}".strip()
    if status == httpx.codes.GONE:
        return Failed(reason=Failure.GONE, detail=detail, retryable=False)
    reason = Failure.BUSY if status in _BUSY else Failure.REFUSED
    return Failed(reason=reason, detail=detail, retry_after=_retry_after(headers.get("retry-after"), now))


async def _body(response: httpx.Response) -> bytes | Failed:
    """Read the body, and decompress it in steps, so that the cap holds for what comes out."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        return Failed(reason=Failure.ENCODING, detail=encoding[:40])
    unpacking = zlib.decompressobj(_GZIP) if "gzip" in encoding else None
    body = bytearray()
    async for chunk in response.aiter_raw(_STEP):
        rest = chunk
        while rest:
            body += unpacking.decompress(rest, _STEP) if unpacking else rest
            rest = unpacking.unconsumed_tail if unpacking else b""
            if len(body) > MAX_BYTES:
                return Failed(reason=Failure.TOO_LARGE, detail=f"more than {MAX_BYTES // 1_000_000} MB")
    if unpacking and not unpacking.eof:
        return Failed(reason=Failure.CUT_OFF, detail="the compressed body ends early")
    return bytes(body)


def _retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Read Retry-After (RFC 9110 §10.2.3): seconds or a date, as a wait of 0 to 24 h; None when it says nothing."""
    if not value:
        return None
    try:
        wait = timedelta(seconds=float(value)) if value.strip().lstrip("-").isdecimal() else _until(value, now)
    except OverflowError:
        wait = LONGEST_WAIT
    except ValueError:
        return None
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


def _until(date: str, now: datetime) -> timedelta:
    moment = parsedate_to_datetime(date)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
