"""Where a term's words stand together in a passage: in order, within a sentence, little between them.

Hides fillers, middle names and the ways to space a phrase (docs/watchlists.md, line 3). Looks for one term at a time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.matching.passages import Passage, read_passage
from monitor.matching.terms import read_term
from monitor.matching.vocabulary import Vocabulary
from monitor.model import How
from monitor.text.lexicon import key
from monitor.text.names import is_ordinary
from monitor.text.tokens import Script, has_tanwin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from monitor.matching.expressions import Term
    from monitor.matching.terms import ReadTerm
    from monitor.matching.vocabulary import Hit

_FILLERS: Final = (
    "في من على إلى عن مع هذه هذا تلك ذلك رقم ما يسمى تسمى المسمى المسماة المدعو المعروف المعروفة باسم the of in on"
)
FILLERS: Final = tuple(_FILLERS.split())
"""The words that may stand between the words of a phrase. Negators, ضد and دون are not among them, so they break it."""

MOST_FILLERS: Final = 2
"""Fillers between two words of a phrase."""

STRIDE: Final = MOST_FILLERS + 1
"""Tokens from one word of a phrase to the next, at most."""

_FILLER_KEYS: Final = frozenset(key(word) for word in FILLERS)
_RANK: Final = {how: rank for rank, how in enumerate(How)}


@dataclass(frozen=True, slots=True)
class Read:
    """A passage whose words were looked up: the hits of each token that has some, and the tokens of each word's number.

    ``places`` may leave out words that no clause asks for.
    """

    passage: Passage
    hits: Mapping[int, Mapping[int, Hit]]
    places: Mapping[int, Sequence[int]]


def read_whole(passage: Passage, vocabulary: Vocabulary) -> Read:
    """Look every word of a passage up."""
    hits: dict[int, Mapping[int, Hit]] = {}
    places: dict[int, list[int]] = defaultdict(list)
    for place, token in enumerate(passage.tokens):
        found = vocabulary.hits(token, undotted=passage.undotted)
        if found:
            hits[place] = found
        for number in found:
            places[number].append(place)
    return Read(passage, hits, places)


class Spot(NamedTuple):
    """Tokens ``first`` to ``last`` (inclusive) of a passage are a term. ``weak``: counts beside other clauses only."""

    term: Term
    first: int
    last: int
    how: How
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """A term whose words have their numbers in a vocabulary, in each spacing; ``signs`` join them to those before."""

    read: ReadTerm
    spellings: tuple[tuple[int, ...], ...]
    signs: tuple[tuple[str, ...], ...]

    def may_stand(self, places: Mapping[int, Sequence[int]]) -> bool:
        """Tell whether all words of a spelling stand somewhere."""
        for spelling in self.spellings:
            for number in spelling:
                if number not in places:
                    break
            else:
                return True
        return False


def compile_phrase(read: ReadTerm, vocabulary: Vocabulary) -> Phrase:
    """Enter a term's words into the vocabulary."""
    return Phrase(
        read,
        tuple(tuple(vocabulary.add(word) for word in spelling) for spelling in read.spellings),
        tuple(tuple(word.sign for word in spelling) for spelling in read.spellings),
    )


def matches_itself(term: Term) -> bool:
    """Tell whether a text that is only the term as written is a mention of it, from its first word to its last."""
    vocabulary = Vocabulary()
    phrase = compile_phrase(read_term(term), vocabulary)
    read = read_whole(read_passage("text", term.text), vocabulary)
    last = len(read.passage.tokens) - 1
    return any(spot.first == 0 and spot.last == last and not spot.weak for spot in Search(read).find(phrase))


class Search:
    """A passage whose words were looked up, searched for one term after the other; what was found is remembered.

    ``adjacent``: nothing but spaces, quotes and dashes between a phrase's words, and no spelling variants (exceptions).
    """

    def __init__(self, read: Read, *, adjacent: bool = False) -> None:
        self.read, self.adjacent = read, adjacent
        self._found: dict[int, Sequence[Spot]] = {}

    def find(self, phrase: Phrase) -> Sequence[Spot]:
        """Find a term: at each place the surest spot, of those the shortest."""
        found = self._found.get(id(phrase))
        if found is None:
            found = self._found[id(phrase)] = self._find(phrase) if phrase.may_stand(self.read.places) else ()
        return found

    def _find(self, phrase: Phrase) -> Sequence[Spot]:
        if len(phrase.spellings) == len(phrase.spellings[0]) == 1:
            return self._word(phrase, phrase.spellings[0][0])
        best: dict[int, Spot] = {}
        for spelling, signs in zip(phrase.spellings, phrase.signs, strict=True):
            found = self._word(phrase, spelling[0]) if len(spelling) == 1 else self._words(phrase, spelling, signs)
            for spot in found:
                if spot.first not in best or _order(spot) < _order(best[spot.first]):
                    best[spot.first] = spot
        return tuple(best[first] for first in sorted(best))

    def _word(self, phrase: Phrase, number: int) -> list[Spot]:
        term, hits = phrase.read.term, self.read.hits
        found = [(place, hits[place][number]) for place in self.read.places.get(number, ())]
        return [
            Spot(term, place, place, hit.how, hit.weak)
            for place, hit in found
            if not (self.adjacent and hit.how is How.VARIANT)
        ]

    def _words(self, phrase: Phrase, spelling: Sequence[int], signs: Sequence[str]) -> Iterator[Spot]:
        for first in self.read.places.get(spelling[0], ()):
            if self._may_go_on(spelling[1], first):
                yield from self._from(phrase, spelling, signs, first)

    def _from(self, phrase: Phrase, spelling: Sequence[int], signs: Sequence[str], first: int) -> Iterator[Spot]:
        """Follow a spelling's words from its first on, through every step that is allowed."""
        ends: list[tuple[int, tuple[Hit, ...], bool]] = [(first, (self.read.hits[first][spelling[0]],), False)]
        for number, sign in zip(spelling[1:], signs[1:], strict=True):
            ends = [
                (place, (*met, self.read.hits[place][number]), middle or through)
                for last, met, middle in ends
                if self._may_go_on(number, last)
                for place, through in self._next(phrase, last, sign)
                if self._goes_on(number, place) and not (middle and through)
            ]
        for last, met, _ in ends:
            how = max((hit.how for hit in met), key=_RANK.__getitem__)
            if not (self.adjacent and how is How.VARIANT):
                yield Spot(phrase.read.term, first, last, how)

    def _goes_on(self, number: int, place: int) -> bool:
        """Tell whether a token is a later word of a phrase; و and ف would begin something new."""
        hit = self.read.hits[place].get(number) if place in self.read.hits else None
        return hit is not None and not hit.joined

    def _may_go_on(self, number: int, last: int) -> bool:
        """Tell quickly whether a word stands behind another within the furthest step."""
        places = self.read.places.get(number, ())
        following = bisect_right(places, last)
        return following < len(places) and places[following] <= last + STRIDE

    def _next(self, phrase: Phrase, last: int, sign: str) -> Iterator[tuple[int, bool]]:
        """List the tokens that may be a phrase's next word after ``last``, and whether a middle name was passed."""
        if sign:
            if self._is_joined(last, sign):
                yield last + 1, False
            return
        passed = 0
        while passed <= MOST_FILLERS and self._continues(last, last + 1 + passed):
            place = last + 1 + passed
            yield place, False
            if phrase.read.is_name and not self.adjacent:
                if self._is_middle_name(place) and self._continues(last, place + 1):
                    yield place + 1, True
                return
            if self.adjacent or self.read.passage.tokens[place].key not in _FILLER_KEYS:
                return
            passed += 1

    def _continues(self, last: int, place: int) -> bool:
        """Tell whether a token goes on, after nothing but soft signs, in the sentence of another."""
        passage = self.read.passage
        return place < len(passage.tokens) and not passage.tokens.sign(place) and passage.is_sentence(last, place)

    def _is_joined(self, last: int, sign: str) -> bool:
        """Tell whether the next token stands behind the term's own sign, or behind a space (but 5 1 is not 5+1)."""
        tokens, paragraph = self.read.passage.tokens, self.read.passage.paragraph
        if last + 1 < len(tokens) and tokens.sign(last + 1) == sign:
            return paragraph[last + 1] == paragraph[last]
        numbers = tokens[last : last + 2]
        return self._continues(last, last + 1) and not all(one.script is Script.NUMBER for one in numbers)

    def _is_middle_name(self, place: int) -> bool:
        """Tell a word that may be an unlisted middle name: no ordinary word, particle, article or number."""
        token = self.read.passage.tokens[place]
        if token.script is Script.LATIN:
            return token.spelt[:1].isupper()
        if token.script is not Script.ARABIC or token.prefix or has_tanwin(token):
            return False
        return not token.key.startswith(("ال", "وال", "بال", "لل")) and not is_ordinary(token.spelt)


def _order(spot: Spot) -> tuple[int, bool, int]:
    return (_RANK[spot.how], spot.weak, spot.last)
