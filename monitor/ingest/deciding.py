"""What follows from what a source answered: articles to publish, a state and sightings to remember, events to tell.

Pure: every date is an argument, and so is chance. Knows when a source is polled next, which version of an article is
new, which articles may alert nobody because they are back issues, and when a silence has to be told. Does not fetch,
parse, publish or remember.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from monitor import codec
from monitor.errors import Undecodable
from monitor.ingest.boilerplate import Boilerplate
from monitor.ingest.identity import folded_title
from monitor.ingest.rhythm import Rhythm
from monitor.model import Article, Event, Header, Reason, stable_hash
from monitor.ports import Sighting, SourceState
from monitor.text.sentences import headline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from monitor.ingest.identity import Identified, Item
    from monitor.settings import Source

LONGEST_BACK_OFF: Final = timedelta(days=1)
FOLDER_BACK_OFF: Final = timedelta(minutes=1)
"""Looking at a folder costs nothing, and a disk that is mounted again should be noticed."""
FAILING_AFTER: Final = 3
FUTURE: Final = timedelta(days=1)
"""Dates further ahead are mistakes; less may be a time zone."""
BRIEFLY: Final = timedelta(seconds=5)
"""When a source is looked at again of which more is about to be read."""
USUAL_GAP: Final = timedelta(hours=4)
"""A source that brings something so often is polled at its interval as written."""
LONGEST_INTERVAL: Final = timedelta(days=1)
LONGEST_HINT: Final = timedelta(hours=1)
"""How long a server's word keeps us away where nobody wrote an interval."""
WHOLESALE: Final = 0.8
WHOLESALE_LEAST: Final = 5
"""So many items of a listing, and such a share of them, are edited at once by a publisher's program only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What identifies the copy that was read of one document: its validators, the hash of its body."""

    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What is known of a source beyond its state.

    ``guess`` is the rhythm that the dates of its first listing show, ``rhythm`` what was seen since. ``documents`` are
    the further ones that it consists of, by address (the parts of a sitemap), ``poison`` the hash of a body that no
    parser survived.
    """

    guess: Rhythm | None = None
    rhythm: Rhythm | None = None
    boilerplate: Boilerplate = field(default_factory=Boilerplate)
    documents: dict[str, Copy] = field(default_factory=dict)
    poison: str | None = None

    @classmethod
    def of(cls, state: SourceState) -> Self:
        """Read them from where `written` put them; what another release wrote otherwise is learnt again."""
        try:
            return codec.from_json(state.memory, cls) if state.memory else cls()
        except Undecodable:
            return cls()

    @property
    def written(self) -> str:
        """Themselves, as `SourceState.memory` holds them."""
        return codec.to_json(self).decode()

    @property
    def pulse(self) -> Rhythm | None:
        """The rhythm to go by: what was seen, as soon as that is enough."""
        return self.guess if self.guess and not (self.rhythm and self.rhythm.is_known) else self.rhythm


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a source lists now.

    ``still`` are keys that it lists as before without being read again; ``is_partial`` says that parts of it were not,
    ``settling`` that more is about to be read. ``passed`` are keys that are remembered and not published. ``skipped``
    counts what could not be taken, ``warning`` says why. ``fresh_for`` and ``ttl`` are how long the server
    and the feed want to be left alone. ``documents`` are the parts that were read, of those that there are.
    """

    items: tuple[Item, ...]
    still: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()
    is_partial: bool = False
    settling: bool = False
    warning: str | None = None
    skipped: int = 0
    copy: Copy = Copy()
    documents: Mapping[str, Copy] = field(default_factory=dict)
    fresh_for: timedelta | None = None
    ttl: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """The source lists what it listed before."""

    fresh_for: timedelta | None = None


class PollStatus(StrEnum):
    """How a poll ended, and how the source is."""

    OK = "ok"
    EMPTY = "empty"
    UNCHANGED = "unchanged"
    FAILING = "failing"
    BLOCKED = "blocked"
    GONE = "gone"

    @property
    def is_failure(self) -> bool:
        """Whether nothing could be read."""
        return self in {PollStatus.FAILING, PollStatus.BLOCKED, PollStatus.GONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The source could not be read. ``poison`` is the hash of a body that is not to be parsed again."""

    reason: str
    status: PollStatus = PollStatus.FAILING
    retry_after: timedelta | None = None
    poison: str | None = None


Answer = Listing | Unchanged | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known when an answer comes: state and habits, what the source listed before, which articles it lists now.

    ``versions`` are all sightings of these articles, in any source.
    """

    state: SourceState
    habits: Habits = Habits()
    sightings: Mapping[str, Sighting] = field(default_factory=dict)
    identified: tuple[Identified, ...] = ()
    versions: Mapping[str, Sequence[Sighting]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What follows from an answer: articles to publish, a state and sightings to remember, events to tell."""

    status: PollStatus
    state: SourceState
    articles: tuple[Article, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def held(self) -> int:
        """How many of the articles may alert nobody."""
        return sum(article.header.held is not None for article in self.articles)


# --- Deciding --------------------------------------------------------------------------------------------------------


def decide(source: Source, answer: Answer, known: Known, now: datetime, draw: float) -> Plan:
    """Decide what follows from an answer. ``draw`` in [0, 1) spreads back-offs."""
    match answer:
        case Failure():
            return _decide_failure(source, answer, known, now, draw)
        case Unchanged():
            return _decide_unchanged(source, answer, known, now)
        case Listing():
            return _decide_listing(source, answer, known, now)


def _decide_failure(source: Source, failure: Failure, known: Known, now: datetime, draw: float) -> Plan:
    before = known.state
    errors = before.errors + 1
    state = replace(
        before,
        state=failure.status,
        errors=errors,
        error=failure.reason,
        last_polled=now,
        next_due=now + _back_off(source, failure, errors, draw),
        memory=replace(known.habits, poison=failure.poison).written if failure.poison else before.memory,
    )
    events = []
    if errors == FAILING_AFTER:
        how = {PollStatus.BLOCKED: "is blocked", PollStatus.GONE: "is gone"}.get(failure.status, "fails")
        events.append(_event("source failing", source, f"{how}, {errors} polls in a row: {failure.reason}", now))
    return Plan(status=failure.status, state=state, events=tuple(events))


def _back_off(source: Source, failure: Failure, errors: int, draw: float) -> timedelta:
    """Ask twice more at the usual pace, so that a failure is soon known for one; then double the interval each time.

    Up to a day, less at most a quarter so that sources do not march in step.
    """
    longest = longest_back_off(source)
    if failure.retry_after is not None:
        return min(max(failure.retry_after, source.every), longest)
    if failure.status is PollStatus.GONE and errors >= FAILING_AFTER:
        return longest
    doubled = source.every.total_seconds() * 2 ** min(max(errors - FAILING_AFTER + 1, 0), 20)
    return timedelta(seconds=min(doubled, longest.total_seconds()) * (1 - draw / 4))


def longest_back_off(source: Source) -> timedelta:
    """Return how long a failing source may be left alone; never for ever."""
    return max(FOLDER_BACK_OFF if source.folder else LONGEST_BACK_OFF, source.every)


def longest_pause(source: Source, state: SourceState, now: datetime) -> timedelta:
    """Return how long a source may be left alone from now on, whatever was said before, by a clock that was wrong."""
    if state.errors:
        return longest_back_off(source)
    return interval(source, Habits.of(state).pulse, now, LONGEST_HINT)


def _decide_unchanged(source: Source, answer: Unchanged, known: Known, now: datetime) -> Plan:
    # It is no recovery: what failed was perhaps the parsing of another body than the one that we have.
    before = known.state
    status = PollStatus(before.state) if before.errors else PollStatus.UNCHANGED
    pause = interval(source, known.habits.pulse, now, answer.fresh_for)
    state = replace(before, state=status, last_polled=now, next_due=now + pause)
    if not before.errors:
        state = replace(state, last_success=now)
    return _watched(
        source, known.habits, Plan(status=status, state=state, sightings=_touched(known, _recent(known, now), now)), now
    )


def _recent(known: Known, now: datetime) -> set[str]:
    """Return the keys of the last listing: sightings are touched once a day, so they may have two dates."""
    newest = max((sighting.listed for sighting in known.sightings.values()), default=now)
    return {key for key, sighting in known.sightings.items() if newest - sighting.listed < timedelta(days=2)}


def _touched(known: Known, keys: Iterable[str], now: datetime) -> tuple[Sighting, ...]:
    listed = (known.sightings[key] for key in keys if key in known.sightings)
    return tuple(replace(sighting, listed=now) for sighting in listed if sighting.listed.date() < now.date())


def _decide_listing(source: Source, listing: Listing, known: Known, now: datetime) -> Plan:
    before = known.state
    is_empty = not (listing.items or listing.still or listing.skipped or listing.is_partial)
    if is_empty and not source.folder:
        return _decide_empty(source, known, listing.warning, now)
    articles, seen = _publications(source, listing, known, now)
    still = _recent(known, now) if listing.is_partial else listing.still
    is_whole = bool(listing.items) or not listing.settling
    habits = _learned(known, listing, articles, now)
    pause = _pause(source, listing, habits, articles, now)
    pulse = habits.pulse
    state = replace(
        before,
        state=PollStatus.EMPTY if is_empty else PollStatus.OK,
        errors=0,
        error="; ".join(filter(None, [listing.warning, _overflow(source, known, listing, now)])) or None,
        first_polled=before.first_polled or (now if is_whole else None),
        last_polled=now,
        last_success=now,
        last_new=now if articles else before.last_new,
        next_due=now + pause,
        articles=before.articles + len(articles),
        etag=listing.copy.etag,
        last_modified=listing.copy.last_modified,
        body_hash=listing.copy.body_hash,
        skipped=listing.skipped,
        rate=pulse.a_day if pulse and pulse.is_known else None,
        memory=habits.written if habits != Habits() else None,
    )
    plan = Plan(
        status=PollStatus(state.state),
        state=state,
        articles=articles,
        sightings=seen + _touched(known, still - {one.key for one in seen}, now),
        events=tuple(_recovery(source, before, now)),
    )
    return _watched(source, habits, plan, now)


def _decide_empty(source: Source, known: Known, warning: str | None, now: datetime) -> Plan:
    """An empty feed is more often a broken one: it ends no failure, and it is no first poll."""
    before = known.state
    status = PollStatus(before.state) if before.errors else PollStatus.EMPTY
    state = replace(before, state=status, last_polled=now, next_due=now + source.every)
    if not before.errors:
        state = replace(state, error=warning)
    return _watched(source, known.habits, Plan(status=status, state=state), now)


def _recovery(source: Source, before: SourceState, now: datetime) -> Iterator[Event]:
    if before.errors >= FAILING_AFTER:
        yield _event("source failing", source, f"answers again after {before.errors} errors", now, is_over=True)


def _overflow(source: Source, known: Known, listing: Listing, now: datetime) -> str | None:
    """Say when a list has been replaced as a whole since the last poll: what went by in between was missed."""
    before = known.state
    if source.folder or before.last_success is None or len(listing.items) < WHOLESALE_LEAST:
        return None
    if (
        listing.still
        or listing.is_partial
        or any(one.content_hash is None or one.article in known.versions for one in known.identified)
    ):
        return None
    minutes = (now - before.last_success) // timedelta(minutes=1)
    return f"everything listed is new after {minutes} minutes: some may have gone by unseen"


def _event(rule: str, source: Source, summary: str, now: datetime, *, is_over: bool = False) -> Event:
    return Event(
        rule=rule,
        subject=source.id,
        state="cleared" if is_over else "raised",
        at=now,
        summary=f"{source.id} {summary}",
    )


# --- Rhythm: what is usual -------------------------------------------------------------------------------------------


def _learned(known: Known, listing: Listing, articles: Sequence[Article], now: datetime) -> Habits:
    """Take from a listing what it shows of the source's habits."""
    habits = replace(known.habits, documents={**known.habits.documents, **listing.documents}, poison=None)
    if known.state.first_polled is None:
        dates = (one.item.published for one in known.identified)
        guess = Rhythm.from_dates((date for date in dates if date), now)
        return replace(habits, guess=guess, rhythm=Rhythm(since=now, last=now))
    begun = habits.rhythm or Rhythm(since=known.state.first_polled, last=now)
    heard = any(article.header.revision == 1 and article.header.held is None for article in articles)
    guess = habits.guess.heard(now) if habits.guess and heard and not begun.is_known else habits.guess
    return replace(habits, rhythm=begun.heard(now) if heard else begun, guess=None if begun.is_known else guess)


def _watched(source: Source, habits: Habits, plan: Plan, now: datetime) -> Plan:
    """Raise a silence that its past does not explain, and clear it when it ends. A folder is filled by its owner."""
    before, pulse = plan.state.silent_since, habits.pulse
    if source.folder:
        return plan
    if pulse is None:
        begun = replace(habits, rhythm=Rhythm(since=now, last=plan.state.last_new or now))
        return replace(plan, state=replace(plan.state, memory=begun.written))
    is_silent = pulse.is_unusual(now)
    if is_silent == (before is not None):
        return plan
    if is_silent:
        usual = f"it brings {pulse.a_day:.3g} a day" if pulse.is_known else "its rhythm is not known yet"
        event = _event("source silent", source, f"has brought nothing new for {_span(now - pulse.last)}; {usual}", now)
        return replace(plan, state=replace(plan.state, silent_since=pulse.last), events=(*plan.events, event))
    event = _event("source silent", source, "brings something new again", now, is_over=True)
    return replace(plan, state=replace(plan.state, silent_since=None), events=(*plan.events, event))


def _span(time: timedelta) -> str:
    for unit, name in ((timedelta(days=1), "days"), (timedelta(hours=1), "hours")):
        if time >= 2 * unit:
            return f"{time / unit:.0f} {name}"
    return f"{time / timedelta(minutes=1):.0f} minutes"


def _pause(source: Source, listing: Listing, habits: Habits, articles: Sequence[Article], now: datetime) -> timedelta:
    if listing.settling:
        return min(source.settle if source.folder else BRIEFLY, source.every)
    new, listed = len({article.header.id for article in articles}), len(listing.items)
    is_flowing = listed >= WHOLESALE_LEAST and 2 * new > listed
    hints = [hint for hint in (listing.fresh_for, listing.ttl) if hint]
    return interval(source, habits.pulse, now, max(hints, default=None), is_flowing=is_flowing)


def interval(
    source: Source, pulse: Rhythm | None, now: datetime, hint: timedelta | None = None, *, is_flowing: bool = False
) -> timedelta:
    """Return the time to the next poll, from a quarter of the source's interval to a day.

    The interval as written holds for a source that brings something every four hours, and others in proportion. Where
    more than half of a list is new at once (``is_flowing``), the next ones may be missed: it is polled as often as
    allowed. A server's ``hint`` is honoured up to the interval as written, or an hour where none is.
    """
    if source.folder or not source.adaptive:
        return source.every
    shortest = max(source.every / 4, min(hint or timedelta(0), source.interval or LONGEST_HINT))
    if is_flowing:
        return shortest
    if not (pulse and pulse.is_known):
        return max(source.every, shortest)
    gap = max(pulse.usual_gap(), now - pulse.last)
    return min(max(source.every * (gap / USUAL_GAP), shortest), max(LONGEST_INTERVAL, source.every))


# --- What is new -----------------------------------------------------------------------------------------------------


def _publications(
    source: Source, listing: Listing, known: Known, now: datetime
) -> tuple[tuple[Article, ...], tuple[Sighting, ...]]:
    """Take what is new among the listed items, and what is to be remembered of all of them."""
    revisions = {
        article: {version.content_hash: version.revision for version in versions}
        for article, versions in known.versions.items()
    }
    are_rewritten = _are_rewritten(source, known)
    dates = _dates(known, now)
    back_issues = _back_issues(known, dates)
    listed = {one.article for one in known.identified}
    articles, sightings = [], []
    for one in known.identified:
        before = known.sightings.get(one.item.key)
        if before and one.content_hash is None:
            if before.listed.date() < now.date():
                sightings.append(replace(before, listed=now))
            continue
        words = one.content_hash or ""
        versions = revisions.setdefault(one.article, {})
        is_edit = bool(versions)
        if one.item.key in listing.passed:
            versions.setdefault(words, 0)
        elif words not in versions:
            versions[words] = max(versions.values(), default=0) + 1
            held = _held(source, known.state, dates.get(one.item.key), now, is_back_issue=one.item.key in back_issues)
            if is_edit and are_rewritten:
                held = Reason.BASELINE
            articles.append(_article(source, one, versions[words], held, now))
        if before and before.article != one.article and before.article not in listed:
            # A key that is used again would take with it what is known of the article that it stood for.
            sightings.append(replace(before, key=stable_hash(before.key, before.article)))
        sightings.append(
            Sighting(
                source=source.id,
                key=one.item.key,
                article=one.article,
                content_hash=words,
                revision=versions[words],
                first_seen=before.first_seen if before else now,
                listed=now,
                entry=one.item.entry,
                title=folded_title(one.item),
            )
        )
    return tuple(articles), tuple(sightings)


def _are_rewritten(source: Source, known: Known) -> bool:
    """Whether a publisher's program has changed nearly all that is listed at once, which is no news of anything."""
    listed = [one for one in known.identified if one.article in known.versions or one.content_hash is None]
    edited = [
        one
        for one in listed
        if one.content_hash and one.content_hash not in {seen.content_hash for seen in known.versions[one.article]}
    ]
    return not source.folder and len(edited) >= max(WHOLESALE_LEAST, WHOLESALE * len(listed))


def _article(source: Source, one: Identified, revision: int, held: Reason | None, now: datetime) -> Article:
    item = one.item
    header = Header(
        id=one.article,
        source=source.id,
        title=item.title or headline(item.text),
        titled=bool(item.title),
        content_hash=one.content_hash or "",
        first_seen=now,
        url=item.url,
        lang=item.lang or source.lang,
        tier=source.tier,
        published=_believed(item, now),
        revision=revision,
        held=held,
    )
    return Article(header=header, text=item.text)


def _believed(item: Item, now: datetime) -> datetime | None:
    return item.published if item.published and item.published - now < FUTURE else None


def _dates(known: Known, now: datetime) -> dict[str, datetime]:
    """Find the date of each listed item by key; one that nearly all share is the list's own, and says nothing."""
    dates = {one.item.key: date for one in known.identified if (date := _believed(one.item, now))}
    (common, times), *_ = [*Counter(dates.values()).most_common(1), (None, 0)]
    if times < max(WHOLESALE_LEAST, WHOLESALE * len(known.identified)):
        return dates
    return {key: date for key, date in dates.items() if date != common}


def _back_issues(known: Known, dates: Mapping[str, datetime]) -> frozenset[str]:
    """Find what came into a list at its old end, behind all that is known: it returns when newer entries are deleted.

    Only several at once, without a date since the first poll: a single one may be news in a list that has no order.
    """
    seen = [_first_seen(one, known) for one in known.identified]
    places = [place for place, date in enumerate(seen) if date]
    begun = known.state.first_polled
    if not places or begun is None:
        return frozenset()
    top, bottom = seen[places[0]] or begun, seen[places[-1]] or begun
    if top == bottom:
        return frozenset()
    behind = known.identified[places[-1] + 1 :] if top > bottom else known.identified[: places[0]]
    keys = frozenset(one.item.key for one in behind if dates.get(one.item.key, begun) <= begun)
    return keys if len(keys) >= WHOLESALE_LEAST else frozenset()


def _first_seen(one: Identified, known: Known) -> datetime | None:
    if one.content_hash is None:
        return known.sightings[one.item.key].first_seen
    return min((version.first_seen for version in known.versions.get(one.article, ())), default=None)


def _held(
    source: Source, state: SourceState, published: datetime | None, now: datetime, *, is_back_issue: bool
) -> Reason | None:
    """Tell why an article may alert nobody: a back issue of a new or a returning source, or older than ``max_age``.

    One without a date counts as old where others would be judged by theirs: nobody can say that it is not.
    """
    allowed = source.first_poll
    if state.first_polled is None and allowed != "all":
        window = timedelta(0) if allowed == "none" else allowed
        if published is None or now - published > window or allowed == "none":
            return Reason.BASELINE
    if source.oldest is None:
        return None
    if is_back_issue and allowed != "all":
        return Reason.BASELINE
    if published:
        return Reason.OLD if now - published > source.oldest else None
    is_back = state.last_success is not None and now - state.last_success > source.oldest
    return Reason.BASELINE if is_back else None


def is_first_of_day(state: SourceState, now: datetime) -> bool:
    """Whether this is the source's first poll of the day, when the date of what it lists is renewed."""
    return state.last_polled is None or state.last_polled.date() < now.date()


def is_quiet(plan: Plan, before: SourceState) -> bool:
    """Whether nothing happened that must be written now: the source was asked again, and is as well as it was."""
    after = replace(
        plan.state, last_polled=before.last_polled, last_success=before.last_success, next_due=before.next_due
    )
    if not (before.errors or before.first_polled is None):
        after = replace(after, state=before.state)
    return not (plan.articles or plan.sightings or plan.events) and after == before
