"""Where a site's news can be read by machine: the feeds that a page names, its sitemaps, the usual places.

Proposes only: nothing is fetched here, and what a page calls a feed may be none. What parses a page runs in a worker.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from monitor.errors import ParseError
from monitor.ingest.decoding import decode_served
from monitor.ingest.listings import MAX_TITLE, base_of, words_of
from monitor.ingest.markup import root_of
from monitor.ingest.pages import clean, one_line, parse_html, web_address
from monitor.ingest.sitemaps import FEED_ROOTS, SITEMAP_ROOTS, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_FEEDS: Final = 50
_SNIFFED: Final = 65_536
_USUAL: Final = (
    *("feed", "rss", "rss.xml", "feed.xml", "atom.xml", "index.xml", "feed.json"),
    *("sitemap-news.xml", "news-sitemap.xml", "sitemap_index.xml", "sitemap.xml"),
)
_FEED_TYPES: Final = frozenset(
    {"application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json"}
)
_VAGUE_TYPES: Final = frozenset({"application/xml", "text/xml", "application/json"})
_FEED_PATH: Final = re.compile(
    r"/(?:feeds?|rss\d?|atom|rdf)/?$"  # a last part that says so
    r"|\.(?:rss|atom|rdf)$"
    r"|(?:rss|atom|feed)[^/]*\.(?:xml|json|php|aspx?)$"
    r"|/(?:rss|atom|feeds?)/.*(?:\.xml|/)$",
    re.IGNORECASE,
)
_FEED_QUERY: Final = re.compile(r"(?:^|&)(?:feed|format|type|output)=(?:feed|rss\d?|atom|rdf)\b", re.IGNORECASE)
_FEED_SCHEME: Final = re.compile(r"\s*feed:(?://)?(?=https?://)|\s*feed(?=://)", re.IGNORECASE)
_FEED_HOSTS: Final = frozenset({"feeds.feedburner.com", "feeds2.feedburner.com", "feedproxy.google.com"})
_COMMENTS: Final = re.compile(r"comment|تعليق|комментар|دیدگاه|نظرات|yorum", re.IGNORECASE)
_SITEMAP_LINE: Final = re.compile(r"^[ \t]*sitemap[ \t]*:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
_ADDRESSES: Final = re.compile(r"https?://\S+\s*(?:\n|$)", re.IGNORECASE)
_JSON_FEED: Final = re.compile(r"jsonfeed\.org\\?/version")
_WORD: Final = re.compile(r"[^\W_]+")
_OF_FEEDS: Final = frozenset(
    [
        *("feed", "feeds", "rss", "rss2", "atom", "rdf", "xml", "json", "index", "default", "sitemap", "sitemaps"),
        *("html", "htm", "php", "aspx", "asp", "gz", "www", "all", "latest"),
    ]
)
_MAX_ID: Final = 60


@dataclass(frozen=True, slots=True)
class Named:
    """A feed that a page names, and what the page calls it; that may be nothing."""

    url: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """The feeds that a page names, the likeliest first, and the page's own title."""

    feeds: tuple[Named, ...] = ()
    title: str = ""


# --- What a page names -----------------------------------------------------------------------------------------------


def find_feeds(body: bytes, content_type: str, address: str) -> Discovery:
    """Find the feeds that a page at ``address`` names; comments come last, a section's own feed first.

    Raises:
        ParseError: it is no text.
    """
    root = parse_html(decode_served(body, content_type))
    if root is None:
        return Discovery()
    base = base_of(root, address)
    named = [*_declared(root, base), *_linked(root, base)]
    merged: dict[str, Named] = {}
    for feed in named:
        before = merged.get(feed.url)
        merged[feed.url] = before if before and before.title else feed
    likely = sorted(merged.values(), key=lambda feed: (_is_of_comments(feed), not _is_within(feed.url, address)))
    return Discovery(feeds=tuple(likely[:MAX_FEEDS]), title=_title(root))


def _declared(root: Any, base: str) -> Iterator[Named]:  # noqa: ANN401 - lxml has no types
    for link in root.xpath("//link[@rel and @href]"):
        kind = (link.get("type") or "").partition(";")[0].strip().lower()
        url = _feed_address(link.get("href"), base)
        is_other = {"alternate", "feed"} & set(link.get("rel").lower().split())
        if url and is_other and (kind in _FEED_TYPES or (kind in _VAGUE_TYPES and _looks_like_feed(url))):
            yield Named(url, one_line(clean(link.get("title") or ""))[:MAX_TITLE])


def _linked(root: Any, base: str) -> Iterator[Named]:  # noqa: ANN401 - lxml has no types
    for link in root.xpath("//a[@href]"):
        url = _feed_address(link.get("href"), base)
        if url and _looks_like_feed(url):
            yield Named(url, words_of(link))


def _feed_address(link: str, base: str) -> str | None:
    """Resolve a link; ``feed:`` before it or in place of ``http:`` is how browsers once asked for a reader."""
    return web_address(
        _FEED_SCHEME.sub(lambda scheme: "" if scheme[0].rstrip("/").endswith(":") else "http", link), base
    )


def _looks_like_feed(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname in _FEED_HOSTS or _FEED_PATH.search(parts.path) or _FEED_QUERY.search(parts.query))


def _is_of_comments(feed: Named) -> bool:
    return bool(_COMMENTS.search(feed.title) or _COMMENTS.search(unquote(urlsplit(feed.url).path)))


def _is_within(url: str, address: str) -> bool:
    return urlsplit(url).path.startswith(urlsplit(address).path.rstrip("/") + "/")


def _title(root: Any) -> str:  # noqa: ANN401 - lxml has no types
    return one_line(clean(root.findtext(".//title") or ""))[:MAX_TITLE]


# --- Where to look ---------------------------------------------------------------------------------------------------


def sitemaps_of(robots_txt: str) -> tuple[str, ...]:
    """Return the sitemaps that a site's robots.txt names."""
    named = (web_address(line[1], "") for line in _SITEMAP_LINE.finditer(robots_txt.lstrip("\ufeff")))
    return tuple(dict.fromkeys(url for url in named if url))


def guesses(address: str) -> tuple[str, ...]:
    """Return where feeds and sitemaps usually are on the site of ``address``, the likeliest first."""
    places = (web_address(f"/{place}", address) for place in _USUAL)
    return tuple(place for place in places if place)


def kind_of(body: bytes, content_type: str) -> Literal["feed", "sitemap", "page"]:
    """Tell what a body is from its beginning, whatever it was served as; what is neither feed nor sitemap is a page."""
    try:
        head = decode_served(unpack(body, _SNIFFED)[0][:_SNIFFED], content_type).lstrip()
    except ParseError:
        return "page"
    root = root_of(head)
    if root in FEED_ROOTS or (head.startswith("{") and _JSON_FEED.search(head)):
        return "feed"
    return "sitemap" if root in SITEMAP_ROOTS or _ADDRESSES.match(head) else "page"


# --- What to call it -------------------------------------------------------------------------------------------------


def proposed_id(address: str, title: str) -> str:
    """Propose a source id: the host and what of the path is no common word of feeds; a title for a host in numbers."""
    try:
        parts = urlsplit(address)
        host = _readable(parts.hostname or "")
    except ValueError:
        return _joined(_words(title)) or "source"
    values = " ".join(value for _, value in parse_qsl(parts.query))
    path = [word for word in _words(f"{unquote(parts.path)} {values}") if word not in _OF_FEEDS]
    if host in _FEED_HOSTS and path:
        return _joined(path)
    if _is_number(host) and title:
        return _joined(_words(title)) or _joined(_words(host))
    return _joined([*_host_words(host), *path]) or _joined(_words(title)) or "source"


def _readable(host: str) -> str:
    """Write a host in its own letters."""
    try:
        return host.encode("ascii").decode("idna").lower()
    except UnicodeError:
        return host.lower()


def _host_words(host: str) -> list[str]:
    first, _, rest = host.partition(".")
    return _words(rest if first in _OF_FEEDS and "." in rest else host)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _words(text: str) -> list[str]:
    return _WORD.findall(clean(text).lower())


def _joined(words: Iterable[str]) -> str:
    """Join words while there is room for them."""
    joined = ""
    for word in dict.fromkeys(words):
        longer = f"{joined}-{word}" if joined else word[:_MAX_ID]
        if len(longer) > _MAX_ID:
            break
        joined = longer
    return joined
