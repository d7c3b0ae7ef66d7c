"""JSON Feed 1.0 and 1.1 into the contents of a feed.

Programs write numbers for strings and leave out what the standard asks for; a field of the wrong type counts as
missing, so that an entry is lost only when nothing of it can be read. Authors, tags and attachments are left aside.
"""

from __future__ import annotations

import json
from typing import Final

from monitor.errors import ParseError
from monitor.ingest.entries import Contents, Entry

_BODIES: Final = ("content_html", "content_text", "summary")
_ADDRESSES: Final = ("url", "external_url")
_DATES: Final = ("date_published", "date_modified")


def read_json(text: str, most: int) -> Contents:
    """Read the first ``most`` entries.

    Raises:
        ParseError: this is no JSON Feed.
    """
    try:
        feed = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"this is no feed: its JSON is broken: {error}"[:300], retryable=False) from error
    listed = feed.get("items")
    if not isinstance(listed, list):
        raise ParseError("this is no feed: JSON without items", retryable=False)
    return Contents(
        entries=tuple(map(_entry, listed[:most])),
        title=_string(feed.get("title")),
        lang=_string(feed.get("language")),
        more=len(listed[most:]),
    )


def _entry(item: object) -> Entry:
    if not isinstance(item, dict):
        return Entry()
    return Entry(
        key=_string(item.get("id")),
        title=_string(item.get("title")),
        bodies=_strings(item, _BODIES),
        addresses=(*_strings(item, _ADDRESSES), _address(item.get("id"))),
        dates=_strings(item, _DATES),
        lang=_string(item.get("language")),
    )


def _strings(item: dict[str, object], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for value in map(item.get, names) if isinstance(value, str))


def _address(identity: object) -> str:
    return identity if isinstance(identity, str) and "://" in identity else ""


def _string(value: object) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if isinstance(value, str) else str(value) if is_number else ""
