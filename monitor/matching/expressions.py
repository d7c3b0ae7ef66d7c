"""What a watchlist asks of an article, as a tree of frozen values: the contract between watchlists and engines.

`watchlists` builds these from YAML; `matching` evaluates them. Design §6 gives their meaning in ten lines. Nothing is
evaluated here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date

    from monitor.model import WatchlistHeader


class Kind(StrEnum):
    """How freely a term may vary: its whole family, spelling variants only, orthography only."""

    PLAIN = "plain"
    NAME = "name"
    EXACT = "exact"


class Where(StrEnum):
    """Which part of the article a clause looks at. The lead is the first paragraph, at most 80 words."""

    ARTICLE = "article"
    TITLE = "title"
    LEAD = "lead"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Term:
    """One word or phrase as an analyst wrote it; ``aliases`` are spellings of its words, a group a name."""

    text: str
    kind: Kind = Kind.PLAIN
    aliases: tuple[tuple[str, ...], ...] = ()

    def __hash__(self) -> int:
        """Hash the text alone, which is quick: few terms of one text differ in kind."""
        return hash(self.text)


@dataclass(frozen=True, slots=True)
class TermSet:
    """Mentions of any of these terms or nested sets, without those that overlap a mention of an exception.

    A mention that a longer positive term of the set covers stands in spite of an exception inside it. Nested sets bring
    their own exceptions, which do not reach further. ``label`` is how people know the set: ``$assad``.
    """

    label: str
    terms: tuple[Term, ...] = ()
    sets: tuple[TermSet, ...] = ()
    exceptions: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Has:
    """At least one mention of the set, in ``where``."""

    terms: TermSet
    where: Where = Where.ARTICLE

    @property
    def label(self) -> str:
        """How people know the clause."""
        return self.terms.label


@dataclass(frozen=True, slots=True)
class Near:
    """One mention of each operand in the same paragraph, sharing no word.

    ``within`` is the number of words allowed in the gaps of the tightest such window together, or the unit that must
    hold all of them. The title is a paragraph of its own.
    """

    label: str
    operands: tuple[TermSet, ...]
    within: int | Literal["sentence", "paragraph"]
    ordered: bool = False
    where: Where = Where.ARTICLE


@dataclass(frozen=True, slots=True)
class AtLeast:
    """``count`` distinct clauses of these hold: all of them is `all`, one of them is `any` over clauses."""

    label: str
    count: int
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Without:
    """None of these clauses holds. Stands directly in an `all` only; it gives no evidence.

    With ``within`` the clauses are sets (`Has`), and their mentions silence those around them instead of the article:
    the other clauses of the `all` do without what stands in the same sentence or paragraph, or in the same paragraph
    with at most so many words between.
    """

    label: str
    clauses: tuple[Clause, ...]
    within: int | Literal["sentence", "paragraph"] | None = None


Clause = Has | Near | AtLeast | Without


@dataclass(frozen=True, slots=True)
class Only:
    """Articles that a watchlist looks at; an empty field admits all."""

    sources: frozenset[str] = frozenset()
    langs: frozenset[str] = frozenset()
    tiers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Watchlist:
    """A compiled watchlist: what it asks, whom it concerns, until which day (inclusive, UTC)."""

    header: WatchlistHeader
    clause: Clause
    only: Only = Only()
    expires: date | None = None
