"""What a term finds: how each of its words is read, the forms looked for, and how often a text has them. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.matching.expressions import Has, TermSet, Watchlist
from monitor.matching.reference import Matcher
from monitor.matching.terms import describe, read_term
from monitor.model import WatchlistHeader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.matching.expressions import Kind, Term
    from monitor.model import Article, How


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A form that is looked for: how it comes from the word, whether it counts in a phrase or near only."""

    spelt: str
    how: How
    weak: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One word of a term: what it is taken for, whether spelling variants count, and its forms without particles."""

    spelt: str
    taken_for: str
    varies: bool
    forms: tuple[Found, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """A term as the engine reads it; ``spellings`` are the other ways to space it."""

    term: str
    kind: Kind
    summary: str
    words: tuple[Reading, ...]
    spellings: tuple[str, ...]


def expand(term: Term) -> Expansion:
    """Tell how a term is read, and every form of it."""
    read = read_term(term)
    first = read.spellings[0] if read.spellings else ()
    words = tuple(
        Reading(
            spelt=word.spelt,
            taken_for=str(word.reading),
            varies=word.varies,
            forms=tuple(
                {form.spelt: Found(spelt=form.spelt, how=form.how, weak=form.weak) for form in word.forms}.values()
            ),
        )
        for word in first
    )
    others = tuple(" ".join(word.spelt for word in spelling) for spelling in read.spellings[1:])
    return Expansion(term=term.text, kind=term.kind, summary=describe(term), words=words, spellings=others)


def count(term: Term, articles: Iterable[Article]) -> tuple[Counter[str], int]:
    """Count how a term is written in these articles, and the articles."""
    watchlist = Watchlist(WatchlistHeader(id="term", name="term"), Has(TermSet(term.text, (term,))))
    matcher, written, read = Matcher([watchlist]), Counter[str](), 0
    for article in articles:
        read += 1
        reader = matcher.open(article)
        written.update(one.text for spot, one in reader.found(TermSet("", (term,))) if not spot.weak)
    return written, read
