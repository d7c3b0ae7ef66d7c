"""Alerts as they are read: with their matches, and with what is or was owed for them. Part of `ports.AlertStore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, func, or_, select

from monitor.codec import from_json
from monitor.model import Ack, Alert, Edit, Event, Match, Reason, Severity
from monitor.ports import AlertReport, Blind, Handover, HeldBack, Told
from monitor.store.schema import alerts, decisions, edits, matches, notifications, sources, tellings, told
from monitor.store.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row, Select

_PAGE: Final = 200
"""Alerts read in one transaction: a long list neither fills memory nor keeps the log of writes from being folded in."""

BLINDING: Final = ("source failing", "source silent")
"""The rules whose alerts say that a source cannot be seen."""
_BLIND: Final = ("failing", "blocked", "gone")
_UNSENT: Final = ("pending", "claimed", "failed")


class ReportedTables(Tables):
    """Alerts, read."""

    def alerts(self, *, unacked: bool = False) -> Iterator[AlertReport]:
        """Every alert, newest last; of those that nobody has acked or closed, if that is asked."""
        wanted = select(alerts).where(alerts.c.state == "open") if unacked else select(alerts)
        last = 0
        while rows := self._page(wanted, last):
            last, reports = rows
            yield from reports

    def _page(self, wanted: Select[tuple[object, ...]], after: int) -> tuple[int, tuple[AlertReport, ...]] | None:
        page = wanted.where(alerts.c.position > after).order_by(alerts.c.position).limit(_PAGE)
        with self.database.reading() as connection:
            rows = connection.execute(page).all()
            return (rows[-1].position, _reports(connection, rows)) if rows else None

    def alerts_called(self, beginning: str, most: int) -> tuple[Alert, ...]:
        """The alert of this id, else the newest of those whose ids begin so, at most so many."""
        itself = select(alerts).where(alerts.c.id == beginning)
        like = select(alerts).where(alerts.c.id.startswith(beginning, autoescape=True))
        with self.database.reading() as connection:
            newest = like.order_by(alerts.c.position.desc()).limit(most)
            return read_alerts(connection, itself) or read_alerts(connection, newest)

    def handover(self, since: datetime) -> Handover:
        """What whoever takes over must know of what happened since then, and of what waits."""
        with self.database.reading() as connection:
            return Handover(
                told=_told_since(connection, since),
                held=_held_since(connection, since),
                unalerted=_unalerted(connection, since),
                blind=_blind_since(connection, since),
            )

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


def read_reports(connection: Connection, chosen: Select[tuple[object, ...]]) -> tuple[AlertReport, ...]:
    """Read alerts like `read_alerts`, with what is or was owed for each."""
    return _reports(connection, connection.execute(chosen).all())


def _reports(connection: Connection, rows: Sequence[Row[tuple[object, ...]]]) -> tuple[AlertReport, ...]:
    owed = _told(connection, [row.id for row in rows])
    snoozed = {row.id: row.snoozed_until for row in rows}
    return tuple(
        AlertReport(alert=alert, told=tuple(owed.get(alert.id, ())), snoozed_until=snoozed[alert.id])
        for alert in _with_matches(connection, rows)
    )


def _with_matches(connection: Connection, rows: Sequence[Row[tuple[object, ...]]]) -> list[Alert]:
    wanted = [row.id for row in rows]
    found: dict[str, list[tuple[str, Match]]] = {}
    mine = select(matches.c.alert, matches.c.story, matches.c.payload).where(matches.c.alert.in_(wanted))
    for row in connection.execute(mine.order_by(matches.c.position)):
        found.setdefault(row.alert, []).append((row.story, from_json(row.payload, Match)))
    edited = _edits(connection, wanted)
    return [_alert(row, found.get(row.id, []), edited.get(row.id, [])) for row in rows]


def _edits(connection: Connection, wanted: Sequence[str]) -> dict[str, list[Edit]]:
    found: dict[str, list[Edit]] = {}
    for row in connection.execute(select(edits).where(edits.c.alert.in_(wanted)).order_by(edits.c.position)):
        edit = Edit(article=row.article, gone=row.gone, now=row.now, kind=row.kind, title=row.title, at=row.at)
        found.setdefault(row.alert, []).append(edit)
    return found


def _alert(row: Row[tuple[object, ...]], members: Sequence[tuple[str, Match]], edited: Sequence[Edit]) -> Alert:
    return Alert(
        id=row.id,
        kind=row.kind,
        name=row.name,
        severity=Severity(row.severity),
        state=row.state,
        created=row.created,
        watchlist=row.watchlist,
        score=row.score,
        matches=tuple(match for _, match in members),
        stories=tuple(story for story, _ in members),
        edits=tuple(edited),
        event=from_json(row.event, Event) if row.event else None,
        cleared=from_json(row.cleared, Event) if row.cleared else None,
        acked=Ack(by=row.acked_by, at=row.acked_at, comment=row.acked_comment) if row.acked_at else None,
    )


def _told(connection: Connection, wanted: Sequence[str]) -> dict[str, list[Told]]:
    """Read what is owed for these alerts, by alert, oldest first."""
    owed = select(notifications, told.c.alert).join(told, told.c.notification == notifications.c.id)
    found: dict[str, list[Told]] = {}
    for row in connection.execute(owed.where(told.c.alert.in_(wanted)).order_by(notifications.c.position)):
        found.setdefault(row.alert, []).append(_one_told(row))
    return found


def _one_told(row: Row[tuple[object, ...]]) -> Told:
    return Told(
        id=row.id,
        receiver=row.receiver,
        channel=row.channel,
        destination=row.destination,
        cause=row.cause,
        state=row.state,
        at=row.sent_at,
        error=row.error,
        owed=row.owed_since,
        attempts=row.attempts,
        next_attempt={"pending": row.not_before, "claimed": row.lease_until}.get(row.state),
    )


# --- To hand over ------------------------------------------------------------------------------------------------


def _told_since(connection: Connection, since: datetime) -> tuple[tuple[Alert, Told], ...]:
    """Read what was sent since then, and what is not sent yet."""
    lately = or_(notifications.c.sent_at >= since, notifications.c.state.in_(_UNSENT))
    owed = select(notifications, told.c.alert).join(told, told.c.notification == notifications.c.id).where(lately)
    rows = _in_order(connection, owed)
    known = _by_id(connection, {row.alert for row in rows})
    return tuple((known[row.alert], _one_told(row)) for row in rows)


def _held_since(connection: Connection, since: datetime) -> tuple[HeldBack, ...]:
    """Read what waits, and what was held back for good since then."""
    told_nobody = tellings.c.reason.in_((Reason.SILENCED, Reason.NO_ROUTE))
    held = or_(tellings.c.ended_at.is_(None), and_(tellings.c.ended_at >= since, told_nobody))
    rows = _in_order(connection, select(tellings).where(held))
    known = _by_id(connection, {row.alert for row in rows})
    return tuple(
        HeldBack(
            alert=known[row.alert],
            receiver=row.receiver,
            cause=row.cause,
            reason=Reason(row.reason or Reason.GROUP_WINDOW),
            until=row.until or (row.look_at if row.ended_at is None else None),
            silence=row.silence,
        )
        for row in rows
    )


def _unalerted(connection: Connection, since: datetime) -> dict[tuple[str, Reason], int]:
    """Count the matches that opened and joined no alert."""
    alerted_nobody = (decisions.c.at >= since, decisions.c.match.is_not(None), decisions.c.alert.is_(None))
    counted = select(matches.c.watchlist, decisions.c.reason, func.count().label("matches"))
    joined = counted.join(matches, matches.c.position == decisions.c.match).where(*alerted_nobody)
    rows = connection.execute(joined.group_by(matches.c.watchlist, decisions.c.reason).order_by(matches.c.watchlist))
    return {(row.watchlist, Reason(row.reason)): row.matches for row in rows}


def _blind_since(connection: Connection, since: datetime) -> tuple[Blind, ...]:
    """Read which sources could not be seen at some time since then, by their alerts or as they are now."""
    was_blind = (alerts.c.rule.in_(BLINDING), or_(alerts.c.closed.is_(None), alerts.c.closed >= since))
    rows = connection.execute(select(alerts).where(*was_blind).order_by(alerts.c.position))
    found = [Blind(source=row.subject, rule=row.rule, begun=row.created, ended=row.closed) for row in rows]
    known = {blind.source for blind in found if blind.ended is None}
    now_blind = connection.execute(select(sources).where(cannot_be_seen()).order_by(sources.c.id))
    found += [
        Blind(
            source=row.id,
            rule=f"source {'silent' if row.silent_since else row.state}",
            begun=row.silent_since or row.last_success,
        )
        for row in now_blind
        if row.id not in known
    ]
    return tuple(found)


def cannot_be_seen() -> ColumnElement[bool]:
    """Whether a source's rows say that nobody knows what it publishes."""
    return or_(sources.c.state.in_(_BLIND), sources.c.silent_since.is_not(None))


def _in_order(connection: Connection, wanted: Select[tuple[object, ...]]) -> list[Row[tuple[object, ...]]]:
    """Read rows, oldest first. Asked for them in order, SQLite reads the whole table rather than two indexes."""
    return sorted(connection.execute(wanted).all(), key=lambda row: row.position)


def _by_id(connection: Connection, wanted: set[str]) -> dict[str, Alert]:
    chosen = select(alerts).where(alerts.c.id.in_(wanted))
    return {alert.id: alert for alert in read_alerts(connection, chosen)} if wanted else {}
