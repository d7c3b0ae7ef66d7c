"""Bytes of a feed into items. Runs in a worker: a small feed can keep a parser busy for minutes.

A broken feed gives what is usable in it, and says what is wrong with it. Hides which kind of feed it is and its
character set. Nothing is fetched here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from monitor.errors import ParseError
from monitor.ingest.decoding import ILLEGAL, decode_served
from monitor.ingest.entries import is_cut, is_error, item_of, title_of
from monitor.ingest.jsonfeeds import read_json
from monitor.ingest.xmlfeeds import read_xml
from monitor.model import stable_hash

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from monitor.ingest.entries import Contents
    from monitor.ingest.identity import Item

MAX_ENTRIES: Final = 2_000
MAX_TITLE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What a feed lists. ``warning`` is what is wrong with it, ``dropped`` how many entries were not taken.

    ``ttl`` is how long the feed asks to be left alone, at most a week.
    """

    items: tuple[Item, ...]
    title: str | None = None
    ttl: timedelta | None = None
    warning: str | None = None
    dropped: int = 0


def parse_feed(body: bytes, content_type: str, address: str) -> Feed:
    """Parse a body that was served as ``content_type``; ``address`` resolves relative links.

    Raises:
        ParseError: this is no feed, or one that reports an error and lists nothing else.
    """
    text = ILLEGAL.sub(" ", decode_served(body, content_type)).strip()
    if not text:
        raise ParseError("an empty answer", retryable=False)
    contents = read_json(text, MAX_ENTRIES) if text[0] == "{" else read_xml(text, address, MAX_ENTRIES)
    items = [item for entry in contents.entries if (item := item_of(entry, address, contents.lang))]
    errors = [item.title for item in items if is_error(item)]
    taken = [item for item in items if not is_error(item)]
    if errors and not taken:
        raise ParseError(f"the feed reports an error: {errors[0][:120]}", retryable=False)
    return Feed(
        items=_told_apart(taken),
        title=title_of(contents.title)[:MAX_TITLE].rstrip() or None,
        ttl=contents.ttl,
        warning="; ".join(_warnings(contents, items, errors)) or None,
        dropped=len(contents.entries) + contents.more - len(taken),
    )


def _warnings(contents: Contents, items: list[Item], errors: list[str]) -> Iterator[str]:
    if contents.fault:
        yield contents.fault
    if any("\ufffd" in item.title or "\ufffd" in item.text for item in items):
        yield "some of its letters are lost: its bytes are in no character set that we know"
    if contents.more:
        yield f"entries beyond the first {MAX_ENTRIES:,}: {contents.more:,}"
    if len(items) < len(contents.entries):
        yield f"entries without words: {len(contents.entries) - len(items):,}"
    if errors:
        yield f"entries that report an error: {len(errors):,}, {errors[0][:120]!r}"
    if cut := sum(map(is_cut, items)):
        yield f"entries cut to size: {cut:,}"


def _told_apart(items: list[Item]) -> tuple[Item, ...]:
    """Give entries that share an id (the site's address, say) keys of their own; else each would replace the other."""
    times = Counter(item.key for item in items)
    return tuple(
        replace(item, key=stable_hash(item.key, item.url or "", item.content_hash)) if times[item.key] > 1 else item
        for item in items
    )
