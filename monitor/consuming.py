"""The loop of every stage that reads the bus: a batch, each record handled, the results published, the batch done.

Hides what happens to a record that fails (three tries, then a dead letter), to a topic on which too many fail (the
breaker), and to a gap that retention left (an event). Knows nothing of what a stage does with a record, and never
retries for the world: `Unavailable` ends the stage, and what was not done is repeated by the next.
"""

from __future__ import annotations

import traceback
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import structlog

from monitor import codec
from monitor.errors import BreakerOpen, Lost, NewerVersion, Unavailable, Undecodable
from monitor.model import DeadLetter, Event

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from monitor.ports import Bus, Consumer, Gap, Outgoing, Record

log = structlog.get_logger(__name__)
T = TypeVar("T")

TRIES: Final = 3
IN_A_ROW: Final = 20
WINDOW: Final = 1000
SHARE: Final = 0.05
WAIT: Final = timedelta(seconds=1)


@dataclass(slots=True)
class Breaker:
    """Open after 20 failures in a row, or when more than 5 % of the last 1,000 records failed."""

    in_a_row: int = 0
    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def note(self, *, failed: bool) -> bool:
        """Count one record; return whether the breaker is open now."""
        self.in_a_row = self.in_a_row + 1 if failed else 0
        self.recent.append(failed)
        return self.in_a_row >= IN_A_ROW or sum(self.recent) > WINDOW * SHARE


class Consuming(Generic[T]):
    """One group's work on one topic, which holds records of ``kinds``.

    ``handle`` gets a decoded record and returns what to publish on ``output``.

    Handling must be idempotent: a crash before the batch is done repeats it.
    """

    def __init__(  # noqa: PLR0913 - a loop is made of these
        self,
        bus: Bus,
        topic: str,
        group: str,
        kinds: tuple[type[T], ...],
        handle: Callable[[T], Iterable[Outgoing]],
        *,
        clock: Callable[[], datetime],
        output: str = "",
    ) -> None:
        self.bus, self.topic, self.group = bus, topic, group
        self.kinds: tuple[type[T], ...] = kinds
        self.handle: Callable[[T], Iterable[Outgoing]] = handle
        self.clock, self.output = clock, output
        self.idle_rounds = self.handled = self.buried = 0
        self.turned_at: datetime | None = None
        self._breaker = Breaker()
        self._consumer: Consumer | None = None

    def open(self) -> None:
        """Join the group now, so that a second holder is told before anything starts.

        Raises:
            HeldElsewhere: another process is this group.
            Unavailable: the bus is out of reach.
        """
        self._consumer = self._consumer or self.bus.consume(self.topic, self.group)

    @property
    def is_open(self) -> bool:
        """Whether the group is joined."""
        return self._consumer is not None

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set."""
        while not stop.is_set():
            self.step(WAIT)

    def step(self, wait: timedelta) -> bool:
        """Work on one batch; return False when none came within ``wait``.

        Raises:
            BreakerOpen: too many records failed; nothing of this batch is committed.
            NewerVersion: a record of a newer monitor; likewise.
            Unavailable: the bus or what the stage writes to is out of reach; likewise.
        """
        self.turned_at = self.clock()
        self.open()
        assert self._consumer is not None  # noqa: S101 - opened in the line above
        batch = self._consumer.poll(wait)
        if batch is None:
            self.idle_rounds += 1
            return False
        for gap in batch.gaps:
            self._tell_gap(gap)
        results = [result for record in batch.records for result in self._results(record)]
        if results:
            self.bus.publish(self.output, results)
        try:
            batch.done()
        except Lost:
            log.info("batch lost to a rebalance, it will be repeated", topic=self.topic, group=self.group)
        return True

    def close(self) -> None:
        """Leave the group; what is not done is repeated by the next member."""
        if self._consumer:
            self._consumer.close()
            self._consumer = None

    def _results(self, record: Record) -> list[Outgoing]:
        self.handled += 1
        for attempt in range(1, TRIES + 1):
            try:
                results = list(self.handle(codec.decode(record, *self.kinds)))
            except (NewerVersion, Unavailable):
                raise
            except Exception as error:  # noqa: BLE001 - whatever a record provokes, the next one is handled
                if attempt == TRIES or isinstance(error, Undecodable):
                    self._bury(record, error)
                    return []
            else:
                self._breaker.note(failed=False)
                return results
        raise AssertionError("unreachable")

    def _bury(self, record: Record, error: Exception) -> None:
        place = f"{record.topic}/{record.partition}@{record.offset}"
        log.error("record failed, kept as a dead letter", record=place, group=self.group, exc_info=error)
        letter = DeadLetter(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            stage=self.group,
            key=record.key,
            value=record.value,
            headers=dict(record.headers),
            error=f"{type(error).__name__}: {error}",
            traceback="".join(traceback.format_exception(error)),
            at=self.clock(),
        )
        self.bus.publish("dead", [codec.encode(letter)])
        self.buried += 1
        if self._breaker.note(failed=True):
            summary = f"too many records of {self.topic!r} fail in stage {self.group!r}; it stopped without committing"
            self._tell("breaker", self.group, summary)
            raise BreakerOpen(f"{summary}; see `monitor dead list`")

    def _tell_gap(self, gap: Gap) -> None:
        lost = gap.end - gap.start
        log.error("retention passed this group", group=self.group, topic=gap.topic, partition=gap.partition, lost=lost)
        self._tell(
            "gap", f"{gap.topic}/{gap.partition}", f"{lost} records of {gap.topic} were removed before being read"
        )

    def _tell(self, rule: str, subject: str, summary: str) -> None:
        event = Event(rule=rule, subject=subject, state="raised", at=self.clock(), summary=summary)
        self.bus.publish("events", [codec.encode(event)])
