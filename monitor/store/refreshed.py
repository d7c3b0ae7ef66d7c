"""Sent messages that show their alert as it was: to be put right, coalesced. Part of `ports.AlertStore`; sends nothing.

Only what has a receipt can be put right. A lease is known by its end. What changes while a message is being put right
is not lost: the message is stale anew.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import case, func, null, select, update

from monitor.ports import Refresh
from monitor.store.owed import read_notification
from monitor.store.schema import notifications, told
from monitor.store.tables import Tables

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

EVERY: Final = timedelta(seconds=30)
"""How long changes gather: copies of a story come together."""

_row = notifications.c


def make_stale(connection: Connection, alert: str, now: datetime) -> None:
    """Note that messages which first told this alert, and it alone, show it as it was. One on its way may do so too."""
    telling = select(told.c.notification).where(told.c.alert == alert)
    firsts = (_row.id.in_(telling), _row.about == alert, _row.cause == "first")
    showing = (_row.state == "claimed") | _row.receipt.is_not(None)  # what has a receipt was sent
    stale = {
        "stale_since": func.coalesce(_row.stale_since, now),
        "refresh_at": func.coalesce(_row.refresh_at, now + EVERY),
    }
    connection.execute(update(notifications).where(*firsts, showing).values(stale))


class RefreshedTables(Tables):
    """Notifications that were sent."""

    def claim_refresh(self, channel: str, now: datetime, lease: timedelta) -> Refresh | None:
        """Take a message of a channel that is to be put right now, for at most ``lease``; None when there is none."""
        due = (_row.refresh_at <= now, _row.channel == channel, _row.state == "sent", _row.receipt.is_not(None))
        oldest = select(notifications).where(*due).order_by(_row.refresh_at).limit(1)
        with self.database.writing() as connection:
            row = connection.execute(oldest).one_or_none()
            if row is None:
                return None
            taken = {"stale_since": None, "refresh_at": now + lease}
            connection.execute(update(notifications).where(_row.id == row.id).values(taken))
            return Refresh(
                notification=read_notification(connection, row),
                receipt=row.receipt,
                since=row.stale_since or row.refresh_at,
                lease_until=now + lease,
            )

    def settle_refresh(self, refresh: Refresh, now: datetime, again_at: datetime | None = None) -> bool:
        """Record that a message was put right, or is to be tried again then; False if its lease went to another."""
        still_ours = (_row.id == refresh.notification.id, _row.refresh_at == refresh.lease_until)
        changed_meanwhile = case((_row.stale_since.is_(None), null()), else_=now + EVERY)
        again = {"refresh_at": again_at, "stale_since": refresh.since}
        result = again if again_at else {"refresh_at": changed_meanwhile}
        with self.database.writing() as connection:
            return connection.execute(update(notifications).where(*still_ours).values(result)).rowcount == 1
