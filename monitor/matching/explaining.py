"""Why a text does or does not match: what each clause saw, and what nearly counted.

The verdict is the engine's own. What each part saw is asked of the same engine, part by part; the nearest miss is found
by letting go of one rule at a time and seeing which of them it was that refused. Pure; shows nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from monitor.matching.expressions import AtLeast, Has, Kind, Near, Only, Term, TermSet, Where, Without
from monitor.matching.reference import Matcher, compile_watchlists, read_article
from monitor.model import How, Status
from monitor.text.lexicon import is_listed, key
from monitor.text.likeness import likeness
from monitor.text.tokens import Script, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.matching.expressions import Clause, Watchlist
    from monitor.matching.reference import Reader
    from monitor.model import Article, Evidence, Match

MOST_MISSES: Final = 5
ALIKE: Final = 0.6
"""From here on a word looks enough like a term's to be told why it is not."""

LINES: Final = {
    1: "a plain term is its whole family, a name its spellings, an exact term itself",
    2: "ال on a single word is kept",
    3: "a phrase stands in order, in a sentence, with hardly a word between",
    4: "names may be spelt differently, other words never",
    5: "an exception takes away the mentions that it overlaps",
    6: "near: one of each, in one paragraph, close together",
    7: "all, any and at_least look at the article, or where in: says",
    8: "none holds back, in all or where in: and within: say",
    9: "sets nest in sets, logic in logic",
    10: "vowel marks count when both sides carry them",
}
"""The ten lines of meaning (docs/watchlists.md), in a few words each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """Something in the text that nearly counted for ``label``, and which line of meaning refused it."""

    label: str
    text: str
    why: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one clause saw. ``note`` says what of it decided; ``saw`` are its mentions, the counting ones first."""

    label: str
    holds: bool
    line: int
    note: str = ""
    saw: tuple[Evidence, ...] = ()
    parts: tuple[Seen, ...] = ()
    misses: tuple[Miss, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why an article matches, or not. ``barred`` says why it was not even looked at; ``remarks`` what else matters."""

    watchlist: Watchlist
    match: Match | None
    seen: Seen
    barred: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def line(self) -> int:
        """The line of meaning that decided: of the first part that fails, or of the whole when it holds."""
        return _deciding(self.seen)

    @property
    def misses(self) -> tuple[Miss, ...]:
        """What came nearest, over all clauses."""
        return tuple(_misses(self.seen))[:MOST_MISSES]


def _deciding(seen: Seen) -> int:
    failing = next((part for part in seen.parts if not part.holds), None)
    if seen.holds or failing is None:
        return seen.misses[0].line if seen.misses and not seen.holds else seen.line
    return _deciding(failing) if not seen.note else seen.line


def _misses(seen: Seen) -> Iterator[Miss]:
    yield from seen.misses
    for part in seen.parts:
        yield from _misses(part)


def explain(watchlist: Watchlist, article: Article, now: datetime) -> Explanation:
    """Hold an article against a watchlist and tell what each part of it saw."""
    matcher = compile_watchlists([watchlist])
    return Explanation(
        watchlist=watchlist,
        match=next(iter(matcher.match(article, now)), None),
        seen=_Explaining(article, matcher).clause(watchlist.clause),
        barred=tuple(_barred(watchlist, article, now)),
        remarks=("status: shadow: matches are recorded, nobody is told",)
        if watchlist.header.status is Status.SHADOW
        else (),
    )


def _barred(watchlist: Watchlist, article: Article, now: datetime) -> Iterator[str]:
    if watchlist.expires and now.date() > watchlist.expires:
        yield f"it expired on {watchlist.expires}"
    header, only = article.header, watchlist.only
    for what, value, admitted in (
        ("source", header.source, only.sources),
        ("lang", header.lang, only.langs),
        ("tier", header.tier, only.tiers),
    ):
        if admitted and value not in admitted:
            yield f"only: {what} {', '.join(map(str, sorted(admitted, key=str)))}; this one is {value or 'unknown'}"


class _Explaining:
    """The clauses of one watchlist over one article."""

    def __init__(self, article: Article, matcher: Matcher) -> None:
        self._article = article
        self._reader: Reader = matcher.open(article)
        self._passages = list(read_article(article))

    def clause(self, clause: Clause) -> Seen:
        match clause:
            case Has():
                return self._has(clause)
            case Near():
                return self._near(clause)
            case Without():
                return self._without(clause)
            case AtLeast():
                return self._at_least(clause)

    # --- Kinds of clause

    def _has(self, clause: Has) -> Seen:
        evidence = self._reader.evaluate(clause)
        found = self._reader.found(clause.terms)
        counting = tuple(one for spot, one in found if not spot.weak and self._stands(one, clause.where))
        weak = tuple(one for spot, one in found if spot.weak)
        outside = [one for spot, one in found if not spot.weak and one not in counting]
        if evidence is not None:
            return Seen(label=clause.label, holds=True, line=_line_of(evidence[0]), saw=counting)
        misses = [*self._outside(clause, outside), *self._weak(clause, weak), *self._refused(clause.terms)]
        return Seen(label=clause.label, holds=False, line=1, misses=tuple(misses[:MOST_MISSES]))

    def _near(self, clause: Near) -> Seen:
        evidence = self._reader.evaluate(clause)
        parts = tuple(self._operand(operand) for operand in clause.operands)
        if evidence is not None:
            return Seen(label=clause.label, holds=True, line=6, note=_window(evidence[0]), saw=evidence, parts=parts)
        missing = not all(part.holds for part in parts)
        return Seen(label=clause.label, holds=False, line=6, note="" if missing else self._too_far(clause), parts=parts)

    def _operand(self, terms: TermSet) -> Seen:
        """See a set as `near` does: weak forms count."""
        found = tuple(one for _, one in self._reader.found(terms))
        line = _line_of(found[0]) if found else 1
        misses = () if found else tuple(self._refused(terms))[:MOST_MISSES]
        return Seen(label=terms.label, holds=bool(found), line=line, saw=found, misses=misses)

    def _too_far(self, clause: Near) -> str:
        """Let go of order, place and distance, one after the other, and say which of them it was."""
        asked = (
            f"within {clause.within}" if isinstance(clause.within, str) else f"at most {clause.within} words between"
        )
        for loose, why in (
            (replace(clause, ordered=False), "they stand close enough, in another order"),
            (replace(clause, within="paragraph"), "they stand too far apart"),
            (replace(clause, within="paragraph", ordered=False), "they stand too far apart, and in another order"),
            (replace(clause, within="paragraph", ordered=False, where=Where.ARTICLE), f"not in the {clause.where}"),
        ):
            if window := self._reader.evaluate(loose):
                gaps = f"{_gaps(window[0])} words between" if "far" in why else _window(window[0])
                return f"{why}: {gaps}; asked is {asked}"
        return "never in one paragraph"

    def _without(self, clause: Without) -> Seen:
        parts = tuple(self.clause(one) for one in clause.clauses)
        held = [part for part in parts if part.holds]
        if clause.within is not None:
            near = ", ".join(f"«{one.text}»" for part in held for one in part.saw)
            note = f"takes away what stands within {clause.within} of {near}" if held else ""
            return Seen(label=clause.label, holds=True, line=8, note=note, parts=_kept(parts))
        note = f"held back by {held[0].label}" if held else ""
        return Seen(label=clause.label, holds=not held, line=8, note=note, parts=_kept(parts))

    def _at_least(self, clause: AtLeast) -> Seen:
        parts = tuple(self.clause(one) for one in clause.clauses)
        holds = self._reader.evaluate(clause) is not None
        held = sum(part.holds for part in parts)
        note = "" if clause.count == len(parts) and held < len(parts) else f"{held} of {len(parts)} hold"
        if held >= clause.count and not holds:
            note = "what holds stands too close to what none: forbids"
        if not holds and held < clause.count:
            note = ""
        line = 8 if held >= clause.count and not holds else 7
        return Seen(label=clause.label, holds=holds, line=line, note=note, parts=parts)

    # --- What nearly counted

    def _stands(self, one: Evidence, where: Where) -> bool:
        if where is Where.LEAD:
            passage = next(passage for passage in self._passages if passage.field == "text")
            last = passage.tokens[passage.lead - 1].end if passage.lead else 0
            return one.field == "text" and one.end <= last
        return where is Where.ARTICLE or where.value == one.field

    def _outside(self, clause: Has, found: Sequence[Evidence]) -> Iterator[Miss]:
        for one in found:
            yield Miss(label=clause.label, text=one.text, why=f"stands outside in: {clause.where}", line=7)

    def _weak(self, clause: Has, found: Sequence[Evidence]) -> Iterator[Miss]:
        why = "also another word: such a form counts inside a phrase or a near only"
        for one in found:
            yield Miss(label=clause.label, text=one.text, why=why, line=1)

    def _refused(self, terms: TermSet) -> Iterator[Miss]:
        """Find what would count for a set without one of its rules; each place in the text once."""
        told: set[str] = set()
        for miss in (*self._excepted(terms), *self._relaxed(terms), *self._alike(terms)):
            if miss.text not in told:
                told.add(miss.text)
                yield miss

    def _excepted(self, terms: TermSet) -> Iterator[Miss]:
        for one in _find(replace(terms, exceptions=()), self._article):
            exceptions = TermSet("", terms.exceptions)
            around = [other for other in _find(exceptions, self._article) if _overlap(one, other)]
            if around:
                yield Miss(label=terms.label, text=one.text, why=f"stands in the exception «{around[0].text}»", line=5)
        for nested in terms.sets:
            yield from self._excepted(nested)

    def _relaxed(self, terms: TermSet) -> Iterator[Miss]:
        for term in _all_terms(terms):
            words = [token.spelt for token in tokenize(term.text)]
            if len(words) == 1 and words[0].startswith("ال") and term.kind is not Kind.EXACT:
                for one in _find(TermSet("", (replace(term, text=words[0][2:]),)), self._article):
                    why = f"the term «{term.text}» has an ال that the text must have too"
                    yield Miss(label=terms.label, text=one.text, why=why, line=2)
            if len(words) > 1:
                yield from self._scattered(terms, term, words)
            if term.kind is not Kind.NAME and len(words) == 1:
                for one in _find(TermSet("", (Term(term.text, Kind.NAME),)), self._article):
                    why = f"a spelling of «{term.text}», which is not written as a name; write name: if it is one"
                    yield Miss(label=terms.label, text=one.text, why=why, line=4)

    def _scattered(self, terms: TermSet, term: Term, words: Sequence[str]) -> Iterator[Miss]:
        """Find the words of a phrase where they stand together, but not as a phrase."""
        sets = tuple(TermSet(word, (Term(word, term.kind),)) for word in words if not is_listed(word, "function_words"))
        if len(sets) < 2:  # noqa: PLR2004 - no phrase is left
            return
        for unit, why in (
            ("sentence", "the words are there, but not one after the other"),
            ("paragraph", "the words are in one paragraph, but in more than one sentence"),
        ):
            near = Near("", sets, "sentence" if unit == "sentence" else "paragraph")
            if found := _evaluate(near, self._article):
                ordered = _evaluate(replace(near, ordered=True), self._article)
                said = why if ordered or unit == "paragraph" else "the words are there, in another order"
                yield Miss(label=terms.label, text=found[0].text, why=f"«{term.text}»: {said}", line=3)
                return

    def _alike(self, terms: TermSet) -> Iterator[Miss]:
        """Find words that look like a term's and are others."""
        wanted = {
            token.spelt: term
            for term in _all_terms(terms)
            for token in tokenize(term.text)
            if token.script is not Script.ADDRESS and not is_listed(token.spelt, "function_words")
        }
        seen: dict[str, str] = {}
        for passage in self._passages:
            for token in passage.tokens:
                seen.setdefault(key(token.spelt), passage.text[token.start : token.end])
        pairs = [
            (max(likeness(spelt, word), likeness(spelt.removeprefix("ال"), word)), word, spelt)
            for word in wanted
            for spelt in seen
        ]
        for how, word, spelt in sorted(pairs, reverse=True)[: 2 * MOST_MISSES]:
            if how >= ALIKE and len(key(word)) > 2:  # noqa: PLR2004 - of two letters everything looks alike
                term = wanted[word]
                single = term.text.strip() == word
                if how == 1 and not single:
                    why = f"a word of «{term.text}», whose others are not beside it"
                    yield Miss(label=terms.label, text=seen[spelt], why=why, line=3)
                elif how < 1:
                    yield Miss(
                        label=terms.label, text=seen[spelt], why=f"looks like «{word}» and is another word", line=1
                    )


# --- Pure parts ------------------------------------------------------------------------------------------------------


def _kept(parts: Sequence[Seen]) -> tuple[Seen, ...]:
    """Drop what nearly counted: of a `none`, nobody wants to know."""
    return tuple(replace(part, misses=(), parts=_kept(part.parts)) for part in parts)


def _find(terms: TermSet, article: Article) -> list[Evidence]:
    matcher = Matcher([_only(Has(terms))])
    return [one for _, one in matcher.open(article).found(terms)]


def _evaluate(clause: Clause, article: Article) -> tuple[Evidence, ...] | None:
    return Matcher([_only(clause)]).open(article).evaluate(clause)


def _only(clause: Clause) -> Watchlist:
    from monitor.matching.expressions import Watchlist
    from monitor.model import WatchlistHeader

    return Watchlist(WatchlistHeader(id="part", name="part"), clause, Only())


def _all_terms(terms: TermSet) -> Iterator[Term]:
    yield from terms.terms
    for nested in terms.sets:
        yield from _all_terms(nested)


def _overlap(one: Evidence, other: Evidence) -> bool:
    return one.field == other.field and one.start < other.end and other.start < one.end


def _line_of(evidence: Evidence) -> int:
    """Say which line lets a mention count."""
    mention = evidence.mentions[0] if evidence.mentions else None
    if evidence.how is How.VARIANT:
        return 4
    if mention and len(mention.term.split()) > 1:
        return 3
    return 2 if mention and mention.term.startswith("ال") else 1


def _gaps(window: Evidence) -> int:
    """Count the words between the mentions of a window."""
    between = list(window.text)
    for one in window.mentions:
        for place in range(one.start - window.start, one.end - window.start):
            between[place] = " "
    return len("".join(between).split())


def _window(window: Evidence) -> str:
    return f"{_gaps(window)} words between"
