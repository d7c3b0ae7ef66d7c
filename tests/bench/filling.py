"""Stores for benchmarks: invented news of a few days as the notifier records it, and the same a hundred times over.

A store with a million past alerts is not recorded in minutes. So eight days of news are, with the notifier's own code,
and copied row by row: each copy lies eight days further back, has ids of its own, and its alerts are closed.
`differs` holds that against a store in which both were recorded.
"""

from __future__ import annotations

import gzip
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, update

from monitor.model import Article, Evidence, Header, How, Match, Mention, Severity, WatchlistHeader, stable_hash
from monitor.notify.delivering import Deliverer
from monitor.notify.recording import Decider, Recorder
from monitor.settings import Alerts
from monitor.store import open_store
from monitor.store.schema import Instant, alerts, metadata, story_keys, story_members, watchlists
from monitor.stories.signing import sign_matches
from monitor.text.frequencies import TABLE
from tests.bench.check import EVENTS, PLACES, THINGS
from tests.samples import a_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy import Column, Row, Table

    from monitor.model import Message
    from monitor.store import SqlStore

NOW: Final = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
"""When what is recorded ends."""
SPAN: Final = timedelta(days=8)
"""How much news is recorded: as much as articles are remembered, to see what tells the same as they."""
LISTS: Final = 1_000
COPIED: Final = 10
"""One of so many articles is printed by another source, too."""
ALERTS: Final = Alerts.model_validate(
    {
        "receivers": {
            "desk": {"email": {"to": ["desk@example.org"]}, "rate": {"most": 100_000, "per": "1h"}},
            "chief": {"email": {"to": ["chief@example.org"]}},
        },
        "route": {
            "receiver": "desk",
            "routes": [{"match": {"severity": "critical"}, "receiver": ["desk", "chief"]}],
        },
        "smtp": {"host": "localhost", "from": "monitor@example.org"},
    }
)
"""A rate that nobody reaches: what was sent within the hour is looked at all the same."""

_TITLE, _SENTENCE, _SENTENCES = 9, 16, 7  # words, words, sentences
_SEVERITIES: Final = (Severity.LOW, *[Severity.MEDIUM] * 5, *[Severity.HIGH] * 3, Severity.CRITICAL)


# --- Invented news ---------------------------------------------------------------------------------------------------


def a_watchlist(number: int) -> WatchlistHeader:
    """Make the head of a watchlist about an event at a place."""
    return WatchlistHeader(
        id=f"list-{number}",
        name=" ".join(_terms(number)),
        severity=_SEVERITIES[number % len(_SEVERITIES)],
        owner=f"desk-{number % 7}",
        labels={"desk": "levant", "shift": f"{number % 3}"},
        revision=stable_hash("revision", f"{number}"),
    )


def a_story(watchlist: int, number: int, at: datetime) -> Match:
    """Make a signed match of an article that tells what no other does."""
    return _match(watchlist, f"{number}", _text(watchlist, number), at)


def a_copy(watchlist: int, number: int, at: datetime) -> Match:
    """Make one of the same article in another source, two words changed."""
    title, *sentences = _text(watchlist, number)
    return _match(watchlist, f"{number}, again", (title, *sentences[:-1], f"ذكرت الوكالة {sentences[-1]}"), at)


def _match(watchlist: int, name: str, text: tuple[str, ...], at: datetime) -> Match:
    title, told, *more = text
    identity, version = stable_hash("article", f"{watchlist} {name}"), stable_hash("content", *text)
    header = Header(
        id=identity,
        source=f"source-{int(identity, 16) % 500}",
        title=title,
        content_hash=version,
        first_seen=at,
        url=f"https://news.example.org/2026/11/{version}/report",
        lang="ar",
        tier=2,
        published=at - timedelta(minutes=7),
    )
    match = Match(
        watchlist=a_watchlist(watchlist),
        article=header,
        score=95,
        evidence=(_evidence(watchlist, told),),
        matched_at=at,
    )
    (signed,) = sign_matches(Article(header=header, text=" ".join((told, *more))), [match])
    return signed


def _evidence(watchlist: int, quote: str) -> Evidence:
    mentions = tuple(
        Mention(term=term, text=term, start=start, end=start + len(term), how=How.EXACT)
        for term in _terms(watchlist)
        for start in (quote.index(term),)
    )
    start, end = min(one.start for one in mentions), max(one.end for one in mentions)
    return Evidence(
        clause=" near ".join(_terms(watchlist)),
        field="text",
        text=quote[start:end],
        start=start,
        end=end,
        how=How.EXACT,
        quote=quote,
        quote_start=0,
        mentions=mentions,
    )


@cache
def _terms(watchlist: int) -> tuple[str, str]:
    things, places = THINGS.split(), PLACES.split()
    event, _ = EVENTS[watchlist % len(EVENTS)]
    thing, place = things[watchlist // len(EVENTS) % len(things)], places[watchlist // 7 % len(places)]
    return event, f"{thing} {place}"


@cache
def _vocabulary() -> tuple[list[str], list[float]]:
    """Read words of written Arabic, each with how often it and those before it come."""
    lines = (line.split() for line in gzip.decompress(TABLE.read_bytes()).decode().splitlines())
    uses = {word: 10.0 ** (int(tenth) / 10) for tenth, *words in lines for word in words}
    return list(uses), list(accumulate(uses.values()))


def _text(watchlist: int, number: int) -> tuple[str, ...]:
    """Write a headline and sentences of words as common as in writing; most of them speak of the watchlist's terms."""
    words, weights = _vocabulary()
    random = Random(number * LISTS + watchlist)
    drawn = random.choices(words, cum_weights=weights, k=_TITLE + _SENTENCE * _SENTENCES)
    event, place = _terms(watchlist)
    drawn[2], drawn[5] = event, place
    for start in range(_TITLE, len(drawn), 2 * _SENTENCE):
        drawn[start + 3], drawn[start + 7] = event, place
    sentences = (" ".join(drawn[start : start + _SENTENCE]) for start in range(_TITLE, len(drawn), _SENTENCE))
    return " ".join(drawn[:_TITLE]), *(f"{sentence}." for sentence in sentences)


# --- As the notifier records it --------------------------------------------------------------------------------------


class Nowhere:
    """A channel that reaches nobody."""

    def send(self, message: Message, destination: str, thread: str | None = None) -> None:
        """Do nothing."""


def news(stories: int, end: datetime, lists: int = LISTS) -> Iterator[Match]:
    """Give so many stories of the days before ``end``, at whole seconds, and the copies of some."""
    for number in range(stories):
        at = end - timedelta(seconds=SPAN.total_seconds() * (stories - number) // stories)
        yield a_story(number % lists, number, at)
        if number % COPIED == 0:
            yield a_copy(number % lists, number, at + timedelta(seconds=1))


def record(store: SqlStore, given: Iterable[Match]) -> None:
    """Record matches as they come, decide about them and deliver what is owed."""
    recorder, decider = Recorder(store, ALERTS), Decider(store, ALERTS)
    deliverer = Deliverer(store, {"email": Nowhere()}, a_message, lambda _: None, worker="one", jitter=lambda: 0.0)
    for match in given:
        now = match.article.first_seen
        recorder.record(match, now)
        decider.tick(now)
        while deliverer.deliver_one(now):
            pass


# --- The same, again and again ---------------------------------------------------------------------------------------


def fill(file: Path, recorded: Path, copies: int, standing: int) -> None:
    """Make a store of so many copies of what was recorded; the alerts of the newest so many stand."""
    open_store(f"sqlite:{file}").close()
    with closing(sqlite3.connect(file)) as connection:
        for pragma in ("synchronous = OFF", "journal_mode = OFF", "cache_size = -1500000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("ATTACH ? AS recorded", [str(recorded)])
        sizes = {
            table.name: _size(connection, table) for table in metadata.sorted_tables if "position" in table.columns
        }
        for number in range(copies - 1, -1, -1):
            below = {name: size * (copies - 1 - number) for name, size in sizes.items()}
            copy = _Copy(number, below, stands=number < standing)
            for table in metadata.sorted_tables:
                if number == 0 or table not in _ONCE:
                    connection.execute(copy.of(table))
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")


def _size(connection: sqlite3.Connection, table: Table) -> int:
    (last,) = connection.execute(f"SELECT max(position) FROM recorded.{table.name}").fetchone()  # noqa: S608 - likewise
    return int(last or 0)


_ONCE: Final = (watchlists, story_members, story_keys)
"""What is there once, and what is forgotten as newer news comes."""
_NAMES: Final = {("stories", "id"), ("alerts", "id"), ("notifications", "id")}
_NAMED: Final = {"article", "about", "message"}
"""Columns that hold ids without saying whose."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """The ``number``-th copy of what was recorded, the newest is the 0th; so many rows lie ``below`` it in a table."""

    number: int
    below: Mapping[str, int]
    stands: bool

    def of(self, table: Table) -> str:
        """Write the statement that copies a table's rows."""
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        values = ", ".join(map(self._value, table.columns))
        order = ", ".join(f'"{column.name}"' for column in table.primary_key)
        rows = f"SELECT {values} FROM recorded.{table.name} ORDER BY {order}"  # noqa: S608 - names of our schema
        return f"INSERT INTO main.{table.name} ({columns}) {rows}"

    def _value(self, column: Column[Any]) -> str:
        """Write what a column holds in the copy."""
        home = next(iter(column.foreign_keys)).column if column.foreign_keys else column
        if home.name == "position":
            return f"{column.name} + {self.below[home.table.name]}"
        if (column.table.name, column.name) in self._special:
            return self._special[column.table.name, column.name]
        if isinstance(column.type, Instant):
            return self._earlier(column.name)
        if column.name in _NAMED or (home.table.name, home.name) in _NAMES:
            return self._renamed(column.name)
        return f'"{column.name}"'

    @property
    def _special(self) -> dict[tuple[str, str], str]:
        closed = {("alerts", "state"): "'closed'", ("alerts", "closed"): self._earlier("created")}
        payload = {("matches", "payload"): f"replace(payload, article, {self._renamed('article')})"}
        return payload if self.stands else closed | payload

    def _earlier(self, instant: str) -> str:
        return f"datetime({instant}, '-{self.number * SPAN.days} days') || '.000000'"

    def _renamed(self, name: str) -> str:
        """Write an id that no other copy has; it begins as it did, so that it may lie anywhere in an index."""
        return f"substr({name}, 1, 12) || printf('%04x', {self.number})"


# --- Held against a recorded one -------------------------------------------------------------------------------------


def differs(folder: Path, stories: int = 24, lists: int = 2) -> str | None:
    """Record some news twice, record and copy it; name a table that is not the same, if there is one."""
    earlier = (
        replace(match, article=replace(match.article, id=f"{match.article.id[:12]}0001"))
        for match in news(stories, NOW - SPAN, lists)
    )
    with open_store(f"sqlite:{folder}/both.db") as both:
        record(both, earlier)
        with both.database.writing() as connection:
            connection.execute(update(alerts).values(state="closed", closed=alerts.c.created))
        record(both, news(stories, NOW, lists))
        expected = _content(both)
    with open_store(f"sqlite:{folder}/recorded.db") as once:
        record(once, news(stories, NOW, lists))
    fill(folder / "filled.db", folder / "recorded.db", copies=2, standing=1)
    with open_store(f"sqlite:{folder}/filled.db") as filled:
        found = _content(filled)
    return next((name for name in expected if expected[name] != found[name]), None)


def _content(store: SqlStore) -> dict[str, list[str]]:
    """Read all tables, ids as the order in which they come and without the instants within matches."""
    known: dict[str, str] = {}

    def plain(row: Row[Any]) -> str:
        text = re.sub(r'"[^"]*Z"', '""', repr(tuple(row)))
        return re.sub(r"\b[0-9a-f]{16}\b", lambda found: known.setdefault(found[0], f"id-{len(known)}"), text)

    ordered = sorted(metadata.sorted_tables, key=lambda table: "position" not in table.columns)
    with store.database.reading() as connection:
        return {
            table.name: sorted(plain(row) for row in connection.execute(select(table).order_by(*table.primary_key)))
            for table in ordered
        }
