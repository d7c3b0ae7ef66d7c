"""What follows from what a source answered: articles to publish, a state and sightings to remember, perhaps an event.

Pure: every date is an argument, and so is chance. Knows when a source is polled next, which version of an article is
new, and which articles may alert nobody because they are back issues. Does not fetch, parse, publish or remember.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from monitor.model import Article, Event, Header, Reason
from monitor.ports import Sighting, SourceState
from monitor.text.sentences import headline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from monitor.ingest.identity import Identified, Item
    from monitor.settings import Source

LONGEST_BACK_OFF: Final = timedelta(days=1)
FOLDER_BACK_OFF: Final = timedelta(minutes=1)
"""Looking at a folder costs nothing, and a disk that is mounted again should be noticed."""
FAILING_AFTER: Final = 3
QUIET_FOR: Final = timedelta(minutes=1)
"""How old the state of a source in which nothing happens may get, so that a folder is not written every two seconds."""
FUTURE: Final = timedelta(days=1)
"""Dates further ahead are mistakes; less may be a time zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a source lists now. ``still`` are keys that it lists as before; ``settling`` that more is about to come."""

    items: tuple[Item, ...]
    still: frozenset[str] = frozenset()
    settling: bool = False
    warning: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The source lists what it listed before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The source could not be read."""

    reason: str
    retryable: bool = True
    retry_after: timedelta | None = None


Answer = Listing | Unchanged | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known when an answer comes: the state, what the source listed before, and which articles it lists now.

    ``versions`` are all sightings of these articles, in any source.
    """

    state: SourceState
    sightings: Mapping[str, Sighting] = field(default_factory=dict)
    identified: tuple[Identified, ...] = ()
    versions: Mapping[str, Sequence[Sighting]] = field(default_factory=dict)


class PollStatus(StrEnum):
    """How a poll ended, and how the source is."""

    OK = "ok"
    EMPTY = "empty"
    UNCHANGED = "unchanged"
    FAILING = "failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What follows from an answer: articles to publish, a state and sightings to remember, perhaps an event."""

    status: PollStatus
    state: SourceState
    articles: tuple[Article, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    event: Event | None = None

    @property
    def held(self) -> int:
        """How many of the articles may alert nobody."""
        return sum(article.header.held is not None for article in self.articles)


# --- Deciding --------------------------------------------------------------------------------------------------------


def decide(source: Source, answer: Answer, known: Known, now: datetime, draw: float) -> Plan:
    """Decide what follows from an answer. ``draw`` in [0, 1) spreads back-offs."""
    match answer:
        case Failure():
            return _decide_failure(source, answer, known.state, now, draw)
        case Unchanged():
            return _decide_unchanged(source, known, now)
        case Listing():
            return _decide_listing(source, answer, known, now)


def _decide_failure(source: Source, failure: Failure, state: SourceState, now: datetime, draw: float) -> Plan:
    errors = state.errors + 1
    failing = replace(
        state,
        state=PollStatus.FAILING,
        errors=errors,
        error=failure.reason,
        last_polled=now,
        next_due=now + _back_off(source, failure, errors, draw),
    )
    event = None
    if errors == FAILING_AFTER:
        summary = f"{source.id} failed {errors} times in a row: {failure.reason}"
        event = Event(rule="source failing", subject=source.id, state="raised", at=now, summary=summary)
    return Plan(status=PollStatus.FAILING, state=failing, event=event)


def _back_off(source: Source, failure: Failure, errors: int, draw: float) -> timedelta:
    """Double the interval with each error, up to a day, less at most a quarter so that sources do not march in step."""
    longest = longest_back_off(source)
    if failure.retry_after is not None:
        return min(max(failure.retry_after, source.every), longest)
    if not failure.retryable:
        return longest
    doubled = source.every.total_seconds() * 2 ** min(errors, 20)
    return timedelta(seconds=min(doubled, longest.total_seconds()) * (1 - draw / 4))


def longest_back_off(source: Source) -> timedelta:
    """Return how long a failing source may be left alone; never for ever."""
    return max(FOLDER_BACK_OFF if source.folder else LONGEST_BACK_OFF, source.every)


def _decide_unchanged(source: Source, known: Known, now: datetime) -> Plan:
    # It is no recovery: what failed was perhaps the parsing of another body than the one that we have.
    before = known.state
    status = PollStatus.FAILING if before.errors else PollStatus.UNCHANGED
    state = replace(before, state=status, last_polled=now, next_due=now + source.every)
    if not before.errors:
        state = replace(state, last_success=now)
    newest = max((sighting.listed for sighting in known.sightings.values()), default=now)
    # Sightings are touched once a day, so the last listing may be in them with two dates.
    recent = {key for key, sighting in known.sightings.items() if newest - sighting.listed < timedelta(days=2)}
    return Plan(status=status, state=state, sightings=_touched(known, recent, now))


def _touched(known: Known, keys: Iterable[str], now: datetime) -> tuple[Sighting, ...]:
    listed = (known.sightings[key] for key in keys if key in known.sightings)
    return tuple(replace(sighting, listed=now) for sighting in listed if sighting.listed.date() < now.date())


def _decide_listing(source: Source, listing: Listing, known: Known, now: datetime) -> Plan:
    before = known.state
    is_empty = not (listing.items or listing.still)
    if is_empty and not source.folder:
        return _decide_empty(source, before, now)
    articles, seen = _publications(source, known, now)
    is_whole = bool(listing.items) or not listing.settling
    state = replace(
        before,
        state=PollStatus.EMPTY if is_empty else PollStatus.OK,
        errors=0,
        error=listing.warning,
        first_polled=before.first_polled or (now if is_whole else None),
        last_polled=now,
        last_success=now,
        last_new=now if articles else before.last_new,
        next_due=now + (min(source.settle, source.every) if listing.settling else source.every),
        articles=before.articles + len(articles),
        etag=listing.etag,
        last_modified=listing.last_modified,
        body_hash=listing.body_hash,
    )
    return Plan(
        status=PollStatus(state.state),
        state=state,
        articles=articles,
        sightings=seen + _touched(known, listing.still, now),
        event=_recovery(source, before, now),
    )


def _decide_empty(source: Source, before: SourceState, now: datetime) -> Plan:
    """An empty feed is more often a broken one: it ends no failure, and it is no first poll."""
    status = PollStatus.FAILING if before.errors else PollStatus.EMPTY
    return Plan(status=status, state=replace(before, state=status, last_polled=now, next_due=now + source.every))


def _recovery(source: Source, before: SourceState, now: datetime) -> Event | None:
    if before.errors < FAILING_AFTER:
        return None
    summary = f"{source.id} answers again after {before.errors} errors"
    return Event(rule="source failing", subject=source.id, state="cleared", at=now, summary=summary)


def _publications(source: Source, known: Known, now: datetime) -> tuple[tuple[Article, ...], tuple[Sighting, ...]]:
    """Take what is new among the listed items, and what is to be remembered of all of them."""
    revisions = {
        article: {version.content_hash: version.revision for version in versions}
        for article, versions in known.versions.items()
    }
    articles, sightings = [], []
    for one in known.identified:
        versions = revisions.setdefault(one.article, {})
        words = one.item.content_hash
        if words not in versions:
            versions[words] = max(versions.values(), default=0) + 1
            articles.append(_article(source, known.state, one, versions[words], now))
        before = known.sightings.get(one.item.key)
        sighting = Sighting(
            source=source.id,
            key=one.item.key,
            article=one.article,
            content_hash=words,
            revision=versions[words],
            first_seen=before.first_seen if before else now,
            listed=now,
        )
        if before is None or before.listed.date() < now.date() or replace(before, listed=now) != sighting:
            sightings.append(sighting)
    return tuple(articles), tuple(sightings)


def _article(source: Source, state: SourceState, one: Identified, revision: int, now: datetime) -> Article:
    item = one.item
    published = item.published if item.published and item.published - now < FUTURE else None
    header = Header(
        id=one.article,
        source=source.id,
        title=item.title or headline(item.text),
        titled=bool(item.title),
        content_hash=item.content_hash,
        first_seen=now,
        url=item.url,
        lang=item.lang or source.lang,
        tier=source.tier,
        published=published,
        revision=revision,
        held=_held(source, published, now, is_first=state.first_polled is None),
    )
    return Article(header=header, text=item.text)


def _held(source: Source, published: datetime | None, now: datetime, *, is_first: bool) -> Reason | None:
    """Tell why an article may alert nobody: a new source's back issue, or older than ``max_age``.

    In a window of back issues one without a date counts as old: nobody can say that it is not.
    """
    allowed = source.first_poll
    if is_first and allowed != "all":
        window = timedelta(0) if allowed == "none" else allowed
        if published is None or now - published > window or allowed == "none":
            return Reason.BASELINE
    if published and source.oldest is not None and now - published > source.oldest:
        return Reason.OLD
    return None


def is_first_of_day(state: SourceState, now: datetime) -> bool:
    """Whether this is the source's first poll of the day, when the date of what it lists is renewed."""
    return state.last_polled is None or state.last_polled.date() < now.date()


def is_quiet(plan: Plan, before: SourceState, now: datetime) -> bool:
    """Whether nothing happened that must be written now."""
    after = replace(
        plan.state, last_polled=before.last_polled, last_success=before.last_success, next_due=before.next_due
    )
    happened = plan.articles or plan.sightings or plan.event or after != before
    return not happened and before.last_polled is not None and now - before.last_polled < QUIET_FOR
