"""What people say of alerts: silences, snoozes, acks. Part of `ports.AlertStore`; does not know what any is about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update

from monitor.codec import from_json, to_json
from monitor.model import Matcher, Reason
from monitor.ports import Silence
from monitor.store.schema import alerts, decisions, silences, tellings
from monitor.store.tables import Tables

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from monitor.model import Ack


class SilencedTables(Tables):
    """Silences, snoozes and acks."""

    def snooze(self, alert: str, until: datetime, now: datetime) -> bool:
        """Hold what is told of an alert back until then; ``now`` ends it. False when there is no such alert."""
        snoozed = update(alerts).where(alerts.c.id == alert).values(snoozed_until=until)
        waiting = update(tellings).where(tellings.c.alert == alert, tellings.c.ended_at.is_(None))
        with self.database.writing() as connection:
            connection.execute(waiting.values(look_at=now))
            return connection.execute(snoozed).rowcount == 1

    def ack(self, alert: str, ack: Ack) -> bool:
        """Keep who takes an alert on, instead of who did before; False when no such alert stands."""
        standing = update(alerts).where(alerts.c.id == alert, alerts.c.state != "closed")
        taken = {"state": "acked", "acked_at": ack.at, "acked_by": ack.by, "acked_comment": ack.comment}
        with self.database.writing() as connection:
            return connection.execute(standing.values(taken)).rowcount == 1

    def silence(self, silence: Silence) -> int:
        """Keep a new silence; return its number."""
        row = {
            "matcher": to_json(silence.matcher).decode(),
            "saying": silence.saying,
            "author": silence.author,
            "comment": silence.comment,
            "created": silence.created,
            "expires": silence.expires,
        }
        with self.database.writing() as connection:
            number: int = connection.execute(insert(silences).values(row).returning(silences.c.id)).scalar_one()
        return number

    def silences(self) -> list[Silence]:
        """Every silence ever made, oldest first, with the count of the alerts that it hid."""
        hid = select(decisions.c.silence, func.count(func.distinct(decisions.c.alert)).label("alerts"))
        told_nobody = (
            decisions.c.silence.is_not(None),  # few have one, and an index leads to them
            decisions.c.reason == Reason.SILENCED,
            decisions.c.receiver.is_not(None),
        )
        with self.database.reading() as connection:
            rows = connection.execute(hid.where(*told_nobody).group_by(decisions.c.silence))
            hidden = {row.silence: row.alerts for row in rows}
            known = read_silences(connection)
        return [replace(silence, hidden=hidden.get(silence.id, 0)) for silence in known]

    def expire(self, silence: int, by: str, now: datetime) -> bool:
        """End a silence that stands; False when it does not. What it hid stays hidden."""
        standing = update(silences).where(silences.c.id == silence, silences.c.expires > now)
        with self.database.writing() as connection:
            return connection.execute(standing.values(expires=now, expired_by=by)).rowcount == 1


def read_silences(connection: Connection, *wanted: ColumnElement[bool]) -> tuple[Silence, ...]:
    """Read silences, oldest first, without what they hid."""
    return tuple(
        Silence(
            id=row.id,
            matcher=from_json(row.matcher, Matcher),
            saying=row.saying,
            author=row.author,
            comment=row.comment,
            created=row.created,
            expires=row.expires,
            expired_by=row.expired_by,
        )
        for row in connection.execute(select(silences).where(*wanted).order_by(silences.c.id))
    )
