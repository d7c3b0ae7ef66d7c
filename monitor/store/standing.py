"""Alerts that matches join, what is known of them, and their end. Part of the notifier's first transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from monitor.alerting.causes import TOGETHER
from monitor.model import Reason
from monitor.ports import Standing
from monitor.store.awaited import aware_of
from monitor.store.schema import alert_facts, alerts, developments, matches, stories
from monitor.stories.clustering import news_of
from monitor.stories.relating import WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from monitor.model import Match

_SOURCE, _WATCHED, _TIER1 = "source", "watched", "tier1"
_CLOSED: Final = 4
"""Alerts that are closed for each match, at most."""
_STANDS: Final = alerts.c.state.in_(("open", "acked"))


def telling(connection: Connection, story: str) -> Standing | None:
    """Read the alert that tells a story."""
    joined = select(developments.c.alert).where(developments.c.story == story)
    row = (
        connection.execute(select(alerts).where(alerts.c.story == story)).one_or_none()
        or connection.execute(select(alerts).where(alerts.c.id.in_(joined))).one_or_none()
    )
    return _standing(connection, row) if row else None


def near(connection: Connection, match: Match, now: datetime) -> Standing | None:
    """Read the newest alert about news of the same hours, opened lately, that mentions all that a match does.

    Both times count: after an outage all is opened at once, and some sources date the day only.
    """
    watched = frozenset(match.watched)
    if not watched:
        return None
    at = news_of(match)
    lately = (alerts.c.begun.between(at - TOGETHER, at + TOGETHER), alerts.c.created > now - TOGETHER)
    said = (alert_facts.c.alert == alerts.c.id, alert_facts.c.kind == _WATCHED, alert_facts.c.value.in_(watched))
    known = select(func.count()).select_from(alert_facts).where(*said).scalar_subquery()
    mine = (alerts.c.watchlist == match.watchlist.id, _STANDS, *lately, known == len(watched))
    newest = select(alerts).where(*mine).order_by(alerts.c.begun.desc(), alerts.c.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return _standing(connection, row) if row else None


def _standing(connection: Connection, row: Row[tuple[object, ...]]) -> Standing:
    facts = connection.execute(select(alert_facts).where(alert_facts.c.alert == row.id)).all()
    aware, hidden = aware_of(connection, row.id)
    return Standing(
        id=row.id,
        begun=row.begun,
        created=row.created,
        snoozed_until=row.snoozed_until,
        sources=frozenset(fact.value for fact in facts if fact.kind == _SOURCE),
        watched=frozenset(fact.value for fact in facts if fact.kind == _WATCHED),
        tier1=any(fact.kind == _TIER1 for fact in facts),
        aware=aware,
        hidden=hidden,
    )


def note(connection: Connection, match: Match, alert: str) -> None:
    """Remember what a match adds to what is known of its alert.

    Of one that an older monitor opened that stays unknown: all but its first reports would seem to be new.
    """
    if _is_unknown(connection, alert):
        return
    rows = [{"alert": alert, "kind": kind, "value": value} for kind, value in _facts(match)]
    connection.execute(upsert(alert_facts).on_conflict_do_nothing(), rows)


def _is_unknown(connection: Connection, alert: str) -> bool:
    """Whether an alert has reports, and nobody noted what they add."""
    noted = connection.scalar(select(alert_facts.c.kind).where(alert_facts.c.alert == alert).limit(1))
    reports = (matches.c.alert == alert, matches.c.reason != Reason.SILENCED)
    return noted is None and connection.scalar(select(matches.c.position).where(*reports).limit(1)) is not None


def _facts(match: Match) -> Iterator[tuple[str, str]]:
    yield _SOURCE, match.article.source
    yield from ((_WATCHED, term) for term in match.watched)
    if match.article.tier == 1:
        yield _TIER1, match.article.source


def close_old(connection: Connection, watchlist: str, now: datetime) -> None:
    """Close some alerts of a watchlist whose stories, and developments, nobody tells any more."""
    old = now - WINDOW
    joined = select(developments.c.story).join(stories, stories.c.id == developments.c.story)
    lively = joined.where(developments.c.alert == alerts.c.id, stories.c.last_seen >= old).correlate(alerts)
    is_old = (alerts.c.begun < old, stories.c.last_seen < old, ~lively.exists())
    quiet = (alerts.c.watchlist == watchlist, _STANDS, *is_old)
    some = select(alerts.c.id).join(stories, stories.c.id == alerts.c.story).where(*quiet).limit(_CLOSED)
    closed = update(alerts).where(alerts.c.id.in_(some.scalar_subquery()))
    connection.execute(closed.values(state="closed", closed=now))
