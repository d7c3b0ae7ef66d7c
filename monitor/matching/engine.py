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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import accumulate, repeat
from operator import add, attrgetter
from typing import TYPE_CHECKING, Final, Literal, overload

from monitor.matching.evaluating import Reader, read_article, score
from monitor.matching.expressions import AtLeast, Has, Near, Without
from monitor.matching.passages import UNDOTTING, Passage
from monitor.matching.phrases import STRIDE, Read, compile_phrase, read_whole
from monitor.matching.terms import read_term
from monitor.matching.vocabulary import Vocabulary
from monitor.model import Match
from monitor.text.folding import plain_key
from monitor.text.tokens import Chunk, Token, cut_chunk, plain_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from monitor.matching.expressions import Clause, Only, Term, TermSet, Watchlist
    from monitor.matching.phrases import Phrase
    from monitor.matching.vocabulary import Hit
    from monitor.model import Article, Evidence, Header

MOST_CHUNKS: Final = 120_000
"""Distinct chunks remembered in a generation, of which there are two. A chunk costs about 200 bytes."""

MOST_CUT: Final = 20_000
"""Distinct chunks whose tokens are kept, for the articles that are evaluated."""

LONGEST_CHUNK: Final = 200
"""Characters of the longest chunk that is remembered; a longer one is noise, and would fill the memory."""

Way = tuple[int, ...]
"""The numbers of a term's words, in order: one spelling of it."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a clause cannot hold without: of each group one way, in one field; within ``reach`` tokens of each other.

    The reach is counted from any word to any other, and generous; None is anywhere in the field.
    """

    groups: tuple[tuple[Way, ...], ...]
    reach: int | None = None


Mark = tuple[int, tuple[tuple[int, int, int], ...]]
"""The rarest word of a way, and of each other word how many tokens from that it may stand, at least and at most."""

Marks = tuple[tuple[tuple[Mark, ...], ...], int]
"""What a need comes to where its words stand: of each group one way, within so many tokens."""

Places = Mapping[int, Sequence[int]]
"""Where words stand: the tokens of each one's number."""

Wait = tuple[int, frozenset[int]]
"""What else must be in an article that has a certain word: the rarest of that (or the word itself), and all of it."""


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
    """A watchlist, the numbers of all its words, and the words at which it waits.

    ``waits``: the words of the group that comes least, and for each what else must be there; None where nothing is
    certain. ``choices``: other groups of more than one way. ``needs``: what must stand near each other.
    """

    watchlist: Watchlist
    words: frozenset[int]
    waits: tuple[tuple[int, Wait], ...] | None
    choices: tuple[tuple[Way, ...], ...]
    needs: tuple[Marks, ...]


class Matcher:
    """Compiled watchlists. Not for several threads at once; one compiled from another shares nothing that changes."""

    def __init__(self, watchlists: Sequence[Watchlist], earlier: Matcher | None = None) -> None:
        self._vocabulary: Vocabulary = earlier._vocabulary.copy() if earlier else Vocabulary()  # noqa: SLF001 - its own kind
        self._phrases: dict[Term, Phrase] = earlier._phrases.copy() if earlier else {}  # noqa: SLF001
        known = {one.watchlist.header.id: one for one in earlier._compiled} if earlier else {}  # noqa: SLF001
        self._compiled: list[_Compiled] = [self._compile(one, known.get(one.header.id)) for one in watchlists]
        self._always = [place for place, one in enumerate(self._compiled) if one.waits is None]
        self._anchors: dict[int, list[tuple[int, frozenset[int], int]]] = {}
        self._seconds: dict[int, frozenset[int]] = {}
        self._index(earlier)
        self._chunks = _Chunks(self._vocabulary, undotted=False)
        self._undotted = _Chunks(self._vocabulary, undotted=True)

    def match(self, article: Article, now: datetime) -> list[Match]:
        """Hold an article against every watchlist that looks at it on the day of ``now`` (aware, UTC)."""
        pieces = [_Pieces("text", article.text, self._chunks, self._undotted)]
        if article.header.titled:
            pieces.insert(0, _Pieces("title", article.header.title, self._chunks, self._undotted))
        candidates = self._candidates(frozenset[int]().union(*(piece.words for piece in pieces)))
        if not candidates:
            return []
        words = frozenset[int]().union(*(one.words for one in candidates))
        places = [piece.places(words) for piece in pieces]
        wanted = [
            one
            for one in candidates
            if _has_all_near(one.needs, places) and _is_admitted(one.watchlist, article.header, now)
        ]
        if not wanted:
            return []
        words = frozenset[int]().union(*(one.words for one in wanted))
        reads = [piece.read(there, words) for piece, there in zip(pieces, places, strict=True)]
        reader = Reader(self._phrases, reads)
        readings = ((one.watchlist, reader.evaluate(one.watchlist.clause)) for one in wanted)
        return [
            _match(watchlist, article.header, now, found, tuple(dict.fromkeys(reader.watched(watchlist.clause))))
            for watchlist, found in readings
            if found is not None
        ]

    def open(self, article: Article) -> Reader:
        """Look every word of an article up, for clauses that no watchlist need have."""
        return Reader(self._phrases, [read_whole(passage, self._vocabulary) for passage in read_article(article)])

    def _candidates(self, present: frozenset[int]) -> list[_Compiled]:
        """List the watchlists that an article of these words can satisfy, in their order."""
        seconds, places = self._seconds, set(self._always)
        for number in present & seconds.keys():
            if not seconds[number].isdisjoint(present):
                for second, rest, place in self._anchors[number]:
                    if second in present and rest <= present:
                        places.add(place)
        found = [self._compiled[place] for place in sorted(places)]
        return [one for one in found if not one.choices or _has_each(one.choices, present)]

    # --- Compiling

    def _index(self, earlier: Matcher | None) -> None:
        """Let each watchlist wait at its words; where most stand as they stood earlier, only the others anew."""
        waits = [one.waits or () for one in self._compiled]
        before: list[tuple[tuple[int, Wait], ...]] = []
        if earlier and len(earlier._compiled) == len(waits):  # noqa: SLF001 - its own kind
            before = [one.waits or () for one in earlier._compiled]  # noqa: SLF001
            self._anchors, self._seconds = earlier._anchors.copy(), earlier._seconds.copy()  # noqa: SLF001
        changed = [place for place, some in enumerate(waits) if not before or some is not before[place]]
        anew: dict[int, list[tuple[int, frozenset[int], int]]] = defaultdict(list)
        for place in changed:
            for number, _ in before[place] if before else ():
                anew.setdefault(number, [])
            for number, (second, rest) in waits[place]:
                anew[number].append((second, rest, place))
        gone = frozenset(changed)
        for number, entries in anew.items():
            kept = (entry for entry in self._anchors.get(number, ()) if entry[2] not in gone)
            self._anchors[number] = [*kept, *entries]
            self._seconds[number] = frozenset(second for second, *_ in self._anchors[number])

    def _compile(self, watchlist: Watchlist, known: _Compiled | None) -> _Compiled:
        if known and _is_same(known.watchlist, watchlist):
            return known if known.watchlist is watchlist else replace(known, watchlist=watchlist)
        words: set[int] = set()
        for term in _terms(watchlist.clause):
            if term not in self._phrases:
                self._phrases[term] = compile_phrase(read_term(term), self._vocabulary)
            words.update(*self._phrases[term].spellings)
        needs = self._needs(watchlist.clause)
        groups = [group for need in needs for group in need.groups]
        if not groups:
            return _Compiled(watchlist, frozenset(words), None, (), ())
        rarest = min(groups, key=self._cost)
        others = [group for group in groups if group is not rarest]
        near = tuple(self._marks(need) for need in needs if need.reach is not None)
        return _Compiled(
            watchlist,
            frozenset(words),
            tuple(self._waits(rarest, frozenset(one for group in others if len(group) == 1 for one in group[0]))),
            tuple(group for group in others if len(group) > 1),
            near,
        )

    def _waits(self, group: Sequence[Way], always: frozenset[int]) -> Iterator[tuple[int, Wait]]:
        """Wait at the rarest word of each way, for the others of that way and all that is needed always."""
        for way in group:
            number = self._rarest(way)
            yield number, self._wait(number, always.union(way))

    def _wait(self, number: int, words: frozenset[int]) -> Wait:
        rest = words - {number}
        return min(rest, key=self._vocabulary.commonness, default=number), rest

    def _marks(self, need: Need) -> Marks:
        groups = (tuple(dict.fromkeys(map(self._mark, group))) for group in need.groups)
        return tuple(sorted(groups, key=len)), need.reach or 0

    def _mark(self, way: Way) -> Mark:
        number = self._rarest(way)
        at = way.index(number)
        steps = [(other, place - at) for place, other in enumerate(way) if place != at]
        return number, tuple((other, min(step, step * STRIDE), max(step, step * STRIDE)) for other, step in steps)

    def _rarest(self, way: Way) -> int:
        return min(way, key=self._vocabulary.commonness)

    def _needs(self, clause: Clause) -> list[Need]:
        """List what the clause cannot hold without; nothing where nothing is certain."""
        match clause:
            case Has(terms=terms):
                return [Need((self._ways(terms),))]
            case Near(operands=operands, within=within):
                groups = tuple(self._ways(one) for one in operands)
                spans = ((max(map(len, group), default=1) - 1) * STRIDE + 1 for group in groups)
                return [Need(groups, within + sum(spans) - 1 if isinstance(within, int) else None)]
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


def _has_each(choices: Sequence[Sequence[Way]], present: frozenset[int]) -> bool:
    """Tell whether of each group one way has all its words."""
    for group in choices:
        for way in group:
            if present.issuperset(way):
                break
        else:
            return False
    return True


def _has_all_near(needs: Sequence[Marks], places: Sequence[Places]) -> bool:
    """Tell whether some field has the words of each need near each other; more may pass than holds, never less."""
    for groups, reach in needs:
        for there in places:
            if _has_near(groups, reach, there):
                break
        else:
            return False
    return True


def _has_near(groups: Sequence[Sequence[Mark]], reach: int, there: Places) -> bool:
    """Find a place of a way of the first group that has one of each other group within reach."""
    first, *others = groups
    for number, beside in first:
        for place in there.get(number, ()):
            if beside and not _has_beside(place, beside, there):
                continue
            for group in others:
                if not _is_within(place, reach, group, there):
                    break
            else:
                return True
    return False


def _is_within(place: int, reach: int, group: Sequence[Mark], there: Places) -> bool:
    for number, beside in group:
        others = there.get(number, ())
        for at in range(bisect_left(others, place - reach), len(others)):
            other = others[at]
            if other > place + reach:
                break
            if not beside or _has_beside(other, beside, there):
                return True
    return False


def _has_beside(place: int, beside: Sequence[tuple[int, int, int]], there: Places) -> bool:
    for number, least, most in beside:
        others = there.get(number, ())
        at = bisect_left(others, place + least)
        if at == len(others) or others[at] > place + most:
            return False
    return True


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


def _match(
    watchlist: Watchlist, header: Header, now: datetime, evidence: tuple[Evidence, ...], watched: tuple[str, ...]
) -> Match:
    return Match(
        watchlist=watchlist.header,
        article=header,
        score=score(evidence),
        evidence=evidence,
        matched_at=now,
        watched=watched,
    )


# --- Chunks -------------------------------------------------------------------------------------------------------

_UNDOTS: Final = -1
"""In place of a word's number: the chunk shows that its writer leaves ي undotted."""

_DANGLES: Final = -2
"""In place of a word's number: the chunk ends with a particle that belongs to the next."""

_UNEVEN: Final = -3
"""In place of a word's number: the chunk has another number of tokens than one."""

Hits = tuple[tuple[int, "Mapping[int, Hit]"], ...]
"""Of a chunk's tokens those that may be words, by their places in it, with what they may be."""


class _Seen(frozenset[int]):
    """The numbers of the words that a chunk's tokens may be, how many tokens it has, the hits of those with any."""

    __slots__ = ("hits", "tokens")
    tokens: int
    hits: Hits


class _Chunks(dict[str, _Seen]):
    """What is known of each chunk that was met. When a generation is full, what was not met in it is forgotten.

    What is known is often the same (سوريا and «سوريا»،), and then it is kept once.
    """

    def __init__(self, vocabulary: Vocabulary, *, undotted: bool) -> None:
        super().__init__()
        self._vocabulary, self._undotted = vocabulary, undotted
        self._before: dict[str, _Seen] = {}
        self._kept: dict[object, _Seen] = {}
        self._nothing = self._keep((), 1, ())

    def __missing__(self, text: str) -> _Seen:
        """Look a chunk's words up."""
        if len(self) >= MOST_CHUNKS:
            self._before = dict(self)
            self.clear()
            self._kept.clear()
        found = self._before.get(text)
        if found is None:
            plain = plain_word(text)
            word = plain[2] if plain else None
            if word is None or word in UNDOTTING:
                found = self._look_up(text)
            elif word != text:
                found = self[word]
            else:
                found = self._look_up_word(text)
        if len(text) <= LONGEST_CHUNK:
            self[text] = found
        return found

    def _look_up_word(self, word: str) -> _Seen:
        hits = self._vocabulary.hits_of_word(word, plain_key(word), undotted=self._undotted)
        return self._keep(hits, 1, ((0, hits),)) if hits else self._nothing

    def _look_up(self, text: str) -> _Seen:
        chunk = cut_chunk(text)
        hits = [self._vocabulary.hits(token, undotted=self._undotted) for token in chunk.tokens]
        numbers = {number for found in hits for number in found}
        if any(token.spelt in UNDOTTING for token in chunk.tokens):
            numbers.add(_UNDOTS)
        if chunk.dangling:
            numbers.add(_DANGLES)
        if len(hits) != 1:
            numbers.add(_UNEVEN)
        return self._keep(numbers, len(hits), tuple((place, found) for place, found in enumerate(hits) if found))

    def _keep(self, numbers: Iterable[int], tokens: int, hits: Hits) -> _Seen:
        same = (tokens, *((place, *found.items()) for place, found in hits), *(one for one in numbers if one < 0))
        seen = self._kept.get(same)
        if seen is None:
            seen = self._kept[same] = _Seen(numbers)
            seen.tokens, seen.hits = tokens, hits
        return seen


class _Pieces:
    """A field of an article, cut at its white space."""

    def __init__(self, field: Literal["title", "text"], text: str, chunks: _Chunks, undotted: _Chunks) -> None:
        self._field: Literal["title", "text"] = field
        self._text = text
        self._chunks = text.split()
        self._seen = list(map(chunks.__getitem__, self._chunks))
        self.words = frozenset[int]().union(*self._seen)
        if _DANGLES in self.words:
            self._chunks = _joined(self._chunks, self._seen)
            self._seen = list(map(chunks.__getitem__, self._chunks))
        self._is_undotted = _UNDOTS in self.words
        if self._is_undotted:
            self._seen = list(map(undotted.__getitem__, self._chunks))
        if self._is_undotted or _DANGLES in self.words:
            self.words = frozenset[int]().union(*self._seen)

    def places(self, words: frozenset[int]) -> Places:
        """Find where some words stand."""
        places: dict[int, list[int]] = defaultdict(list)
        for token, seen in self._having(words):
            if seen.tokens == 1:
                for number in seen & words:
                    places[number].append(token)
                continue
            for place, found in seen.hits:
                for number in words.intersection(found):
                    places[number].append(token + place)
        return places

    def read(self, places: Places, words: frozenset[int]) -> Read:
        """Put the field together as far as these words need it, whose places are known."""
        hits = {token: self._hits(token) for number in words for token in places.get(number, ())}
        tokens = _Tokens(self._text, self._chunks, self._ends)
        return Read(Passage(self._field, self._text, tokens, self._is_undotted), hits, places)

    def _hits(self, token: int) -> Mapping[int, Hit]:
        if _UNEVEN not in self.words:
            return self._seen[token].hits[0][1]
        number = bisect_right(self._ends, token)
        seen = self._seen[number]
        return dict(seen.hits)[token - self._ends[number] + seen.tokens]

    def _having(self, words: frozenset[int]) -> list[tuple[int, _Seen]]:
        """List the chunks that have one of these words, each with the number of its first token."""
        if words.isdisjoint(self.words):
            return []
        lacks = map(frozenset[int].isdisjoint, self._seen, repeat(words))  # so, as what is seen is of a subclass
        having = [place for place, lacking in enumerate(lacks) if not lacking]
        if _UNEVEN not in self.words:
            return [(place, self._seen[place]) for place in having]
        return [(self._ends[place] - self._seen[place].tokens, self._seen[place]) for place in having]

    @cached_property
    def _ends(self) -> Sequence[int]:
        """Count the tokens up to each chunk's end."""
        if _UNEVEN in self.words:
            return list(accumulate(map(_tokens, self._seen)))
        return range(1, len(self._seen) + 1)


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

    def __init__(self, text: str, chunks: list[str], ends: Sequence[int]) -> None:
        self._text, self._chunks, self._ends = text, chunks, ends
        self._known: dict[int, Token] = {}

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
        return self.span(place, place)[0]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Find where a token starts and where another ends, without making them."""
        number, one = self._find(first)
        start = self._starts[number]
        if first == last:
            return start + one.start, start + one.end
        number, other = self._find(last)
        return start + one.start, self._starts[number] + other.end

    def sign(self, place: int) -> str:
        """Collect the signs since the token before."""
        number, one = self._find(place)
        is_first = one is self._chunk(number).tokens[0]
        return self._sign_before(number) + one.sign if is_first else one.sign

    def first(self, start: int) -> int:
        """Find the first token that does not start before a place of the text."""
        number = bisect_left(self._starts, start)
        if not number:
            return 0
        own, tokens = self._starts[number - 1], self._chunk(number - 1).tokens
        inside = (place for place, token in enumerate(tokens, -len(tokens)) if own + token.start >= start)
        return self._ends[number - 1] + next(inside, 0)

    def _find(self, place: int) -> tuple[int, Token]:
        """Find a token's chunk, and the token as it stands in that."""
        number = place if isinstance(self._ends, range) else bisect_right(self._ends, place)
        return number, self._chunk(number).tokens[place - self._ends[number]]

    def _token(self, place: int) -> Token:
        number, one = self._find(place)
        start = self._starts[number]
        sign = self.sign(place)
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
        end = self._starts[number + 1] if number + 1 < len(self._chunks) else len(self._text)
        return cut_chunk(self._text[self._starts[number] : end])

    @cached_property
    def _starts(self) -> list[int]:
        """Find where each chunk stands; one that was joined begins where its first part does."""
        text = self._text
        lengths = accumulate(map(len, self._chunks), initial=len(text) - len(text.lstrip()))
        starts = list(map(add, lengths, range(len(self._chunks) + 1)))
        found: list[int] = []
        shift = 0
        for run in _WIDE.finditer(text, starts[0]) if len(text.rstrip()) >= starts[-1] else ():
            after = bisect_left(starts, run.start() - shift)
            found += [one + shift for one in starts[len(found) : after]]
            shift += len(run[0]) - 1
        return [*found, *(start + shift for start in starts[len(found) :])] if shift else starts


_WIDE: Final = re.compile(r"\s\s+")
"""More white space between two chunks than one character; written so that `re` looks for its first character fast."""

_cut: Final = lru_cache(maxsize=MOST_CUT)(cut_chunk)
