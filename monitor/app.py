"""The composition root: settings become stages, stages become a running service, and everything is closed in reverse.

Hides which implementation stands behind each port, how threads are started and stopped, how a changed setup reaches the
stages, and what ``--until-idle`` means. Decides nothing about articles, matches or alerts.
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

import structlog

from monitor import codec
from monitor.bus import open_bus
from monitor.clock import wall_clock
from monitor.errors import Problems, Unavailable
from monitor.ingest.polling import Poller
from monitor.model import Event
from monitor.ports import TOPICS
from monitor.reloading import Following, Setup, changes, first, load_setup
from monitor.stages import TICK, Matching, Notifying
from monitor.store.sql import open_store
from monitor.vitals import Reloads, Vitals
from monitor.watchlists.loading import load_watchlists
from monitor.web.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from monitor.consuming import Consuming
    from monitor.model import Article, DeadLetter, Edition, Match
    from monitor.ports import Bus
    from monitor.settings import Settings
    from monitor.store.sql import SqlStore

log = structlog.get_logger(__name__)
STOP_WITHIN: Final = timedelta(seconds=4)
LOOK_EVERY: Final = timedelta(milliseconds=500)
IDLE_RETRIES: Final = timedelta(seconds=30)
RETENTION: Final = timedelta(days=30)
KEEP_HOUSE_EVERY: Final = timedelta(hours=1)
STAGES: Final = ("poll", "match", "notify")


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
        self, setup: Setup, bus: Bus, store: SqlStore, stages: Sequence[str], clock: Callable[[], datetime]
    ) -> None:
        settings = setup.settings
        self.settings, self.bus, self.store, self.clock = settings, bus, store, clock
        self.poller = Poller(settings.sources, bus, store, clock) if "poll" in stages else None
        self.matching = Matching(bus, setup.watchlists.watchlists, clock) if setup.watchlists else None
        self.notifying = Notifying(bus, store, settings, clock) if "notify" in stages else None
        self.reloads = Reloads()
        self.reload = threading.Event()
        """Set by who wants the files to be read again now."""
        self._following = Following(setup, self._load, clock())
        self._errors: list[BaseException] = []

    @property
    def consumings(
        self,
    ) -> tuple[Consuming[Article] | Consuming[Match | Edition] | Consuming[Event] | Consuming[DeadLetter], ...]:
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
        loops += self.notifying.loops if self.notifying else []
        loops += [self.poller.run, self._keep_house] if self.poller else []
        loops += [self._follow]
        threads = [threading.Thread(target=self._guard, args=(loop, stop), daemon=True) for loop in loops]
        with self._answering():
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
        if self.notifying:
            self.notifying.close()

    # --- A changed setup

    def _load(self) -> Setup:
        return load_setup(self.settings.file, os.environ, matching=self.matching is not None)

    def _follow(self, stop: threading.Event) -> None:
        """Take changed files over when they are whole and right; keep the last good ones and tell when they are not."""
        while not stop.wait(LOOK_EVERY.total_seconds()):
            asked = self.reload.is_set()
            self.reload.clear()
            before = self._following.current
            after = self._following.refresh(self.clock(), asked=asked)
            if isinstance(after, Problems):
                self._keep(after)
            elif after is not None:
                self._take(before, after)

    def _keep(self, problems: Problems) -> None:
        for problem in problems.problems:
            log.error("not reloaded, the last good configuration and watchlists stay", problem=str(problem))
        self.reloads.failed += 1
        self.reloads.problem = str(first(problems))
        self._tell("raised", self.reloads.problem)

    def _take(self, before: Setup, after: Setup) -> None:
        """Hand a new setup to the stages; each takes it between two records."""
        if self.matching and after.watchlists:
            self.matching.use(after.watchlists.watchlists)
        if self.poller:
            self.poller.use(after.settings.sources)
        if self.notifying:
            self.notifying.use(after.settings)
        self.settings = after.settings
        changed = changes(before, after)
        log.info("reloaded", **{what: ", ".join(names) for what, names in changed.items()})
        if "needs_restart" in changed:
            log.warning("a change takes effect with the next start only", keys=", ".join(changed["needs_restart"]))
        self.reloads.done += 1
        self.reloads.problem = ""
        self._tell("cleared", "configuration and watchlists are in order again")
        for name in changed.get("sources_removed", ()) if self.poller else ():
            self._publish(
                Event(
                    rule="source failing",
                    subject=name,
                    state="cleared",
                    at=self.clock(),
                    summary=f"{name} is polled no more",
                )
            )

    def _tell(self, state: Literal["raised", "cleared"], summary: str) -> None:
        self._publish(
            Event(rule="reload failed", subject="configuration", state=state, at=self.clock(), summary=summary)
        )

    def _publish(self, event: Event) -> None:
        self.bus.publish("events", [codec.encode(event)])

    # --- Answers over HTTP

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Answer while the service runs; without an address of its own only if nobody else has the usual one."""
        with ExitStack() as stack:
            try:
                port = stack.enter_context(serving(self.vitals, *self.settings.listen))
            except Unavailable as error:
                if self.settings.web:
                    raise
                log.warning("no answers over HTTP", reason=str(error))
            else:
                log.info("answering over HTTP", host=self.settings.listen[0], port=port)
            yield

    @property
    def vitals(self) -> Vitals:
        """What `/healthz`, `/readyz` and `/metrics` look at."""
        return Vitals(
            store=self.store,
            clock=self.clock,
            consumings=self.consumings,
            poller=self.poller,
            matching=self.matching,
            notifying=self.notifying,
            reloads=self.reloads,
        )

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
        watchlists = _counted(self.matching.watchlists, "watchlist")
        say(f"watching {_counted(len(names), 'source')} with {watchlists}; Ctrl-C ends")
        while not stop.wait(TICK.total_seconds()):
            polled = {state.id for state in self.store.sources() if state.last_polled and state.last_polled >= started}
            if names <= polled and self._rested(stop):
                new = self.store.standing() - standing
                heard = f"{new} new" if new else "nothing new"
                say(f"{heard}, {standing_words(standing + new)}; see `monitor alerts`")
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


def standing_words(alerts: int) -> str:
    """Say how many alerts stand."""
    return "1 alert stands" if alerts == 1 else f"{alerts} alerts stand"


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
        watchlists = load_watchlists(settings.watchlists) if "match" in stages else None
        app = App(Setup(settings=settings, watchlists=watchlists), bus, store, stages, clock)
        stack.callback(app.close)
        yield app
