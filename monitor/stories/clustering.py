"""Which story an article joins as it streams in: look up, decide, insert, in the order in which articles come.

Nothing is merged afterwards: an article that would join two stories joins the one it is most like. Whoever keeps
stories keeps the index too: `Clustering` in memory, rows under the watchlist's lock in a store. Both find candidates by
`keys`, ask `decide`, and insert; of an article's versions they give the first that shares a key.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.model import stable_hash
from monitor.ports import Member, Signed
from monitor.stories.relating import WINDOW, Relation, keys, relate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from monitor.model import Match


MOST: Final = 500
"""Versions that a new article is held against, the newest of those that share a key with it."""


@dataclass(frozen=True, slots=True)
class Placing:
    """The story of an article; ``relation`` says what it is to article ``to``, which it joined, if it opened none."""

    story: str
    to: str = ""
    relation: Relation | None = None


def signed_of(match: Match) -> Signed | None:
    """Take a match's article as stories know it, if it is signed."""
    if match.signature is None:
        return None
    return Signed(article=match.article.id, at=news_of(match), signature=match.signature)


def news_of(match: Match) -> datetime:
    """Say when a match's article was news: when it was published, but not after it was seen."""
    seen = match.article.first_seen
    return min(match.article.published or seen, seen)


def story_of(match: Match, candidates: Iterable[Member]) -> str:
    """Say which story a match's article joins, of those that the candidates tell; an unsigned one is its own."""
    new = signed_of(match)
    return decide(match.watchlist.id, new, candidates).story if new else _own(match.watchlist.id, match.article.id)


def _own(watchlist: str, article: str) -> str:
    return stable_hash("story", watchlist, article)


def decide(watchlist: str, new: Signed, candidates: Iterable[Member]) -> Placing:
    """Say which story an article joins, of those that the candidates tell; its own where it tells none of them.

    An article known by its id stays in its story. A story is joined unless more of its candidates are told apart from
    the article than tell the same; so series of reports do not grow together. Of equally like ones the earliest counts,
    then the lesser id.
    """
    members = list(candidates)
    versions = sorted(member.story for member in members if member.signed.article == new.article)
    if versions:
        return Placing(versions[0])
    related = [(member, relate(new, member.signed)) for member in members]
    votes: Counter[str] = Counter()
    for member, relation in related:
        votes[member.story] += relation.same - relation.told_apart
    same = [(member, relation) for member, relation in related if relation.same and votes[member.story] >= 0]
    if not same:
        return Placing(_own(watchlist, new.article))
    member, relation = min(same, key=lambda pair: (-pair[1].likeness, pair[0].signed.at, pair[0].signed.article))
    return Placing(member.story, member.signed.article, relation)


class Clustering:
    """The stories of watchlists, in memory: the same articles in the same order make the same stories."""

    def __init__(self) -> None:
        self._members: list[Member] = []
        self._versions: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._filed: defaultdict[tuple[str, str], list[tuple[datetime, int]]] = defaultdict(list)

    def add(self, match: Match) -> str:
        """Put a match's article into its story; return that."""
        new = signed_of(match)
        return self.place(match.watchlist.id, new).story if new else story_of(match, ())

    def place(self, watchlist: str, new: Signed) -> Placing:
        """Put an article into its story."""
        found = [(watchlist, key) for key in keys(new.signature)]
        versions = self._versions[watchlist, new.article]
        placing = decide(watchlist, new, self._candidates(found, new, versions))
        for key in found:
            insort(self._filed[key], (new.at, len(self._members)))
        versions.append(len(self._members))
        self._members.append(Member(placing.story, new))
        return placing

    def _candidates(self, found: Iterable[tuple[str, str]], new: Signed, versions: list[int]) -> Iterator[Member]:
        """Give each article once that shares a key and is near enough, and the same article whenever it was."""
        near = sorted({number for key in found for number in self._near(key, new.at)})
        articles: set[str] = set()
        for number in sorted({*near[-MOST:], *versions}):
            member = self._members[number]
            if member.signed.article not in articles:
                articles.add(member.signed.article)
                yield member

    def _near(self, key: tuple[str, str], at: datetime) -> Iterator[int]:
        filed = self._filed.get(key, [])
        begin = bisect_left(filed, at - WINDOW, key=_at)
        end = bisect_right(filed, at + WINDOW, key=_at)
        return (number for _, number in filed[begin:end])


def _at(filed: tuple[datetime, int]) -> datetime:
    return filed[0]
