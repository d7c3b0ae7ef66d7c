"""What a backtest comes to: matches as lines, a table of watchlists, and what a change of them gains and loses.

Pure: articles and compiled watchlists come in, lines go out. Hides that watchlists which did not change need not be
held against anything twice.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from monitor import codec
from monitor.matching import compile_watchlists
from monitor.model import How
from monitor.stories.clustering import Clustering
from monitor.stories.signing import sign_matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from monitor.matching.expressions import Watchlist
    from monitor.model import Article, Evidence, Match

NEWEST: Final = 3
"""Matches of a watchlist that are kept to be shown."""


def match_line(match: Match, article: str | int, fields: Mapping[str, str], **more: object) -> str:
    """Return one JSON object: watchlist, article, score, evidence, after what else is to be said.

    ``article`` and ``fields`` are the id and the words as they were given; what is quoted is quoted from those.
    """
    line = {
        **more,
        "watchlist": match.watchlist.id,
        "article": article,
        "score": match.score,
        "evidence": [_evidence(one, fields[one.field]) for one in match.evidence],
    }
    return codec.to_json(line).decode()


def _evidence(one: Evidence, words: str) -> dict[str, object]:
    return {
        "clause": one.clause,
        "field": one.field,
        "text": words[one.start : one.end],
        "start": one.start,
        "end": one.end,
        "how": one.how,
        "quote": words[one.quote_start : one.quote_start + len(one.quote)],
        "mentions": [replace(mention, text=words[mention.start : mention.end]) for mention in one.mentions],
    }


# --- One set of watchlists -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """What one watchlist came to: its articles and stories by id, how many are likely only, the newest matches."""

    articles: set[str] = field(default_factory=set)
    stories: set[str] = field(default_factory=set)
    likely: int = 0
    newest: list[Match] = field(default_factory=list)

    def add(self, match: Match) -> None:
        """Count a match; a further version of an article counts for nothing."""
        if match.article.id not in self.articles:
            self.articles.add(match.article.id)
            self.likely += any(one.how is How.VARIANT for one in match.evidence)
            self.newest = sorted([*self.newest, match], key=when_matched, reverse=True)[:NEWEST]


@dataclass(slots=True)
class Summary:
    """Counts over a backtest as it goes on. ``first`` and ``last`` are the instants that its articles span."""

    articles: int = 0
    matches: int = 0
    first: datetime | None = None
    last: datetime | None = None
    tallies: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    clustering: Clustering = field(default_factory=Clustering)

    def add(self, article: Article, matches: Sequence[Match]) -> list[str]:
        """Count an article and its matches; return the story of each."""
        self.articles += 1
        self.matches += len(matches)
        at = when(article)
        self.first, self.last = min(self.first or at, at), max(self.last or at, at)
        told = [self.clustering.add(match) for match in sign_matches(article, matches)]
        for match, story in zip(matches, told, strict=True):
            self.tallies[match.watchlist.id].add(match)
            self.tallies[match.watchlist.id].stories.add(story)
        return told

    @property
    def days(self) -> float:
        """Days that the articles span, at least one."""
        span = self.last - self.first if self.first and self.last else timedelta()
        return max(span / timedelta(days=1), 1.0)


def when(article: Article) -> datetime:
    """Tell when an article was news: when it was published, as far as it says, else first seen."""
    return article.header.published or article.header.first_seen


def when_matched(match: Match) -> datetime:
    """Tell when a match's article was news, likewise."""
    return match.article.published or match.article.first_seen


# --- What a change does ----------------------------------------------------------------------------------------------

Change = Literal["gained", "lost"]


@dataclass(slots=True)
class Difference:
    """What one changed watchlist gains and loses; ``kept`` counts what matches before and after."""

    gained: Tally = field(default_factory=Tally)
    lost: Tally = field(default_factory=Tally)
    kept: int = 0


class Comparison:
    """Watchlists before and after a change, held against the same articles.

    ``added``, ``removed``, ``changed`` and ``unchanged`` are ids. A watchlist whose wording, concepts and engine are
    the same matches the same, so only the others are compiled.
    """

    def __init__(self, before: Sequence[Watchlist], after: Sequence[Watchlist]) -> None:
        old = {one.header.id: one for one in before}
        new = {one.header.id: one for one in after}
        same = {name for name in old.keys() & new.keys() if old[name].header.revision == new[name].header.revision}
        self.added = sorted(new.keys() - old.keys())
        self.removed = sorted(old.keys() - new.keys())
        self.changed = sorted((old.keys() & new.keys()) - same)
        self.unchanged = sorted(same)
        self.differences = {name: Difference() for name in (*self.changed, *self.added, *self.removed)}
        self._before = compile_watchlists([one for name, one in old.items() if name not in same])
        self._after = compile_watchlists([one for name, one in new.items() if name not in same])

    def add(self, article: Article, now: datetime) -> Iterator[tuple[Change, Match]]:
        """Hold an article against both; give what is gained and lost."""
        before = {match.watchlist.id: match for match in self._before.match(article, now)}
        after = {match.watchlist.id: match for match in self._after.match(article, now)}
        for name in sorted(before.keys() | after.keys()):
            difference = self.differences[name]
            if name not in before:
                difference.gained.add(after[name])
                yield "gained", after[name]
            elif name not in after:
                difference.lost.add(before[name])
                yield "lost", before[name]
            else:
                difference.kept += 1
