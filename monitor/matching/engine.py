"""What articles are held against: compiled watchlists, of which only those are evaluated that an article can satisfy.

An article is cut at its white space; what words a chunk may hold is remembered, chunk by chunk, and costs one look-up
when it was met before. Each watchlist waits at the words that are the rarest of those it cannot do without. What is
left is evaluated in full (`evaluating`), over passages that are put together from the same chunks.

Hides the memory of chunks, the index of anchors, and how a passage is read without cutting it again. It equals the
matcher that evaluates every watchlist over every word, which the tests keep.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal, overload

from monitor.matching.evaluating import Reader, read_article, score
from monitor.matching.expressions import AtLeast, Has, Near, Without
from monitor.matching.passages import UNDOTTING, Passage
from monitor.matching.phrases import Read, compile_phrase, read_whole
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

MOST_CHUNKS: Final = 200_000
"""Distinct chunks remembered; then all are forgotten. A chunk costs about 300 bytes."""

LONGEST_CHUNK: Final = 200
"""Characters of the longest chunk that is remembered; a longer one is noise, and would fill the memory."""

Group = tuple[frozenset[int], ...]
"""Ways to hold, each the numbers of words that must all be there; one of them must hold."""


def compile_watchlists(watchlists: Sequence[Watchlist], earlier: Matcher | None = None) -> Matcher:
    """Return what articles are held against. What ``earlier`` compiled already is taken over; it goes on unchanged."""
    return Matcher(watchlists, earlier)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A watchlist, the groups that all must hold, the numbers of all its words, and the group that it waits at."""

    watchlist: Watchlist
    groups: tuple[Group, ...]
    words: frozenset[int]
    anchor: Group | None


class Matcher:
    """Compiled watchlists. Not for several threads at once; one compiled from another shares nothing that changes."""

    def __init__(self, watchlists: Sequence[Watchlist], earlier: Matcher | None = None) -> None:
        self._vocabulary = earlier._vocabulary.copy() if earlier else Vocabulary()  # noqa: SLF001 - its own kind
        self._phrases: dict[Term, Phrase] = earlier._phrases.copy() if earlier else {}  # noqa: SLF001
        known = {one.watchlist.header.id: one for one in earlier._compiled} if earlier else {}  # noqa: SLF001
        self._compiled = [self._compile(one, known.get(one.header.id)) for one in watchlists]
        self._anchors: dict[int, list[tuple[frozenset[int], int]]] = defaultdict(list)
        self._always: list[int] = []
        for place, one in enumerate(self._compiled):
            if one.anchor is None:
                self._always.append(place)
            for way in one.anchor or ():
                rarest = min(way, key=self._commonness)
                self._anchors[rarest].append((way - {rarest}, place))
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
        reader = Reader(self._phrases, [piece.read(words, self._vocabulary) for piece in pieces])
        readings = ((one.watchlist, reader.evaluate(one.watchlist.clause)) for one in wanted)
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
        return [one for one in found if all(any(way <= present for way in group) for group in one.groups)]

    # --- Compiling

    def _compile(self, watchlist: Watchlist, known: _Compiled | None) -> _Compiled:
        if known and _is_same(known.watchlist, watchlist):
            return known if known.watchlist is watchlist else replace(known, watchlist=watchlist)
        words: set[int] = set()
        for term in _terms(watchlist.clause):
            if term not in self._phrases:
                self._phrases[term] = compile_phrase(read_term(term), self._vocabulary)
            words.update(*self._phrases[term].spellings)
        groups = tuple(self._groups(watchlist.clause))
        anchor = min(groups, key=self._cost, default=None)
        return _Compiled(watchlist, groups, frozenset(words), anchor)

    def _groups(self, clause: Clause) -> list[Group]:
        """List groups without one of which the clause cannot hold; none where nothing is certain."""
        match clause:
            case Has(terms=terms):
                return [self._ways(terms)]
            case Near(operands=operands):
                return [self._ways(one) for one in operands]
            case Without():
                return []
            case AtLeast(count=least, clauses=clauses):
                needed = [self._groups(one) for one in clauses if not isinstance(one, Without)]
                spare = len(clauses) - least
                if not spare:
                    return [group for groups in needed for group in groups]
                cheapest = [min(groups, key=self._cost) for groups in needed if groups]
                if len(cheapest) <= spare or len(cheapest) < len(needed):
                    return []
                some = sorted(cheapest, key=self._cost)[: spare + 1]
                return [tuple(way for group in some for way in group)]

    def _ways(self, terms: TermSet) -> Group:
        own = [frozenset(spelling) for term in terms.terms for spelling in self._phrases[term].spellings]
        return (*dict.fromkeys(own), *(way for nested in terms.sets for way in self._ways(nested)))

    def _cost(self, group: Group) -> float:
        return sum(min(map(self._commonness, way)) for way in group)

    def _commonness(self, number: int) -> float:
        """Estimate how often a word comes, for choosing anchors only: a poor guess costs time, never a match."""
        return self._vocabulary.commonness(number)


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
    """The numbers of the words that a chunk's tokens may be; how many tokens it has, and the hits of each that has some."""

    __slots__ = ("hits", "tokens")
    tokens: int
    hits: tuple[tuple[int, Mapping[int, Hit]], ...]


def _seen(numbers: Iterable[int], tokens: int, hits: tuple[tuple[int, Mapping[int, Hit]], ...] = ()) -> _Seen:
    found = _Seen(numbers)
    found.tokens, found.hits = tokens, hits
    return found


_NOTHING: Final = _seen((), 1)


class _Chunks(dict[str, _Seen]):
    """What is known of each chunk that was met."""

    def __init__(self, vocabulary: Vocabulary, *, undotted: bool) -> None:
        super().__init__()
        self._vocabulary, self._undotted = vocabulary, undotted

    def __missing__(self, text: str) -> _Seen:
        """Look a chunk's words up."""
        if len(self) >= MOST_CHUNKS:
            self.clear()
        found = self._simple(text) or self._look_up(text)
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

    def read(self, words: frozenset[int], vocabulary: Vocabulary) -> Read:
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
        return Read(Passage(self._field, self._text, tokens, self._is_undotted), hits, places)


_tokens: Final = attrgetter("tokens")


def _joined(chunks: list[str], seen: list[_Seen]) -> list[str]:
    """Write a chunk that ends with a cut-off particle together with the next, with one space between."""
    found: list[str] = []
    dangling = False
    for chunk, one in zip(chunks, seen, strict=True):
        if dangling:
            found[-1] = f"{found[-1]} {chunk}"
        else:
            found.append(chunk)
        dangling = _DANGLES in one or (dangling and not one.tokens)
    return found


class _Tokens(Sequence[Token]):
    """The tokens of a text, each cut when it is asked for. ``ends``: how many there are up to each chunk's end."""

    def __init__(self, text: str, chunks: list[str], ends: list[int]) -> None:
        self._text, self._chunks, self._ends = text, chunks, ends
        self._known: dict[int, Token] = {}
        self._cut: dict[int, Chunk] = {}
        self._starts: list[int] = []
        self._reached = 0

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

    def _token(self, place: int) -> Token:
        number = bisect_right(self._ends, place)
        chunk = self._chunk(number)
        inside = place - (self._ends[number] - len(chunk.tokens))
        token, start = chunk.tokens[inside], self._start(number)
        sign = token.sign if inside else self._sign_before(number) + token.sign
        return replace(token, start=start + token.start, end=start + token.end, sign=sign)

    def _sign_before(self, number: int) -> str:
        """Collect the signs since the last token before a chunk."""
        signs: list[str] = []
        for before in range(number - 1, -1, -1):
            chunk = self._chunk(before)
            signs.append(chunk.trail)
            if chunk.tokens:
                break
        return "".join(reversed(signs))

    def _chunk(self, number: int) -> Chunk:
        if number not in self._cut:
            start = self._start(number)
            end = self._start(number + 1) if number + 1 < len(self._chunks) else len(self._text)
            self._cut[number] = cut_chunk(self._text[start:end])
        return self._cut[number]

    def _start(self, number: int) -> int:
        """Find where a chunk stands; chunks follow one another, so the search goes on from the last one found."""
        for chunk in self._chunks[len(self._starts) : number + 1]:
            places = [self._place(part) for part in chunk.split(" ")]
            self._starts.append(places[0])
        return self._starts[number]

    def _place(self, part: str) -> int:
        start = self._text.index(part, self._reached)
        self._reached = start + len(part)
        return start
