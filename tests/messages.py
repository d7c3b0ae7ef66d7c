"""Notifications for the tests of messages, made by a few words, and the golden ones of ``data/messages``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from monitor.model import Alert, Edit, Evidence, Header, How, Match, Notification, Severity, WatchlistHeader
from monitor.notify.rendering import Renderer

GOLDEN: Final = Path(__file__).parent / "data" / "messages"
NOW: Final = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
ZONES: Final = {"beirut": ZoneInfo("Asia/Beirut"), "dubai": ZoneInfo("Asia/Dubai"), "lima": ZoneInfo("America/Lima")}
RENDERER: Final = Renderer(zones=ZONES)


def notification(case: str) -> Notification:
    return msgspec.json.decode((GOLDEN / case / "notification.json").read_bytes(), type=Notification)


def evidence(text: str, word: str, number: int, quote: str) -> Evidence:
    start = text.index(quote) + quote.index(word)
    return Evidence(
        clause=f"{word} {number}",
        field="text",
        text=word,
        start=start,
        end=start + len(word),
        how=How.EXACT,
        quote=quote,
        quote_start=text.index(quote),
        mentions=(),
    )


def one_alert(
    title: str,
    *found: Evidence,
    name: str = "Ports",
    url: str | None = None,
    lang: str | None = None,
    source: str = "agency",
) -> Notification:
    article = Header(
        id="a", source=source, title=title, content_hash="v", first_seen=NOW, url=url, lang=lang, published=NOW
    )
    watchlist = WatchlistHeader(id=name, name=name)
    match = Match(watchlist=watchlist, article=article, score=100, evidence=found, matched_at=NOW)
    alert = Alert(
        id="alert",
        kind="watchlist",
        name=name,
        severity=Severity.HIGH,
        state="open",
        created=NOW,
        watchlist=name,
        score=100,
        matches=(match,),
    )
    return Notification(
        id="00c0ffee00c0ffee",
        receiver="desk",
        channel="email",
        destination="desk@example.org",
        cause="first",
        created=NOW,
        alerts=(alert,),
    )


def a_report(  # noqa: PLR0913 - an article has many sides
    source: str,
    title: str,
    *,
    version: str = "v1",
    article: str = "",
    found: str = "",
    minutes: int = 0,
    watched: tuple[str, ...] = (),
    url: str | None = None,
) -> Match:
    """Make a match of an article, in whose only sentence ``found`` was found."""
    at = NOW + timedelta(minutes=minutes)
    header = Header(
        id=article or f"{source} {title}",
        source=source,
        title=title,
        content_hash=version,
        first_seen=at,
        published=at,
        url=url,
    )
    (one,) = one_alert(title).alerts
    said = (evidence(found, found, 0, found),) if found else ()
    return replace(one.matches[0], article=header, evidence=said, matched_at=at, watched=watched)


def told(
    *matches: Match,
    cause: str = "first",
    stories: tuple[str, ...] = (),
    edits: tuple[Edit, ...] = (),
    minutes: int = 60,
    receiver: str = "desk",
) -> Notification:
    given = one_alert("")
    (alert,) = given.alerts
    alert = replace(alert, matches=matches, stories=stories, edits=edits)
    at = NOW + timedelta(minutes=minutes)
    return replace(given, cause=cause, alerts=(alert,), created=at, receiver=receiver)


def an_edit(
    kind: Literal["changed", "withdrawn"], title: str, *, gone: str = "v1", now: str = "v2", minutes: int = 30
) -> Edit:
    at = NOW + timedelta(minutes=minutes)
    return Edit(article="a", gone=gone, now=now, kind=kind, title=title, at=at)
