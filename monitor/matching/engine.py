"""What articles are held against: compiled watchlists, of which only those are evaluated that an article can satisfy.

An article is cut at its white space; what words a chunk may hold is remembered, chunk by chunk, and costs one look-up
when it was met before. Each watchlist waits at the words that are the rarest of those it cannot do without. What is
left is evaluated in full (`evaluating`), over passages that are put together from the same chunks.

Hides the memory of chunks, the index of anchors, and how a passage is read without cutting it again. It equals the
matcher that evaluates every watchlist over every word, which the tests keep.
"""

from __future__ import annotations

import gc
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal, overload

from monitor.matching.evaluating import Reader, read_article, score
from monitor.matching.expressions import AtLeast, Has, Near, Without
from monitor.matching.passages import UNDOTTING, Passage
from monitor.matching.phrases import MOST_FILLERS, Read, compile_phrase, read_whole
from monitor.matching.terms import read_term
from monitor.matching.vocabulary import LONGEST_WORD, Vocabulary
from monitor.model import Match
from monitor.text.tokens import CUT_PARTICLES, Chunk, Script, Token, cut_chunk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from monitor.matching.expressions import Clause, Only, Term, TermSet, Watchlist
    from monitor.matching.phrases import Phrase
    from monitor.matching.vocabulary import Hit
    from monitor.model import Article, Evidence, Header

MOST_CHUNKS: Final = 120_000
"""Distinct chunks remembered in a generation, of which there are two. A chunk costs about 300 bytes."""

STRIDE: Final = MOST_FILLERS + 1
"""Tokens from one word of a phrase to the next, at most."""

MOST_CUT: Final = 20_000
"""Distinct chunks whose tokens are kept, for the articles that are evaluated."""

LONGEST_CHUNK: Final = 200
"""Characters of the longest chunk that is remembered; a longer one is noise, and would fill the memory."""

Way = tuple[int, ...]
"""The numbers of a term's words, in order: one spelling of it."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a clause cannot hold without: of each group one way, in one field; within ``reach`` tokens of each other.

    The reach is counted from first word to first word, and generous; None is anywhere in the field.
    """

    groups: tuple[tuple[Way, ...], ...]
    reach: int | None = None


def compile_watchlists(watchlists: Sequence[Watchlist], earlier: Matcher | None = None) -> Matcher:
    """Return what articles are held against. What ``earlier`` compiled already is taken over; it goes on unchanged."""
    collects = gc.isenabled()
    gc.disable()  # what is made here is kept; looking through all of it again and again takes longer than making it
    try:
        return Matcher(watchlists, earlier)
    finally:
        if collects:
            gc.enable()


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A watchlist, what it needs, the numbers of all its words, and the words at which it waits.

    ``waits``: one of these words, with all others that must be there; None where nothing is certain. ``choices``: the
    groups of more than one way, which that leaves open.
    """

    watchlist: Watchlist
    needs: tuple[Need, ...]
    words: frozenset[int]
    waits: tuple[tuple[int, frozenset[int]], ...] | None
    choices: tuple[tuple[Way, ...], ...]


class Matcher:
    """Compiled watchlists. Not for several threads at once; one compiled from another shares nothing that changes."""

    def __init__(self, watchlists: Sequence[Watchlist], earlier: Matcher | None = None) -> None:
        self._vocabulary: Vocabulary = earlier._vocabulary.copy() if earlier else Vocabulary()  # noqa: SLF001 - its own kind
        self._phrases: dict[Term, Phrase] = earlier._phrases.copy() if earlier else {}  # noqa: SLF001
        known = {one.watchlist.header.id: one for one in earlier._compiled} if earlier else {}  # noqa: SLF001
        self._compiled: list[_Compiled] = [self._compile(one, known.get(one.header.id)) for one in watchlists]
        self._anchors: dict[int, list[tuple[frozenset[int], int]]] = defaultdict(list)
        self._always: list[int] = []
        for place, one in enumerate(self._compiled):
            if one.waits is None:
                self._always.append(place)
            for rarest, rest in one.waits or ():
                self._anchors[rarest].append((rest, place))
        self._chunks = _Chunks(self._vocabulary, undotted=False)
        self._undotted = _Chunks(self._vocabulary, undotted=True)
        self._waited = frozenset(self._anchors)

    def match(self, article: Article, now: datetime) -> list[Match]:
        """Hold an article against every watchlist that looks at it on the day of ``now`` (aware, UTC)."""
        pieces = [_Pieces("text", article.text, self._chunks, self._undotted)]
        if article.header.titled:
            pieces.insert(0, _Pieces("title", article.header.title, self._chunks, self._undotted))
        present = frozenset[int]().union(*(seen for piece in pieces for seen in piece.seen))
        wanted = [one for one in self._candidates(present) if _is_admitted(one.watchlist, article.header, now)]
        if not wanted:
            return []
        words = frozenset[int]().union(*(one.words for one in wanted))
        reads = [piece.read(words) for piece in pieces]
        reader = Reader(self._phrases, reads)
        likely = (one.watchlist for one in wanted if all(_is_met(need, reads) for need in one.needs))
        readings = ((watchlist, reader.evaluate(watchlist.clause)) for watchlist in likely)
        return [_match(watchlist, article.header, now, found) for watchlist, found in readings if found is not None]

    def open(self, article: Article) -> Reader:
        """Look every word of an article up, for clauses that no watchlist need have."""
        return Reader(self._phrases, [read_whole(passage, self._vocabulary) for passage in read_article(article)])

    def _candidates(self, present: frozenset[int]) -> list[_Compiled]:
        """List the watchlists that an article of these words can satisfy, in their order."""
        places = set(self._always)
        for number in present & self._waited:
            for rest, place in self._anchors[number]:
                if rest <= present:
                    places.add(place)
        found = (self._compiled[place] for place in sorted(places))
        holds = present.issuperset
        return [one for one in found if all(any(map(holds, group)) for group in one.choices)]

    # --- Compiling

    def _compile(self, watchlist: Watchlist, known: _Compiled | None) -> _Compiled:
        if known and _is_same(known.watchlist, watchlist):
            return known if known.watchlist is watchlist else replace(known, watchlist=watchlist)
        words: set[int] = set()
        for term in _terms(watchlist.clause):
            if term not in self._phrases:
                self._phrases[term] = compile_phrase(read_term(term), self._vocabulary)
            words.update(*self._phrases[term].spellings)
        needs = tuple(self._needs(watchlist.clause))
        groups = [group for need in needs for group in need.groups]
        choices = tuple(group for group in groups if len(group) > 1)
        return _Compiled(watchlist, needs, frozenset(words), self._waits(groups), choices)

    def _waits(self, groups: Sequence[tuple[Way, ...]]) -> tuple[tuple[int, frozenset[int]], ...] | None:
        if not groups:
            return None
        always = frozenset(number for group in groups if len(group) == 1 for number in group[0])
        rarest = ((min(way, key=self._vocabulary.commonness), way) for way in min(groups, key=self._cost))
        return tuple((number, (always | set(way)) - {number}) for number, way in rarest)

    def _needs(self, clause: Clause) -> list[Need]:
        """List what the clause cannot hold without; nothing where nothing is certain."""
        match clause:
            case Has(terms=terms):
                return [Need((self._ways(terms),))]
            case Near(operands=operands, within=within):
                groups = tuple(self._ways(one) for one in operands)
                lengths = (max(map(len, group), default=0) * STRIDE for group in groups)
                return [Need(groups, within + sum(lengths) if isinstance(within, int) else None)]
            case Without():
                return []
            case AtLeast(count=least, clauses=clauses):
                needed = [self._needs(one) for one in clauses if not isinstance(one, Without)]
                spare = len(clauses) - least
                if not spare:
                    return [need for needs in needed for need in needs]
                cheapest = [self._cheapest(needs) for needs in needed if needs]
                if len(cheapest) <= spare or len(cheapest) < len(needed):
                    return []
                some = sorted(cheapest, key=self._cost)[: spare + 1]
                return [Need((tuple(way for group in some for way in group),))]

    def _cheapest(self, needs: Sequence[Need]) -> tuple[Way, ...]:
        return min((group for need in needs for group in need.groups), key=self._cost)

    def _ways(self, terms: TermSet) -> tuple[Way, ...]:
        own = (spelling for term in terms.terms for spelling in self._phrases[term].spellings)
        return tuple(dict.fromkeys((*own, *(way for nested in terms.sets for way in self._ways(nested)))))

    def _cost(self, group: tuple[Way, ...]) -> float:
        """Estimate how often one of the ways comes."""
        return sum(min(map(self._vocabulary.commonness, way)) for way in group)


def _is_met(need: Need, reads: Sequence[Read]) -> bool:
    """Tell whether a field has what is needed near enough; more than holds may pass, never less."""
    for read in reads:
        starts = [_starts(group, read.places) for group in need.groups]
        if not all(starts):
            continue
        if need.reach is None or len(starts) == 1:
            return True
        first, *others = sorted(starts, key=len)
        if any(all(_is_near(place, other, need.reach) for other in others) for place in first):
            return True
    return False


def _is_near(place: int, others: Sequence[int], reach: int) -> bool:
    """Tell whether one of these places, which rise, is within reach of another."""
    next_one = bisect_left(others, place - reach)
    return next_one < len(others) and others[next_one] <= place + reach


def _starts(group: Sequence[Way], places: Mapping[int, Sequence[int]]) -> Sequence[int]:
    """Find where the ways may begin, in order: a way's first word, the others behind it a stride apart at most."""
    found: list[Sequence[int]] = []
    for way in group:
        if way[0] not in places:
            continue
        if len(way) == 1:
            found.append(places[way[0]])
            continue
        behind = [frozenset(places.get(number, ())) for number in way[1:]]
        if all(behind):
            found.append([first for first in places[way[0]] if _goes_on(first, behind)])
    return found[0] if len(found) == 1 else sorted(place for some in found for place in some)


def _goes_on(first: int, behind: Sequence[frozenset[int]]) -> bool:
    ends: Iterable[int] = (first,)
    for some in behind:
        ends = [end + step for end in ends for step in range(1, STRIDE + 1) if end + step in some]
    return bool(ends)


def _is_same(one: Watchlist, other: Watchlist) -> bool:
    """Compare by revision, which is a hash of all that decides a match, where both have one."""
    if one.header.revision and other.header.revision:
        return one.header.revision == other.header.revision
    return one.clause == other.clause


def _terms(clause: Clause) -> Iterator[Term]:
    match clause:
        case Has(terms=terms):
            yield from _terms_of_set(terms)
        case Near(operands=operands):
            for operand in operands:
                yield from _terms_of_set(operand)
        case AtLeast(clauses=clauses) | Without(clauses=clauses):
            for one in clauses:
                yield from _terms(one)


def _terms_of_set(terms: TermSet) -> Iterator[Term]:
    yield from (*terms.terms, *terms.exceptions)
    for nested in terms.sets:
        yield from _terms_of_set(nested)


def _is_admitted(watchlist: Watchlist, header: Header, now: datetime) -> bool:
    if watchlist.expires is not None and now.date() > watchlist.expires:
        return False
    return _fits(watchlist.only, header)


def _fits(only: Only, header: Header) -> bool:
    return (
        (not only.sources or header.source in only.sources)
        and (not only.langs or header.lang in only.langs)
        and (not only.tiers or header.tier in only.tiers)
    )


def _match(watchlist: Watchlist, header: Header, now: datetime, evidence: tuple[Evidence, ...]) -> Match:
    return Match(watchlist=watchlist.header, article=header, score=score(evidence), evidence=evidence, matched_at=now)


# --- Chunks -------------------------------------------------------------------------------------------------------

_UNDOTS: Final = -1
"""In place of a word's number: the chunk shows that its writer leaves ي undotted."""

_DANGLES: Final = -2
"""In place of a word's number: the chunk ends with a particle that belongs to the next."""

# One Arabic word without marks, in letters that fold one by one; signs before and after it.
_SIMPLE: Final = re.compile(r"""([("«]?)([\u0621-\u063a\u0641-\u064a]+)([)"».,:؛،؟!]{0,3})""")
_KEYS: Final = str.maketrans("أإآؤىئ", "ااائيئ")


class _Seen(frozenset[int]):
    """The numbers of the words that a chunk's tokens may be, how many tokens it has, and the hits of those with any."""

    __slots__ = ("hits", "tokens")
    tokens: int
    hits: tuple[tuple[int, Mapping[int, Hit]], ...]


def _seen(numbers: Iterable[int], tokens: int, hits: tuple[tuple[int, Mapping[int, Hit]], ...] = ()) -> _Seen:
    found = _Seen(numbers)
    found.tokens, found.hits = tokens, hits
    return found


_NOTHING: Final = _seen((), 1)


class _Chunks(dict[str, _Seen]):
    """What is known of each chunk that was met. When a generation is full, what was not met in it is forgotten."""

    def __init__(self, vocabulary: Vocabulary, *, undotted: bool) -> None:
        super().__init__()
        self._vocabulary, self._undotted = vocabulary, undotted
        self._before: dict[str, _Seen] = {}

    def __missing__(self, text: str) -> _Seen:
        """Look a chunk's words up."""
        if len(self) >= MOST_CHUNKS:
            self._before = dict(self)
            self.clear()
        found = self._before.get(text)
        if found is None:
            found = self._simple(text)
        if found is None:
            found = self._look_up(text)
        if len(text) <= LONGEST_CHUNK:
            self[text] = found
        return found

    def _simple(self, text: str) -> _Seen | None:
        """Look up what is one word of plain letters, without cutting it: most chunks are."""
        parts = _SIMPLE.fullmatch(text)
        if parts is None or parts[2] in CUT_PARTICLES or parts[2] in UNDOTTING:
            return None
        word = parts[2]
        plain = word.translate(_KEYS)
        if len(word) > LONGEST_WORD or not self._vocabulary.may_hit(plain):
            return _NOTHING
        found = self._vocabulary.hits(Token(plain, word, 0, len(word), Script.ARABIC), undotted=self._undotted)
        return _seen(found, 1, ((0, found),)) if found else _NOTHING

    def _look_up(self, text: str) -> _Seen:
        chunk = cut_chunk(text)
        hits = [self._vocabulary.hits(token, undotted=self._undotted) for token in chunk.tokens]
        numbers = {number for found in hits for number in found}
        if any(token.spelt in UNDOTTING for token in chunk.tokens):
            numbers.add(_UNDOTS)
        if chunk.dangling:
            numbers.add(_DANGLES)
        return _seen(numbers, len(hits), tuple((place, found) for place, found in enumerate(hits) if found))


class _Pieces:
    """A field of an article, cut at its white space."""

    def __init__(self, field: Literal["title", "text"], text: str, chunks: _Chunks, undotted: _Chunks) -> None:
        self._field: Literal["title", "text"] = field
        self._text = text
        self._chunks = text.split()
        self.seen: list[_Seen] = list(map(chunks.__getitem__, self._chunks))
        special = frozenset[int]().union(*self.seen)
        if _DANGLES in special:
            self._chunks = _joined(self._chunks, self.seen)
            self.seen = list(map(chunks.__getitem__, self._chunks))
        self._is_undotted = _UNDOTS in special
        if self._is_undotted:
            self.seen = list(map(undotted.__getitem__, self._chunks))

    def read(self, words: frozenset[int]) -> Read:
        """Put the field together as far as these words need it."""
        ends = list(accumulate(map(_tokens, self.seen)))
        tokens = _Tokens(self._text, self._chunks, ends)
        hits: dict[int, Mapping[int, Hit]] = {}
        places: dict[int, list[int]] = defaultdict(list)
        for end, seen in zip(ends, self.seen, strict=True):
            if words.isdisjoint(seen):
                continue
            for place, found in seen.hits:
                hits[end - seen.tokens + place] = found
                for number in found:
                    places[number].append(end - seen.tokens + place)
        return Read(Passage(self._field, self._text, tokens, self._is_undotted, tokens.start), hits, places)


_tokens: Final = attrgetter("tokens")


def _joined(chunks: list[str], seen: list[_Seen]) -> list[str]:
    """Write a chunk that ends with a cut-off particle together with the next, with one space between."""
    found: list[list[str]] = []
    dangling = False
    for chunk, one in zip(chunks, seen, strict=True):
        if dangling:
            found[-1].append(chunk)
        else:
            found.append([chunk])
        dangling = _DANGLES in one or (dangling and not one.tokens)
    return [" ".join(parts) for parts in found]


class _Tokens(Sequence[Token]):
    """The tokens of a text, each cut when it is asked for. ``ends``: how many there are up to each chunk's end."""

    def __init__(self, text: str, chunks: list[str], ends: list[int]) -> None:
        self._text, self._chunks, self._ends = text, chunks, ends
        self._known: dict[int, Token] = {}
        self._starts: list[int] = []

    def __len__(self) -> int:
        """Count the tokens."""
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, place: int) -> Token: ...
    @overload
    def __getitem__(self, place: slice) -> list[Token]: ...
    def __getitem__(self, place: int | slice) -> Token | list[Token]:
        """Cut a token, or some."""
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        known = self._known.get(place)
        if known is None:
            if not 0 <= place < len(self):
                raise IndexError(place)
            known = self._known[place] = self._token(place)
        return known

    def start(self, place: int) -> int:
        """Find where a token starts, without making it."""
        number = bisect_right(self._ends, place)
        tokens = self._chunk(number).tokens
        return self._start(number) + tokens[place - self._ends[number]].start

    def _token(self, place: int) -> Token:
        number = bisect_right(self._ends, place)
        tokens, start = self._chunk(number).tokens, self._start(number)
        inside = place - (self._ends[number] - len(tokens))
        one = tokens[inside]
        sign = one.sign if inside else self._sign_before(number) + one.sign
        return Token(one.key, one.spelt, start + one.start, start + one.end, one.script, one.prefix, sign, one.marks)

    def _sign_before(self, number: int) -> str:
        """Collect the signs since the last token before a chunk."""
        signs = ""
        for before in range(number - 1, -1, -1):
            chunk = self._chunk(before)
            signs = chunk.trail + signs
            if chunk.tokens:
                break
        return signs

    def _chunk(self, number: int) -> Chunk:
        chunk = self._chunks[number]
        if " " not in chunk:
            return _cut(chunk) if len(chunk) <= LONGEST_CHUNK else cut_chunk(chunk)
        end = self._start(number + 1) if number + 1 < len(self._chunks) else len(self._text)
        return cut_chunk(self._text[self._start(number) : end])

    def _start(self, number: int) -> int:
        """Find where a chunk stands; one that was joined began where its first part did."""
        if not self._starts:
            starts = [found.start() for found in _CHUNK.finditer(self._text)]
            parts = accumulate((chunk.count(" ") + 1 for chunk in self._chunks[:-1]), initial=0)
            self._starts = starts if len(starts) == len(self._chunks) else [starts[part] for part in parts]
        return self._starts[number]


_CHUNK: Final = re.compile(r"\S+")
_cut: Final = lru_cache(maxsize=MOST_CUT)(cut_chunk)
