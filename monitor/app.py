"""The composition root: settings become stages, stages become a running service, and everything is closed in reverse.

Hides which implementation stands behind each port, how threads are started and stopped, and what ``--until-idle``
means. Decides nothing about articles, matches or alerts.
"""

from __future__ import annotations

import os
import random
import socket
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from monitor import codec
from monitor.bus import open_bus
from monitor.consuming import Consuming
from monitor.errors import Problems
from monitor.ingest.polling import Poller
from monitor.matching import compile_watchlists
from monitor.model import Article, DeadLetter, Event, Match
from monitor.notify.delivering import Deliverer
from monitor.notify.recording import Decider, Recorder
from monitor.notify.rendering import Renderer
from monitor.notify.smtp import SmtpChannel
from monitor.notify.spool import SpoolChannel
from monitor.notify.terminal import TerminalChannel
from monitor.ports import TOPICS
from monitor.store.sql import open_store
from monitor.watchlists.loading import Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from monitor.ports import Bus, Channel, Outgoing
    from monitor.settings import Settings
    from monitor.store.sql import SqlStore

log = structlog.get_logger(__name__)
STOP_WITHIN: Final = timedelta(seconds=4)
TICK: Final = timedelta(milliseconds=250)
IDLE_RETRIES: Final = timedelta(seconds=30)
RETENTION: Final = timedelta(days=30)
KEEP_HOUSE_EVERY: Final = timedelta(hours=1)
STAGES: Final = ("poll", "match", "notify")


def wall_clock() -> datetime:
    """Return the present instant, aware, in UTC; the only place where the service reads the clock."""
    return datetime.now(UTC)


class Matching:
    """Articles held against the watchlists as they stand in their files at that moment."""

    def __init__(self, bus: Bus, settings: Settings, clock: Callable[[], datetime]) -> None:
        self.bus, self.clock = bus, clock
        self.watched = Watched(settings.watchlists)
        self.matcher = compile_watchlists(self.watched.current.watchlists)
        self.consuming = Consuming(
            bus, "articles", "matcher", Article, self.match, clock=clock, output="matches", between=self.reload
        )

    def match(self, article: Article) -> list[Outgoing]:
        """Return the article's matches, ready to publish."""
        return [codec.encode(match) for match in self.matcher.match(article, self.clock())]

    def reload(self) -> None:
        """Take changed files over when they are whole and right; keep the last good set and tell when they are not."""
        change = self.watched.refresh()
        if isinstance(change, Problems):
            for problem in change.problems:
                log.error("watchlists not reloaded, the last good ones stay", problem=str(problem))
            self._tell("raised", str(change.problems[0]))
        elif change is not None:
            self.matcher = compile_watchlists(change.watchlists)
            log.info("watchlists reloaded", watchlists=len(change.watchlists))
            self._tell("cleared", "watchlists are in order again")

    def _tell(self, state: str, summary: str) -> None:
        event = Event(
            rule="reload failed",
            subject="watchlists",
            state="raised" if state == "raised" else "cleared",
            at=self.clock(),
            summary=summary,
        )
        self.bus.publish("events", [codec.encode(event)])


class Notifying:
    """Matches, events and dead letters recorded; what is due decided; what is owed delivered."""

    def __init__(self, bus: Bus, store: SqlStore, settings: Settings, clock: Callable[[], datetime]) -> None:
        self.store, self.clock = store, clock
        self.recorder = Recorder(store, settings.alerts)
        self.decider = Decider(store, settings.alerts)
        self.deliverer = Deliverer(
            store,
            _channels(settings),
            Renderer().render,
            self._publish_event,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            jitter=random.random,
        )
        self.bus = bus
        self.consumings = (
            Consuming(bus, "matches", "notifier", Match, self._record_match, clock=clock),
            Consuming(bus, "events", "notifier-events", Event, self._record_event, clock=clock),
            Consuming(bus, "dead", "notifier-dead", DeadLetter, self._file_dead, clock=clock),
        )

    def tell(self, *, windows_elapsed: bool = False) -> int:
        """Decide what is due and deliver what is owed now; return how many messages were tried."""
        self.decider.tick(self.clock(), windows_elapsed=windows_elapsed)
        tried = 0
        while self.deliverer.deliver_one(self.clock()):
            tried += 1
        return tried

    def run(self, stop: threading.Event) -> None:
        """Decide and deliver until ``stop`` is set."""
        while not stop.is_set():
            self.decider.tick(self.clock())
            if not self.deliverer.deliver_one(self.clock()):
                stop.wait(TICK.total_seconds())

    def _record_match(self, match: Match) -> tuple[Outgoing, ...]:
        self.recorder.record(match, self.clock())
        return ()

    def _record_event(self, event: Event) -> tuple[Outgoing, ...]:
        self.recorder.record_event(event, self.clock())
        return ()

    def _file_dead(self, letter: DeadLetter) -> tuple[Outgoing, ...]:
        self.recorder.file_dead(letter)
        return ()

    def _publish_event(self, event: Event) -> None:
        self.bus.publish("events", [codec.encode(event)])


def _channels(settings: Settings) -> dict[str, Channel]:
    smtp = settings.alerts.smtp
    if smtp is None:
        return {"terminal": TerminalChannel(), "file": SpoolChannel()}
    return {"terminal": TerminalChannel(), "file": SpoolChannel(smtp.sender), "email": SmtpChannel(smtp)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run until idle came to."""

    failed_sources: int
    undelivered: int
    alerts: int
    new_alerts: int


class App:
    """The stages that were asked for, over one bus and one store."""

    def __init__(
        self, settings: Settings, bus: Bus, store: SqlStore, stages: Sequence[str], clock: Callable[[], datetime]
    ) -> None:
        self.settings, self.bus, self.store, self.clock = settings, bus, store, clock
        self.poller = Poller(settings.sources, bus, store, clock) if "poll" in stages else None
        self.matching = Matching(bus, settings, clock) if "match" in stages else None
        self.notifying = Notifying(bus, store, settings, clock) if "notify" in stages else None
        self._errors: list[BaseException] = []

    @property
    def consumings(
        self,
    ) -> tuple[Consuming[Article] | Consuming[Match] | Consuming[Event] | Consuming[DeadLetter], ...]:
        """Every loop over the bus, in the order of the data's flow."""
        matching = (self.matching.consuming,) if self.matching else ()
        return (*matching, *(self.notifying.consumings if self.notifying else ()))

    def claim(self) -> None:
        """Join every group before anything starts.

        Raises:
            HeldElsewhere: another process does this work already.
        """
        for consuming in self.consumings:
            consuming.open()
        if self.notifying and self.settings.bus.startswith("sqlite:"):
            # Holding the group, we are the only one who delivers: claims of a process that was killed are free again.
            self.store.release_claims()

    def run(self, stop: threading.Event, say: Callable[[str], None]) -> None:
        """Run the stages until ``stop`` is set or one of them fails; end within `STOP_WITHIN` either way.

        Raises:
            MonitorError: a stage's own; a bug's exception likewise.
        """
        standing = self.store.standing()
        started = self.clock()
        loops: list[Callable[[threading.Event], None]] = [consuming.run for consuming in self.consumings]
        loops += [self.notifying.run] if self.notifying else []
        loops += [self.poller.run, self._keep_house] if self.poller else []
        threads = [threading.Thread(target=self._guard, args=(loop, stop), daemon=True) for loop in loops]
        for thread in threads:
            thread.start()
        self._greet(stop, say, started, standing)
        stop.wait()
        deadline = self.clock() + STOP_WITHIN
        for thread in threads:
            thread.join(max(0.0, (deadline - self.clock()).total_seconds()))
        if self._errors:
            raise self._errors[0]

    def until_idle(self) -> Outcome:
        """Poll every source once, take group windows as elapsed, deliver with at most 30 s of retries."""
        assert self.poller  # noqa: S101 - `run` composes all stages
        standing, given_up = self.store.standing(), self.store.backlog().failed
        failed = self.poller.poll_all(self.clock())
        end = self.clock() + IDLE_RETRIES
        pause = threading.Event()
        while self._work_off() and self.clock() < end:
            pause.wait(TICK.total_seconds())
        backlog, now_standing = self.store.backlog(), self.store.standing()
        return Outcome(
            failed_sources=failed,
            undelivered=backlog.waiting + backlog.failed - given_up,
            alerts=now_standing,
            new_alerts=now_standing - standing,
        )

    def close(self) -> None:
        """Leave every group and stop the poller's workers."""
        for consuming in self.consumings:
            consuming.close()
        if self.poller:
            self.poller.close()

    def _work_off(self) -> bool:
        """Do all that can be done now, events of failing deliveries included; return whether a message still waits."""
        assert self.notifying  # noqa: S101 - asserted by the caller
        self._drain()
        while self.notifying.tell(windows_elapsed=True):
            self._drain()
        return self.store.backlog().waiting > 0

    def _drain(self) -> None:
        # A Kafka consumer needs a while to be given its partitions; the embedded log answers at once.
        wait = timedelta(0) if self.settings.bus.startswith("sqlite:") else timedelta(seconds=10)
        for consuming in self.consumings:
            while consuming.step(wait):
                pass

    def _keep_house(self, stop: threading.Event) -> None:
        """Drop what the embedded log has kept for 30 days and every group has read; Kafka keeps its own retention."""
        while not stop.is_set():
            for topic in TOPICS:
                if dropped := self.bus.trim(topic, self.clock() - RETENTION):
                    log.info("old records dropped", topic=topic, records=dropped)
            stop.wait(KEEP_HOUSE_EVERY.total_seconds())

    def _guard(self, loop: Callable[[threading.Event], None], stop: threading.Event) -> None:
        try:
            loop(stop)
        except BaseException as error:  # noqa: BLE001 - whatever ends one stage ends the process, with its own error
            self._errors.append(error)
        stop.set()

    def _greet(self, stop: threading.Event, say: Callable[[str], None], started: datetime, standing: int) -> None:
        """Say once, when every source was polled and all of it went through, what has come of it."""
        if not (self.poller and self.matching and self.notifying):
            return
        names = {source.id for source in self.settings.sources}
        watchlists = len(self.matching.watched.current.watchlists)
        say(f"watching {_counted(len(names), 'source')} with {_counted(watchlists, 'watchlist')}; Ctrl-C ends")
        while not stop.wait(TICK.total_seconds()):
            polled = {state.id for state in self.store.sources() if state.last_polled and state.last_polled >= started}
            if names <= polled and self._rested(stop):
                new = self.store.standing() - standing
                heard = f"{new} new" if new else "nothing new"
                say(f"{heard}, {standing + new} alerts stand; see `monitor alerts`")
                return

    def _is_due(self, instant: datetime | None) -> bool:
        return instant is not None and instant <= self.clock()

    def _rested(self, stop: threading.Event) -> bool:
        """Wait until each loop in turn, in the order of the flow, found nothing more to do."""
        for consuming in self.consumings:
            rounds = consuming.idle_rounds
            while consuming.idle_rounds == rounds and not stop.wait(TICK.total_seconds()):
                pass
        while not stop.is_set() and self._is_due(self.store.backlog().next_due):
            stop.wait(TICK.total_seconds())
        return not stop.is_set()


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@contextmanager
def open_app(
    settings: Settings, stages: Sequence[str] = STAGES, clock: Callable[[], datetime] = wall_clock
) -> Iterator[App]:
    """Open bus, store and the stages; close them in reverse.

    Raises:
        Problems: the watchlists cannot be used.
        Unavailable: bus or store is out of reach.
    """
    with ExitStack() as stack:
        bus = open_bus(settings.bus)
        stack.callback(bus.close)
        store = open_store(settings.store)
        stack.callback(store.close)
        app = App(settings, bus, store, stages, clock)
        stack.callback(app.close)
        yield app
