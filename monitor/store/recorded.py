"""Matches, editions and events as they are recorded, with whom they are to be told: the notifier's first transaction.

Part of `ports.AlertStore`. Judges nothing: each transaction reads what a judge must know, and writes what it says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from monitor.codec import from_json, to_json
from monitor.model import Match
from monitor.ports import EventRuling, LastAlert, Recorded, Ruling, Story
from monitor.store.awaited import told_of, write_tellings
from monitor.store.refreshed import make_stale
from monitor.store.schema import alerts, decisions, developments, edits, matches, silences, stories, watchlists
from monitor.store.silenced import read_silences
from monitor.store.standing import close_old, near, note, telling
from monitor.store.storied import add_member, candidates, known_story
from monitor.store.tables import Tables
from monitor.stories.clustering import news_of, signed_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from monitor.model import Edit, Edition, Event
    from monitor.ports import EditRuling, Member


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
            known = _known(connection, match, story, now)
            ruling = judge(known)
            _write_story(connection, match, story)
            if new:
                add_member(connection, match, story, new)
            if ruling.alert:
                _open_or_join(connection, match, known, ruling.alert, now)
                if not ruling.silence and not _develops(known, ruling.alert):
                    note(connection, match, ruling.alert)
            _write_match(connection, match, story, ruling, now)
            if ruling.alert:
                write_tellings(connection, ruling.tell, ruling.alert, ruling.since or now, now)
            close_old(connection, match.watchlist.id, now)
        return ruling

    def record_edition(
        self, edition: Edition, judge: Callable[[Recorded], EditRuling | None], now: datetime
    ) -> tuple[EditRuling, ...]:
        """Write what ``judge`` makes of an edition, given each alert's newest other version of its article."""
        with self.database.writing() as connection:
            rulings = []
            for recorded in _versions(connection, edition):
                _take(connection, recorded.match.watchlist.id)
                ruling = judge(recorded)
                if ruling:
                    rulings.append(ruling)
                    connection.execute(insert(edits).values(_edit(ruling.alert, ruling.edit)))
                    make_stale(connection, ruling.alert, now)
                    write_tellings(connection, ruling.tell, ruling.alert, edition.at, now)
        return tuple(rulings)

    def record_event(
        self, event: Event, judge: Callable[[LastAlert | None], EventRuling | None], now: datetime
    ) -> EventRuling | None:
        """Write what ``judge`` makes of an event, given the newest alert of its (rule, subject)."""
        with self.database.writing() as connection:
            ruling = judge(_last_alert(connection, event))
            if ruling and ruling.state == "open":
                _open_for_event(connection, event, ruling.alert)
            elif ruling:
                closed = {"state": "closed", "closed": event.at, "cleared": to_json(event).decode()}
                connection.execute(update(alerts).where(alerts.c.id == ruling.alert).values(closed))
            if ruling:
                write_tellings(connection, ruling.tell, ruling.alert, event.at, now)
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


def _known(connection: Connection, match: Match, story: str, now: datetime) -> Story:
    """Read what a judge must know of a story."""
    alert = telling(connection, story)
    return Story(
        id=story,
        alert=alert,
        is_withdrawn=alert is not None and _is_withdrawn(connection, match, alert.id),
        near=None if alert else near(connection, match, now),
        silences=read_silences(connection, silences.c.expires > now),
    )


def _is_withdrawn(connection: Connection, match: Match, alert: str) -> bool:
    """Whether the newest version that an alert has of a match's article was withdrawn."""
    mine = (matches.c.article == match.article.id, matches.c.alert == alert)
    newest = select(matches.c.content_hash).where(*mine).order_by(matches.c.position.desc()).limit(1)
    gone = (edits.c.alert == alert, edits.c.article == match.article.id, edits.c.gone == newest.scalar_subquery())
    return connection.scalar(select(edits.c.kind).where(*gone)) == "withdrawn"


def _open_or_join(connection: Connection, match: Match, known: Story, alert: str, now: datetime) -> None:
    if _develops(known, alert):
        connection.execute(insert(developments).values(story=known.id, alert=alert))
        make_stale(connection, alert, now)
    elif known.alert:
        make_stale(connection, alert, now)
    else:
        _open_for_match(connection, match, known.id, alert, now)


def _develops(known: Story, alert: str) -> bool:
    """Whether a further story joins an alert. What it says is no news of that one, but news when it is said again."""
    return known.near is not None and known.near.id == alert


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
        "begun": news_of(match),
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
    told = told_of(connection, row.id)
    return LastAlert(id=row.id, state=row.state, changed=row.closed or row.created, told=told)


# --- Editions ----------------------------------------------------------------------------------------------------


def _versions(connection: Connection, edition: Edition) -> Iterator[Recorded]:
    """Read the newest other version that each alert has of an article, unless what it says is known to be gone."""
    header = edition.article.header
    mine = (matches.c.article == header.id, matches.c.alert.is_not(None), matches.c.content_hash != header.content_hash)
    rows = connection.execute(select(matches).where(*mine).order_by(matches.c.watchlist, matches.c.position)).all()
    for row in {row.alert: row for row in rows}.values():
        match = from_json(row.payload, Match)
        gone = (edits.c.alert == row.alert, edits.c.article == header.id, edits.c.gone == row.content_hash)
        if match.article.revision < header.revision and not connection.scalar(select(edits.c.position).where(*gone)):
            yield Recorded(match=match, alert=row.alert, told=told_of(connection, row.alert))


def _edit(alert: str, edit: Edit) -> dict[str, object]:
    return {
        "alert": alert,
        "article": edit.article,
        "gone": edit.gone,
        "now": edit.now,
        "kind": edit.kind,
        "title": edit.title,
        "at": edit.at,
    }
