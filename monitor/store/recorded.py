"""Matches and events as they are recorded, and what is decided about them: the notifier's first two transactions.

Part of `ports.AlertStore`. Decides nothing: each transaction reads what a judge must know, and writes what it says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from monitor.codec import to_json
from monitor.model import Reason, stable_hash
from monitor.ports import Decision, EventRuling, Group, LastAlert, Ruling, Story
from monitor.store.schema import (
    alerts,
    decisions,
    group_members,
    groups,
    matches,
    notifications,
    stories,
    told,
    watchlists,
)
from monitor.store.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from monitor.model import Event, Match
    from monitor.ports import Owed, Routed


class RecordedTables(Tables):
    """Watchlists, stories, matches, alerts, groups and decisions."""

    def record(self, match: Match, story: str, judge: Callable[[Story], Ruling], now: datetime) -> Ruling | None:
        """Write a match and what ``judge`` makes of it; None, and nothing written, when it was recorded before."""
        with self.database.writing() as connection:
            _take(connection, match.watchlist.id)
            if _is_recorded(connection, match):
                return None
            known = Story(id=story, alert=connection.scalar(select(alerts.c.id).where(alerts.c.story == story)))
            ruling = judge(known)
            _write_story(connection, match, story)
            if ruling.alert and ruling.alert != known.alert:
                _open_for_match(connection, match, story, ruling.alert, now)
            _write_match(connection, match, story, ruling, now)
            _await(connection, ruling.alert, ruling.routed, f"watchlist:{match.watchlist.id}", now)
        return ruling

    def record_event(
        self, event: Event, judge: Callable[[LastAlert | None], EventRuling | None], now: datetime
    ) -> EventRuling | None:
        """Write what ``judge`` makes of an event, given the newest alert of its (rule, subject)."""
        with self.database.writing() as connection:
            ruling = judge(_last_alert(connection, event))
            if ruling and ruling.state == "open":
                _open_for_event(connection, event, ruling.alert)
                _await(connection, ruling.alert, ruling.routed, f"operations:{event.rule}", now)
            elif ruling:
                closed = update(alerts).where(alerts.c.id == ruling.alert).values(state="closed", closed=event.at)
                connection.execute(closed)
        return ruling

    def decide(
        self, judge: Callable[[Sequence[Group]], Decision], now: datetime, *, windows_elapsed: bool = False
    ) -> Decision:
        """Write what ``judge`` decides about the groups that are due and the next to be, earliest first."""
        with self.database.writing() as connection:
            decision = judge(_waiting(connection, None if windows_elapsed else now))
            for owed in decision.notifications:
                _owe(connection, owed, now)
            for verdict in decision.verdicts:
                _decided(connection, verdict.reason, now, alert=verdict.alert, receiver=verdict.receiver)
            for group in decision.groups:
                connection.execute(update(groups).where(groups.c.id == group).values(decided_at=now))
        return decision


# --- Recording ---------------------------------------------------------------------------------------------------


def _take(connection: Connection, watchlist: str) -> None:
    """Take the watchlist's row, so that its matches are judged one at a time."""
    connection.execute(upsert(watchlists).values(id=watchlist).on_conflict_do_nothing())


def _is_recorded(connection: Connection, match: Match) -> bool:
    watchlist, article, content_hash = match.key
    same = (
        matches.c.watchlist == watchlist,
        matches.c.article == article,
        matches.c.content_hash == content_hash,
    )
    return connection.scalar(select(matches.c.position).where(*same)) is not None


def _write_story(connection: Connection, match: Match, story: str) -> None:
    """Add the match's article to its story. The outcome does not depend on the order in which matches come."""
    seen_at = match.article.first_seen
    row = connection.execute(select(stories).where(stories.c.id == story)).one_or_none()
    if row is None:
        new = {"id": story, "watchlist": match.watchlist.id, "articles": 1}
        connection.execute(insert(stories).values(new | {"first_seen": seen_at, "last_seen": seen_at}))
        return
    same_article = (matches.c.story == story, matches.c.article == match.article.id)
    is_new = connection.scalar(select(matches.c.position).where(*same_article).limit(1)) is None
    grown = {
        "first_seen": min(row.first_seen, seen_at),
        "last_seen": max(row.last_seen, seen_at),
        "articles": row.articles + is_new,
    }
    connection.execute(update(stories).where(stories.c.id == story).values(grown))


def _open_for_match(connection: Connection, match: Match, story: str, alert: str, now: datetime) -> None:
    row = {
        "id": alert,
        "kind": "watchlist",
        "name": match.watchlist.name,
        "watchlist": match.watchlist.id,
        "story": story,
        "severity": match.watchlist.severity,
        "state": "open",
        "score": match.score,
        "created": now,
    }
    connection.execute(insert(alerts).values(row))


def _open_for_event(connection: Connection, event: Event, alert: str) -> None:
    row = {
        "id": alert,
        "kind": "operations",
        "name": event.rule,
        "rule": event.rule,
        "subject": event.subject,
        "severity": event.severity,
        "state": "open",
        "score": 0,
        "event": to_json(event).decode(),
        "created": event.at,
    }
    connection.execute(insert(alerts).values(row))


def _write_match(connection: Connection, match: Match, story: str, ruling: Ruling, now: datetime) -> None:
    """Write the match with its reason; an alert has the score of its best match."""
    watchlist, article, content_hash = match.key
    row = {
        "watchlist": watchlist,
        "article": article,
        "content_hash": content_hash,
        "story": story,
        "alert": ruling.alert,
        "reason": ruling.reason,
        "recorded_at": now,
        "payload": to_json(match).decode(),
    }
    position = connection.execute(insert(matches).values(row).returning(matches.c.position)).scalar_one()
    weaker = (alerts.c.id == ruling.alert, alerts.c.score < match.score)
    connection.execute(update(alerts).where(*weaker).values(score=match.score))
    _decided(connection, ruling.reason, now, match=position, alert=ruling.alert)


def _last_alert(connection: Connection, event: Event) -> LastAlert | None:
    same = (alerts.c.rule == event.rule, alerts.c.subject == event.subject)
    newest = select(alerts).where(*same).order_by(alerts.c.position.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    if row is None:
        return None
    return LastAlert(id=row.id, state=row.state, changed=row.closed or row.created)


# --- Gathering ---------------------------------------------------------------------------------------------------


def _await(connection: Connection, alert: str | None, routed: Sequence[Routed], key: str, now: datetime) -> None:
    """Put an opened alert into each receiver's group: one that gathers, else one of its own."""
    for target in routed:
        group = _gathering(connection, target.receiver, key) if target.group_wait else None
        if group is None:
            group = stable_hash("group", target.receiver, key, str(alert))
            row = {
                "id": group,
                "receiver": target.receiver,
                "key": key,
                "gathers": bool(target.group_wait),
                "opened": now,
                "due_at": now + target.group_wait,
            }
            connection.execute(insert(groups).values(row))
        connection.execute(insert(group_members).values(group_id=group, alert=alert, cause="first"))
        if target.group_wait:
            _decided(connection, Reason.GROUP_WINDOW, now, alert=alert, receiver=target.receiver)


def _gathering(connection: Connection, receiver: str, key: str) -> str | None:
    same = (groups.c.receiver == receiver, groups.c.key == key, groups.c.gathers, groups.c.decided_at.is_(None))
    return connection.scalar(select(groups.c.id).where(*same))


def _waiting(connection: Connection, now: datetime | None) -> list[Group]:
    """Read the groups that are due at ``now`` and those due next; with None all that are not decided."""
    undecided = groups.c.decided_at.is_(None)
    joined = select(groups, group_members.c.alert).join(group_members, group_members.c.group_id == groups.c.id)
    chosen = joined.where(undecided).order_by(groups.c.due_at, group_members.c.position)
    if now is not None:
        following = connection.scalar(select(func.min(groups.c.due_at)).where(undecided, groups.c.due_at > now))
        chosen = chosen.where(groups.c.due_at <= (following or now))
    found: dict[tuple[str, str, datetime], list[str]] = {}
    for row in connection.execute(chosen):
        found.setdefault((row.id, row.receiver, row.due_at), []).append(row.alert)
    return [
        Group(id=group, receiver=receiver, due_at=due_at, alerts=tuple(members))
        for (group, receiver, due_at), members in found.items()
    ]


# --- Deciding ----------------------------------------------------------------------------------------------------


def _owe(connection: Connection, owed: Owed, now: datetime) -> None:
    """Write down a notification once, however often it is decided."""
    row = {
        "id": owed.id,
        "receiver": owed.receiver,
        "channel": owed.channel,
        "destination": owed.destination,
        "cause": owed.cause,
        "about": owed.about,
        "state": "pending",
        "attempts": 0,
        "not_before": now,
        "created": now,
        "owed_since": now,
    }
    connection.execute(upsert(notifications).values(row).on_conflict_do_nothing())
    tells = [{"notification": owed.id, "alert": alert} for alert in owed.alerts]
    connection.execute(upsert(told).on_conflict_do_nothing(), tells)


def _decided(  # noqa: PLR0913 - one column each
    connection: Connection,
    reason: Reason,
    now: datetime,
    *,
    match: int | None = None,
    alert: str | None = None,
    receiver: str | None = None,
) -> None:
    row = {"match": match, "alert": alert, "receiver": receiver, "reason": reason, "at": now}
    connection.execute(insert(decisions).values(row))
