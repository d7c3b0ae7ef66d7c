"""Notifications on their way: claimed with a lease, settled, sent again. Part of `ports.AlertStore`; sends nothing.

A claim is known by its worker and the end of its lease, so the result of one that ran out and went to another worker
is recognised and ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, func, select, update

from monitor.model import Notification
from monitor.ports import Backlog, Claim, Doubt
from monitor.store.reported import read_alerts
from monitor.store.schema import alerts, notifications, told
from monitor.store.tables import Tables

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sqlalchemy import ColumnElement, Connection, Row

    from monitor.ports import Settlement

_row = notifications.c
_may_have_arrived = func.coalesce(_row.doubtful_since, _row.not_before)
"""An attempt begins when it may, or later."""


class OwedTables(Tables):
    """Notifications."""

    def claim(self, worker: str, now: datetime, lease: timedelta, channel: str | None = None) -> Claim | None:
        """Take the oldest notification that may be sent now, for at most ``lease``; None when there is none."""
        with self.database.writing() as connection:
            row = _oldest_free(connection, now, channel)
            if row is None:
                return None
            until = now + lease
            taken = {"state": "claimed", "claimed_by": worker, "lease_until": until, "attempts": row.attempts + 1}
            if row.state == "claimed":  # whoever had it may have sent it
                taken["doubtful_since"] = _may_have_arrived
            mine = _row.id == row.id
            connection.execute(update(notifications).where(mine).values(taken))
            return Claim(
                notification=read_notification(connection, row),
                worker=worker,
                lease_until=until,
                attempts=row.attempts + 1,
                owed_since=row.owed_since,
                failing_since=row.failing_since,
                oldest_at=_oldest_at(connection, row),
                thread=_thread(connection, row),
                doubt=_doubt(connection, row, connection.scalar(select(_row.doubtful_since).where(mine))),
            )

    def settle(self, claim: Claim, outcome: Settlement) -> bool:
        """Record how a claim ended; False, and nothing recorded, if it is no longer the worker's."""
        still_ours = (
            _row.id == claim.notification.id,
            _row.state == "claimed",
            _row.claimed_by == claim.worker,
            _row.lease_until == claim.lease_until,
        )
        result = {
            "state": outcome.state,
            "failing_since": func.coalesce(_row.failing_since, outcome.at) if outcome.state == "pending" else None,
            "doubtful_since": _may_have_arrived if outcome.doubtful else _row.doubtful_since,
            # what is not sent yet is read anew, and what has no receipt stays as it is
            "stale_since": _row.stale_since if outcome.receipt else None,
            "refresh_at": _row.refresh_at if outcome.receipt else None,
            "not_before": outcome.not_before or outcome.at,
            "sent_at": outcome.at if outcome.state == "sent" else None,
            "error": outcome.error,
            "receipt": outcome.receipt,
            "claimed_by": None,
            "lease_until": None,
        }
        with self.database.writing() as connection:
            return connection.execute(update(notifications).where(*still_ours).values(result)).rowcount == 1

    def hasten(self, channel: str, destination: str, now: datetime) -> int:
        """Let all that was postponed at a destination be tried now, for it is reached again; return how many."""
        postponed = (_row.channel == channel, _row.state == "pending", _row.destination == destination)
        free = update(notifications).where(*postponed, _row.not_before > now).values(not_before=now)
        with self.database.writing() as connection:
            return connection.execute(free).rowcount

    def release_claims(self) -> int:
        """Give back every claim, whoever has it; return how many. Only for who knows that no one else delivers."""
        claimed = update(notifications).where(_row.state == "claimed")
        with self.database.writing() as connection:
            free = {"state": "pending", "claimed_by": None, "lease_until": None, "doubtful_since": _may_have_arrived}
            return connection.execute(claimed.values(free)).rowcount

    def backlog(self) -> Backlog:
        """Count what is undelivered, and say when the next attempt may start."""
        waiting = _row.state.in_(("pending", "claimed"))
        may_start = case((_row.state == "claimed", _row.lease_until), else_=_row.not_before)
        counted = select(
            func.count().filter(waiting),
            func.count().filter(_row.state == "failed"),
            func.min(may_start).filter(waiting),
        )
        with self.database.reading() as connection:
            count, failed, next_due = connection.execute(
                counted.where(_row.state.in_(("pending", "claimed", "failed")))
            ).one()
        return Backlog(waiting=count, failed=failed, next_due=next_due)

    def notifications_called(self, beginning: str, most: int) -> tuple[Notification, ...]:
        """Read the notifications whose ids begin so, at most so many."""
        called = select(notifications).where(_row.id.startswith(beginning, autoescape=True)).order_by(_row.position)
        with self.database.reading() as connection:
            return tuple(read_notification(connection, row) for row in connection.execute(called.limit(most)).all())

    def resend(self, now: datetime, alert: str | None = None) -> int:
        """Make failed notifications pending again (of one alert, or all); return how many."""
        failed = update(notifications).where(_row.state == "failed")
        if alert is not None:
            failed = failed.where(_row.id.in_(select(told.c.notification).where(told.c.alert == alert)))
        again = {"state": "pending", "attempts": 0, "not_before": now, "owed_since": now, "failing_since": None}
        with self.database.writing() as connection:
            return connection.execute(failed.values(again)).rowcount


def _oldest_free(connection: Connection, now: datetime, channel: str | None) -> Row[tuple[object, ...]] | None:
    """Find the oldest one that may be sent: of those that wait, and of those whose claim ran out."""
    mine = [_row.channel == channel] if channel else []
    free = ((_row.state == "pending", _row.not_before <= now), (_row.state == "claimed", _row.lease_until <= now))
    found = [
        connection.execute(
            select(notifications).where(*mine, *each, ~_is_behind_another()).order_by(_row.position).limit(1)
        ).one_or_none()
        for each in free
    ]
    return min((row for row in found if row), key=lambda row: row.position, default=None)


def _is_behind_another() -> ColumnElement[bool]:
    """Whether an older one that tells one of its alerts to the same destination is still unsent.

    Nested, so that each step has one index to go by: of what is unsent there may be very much.
    """
    mine, theirs, older = told.alias("mine"), told.alias("theirs"), notifications.alias("older")
    is_unsent = (
        older.c.id == theirs.c.notification,
        older.c.channel == _row.channel,
        older.c.destination == _row.destination,
        older.c.state.in_(("pending", "claimed")),
        older.c.position < _row.position,
    )
    unsent = select(older.c.position).where(*is_unsent).correlate(theirs, notifications)
    the_same = select(theirs.c.alert).where(theirs.c.alert == mine.c.alert, unsent.exists())
    its_alerts = select(mine.c.alert).where(
        mine.c.notification == _row.id, the_same.correlate(mine, notifications).exists()
    )
    return its_alerts.correlate(notifications).exists()


def _oldest_at(connection: Connection, row: Row[tuple[object, ...]]) -> datetime | None:
    failing = (
        _row.channel == row.channel,
        _row.state == "pending",
        _row.destination == row.destination,
        _row.failing_since.is_not(None),
        _row.position < row.position,
    )
    return connection.scalar(select(_row.not_before).where(*failing).order_by(_row.position).limit(1))


def _thread(connection: Connection, row: Row[tuple[object, ...]]) -> str | None:
    """Read the receipt of the first message about the one alert of this one that reached the same destination."""
    about = connection.scalars(select(told.c.alert).where(told.c.notification == row.id)).all()
    if len(about) != 1:
        return None
    telling = select(told.c.notification).where(told.c.alert == about[0])
    # nothing is asked of the state: all that was ever sent would be looked through
    there = (_row.channel == row.channel, _row.destination == row.destination, _row.receipt.is_not(None))
    rows = connection.execute(select(_row.position, _row.receipt).where(_row.id.in_(telling), *there)).all()
    return min(rows, key=lambda one: one.position).receipt if rows else None


def _doubt(connection: Connection, row: Row[tuple[object, ...]], since: datetime | None) -> Doubt | None:
    if since is None:
        return None
    there = (
        _row.channel == row.channel,
        _row.state == "sent",
        _row.destination == row.destination,
        _row.receipt.is_not(None),
    )
    near = select(_row.receipt).where(*there).order_by(_row.position.desc()).limit(1)
    return Doubt(since=since, near=connection.scalar(near))


def read_notification(connection: Connection, row: Row[tuple[object, ...]]) -> Notification:
    """Read a notification whole, its alerts as they stand now."""
    members = select(alerts).join(told, told.c.alert == alerts.c.id).where(told.c.notification == row.id)
    return Notification(
        id=row.id,
        receiver=row.receiver,
        channel=row.channel,
        destination=row.destination,
        cause=row.cause,
        created=row.created,
        why=row.why,
        alerts=read_alerts(connection, members.order_by(alerts.c.position)),
    )
