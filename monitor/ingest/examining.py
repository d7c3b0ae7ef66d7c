"""One poll on trial: all that a poll does except publishing and remembering, and what it saw on the way.

Made of the poller's own parts, so that it sees what the poller would see at this moment: the validators of the copy
that we have, the back-off, the articles that are known. Reads the store beside a running service and never writes.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

from monitor.errors import ParseError
from monitor.ingest.boilerplate import Boilerplate
from monitor.ingest.deciding import Failure, Habits, Listing, decide
from monitor.ingest.discovery import kind_of
from monitor.ingest.fetching import Fetched, Fetcher
from monitor.ingest.folders import Memory
from monitor.ingest.looking import Looker, Past
from monitor.ingest.polling import PARSE_WITHIN, SETTLE_GRACE, recall
from monitor.ingest.robots import Robots
from monitor.worker import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from monitor.ingest.deciding import Answer, Known, Plan
    from monitor.ingest.fetching import Outcome, Request
    from monitor.ingest.identity import Item
    from monitor.model import Reason
    from monitor.ports import SourceState, SourceStore
    from monitor.settings import Source

_LATEST: Final = 0.0
"""The draw of chance with which a back-off is as long as it may be."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked, what came, and how long that took, waiting for the host's turn included."""

    request: Request
    outcome: Outcome
    seconds: float


@dataclass(frozen=True, slots=True)
class Permission:
    """What robots.txt says of a URL: why it may not be asked for, or nothing."""

    url: str
    refusal: str | None


class Fate(StrEnum):
    """What becomes of an item."""

    NEW = "new"
    EDIT = "edit"
    KNOWN = "known"
    PASSED = "passed over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An item as it would be published, which article it is, what becomes of it and why it alerts nobody, if so."""

    item: Item
    article: str
    fate: Fate
    held: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What was cut from how many headlines and texts, because nearly all items end in it."""

    boilerplate: Boilerplate
    titles: int
    texts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What a poll of ``source`` saw, and the plan that follows; ``verdicts`` are the newest first.

    ``kind`` is what its document turned out to be; None of a folder, and when none came.
    """

    source: Source
    now: datetime
    before: SourceState
    exchanges: tuple[Exchange, ...]
    permissions: tuple[Permission, ...]
    kind: Literal["feed", "sitemap", "page"] | None
    answer: Answer
    plan: Plan
    verdicts: tuple[Verdict, ...]
    cut: Cut


def examine(source: Source, store: SourceStore, now: datetime) -> Examination:
    """Poll a source on trial.

    Raises:
        Unavailable: the store is out of reach.
    """
    before = store.source(source.id)
    past = Past(state=before, habits=Habits.of(before), entries=lambda keys: store.sightings(source.id, keys))
    with closing(_WatchedFetcher()) as fetcher, closing(Workers()) as workers:
        robots = _WatchedRobots(fetcher)
        looker = Looker(fetcher.fetch, workers, robots, PARSE_WITHIN, threading.Event())
        if source.folder:
            answer: Answer = _look_at_folder(looker, source, source.folder, now)
        else:
            answer = looker.look(source, past, now)
        kind = _kind(source, fetcher.exchanges, workers)
    known = recall(source, answer, past, store, now)
    plan = decide(source, answer, known, now, _LATEST)
    return Examination(
        source=source,
        now=now,
        before=before,
        exchanges=tuple(fetcher.exchanges),
        permissions=tuple(robots.permissions),
        kind=kind,
        answer=answer,
        plan=plan,
        verdicts=tuple(sorted(_verdicts(answer, known, plan), key=_age, reverse=True)),
        cut=_cut(answer, known),
    )


class _WatchedFetcher(Fetcher):
    """Keeps what was asked and what came."""

    def __init__(self) -> None:
        super().__init__()
        self.exchanges: list[Exchange] = []

    def fetch(self, request: Request, now: datetime) -> Outcome:
        begun = time.monotonic()
        outcome = super().fetch(request, now)
        self.exchanges.append(Exchange(request, outcome, time.monotonic() - begun))
        return outcome


class _WatchedRobots(Robots):
    """Keeps what was said of which URL."""

    def __init__(self, fetcher: Fetcher) -> None:
        super().__init__(fetcher)
        self.permissions: list[Permission] = []

    def allowed(self, url: str, now: datetime, *, internal: bool = False) -> str | None:
        refusal = super().allowed(url, now, internal=internal)
        self.permissions.append(Permission(url, refusal))
        return refusal


def _look_at_folder(looker: Looker, source: Source, folder: Path, now: datetime) -> Listing | Failure:
    """Look at a folder until files in it have stood still, as a service does that starts now."""
    memory, passed = Memory(), timedelta()
    while True:
        answer, memory = looker.look_at_folder(source, folder, memory, now + passed)
        if isinstance(answer, Failure) or answer.items or not answer.settling:
            return answer
        if passed > source.settle + SETTLE_GRACE:
            return answer
        time.sleep(source.settle.total_seconds())
        passed += max(source.settle, timedelta(milliseconds=1))


def _kind(source: Source, exchanges: list[Exchange], workers: Workers) -> Literal["feed", "sitemap", "page"] | None:
    for exchange in exchanges:
        came = exchange.outcome
        if exchange.request.url == source.address and isinstance(came, Fetched):
            with suppress(ParseError):
                return workers.run(kind_of, came.body, came.content_type, deadline=PARSE_WITHIN)
    return None


def _verdicts(answer: Answer, known: Known, plan: Plan) -> Iterator[Verdict]:
    passed = answer.passed if isinstance(answer, Listing) else frozenset()
    published = {(article.header.id, article.header.content_hash): article.header for article in plan.articles}
    for one in known.identified:
        header = published.pop((one.article, one.content_hash or ""), None)
        if header:
            fate = Fate.NEW if header.revision == 1 else Fate.EDIT
        else:
            fate = Fate.PASSED if one.content_hash and one.item.key in passed else Fate.KNOWN
        yield Verdict(item=one.item, article=one.article, fate=fate, held=header.held if header else None)


def _age(verdict: Verdict) -> float:
    return verdict.item.published.timestamp() if verdict.item.published else 0.0


def _cut(answer: Answer, known: Known) -> Cut:
    items = answer.items if isinstance(answer, Listing) else ()
    pairs = [(item, one.item) for item, one in zip(items, known.identified, strict=False)]
    titles = sum(item.title != shorter.title for item, shorter in pairs)
    texts = sum(item.text != shorter.text for item, shorter in pairs)
    ours = known.habits.boilerplate
    return Cut(
        boilerplate=Boilerplate(names=ours.names if titles else (), footers=ours.footers if texts else ()),
        titles=titles,
        texts=texts,
    )
