"""Alerts as they are read: with their matches, and with what is or was owed for them. Part of `ports.AlertStore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from monitor.codec import from_json
from monitor.model import Alert, Event, Match, Severity
from monitor.ports import AlertReport, Told
from monitor.store.schema import alerts, matches, notifications, told
from monitor.store.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Row, Select

_PAGE: Final = 200
"""Alerts read in one transaction: a long list neither fills memory nor keeps the log of writes from being folded in."""


class ReportedTables(Tables):
    """Alerts, read."""

    def alerts(self) -> Iterator[AlertReport]:
        """Every alert, newest last."""
        last = 0
        while rows := self._page(last):
            last, reports = rows
            yield from reports

    def _page(self, after: int) -> tuple[int, list[AlertReport]] | None:
        page = select(alerts).where(alerts.c.position > after).order_by(alerts.c.position).limit(_PAGE)
        with self.database.reading() as connection:
            rows = connection.execute(page).all()
            if not rows:
                return None
            owed = _told(connection, [row.id for row in rows])
            found = _with_matches(connection, rows)
        return rows[-1].position, [AlertReport(alert=alert, told=tuple(owed.get(alert.id, ()))) for alert in found]

    def standing(self) -> int:
        """Count the alerts that are not closed."""
        stand = select(func.count()).select_from(alerts).where(alerts.c.state.in_(("open", "acked")))
        with self.database.reading() as connection:
            return connection.scalar(stand) or 0

    def is_raised(self, rule: str, subject: str) -> bool:
        """Whether an operations alert of this key stands."""
        same = (alerts.c.rule == rule, alerts.c.subject == subject, alerts.c.state != "closed")
        with self.database.reading() as connection:
            return connection.scalar(select(alerts.c.position).where(*same).limit(1)) is not None


def read_alerts(connection: Connection, chosen: Select[tuple[object, ...]]) -> tuple[Alert, ...]:
    """Read the alerts that a selection of `alerts` rows chooses, in its order, each with its matches, oldest first."""
    return tuple(_with_matches(connection, connection.execute(chosen).all()))


def _with_matches(connection: Connection, rows: Sequence[Row[tuple[object, ...]]]) -> list[Alert]:
    wanted = matches.c.alert.in_([row.id for row in rows])
    found: dict[str, list[Match]] = {}
    for row in connection.execute(
        select(matches.c.alert, matches.c.payload).where(wanted).order_by(matches.c.position)
    ):
        found.setdefault(row.alert, []).append(from_json(row.payload, Match))
    return [_alert(row, found.get(row.id, [])) for row in rows]


def _alert(row: Row[tuple[object, ...]], its_matches: Sequence[Match]) -> Alert:
    return Alert(
        id=row.id,
        kind=row.kind,
        name=row.name,
        severity=Severity(row.severity),
        state=row.state,
        created=row.created,
        watchlist=row.watchlist,
        score=row.score,
        matches=tuple(its_matches),
        event=from_json(row.event, Event) if row.event else None,
    )


def _told(connection: Connection, wanted: Sequence[str]) -> dict[str, list[Told]]:
    """Read what is owed for these alerts, by alert, oldest first."""
    owed = select(notifications, told.c.alert).join(told, told.c.notification == notifications.c.id)
    found: dict[str, list[Told]] = {}
    for row in connection.execute(owed.where(told.c.alert.in_(wanted)).order_by(notifications.c.position)):
        one = Told(
            id=row.id,
            receiver=row.receiver,
            channel=row.channel,
            destination=row.destination,
            cause=row.cause,
            state=row.state,
            at=row.sent_at,
            error=row.error,
        )
        found.setdefault(row.alert, []).append(one)
    return found
