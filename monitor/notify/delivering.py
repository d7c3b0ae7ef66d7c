"""The notifier's third transaction: send what is owed, once when all goes well, again when it did not.

Claims one notification, renders and sends it with no transaction open, and records the result if the claim is still
its own. Never sleeps and never loops: a later attempt is an entry in the store, so it outlives this process. Does not
know what a message looks like (`rendering`) or how a channel speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import structlog

from monitor.errors import DeliveryError
from monitor.model import Event
from monitor.ports import Settlement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from monitor.model import Message, Notification
    from monitor.ports import AlertStore, Claim, Sender

log = structlog.get_logger(__name__)

DELIVERY_FAILING: Final = "delivery failing"
"""The rule of the event that tells that a destination cannot be reached."""
_FIRST_WAIT: Final = timedelta(seconds=5)
_LONGEST_WAIT: Final = timedelta(minutes=10)
_SHORTEST_ASKED: Final = timedelta(seconds=1)
_LONGEST_ASKED: Final = timedelta(hours=1)
"""A server's ``retry after`` is honoured between these two: it may be wrong, or a joke."""


class Outcome(StrEnum):
    """How an attempt ended."""

    SENT = "sent"
    POSTPONED = "postponed"  # to be tried again
    FAILED = "failed"  # given up; a person may have it sent again
    LOST = "claim lost"  # another worker has it now: its result counts, ours is at most a repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at one notification; ``next_at`` is when a postponed one may be tried again."""

    notification: Notification
    outcome: Outcome
    error: str | None = None
    next_at: datetime | None = None


class Deliverer:
    """Sends what the store says is owed, one notification a call. One for each worker; ``worker`` is its name.

    ``report`` is given the events that tell of a destination that cannot be reached, and of its recovery; they may be
    repeated. ``jitter`` returns a number in [0, 1) and spreads attempts. A claim lasts ``lease``, which must be longer
    than any channel takes; what could not be sent for ``give_up`` fails.
    """

    def __init__(  # noqa: PLR0913 - the doors that delivery goes through, each of them needed
        self,
        store: AlertStore,
        channels: Mapping[str, Sender],
        render: Callable[[Notification], Message],
        report: Callable[[Event], None],
        *,
        worker: str,
        jitter: Callable[[], float],
        lease: timedelta = timedelta(minutes=2),
        give_up: timedelta = timedelta(hours=24),
    ) -> None:
        self._store = store
        self._channels = channels
        self._render = render
        self._report = report
        self._worker = worker
        self._jitter = jitter
        self._lease = lease
        self._give_up = give_up

    def deliver_one(self, now: datetime) -> Attempt | None:
        """Try the oldest notification that may be sent now; None when there is none.

        Raises:
            Unavailable: the store or the bus cannot be written; what was sent may be sent once more.
        """
        claim = self._store.claim(self._worker, now, self._lease)
        if claim is None:
            return None
        try:
            receipt = self._send(claim.notification)
        except DeliveryError as error:
            attempt = self._postpone_or_fail(claim, error, now)
        else:
            attempt = self._settle(claim, Settlement(state="sent", at=now, receipt=receipt), Outcome.SENT)
            self._report_recovery(claim.notification, now)
        _tell(claim, attempt)
        return attempt

    def _send(self, notification: Notification) -> str | None:
        channel = self._channels.get(notification.channel)
        if channel is None:
            raise DeliveryError(f"no channel {notification.channel!r} is configured any more", retryable=False)
        return channel.send(self._render(notification), notification.destination)

    def _postpone_or_fail(self, claim: Claim, error: DeliveryError, now: datetime) -> Attempt:
        next_at = now + back_off(claim.attempts, error.retry_after, self._jitter())
        if error.retryable and next_at < claim.owed_since + self._give_up:
            pending = Settlement(state="pending", at=now, not_before=next_at, error=error.reason)
            return self._settle(claim, pending, Outcome.POSTPONED)
        self._report(_failing(claim.notification, error.reason, now))
        return self._settle(claim, Settlement(state="failed", at=now, error=error.reason), Outcome.FAILED)

    def _settle(self, claim: Claim, result: Settlement, outcome: Outcome) -> Attempt:
        ours = self._store.settle(claim, result)
        return Attempt(
            notification=claim.notification,
            outcome=outcome if ours else Outcome.LOST,
            error=result.error,
            next_at=result.not_before if ours else None,
        )

    def _report_recovery(self, notification: Notification, now: datetime) -> None:
        subject = _subject(notification)
        if self._store.is_raised(DELIVERY_FAILING, subject):
            summary = f"messages reach {subject} again"
            self._report(Event(rule=DELIVERY_FAILING, subject=subject, state="cleared", at=now, summary=summary))


def back_off(attempts: int, asked: timedelta | None, jitter: float) -> timedelta:
    """Return how long to wait after the ``attempts``-th attempt failed: what the server asked for, else 5 s, 10 s, ….

    The wait doubles up to 10 minutes; ``jitter`` in [0, 1) takes off up to half of it, so that what failed together
    does not come back together.
    """
    if asked is not None:
        return max(_SHORTEST_ASKED, min(asked, _LONGEST_ASKED))
    doubled = _FIRST_WAIT * 2.0 ** min(attempts - 1, 16)
    return min(doubled, _LONGEST_WAIT) * (1 - jitter / 2)


def _subject(notification: Notification) -> str:
    return f"{notification.channel}:{notification.destination}"


def _failing(notification: Notification, reason: str, now: datetime) -> Event:
    subject = _subject(notification)
    summary = f"a message to {subject} could not be delivered: {reason}"
    return Event(rule=DELIVERY_FAILING, subject=subject, state="raised", at=now, summary=summary)


def _tell(claim: Claim, attempt: Attempt) -> None:
    level = log.info if attempt.outcome is Outcome.SENT else log.warning
    level(
        "delivery attempted",
        notification=claim.notification.id,
        receiver=claim.notification.receiver,
        channel=claim.notification.channel,
        attempt=claim.attempts,
        status=attempt.outcome,
        reason=attempt.error,
        next_at=attempt.next_at and attempt.next_at.isoformat(),
    )
