"""An entry of a feed, as its author wrote it, into an item.

Readers of each kind of feed fill in `Contents`; what is believed of it is decided here, once for all kinds. Fields are
mark-up, text, or mark-up escaped once too often, and nothing in a feed says which; so what looks like mark-up is read
as that.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from html.entities import html5
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from monitor.ingest.dates import read_date
from monitor.ingest.identity import Item
from monitor.ingest.pages import MAX_TEXT, clean, one_line, text_of

if TYPE_CHECKING:
    from datetime import datetime, timedelta

MAX_MARKUP: Final = 1_000_000
MAX_LINE: Final = 1_000
"""Characters of a title, a link or an id that are kept."""

_MARKUP: Final = re.compile(r"</?[a-z][^<>]*>|<!--|<!\[|<[a-z]+\s+[a-z-]+=", re.IGNORECASE)
_USUAL_MARKUP: Final = re.compile(
    r"</?(?:a|b|blockquote|br|div|em|figure|font|h[1-6]|i|img|li|p|span|strong|table|ul)\b[^<>]*>", re.IGNORECASE
)
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8}\d{0,2});", re.IGNORECASE)
_PARAGRAPHS: Final = re.compile(r"\n\s*\n")
_LANGUAGE: Final = re.compile(r"\s*([a-z]{2,3})(?![a-z])", re.IGNORECASE)
_MAKERS: Final = r"RSS[ -]?Bridge|Fetch ?RSS|RSS\.app|Feed ?43|Polite ?Po[lL]|RSS ?Hub|Feedity|FiveFilters"
_FAILURE: Final = r"error|expired|failed|suspended|disabled|upgrade|subscription|trial|limit|unavailable|not available"
_ERROR: Final = re.compile(
    r"(?:\w+ )?bridge returned error -?\d+"
    r"|(?:rss )?feed (?:error\b|has expired|is (?:disabled|suspended|unavailable|no longer available))"
    r"|(?:error|failed) (?:fetching|generating|loading|to (?:fetch|generate|load)) (?:the |this )?(?:rss )?feed"
    r"|this (?:rss )?feed (?:has (?:been (?:disabled|suspended)|expired)|is (?:disabled|suspended|no longer available))"
    r"|(?:your )?(?:free |rss )?(?:subscription|trial|plan) (?:has )?expired\b"
    rf"|(?=.*(?:{_MAKERS}))(?=.*\b(?:{_FAILURE})\b).{{0,150}}$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What an entry says of itself; several values of a field stand in the order in which they are to be believed."""

    key: str = ""
    title: str = ""
    bodies: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    lang: str = ""
    publisher: str = ""
    """The title of the feed that the entry was taken from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a feed says. ``more`` is the number of its entries that were not looked at, ``fault`` what is wrong."""

    entries: tuple[Entry, ...]
    title: str = ""
    lang: str = ""
    ttl: timedelta | None = None
    more: int = 0
    fault: str | None = None


def item_of(entry: Entry, address: str, lang: str) -> Item | None:
    """Make an item, or none of an entry without words. ``address`` resolves relative links."""
    title = _without_publisher(title_of(entry.title), one_line(entry.publisher))
    text = _longest(entry.bodies)
    if not title and not text:
        return None
    url = next(filter(None, (_url(link, address) for link in entry.addresses)), None)
    return Item.of(
        key=one_line(clean(entry.key or url or ""))[:MAX_LINE],
        title=title,
        text=text,
        url=url,
        published=_first_date(entry.dates),
        lang=_language(entry.lang) or _language(lang),
    )


def is_cut(item: Item) -> bool:
    """Tell whether a field of it has been cut to size."""
    return len(item.text) >= MAX_TEXT or max(len(item.title), len(item.key)) >= MAX_LINE


def is_error(item: Item) -> bool:
    """Tell the message of a program that makes feeds, posted as an entry, from news."""
    return bool(_ERROR.match(item.title))


def title_of(markup: str) -> str:
    """Write a title in one line of text."""
    return one_line(_words(markup))[:MAX_LINE]


def _without_publisher(title: str, publisher: str) -> str:
    """Take off the publisher's name that aggregators write behind each title."""
    return title.removesuffix(f" - {publisher}") if publisher else title


def _longest(bodies: tuple[str, ...]) -> str:
    """Return the longest text. Mark-up is longer than its words, so that the most need not be read."""
    best = ""
    for body in sorted(bodies, key=len, reverse=True):
        if len(body) <= len(best):
            break
        best = max(best, _words(body)[:MAX_TEXT], key=len)
    return best


def _words(markup: str) -> str:
    text = _text(clean(markup[:MAX_MARKUP]))
    return _text(text) if _ENTITY.search(text) or _USUAL_MARKUP.search(text) else text


def _text(markup: str) -> str:
    if _MARKUP.search(markup):
        return clean(text_of(markup))
    plain = _ENTITY.sub(_letters, markup) if "&" in markup else markup
    return "\n\n".join(filter(None, map(one_line, _PARAGRAPHS.split(clean(plain)))))


def _letters(entity: re.Match[str]) -> str:
    # html.unescape finds &amp in &ampere;.
    return html.unescape(entity[0]) if entity[0][1] == "#" else html5.get(entity[0][1:], entity[0])


def _url(link: str, address: str) -> str | None:
    try:
        url = urljoin(address, clean(link).strip()).replace(" ", "%20")
    except ValueError:
        return None
    return url if link.strip() and url.startswith(("http://", "https://")) and len(url) <= MAX_LINE else None


def _first_date(dates: tuple[str, ...]) -> datetime | None:
    return next(filter(None, map(read_date, dates)), None)


def _language(code: str) -> str | None:
    found = _LANGUAGE.match(code)
    return found[1].lower() if found else None
