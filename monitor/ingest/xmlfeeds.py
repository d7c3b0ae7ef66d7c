"""RSS, RDF, Atom and CDF into the contents of a feed, by feedparser.

Hides feedparser, what it stumbles over and what of it is slow: junk around the feed, entities of HTML, characters that
XML does not allow, its way with ids. Nothing is fetched: it is given bytes only, and expat asks for no external entity.
"""

from __future__ import annotations

import html
import io
import re
from datetime import timedelta
from html.entities import html5
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit
from xml.sax import SAXException
from xml.sax.saxutils import escape

import feedparser

from monitor.errors import ParseError
from monitor.ingest.decoding import ILLEGAL
from monitor.ingest.entries import Contents, Entry
from monitor.ingest.pages import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TTL: Final = timedelta(days=7)

_Parsed: TypeAlias = dict[str, Any]
"""feedparser's own dictionary, or a part of it."""

_REFERENCE: Final = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|&(?:#(?:x([0-9a-f]{1,8})|([0-9]{1,8}))|([a-z]\w{0,30}));|&", re.IGNORECASE | re.DOTALL
)
_OF_XML: Final = frozenset({"amp", "lt", "gt", "quot", "apos"})
_ROOT: Final = re.compile(r"<((?:[\w-]+:)?(?:rss|feed|rdf|channel))(?=[\s/>])", re.IGNORECASE)
_PROLOGUE: Final = re.compile(r"(?:\s*(?:<\?.*?\?>|<!--.*?-->))*\s*", re.DOTALL)
_PAGE: Final = re.compile(r"<html\b", re.IGNORECASE)
_OF_PAGES: Final = frozenset(
    ["head", "body", "title", "meta", "script", "center", "div", "font", "p", "h1", "h2", "b", "br"]
)
_PAGE_TITLE: Final = re.compile(r"<title\b[^<>]*>([^<>]{1,300})<", re.IGNORECASE)
_ENTRY: Final = re.compile(r"<(?:[\w-]+:)?(?:item|entry)(?=[\s/>])", re.IGNORECASE)
_ENTRY_END: Final = re.compile(r"</(?:[\w-]+:)?(?:item|entry)\s*>", re.IGNORECASE)
_ELEMENT: Final = re.compile(r"<([a-z_][\w:.-]*)", re.IGNORECASE)
_UNREAD: Final = re.compile(
    r"<(category|comments|dc:creator|dc:subject|enclosure|media:content|media:thumbnail|slash:comments|wfw:commentRss)"
    r"(?:\s[^<>]{0,300})?(?:/>|>(?:<!\[CDATA\[[^\]]{0,300}\]\]>|[^<]{0,300})</\1>)\s*"
)
"""Elements that are many and that nobody asks for: feedparser compares each category of an entry with all others."""
_STUMBLES: Final = re.compile(r"</?(?:(?:georss|gml|psc):[\w-]+|textinput|width|height)\b[^<>]*>", re.IGNORECASE)
"""Tags over which feedparser falls when one of a pair is missing, and the whole feed with it."""
_PERIODS: Final = {"hourly": 1, "daily": 24, "weekly": 7 * 24, "monthly": 30 * 24, "yearly": 365 * 24}


def read_xml(text: str, address: str, most: int) -> Contents:
    """Read the first ``most`` entries; ``address`` is where the feed was found.

    Raises:
        ParseError: this is no feed.
    """
    text = _PROLOGUE.sub("", text, count=1)
    document, more = _first_entries(_feed_in(text), most)
    place = _Place(address)
    parsed = _parse(document, place.stand_in)
    entries, feed, fault = parsed["entries"], parsed["feed"], _fault(parsed)
    if not parsed.get("version") and not entries and not feed:
        raise ParseError(f"this is no feed: {fault or _beginning(text)}", retryable=False)
    return Contents(
        entries=tuple(_entry(entry, place) for entry in entries[:most]),
        title=_string(feed.get("title")),
        lang=_string(feed.get("language")),
        ttl=_ttl(feed),
        more=more + len(entries[most:]),
        fault=fault,
    )


def _feed_in(text: str) -> str:
    """Return the feed without what stands before and behind it: a declaration, warnings of PHP, scripts.

    Raises:
        ParseError: there is no feed in it.
    """
    root, has_entry = _ROOT.search(text), _ENTRY.search(text)
    if not has_entry and _is_page(text, root):
        title = _PAGE_TITLE.search(text)
        shown = f": {one_line(html.unescape(title[1]))[:120]}" if title else ""
        raise ParseError(f"this is a web page, no feed{shown}", retryable=False)
    if not root and not has_entry:
        raise ParseError(f"this is no feed: {_beginning(text)}", retryable=False)
    return _mended(_doctype(text[: root.start()]) + _to_the_end(text[root.start() :], root[1]) if root else text)


def _is_page(text: str, root: re.Match[str] | None) -> bool:
    if root:
        return bool(_PAGE.search(text, 0, root.start()))
    first = _ELEMENT.search(text)
    return bool(_PAGE.search(text) or (first and first[1].lower() in _OF_PAGES))


def _beginning(text: str) -> str:
    root = _ELEMENT.search(text)
    words = one_line(text[:200])[:120]
    return f"its root is <{root[1][:40]}>" if root else f"it begins {words!r}" if words else "it holds comments only"


def _doctype(head: str) -> str:
    # feedparser sees the entities that begin a line, and looks long at lines that are empty.
    start = head.upper().find("<!DOCTYPE")
    return one_line(head[start:]).replace("<!ENTITY", "\n<!ENTITY") if start >= 0 else ""


def _to_the_end(text: str, root: str) -> str:
    end = text.rfind(f"</{root}")
    return text[: text.find(">", end) + 1] if end >= 0 and ">" in text[end:] else text


def _mended(document: str) -> str:
    """Write entities of HTML as their letters, and an ampersand that begins none as one.

    A document that declares entities of its own is left to the parser, but for what breaks it.
    """
    has_own = "<!ENTITY" in document
    needed = _STUMBLES.sub("", _UNREAD.sub("", document))
    return _REFERENCE.sub(lambda found: _reference(found, has_own=has_own), needed)


def _reference(found: re.Match[str], *, has_own: bool) -> str:
    whole, hexadecimal, decimal, name = found[0], found[1], found[2], found[3]
    if hexadecimal or decimal:
        code = int(hexadecimal, 16) if hexadecimal else int(decimal)
        return f"&#{code};" if _is_legal(code) else " "
    if whole == "&":
        return "&amp;"
    if has_own or not name or name in _OF_XML:
        return whole
    return escape(html5.get(f"{name};", whole))


def _is_legal(code: int) -> bool:
    return code <= 0x10FFFF and not ILLEGAL.match(chr(code))  # noqa: PLR2004 - the last character of Unicode


def _first_entries(document: str, most: int) -> tuple[str, int]:
    """Return the document without the entries that are too many, and how many those are.

    Parsing them takes minutes that nobody wants to wait.
    """
    starts = [entry.start() for entry in _ENTRY.finditer(document)]
    more = len(starts) - most
    if more <= 0:
        return document, 0
    end = max((last.end() for last in _ENTRY_END.finditer(document, starts[-1])), default=len(document))
    return document[: starts[most]] + document[end:], more


def _parse(document: str, base: str) -> _Parsed:
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": base}
    # A file object: feedparser takes bytes for the name of a file first.
    body = io.BytesIO(document.encode())
    try:
        parsed: _Parsed = feedparser.parse(
            body, response_headers=headers, resolve_relative_uris=False, sanitize_html=False
        )
    except Exception as error:  # it raises whatever it happens to meet in damaged mark-up
        raise ParseError(f"this is no feed: {type(error).__name__}: {error}"[:300], retryable=False) from error
    return parsed


def _fault(parsed: _Parsed) -> str | None:
    error = parsed.get("bozo_exception")
    if not error:
        return None
    message = error.getMessage() if isinstance(error, SAXException) else error
    return f"its XML is broken: {message}"[:200]


def _ttl(feed: _Parsed) -> timedelta | None:
    try:
        hours = int(feed["ttl"]) / 60 if feed.get("ttl") else _period(feed)
    except (KeyError, ValueError, ArithmeticError, TypeError):
        return None
    return timedelta(hours=min(hours, MAX_TTL / timedelta(hours=1))) if hours is not None and hours >= 0 else None


def _period(feed: _Parsed) -> float | None:
    period = _string(feed.get("sy_updateperiod"))
    return _PERIODS[period.strip().lower()] / int(feed.get("sy_updatefrequency") or 1) if period else None


class _Place:
    """Where a feed stands. feedparser resolves an id that is no address like one that is relative.

    So it is given a host that does not exist, on which such ids can be told from addresses.
    """

    __slots__ = ("_folder", "_host", "stand_in")

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host = f"{parts.scheme or 'https'}://relative.invalid"
        self.stand_in = f"{self._host}{parts.path or '/'}"
        self._folder = self.stand_in.rpartition("/")[0] + "/"

    def key(self, identity: str) -> str:
        return identity.removeprefix(self._folder)

    def link(self, link: str) -> str:
        # An empty link leads to the feed itself.
        return link.removeprefix(self._host) if link != self.stand_in else ""

    def is_absolute(self, link: str) -> bool:
        return "://" in link and not link.startswith(self._host)


def _entry(entry: _Parsed, place: _Place) -> Entry:
    title, summary = entry.get("title_detail") or {}, entry.get("summary_detail") or {}
    bodies = [body.get("value") for body in [*entry.get("content", []), summary]]
    # dict's own get: feedparser's puts one date in the other's place, with a warning that this will end.
    dates = [dict.get(entry, name) for name in ("published", "updated", "created")]
    return Entry(
        key=place.key(_string(entry.get("id"))),
        title=_string(title.get("value")),
        bodies=tuple(filter(None, map(_string, bodies))),
        addresses=tuple(place.link(link) for link in _addresses(entry, place)),
        dates=tuple(filter(None, map(_string, dates))),
        lang=_string(entry.get("language")) or _string(title.get("language")),
        publisher=_string((entry.get("source") or {}).get("title")),
    )


def _addresses(entry: _Parsed, place: _Place) -> Iterator[str]:
    """Yield what may be the address of the article, best first; never that of a picture or of the feed itself."""
    yield _string(entry.get("feedburner_origlink"))
    links = [link for link in entry.get("links", []) if _string(link.get("rel")).rpartition("/")[2] == "alternate"]
    for link in sorted(links, key=lambda link: "html" not in _string(link.get("type"))):
        yield _string(link.get("href"))
    identity = _string(entry.get("id"))
    # An empty link keeps feedparser from calling the id a link.
    if (entry.get("guidislink") or dict.get(entry, "link") == "") and place.is_absolute(identity):
        yield identity


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
