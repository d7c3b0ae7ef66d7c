"""What is decided about those who are to be told: the notifier's second transaction. Part of `ports.AlertStore`.

Decides nothing: reads what waits and all that bears on it, and writes what a judge says.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from monitor.model import Reason
from monitor.ports import Decision, Telling, Waiting
from monitor.store.reported import cannot_be_seen, read_alerts
from monitor.store.schema import alerts, decisions, digests, notifications, silences, sources, tellings, told
from monitor.store.silenced import read_silences
from monitor.store.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from monitor.ports import Owed, Silence, Verdict

_row = tellings.c


class DecidedTables(Tables):
    """Tellings, what is owed for them, and why."""

    def decide(
        self,
        judge: Callable[[Waiting], Decision],
        now: datetime,
        *,
        everything: bool = False,
        look_back: timedelta = timedelta(),
    ) -> Decision:
        """Write what ``judge`` decides about what is to be looked at; with ``everything`` about all that waits."""
        with self.database.writing() as connection:
            decision = judge(_waiting(connection, now, look_back, everything=everything))
            _owe(connection, decision.notifications, now)
            _settle(connection, decision.verdicts, now)
            for receiver, at in decision.digests.items():
                passed = upsert(digests).values(receiver=receiver, at=at)
                connection.execute(passed.on_conflict_do_update(index_elements=["receiver"], set_={"at": at}))
        return decision

    def waiting(self, now: datetime, *, everything: bool = False, look_back: timedelta = timedelta()) -> Waiting:
        """Read what `decide` would give its judge."""
        with self.database.reading() as connection:
            return _waiting(connection, now, look_back, everything=everything)


# --- What waits --------------------------------------------------------------------------------------------------


def _waiting(connection: Connection, now: datetime, look_back: timedelta, *, everything: bool) -> Waiting:
    found = _tellings(connection, now, everything=everything)
    later = select(func.min(_row.look_at)).where(_row.ended_at.is_(None), _row.look_at > now)
    return Waiting(
        tellings=found,
        following=None if everything else connection.scalar(later),
        silences=_silences(connection, found),
        messages=_messages(connection, now - look_back) if look_back else {},
        digests={row.receiver: row.at for row in connection.execute(select(digests))},
        blind=_blind(connection),
    )


def _tellings(connection: Connection, now: datetime, *, everything: bool) -> tuple[Telling, ...]:
    wanted = select(tellings).where(_row.ended_at.is_(None)).order_by(_row.position)
    rows = connection.execute(wanted if everything else wanted.where(_row.look_at <= now)).all()
    if not rows:
        return ()
    chosen = select(alerts).where(alerts.c.id.in_({row.alert for row in rows}))
    snoozed = {row.id: row.snoozed_until for row in connection.execute(chosen)}
    known = {alert.id: alert for alert in read_alerts(connection, chosen)}
    return tuple(
        Telling(
            id=row.position,
            alert=known[row.alert],
            receiver=row.receiver,
            cause=row.cause,
            key=row.key,
            since=row.since,
            opened=row.opened,
            closes=row.closes,
            snoozed_until=snoozed[row.alert],
            held=Reason(row.reason) if row.reason else None,
            until=row.until,
        )
        for row in rows
    )


def _silences(connection: Connection, found: tuple[Telling, ...]) -> tuple[Silence, ...]:
    """Read the silences that stood at some time since the oldest of these came up."""
    if not found:
        return ()
    return read_silences(connection, silences.c.expires > min(telling.since for telling in found))


def _messages(connection: Connection, since: datetime) -> dict[str, tuple[datetime, ...]]:
    """Read when each receiver was sent a message since then, each once whatever number of alerts it tells."""
    sent = select(_row.receiver, _row.message, _row.ended_at).distinct()
    found: dict[str, list[datetime]] = {}
    for row in connection.execute(sent.where(_row.ended_at > since, _row.reason == Reason.TOLD)):
        found.setdefault(row.receiver, []).append(row.ended_at)
    return {receiver: tuple(sorted(times)) for receiver, times in found.items()}


def _blind(connection: Connection) -> tuple[str, ...]:
    return tuple(connection.scalars(select(sources.c.id).where(cannot_be_seen()).order_by(sources.c.id)))


# --- What is written ---------------------------------------------------------------------------------------------


def _owe(connection: Connection, notified: Sequence[Owed], now: datetime) -> None:
    """Write down notifications, each once, however often it is decided."""
    when = {"not_before": now, "created": now, "owed_since": now}
    rows = [
        {
            "id": owed.id,
            "receiver": owed.receiver,
            "channel": owed.channel,
            "destination": owed.destination,
            "cause": owed.cause,
            "about": owed.about,
            "why": owed.why,
            "state": "pending",
            "attempts": 0,
        }
        | when
        for owed in notified
    ]
    tells = [{"notification": owed.id, "alert": alert} for owed in notified for alert in owed.alerts]
    if rows:
        connection.execute(upsert(notifications).on_conflict_do_nothing(), rows)
    if tells:
        connection.execute(upsert(told).on_conflict_do_nothing(), tells)


def _settle(connection: Connection, verdicts: Sequence[Verdict], now: datetime) -> None:
    """Write what became of tellings, and that this was decided."""
    if not verdicts:
        return
    rows = [
        {
            "telling": verdict.telling,
            "reason": verdict.reason,
            "until": verdict.until,
            "look_at": verdict.until or now,
            "silence": verdict.silence,
            "message": verdict.message,
            "ended_at": None if verdict.until else now,
        }
        for verdict in verdicts
    ]
    connection.execute(update(tellings).where(_row.position == bindparam("telling")), rows)
    why = [
        {
            "alert": verdict.alert,
            "receiver": verdict.receiver,
            "cause": verdict.cause,
            "reason": verdict.reason,
            "until": verdict.until,
            "silence": verdict.silence,
            "at": now,
        }
        for verdict in verdicts
    ]
    connection.execute(insert(decisions), why)
