"""The daemon's part: polls that are due, in simulated time, through the real middle and a store."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import timedelta
from heapq import merge
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Final

from monitor.ingest.deciding import Copy, Failure, Habits, Listing, Unchanged, decide, longest_pause
from monitor.ingest.looking import Past
from monitor.ingest.polling import KEPT_UNLISTED, recall
from tests.simulation.publishers import START, Shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.ingest.deciding import Answer, Plan
    from monitor.ports import SourceState, SourceStore
    from monitor.settings import Source
    from tests.simulation.judging import Judge
    from tests.simulation.publishers import Publisher

SPREAD: Final = timedelta(minutes=50)
"""Within which the sources are polled first."""


@dataclass(frozen=True, slots=True)
class Polled:
    """A source as it is polled."""

    source: Source
    publisher: Publisher
    store: SourceStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The daemon's clock, and its life: ``jumps`` are when the clock changes, and by how much it is wrong from then on.

    With ``restarts`` the daemon is killed and begun again after each such time; only the store is kept.
    """

    jumps: tuple[tuple[datetime, timedelta], ...] = ()
    restarts: timedelta | None = None

    def error(self, moment: datetime) -> timedelta:
        """Tell by how much it is wrong."""
        return next((error for at, error in reversed(self.jumps) if at <= moment), timedelta(0))

    def breaks(self, after: datetime) -> Iterator[datetime]:
        """List the moments at which the daemon looks at its schedule again."""
        back = (at for at, error in self.jumps if at > after and error < self.error(at - timedelta(microseconds=1)))
        return merge(back, self._restarts(after))

    def _restarts(self, after: datetime) -> Iterator[datetime]:
        if self.restarts:
            yield from (START + number * self.restarts for number in count((after - START) // self.restarts + 1))


class Daemon:
    """Polls sources when they are due by the store. ``late`` is by how much the longest wait outlasted what was due."""

    def __init__(self, polled: Sequence[Polled], judge: Judge, seed: int, clock: Clock) -> None:
        self._polled = {one.source.id: one for one in polled}
        self._judge, self._chance, self._clock = judge, Random(seed), clock
        self.late = 0.0

    def run(self, end: datetime) -> None:
        """Poll until the end of time."""
        queue = [(START + SPREAD * self._chance.random(), name) for name in self._polled]
        heapq.heapify(queue)
        while queue[0][0] < end:
            now, name = queue[0]
            state = self.poll(self._polled[name], now, now + self._clock.error(now)).state
            wake = self._wake(self._polled[name].source, state, now)
            due = (state.next_due or now) - self._clock.error(now)
            self.late = max(self.late, (wake - now) / (due - now))
            heapq.heapreplace(queue, (wake, name))

    def _wake(self, source: Source, state: SourceState, now: datetime) -> datetime:
        """Tell when the source is polled next: when the clock says so, restarted and set right as it may be by then."""
        due, begun = state.next_due or now, now
        for moment in self._clock.breaks(now):
            if due - self._clock.error(begun) < moment:
                break
            begun = moment
            due = next_due(source, state, moment + self._clock.error(moment))
        return max(due - self._clock.error(begun), begun)

    def poll(self, one: Polled, now: datetime, clock: datetime) -> Plan:
        """Poll a source as `Poller.poll` does."""
        before = one.store.source(one.source.id)
        habits = Habits.of(before)
        past = Past(state=before, habits=habits, entries=lambda keys: one.store.sightings(one.source.id, keys))
        shown = one.publisher.answer(now)
        answer = _answer(shown, past)
        known = recall(one.source, answer, past, one.store, clock)
        plan = decide(one.source, answer, known, clock, self._chance.random())
        forget = None if plan.status.is_failure else clock - KEPT_UNLISTED
        one.store.remember(plan.state, plan.sightings, forget)
        if isinstance(answer, Listing) and isinstance(shown, Shown):
            self._judge.listed(one.source.id, shown.meant, known.identified, before, plan, now)
        else:
            self._judge.failed(one.source.id, plan, now)
        return plan


def _answer(shown: Shown | Failure | None, past: Past) -> Answer:
    """Say what was seen as `Looker` does: a body that we have is no news."""
    if shown is None:
        return Unchanged()
    if isinstance(shown, Failure):
        return shown
    if shown.body == past.copy.body_hash:
        return Unchanged()
    return Listing(items=shown.items, copy=Copy(body_hash=shown.body))


def next_due(source: Source, state: SourceState, now: datetime) -> datetime:
    """When a daemon that begins now polls a source."""
    return min(state.next_due or now, now + longest_pause(source, state, now))
