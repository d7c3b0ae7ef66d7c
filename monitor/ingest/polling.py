"""Sources polled when they are due: what they list is looked at, decided on, published, remembered.

`Poller` publishes the articles of a plan (`deciding`) and only then remembers them, so that a crash between the two
repeats a publication and loses none. The schedule is the store's: a restart polls what is overdue at once. Does not
fetch or parse (`looking`), and holds nothing against watchlists.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from concurrent.futures import CancelledError
from concurrent.futures import ThreadPoolExecutor as Threads
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog

from monitor import codec
from monitor.ingest.boilerplate import cut, learn
from monitor.ingest.deciding import (
    Answer,
    Failure,
    Habits,
    Known,
    Listing,
    Plan,
    PollStatus,
    decide,
    is_first_of_day,
    is_quiet,
    longest_pause,
)
from monitor.ingest.fetching import Fetcher
from monitor.ingest.folders import Memory
from monitor.ingest.identity import article_of_url, folded_title, fresh, identify
from monitor.ingest.looking import Looker, Past
from monitor.ingest.remembering import States
from monitor.ingest.robots import Robots
from monitor.ingest.scheduling import THREADS, Schedule
from monitor.model import stable_hash
from monitor.ports import SHARDS, SourceState
from monitor.worker import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from monitor.ports import Bus, SourceStore
    from monitor.settings import Source

GROUP: Final = "pollers"
KEPT_UNLISTED: Final = timedelta(days=30)
PARSE_WITHIN: Final = timedelta(seconds=10)
SETTLE_GRACE: Final = timedelta(seconds=3)
_LOOK_EVERY: Final = timedelta(milliseconds=200)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollOutcome:
    """What a poll came to: how many items were ``read``, and whether more is about to be (files that are written)."""

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
        self._sources: dict[str, Source] = {}
        self._shards: dict[str, int] = {}
        self._owned: frozenset[int] = frozenset()
        self._bus, self._store, self._clock, self._draw = bus, store, clock, draw
        self._states = States(store)
        self._fetcher, self._workers = fetcher or Fetcher(), Workers()
        self._closing = threading.Event()
        robots = Robots(self._fetcher)
        self._looker = Looker(self._fetcher.fetch, self._workers, robots, parse_within, self._closing)
        self._memories: dict[str, Memory] = {}
        self._begun: dict[str, datetime] = {}
        self._due: dict[str, datetime] = {}
        self.turned_at: datetime | None = None
        self.use(sources)

    def use(self, sources: Iterable[Source]) -> None:
        """Poll these sources from now on; what is known of those that stay is kept.

        A changed one is due again by its new interval, a new one at once; a poll under way ends as it began.
        """
        given = {source.id: source for source in sources}
        given |= {name: source for name, source in self._sources.items() if given.get(name) == source}
        for name in [name for name, source in self._sources.items() if given.get(name) is not source]:
            self._due.pop(name, None)
            self._memories.pop(name, None)
            self._begun.pop(name, None)
        self._states.forget(self._sources.keys() - given.keys())
        self._sources, self._shards = given, {name: _shard(source) for name, source in given.items()}

    def poll(self, source: Source, now: datetime) -> PollOutcome:
        """Poll one source once. Not for the same source in two threads.

        Raises:
            Unavailable: bus or store is out of reach; nothing is remembered that was not published.
            CancelledError: the poller was closed meanwhile.
        """
        begun = self._begun.setdefault(source.id, now)
        before = self._states.of(source.id)
        past = Past(state=before, habits=Habits.of(before), entries=lambda keys: self._store.sightings(source.id, keys))
        answer, memory = self._look(source, past, now)
        items = answer.items if isinstance(answer, Listing) else ()
        settling = isinstance(answer, Listing) and answer.settling
        if source.folder and settling and not items and now - begun <= source.settle + SETTLE_GRACE:
            # A run's first look at a folder is over when the files that it found there have been read.
            self._memories[source.id] = memory
            return PollOutcome(
                source=source.id, status=PollStatus.UNCHANGED, next_due=now + source.settle, settling=True
            )
        plan = decide(source, answer, recall(source, answer, past, self._store, now), now, self._draw())
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
        queues: dict[str, list[Source]] = defaultdict(list)
        for source in self._ours():
            queues[host_of(source) or source.id].append(source)
        with Threads(THREADS, thread_name_prefix="polling") as threads:
            outcomes = list(threads.map(self._poll_in_turn, queues.values(), [now] * len(queues)))
        self._states.write(now)
        return sum(outcome.status.is_failure for polled in outcomes for outcome in polled)

    def run(self, stop: threading.Event) -> None:
        """Poll every source when it is due, until ``stop`` is set; what is overdue at once. Closes the poller.

        Raises:
            Unavailable: as of `poll`; so does a bug end it, with its own exception.
        """
        schedule = Schedule(self._turn, host_of)
        try:
            while True:
                before, self.turned_at = self.turned_at, self._clock()
                self._arrange(schedule)
                if before and self.turned_at < before:
                    self._bring_forward(schedule)
                self._states.write_in_time(self.turned_at)
                if stop.wait(_LOOK_EVERY.total_seconds()) or schedule.failures:
                    break
        finally:
            self.close()
            schedule.end()
        if schedule.failures:
            raise schedule.failures[0]
        self._states.write(self._clock())

    def close(self) -> None:
        """Give up every fetch and every parse. Closing twice is harmless."""
        self._closing.set()
        self._fetcher.close()
        self._workers.close()

    def _poll_in_turn(self, sources: Iterable[Source], now: datetime) -> list[PollOutcome]:
        return [self._poll_to_the_end(source, now) for source in sources]

    def _poll_to_the_end(self, source: Source, now: datetime) -> PollOutcome:
        started = self._clock()
        outcome = self.poll(source, now)
        while outcome.settling and not self._closing.wait(source.settle.total_seconds()):
            passed = self._clock() - started
            if passed > source.settle + SETTLE_GRACE and not outcome.read:
                break
            outcome = self.poll(source, now + passed)
        return outcome

    # --- Looking, publishing, remembering

    def _look(self, source: Source, past: Past, now: datetime) -> tuple[Answer, Memory]:
        memory = self._memories.get(source.id, Memory())
        if source.folder:
            return self._looker.look_at_folder(source, source.folder, memory, now)
        return self._looker.look(source, past, now), memory

    def _carry_out(self, plan: Plan, before: SourceState, now: datetime) -> None:
        if plan.articles:
            self._bus.publish("articles", [codec.encode(article) for article in plan.articles])
        if plan.events:
            self._bus.publish("events", [codec.encode(event) for event in plan.events])
        if is_quiet(plan, before):
            self._states.note(plan.state, now)
            return
        # What a source listed is forgotten when it lists other things instead, not while it cannot be read.
        is_time = is_first_of_day(before, now) and not plan.status.is_failure
        self._states.remember(plan.state, plan.sightings, now, now - KEPT_UNLISTED if is_time else None)

    # --- The schedule

    def _ours(self) -> list[Source]:
        shards = self._bus.own(GROUP)
        if lost := self._owned - shards:
            self._states.forget([name for name, shard in self._shards.items() if shard in lost])
        self._owned = shards
        return [source for name, source in self._sources.items() if self._shards[name] in shards]

    def _arrange(self, schedule: Schedule) -> None:
        """Give every source of ours a place in the schedule, if it has none.

        Those that are configured otherwise or no more lose theirs.
        """
        for source in schedule.placed():
            if self._sources.get(source.id) is not source:
                schedule.drop(source.id)
        if missing := [source for source in self._ours() if source.id not in schedule]:
            for source, due in self._dues(missing):
                self._due[source.id] = due
                schedule.add(source, due)

    def _bring_forward(self, schedule: Schedule) -> None:
        """Give an earlier place to what a clock has put off that was ahead and has gone back."""
        for source, due in self._dues(self._ours()):
            if source.id in schedule and due < self._due.get(source.id, due):
                self._due[source.id] = due
                schedule.add(source, due)

    def _dues(self, sources: Iterable[Source]) -> Iterator[tuple[Source, datetime]]:
        states = {state.id: state for state in self._store.sources()}
        for source in sources:
            yield source, self._next_due(source, states.get(source.id, SourceState(id=source.id)))

    def _next_due(self, source: Source, state: SourceState) -> datetime:
        """When to poll next; never later than what a poll at this moment would say, whatever the clock was then."""
        now = self._clock()
        due = self._due.get(source.id) or state.next_due or now
        return min(due, now + longest_pause(source, state, now))

    def _turn(self, source: Source) -> datetime | None:
        """Poll a source, and return when to do so again; None when it is not ours to say."""
        if self._closing.is_set() or self._sources.get(source.id) is not source:
            return None
        if _shard(source) not in self._bus.own(GROUP):
            self._due.pop(source.id, None)  # whoever has it now says when it is due
            self._states.forget([source.id])
            return None
        try:
            due = self.poll(source, self._clock()).next_due
        except CancelledError:
            if self._closing.is_set():
                return None
            raise
        if self._sources.get(source.id) is not source:
            return None
        self._due[source.id] = due
        return due


def recall(source: Source, answer: Answer, past: Past, store: SourceStore, now: datetime) -> Known:
    """Find out what an answer's items are, with what is known as far as they need it; nothing is written."""
    items = answer.items if isinstance(answer, Listing) else ()
    habits = past.habits
    if isinstance(answer, Failure) or not (items or is_first_of_day(past.state, now)):
        return Known(state=past.state, habits=habits)
    is_whole = is_first_of_day(past.state, now)
    sightings = store.sightings(source.id, None if is_whole else [item.key for item in items])
    if not source.folder and fresh(items, sightings):
        habits = replace(habits, boilerplate=learn(items, habits.boilerplate))
        items = tuple(cut(item, habits.boilerplate) for item in items)
    new = fresh(items, sightings)
    if not is_whole and new:
        words, titles = {item.content_hash for item in new}, {folded_title(item) for item in new}
        sightings = store.echoes(source.id, list(words), list(titles)) | sightings
    versions = store.versions(list({address for item in new if (address := article_of_url(item.url))}))
    identified = identify(source.id, items, sightings, versions, keys_are_names=source.folder is not None)
    others = {one.article for one in identified if one.content_hash} - versions.keys()
    versions |= store.versions(list(others))
    return Known(state=past.state, habits=habits, sightings=sightings, identified=identified, versions=versions)


def host_of(source: Source) -> str | None:
    """Return whom polls of this source bother; None where nobody minds."""
    return None if source.internal or not source.address else urlsplit(source.address).hostname


def _shard(source: Source) -> int:
    """The shard of a source; all feeds of a host are in one, so that one poller can be gentle with it."""
    return int(stable_hash(urlsplit(source.address or "").hostname or source.id), 16) % SHARDS


def _report(plan: Plan, before: SourceState) -> None:
    """Write the line that ends each poll; one that brought nothing is for those who debug."""
    changed = plan.status.value != before.state or plan.state.error != before.error
    failing = plan.status.is_failure
    write = log.warning if failing else log.info if plan.articles or changed else log.debug
    problem = {"reason" if failing else "warning": plan.state.error} if plan.state.error else {}
    write(
        "source polled",
        source=plan.state.id,
        status=plan.status.value,
        published=len(plan.articles),
        held=plan.held,
        skipped=plan.state.skipped,
        **problem,
    )
