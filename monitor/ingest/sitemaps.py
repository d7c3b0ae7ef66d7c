"""Sitemaps into items, by lxml: Google's for news, plain ones, lists of sitemaps, lists of addresses. Runs in a worker.

A sitemap names pages and perhaps their headlines, never their text: whoever polls one reads the pages too. What is
damaged, cut off or in the wrong namespace gives what is whole in it, and says what is wrong. Nothing is fetched here,
and no entity is expanded.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from monitor.errors import ParseError
from monitor.ingest.decoding import decode_served
from monitor.ingest.identity import Item
from monitor.ingest.markup import Document, forget, name_of, words_at
from monitor.ingest.pages import instant, one_line, text_of, web_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_ENTRIES: Final = 2_000
"""Pages that are kept of a sitemap, the newest; it may list 50,000."""
MAX_UNPACKED: Final = 50_000_000
"""Bytes of a sitemap, unpacked: as many as the protocol allows."""
MAX_TITLE: Final = 1_000
GZIP_MARK: Final = b"\x1f\x8b"
_GZIP: Final = 31  # zlib's window bits for a gzip header
_STEP: Final = 65_536
_NO_DATE: Final = 1970
FEED_ROOTS: Final = frozenset({"rss", "feed", "rdf"})
SITEMAP_ROOTS: Final = frozenset({"urlset", "sitemapindex"})
_ENTRIES: Final = frozenset({"url", "sitemap"})
_OLDEST: Final = datetime.min.replace(tzinfo=UTC)
_ADDRESS: Final = re.compile(r"https?://\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Child:
    """A sitemap that a list of sitemaps names, and when it changed, as far as that says."""

    url: str
    modified: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitemap:
    """What a sitemap lists: pages or other sitemaps.

    A page that it names no headline of is an item without words. ``modified`` has, by item key, when pages changed: no
    date of publication. ``warning`` is what is wrong, ``dropped`` how many entries were too many or unusable. Pages on
    other hosts are kept, and the warning counts them: the protocol forbids them unless the other site agrees in its
    robots.txt, but publishers keep the sitemap of ``www.`` elsewhere, and to miss news is worse than to read a page.
    """

    items: tuple[Item, ...] = ()
    children: tuple[Child, ...] = ()
    modified: Mapping[str, datetime] = field(default_factory=dict)
    warning: str | None = None
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One page or sitemap as it is listed; ``url`` is absolute, or empty where it is unusable."""

    url: str
    title: str = ""
    published: datetime | None = None
    modified: datetime | None = None
    lang: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """The entries of a whole document, of which kind they are, and what is wrong with it."""

    entries: list[_Entry]
    is_index: bool = False
    faults: tuple[str, ...] = ()


def parse_sitemap(body: bytes, content_type: str, address: str) -> Sitemap:
    """Parse a body that was served as ``content_type``; ``address`` resolves relative links.

    Raises:
        ParseError: this is no sitemap; says what it is instead, if that is known.
    """
    unpacked, is_whole = unpack(body, MAX_UNPACKED)
    text = decode_served(unpacked, content_type)
    document = Document(text)
    read = _read_xml(document, address) if document.root else _read_lines(text, address, is_whole=is_whole)
    told = _merged(read.entries)
    kept = _newest(told)
    warning = "; ".join([*read.faults, *_faults(told, kept, address)]) or None
    dropped = sum(not entry.url for entry in read.entries) + len(told) - len(kept)
    if read.is_index:
        children = tuple(Child(entry.url, entry.modified) for entry in kept)
        return Sitemap(children=children, warning=warning, dropped=dropped)
    items = tuple(map(_item, kept))
    modified = {entry.url: entry.modified for entry in kept if entry.modified}
    return Sitemap(items=items, modified=modified, warning=warning, dropped=dropped)


def unpack(body: bytes, limit: int) -> tuple[bytes, bool]:
    """Unpack gzip, as far as ``limit`` bytes; tell whether that is all. What is not packed is returned as it is.

    Raises:
        ParseError: it is damaged from the start.
    """
    if not body.startswith(GZIP_MARK):
        return body, True
    unpacking, unpacked, rest = zlib.decompressobj(_GZIP), bytearray(), body
    try:
        while len(unpacked) < limit and not unpacking.eof and (piece := unpacking.decompress(rest, _STEP)):
            unpacked += piece
            rest = unpacking.unconsumed_tail
    except zlib.error as error:
        if not unpacked:
            raise ParseError(f"its gzip is damaged: {error}", retryable=False) from None
    return bytes(unpacked[:limit]), unpacking.eof and len(unpacked) <= limit


# --- Reading ---------------------------------------------------------------------------------------------------------


def _read_lines(text: str, address: str, *, is_whole: bool) -> _Reading:
    lines = text.lstrip("\ufeff").splitlines()
    lines = [line.strip() for line in (lines if is_whole else lines[:-1]) if line.strip()]
    if not lines or not _ADDRESS.fullmatch(lines[0]):
        raise ParseError("this is no sitemap: neither XML nor a list of addresses", retryable=False)
    return _Reading(
        entries=[_Entry(url=(_ADDRESS.fullmatch(line) and web_address(line, address)) or "") for line in lines],
        faults=() if is_whole else ("it is cut off",),
    )


def _read_xml(document: Document, address: str) -> _Reading:
    _check(document.root)
    entries = []
    for begins, element in document.elements():
        if not begins and name_of(element) in _ENTRIES:
            entries.append(_entry(element, address))
            forget(element)
    return _Reading(entries=entries, is_index=document.root == "sitemapindex", faults=document.faults)


def _check(root: str) -> None:
    if root in FEED_ROOTS:
        raise ParseError("this is a feed: write url: instead of sitemap:", retryable=False)
    if root == "html":
        raise ParseError("this is a web page, no sitemap", retryable=False)
    if root not in SITEMAP_ROOTS:
        raise ParseError(f"this is no sitemap: it begins with <{root}>", retryable=False)


def _entry(element: Any, address: str) -> _Entry:  # noqa: ANN401 - lxml has no types
    place = words_at(element, "loc").replace("&amp;", "&")  # escaped twice, or in a CDATA section
    return _Entry(
        url=(place and web_address(place, address)) or "",
        title=one_line(text_of(words_at(element, "news", "title")))[:MAX_TITLE],
        published=_date(words_at(element, "news", "publication_date")),
        modified=_date(words_at(element, "lastmod")),
        lang=words_at(element, "news", "publication", "language").partition("-")[0].strip().lower()[:8] or None,
    )


def _date(text: str) -> datetime | None:
    """Read a date as sitemaps have it, or as mail has it. 1970 is what a program writes that has none."""
    found = instant(text) or _mail_date(text)
    return found if found and found.year > _NO_DATE else None


def _mail_date(text: str) -> datetime | None:
    try:
        return instant(parsedate_to_datetime(text).isoformat())
    except (ValueError, OverflowError):
        return None


# --- Choosing --------------------------------------------------------------------------------------------------------


def _merged(entries: Iterable[_Entry]) -> list[_Entry]:
    """Return usable entries, one for each address: the first that has a headline."""
    merged: dict[str, _Entry] = {}
    for entry in entries:
        before = merged.get(entry.url)
        if entry.url and (not before or (entry.title and not before.title)):
            merged[entry.url] = entry
    return list(merged.values())


def _newest(entries: list[_Entry]) -> list[_Entry]:
    """Return at most `MAX_ENTRIES`, the newest and then the undated, in the order in which they are listed."""
    by_date = sorted(entries, key=lambda entry: entry.published or entry.modified or _OLDEST, reverse=True)
    kept = {entry.url for entry in by_date[:MAX_ENTRIES]}
    return [entry for entry in entries if entry.url in kept]


def _faults(told: Sequence[_Entry], kept: Sequence[_Entry], address: str) -> Iterator[str]:
    if len(kept) < len(told):
        yield f"it lists {len(told)} addresses, and the {len(kept)} newest are taken"
    own = _host(address)
    others = sum(not _is_near(_host(entry.url), own) for entry in told)
    if others:
        yield f"{others} of {len(told)} addresses are on other hosts than the sitemap"


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _is_near(host: str, own: str) -> bool:
    return host == own or host.endswith(f".{own}") or own.endswith(f".{host}")


def _item(entry: _Entry) -> Item:
    return Item.of(key=entry.url, title=entry.title, text="", url=entry.url, published=entry.published, lang=entry.lang)
