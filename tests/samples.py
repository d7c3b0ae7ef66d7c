"""Records to test with: small, complete, and the same each time."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import monitor.store.migrations as packaged
from monitor.model import (
    DeadLetter,
    Event,
    Evidence,
    Header,
    How,
    Match,
    Mention,
    Message,
    Notification,
    Severity,
    WatchlistHeader,
)
from monitor.settings import Alerts

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
TITLE = "وصول سفينة إلى ميناء طرطوس"


def watchlist(identity: str = "tartus", **changes: Any) -> WatchlistHeader:  # noqa: ANN401 - the record's own fields
    return replace(WatchlistHeader(id=identity, name=identity.title(), revision="r1"), **changes)


def header(article: str = "a1", version: str = "v1", **changes: Any) -> Header:  # noqa: ANN401 - the record's own fields
    plain = Header(id=article, source="agency", title=TITLE, content_hash=version, first_seen=NOW)
    return replace(plain, **changes)


def a_match(
    article: str = "a1",
    version: str = "v1",
    *,
    on: WatchlistHeader | None = None,
    score: int = 95,
    **changes: Any,  # noqa: ANN401 - the record's own fields
) -> Match:
    """Make a match of one version of an article; ``changes`` are the article's."""
    mention = Mention(term="طرطوس", text="طرطوس", start=21, end=26, how=How.EXACT)
    clause = Evidence(
        clause="طرطوس",
        field="title",
        text="طرطوس",
        start=21,
        end=26,
        how=How.EXACT,
        quote=TITLE,
        quote_start=0,
        mentions=(mention,),
    )
    return Match(
        watchlist=on or watchlist(),
        article=header(article, version, **changes),
        score=score,
        evidence=(clause,),
        matched_at=NOW,
    )


def an_event(at: datetime, *, cleared: bool = False, severity: Severity = Severity.HIGH) -> Event:
    return Event(
        rule="source failing",
        subject="agency",
        state="cleared" if cleared else "raised",
        at=at,
        summary="agency answers nothing",
        severity=severity,
    )


def a_letter(offset: int = 7) -> DeadLetter:
    return DeadLetter(
        topic="matches",
        partition=0,
        offset=offset,
        stage="notify",
        key="tartus",
        value=b"\x00\xff no record",
        headers={"record": "match/1"},
        error="Undecodable: matches/0@7",
        traceback="Traceback …",
        at=NOW,
    )


def alert_settings(wait: str = "0s", **receivers: dict[str, Any]) -> Alerts:
    """Route everything to every receiver given, by default one with a terminal and a mailbox."""
    named = receivers or {"desk": {"terminal": True, "email": {"to": ["desk@example.org"]}}}
    return Alerts.model_validate({"receivers": named, "route": {"receiver": list(named), "group_wait": wait}})


def a_message(notification: Notification) -> Message:
    """Render a notification in the plainest way."""
    return Message(
        id=notification.id,
        about=notification.alerts[0].watchlist or "operations",
        subject=notification.cause,
        text=" ".join(alert.id for alert in notification.alerts),
        html="",
        terminal="",
        data=b"{}",
        date=notification.created,
        severity=Severity.MEDIUM,
    )


def an_old_store(file: Path, revision: str) -> None:
    """Make a store as an earlier release did, with what ``data/stores`` says."""
    file.parent.mkdir(exist_ok=True)
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", *packaged.__path__)
        config.set_main_option("path_separator", "os")
        command.upgrade(config, revision)
    engine.dispose()
    with closing(sqlite3.connect(file)) as store:
        store.executescript((Path(__file__).parent / f"data/stores/{revision}.sql").read_text("utf-8"))


class Ledger:
    """A channel that writes down on disk, before it returns, what was sent to whom."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def send(self, message: Message, destination: str, thread: str | None = None) -> None:  # noqa: ARG002 - a channel's
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(f"{message.id} {destination}\n")

    @property
    def sent(self) -> list[str]:
        """The ids of what was sent, in order, with repeats."""
        lines = self._file.read_text("utf-8").splitlines() if self._file.exists() else []
        return [line.split()[0] for line in lines]


def after(**duration: float) -> datetime:
    return NOW + timedelta(**duration)
