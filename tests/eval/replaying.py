"""Eighteen days of real news through the notifier: how often somebody is told, with stories and without, and at night.

The corpus says of each article the day only, so a seeded shuffle gives it a time of that day. The notifier is the real
one, over a store, in simulated time. An event is an article that a reader labelled as being about a topic, or several
that tell the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from monitor.alerting.causes import DEVELOPMENT, parted
from monitor.ingest.archives import read_articles
from monitor.matching import compile_watchlists
from monitor.settings import Alerts
from monitor.store import open_store
from monitor.stories.signing import sign_matches
from monitor.watchlists.loading import load_watchlists
from tests.eval.topics import HERE, NOW
from tests.notifier import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from monitor.model import Article, Match
    from tests.notifier import Heard

ZONE: Final = ZoneInfo("Asia/Riyadh")
_NIGHT: Final = {"from": "23:00", "to": "07:00"}
_SEED: Final = 1
_AFTER: Final = timedelta(days=1)

Event = tuple[str, frozenset[str]]
"""A topic, and the articles that tell of one thing."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of all matches: alerts, when somebody was told at once, and together, and of which events."""

    alerts: int
    at_once: tuple[datetime, ...]
    together: tuple[datetime, ...]
    told: frozenset[Event]

    def row(self, events: Sequence[Event]) -> dict[str, float]:
        """Return the figures: messages at once, those of them between 23:00 and 07:00, those that waited or gathered.

        ``untold`` are events that matched, and of which nobody was told.
        """
        return {
            "alerts": self.alerts,
            "at once": len(self.at_once),
            "at night": sum(map(_is_night, self.at_once)),
            "together": len(self.together),
            "events": len(events),
            "untold": len(events) - len(self.told),
        }


def replay(shared: Path) -> dict[str, dict[str, float]]:
    """Tell of the corpus in each way; by way."""
    matches = list(_matches(shared))
    events = list(_events(shared / "eval", matches))
    quiet = {"terminal": True, "zone": ZONE.key, "quiet_hours": _NIGHT}
    return {
        "every article by itself": _each(matches, events).row(events),
        "stories": _told(matches, events, {"terminal": True}).row(events),
        "stories, quiet from 23 to 07": _told(matches, events, quiet).row(events),
    }


def _matches(shared: Path) -> Iterator[Match]:
    """Give the matches of all articles, each at a time of its day, in order."""
    matcher = compile_watchlists(load_watchlists(HERE / "watchlists.yaml").watchlists)
    articles = read_articles(shared / "corpus/saudinewsnet.jsonl.xz", NOW, print)
    for article in sorted(_timed(articles), key=lambda one: one.header.first_seen):
        yield from sign_matches(article, matcher.match(article, article.header.first_seen))


def _timed(articles: Iterable[Article]) -> Iterator[Article]:
    random = Random(_SEED)
    for article in articles:
        day = article.header.published
        assert day
        at = day.astimezone(UTC).replace(hour=0, minute=0) + timedelta(seconds=random.randrange(86_400))
        yield replace(article, header=replace(article.header, published=at, first_seen=at))


def _events(folder: Path, matches: Iterable[Match]) -> Iterator[Event]:
    """Give the labelled events of which an article matched; what the matcher misses is another table's."""
    found = {(match.watchlist.id, match.article.id) for match in matches}
    labels = map(json.loads, (folder / "labels.jsonl").read_text("utf-8").splitlines())
    right = {(one["topic"], one["id"]) for one in labels if one["label"] == 1}
    groups = json.loads((folder / "near_duplicates.json").read_text("utf-8"))
    together = [(topic, frozenset(group)) for topic, some in groups.items() for group in some]
    grouped = {(topic, one) for topic, group in together for one in group}
    alone = [(topic, frozenset({one})) for topic, one in sorted(right - grouped)]
    for topic, ids in (*together, *alone):
        if any((topic, one) in found & right for one in ids):
            yield topic, ids


# --- Ways of telling -------------------------------------------------------------------------------------------------


def _each(matches: Iterable[Match], events: Iterable[Event]) -> Replay:
    """Tell of every article that matches, as a feed reader with keywords does."""
    first = {(match.watchlist.id, match.article.id): match.article.first_seen for match in reversed(list(matches))}
    return Replay(len(first), tuple(first.values()), (), frozenset(_heard(events, first.keys())))


def _told(matches: Sequence[Match], events: Iterable[Event], desk: Mapping[str, object]) -> Replay:
    """Have one receiver told by the notifier."""
    alerts = Alerts.model_validate({"receivers": {"desk": desk}, "route": {"receiver": "desk"}})
    with TemporaryDirectory() as folder, open_store(f"sqlite:{folder}/state.db") as store:
        simulation = Simulation(store, alerts)
        for match in matches:
            simulation.happens(match.article.first_seen, lambda _, match=match: simulation.record(match))  # type: ignore[misc]
        simulation.run(matches[0].article.first_seen, matches[-1].article.first_seen + _AFTER)
        reports = list(store.alerts())
    heard = {
        (match.watchlist.id, match.article.id)
        for report in reports
        if any(one.at for one in report.told)
        for match in report.alert.matches
    }
    at_once = tuple(one.at for one in simulation.heard if not _is_gathered(one))
    together = tuple(one.at for one in simulation.heard if _is_gathered(one))
    return Replay(len(reports), at_once, together, frozenset(_heard(events, heard)))


def _heard(events: Iterable[Event], heard: Iterable[tuple[str, str]]) -> Iterator[Event]:
    known = set(heard)
    return (event for event in events if any((event[0], one) in known for one in event[1]))


def _is_gathered(one: Heard) -> bool:
    return parted(one.cause)[0] in {DEVELOPMENT, "digest"}


def _is_night(at: datetime) -> bool:
    return not 7 <= at.astimezone(ZONE).hour < 23
