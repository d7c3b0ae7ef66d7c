"""What a source says when it is asked: fetched or read, parsed where it can be killed, read in full where wanted.

One method a kind of source, all with the same outcome: a listing, "unchanged", or a failure that says what it is. A
challenge or an error page is a failure or a skipped item, never an article. Remembers nothing, decides nothing.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

import structlog

from monitor import __version__
from monitor.errors import ParseError
from monitor.ingest.deciding import Copy, Failure, Listing, PollStatus, Unchanged
from monitor.ingest.feeds import parse_feed
from monitor.ingest.fetching import ACCEPT_FEED, ACCEPT_PAGE, Failed, Fetched, NotModified, Request
from monitor.ingest.fetching import Failure as Fault
from monitor.ingest.folders import Contents, FileItems, Memory, Stamp, compare, list_folder, read_file
from monitor.ingest.identity import Item, article_of_url
from monitor.ingest.listings import parse_listing, selector_fault
from monitor.ingest.pages import Page, read_article, read_page
from monitor.ingest.refusals import error_of, refusal_of
from monitor.ingest.sitemaps import parse_sitemap
from monitor.model import stable_hash
from monitor.text.folding import fold

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from monitor.ingest.deciding import Answer, Habits
    from monitor.ingest.fetching import Outcome
    from monitor.ingest.robots import Robots
    from monitor.ingest.sitemaps import Child
    from monitor.ports import Sighting, SourceState
    from monitor.settings import Source
    from monitor.worker import Workers

T = TypeVar("T")
PAGES_AT_ONCE: Final = 20
"""Articles of a source that are read from their own pages in one poll; the next poll goes on soon."""
PARTS_AT_ONCE: Final = 10
"""Sitemaps of an index that are read: the newest."""
PARTS_KEPT: Final = 50
READING_WITHIN: Final = timedelta(seconds=60)
"""How long one poll reads pages."""
RETRIED_FOR: Final = timedelta(hours=1)
"""How long a page that could not be read is asked for again at each poll."""
_ECHOED: Final = 3
"""Pages with the same words are an error page."""
_TELLING: Final = 4
"""Words of a headline of which a page about the same has one."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of a source when it is looked at. ``entries`` finds what it listed before, by these keys."""

    state: SourceState
    habits: Habits
    entries: Callable[[Sequence[str]], Mapping[str, Sighting]]

    @property
    def copy(self) -> Copy:
        """The copy that we have; none after an error: "not modified" would leave open whether it can be read."""
        state = self.state
        if state.errors:
            return Copy()
        return Copy(etag=state.etag, last_modified=state.last_modified, body_hash=state.body_hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """A body that was fetched and is not the one that we have."""

    fetched: Fetched
    copy: Copy
    fresh_for: timedelta | None = None
    warning: str | None = None


class Looker:
    """Looks at sources, with what that takes: a way to fetch, workers that parse, robots.txt, what folders held."""

    def __init__(
        self,
        fetch: Callable[[Request, datetime], Outcome],
        workers: Workers,
        robots: Robots,
        parse_within: timedelta,
        closing: threading.Event,
    ) -> None:
        self._fetch, self._workers, self._robots = fetch, workers, robots
        self._parse_within, self._closing = parse_within, closing

    def look(self, source: Source, past: Past, now: datetime) -> Answer:
        """Ask a source that is no folder.

        Raises:
            CancelledError: fetcher or workers were closed meanwhile.
        """
        if source.page and (hindrance := self._hindrance(source, source.page, now)):
            return hindrance
        document = self._document(source, source.address or "", past.copy, now)
        if not isinstance(document, _Document):
            return document
        if past.habits.poison == _poison(document.copy):
            return Failure(reason=past.state.error or "cannot be parsed", poison=past.habits.poison)
        try:
            if source.sitemap:
                return self._sitemap(source, past, document, now)
            return self._page(source, past, document, now) if source.page else self._feed(source, past, document, now)
        except ParseError as error:
            return Failure(reason=f"cannot be parsed: {error.reason}", poison=_poison(document.copy))

    def look_at_folder(
        self, source: Source, folder: Path, memory: Memory, now: datetime
    ) -> tuple[Listing | Failure, Memory]:
        """Look at a folder; return also what to hand in at the next look.

        Raises:
            CancelledError: as of `look`.
        """
        try:
            listed = list_folder(folder)
        except OSError as error:
            return Failure(reason=f"{folder}: {error.strerror}"), memory
        glance = compare(listed, memory, now, source.settle)
        read = {path: self._read_file(source, folder, path) for path in glance.ready}
        contents = {path: _contents(glance.ready[path], found) for path, found in read.items()}
        problems = [problem for known in (*glance.kept.values(), *contents.values()) for problem in known.problems]
        listing = Listing(
            items=tuple(item for found in read.values() for item in found.items),
            still=frozenset(key for known in glance.kept.values() for key in known.keys),
            settling=bool(glance.unread),
            warning=f"{len(problems)} not read: {problems[0]}" if problems else None,
            skipped=len(problems),
        )
        return listing, Memory(unread=glance.unread, read={**glance.kept, **contents})

    def _hindrance(self, source: Source, page: str, now: datetime) -> Failure | None:
        if fault := selector_fault(source.items or ""):
            return Failure(reason=f"items: {fault}")
        words = self._robots.allowed(page, now, internal=source.internal)
        return Failure(reason=words, status=PollStatus.BLOCKED) if words else None

    # --- Documents

    def _document(self, source: Source, url: str, known: Copy, now: datetime) -> _Document | Unchanged | Failure:
        """Fetch what is at an address, unless it is what we have."""
        outcome = self._fetch(
            Request(
                url=url,
                etag=known.etag,
                last_modified=known.last_modified,
                headers=_headers(source, url),
                internal=source.internal,
                accept=ACCEPT_PAGE if source.page else ACCEPT_FEED,
            ),
            now,
        )
        if isinstance(outcome, NotModified):
            return Unchanged(fresh_for=outcome.fresh_for)
        if isinstance(outcome, Failed):
            return _failure(outcome)
        body_hash = hashlib.blake2b(outcome.body, digest_size=16).hexdigest()
        if body_hash == known.body_hash:
            return Unchanged(fresh_for=outcome.fresh_for)
        if wall := refusal_of(outcome.status, outcome.headers, outcome.body):
            return Failure(reason=wall, status=PollStatus.BLOCKED)
        return _Document(
            fetched=outcome,
            copy=Copy(etag=outcome.etag, last_modified=outcome.last_modified, body_hash=body_hash),
            fresh_for=outcome.fresh_for,
            warning=f"has moved for good to {_shown(outcome.moved)}: write that address" if outcome.moved else None,
        )

    def _feed(self, source: Source, past: Past, document: _Document, now: datetime) -> Listing:
        fetched = document.fetched
        feed = self._parse(parse_feed, fetched.body, fetched.content_type, fetched.url)
        read = self._in_full(source, past, feed.items, now) if source.full_text else _Read(items=feed.items)
        return _listing(document, read, [feed.warning], feed.dropped, ttl=feed.ttl)

    def _page(self, source: Source, past: Past, document: _Document, now: datetime) -> Listing:
        fetched = document.fetched
        found = self._parse(parse_listing, fetched.body, fetched.content_type, fetched.url, source.items or "a")
        items = tuple(Item.of(key=link.url, title=link.title, text="", url=link.url) for link in found.links)
        return _listing(document, self._in_full(source, past, items, now), [found.warning], 0)

    def _sitemap(self, source: Source, past: Past, document: _Document, now: datetime) -> Listing | Failure:
        fetched = document.fetched
        root = self._parse(parse_sitemap, fetched.body, fetched.content_type, fetched.url)
        parts = self._parts(source, past, root.children, now)
        if root.children and parts.failures and not (parts.copies or parts.unchanged):
            return replace(parts.failures[0], reason=f"none of its parts can be read: {parts.failures[0].reason}")
        items = (*root.items, *parts.items)
        read = self._in_full(source, past, items, now) if source.full_text else _titled(items)
        failed = f"{len(parts.failures)} parts not read: {parts.failures[0].reason}" if parts.failures else None
        listing = _listing(
            document, read, [root.warning, *parts.warnings, failed], root.dropped + parts.dropped + len(parts.failures)
        )
        # The index may stay the same while its parts change, so that it alone proves nothing.
        copy = Copy() if root.children else listing.copy
        return replace(listing, copy=copy, documents=parts.copies, is_partial=parts.unchanged > 0)

    def _parts(self, source: Source, past: Past, children: Sequence[Child], now: datetime) -> _Parts:
        parts = _Parts()
        newest = sorted(children, key=lambda child: child.modified.timestamp() if child.modified else now.timestamp())
        for child in newest[::-1][:PARTS_AT_ONCE]:
            known = past.habits.documents.get(child.url, Copy()) if not past.state.errors else Copy()
            part = self._document(source, child.url, known, now)
            if isinstance(part, Failure):
                parts.failures.append(part)
            elif isinstance(part, Unchanged):
                parts.unchanged += 1
            else:
                self._add_part(parts, child, part)
        return parts

    def _add_part(self, parts: _Parts, child: Child, part: _Document) -> None:
        try:
            found = self._parse(parse_sitemap, part.fetched.body, part.fetched.content_type, part.fetched.url)
        except ParseError as error:
            parts.failures.append(Failure(reason=f"cannot be parsed: {error.reason}"))
            return
        parts.items += found.items
        parts.dropped += found.dropped
        parts.warnings += filter(None, [found.warning, "an index within an index" if found.children else None])
        parts.copies[child.url] = part.copy

    # --- Articles on their own pages

    def _in_full(self, source: Source, past: Past, items: Sequence[Item], now: datetime) -> _Read:
        """Read new items from their own pages. What cannot be read keeps the words that the list has for it."""
        entries = past.entries([item.key for item in items])
        fresh = [item for item in items if not _is_as_listed(item, entries)]
        reading = _Reading(entries=entries, now=now)
        end = time.monotonic() + READING_WITHIN.total_seconds()
        for item in fresh[:PAGES_AT_ONCE]:
            if time.monotonic() < end:
                reading.add(item, self._read_page(source, item, now))
        # Of a new source's back issues only the newest are read: a sitemap may list fifty thousand.
        is_first = past.state.first_polled is None and source.first_poll == "none"
        return reading.result(items, fresh, passing=is_first)

    def _read_page(self, source: Source, item: Item, now: datetime) -> tuple[Fetched, Page] | _Unread:
        if self._closing.is_set():
            raise CancelledError
        if not item.url:
            return _Unread("it has no link")
        if words := self._robots.allowed(item.url, now, internal=source.internal):
            return _Unread(words)
        request = Request(
            url=item.url, headers=_headers(source, item.url), internal=source.internal, accept=ACCEPT_PAGE
        )
        outcome = self._fetch(request, now)
        if not isinstance(outcome, Fetched):
            return _Unread(_failure(outcome).reason if isinstance(outcome, Failed) else "not modified", may_pass=True)
        if wall := refusal_of(outcome.status, outcome.headers, outcome.body):
            return _Unread(wall, may_pass=True)
        try:
            page = self._parse(read_article, outcome.body, outcome.content_type)
        except ParseError as error:
            return _Unread(f"cannot be parsed: {error.reason}")
        return _doubt(item, outcome, page) or (outcome, page)

    # --- Work that is done where it can be killed

    def _parse(self, function: Callable[..., T], *arguments: object) -> T:
        return self._workers.run(function, *arguments, deadline=self._parse_within)

    def _read_file(self, source: Source, folder: Path, path: str) -> FileItems:
        if self._closing.is_set():
            raise CancelledError
        found = read_file(folder, path, lambda markup: self._parse(read_page, markup))
        for problem in found.problems:
            log.warning("not read", source=source.id, problem=str(problem))
        return found


def _listing(
    document: _Document, read: _Read, warnings: Iterable[str | None], dropped: int, ttl: timedelta | None = None
) -> Listing:
    said = [document.warning, *warnings, *read.warnings]
    return Listing(
        items=read.items,
        passed=read.passed,
        settling=read.is_pending,
        warning="; ".join(dict.fromkeys(filter(None, said))) or None,
        skipped=dropped + read.skipped,
        copy=Copy() if read.is_pending else document.copy,
        fresh_for=document.fresh_for,
        ttl=ttl,
    )


def _failure(outcome: Failed) -> Failure:
    wall = refusal_of(outcome.status, outcome.headers, outcome.body) if outcome.status else None
    status = PollStatus.BLOCKED if wall or outcome.reason is Fault.BLOCKED else PollStatus.FAILING
    return Failure(
        reason=f"{outcome}: {wall}" if wall else str(outcome),
        status=PollStatus.GONE if outcome.reason is Fault.GONE else status,
        retry_after=outcome.retry_after,
    )


def _poison(copy: Copy) -> str:
    """Mark a body that this release cannot parse; the next one may."""
    return f"{__version__}:{copy.body_hash}"


def _headers(source: Source, url: str) -> dict[str, str]:
    """Give a source's own headers, where they go to its own server."""
    if not source.address or urlsplit(url)[:2] != urlsplit(source.address)[:2]:
        return {}
    return {name: value.get_secret_value() for name, value in source.headers.items()}


def _shown(url: str) -> str:
    """Write an address without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _contents(stamp: Stamp, found: FileItems) -> Contents:
    return Contents(stamp, frozenset(item.key for item in found.items), found.problems)


# --- The parts of a sitemap ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Parts:
    """What the parts of an index came to."""

    items: list[Item] = field(default_factory=list)
    copies: dict[str, Copy] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    dropped: int = 0
    unchanged: int = 0


def _titled(items: Sequence[Item]) -> _Read:
    titled = tuple(item for item in items if item.title or item.text)
    less = len(items) - len(titled)
    return _Read(
        items=titled,
        skipped=less,
        warnings=(f"{less} addresses without a headline: write full_text: true to read their pages",) if less else (),
    )


# --- Articles read from their own pages ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """Items with the words that they are published with; ``passed`` are not published, ``is_pending``: more to come."""

    items: tuple[Item, ...]
    passed: frozenset[str] = frozenset()
    is_pending: bool = False
    skipped: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Unread:
    """Why there is no article on a page; ``may_pass``: perhaps there will be."""

    reason: str
    may_pass: bool = False


@dataclass(slots=True)
class _Reading:
    """The pages of one poll, gathered before any is believed: an error page shows by coming more than once."""

    entries: Mapping[str, Sighting]
    now: datetime
    _found: dict[str, tuple[Fetched, Page] | _Unread] = field(default_factory=dict)

    def add(self, item: Item, found: tuple[Fetched, Page] | _Unread) -> None:
        self._found[item.key] = found

    def result(self, items: Sequence[Item], fresh: Iterable[Item], *, passing: bool) -> _Read:
        """Take what was read, and leave what was not for the next poll or, ``passing``, for ever."""
        left = {item.key for item in fresh} - self._found.keys()
        reasons: Counter[str] = Counter()
        kept = [
            believed for item in items if passing or item.key not in left for believed in self._believed(item, reasons)
        ]
        return _Read(
            items=tuple(kept),
            passed=frozenset(left) if passing else frozenset(),
            is_pending=bool(left) and not passing,
            skipped=reasons.total(),
            warnings=tuple(f"{times} pages not read: {reason}" for reason, times in reasons.items()),
        )

    def _believed(self, item: Item, reasons: Counter[str]) -> Iterator[Item]:
        found = self._found.get(item.key)
        if found is None:
            yield item
            return
        if not isinstance(found, _Unread) and self._echoes()[_words(found[1])] >= _ECHOED:
            found = _Unread("the same words stand on several pages", may_pass=True)
        if not isinstance(found, _Unread):
            yield _with_page(item, *found)
            return
        reasons[found.reason] += 1
        if item.title or item.text:
            before = self.entries.get(item.key)
            is_young = self.now - (before.first_seen if before else self.now) < RETRIED_FOR
            # Without the hash of its entry it counts as changed at the next poll, and its page is asked for again.
            yield replace(item, entry="") if found.may_pass and is_young else item

    def _echoes(self) -> Counter[str]:
        return Counter(_words(found[1]) for found in self._found.values() if not isinstance(found, _Unread))


def _words(page: Page) -> str:
    return stable_hash(" ".join(page.text.split()))


def _is_as_listed(item: Item, entries: Mapping[str, Sighting]) -> bool:
    return item.key in entries and entries[item.key].entry == item.entry


def _with_page(item: Item, fetched: Fetched, page: Page) -> Item:
    """Give an item the words of its page; its own headline stays, if it is one."""
    is_headline = len(item.title.split()) >= _TELLING or not page.title
    return replace(
        item,
        title=item.title if is_headline else page.title,
        text=max(page.text, item.text, key=len),
        url=fetched.url if urlsplit(fetched.url).hostname != urlsplit(item.url or "").hostname else item.url,
        published=item.published or page.published,
    )


def _doubt(item: Item, fetched: Fetched, page: Page) -> _Unread | None:
    """Say why this is not the page of that item."""
    if article_of_url(item.url) and not article_of_url(fetched.url):
        return _Unread("its link leads to a front page")
    if words := error_of(page):
        return _Unread(words, may_pass=True)
    return None if _is_about(item, page) else _Unread("its page is about something else")


def _is_about(item: Item, page: Page) -> bool:
    """Whether a page shares a word with the headline that leads to it; a short one proves nothing."""
    wanted = {word for word in fold(item.title).text.split() if len(word) > 2}  # noqa: PLR2004 - particles
    return len(wanted) < _TELLING or bool(wanted & set(fold(f"{page.title} {page.text}").text.split()))
