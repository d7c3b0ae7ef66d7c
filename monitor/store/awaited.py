"""Who is to be told of an alert, as it is recorded, and who was. Part of the notifier's first transaction.

When they are told, and whether, is `decided`'s affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from monitor.alerting.causes import DEVELOPMENT, parted
from monitor.model import Reason
from monitor.store.schema import silences, tellings
from monitor.store.silenced import read_silences

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection

    from monitor.ports import Routed, Silence, ToTell

_row = tellings.c
_UNHEARD: Final = (Reason.SILENCED, Reason.NO_ROUTE)
"""What ended so comes up anew with the next report: a person hid it, or its receiver was not there for a while."""


def write_tellings(connection: Connection, tell: Iterable[ToTell], alert: str, since: datetime, now: datetime) -> None:
    """Have an alert told: with what its receiver gathers already, or by itself. What nobody heard comes up anew.

    What follows about an alert that its receiver still gathers comes with it, never before it.
    """
    for one in tell:
        target = one.routed
        what = {"alert": alert, "cause": one.cause, "receiver": target.receiver}
        key, closes = _gathering(connection, alert, target, now) or (
            target.key,
            _closes(connection, target, now) if target.group_wait else None,
        )
        when = {
            "key": key,
            "since": since,
            "opened": now,
            "closes": closes,
            "look_at": now,
            "reason": None,
            "until": None,
            "silence": None,
            "ended_at": None,
        }
        new = upsert(tellings).values(what | when)
        anew = new.on_conflict_do_update(index_elements=[*what], set_=when, where=_row.reason.in_(_UNHEARD))
        connection.execute(anew)


def _gathering(connection: Connection, alert: str, target: Routed, now: datetime) -> tuple[str, datetime] | None:
    """Return the key and the end of the window in which this receiver's news of an alert gathers, if that is later."""
    rows = connection.execute(select(tellings).where(_row.alert == alert)).all()
    gathers = [
        row
        for row in rows
        if (row.receiver, row.ended_at) == (target.receiver, None)
        and parted(row.cause)[0] != DEVELOPMENT
        and row.closes
        and row.closes > now + target.group_wait
    ]
    latest = max(gathers, key=lambda row: row.closes, default=None)
    return (latest.key, latest.closes) if latest else None


def _closes(connection: Connection, target: Routed, now: datetime) -> datetime:
    """Return the end of the window that gathers for this receiver and key, if it is soon enough; else a new one's."""
    gathering = (
        _row.receiver == target.receiver,
        _row.key == target.key,
        _row.ended_at.is_(None),
        _row.closes > now,
        _row.closes <= now + target.group_wait,
    )
    found = connection.scalar(select(func.max(_row.closes)).where(*gathering))
    return found or now + target.group_wait


def told_of(connection: Connection, alert: str) -> frozenset[str]:
    """Read which receivers were told of an alert."""
    told = select(_row.receiver).where(_row.alert == alert, _row.reason == Reason.TOLD, _row.ended_at.is_not(None))
    return frozenset(connection.scalars(told))


def aware_of(connection: Connection, alert: str) -> tuple[frozenset[str], dict[str, Silence]]:
    """Read which receivers were or will be told of an alert, and which were not because of which silence."""
    rows = connection.execute(select(_row.receiver, _row.reason, _row.silence).where(_row.alert == alert)).all()
    aware = frozenset(row.receiver for row in rows if row.reason not in _UNHEARD)
    numbers = {row.receiver: row.silence for row in rows if row.reason == Reason.SILENCED and row.receiver not in aware}
    hiding = read_silences(connection, silences.c.id.in_(numbers.values())) if numbers else ()
    known = {silence.id: silence for silence in hiding}
    return aware, {receiver: known[number] for receiver, number in numbers.items()}
