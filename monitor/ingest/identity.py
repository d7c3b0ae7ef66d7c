"""Which article an item is, and which version of it.

An article's id is the hash of its canonical URL if it has one, else of (source, its key there). What publishers say of
identity is distrusted: a feed that makes new GUIDs, a site that moves, a headline whose correction changes its address
are recognised by what was listed before; a GUID that comes with another article is not believed. In doubt an item is a
new article: telling the same twice is mended by stories, missing something by nothing.

A version is the hash of the folded title and text, so that a change of vowel marks or of line breaks is no new version.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from monitor.model import stable_hash
from monitor.text.folding import fold_text

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence
    from datetime import datetime

    from monitor.ports import Sighting

TITLE_KEPT: Final = 160
"""Characters of a folded headline that are remembered."""
_SHARED: Final = 3
"""So many entries of one listing under one address: it is the site's, not theirs."""
_TELLING_WORDS: Final = 8
"""Words from which on their being the same is no chance."""
_TELLING_TITLE: Final = 6
_ALIKE: Final = 0.5
_MOVED: Final = 5
"""So many headlines that are listed under other names at once are no chance: the site has moved."""

_TRACKING_PREFIXES: Final = ("utm_", "utm-", "mtm_", "pk_", "at_", "ns_", "_hs", "traffic_source")
_TRACKING: Final = frozenset(
    [
        *("fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "twclid", "ttclid", "igshid"),
        *("igsh", "mc_cid", "mc_eid", "_ga", "_gl", "mkt_tok", "wt_mc", "ocid", "cmpid", "smid", "spm", "xtor"),
        *("ref_src", "ref_url", "srsltid", "s_kwcid", "ncid", "outputtype", "amp", "amp_js_v", "usqp"),
    ]
)
_WEB: Final = frozenset({"http", "https"})
_WEB_PORTS: Final = frozenset({None, 80, 443})
_RESERVED: Final = "!$&'()*+,;=:@/~"
_ESCAPED: Final = re.compile(r"(?:[A-Za-z0-9!$&'()*+,;=:@/~._-]|%[89A-F][0-9A-F])*")
"""What is written as all write it."""
_SAME_SITE: Final = re.compile(r"(?:(?:www|m|mobile|amp)\.)+(?=[^.]+\.[^.])")
_AMP: Final = re.compile(r"^(?:/amp)+(?=/.)|(?:/amp)+$|(?:\.amp)+(?=\.html$|$)")
_AMP_CACHE: Final = re.compile(
    r"https?://(?:(?:[^/]*\.cdn\.ampproject\.org/[acv]/|www\.google\.[a-z.]+/amp/)(?:s/)?)+(?=[^/]+/.)", re.IGNORECASE
)


# --- Items -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that a source lists, parsed. ``key`` is its name there: a path, a GUID, a URL.

    ``entry`` is the hash of what the list said of it: as long as that stays the same, so does the item, whatever was
    cut from it or read from its page since.
    """

    key: str
    title: str
    text: str
    entry: str
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
        """Make an item of a list's entry; one without a key is known by the hash of its words."""
        key = key or content_hash(title, text)
        entry = stable_hash(title, text)
        return cls(key=key, title=title, text=text, entry=entry, url=url, published=published, lang=lang)

    @property
    def content_hash(self) -> str:
        """The hash of its words as they are now."""
        return content_hash(self.title, self.text)


def content_hash(title: str, text: str) -> str:
    """Hash the folded words of a version; white space counts as one space."""
    return stable_hash(*(_folded(part) for part in (title, text)))


def folded_title(item: Item) -> str:
    """Return what is remembered of a headline: the title, else the first words."""
    return _folded(item.title or item.text[: 2 * TITLE_KEPT])[:TITLE_KEPT]


def _folded(text: str) -> str:
    return " ".join(fold_text(text).split())


# --- Which article ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """An item that is known to be a version of ``article``.

    ``content_hash`` is None when its entry is the one that was listed before: then it is the version of then.
    """

    item: Item
    article: str
    content_hash: str | None


def article_of_url(url: str | None) -> str | None:
    """Return the id of the article at this address; None when it names no single article."""
    address = canonical_url(url) if url else None
    return stable_hash("url", address) if address else None


def fresh(items: Iterable[Item], sightings: Mapping[str, Sighting]) -> tuple[Item, ...]:
    """Return the items whose entry is not the one that was listed before."""
    return tuple(item for item in items if not (item.key in sightings and sightings[item.key].entry == item.entry))


def identify(
    source: str,
    items: Sequence[Item],
    sightings: Mapping[str, Sighting],
    known: Container[str],
    *,
    keys_are_names: bool = False,
) -> tuple[Identified, ...]:
    """Tell which article each item is.

    ``sightings`` are those of the source that have a key, the words or the headline of one of these items; ``known``
    the articles of their addresses that were seen in any source. ``keys_are_names`` where a key is never used again
    for something else: the paths of a folder.
    """
    record = _Record(source, items, sightings, known, keys_are_names=keys_are_names)
    return tuple(record.identify(item) for item in items)


class _Record:
    """What is known of a source while its listing is gone through."""

    def __init__(
        self,
        source: str,
        items: Sequence[Item],
        sightings: Mapping[str, Sighting],
        known: Container[str],
        *,
        keys_are_names: bool,
    ) -> None:
        self._source, self._sightings, self._known, self._keys_are_names = source, sightings, known, keys_are_names
        self._items = items
        self._addresses = Counter(article for item in items if (article := article_of_url(item.url)))
        self._shared = {article for article, times in self._addresses.items() if times >= _SHARED}
        listed = {item.key for item in items}
        self._by_words = {sighting.content_hash: sighting.article for sighting in sightings.values()}
        # A headline leads to its article only when that article has gone from the list: then its key has changed.
        self._by_title = {one.title: one.article for key, one in sightings.items() if one.title and key not in listed}

    def identify(self, item: Item) -> Identified:
        before = self._sightings.get(item.key)
        if before and before.entry == item.entry:
            return Identified(item=item, article=before.article, content_hash=None)
        words = item.content_hash
        article = self._article(item, before, words)
        self._by_words.setdefault(words, article)
        return Identified(item=item, article=article, content_hash=words)

    def _article(self, item: Item, before: Sighting | None, words: str) -> str:
        address = article_of_url(item.url)
        if address in self._shared:
            address = None
        if address and address in self._known:
            return address
        if before and (self._keys_are_names or words == before.content_hash):
            return before.article
        if words in self._by_words and (not address or _is_telling(item) or len(self._renamed) >= _MOVED):
            return self._by_words[words]
        if before and not self._is_elsewhere(before) and _is_alike(item, before):
            return before.article
        title = folded_title(item)
        known = self._by_title.get(title)
        if known and (len(self._renamed) >= _MOVED or _is_known_by_title(item, title, words)) and self._is_gone(title):
            return known
        return address or stable_hash("item", self._source, item.key, *([words] if before else []))

    def _is_elsewhere(self, before: Sighting) -> bool:
        """Whether what a key stood for is still listed, under another one: then the key was given to something else."""
        return before.article in self._addresses or before.content_hash in self._fresh_words

    @cached_property
    def _fresh_words(self) -> set[str]:
        return {item.content_hash for item in fresh(self._items, self._sightings)}

    def _is_gone(self, title: str) -> bool:
        """Whether the article of a headline has gone from the list and one entry at most could be it."""
        return self._by_title[title] not in self._still_listed and self._renamed[title] <= 1

    @cached_property
    def _still_listed(self) -> set[str]:
        return {self._by_words[words] for words in self._fresh_words if words in self._by_words}

    @cached_property
    def _renamed(self) -> Counter[str]:
        """Count the headlines of entries that are new by key and have the headline of one that has gone."""
        titles = (folded_title(item) for item in self._items if item.key not in self._sightings)
        return Counter(title for title in titles if title in self._by_title)


def _is_known_by_title(item: Item, title: str, words: str) -> bool:
    """Whether a long headline is all that an entry is known by: it has neither id nor link, only its words."""
    return item.key == words and len(title.split()) >= _TELLING_TITLE


def _is_alike(item: Item, before: Sighting) -> bool:
    """Whether what a key stands for now may be an edit of what it stood for: half of the headline's words are there."""
    if before.title is None:
        return True
    now, then = set(folded_title(item).split()), set(before.title.split())
    return bool(now and then) and len(now & then) >= _ALIKE * min(len(now), len(then))


def _is_telling(item: Item) -> bool:
    return len(item.title.split()) + len(item.text.split()) >= _TELLING_WORDS


# --- Addresses -------------------------------------------------------------------------------------------------------


def canonical_url(url: str) -> str | None:
    """Write a URL as all links to the same article share it; None when it names no single article.

    Scheme and default port, case of the host, its prefixes for browsers and telephones (www, m, mobile, amp), AMP's
    paths and caches, fragment, tracking parameters, their order, a last slash and the spelling of percent escapes do
    not count; any other parameter does. A site's front page is no article: feeds whose items all link there are common.
    Not courlan's `clean_url`: it drops ``cid=``, ``eid=``, ``source=`` and values without a name (``?12345``), and two
    articles under one id are an alert missed.
    """
    try:
        parts = urlsplit(_without(_AMP_CACHE, url.strip(), "https://"))
        port = parts.port
    except ValueError:
        return None
    host = _without(_SAME_SITE, (parts.hostname or "").rstrip("."))
    path, query = _escape(parts.path).rstrip("/"), _query(parts)
    while (shorter := _AMP.sub("", path).rstrip("/")) != path:
        path = shorter
    if parts.scheme.lower() not in _WEB or not host or not (path or query):
        return None
    place = f"[{host}]" if ":" in host else host
    if port not in _WEB_PORTS:
        place += f":{port}"
    return urlunsplit(("https", place, path, query, ""))


def _without(beginning: re.Pattern[str], text: str, instead: str = "") -> str:
    found = beginning.match(text)
    return instead + text[found.end() :] if found else text


def _query(parts: SplitResult) -> str:
    pairs = (_escape(pair) for pair in parts.query.split("&") if pair)
    return "&".join(sorted(pair for pair in pairs if not _tracks(pair.partition("=")[0].lower())))


def _tracks(name: str) -> bool:
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)


def _escape(text: str) -> str:
    """Write percent escapes in one way, without touching what an escape keeps apart (%2F is no slash)."""
    if _ESCAPED.fullmatch(text):
        return text
    escaped = quote(text, safe=_RESERVED + "%?")
    head, *escapes = escaped.split("%")
    return head + "".join(_plain(escape[:2]) + escape[2:] for escape in escapes)


def _plain(code: str) -> str:
    letter = unquote(f"%{code}")
    return letter if letter.isascii() and (letter.isalnum() or letter in "-._~") else f"%{code.upper()}"
