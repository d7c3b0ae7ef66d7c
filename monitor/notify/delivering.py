"""The notifier's third transaction: send what is owed, once when all goes well, again when it did not.

Claims one notification, renders and sends it with no transaction open, and records the result if the claim is still
its own. What may have arrived is looked for before it is sent again, and what shows its alert as it was is put right,
where the channel can do that. Never sleeps and never loops: a later attempt is an entry in the store, so it outlives
this process. Does not know what a message looks like (`rendering`) or how a channel speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import structlog

from monitor.alerting.routing import DELIVERY_FAILING
from monitor.errors import DeliveryError
from monitor.model import Event
from monitor.ports import Editor, Settlement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from monitor.model import Message, Notification
    from monitor.ports import AlertStore, Claim, Refresh, Sender

log = structlog.get_logger(__name__)

FAILING_AFTER: Final = timedelta(minutes=10)
"""What has been failing for so long is told already; attempts go on."""
_FIRST_WAIT: Final = timedelta(seconds=5)
_LONGEST_WAIT: Final = timedelta(minutes=10)
_SHORTEST_ASKED: Final = timedelta(seconds=1)
_LONGEST_ASKED: Final = timedelta(hours=1)
"""A server's ``retry after`` is honoured between these two: it may be wrong, or a joke."""
_REFRESHED_WITHIN: Final = timedelta(hours=1)
"""What could not be put right for so long stays as it is."""
_SHORTEST_REFRESH: Final = timedelta(seconds=30)


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
    than any channel takes; what could not be sent for ``give_up`` fails. Many threads may deliver, each of a channel.
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
        self._told: set[tuple[str, str]] = set()

    def deliver_one(self, now: datetime, channel: str | None = None) -> Attempt | None:
        """Try the oldest notification that may be sent now, of one channel or any; None when there is none.

        Raises:
            Unavailable: the store or the bus cannot be written; what was sent may be sent once more.
        """
        claim = self._store.claim(self._worker, now, self._lease, channel)
        if claim is None:
            return None
        try:
            receipt = self._send(claim)
        except DeliveryError as error:
            attempt = self._postpone_or_fail(claim, error, now)
        else:
            attempt = self._settle(claim, Settlement(state="sent", at=now, receipt=receipt), Outcome.SENT)
            self._recover(claim, now)
        _tell(claim, attempt)
        return attempt

    def _send(self, claim: Claim) -> str | None:
        channel = self._channel(claim.notification)
        message = self._render(claim.notification)
        found = self._find(channel, claim, message)
        return found or channel.send(message, claim.notification.destination, claim.thread)

    def _find(self, channel: Sender, claim: Claim, message: Message) -> str | None:
        """Look for what an attempt before may have sent; None when it is to be sent, also because nobody can look."""
        if claim.doubt is None or not isinstance(channel, Editor):
            return None
        try:
            return channel.find(message, claim.notification.destination, claim.doubt, claim.thread)
        except DeliveryError as error:
            self._tell_once(claim.notification, error.reason)
            return None

    def _channel(self, notification: Notification) -> Sender:
        channel = self._channels.get(notification.channel)
        if channel is None:
            raise DeliveryError(f"no channel {notification.channel!r} is configured any more", retryable=False)
        return channel

    def _tell_once(self, notification: Notification, reason: str) -> None:
        """Say that messages may come twice, and what to do about it."""
        fault = _subject(notification), reason
        if fault not in self._told:
            self._told.add(fault)
            log.warning("cannot look whether a message arrived, sent again", destination=fault[0], reason=reason)

    def _postpone_or_fail(self, claim: Claim, error: DeliveryError, now: datetime) -> Attempt:
        next_at = now + back_off(claim.attempts, error.retry_after, self._jitter())
        next_at = max(next_at, claim.oldest_at or next_at)  # so that it does not overtake what was owed before it
        if error.retryable and next_at < claim.owed_since + self._give_up:
            if now - (claim.failing_since or now) >= FAILING_AFTER:
                self._report_failure(claim.notification, error.reason, now)
            pending = Settlement(
                state="pending", at=now, not_before=next_at, error=error.reason, doubtful=error.doubtful
            )
            return self._settle(claim, pending, Outcome.POSTPONED)
        self._report_failure(claim.notification, error.reason, now)
        failed = Settlement(state="failed", at=now, error=error.reason, doubtful=error.doubtful)
        return self._settle(claim, failed, Outcome.FAILED)

    def _settle(self, claim: Claim, result: Settlement, outcome: Outcome) -> Attempt:
        ours = self._store.settle(claim, result)
        return Attempt(
            notification=claim.notification,
            outcome=outcome if ours else Outcome.LOST,
            error=result.error,
            next_at=result.not_before if ours else None,
        )

    def _report_failure(self, notification: Notification, reason: str, now: datetime) -> None:
        if not self._store.is_raised(DELIVERY_FAILING, _subject(notification)):
            self._report(_failing(notification, reason, now))

    def _recover(self, claim: Claim, now: datetime) -> None:
        """Send what waits at a destination that is reached again at once, the oldest first, and tell of it."""
        subject = _subject(claim.notification)
        was_raised = self._store.is_raised(DELIVERY_FAILING, subject)
        if was_raised:
            summary = f"messages reach {subject} again"
            self._report(Event(rule=DELIVERY_FAILING, subject=subject, state="cleared", at=now, summary=summary))
        if was_raised or claim.failing_since:
            self._store.hasten(claim.notification.channel, claim.notification.destination, now)

    # --- What was sent, put right

    def refresh_one(self, now: datetime, channel: str) -> bool:
        """Put a sent message of a channel right that shows its alert as it was; False when there is none.

        What fails is tried again for an hour, or left as it is: it tells nobody, and nothing is sent anew.

        Raises:
            Unavailable: the store cannot be written; the message is put right once more.
        """
        refresh = self._store.claim_refresh(channel, now, self._lease)
        if refresh is None:
            return False
        try:
            self._update(refresh)
        except DeliveryError as error:
            self._store.settle_refresh(refresh, now, self._refresh_again(refresh, error, now))
        else:
            self._store.settle_refresh(refresh, now)
            log.info("message refreshed", notification=refresh.notification.id, channel=channel)
        return True

    def _update(self, refresh: Refresh) -> None:
        channel, notification = self._channel(refresh.notification), refresh.notification
        if not isinstance(channel, Editor):
            raise DeliveryError(f"{notification.channel} cannot edit what it sent", retryable=False)
        channel.update(self._render(notification), notification.destination, refresh.receipt)

    def _refresh_again(self, refresh: Refresh, error: DeliveryError, now: datetime) -> datetime | None:
        """Say when to try again: after as long as it has been tried already; None when it is left."""
        wait = max(now - refresh.since, _SHORTEST_REFRESH, error.retry_after or _SHORTEST_REFRESH)
        if error.retryable and now + wait < refresh.since + _REFRESHED_WITHIN:
            return now + wait
        log.warning(
            "message left as it was",
            notification=refresh.notification.id,
            channel=refresh.notification.channel,
            reason=error.reason,
        )
        return None


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
