"""Which article an item is, and which version of it.

An article's id is the hash of its canonical URL if there is one, else of (source, the item's own id there). A version
is the hash of the folded title and text, so that a change of marks or white space is no new version (design §3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from courlan import normalize_url

from monitor.model import stable_hash
from monitor.text.folding import fold

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that a source lists, parsed. ``key`` is its name in the source: a path, a GUID, a URL."""

    key: str
    text: str
    title: str = ""
    url: str | None = None
    published: datetime | None = None
    lang: str | None = None


def canonical_url(url: str) -> str:
    """Return the form of a URL that all its copies share: no fragment, no tracking parameters, one order of the rest."""
    return str(normalize_url(url.strip()))


def article_id(source: str, item: Item) -> str:
    """Return the item's article id."""
    return stable_hash("url", canonical_url(item.url)) if item.url else stable_hash("source", source, item.key)


def content_hash(item: Item) -> str:
    """Return the hash of the item's words."""
    return stable_hash(" ".join(fold(item.title).text.split()), " ".join(fold(item.text).text.split()))
