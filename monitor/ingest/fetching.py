"""One document over HTTP, within bounds: total time, decoded bytes, redirects.

Hides httpx. A failure of the world is a value, not an exception. Decompression is ours, because httpx's cannot be
bounded: 980 bytes of doubly compressed gzip become 512 MB in one piece before anything can be counted (measured).
"""

from __future__ import annotations

import asyncio
import threading
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

import httpx

from monitor import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES: Final = 10_000_000
DEADLINE: Final = timedelta(seconds=30)
REDIRECTS: Final = 5
LONGEST_WAIT: Final = timedelta(hours=24)
_GZIP_OR_ZLIB: Final = 47
_STEP: Final = 65_536
_AGENT: Final = f"monitor/{__version__} (news alerts; feed reader)"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body, with what makes the next request conditional."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True)
class NotModified:
    """The server says that nothing changed."""


@dataclass(frozen=True, slots=True)
class Failed:
    """No document, why, and how long the server asks us to stay away."""

    reason: str
    retry_after: timedelta | None = None


Outcome = Fetched | NotModified | Failed


class Fetcher:
    """Fetches in an event loop of its own; many threads may wait for many slow servers at once."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fetching", daemon=True)
        self._thread.start()
        self._client = httpx.AsyncClient(
            timeout=DEADLINE.total_seconds(),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            headers={"User-Agent": _AGENT, "Accept-Encoding": "gzip"},
        )

    def fetch(self, url: str, etag: str | None, last_modified: str | None, now: datetime) -> Outcome:
        """Fetch ``url`` unless it is unchanged since the validators were given; at most 30 s."""
        return asyncio.run_coroutine_threadsafe(self._fetch(url, etag, last_modified, now), self._loop).result()

    def close(self) -> None:
        """Close every connection and end the loop."""
        if self._loop.is_running():
            asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _fetch(self, url: str, etag: str | None, last_modified: str | None, now: datetime) -> Outcome:
        conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        headers = {name: value for name, value in conditions.items() if value}
        try:
            async with asyncio.timeout(DEADLINE.total_seconds()):
                return await self._follow(url, headers, now)
        except TimeoutError:
            return Failed(f"no whole answer within {DEADLINE.seconds} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Failed(f"{type(error).__name__}: {error}".rstrip(": "))
        except zlib.error as error:
            return Failed(f"damaged compression: {error}")

    async def _follow(self, url: str, headers: Mapping[str, str], now: datetime) -> Outcome:
        for _ in range(REDIRECTS + 1):
            async with self._client.stream("GET", url, headers=headers) as response:
                if not response.has_redirect_location:
                    return await _outcome(response, now)
                url = urljoin(url, response.headers["location"])
                if not url.startswith(("http://", "https://")):
                    return Failed(f"redirected to {url!r}, which is no web address")
        return Failed(f"more than {REDIRECTS} redirects")


async def _outcome(response: httpx.Response, now: datetime) -> Outcome:
    if response.status_code == httpx.codes.NOT_MODIFIED:
        return NotModified()
    if response.status_code != httpx.codes.OK:
        wait = _retry_after(response.headers.get("retry-after"), now)
        return Failed(f"HTTP {response.status_code} {response.reason_phrase}".rstrip(), wait)
    body = await _body(response)
    if isinstance(body, Failed):
        return body
    headers = response.headers
    return Fetched(str(response.url), body, dict(headers), headers.get("etag"), headers.get("last-modified"))


async def _body(response: httpx.Response) -> bytes | Failed:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip", "deflate"}:
        return Failed(f"unsupported content encoding {encoding!r}")
    unpack = None if encoding == "identity" else zlib.decompressobj(_GZIP_OR_ZLIB)
    body = bytearray()
    async for chunk in response.aiter_raw():
        pending = chunk
        while pending:
            piece = unpack.decompress(pending, _STEP) if unpack else pending
            pending = unpack.unconsumed_tail if unpack else b""
            body += piece
            if len(body) > MAX_BYTES:
                return Failed(f"larger than {MAX_BYTES // 1_000_000} MB")
    if unpack and not unpack.eof:
        return Failed("the compressed answer is cut off")
    return bytes(body)


def _retry_after(text: str | None, now: datetime) -> timedelta | None:
    """Read Retry-After, seconds or a date, as a wait of 0 to 24 h; None when there is none to read."""
    if not text:
        return None
    try:
        wait = timedelta(seconds=int(text)) if text.strip().lstrip("-").isdigit() else _until(text, now)
    except OverflowError:
        wait = LONGEST_WAIT
    except ValueError:
        return None
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


def _until(date: str, now: datetime) -> timedelta:
    instant = parsedate_to_datetime(date)
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)) - now
