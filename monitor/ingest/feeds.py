"""RSS and Atom bytes into items, by feedparser. Runs in a worker: a small feed can keep a parser busy for minutes.

A broken feed gives what is usable in it, and says what is wrong with it. Nothing is fetched here: feedparser is given
bytes only, and expat asks for no external entity.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urljoin

import feedparser

from monitor.errors import ParseError
from monitor.ingest.identity import Item
from monitor.ingest.pages import MAX_TEXT, clean, declared_encoding, encoding_of, one_line, text_of
from monitor.model import stable_hash

MAX_ENTRIES: Final = 2_000
MAX_MARKUP: Final = 1_000_000
MAX_LINE: Final = 1_000
"""Characters of a title, a link or an id that are kept."""
_REFERENCE: Final = re.compile(rb"&#(?:x([0-9a-f]{1,8})|([0-9]{1,8}));", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What a feed lists. ``warning`` is what is wrong with it, ``dropped`` how many entries were too many or empty."""

    items: tuple[Item, ...]
    warning: str | None = None
    dropped: int = 0


def parse_feed(body: bytes, content_type: str, address: str) -> Feed:
    """Parse a body that was served as ``content_type``; ``address`` resolves relative links.

    Raises:
        ParseError: this is no feed.
    """
    parsed = _parse(body, content_type, address)
    warning = _warning(parsed)
    if not parsed.get("version") and not parsed.entries:
        raise ParseError(f"this is no feed: {warning or 'neither RSS nor Atom'}", retryable=False)
    lang = _language(parsed.feed.get("language"))
    items = [item for entry in parsed.entries[:MAX_ENTRIES] if (item := _item(entry, address, lang))]
    return Feed(items=_told_apart(items), warning=warning, dropped=len(parsed.entries) - len(items))


def _parse(body: bytes, content_type: str, address: str) -> Any:  # noqa: ANN401 - feedparser's own dictionary
    headers = {"content-type": _with_charset(body, content_type), "content-location": address}
    try:
        return feedparser.parse(
            _REFERENCE.sub(_character, body), response_headers=headers, resolve_relative_uris=False, sanitize_html=False
        )
    except Exception as error:  # it raises whatever it happens to meet in damaged mark-up
        raise ParseError(f"this is no feed: {type(error).__name__}: {error}"[:300], retryable=False) from error


def _character(reference: re.Match[bytes]) -> bytes:
    # feedparser breaks on a reference to half a surrogate pair.
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    return b"" if 0xD800 <= code <= 0xDFFF else reference[0]  # noqa: PLR2004 - Unicode's surrogates


def _warning(parsed: Any) -> str | None:  # noqa: ANN401 - feedparser's own dictionary
    error = parsed.get("bozo_exception")
    is_harmless = isinstance(error, feedparser.NonXMLContentType | feedparser.CharacterEncodingOverride)
    return f"{error}"[:200] if error and not is_harmless else None


def _told_apart(items: list[Item]) -> tuple[Item, ...]:
    """Give entries that share an id (the site's address, say) keys of their own; else each would replace the other."""
    times = Counter(item.key for item in items)
    return tuple(
        replace(item, key=stable_hash(item.key, item.url or "", item.content_hash)) if times[item.key] > 1 else item
        for item in items
    )


def _with_charset(body: bytes, content_type: str) -> str:
    """Name the character set of an Arabic feed that declares none; feedparser would take it for Latin."""
    if "charset" in content_type.lower() or declared_encoding(body):
        return content_type
    try:
        encoding = encoding_of(body)
    except ParseError:
        return content_type
    return f"application/xml; charset={encoding}" if encoding == "windows-1256" else content_type


def _item(entry: Any, address: str, lang: str | None) -> Item | None:  # noqa: ANN401 - feedparser's own dictionary
    title = one_line(_text(entry.get("title_detail")))[:MAX_LINE]
    bodies = [_text(body) for body in [*entry.get("content", []), entry.get("summary_detail")]]
    text = max(bodies, key=len)[:MAX_TEXT]
    if not title and not text:
        return None
    url = _link(entry, address)
    return Item.of(
        key=clean(entry.get("id") or url or "")[:MAX_LINE],
        title=title,
        text=text,
        url=url,
        published=_published(entry),
        lang=lang,
    )


def _text(detail: Any) -> str:  # noqa: ANN401 - feedparser's own dictionary
    if not detail:
        return ""
    value = clean(detail.get("value") or "")[:MAX_MARKUP]
    return value.strip() if detail.get("type") == "text/plain" and "<" not in value else text_of(value)


def _link(entry: Any, address: str) -> str | None:  # noqa: ANN401 - feedparser's own dictionary
    try:
        url = urljoin(address, clean(entry.get("link") or "").strip())
    except ValueError:
        return None
    return url if entry.get("link") and url.startswith(("http://", "https://")) and len(url) <= MAX_LINE else None


def _published(entry: Any) -> datetime | None:  # noqa: ANN401 - feedparser's own dictionary
    """Read the entry's date. 1970 is what a program writes that has none."""
    # dict's own get: feedparser's puts one date in the other's place, with a warning that this will end.
    parsed = dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed")
    try:
        found = datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError):
        return None
    return found if found and found.year > 1970 else None  # noqa: PLR2004 - the year that the docstring names


def _language(code: str | None) -> str | None:
    return clean(code).replace("_", "-").partition("-")[0].strip().lower()[:8] or None if code else None
