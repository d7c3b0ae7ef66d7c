"""RSS and Atom bytes into items, by feedparser. Runs in a worker: a small feed can keep it busy for minutes.

A broken feed gives what is usable in it and says that it is broken. Nothing is fetched here.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import feedparser

from monitor.ingest.identity import Item
from monitor.ingest.pages import fragment_text
from monitor.model import stable_hash

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ENTRIES: Final = 2_000
MAX_TEXT: Final = 1_000_000
MAX_TITLE: Final = 10_000
_UNWANTED: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed lists. ``fault`` is what is wrong with it; ``dropped`` how many entries were over the cap or empty."""

    items: tuple[Item, ...]
    fault: str | None = None
    dropped: int = 0


def parse_feed(data: bytes, headers: Mapping[str, str], url: str) -> Feed:
    """Parse a response's body. ``headers`` are its own, for the declared character set; ``url`` resolves links.

    Raises:
        ValueError: this is no feed at all.
    """
    known = {name.lower(): value for name, value in headers.items()}
    parsed = feedparser.parse(data, response_headers={"content-location": url, **known})
    fault = f"{parsed.bozo_exception}" if parsed.get("bozo") else None
    if not parsed.version and not parsed.entries:
        raise ValueError(f"this is no feed: {fault or 'no entries and no known format'}")
    entries = parsed.entries[:MAX_ENTRIES]
    items = [item for entry in entries if (item := _item(entry, parsed.feed.get("language")))]
    return Feed(tuple(items), fault, len(parsed.entries) - len(items))


def _item(entry: Any, language: str | None) -> Item | None:  # noqa: ANN401 - feedparser's own dictionary
    title = " ".join(fragment_text(_clean(entry.get("title", ""))[:MAX_TITLE]).split())
    bodies = [content.get("value", "") for content in entry.get("content", [])] + [entry.get("summary", "")]
    text = fragment_text(_clean(max(bodies, key=len))[:MAX_TEXT])
    link = entry.get("link") or ""
    if not title and not text:
        return None
    return Item(
        key=_clean(entry.get("id") or link or stable_hash(title, text)),
        title=title,
        text=text or title,
        url=link if link.startswith(("http://", "https://")) else None,
        published=_instant(entry.get("published_parsed") or entry.get("updated_parsed")),
        lang=language.split("-")[0].lower() if language else None,
    )


def _clean(text: str) -> str:
    """Remove what no database and no mail takes: NUL and other controls, lone surrogates."""
    return _UNWANTED.sub("", text)


def _instant(parsed: Any) -> datetime | None:  # noqa: ANN401 - a struct_time, or nothing
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError):
        return None
