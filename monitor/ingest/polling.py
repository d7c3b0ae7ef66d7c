"""Sources polled when they are due: what they list is read, decided on, published, remembered.

`Poller` publishes the articles of a plan (`deciding`) and only then remembers them, so that a crash between the two
repeats a publication and loses none. The schedule is the store's: a restart polls what is overdue at once.

Hides APScheduler. Does not parse (`feeds`, `pages`, `folders`), and holds nothing against watchlists.
"""

from __future__ import annotations

import hashlib
import logging
import random
import threading
from concurrent.futures import CancelledError
from concurrent.futures import ThreadPoolExecutor as Threads
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from monitor import codec
from monitor.errors import ParseError
from monitor.ingest.deciding import (
    Answer,
    Failure,
    Known,
    Listing,
    Plan,
    PollStatus,
    Unchanged,
    decide,
    is_first_of_day,
    is_quiet,
    longest_back_off,
)
from monitor.ingest.feeds import parse_feed
from monitor.ingest.fetching import Fetched, Fetcher, NotModified, Request
from monitor.ingest.folders import Contents, FileItems, Memory, Stamp, compare, list_folder, read_file
from monitor.ingest.identity import identify
from monitor.ingest.pages import Page, read_page
from monitor.model import stable_hash
from monitor.ports import SHARDS, SourceState
from monitor.worker import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from apscheduler.events import JobEvent

    from monitor.ports import Bus, SourceStore
    from monitor.settings import Source

GROUP: Final = "pollers"
KEPT_UNLISTED: Final = timedelta(days=30)
PARSE_WITHIN: Final = timedelta(seconds=10)
SETTLE_GRACE: Final = timedelta(seconds=3)
THREADS: Final = 64
"""Threads that poll. They wait more than they work: a slow server holds one for 30 s, which no other may notice."""
_LOOK_EVERY: Final = timedelta(milliseconds=200)

log = structlog.get_logger(__name__)
# Both write a line for every job and every request, the latter with addresses that may hold secrets.
logging.getLogger("apscheduler").setLevel(logging.WARNING)
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollOutcome:
    """What a poll came to: how many items were ``read``, and whether files were seen that are not read yet."""

    source: str
    status: PollStatus
    next_due: datetime
    read: int = 0
    published: int = 0
    held: int = 0
    settling: bool = False


class Poller:
    """Polls the sources whose shards are this process's.

    ``clock`` is read between polls; one poll has one ``now``. A ``fetcher`` that is given is closed with the poller.
    """

    def __init__(  # noqa: PLR0913 - what it works with, and three that tests choose
        self,
        sources: Iterable[Source],
        bus: Bus,
        store: SourceStore,
        clock: Callable[[], datetime],
        *,
        fetcher: Fetcher | None = None,
        parse_within: timedelta = PARSE_WITHIN,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._sources = {source.id: source for source in sources}
        self._bus, self._store, self._clock, self._draw = bus, store, clock, draw
        self._fetcher, self._workers, self._parse_within = fetcher or Fetcher(), Workers(), parse_within
        self._memories: dict[str, Memory] = {}
        self._begun: dict[str, datetime] = {}
        self._due: dict[str, datetime] = {}
        self._remembered: set[str] = set()
        self._closing = threading.Event()
        self.turned_at: datetime | None = None

    def use(self, sources: Iterable[Source]) -> None:
        """Poll these sources from now on; what is known of those that stay is kept.

        A changed one is due again by its new interval, a new one at once; a poll under way ends as it began.
        """
        given = {source.id: source for source in sources}
        for name in [name for name, source in self._sources.items() if given.get(name) != source]:
            self._due.pop(name, None)
            self._memories.pop(name, None)
            self._begun.pop(name, None)
        self._sources = given

    def poll(self, source: Source, now: datetime) -> PollOutcome:
        """Poll one source once. Not for the same source in two threads.

        Raises:
            Unavailable: bus or store is out of reach; nothing is remembered that was not published.
            CancelledError: the poller was closed meanwhile.
        """
        begun = self._begun.setdefault(source.id, now)
        before = self._store.source(source.id)
        answer, memory = self._look(source, before, now)
        items = answer.items if isinstance(answer, Listing) else ()
        settling = isinstance(answer, Listing) and answer.settling
        if settling and not items and now - begun <= source.settle + SETTLE_GRACE:
            # A run's first look at a folder is over when the files that it found there have been read.
            self._memories[source.id] = memory
            return PollOutcome(
                source=source.id, status=PollStatus.UNCHANGED, next_due=now + source.settle, settling=True
            )
        plan = decide(source, answer, self._recall(source, answer, before, now), now, self._draw())
        self._carry_out(plan, before, now)
        self._memories[source.id] = memory
        _report(plan, before)
        return PollOutcome(
            source=source.id,
            status=plan.status,
            next_due=plan.state.next_due or now,
            read=len(items),
            published=len(plan.articles),
            held=plan.held,
            settling=settling,
        )

    def poll_all(self, now: datetime) -> int:
        """Poll each of our sources once, folders until what they hold has settled; return how many sources fail.

        Raises:
            Unavailable: as of `poll`.
        """
        ours = self._ours()
        with Threads(THREADS, thread_name_prefix="polling") as threads:
            outcomes = list(threads.map(self._poll_to_the_end, ours, [now] * len(ours)))
        return sum(outcome.status is PollStatus.FAILING for outcome in outcomes)

    def run(self, stop: threading.Event) -> None:
        """Poll every source when it is due, until ``stop`` is set; what is overdue at once. Closes the poller.

        Raises:
            Unavailable: as of `poll`; so does a bug end it, with its own exception.
        """
        schedule = _Schedule(self._turn)
        try:
            while True:
                self.turned_at = self._clock()
                self._arrange(schedule)
                if stop.wait(_LOOK_EVERY.total_seconds()) or schedule.failures:
                    break
        finally:
            self.close()
            schedule.end()
        if schedule.failures:
            raise schedule.failures[0]

    def close(self) -> None:
        """Give up every fetch and every parse. Closing twice is harmless."""
        self._closing.set()
        self._fetcher.close()
        self._workers.close()

    def _poll_to_the_end(self, source: Source, now: datetime) -> PollOutcome:
        started = self._clock()
        outcome = self.poll(source, now)
        while outcome.settling and not self._closing.wait(source.settle.total_seconds()):
            passed = self._clock() - started
            if passed > source.settle + SETTLE_GRACE and not outcome.read:
                break
            outcome = self.poll(source, now + passed)
        return outcome

    # --- Looking, publishing, remembering ---

    def _look(self, source: Source, state: SourceState, now: datetime) -> tuple[Answer, Memory]:
        if source.folder:
            return self._look_at_folder(source, source.folder, now)
        return self._look_at_feed(source, state, now), Memory()

    def _look_at_feed(self, source: Source, state: SourceState, now: datetime) -> Answer:
        # After an error the whole is asked for: "not modified" would leave open whether it can be read.
        known = state if not state.errors else SourceState(id=state.id)
        request = Request(url=source.url or "", etag=known.etag, last_modified=known.last_modified)
        outcome = self._fetcher.fetch(request, now)
        if isinstance(outcome, NotModified):
            return Unchanged()
        if not isinstance(outcome, Fetched):
            return Failure(reason=str(outcome), retryable=outcome.retryable, retry_after=outcome.retry_after)
        body_hash = hashlib.blake2b(outcome.body, digest_size=16).hexdigest()
        return Unchanged() if body_hash == known.body_hash else self._parse(outcome, body_hash)

    def _parse(self, fetched: Fetched, body_hash: str) -> Answer:
        arguments = (fetched.body, fetched.content_type, fetched.url)
        try:
            feed = self._workers.run(parse_feed, *arguments, deadline=self._parse_within)
        except ParseError as error:
            return Failure(reason=f"cannot be parsed: {error.reason}")
        dropped = f"{feed.dropped} entries dropped, empty or too many" if feed.dropped else None
        return Listing(
            items=feed.items,
            warning="; ".join(filter(None, [feed.warning, dropped])) or None,
            etag=fetched.etag,
            last_modified=fetched.last_modified,
            body_hash=body_hash,
        )

    def _look_at_folder(self, source: Source, folder: Path, now: datetime) -> tuple[Answer, Memory]:
        memory = self._memories.get(source.id, Memory())
        try:
            listed = list_folder(folder)
        except OSError as error:
            return Failure(reason=f"{folder}: {error.strerror}"), memory
        glance = compare(listed, memory, now, source.settle)
        read = {path: self._read(source, folder, path) for path in glance.ready}
        contents = {path: _contents(glance.ready[path], found) for path, found in read.items()}
        problems = [problem for known in (*glance.kept.values(), *contents.values()) for problem in known.problems]
        listing = Listing(
            items=tuple(item for found in read.values() for item in found.items),
            still=frozenset(key for known in glance.kept.values() for key in known.keys),
            settling=bool(glance.unread),
            warning=f"{len(problems)} not read: {problems[0]}" if problems else None,
        )
        return listing, Memory(unread=glance.unread, read={**glance.kept, **contents})

    def _read(self, source: Source, folder: Path, path: str) -> FileItems:
        if self._closing.is_set():
            raise CancelledError
        found = read_file(folder, path, self._extract)
        for problem in found.problems:
            log.warning("not read", source=source.id, problem=str(problem))
        return found

    def _extract(self, markup: str) -> Page:
        return self._workers.run(read_page, markup, deadline=self._parse_within)

    def _recall(self, source: Source, answer: Answer, state: SourceState, now: datetime) -> Known:
        """Read what is known as far as the answer needs it."""
        items = answer.items if isinstance(answer, Listing) else ()
        if isinstance(answer, Failure) or not (items or is_first_of_day(state, now)):
            return Known(state=state)
        sightings = self._store.sightings(source.id)
        identified = identify(source.id, items, sightings)
        versions = self._store.versions(list({one.article for one in identified})) if identified else {}
        return Known(state=state, sightings=sightings, identified=identified, versions=versions)

    def _carry_out(self, plan: Plan, before: SourceState, now: datetime) -> None:
        if plan.articles:
            self._bus.publish("articles", [codec.encode(article) for article in plan.articles])
        if plan.event:
            self._bus.publish("events", [codec.encode(plan.event)])
        if before.id not in self._remembered or not is_quiet(plan, before, now):
            self._store.remember(plan.state, plan.sightings, now - KEPT_UNLISTED)
            self._remembered.add(before.id)

    # --- The schedule ---

    def _ours(self) -> list[Source]:
        shards = self._bus.own(GROUP)
        return [source for source in self._sources.values() if _shard(source) in shards]

    def _arrange(self, schedule: _Schedule) -> None:
        """Give every source of ours a place in the schedule, if it has none and is not being polled.

        Those that are configured otherwise or no more lose theirs.
        """
        for source in schedule.placed():
            if self._sources.get(source.id) != source:
                schedule.drop(source.id)
        for source in self._ours():
            if source.id not in schedule:
                schedule.add(source, self._next_due(source))

    def _next_due(self, source: Source) -> datetime:
        """When to poll next; never later than what a poll at this moment would say, whatever the clock was then."""
        now = self._clock()
        state = self._store.source(source.id)
        due = self._due.get(source.id) or state.next_due or now
        return min(due, now + (longest_back_off(source) if state.errors else source.every))

    def _turn(self, source: Source) -> None:
        if self._closing.is_set() or self._sources.get(source.id) != source:
            return
        if _shard(source) not in self._bus.own(GROUP):
            self._due.pop(source.id, None)  # whoever has it now says when it is due
            return
        try:
            due = self.poll(source, self._clock()).next_due
            if self._sources.get(source.id) == source:
                self._due[source.id] = due
        except CancelledError:
            if not self._closing.is_set():
                raise


def _shard(source: Source) -> int:
    """The shard of a source; all feeds of a host are in one, so that one poller can be gentle with it."""
    return int(stable_hash(urlsplit(source.url or "").hostname or source.id), 16) % SHARDS


def _contents(stamp: Stamp, found: FileItems) -> Contents:
    return Contents(stamp, frozenset(item.key for item in found.items), found.problems)


def _report(plan: Plan, before: SourceState) -> None:
    """Write the line that ends each poll; one that brought nothing is for those who debug."""
    changed = plan.status.value != before.state or plan.state.error != before.error
    failing = plan.status is PollStatus.FAILING
    write = log.warning if failing else log.info if plan.articles or changed else log.debug
    problem = {"reason" if failing else "warning": plan.state.error} if plan.state.error else {}
    write(
        "source polled",
        source=plan.state.id,
        status=plan.status.value,
        published=len(plan.articles),
        held=plan.held,
        **problem,
    )


class _Schedule:
    """One APScheduler date job a source: when it ends, or was missed, the source has no place until it is given one."""

    def __init__(self, turn: Callable[[Source], None]) -> None:
        self.failures: list[BaseException] = []
        self._turn = turn
        self._placed: dict[str, Source] = {}
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(THREADS)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone=UTC,
        )
        ends = EVENT_JOB_EXECUTED | EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
        self._scheduler.add_listener(self._ended, ends)
        self._scheduler.start()

    def __contains__(self, source: str) -> bool:
        return source in self._placed

    def add(self, source: Source, at: datetime) -> None:
        self._placed[source.id] = source
        self._scheduler.add_job(self._turn, "date", run_date=at, args=[source], id=source.id)

    def placed(self) -> list[Source]:
        """List the sources that have a place."""
        return list(self._placed.values())

    def drop(self, source: str) -> None:
        """Take a place away; one that is being polled keeps it until it ends."""
        with suppress(JobLookupError):
            self._scheduler.remove_job(source)
            self._placed.pop(source, None)

    def end(self) -> None:
        """Wait for the polls that are under way."""
        # Shutting down while jobs are handed out, APScheduler 3 does not find the job that it has just handed out.
        self._scheduler.remove_all_jobs()
        self._scheduler.shutdown()

    def _ended(self, event: JobEvent) -> None:
        error = getattr(event, "exception", None)
        if error:
            self.failures.append(error)
        self._placed.pop(event.job_id, None)
