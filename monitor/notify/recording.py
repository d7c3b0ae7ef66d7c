"""The notifier's first two transactions: record what comes, then decide what is due.

Joins the pure rules of `alerting` to a store. Does not consume the bus (the caller commits its offset after `Recorder`
returns), keeps no timer (the store knows what is due), and sends nothing.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from monitor.alerting.deciding import State, decide
from monitor.alerting.judging import judge_edition, judge_event, judge_match
from monitor.stories.clustering import story_of
from monitor.stories.editing import is_gone

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from monitor.model import DeadLetter, Edition, Event, Match, Reason
    from monitor.ports import AlertStore, Decision, EditRuling, Recorded, Store, Waiting
    from monitor.settings import Alerts

log = structlog.get_logger(__name__)


class Recorder:
    """Records matches, editions and events, each once, with what they lead to by these settings; files dead letters."""

    def __init__(self, store: Store, alerts: Alerts) -> None:
        self._store = store
        self._tree = alerts.route
        self._receivers = alerts.receivers

    def record(self, match: Match, now: datetime) -> Reason | None:
        """Record a match, its story and any alert; return why it alerts or not, None when it was recorded before.

        Raises:
            Unavailable: nothing was written; the match comes again.
        """
        judge = partial(judge_match, match, tree=self._tree, now=now)
        ruling = self._store.record(match, partial(story_of, match), judge, now)
        reason = ruling.reason if ruling else None
        where = {"watchlist": match.watchlist.id, "article": match.article.id}
        log.info("match recorded", **where, reason=reason or "repeated", alert=ruling and ruling.alert)
        return reason

    def record_edition(self, edition: Edition, now: datetime) -> int:
        """Record what an edition takes away of what was told; return of how many alerts.

        Raises:
            Unavailable: nothing was written; the edition comes again.
        """

        def judge(recorded: Recorded) -> EditRuling | None:
            if not is_gone(recorded.match, edition):
                return None
            return judge_edition(edition, recorded, self._tree, now)

        rulings = self._store.record_edition(edition, judge, now)
        for ruling in rulings:
            log.info("edit recorded", article=edition.article.header.id, alert=ruling.alert, edit=ruling.edit.kind)
        return len(rulings)

    def record_event(self, event: Event, now: datetime) -> str | None:
        """Open or close the operations alert of an event; return its id, None when nothing changes.

        Raises:
            Unavailable: nothing was written; the event comes again.
        """
        judge = partial(judge_event, event, tree=self._tree, receivers=self._receivers, now=now)
        ruling = self._store.record_event(event, judge, now)
        state = ruling.state if ruling else "unchanged"
        log.info("event recorded", rule=event.rule, subject=event.subject, state=event.state, alert=state)
        return ruling.alert if ruling else None

    def file_dead(self, letter: DeadLetter) -> None:
        """Keep a dead letter for people to work on, once.

        Raises:
            Unavailable: nothing was written; the letter comes again.
        """
        self._store.file_dead(letter)
        log.info("dead letter filed", topic=letter.topic, partition=letter.partition, offset=letter.offset)


class Decider:
    """Decides what is owed to whom, under these alert settings. ``sources`` are the ids of all that are polled.

    Only one may tick at a time for a store, or they wait for each other.
    """

    def __init__(self, store: AlertStore, alerts: Alerts, sources: Iterable[str] = ()) -> None:
        self._store = store
        self._receivers = alerts.receivers
        self._sources = frozenset(sources)
        rates = (receiver.rate.per for receiver in alerts.receivers.values() if receiver.rate)
        self._look_back = max(rates, default=timedelta())
        self._has_looked = False

    def tick(self, now: datetime, *, windows_elapsed: bool = False) -> datetime | None:
        """Write down what is due and return when to look again, None when nothing waits.

        What is overdue is told once, at once. The first tick looks at all that waits, for the settings may be new.
        With ``windows_elapsed`` no group waits for its window.

        Raises:
            Unavailable: nothing was written; tick again.
        """

        def judge(waiting: Waiting) -> Decision:
            state = State(
                waiting=waiting, receivers=self._receivers, sources=self._sources, windows_elapsed=windows_elapsed
            )
            return decide(state, now)

        everything = windows_elapsed or not self._has_looked
        decision = self._store.decide(judge, now, everything=everything, look_back=self._look_back)
        self._has_looked = True
        for verdict in decision.verdicts:
            log.info(
                "alert decided",
                alert=verdict.alert,
                receiver=verdict.receiver,
                cause=verdict.cause,
                reason=verdict.reason,
                until=verdict.until and verdict.until.isoformat(),
            )
        return decision.next_due
