"""Why a text does or does not match: what each clause saw, what decided, and what nearly counted.

The verdict is the engine's own, and what each part saw is asked of the same engine, part by part. The nearest miss is
found by letting go of one rule at a time and seeing which of them it was that refused. Pure; shows nothing itself.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from monitor.matching.engine import compile_watchlists
from monitor.matching.evaluating import Reader, read_article
from monitor.matching.expanding import rules
from monitor.matching.expressions import AtLeast, Has, Kind, Near, TermSet, Where, Without
from monitor.matching.passages import MadeTokens
from monitor.matching.phrases import FILLERS, MOST_FILLERS, compile_phrase, read_whole
from monitor.matching.terms import Reading, Word, read_term
from monitor.matching.vocabulary import Vocabulary
from monitor.model import How, Status
from monitor.text.arabic import cuts, has_article
from monitor.text.forms import split_marks
from monitor.text.lexicon import is_listed, key
from monitor.text.likeness import likeness
from monitor.text.tokens import Script, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from monitor.matching.evaluating import Shade
    from monitor.matching.expressions import Clause, Term, Watchlist
    from monitor.matching.passages import Passage
    from monitor.matching.phrases import Read, Spot
    from monitor.model import Article, Evidence, Match
    from monitor.text.tokens import Token

MOST_MISSES: Final = 5
MOST_REMOVED: Final = 50
"""Mentions that exceptions took from one set, of which it is told."""

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

_NOBODY: Final[Shade] = frozenset()
_NEGATING: Final = "لا لم لن ليس ليست ليسوا غير دون بدون ضد بلا not no without against"
_NEGATORS: Final = frozenset(map(key, _NEGATING.split()))
_FILLERS: Final = frozenset(map(key, FILLERS))
_SHORT: Final = 3
"""Letters of a word that too many other words look like."""

_Said = tuple[str, int, float]
"""Why something does not count, the line of meaning that says so, and its distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """Something in the text that nearly counted for the set ``label``, and which line of meaning refused it.

    ``field[start:end] == text``. ``distance`` orders misses: 0 is a mention that something took away, 1 to 2 a form or
    spelling that is not asked for, 3 to 4 words of a phrase, from 5 on another word that looks alike.
    """

    label: str
    text: str
    why: str
    line: int
    term: str
    field: str
    start: int
    end: int
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """A mention that the exception ``term`` took away, by its words ``by``."""

    mention: Evidence
    term: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one clause saw, and the line of meaning that decided it.

    ``note`` says what the parts do not; ``tally`` counts those that hold. ``saw`` are the mentions that count, of a
    `near` its window; ``closest`` is the tightest window where none is tight enough.
    """

    label: str
    holds: bool
    line: int
    note: str = ""
    tally: str = ""
    saw: tuple[Evidence, ...] = ()
    removed: tuple[Removed, ...] = ()
    closest: Evidence | None = None
    parts: tuple[Seen, ...] = ()
    misses: tuple[Miss, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an article: title or text, its paragraph and the sentence in that, counted from 1."""

    field: str
    paragraph: int
    sentence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why an article matches, or not. ``barred`` says why it was not even looked at; ``remarks`` what else matters."""

    watchlist: Watchlist
    match: Match | None
    seen: Seen
    passages: tuple[Passage, ...]
    barred: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def line(self) -> int:
        """The line of meaning that decided: of the part that fails, or of the whole when it holds."""
        return self.seen.line

    @property
    def misses(self) -> tuple[Miss, ...]:
        """What came nearest, over all clauses."""
        return _nearest(_misses(self.seen)) if not self.seen.holds else ()

    def rules(self, evidence: Evidence) -> tuple[str, ...]:
        """Name the rules by which the words of a sighting count; a word that stands as it was written needs none."""
        terms = {term.text: term for term in _terms_of(self.watchlist.clause)}
        found = (one for mention in evidence.mentions for one in rules(terms[mention.term], mention.text))
        return tuple(dict.fromkeys(f"{one.rule} of form {one.verb}" if one.verb else str(one.rule) for one in found))

    def place(self, field: str, start: int) -> Place:
        """Say in which paragraph and sentence a place of the article lies."""
        passage = next(one for one in self.passages if one.field == field)
        token = max(bisect_right(passage.tokens, start, key=attrgetter("start")) - 1, 0)
        paragraph = passage.paragraph[token]
        first = passage.sentence[bisect_left(passage.paragraph, paragraph)]
        return Place(field, paragraph + 1, passage.sentence[token] - first + 1)


def explain(watchlist: Watchlist, article: Article, now: datetime) -> Explanation:
    """Hold an article against a watchlist and tell what each part of it saw."""
    matcher = compile_watchlists([watchlist])
    passages = tuple(read_article(article))
    return Explanation(
        watchlist=watchlist,
        match=next(iter(matcher.match(article, now)), None),
        seen=_Explaining(matcher.open(article), passages, watchlist.clause).clause(watchlist.clause, _NOBODY),
        passages=passages,
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


def _misses(seen: Seen) -> Iterator[Miss]:
    yield from seen.misses
    for part in seen.parts:
        yield from _misses(part)


def _nearest(misses: Iterable[Miss]) -> tuple[Miss, ...]:
    """Keep the few nearest, each place in the article once."""
    kept: list[Miss] = []
    for miss in sorted(misses, key=attrgetter("distance")):
        if len(kept) == MOST_MISSES:
            break
        if not any(_overlap(miss, other) for other in kept):
            kept.append(miss)
    return tuple(kept)


class _Explaining:
    """The clauses of one watchlist over one article, asked of its reader."""

    def __init__(self, reader: Reader, passages: Sequence[Passage], clause: Clause) -> None:
        self._reader = reader
        self._passages = passages
        self._whole = clause
        self._made: _Loosened | None = None

    @property
    def _loosened(self) -> _Loosened:
        """The engine without its rules; made when first something is missing."""
        if self._made is None:
            self._made = _Loosened(self._passages, frozenset(_terms_of(self._whole)))
        return self._made

    def clause(self, clause: Clause, shade: Shade) -> Seen:
        """See a clause as the engine does: without the mentions in the shade of a `none`."""
        match clause:
            case Has():
                return self._has(clause, shade)
            case Near():
                return self._near(clause, shade)
            case Without():
                return self._without(clause)
            case AtLeast():
                return self._at_least(clause, shade)

    # --- Kinds of clause

    def _has(self, clause: Has, shade: Shade) -> Seen:
        evidence = self._reader.evaluate(clause, shade)
        found = self._reader.found(clause.terms)
        removed = tuple(islice(self._removed(clause.terms), MOST_REMOVED))
        if evidence is not None:
            counting = tuple(one for spot, one in found if not self._refusal(clause, spot, one, shade))
            return Seen(label=clause.label, holds=True, line=_line_of(evidence[0]), saw=counting, removed=removed)
        refused = (
            _missed(clause.terms, one, refusal)
            for spot, one in found
            if (refusal := self._refusal(clause, spot, one, shade))
        )
        misses = _nearest((*refused, *self._refused(clause.terms, removed)))
        line = misses[0].line if misses else 1
        return Seen(label=clause.label, holds=False, line=line, removed=removed, misses=misses)

    def _refusal(self, clause: Has, spot: Spot, one: Evidence, shade: Shade) -> _Said | None:
        """Say why a mention does not count for a clause: reason, line, distance."""
        if _is_shaded(spot, one.field, shade):
            return "stands too close to what none: forbids", 8, 0.0
        if not self._stands(spot, one, clause.where):
            return f"stands outside in: {clause.where}", 7, 0.0
        if spot.weak:
            return "also another word: such a form counts inside a phrase or a near only", 1, 0.5
        return None

    def _stands(self, spot: Spot, one: Evidence, where: Where) -> bool:
        if where is Where.LEAD:
            return one.field == "text" and any(spot.last < each.lead for each in self._passages if each.field == "text")
        return where is Where.ARTICLE or where.value == one.field

    def _near(self, clause: Near, shade: Shade) -> Seen:
        evidence = self._reader.evaluate(clause, shade)
        parts = tuple(self._operand(operand) for operand in clause.operands)
        if evidence is not None:
            note = _gap(evidence[0])
            return Seen(label=clause.label, holds=True, line=6, note=note, saw=evidence, parts=parts)
        missing = [part for part in parts if not part.holds]
        if missing:
            tally = f"{len(parts) - len(missing)} of {len(parts)} are in the article"
            return Seen(label=clause.label, holds=False, line=missing[0].line, tally=tally, parts=parts)
        note, line, closest = self._too_far(clause, shade)
        return Seen(label=clause.label, holds=False, line=line, note=note, closest=closest, parts=parts)

    def _operand(self, terms: TermSet) -> Seen:
        """See a set as `near` does: weak forms count."""
        found = tuple(one for _, one in self._reader.found(terms))
        removed = tuple(islice(self._removed(terms), MOST_REMOVED))
        if found:
            return Seen(label=terms.label, holds=True, line=_line_of(found[0]), saw=found, removed=removed)
        misses = _nearest(self._refused(terms, removed))
        line = misses[0].line if misses else 1
        return Seen(label=terms.label, holds=False, line=line, removed=removed, misses=misses)

    def _too_far(self, clause: Near, shade: Shade) -> tuple[str, int, Evidence | None]:
        """Let go of order, distance, place and none, one after the other, and say which of them it was."""
        if shade and (window := self._reader.evaluate(clause)):
            return "they stand too close to what none: forbids", 8, window[0]
        asked = (
            f"within {clause.within}" if isinstance(clause.within, str) else f"at most {clause.within} words between"
        )
        anywhere = replace(clause, within="paragraph")
        for loose, why, line in (
            (replace(clause, ordered=False), "they stand close enough, in another order", 6),
            (anywhere, "they stand too far apart", 6),
            (replace(anywhere, ordered=False), "they stand too far apart, and in another order", 6),
            (
                replace(anywhere, where=Where.ARTICLE, ordered=False),
                f"they stand outside in: {clause.where}",
                7,
            ),
        ):
            if window := self._reader.evaluate(loose, shade):
                return f"{why}: {_gap(window[0])}; asked is {asked}", line, window[0]
        if self._in_one_paragraph(clause):
            return "they share their words", 6, None
        return "never in one paragraph", 6, None

    def _in_one_paragraph(self, clause: Near) -> bool:
        """Tell whether some paragraph has a mention of each operand."""
        paragraphs = {one.field: one.paragraph for one in self._passages}
        each = (
            {(one.field, paragraphs[one.field][spot.first]) for spot, one in self._reader.found(operand)}
            for operand in clause.operands
        )
        return bool(set.intersection(*each))

    def _without(self, clause: Without) -> Seen:
        parts = tuple(_bare(self.clause(one, _NOBODY)) for one in clause.clauses)
        held = [part for part in parts if part.holds]
        if clause.within is not None:
            near = ", ".join(f"«{one.text}»" for part in held for one in part.saw)
            note = f"takes away what stands within {clause.within} of {near}" if held else ""
            return Seen(label=clause.label, holds=True, line=8, note=note, parts=parts)
        note = f"held back by {held[0].label}" if held else ""
        return Seen(label=clause.label, holds=not held, line=8, note=note, parts=parts)

    def _at_least(self, clause: AtLeast, shade: Shade) -> Seen:
        holds = self._reader.evaluate(clause, shade) is not None
        inner = shade.union(*map(self._reader.shade, clause.clauses))
        parts = tuple(self.clause(one, inner) for one in clause.clauses)
        held = sum(part.holds for part in parts)
        tally = f"{held} of {len(parts)} hold"
        if holds:
            note = "" if clause.count == len(parts) else tally
            return Seen(label=clause.label, holds=True, line=7, note=note, tally=tally, parts=parts)
        tally = f"{tally}, {clause.count} must"
        return Seen(label=clause.label, holds=False, line=_failing_line(clause, parts), tally=tally, parts=parts)

    # --- What nearly counted

    def _removed(self, terms: TermSet) -> Iterator[Removed]:
        """Find the mentions that exceptions take away, each with one exception that does."""
        for nested in terms.sets:
            yield from self._removed(nested)
        if not terms.exceptions:
            return
        kept = {_spot(one) for _, one in self._reader.found(terms)}
        find = self._loosened.find
        gone = {_spot(one): one for _, one in find(replace(terms, exceptions=())) if _spot(one) not in kept}
        for exception in terms.exceptions if gone else ():
            left = {_spot(one) for _, one in find(replace(terms, exceptions=(exception,)))}
            around = [one for _, one in find(TermSet("", (exception,)))]
            for mention in (one for spot, one in gone.items() if spot not in left):
                by = next((one.text for one in around if _overlap(one, mention)), exception.text)
                yield Removed(mention=mention, term=exception.text, by=by)
            gone = {spot: one for spot, one in gone.items() if spot in left}

    def _refused(self, terms: TermSet, removed: Iterable[Removed]) -> Iterator[Miss]:
        """Find what would count for a set without one of its rules."""
        for one in removed:
            yield _missed(terms, one.mention, (f"stands in the exception «{one.term}»", 5, 0.0))
        yield from self._loosened.misses(terms)


def _failing_line(clause: AtLeast, parts: Sequence[Seen]) -> int:
    """Say which line decided that too few clauses hold.

    In an `all` it is that of the first that fails; where none of several holds, that of the nearest to holding.
    """
    failing = [part for part in parts if not part.holds]
    if clause.count == len(parts):
        return failing[0].line
    if len(failing) < len(parts):
        return 7
    return min(failing, key=lambda part: min((miss.distance for miss in _misses(part)), default=9.0)).line


def _bare(seen: Seen) -> Seen:
    """Drop what nearly counted: of a `none`, nobody wants to know."""
    return replace(seen, misses=(), parts=tuple(map(_bare, seen.parts)))


# --- The engine without one of its rules -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Variant:
    """A term with one rule let go of, and what to say when it is found where the term is not.

    ``closed``: said instead of a word that has the ال that the term wants.
    """

    term: Term
    why: str
    line: int
    distance: float
    closed: str = ""


class _Loosened:
    """The engine over one article, free to look for what no watchlist asks."""

    def __init__(self, passages: Sequence[Passage], terms: Iterable[Term]) -> None:
        self._variants = {term: tuple(_variants(term)) for term in terms}
        wanted = [*self._variants, *(one.term for variants in self._variants.values() for one in variants)]
        vocabulary = Vocabulary()
        self._phrases = {term: compile_phrase(read_term(term), vocabulary) for term in wanted}
        self._reads = [read_whole(one, vocabulary) for one in passages]
        self._reader = Reader(self._phrases, self._reads)
        unmarked = (replace(one, tokens=MadeTokens(map(_unmarked, one.tokens))) for one in passages)
        self._unmarked = Reader(self._phrases, [read_whole(one, vocabulary) for one in unmarked])
        self._asked: list[TermSet] = []  # a reader remembers sets by identity, so each has to live as long as it does

    def find(self, terms: TermSet) -> list[tuple[Spot, Evidence]]:
        """List every mention of a set of known terms."""
        self._asked.append(terms)
        return self._reader.found(terms)

    def misses(self, terms: TermSet) -> Iterator[Miss]:
        """Find what would count for a set that has no mention, if one rule were another."""
        for term in _positive(terms):
            for variant in self._variants[term]:
                for _, one in self.find(TermSet("", (variant.term,))):
                    why = variant.closed if variant.closed and _is_articled(one.text) else variant.why
                    yield _missed(terms, one, (why, variant.line, variant.distance), term)
            yield from self._otherwise_marked(terms, term)
            spellings = read_term(term).spellings
            if spellings and len(spellings[0]) > 1:
                yield from self._scattered(terms, term)
            elif spellings:
                yield from self._alike(terms, term, spellings[0][0])

    def _otherwise_marked(self, terms: TermSet, term: Term) -> Iterator[Miss]:
        wanted = TermSet("", (term,))
        self._asked.append(wanted)
        for _, one in self._unmarked.found(wanted):
            text = next(each.passage.text for each in self._reads if each.passage.field == one.field)
            written = replace(one, text=text[one.start : one.end])
            yield _missed(terms, written, ("its vowel marks make it another word", 10, 1.0), term)

    # --- Phrases

    def _scattered(self, terms: TermSet, term: Term) -> Iterator[Miss]:
        """Find the words of a phrase where they do not stand as one."""
        phrase = self._phrases[term]
        for read in self._reads:
            found = [
                miss
                for words, numbers in zip(phrase.read.spellings, phrase.spellings, strict=True)
                if (miss := _Scattered(terms, term, read, words, numbers).miss())
            ]
            if found:
                yield min(found, key=attrgetter("distance"))

    # --- Words that look alike

    def _alike(self, terms: TermSet, term: Term, word: Word) -> Iterator[Miss]:
        """Find words that look like a single one and are others."""
        if len(key(word.spelt)) <= _SHORT or word.script not in {Script.ARABIC, Script.LATIN}:
            return
        for read in self._reads:
            for token in {token.spelt: token for token in reversed(read.passage.tokens)}.values():
                how = _likeness(word.spelt, token)
                if how >= ALIKE and not is_listed(token.spelt, "function_words"):
                    why = f"looks like «{word.spelt}» and is another word"
                    if word.varies:
                        why = f"too far from «{word.spelt}» to be a spelling of it"
                    said = (why, 4 if word.varies else 1, 6 - how)
                    yield _from_tokens(terms, term, read.passage, (token, token), said)


class _Scattered:
    """The words of one spelling of a phrase in one passage, where the engine found no phrase."""

    def __init__(self, terms: TermSet, term: Term, read: Read, words: Sequence[Word], numbers: Sequence[int]) -> None:
        self._terms, self._term, self._read = terms, term, read
        self._words, self._numbers = words, numbers
        self._places = [read.places.get(number, ()) for number in numbers]

    def miss(self) -> Miss | None:
        """Say what keeps the words apart, or which of them are missing."""
        passage = self._read.passage
        if not all(self._places):
            return self._partly()
        if chain := _first(_in_order(inside) for inside in self._by_unit(passage.sentence)):
            return self._told(chain, self._between(chain), 3.0)
        if window := _first(_together(inside) for inside in self._by_unit(passage.sentence)):
            return self._told(window, "the words are there, in another order", 3.2)
        if window := _first(_together(inside) for inside in self._by_unit(passage.paragraph)):
            return self._told(window, "the words are in one paragraph, but in more than one sentence", 3.4)
        return self._partly()

    def _by_unit(self, units: Sequence[int]) -> Iterator[list[list[int]]]:
        """Give the places of each word, sentence by sentence or paragraph by paragraph, where all are there."""
        grouped: dict[int, list[list[int]]] = defaultdict(lambda: [[] for _ in self._words])
        for word, places in enumerate(self._places):
            for place in places:
                grouped[units[place]][word].append(place)
        return (inside for _, inside in sorted(grouped.items()) if all(inside))

    def _between(self, chain: Sequence[int]) -> str:
        """Name the first thing between the words, in order, that a phrase cannot have between them."""
        found = (why for number, pair in enumerate(pairwise(chain), start=1) for why in self._obstacles(number, *pair))
        return next(found, "the words are there, but not as one phrase")

    def _obstacles(self, number: int, one: int, other: int) -> Iterator[str]:
        """Say what keeps a phrase's word ``number``, at token ``other``, from going on after token ``one``."""
        tokens, word = self._read.passage.tokens, self._words[number]
        between = tokens[one + 1 : other]
        strange = [token for token in between if token.key not in _FILLERS]
        yield from (
            f"«{token.spelt}» stands between its words, and breaks a phrase"
            for token in between
            if token.key in _NEGATORS
        )
        if word.sign:
            yield f"«{word.sign}» is missing before «{word.spelt}»"
        for place in range(one + 1, other + 1):
            if tokens[place].sign:
                yield f"«{self._sign(place)}» stands between its words, and breaks a phrase"
        if strange:
            yield f"{_counted(len(between), 'word')} between: «{_text(self._read.passage, between)}»"
        if len(between) > MOST_FILLERS:
            yield f"{len(between)} small words between, {MOST_FILLERS} may stand there"
        if self._read.hits[other][self._numbers[number]].joined:
            yield f"«{tokens[other].spelt}» begins with و or ف, and goes on to something new"

    def _sign(self, place: int) -> str:
        """Give what stands before a token, as the text has it."""
        passage = self._read.passage
        return passage.text[passage.tokens[place - 1].end : passage.tokens[place].start].strip()

    def _partly(self) -> Miss | None:
        """Tell of the sentence that holds most of the words, if that is half of them."""
        matter = [place for place, one in enumerate(self._words) if not is_listed(one.spelt, "function_words")]
        held: dict[int, dict[int, int]] = defaultdict(dict)
        for word in matter:
            for place in self._places[word]:
                held[self._read.passage.sentence[place]].setdefault(word, place)
        if not held:
            return None
        sentence, words = max(held.items(), key=lambda pair: (len(pair[1]), -pair[0]))
        missing = [self._words[word].spelt for word in matter if word not in words]
        if not missing or len(words) * 2 < len(matter):
            return None
        lacks = ", ".join(f"«{one}»{self._looking_like(one, sentence)}" for one in missing)
        start = last = min(words.values())
        while last + 1 in words.values():
            last += 1
        return self._told((start, last), f"in its sentence there is no {lacks}", 4 + len(missing) / len(matter) / 2)

    def _looking_like(self, word: str, sentence: int) -> str:
        """Name the word of a sentence that looks most like one that is missing."""
        passage = self._read.passage
        first, end = bisect_left(passage.sentence, sentence), bisect_right(passage.sentence, sentence)
        tokens = {token.spelt: token for token in passage.tokens[first:end]}
        how, spelt = max(((_likeness(word, token), spelt) for spelt, token in tokens.items()), default=(0.0, ""))
        return f" («{spelt}» is another word)" if ALIKE <= how < 1 and len(word) > _SHORT else ""

    def _told(self, places: Sequence[int], why: str, distance: float) -> Miss:
        tokens = self._read.passage.tokens
        ends = tokens[min(places)], tokens[max(places)]
        said = (f"«{self._term.text}»: {why}", 3, distance)
        return _from_tokens(self._terms, self._term, self._read.passage, ends, said)


def _in_order(lists: Sequence[Sequence[int]]) -> tuple[int, ...] | None:
    """Choose one place of each list, each behind the one before, over the fewest tokens."""
    best: tuple[int, ...] | None = None
    for start in lists[0]:
        chain = [start]
        for places in lists[1:]:
            following = bisect_right(places, chain[-1])
            if following == len(places):
                break
            chain.append(places[following])
        else:
            if best is None or chain[-1] - start < best[-1] - best[0]:
                best = tuple(chain)
    return best


def _together(lists: Sequence[Sequence[int]]) -> tuple[int, ...] | None:
    """Choose one place of each list, no two the same, over few tokens."""
    best: tuple[int, ...] | None = None
    for start in sorted({place for places in lists for place in places}):
        chosen: list[int] = []
        for places in lists:
            after = bisect_left(places, start)
            while after < len(places) and places[after] in chosen:
                after += 1
            if after == len(places):
                break
            chosen.append(places[after])
        else:
            if best is None or max(chosen) - min(chosen) < max(best) - min(best):
                best = tuple(chosen)
    return best


def _first(found: Iterable[tuple[int, ...] | None]) -> tuple[int, ...] | None:
    return min(filter(None, found), key=lambda places: max(places) - min(places), default=None)


def _variants(term: Term) -> Iterator[_Variant]:
    """Let go of one rule of a term's reading at a time; what is refused for less comes first."""
    tokens = tokenize(term.text)
    said = f"«{term.text}»"
    if len(tokens) == 1:
        yield from _with_and_without_article(term, tokens[0], said)
        if read_term(term).spellings[0][0].reading is Reading.ACRONYM and tokens[0].script is Script.LATIN:
            why = f"an acronym is written in capitals, as {said}"
            yield _Variant(replace(term, text=tokens[0].spelt.lower(), kind=Kind.EXACT), why, 4, 1.0)
    if term.kind is Kind.PLAIN:
        why = f"a spelling of {said}, which is not written as a name; write name: if it is one"
        yield _Variant(replace(term, kind=Kind.NAME), why, 4, 1.2)
    else:
        why = f"of the family of {said}, which {term.kind}: leaves out"
        yield _Variant(replace(term, kind=Kind.PLAIN), why, 1, 1.1)
    if term.kind is Kind.EXACT:
        yield _Variant(replace(term, kind=Kind.NAME), f"a spelling of {said}, which exact: leaves out", 1, 1.2)
    letters = split_marks(term.text)[0]
    if letters != term.text:
        yield _Variant(replace(term, text=letters), f"without the vowel marks of {said} it would be one", 10, 1.0)


def _with_and_without_article(term: Term, token: Token, said: str) -> Iterator[_Variant]:
    if has_article(token.spelt):
        why = f"the term {said} has an ال that the text must have too"
        closed = f"a form of «{token.spelt[2:]}»; with its ال {said} is that name only"
        yield _Variant(replace(term, text=token.spelt[2:]), why, 2, 0.8, closed)
    elif token.script is Script.ARABIC and term.kind is not Kind.PLAIN:
        why = f"has an ال that the term {said} has not"
        yield _Variant(replace(term, text="ال" + token.spelt), why, 2, 0.8)


# --- Pure parts ------------------------------------------------------------------------------------------------------


def _missed(terms: TermSet, one: Evidence, said: _Said, term: Term | None = None) -> Miss:
    return _miss(terms, term.text if term else one.mentions[0].term, (one.field, one.text, one.start), said)


def _from_tokens(terms: TermSet, term: Term, passage: Passage, ends: tuple[Token, Token], said: _Said) -> Miss:
    place = (passage.field, passage.text[ends[0].start : ends[1].end], ends[0].start)
    return _miss(terms, term.text, place, said)


def _miss(terms: TermSet, term: str, place: tuple[str, str, int], said: _Said) -> Miss:
    (field, text, start), (why, line, distance) = place, said
    return Miss(
        label=terms.label,
        text=text,
        why=why,
        line=line,
        term=term,
        field=field,
        start=start,
        end=start + len(text),
        distance=distance,
    )


def _terms_of(clause: Clause) -> Iterator[Term]:
    match clause:
        case Has(terms=terms):
            yield from _all_terms(terms)
        case Near(operands=operands):
            for operand in operands:
                yield from _all_terms(operand)
        case AtLeast(clauses=clauses) | Without(clauses=clauses):
            for one in clauses:
                yield from _terms_of(one)


def _all_terms(terms: TermSet) -> Iterator[Term]:
    yield from (*terms.terms, *terms.exceptions)
    for nested in terms.sets:
        yield from _all_terms(nested)


def _positive(terms: TermSet) -> Iterator[Term]:
    yield from terms.terms
    for nested in terms.sets:
        yield from _positive(nested)


def _unmarked(token: Token) -> Token:
    return replace(token, marks=()) if token.marks else token


def _is_articled(text: str) -> bool:
    tokens = tokenize(text)
    return bool(tokens) and any(cut.article for cut in cuts(tokens[0].spelt, tokens[0].prefix))


def _likeness(word: str, token: Token) -> float:
    """Say how alike a term's word and a text's are, whatever particles stand before that."""
    bare = word.removeprefix("ال")
    if token.script is not Script.ARABIC:
        return likeness(word, token.spelt)
    bodies = {cut.body for cut in cuts(token.spelt, token.prefix) if not cut.enclitic}
    return max((likeness(bare, body) for body in bodies if len(body) > _SHORT), default=0.0)


def _is_shaded(spot: Spot, field: str, shade: Shade) -> bool:
    return bool(shade) and not shade.isdisjoint((field, place) for place in range(spot.first, spot.last + 1))


def _spot(one: Evidence) -> tuple[str, int, int]:
    return one.field, one.start, one.end


def _overlap(one: Evidence | Miss, other: Evidence | Miss) -> bool:
    return one.field == other.field and one.start < other.end and other.start < one.end


def _line_of(evidence: Evidence) -> int:
    """Say which line lets a mention count."""
    mention = evidence.mentions[0] if evidence.mentions else None
    if evidence.how is How.VARIANT:
        return 4
    if mention and len(mention.term.split()) > 1:
        return 3
    return 2 if mention and mention.term.startswith("ال") else 1


def _text(passage: Passage, tokens: Sequence[Token]) -> str:
    return passage.text[tokens[0].start : tokens[-1].end]


def _gap(window: Evidence) -> str:
    """Count the words between the mentions of a window, in words."""
    ends = [window.start, *(one.end for one in window.mentions)]
    starts = [*(one.start for one in window.mentions), window.end]
    between = (window.text[end - window.start : start - window.start] for end, start in zip(ends, starts, strict=True))
    return f"{_counted(sum(len(tokenize(one)) for one in between), 'word')} between"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
