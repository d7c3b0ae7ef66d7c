"""Notifications on their way: claimed with a lease, settled, sent again. Part of `ports.AlertStore`; sends nothing.

A claim is known by its worker and the end of its lease, so the result of one that ran out and went to another worker
is recognised and ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, case, exists, func, or_, select, update

from monitor.model import Notification
from monitor.ports import Backlog, Claim
from monitor.store.reported import read_alerts
from monitor.store.schema import alerts, notifications, told
from monitor.store.tables import Tables

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sqlalchemy import ColumnElement, Connection, Row

    from monitor.ports import Settlement

_row = notifications.c


class OwedTables(Tables):
    """Notifications."""

    def claim(self, worker: str, now: datetime, lease: timedelta) -> Claim | None:
        """Take the oldest notification that may be sent now, for at most ``lease``; None when there is none."""
        free = select(notifications).where(_is_free(now), ~_is_behind_another()).order_by(_row.position).limit(1)
        with self.database.writing() as connection:
            row = connection.execute(free).one_or_none()
            if row is None:
                return None
            until = now + lease
            taken = {"state": "claimed", "claimed_by": worker, "lease_until": until, "attempts": row.attempts + 1}
            connection.execute(update(notifications).where(_row.id == row.id).values(taken))
            return Claim(
                notification=read_notification(connection, row),
                worker=worker,
                lease_until=until,
                attempts=row.attempts + 1,
                owed_since=row.owed_since,
                earlier=_earlier(connection, row),
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
            "not_before": outcome.not_before or outcome.at,
            "sent_at": outcome.at if outcome.state == "sent" else None,
            "error": outcome.error,
            "receipt": outcome.receipt,
            "claimed_by": None,
            "lease_until": None,
        }
        with self.database.writing() as connection:
            return connection.execute(update(notifications).where(*still_ours).values(result)).rowcount == 1

    def release_claims(self) -> int:
        """Give back every claim, whoever has it; return how many. Only for who knows that no one else delivers."""
        claimed = update(notifications).where(_row.state == "claimed")
        with self.database.writing() as connection:
            free = {"state": "pending", "claimed_by": None, "lease_until": None}
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

    def resend(self, now: datetime, alert: str | None = None) -> int:
        """Make failed notifications pending again (of one alert, or all); return how many."""
        failed = update(notifications).where(_row.state == "failed")
        if alert is not None:
            failed = failed.where(_row.id.in_(select(told.c.notification).where(told.c.alert == alert)))
        again = {"state": "pending", "attempts": 0, "not_before": now, "owed_since": now}
        with self.database.writing() as connection:
            return connection.execute(failed.values(again)).rowcount


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(
        and_(_row.state == "pending", _row.not_before <= now),
        and_(_row.state == "claimed", _row.lease_until <= now),
    )


def _is_behind_another() -> ColumnElement[bool]:
    """Whether an older one about the same, for the same destination, is still unsent."""
    older = notifications.alias("older")
    return exists(
        select(older.c.position).where(
            older.c.about == _row.about,
            older.c.channel == _row.channel,
            older.c.destination == _row.destination,
            older.c.state.in_(("pending", "claimed")),
            older.c.position < _row.position,
        )
    )


def _earlier(connection: Connection, row: Row[tuple[object, ...]]) -> str | None:
    """Read the receipt of the newest message about the same that reached the same destination."""
    same = (
        _row.about == row.about,
        _row.channel == row.channel,
        _row.destination == row.destination,
        _row.state == "sent",
        _row.receipt.is_not(None),
    )
    return connection.scalar(select(_row.receipt).where(*same).order_by(_row.position.desc()).limit(1))


def read_notification(connection: Connection, row: Row[tuple[object, ...]]) -> Notification:
    """Read the notification of one of its rows, with its alerts as they stand."""
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
