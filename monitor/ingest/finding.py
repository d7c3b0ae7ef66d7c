"""What can be polled at an address that somebody was given: a feed, a sitemap, or the front page of a site.

Asks the address, then what the page names, then the sitemaps of its robots.txt, then the usual places, one after the
other, and takes the first that lists something. Reads what it finds as the poller would. Writes nothing.
"""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from monitor.errors import ParseError
from monitor.ingest.addresses import AddressError, parse_url, why_refused
from monitor.ingest.deciding import Failure, Habits, Listing, Unchanged
from monitor.ingest.discovery import Named, find_feeds, guesses, kind_of
from monitor.ingest.feeds import parse_feed
from monitor.ingest.fetching import ACCEPT_FEED, ACCEPT_PAGE, Failed, Fetched, Fetcher, Request
from monitor.ingest.fetching import Failure as Fault
from monitor.ingest.identity import Item
from monitor.ingest.linting import same_address
from monitor.ingest.listings import parse_listing
from monitor.ingest.looking import Looker, Past
from monitor.ingest.polling import PARSE_WITHIN
from monitor.ingest.refusals import refusal_of
from monitor.ingest.robots import Robots
from monitor.ports import SourceState
from monitor.settings import Source
from monitor.worker import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from monitor.ingest.fetching import Outcome

T = TypeVar("T")
MAX_NAMED: Final = 8
"""Feeds that a page names, and sitemaps of a robots.txt, that are looked at before the next are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something that can be polled; ``entries`` counts all that it lists, also those without words."""

    kind: Literal["feed", "sitemap", "page"]
    url: str
    title: str = ""
    items: tuple[Item, ...] = ()
    entries: int = 0
    warning: str | None = None

    @property
    def lang(self) -> str | None:
        """The language of its articles, as far as they say."""
        return next((item.lang for item in self.items if item.lang), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What to poll, and what else there is: feeds that the page names, not looked at."""

    best: Candidate
    others: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """Why there is nothing to poll; ``is_private`` where the address lies within private networks."""

    reason: str
    was_reached: bool = True
    is_private: bool = False


def usable_address(written: str) -> str:
    """Read an address as people write it, https where they leave that out.

    Raises:
        AddressError: it is none.
    """
    url = written.strip()
    url = url if "://" in url else f"https://{url}"
    parse_url(url)
    return _without_variables(url)


def _without_variables(url: str) -> str:
    """Spell a URL so that nothing in it is expanded when it is read from a file: its writer would be sent secrets."""
    return url.replace("{", "%7B")


def is_private(url: str) -> bool:
    """Whether a URL names by its number a host that only sources within the own network may be on."""
    try:
        address = parse_url(url)
    except AddressError:
        return False
    return address.is_ip and _is_private(address.host)


def _is_private(ip: str) -> bool:
    return why_refused(ip, internal=False) is not None and why_refused(ip, internal=True) is None


def find(url: str, now: datetime, *, items: str | None = None, internal: bool = False) -> Found | NotFound:
    """Find what to poll at an address; with ``items``, which has no fault, the page itself."""
    with closing(Fetcher()) as fetcher, closing(Workers()) as workers:
        finder = _Finder(fetcher, workers, now, internal=internal)
        return finder.listing(url, items) if items else finder.find(url)


class _Finder:
    """Looks at one site. Each address is asked once."""

    def __init__(self, fetcher: Fetcher, workers: Workers, now: datetime, *, internal: bool) -> None:
        self._fetcher, self._workers, self._now, self._internal = fetcher, workers, now, internal
        self._robots = Robots(fetcher)
        self._answers: dict[str, Outcome] = {}

    def find(self, url: str) -> Found | NotFound:
        came = self._ask(url, ACCEPT_FEED)
        if isinstance(came, NotFound):
            return came
        kind = self._run(kind_of, came)
        if kind != "page":
            found = self._read(url)
            return Found(best=found) if isinstance(found, Candidate) else found
        return self._find_on(came)

    def listing(self, url: str, items: str) -> Found | NotFound:
        """Read a page that lists articles, without reading these."""
        if words := self._robots.allowed(url, self._now, internal=self._internal):
            return NotFound(reason=words)
        came = self._ask(url, ACCEPT_PAGE)
        if isinstance(came, NotFound):
            return came
        try:
            found = self._run(parse_listing, came, came.url, items)
            title = self._run(find_feeds, came, came.url).title
        except ParseError as error:
            return NotFound(reason=f"cannot be parsed: {error.reason}")
        listed = tuple(Item.of(key=link.url, title=link.title, text="", url=link.url) for link in found.links)
        if not listed:
            return NotFound(reason=found.warning or "the page lists nothing")
        best = Candidate(
            kind="page", url=_place(came, url), title=title, items=listed, entries=len(listed), warning=found.warning
        )
        return Found(best=best)

    def _find_on(self, page: Fetched) -> Found | NotFound:
        try:
            discovery = self._run(find_feeds, page, page.url)
        except ParseError as error:
            return NotFound(reason=f"cannot be parsed: {error.reason}")
        named = discovery.feeds
        sitemaps = self._robots.sitemaps(page.url, self._now, internal=self._internal)
        places: tuple[Callable[[], Iterable[str]], ...] = (
            lambda: [feed.url for feed in named[:MAX_NAMED]],
            lambda: sorted(sitemaps, key=lambda place: "news" not in place.lower())[:MAX_NAMED],
            lambda: guesses(page.url),
        )
        spare: Candidate | None = None
        for place in places:
            for url in place():
                found = self._read(url)
                if isinstance(found, Candidate) and found.items:
                    return Found(best=found, others=_others(named, found))
                spare = spare or (found if isinstance(found, Candidate) else None)
        if spare:
            return Found(best=spare, others=_others(named, spare))
        return NotFound(reason="the page names no feed, and there is none, and no sitemap, in the usual places")

    # --- One address

    def _read(self, url: str) -> Candidate | NotFound:
        came = self._ask(url, ACCEPT_FEED)
        if isinstance(came, NotFound):
            return came
        try:
            kind = self._run(kind_of, came)
            if kind == "feed":
                return self._feed(came, url)
            return self._sitemap(came, url) if kind == "sitemap" else NotFound(reason="it is no feed and no sitemap")
        except ParseError as error:
            return NotFound(reason=f"cannot be parsed: {error.reason}")

    def _feed(self, came: Fetched, url: str) -> Candidate:
        feed = self._run(parse_feed, came, came.url)
        return Candidate(
            kind="feed",
            url=_place(came, url),
            title=feed.title or "",
            items=feed.items,
            entries=len(feed.items) + feed.dropped,
            warning=feed.warning,
        )

    def _sitemap(self, came: Fetched, url: str) -> Candidate | NotFound:
        """Read a sitemap with its parts, as the poller does."""
        looker = Looker(self._fetch, self._workers, self._robots, PARSE_WITHIN, threading.Event())
        source = Source(id="new", sitemap=url, internal=self._internal)
        past = Past(state=SourceState(id="new"), habits=Habits(), entries=lambda _: {})
        match looker.look(source, past, self._now):
            case Failure(reason=reason):
                return NotFound(reason=reason)
            case Unchanged():
                return NotFound(reason="not modified")
            case Listing() as listing:
                return Candidate(
                    kind="sitemap",
                    url=_place(came, url),
                    items=listing.items,
                    entries=len(listing.items) + listing.skipped,
                    warning=listing.warning,
                )

    def _ask(self, url: str, accept: str) -> Fetched | NotFound:
        outcome = self._fetch(Request(url=url, internal=self._internal, accept=accept), self._now)
        if isinstance(outcome, Failed):
            wall = refusal_of(outcome.status, outcome.headers, outcome.body) if outcome.status else None
            return NotFound(
                reason=f"{outcome}: {wall}" if wall else str(outcome),
                was_reached=False,
                is_private=outcome.reason is Fault.ADDRESS and not self._internal and _may_be_private(url),
            )
        if not isinstance(outcome, Fetched):
            return NotFound(reason="not modified", was_reached=False)
        if wall := refusal_of(outcome.status, outcome.headers, outcome.body):
            return NotFound(reason=wall, was_reached=False)
        return outcome

    def _fetch(self, request: Request, now: datetime) -> Outcome:
        if request.url not in self._answers:
            self._answers[request.url] = self._fetcher.fetch(request, now)
        return self._answers[request.url]

    def _run(self, function: Callable[..., T], came: Fetched, *arguments: object) -> T:
        return self._workers.run(function, came.body, came.content_type, *arguments, deadline=PARSE_WITHIN)


def _may_be_private(url: str) -> bool:
    """Whether an address that was refused may be within the own network: a number tells, a name does not."""
    address = parse_url(url)
    return not address.is_ip or _is_private(address.host)


def _place(came: Fetched, url: str) -> str:
    """Return where to poll: where it has moved to for good, else where it was asked for."""
    return _without_variables(came.moved or url)


def _others(named: Iterable[Named], best: Candidate) -> tuple[Named, ...]:
    return tuple(feed for feed in named if same_address(feed.url) != same_address(best.url))
