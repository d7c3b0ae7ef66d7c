"""How a running process is: whether its loops turn, whether it can work, and what it has done so far.

Reads what the stages and the store know anyway, at the moment that somebody asks. How it is served is `web`'s affair.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from monitor import __version__
from monitor.errors import Unavailable
from monitor.web.serving import Measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from monitor.consuming import Consuming
    from monitor.ingest.polling import Poller
    from monitor.model import Article, DeadLetter, Edition, Event, Match
    from monitor.ports import SourceState
    from monitor.stages import Matching, Notifying
    from monitor.store.sql import SqlStore

STUCK_AFTER: Final = timedelta(minutes=5)
"""A loop that has not turned for so long is stuck: no batch and no delivery takes that long."""

OK: Final = "ok"


@dataclass(slots=True)
class Reloads:
    """What came of changed files."""

    done: int = 0
    failed: int = 0
    problem: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """The parts that are looked at; a stage that this process does not run is None."""

    store: SqlStore
    clock: Callable[[], datetime]
    consumings: Sequence[Consuming[Article] | Consuming[Match | Edition] | Consuming[Event] | Consuming[DeadLetter]]
    poller: Poller | None = None
    matching: Matching | None = None
    notifying: Notifying | None = None
    reloads: Reloads = field(default_factory=Reloads)

    def health(self) -> Mapping[str, str]:
        """Tell of each loop whether it turns."""
        turned = {consuming.group: consuming.turned_at for consuming in self.consumings}
        if self.poller:
            turned["poller"] = self.poller.turned_at
        if self.notifying:
            turned |= self.notifying.turned_at
        return {name: self._turning(at) for name, at in turned.items()}

    def _turning(self, at: datetime | None) -> str:
        if at is None:
            return "has not begun"
        still = self.clock() - at
        return OK if still < STUCK_AFTER else f"has not turned for {int(still.total_seconds())} s"

    def readiness(self) -> Mapping[str, str]:
        """Tell of each thing that work needs whether it is there."""
        checks = {
            f"group {consuming.group}": OK if consuming.is_open else "not joined" for consuming in self.consumings
        }
        try:
            self.store.backlog()
            checks["store"] = OK
        except Unavailable as error:
            checks["store"] = str(error)
        if self.matching:
            checks["watchlists"] = OK if self.matching.watchlists else "none are loaded"
        return {**checks, **self.health()}

    # --- Counts

    def measures(self) -> Iterator[Measure]:
        """Count what was done by this process, and what stands in the store."""
        yield Measure("monitor_build_info", "gauge", "Which monitor this is.", ("version",), [((__version__,), 1)])
        reloads = self.reloads
        yield Measure(
            "monitor_reloads",
            "counter",
            "Changed configurations and watchlists, by what came of them.",
            ("result",),
            [(("ok",), reloads.done), (("failed",), reloads.failed)],
        )
        good = [((), 0.0 if reloads.problem else 1.0)]
        yield Measure("monitor_last_reload_good", "gauge", "Whether the files as they stand are in use.", (), good)
        records = [((one.topic, one.group), one.handled) for one in self.consumings]
        yield Measure("monitor_records", "counter", "Records handled.", ("topic", "group"), records)
        dead = [((one.topic, one.group), one.buried) for one in self.consumings]
        yield Measure("monitor_dead_letters", "counter", "Records that failed thrice.", ("topic", "group"), dead)
        if self.poller:
            yield from self._polled()
        if self.matching:
            yield from self._matched(self.matching)
        if self.notifying:
            yield from self._notified(self.notifying)

    def _polled(self) -> Iterator[Measure]:
        states = self.store.sources()
        label = ("source",)
        articles = [((state.id,), state.articles) for state in states]
        yield Measure("monitor_source_articles", "counter", "Article versions published, ever.", label, articles)
        errors = [((state.id,), state.errors) for state in states]
        skipped = [((state.id,), state.skipped) for state in states]
        yield Measure("monitor_source_skipped", "gauge", "What the last poll could not take.", label, skipped)
        silent = [((state.id,), float(state.silent_since is not None)) for state in states]
        yield Measure("monitor_source_silent", "gauge", "Whether it is silent for unusually long.", label, silent)
        overdue = [((state.id,), self._overdue(state)) for state in states if state.next_due]
        yield Measure("monitor_source_overdue_seconds", "gauge", "How late its next poll is.", label, overdue)
        yield Measure("monitor_source_errors_in_a_row", "gauge", "Polls that failed since one did not.", label, errors)
        succeeded = [((state.id,), state.last_success.timestamp()) for state in states if state.last_success]
        name = "monitor_source_last_success_timestamp_seconds"
        yield Measure(name, "gauge", "When a poll last succeeded.", label, succeeded)
        new = [((state.id,), state.last_new.timestamp()) for state in states if state.last_new]
        yield Measure(
            "monitor_source_last_new_timestamp_seconds", "gauge", "When a poll last brought something.", label, new
        )

    def _overdue(self, state: SourceState) -> float:
        return max((self.clock() - (state.next_due or self.clock())).total_seconds(), 0.0)

    def _matched(self, matching: Matching) -> Iterator[Measure]:
        yield Measure("monitor_watchlists", "gauge", "Watchlists in use.", (), [((), matching.watchlists)])
        yield Measure(
            "monitor_articles_matched", "counter", "Articles held against them.", (), [((), matching.articles)]
        )
        yield Measure("monitor_match_seconds", "counter", "Time that took.", (), [((), matching.seconds)])
        matches = [((name,), count) for name, count in sorted(matching.matches.items())]
        yield Measure("monitor_matches", "counter", "Matches.", ("watchlist",), matches)

    def _notified(self, notifying: Notifying) -> Iterator[Measure]:
        attempts = [(key, count) for key, count in sorted(notifying.attempts.items())]
        yield Measure("monitor_deliveries", "counter", "Attempts to send a message.", ("channel", "result"), attempts)
        backlog = self.store.backlog()
        owed = [(("waiting",), backlog.waiting), (("failed",), backlog.failed)]
        yield Measure("monitor_messages_owed", "gauge", "Messages that are not delivered.", ("state",), owed)
        yield Measure("monitor_alerts_standing", "gauge", "Alerts not closed.", (), [((), self.store.standing())])
