"""Nothing that the notifier does reads a whole table that grows with the past: what SQLite plans for each statement.

How long it takes beside a million past alerts is `make bench-notify`'s affair.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from monitor.model import Article, Edition, Match, Matcher, Message
from monitor.notify.delivering import Deliverer
from monitor.notify.recording import Decider, Recorder
from monitor.ports import Silence
from monitor.store import SqlStore, open_store
from tests.bench.filling import a_copy, a_story
from tests.samples import NOW, a_message, after, alert_settings, an_event

GROWING = {"alerts", "matches", "stories", "tellings", "notifications", "older", "told", "decisions", "story_members"}
GROWING |= {"story_keys", "developments", "alert_facts", "edits"}
RATED = {"email": {"to": ["desk@example.org"]}, "rate": {"most": 10, "per": "1h"}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(f"sqlite:{tmp_path / 'state.db'}") as opened:
        yield opened


class Nowhere:
    """A channel whose messages can be edited."""

    def send(self, message: Message, destination: str, thread: str | None = None) -> str:  # noqa: ARG002 - a channel's
        return f"{message.id} at {destination}"


@contextmanager
def scans() -> Iterator[list[str]]:
    """Note every step of a plan that reads a growing table from end to end, with its statement."""
    found: list[str] = []

    def explain(_: object, cursor: Any, statement: str, parameters: Any, __: object, many: bool) -> None:  # noqa: ANN401 - SQLAlchemy's
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            values = parameters[0] if many else parameters
            plan = cursor.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            steps = [detail for *_, detail in plan]
            found.extend(f"{step}: {statement}" for step in steps if _scanned(step) in GROWING)

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", explain)


def _scanned(step: str) -> str:
    """Name the table that a step of a plan reads from end to end."""
    words = step.split()
    return words[1] if words[0] == "SCAN" else ""


def an_edition(match: Match) -> Edition:
    article = replace(match.article, content_hash="later", revision=match.article.revision + 1)
    return Edition(article=Article(header=article, text=""), watchlists=(), at=match.matched_at)


def test_a_match_on_its_way_to_a_message_reads_no_table_from_end_to_end(store: SqlStore) -> None:
    desk = alert_settings(desk=RATED, group={"terminal": True})
    recorder, decider = Recorder(store, desk), Decider(store, desk)
    channels = {"email": Nowhere(), "terminal": Nowhere()}
    deliverer = Deliverer(store, channels, a_message, lambda _: None, worker="one", jitter=lambda: 0.0)
    with scans() as found:
        for match in (a_story(1, 1, NOW), a_copy(1, 1, after(seconds=1)), a_story(1, 2, after(days=9))):
            now = match.article.first_seen
            recorder.record(match, now)
            recorder.record_edition(an_edition(match), now)
            recorder.record_event(an_event(now), now)
            decider.tick(now)
            while deliverer.deliver_one(now):
                pass
    assert found == []


def test_what_people_and_probes_ask_reads_no_table_from_end_to_end(store: SqlStore) -> None:
    silence = Silence(matcher=Matcher(), author="layla", comment="a case", created=NOW, expires=after(hours=1))
    with scans() as found:
        number = store.silence(silence)
        store.expire(number, "layla", NOW)
        store.silences()
        store.snooze("a1", after(hours=1), NOW)
        store.handover(NOW - timedelta(hours=12))
        store.backlog()
        store.standing()
        store.is_raised("delivery failing", "email:desk@example.org")
        store.resend(NOW)
        store.resend(NOW, "a1")
        store.release_claims()
        store.claim_refresh("slack", NOW, timedelta(minutes=1))
        store.trace("a1")
        list(store.alerts())
    assert found == []


def test_a_table_that_is_read_from_end_to_end_is_noticed(store: SqlStore) -> None:
    with scans() as found, store.database.reading() as connection:
        connection.exec_driver_sql("SELECT * FROM matches WHERE reason = 'told'")
    assert found == ["SCAN matches: SELECT * FROM matches WHERE reason = 'told'"]
