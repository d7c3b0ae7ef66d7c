"""The matcher that is obviously correct, and slow: every clause of every watchlist evaluated over every word.

It cuts each text as a whole and keeps nothing between articles but its compiled terms. The engine is held against it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.matching.evaluating import Reader, read_article, score
from monitor.matching.expressions import AtLeast, Has, Near, Without
from monitor.matching.phrases import compile_phrase, read_whole
from monitor.matching.terms import read_term
from monitor.matching.vocabulary import Vocabulary
from monitor.model import Match

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.matching.expressions import Clause, Term, TermSet, Watchlist
    from monitor.model import Article


class Reference:
    """Watchlists without any index."""

    def __init__(self, watchlists: Sequence[Watchlist]) -> None:
        self._watchlists = watchlists
        self._vocabulary = Vocabulary()
        self._phrases = {
            term: compile_phrase(read_term(term), self._vocabulary)
            for watchlist in watchlists
            for term in _terms(watchlist.clause)
        }

    def match(self, article: Article, now: datetime) -> list[Match]:
        """Hold an article against every watchlist; ``only`` and ``expires`` are not looked at."""
        reader = Reader(self._phrases, [read_whole(one, self._vocabulary) for one in read_article(article)])
        found = ((one, reader.evaluate(one.clause)) for one in self._watchlists)
        return [
            Match(
                watchlist=one.header,
                article=article.header,
                score=score(held),
                evidence=held,
                matched_at=now,
                watched=tuple(dict.fromkeys(reader.watched(one.clause))),
            )
            for one, held in found
            if held is not None
        ]


def _terms(clause: Clause) -> Iterator[Term]:
    if isinstance(clause, Has):
        yield from _terms_of(clause.terms)
    elif isinstance(clause, Near):
        for operand in clause.operands:
            yield from _terms_of(operand)
    elif isinstance(clause, AtLeast | Without):
        for one in clause.clauses:
            yield from _terms(one)


def _terms_of(terms: TermSet) -> Iterator[Term]:
    yield from (*terms.terms, *terms.exceptions)
    for nested in terms.sets:
        yield from _terms_of(nested)
