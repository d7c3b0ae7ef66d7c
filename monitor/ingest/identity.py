"""Which article an item is, and which version of it.

An article's id is the hash of its canonical URL if it has one, else of (source, its key there), unless the source
listed the same words under another key before: a renamed file, a feed that makes new ids at each fetch. A version is
the hash of the folded title and text, so that a change of vowel marks or of line breaks is no new version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from monitor.model import stable_hash
from monitor.text.folding import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from monitor.ports import Sighting

_TRACKING_PREFIXES: Final = ("utm_", "mtm_", "pk_", "at_", "ns_")
_TRACKING: Final = frozenset(
    [
        *("fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "twclid", "ttclid", "igshid"),
        *("igsh", "mc_cid", "mc_eid", "_ga", "_gl", "mkt_tok", "wt_mc", "ocid", "cmpid", "smid", "spm", "xtor"),
    ]
)
_WEB: Final = frozenset({"http", "https"})
_WEB_PORTS: Final = frozenset({None, 80, 443})
_RESERVED: Final = "!$&'()*+,;=:@/~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that a source lists, parsed. ``key`` is its name there: a path, a GUID, a URL; no title is empty."""

    key: str
    title: str
    text: str
    content_hash: str
    url: str | None = None
    published: datetime | None = None
    lang: str | None = None

    @classmethod
    def of(  # noqa: PLR0913 - the fields of a record
        cls,
        *,
        key: str | None,
        title: str,
        text: str,
        url: str | None = None,
        published: datetime | None = None,
        lang: str | None = None,
    ) -> Self:
        """Make an item, and hash its words; one without a key is known by that hash."""
        words = content_hash(title, text)
        return cls(
            key=key or words, title=title, text=text, content_hash=words, url=url, published=published, lang=lang
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """An item that is known to be a version of ``article``."""

    item: Item
    article: str


def identify(source: str, items: Iterable[Item], sightings: Mapping[str, Sighting]) -> tuple[Identified, ...]:
    """Tell which article each item is, given what the source listed before."""
    articles = {sighting.content_hash: sighting.article for sighting in sightings.values()}
    found = []
    for item in items:
        address = canonical_url(item.url) if item.url else None
        if address:
            article = stable_hash("url", address)
        elif item.key in sightings:
            article = sightings[item.key].article
        else:
            article = articles.setdefault(item.content_hash, stable_hash("item", source, item.key))
        found.append(Identified(item=item, article=article))
    return tuple(found)


def content_hash(title: str, text: str) -> str:
    """Hash the folded words of a version; white space counts as one space."""
    return stable_hash(*(" ".join(fold(part).text.split()) for part in (title, text)))


def canonical_url(url: str) -> str | None:
    """Write a URL as all links to the same article share it; None when it names no single article.

    Scheme and default port, case of the host, fragment, tracking parameters, their order, a last slash and the spelling
    of percent escapes do not count; any other parameter does. A site's front page is no article: feeds whose items all
    link there are common. Not courlan's `clean_url`: it drops ``cid=``, ``eid=``, ``source=`` and values without a
    name (``?12345``), and two articles under one id are an alert missed.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".")
    path, query = _escape(parts.path).rstrip("/"), _query(parts)
    if parts.scheme.lower() not in _WEB or not host or not (path or query):
        return None
    place = f"[{host}]" if ":" in host else host
    if port not in _WEB_PORTS:
        place += f":{port}"
    return urlunsplit(("https", place, path, query, ""))


def _query(parts: SplitResult) -> str:
    pairs = (_escape(pair) for pair in parts.query.split("&") if pair)
    return "&".join(sorted(pair for pair in pairs if not _tracks(pair.partition("=")[0].lower())))


def _tracks(name: str) -> bool:
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)


def _escape(text: str) -> str:
    """Write percent escapes in one way, without touching what an escape keeps apart (%2F is no slash)."""
    escaped = quote(text, safe=_RESERVED + "%?")
    head, *escapes = escaped.split("%")
    return head + "".join(_plain(escape[:2]) + escape[2:] for escape in escapes)


def _plain(code: str) -> str:
    letter = unquote(f"%{code}")
    return letter if letter.isascii() and (letter.isalnum() or letter in "-._~") else f"%{code.upper()}"
