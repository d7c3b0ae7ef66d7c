"""Matches and events as they are recorded, with whom they are to be told: the notifier's first transaction.

Part of `ports.AlertStore`. Judges nothing: each transaction reads what a judge must know, and writes what it says.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from monitor.codec import to_json
from monitor.model import Reason
from monitor.ports import EventRuling, LastAlert, Ruling, Story
from monitor.store.refreshed import make_stale
from monitor.store.schema import alerts, decisions, matches, silences, stories, tellings, watchlists
from monitor.store.silenced import read_silences
from monitor.store.storied import add_member, candidates, known_story
from monitor.store.tables import Tables
from monitor.stories.clustering import signed_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from monitor.model import Event, Match
    from monitor.ports import Member, Routed, Silence


class RecordedTables(Tables):
    """Watchlists, stories, matches, alerts, tellings and decisions."""

    def record(
        self, match: Match, place: Callable[[Sequence[Member]], str], judge: Callable[[Story], Ruling], now: datetime
    ) -> Ruling | None:
        """Write a match and what ``judge`` makes of it; None, and nothing written, when it was recorded before."""
        with self.database.writing() as connection:
            _take(connection, match.watchlist.id)
            if _is_recorded(connection, match):
                return None
            new = signed_of(match)
            story = known_story(connection, match) or place(candidates(connection, match.watchlist.id, new))
            known = _known(connection, story, now)
            ruling = judge(known)
            _write_story(connection, match, story)
            if new:
                add_member(connection, match, story, new)
            if ruling.alert and ruling.alert != known.alert:
                _open_for_match(connection, match, story, ruling.alert, now)
            _write_match(connection, match, story, ruling, now)
            if ruling.alert and ruling.alert == known.alert:
                make_stale(connection, ruling.alert, now)
            if ruling.alert:
                _await(connection, ruling, ruling.alert, ruling.since or now, now)
        return ruling

    def record_event(
        self, event: Event, judge: Callable[[LastAlert | None], EventRuling | None], now: datetime
    ) -> EventRuling | None:
        """Write what ``judge`` makes of an event, given the newest alert of its (rule, subject)."""
        with self.database.writing() as connection:
            ruling = judge(_last_alert(connection, event))
            if ruling and ruling.state == "open":
                _open_for_event(connection, event, ruling.alert)
                _await(connection, ruling, ruling.alert, event.at, now)
            elif ruling:
                closed = update(alerts).where(alerts.c.id == ruling.alert).values(state="closed", closed=event.at)
                connection.execute(closed)
        return ruling


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
        "payload": to_json(replace(match, signature=None)).decode(),  # its story has that
    }
    position = connection.execute(insert(matches).values(row).returning(matches.c.position)).scalar_one()
    weaker = (alerts.c.id == ruling.alert, alerts.c.score < match.score)
    connection.execute(update(alerts).where(*weaker).values(score=match.score))
    why = {"match": position, "alert": ruling.alert, "reason": ruling.reason, "at": now}
    connection.execute(insert(decisions).values(why | {"silence": ruling.silence}))


def _last_alert(connection: Connection, event: Event) -> LastAlert | None:
    same = (alerts.c.rule == event.rule, alerts.c.subject == event.subject)
    newest = select(alerts).where(*same).order_by(alerts.c.position.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    if row is None:
        return None
    return LastAlert(id=row.id, state=row.state, changed=row.closed or row.created)


# --- Whom to tell ------------------------------------------------------------------------------------------------


def _known(connection: Connection, story: str, now: datetime) -> Story:
    row = connection.execute(select(alerts.c.id, alerts.c.snoozed_until).where(alerts.c.story == story)).one_or_none()
    hidden = _hidden(connection, row.id) if row else {}
    return Story(
        id=story,
        alert=row.id if row else None,
        snoozed_until=row.snoozed_until if row else None,
        hidden=hidden,
        silences=read_silences(connection, silences.c.expires > now),
    )


def _hidden(connection: Connection, alert: str) -> dict[str, Silence]:
    """Read which receivers were not told of an alert because of a silence, and of which one."""
    mine = (tellings.c.alert == alert, tellings.c.reason == Reason.SILENCED, tellings.c.ended_at.is_not(None))
    numbers = {row.receiver: row.silence for row in connection.execute(select(tellings).where(*mine))}
    known = {silence.id: silence for silence in read_silences(connection, silences.c.id.in_(numbers.values()))}
    return {receiver: known[number] for receiver, number in numbers.items()}


def _await(connection: Connection, ruling: Ruling | EventRuling, alert: str, since: datetime, now: datetime) -> None:
    """Have an alert told: with what its receiver gathers already, or by itself. What a silence hid comes up anew."""
    for target, cause in product(ruling.routed, ruling.causes):
        what = {"alert": alert, "cause": cause, "receiver": target.receiver}
        when = {
            "key": target.key,
            "since": since,
            "opened": now,
            "closes": _closes(connection, target, now) if target.group_wait else None,
            "look_at": now,
            "reason": None,
            "until": None,
            "silence": None,
            "ended_at": None,
        }
        was_hidden = tellings.c.reason == Reason.SILENCED
        anew = upsert(tellings).values(what | when)
        connection.execute(anew.on_conflict_do_update(index_elements=[*what], set_=when, where=was_hidden))


def _closes(connection: Connection, target: Routed, now: datetime) -> datetime:
    """Return the end of the window that gathers for this receiver and key, if it is soon enough; else a new one's."""
    gathering = (
        tellings.c.receiver == target.receiver,
        tellings.c.key == target.key,
        tellings.c.ended_at.is_(None),
        tellings.c.closes > now,
        tellings.c.closes <= now + target.group_wait,
    )
    found = connection.scalar(select(func.max(tellings.c.closes)).where(*gathering))
    return found or now + target.group_wait
