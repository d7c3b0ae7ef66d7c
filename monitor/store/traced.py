"""Everything on record of an article, from the poll to the message. Part of `ports.AlertStore`; tells nothing itself.

One transaction, so that what is read is one moment. Which reasons and causes there are is not known here.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from monitor.codec import from_json
from monitor.model import Match, Reason
from monitor.ports import Decided, Sighting, SourceState, Trace, TracedAlert, TracedMatch, TracedTelling
from monitor.store.filed import read_letters
from monitor.store.reported import cannot_be_seen, read_reports
from monitor.store.schema import alerts, dead, decisions, matches, seen, silences, sources, tellings
from monitor.store.silenced import read_silences
from monitor.store.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from typing import Any

    from sqlalchemy import ColumnElement, Connection, Row

    from monitor.ports import FiledLetter


class TracedTables(Tables):
    """The ways of articles."""

    def trace(self, about: str, sources: Collection[str] = ()) -> Trace:
        """Everything on record of an article, or of an alert and its articles, by id; or by its name in a source."""
        with self.database.reading() as connection:
            articles = _articles(connection, about)
            found = _matches(connection, articles)
            sightings = _sightings(connection, articles)
            told = _alerts(connection, {about, *(one.alert for one in found if one.alert)})
            return Trace(
                articles=articles,
                sightings=sightings,
                sources=_sources(connection, {*sources, *(one.source for one in sightings)}),
                matches=found,
                alerts=told,
                silences={one.id: one for one in read_silences(connection, silences.c.id.in_(_numbers(found, told)))},
                dead=_dead(connection, articles),
            )


def _articles(connection: Connection, about: str) -> tuple[str, ...]:
    """Find the articles that are meant: of this id, of the alert of this id, else of this name in a source."""
    ways = (
        select(matches.c.article).where(matches.c.alert == about).order_by(matches.c.position),
        select(seen.c.article).where(seen.c.article == about),
        select(matches.c.article).where(matches.c.article == about),
        select(dead.c.key).where(dead.c.topic == "articles", dead.c.key == about),
        select(seen.c.article).where(seen.c.key == about),
    )
    found = (tuple(dict.fromkeys(connection.scalars(way))) for way in ways)
    return next(filter(None, found), ())


def _sightings(connection: Connection, articles: Collection[str]) -> tuple[Sighting, ...]:
    listed = select(seen).where(seen.c.article.in_(articles)).order_by(seen.c.first_seen, seen.c.revision)
    return tuple(Sighting(**row) for row in connection.execute(listed).mappings())


def _sources(connection: Connection, wanted: set[str]) -> dict[str, SourceState]:
    known = select(sources).where(or_(sources.c.id.in_(wanted), cannot_be_seen())).order_by(sources.c.id)
    return {row["id"]: SourceState(**row) for row in connection.execute(known).mappings()}


def _matches(connection: Connection, articles: Collection[str]) -> tuple[TracedMatch, ...]:
    rows = connection.execute(select(matches).where(matches.c.article.in_(articles)).order_by(matches.c.position)).all()
    why = _decided(connection, decisions.c.match, {row.position for row in rows})
    return tuple(
        TracedMatch(
            match=from_json(row.payload, Match),
            recorded=row.recorded_at,
            story=row.story,
            alert=row.alert,
            reason=Reason(row.reason),
            decided=tuple(_one_decided(one) for one in why if one.match == row.position),
        )
        for row in rows
    )


def _alerts(connection: Connection, wanted: set[str]) -> tuple[TracedAlert, ...]:
    reports = read_reports(connection, select(alerts).where(alerts.c.id.in_(wanted)).order_by(alerts.c.position))
    rows = connection.execute(select(tellings).where(tellings.c.alert.in_(wanted)).order_by(tellings.c.position)).all()
    why = [row for row in _decided(connection, decisions.c.alert, wanted) if row.receiver]
    return tuple(
        TracedAlert(
            report=report,
            tellings=tuple(_telling(row) for row in rows if row.alert == report.alert.id),
            decided=tuple(_one_decided(row) for row in why if row.alert == report.alert.id),
        )
        for report in reports
    )


def _decided(connection: Connection, column: ColumnElement[Any], wanted: Iterable[Any]) -> list[Row[Any]]:
    return list(connection.execute(select(decisions).where(column.in_(wanted)).order_by(decisions.c.position)))


def _one_decided(row: Row[Any]) -> Decided:
    return Decided(
        at=row.at,
        reason=Reason(row.reason),
        receiver=row.receiver,
        cause=row.cause,
        until=row.until,
        silence=row.silence,
    )


def _telling(row: Row[Any]) -> TracedTelling:
    return TracedTelling(
        receiver=row.receiver,
        cause=row.cause,
        opened=row.opened,
        ended=row.ended_at,
        reason=Reason(row.reason) if row.reason else None,
        until=row.until,
        silence=row.silence,
    )


def _numbers(found: Iterable[TracedMatch], told: Iterable[TracedAlert]) -> set[int]:
    """Collect the silences by which something is explained."""
    explained: Iterator[Decided | TracedTelling] = chain(
        (why for one in found for why in one.decided),
        (why for one in told for why in one.decided),
        (telling for one in told for telling in one.tellings),
    )
    return {one.silence for one in explained if one.silence}


def _dead(connection: Connection, articles: Collection[str]) -> tuple[FiledLetter, ...]:
    """Read the dead letters of articles; a match is keyed by its watchlist, so its article is looked for in it."""
    wanted = or_(dead.c.key.in_(articles), dead.c.topic == "matches")
    return tuple(one for one in read_letters(connection, wanted) if _is_of(one, articles))


def _is_of(filed: FiledLetter, articles: Collection[str]) -> bool:
    return filed.letter.key in articles or any(article.encode() in filed.letter.value for article in articles)
