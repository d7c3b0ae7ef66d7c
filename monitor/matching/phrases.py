"""Where a term's words stand together in a passage: in order, within a sentence, little between them.

Hides fillers, middle names and the ways to space a phrase (docs/watchlists.md, line 3). Looks for one term at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.model import How
from monitor.text.lexicon import is_listed, key
from monitor.text.tokens import Script

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from monitor.matching.expressions import Term
    from monitor.matching.passages import Passage
    from monitor.matching.terms import ReadTerm
    from monitor.matching.vocabulary import Hit, Vocabulary

_FILLERS: Final = (
    "في من على إلى عن مع هذه هذا تلك ذلك رقم ما يسمى تسمى المسمى المسماة المدعو المعروف المعروفة باسم the of in on"
)
FILLERS: Final = tuple(_FILLERS.split())
"""The words that may stand between the words of a phrase. Negators, ضد and دون are not among them, so they break it."""

MOST_FILLERS: Final = 2
"""Fillers between two words of a phrase."""

_FILLER_KEYS: Final = frozenset(key(word) for word in FILLERS)
_RANK: Final = {how: rank for rank, how in enumerate(How)}


@dataclass(frozen=True, slots=True)
class Spot:
    """Tokens ``first`` to ``last`` (inclusive) of a passage are a term. ``weak``: counts beside other clauses only."""

    term: Term
    first: int
    last: int
    how: How
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """A term whose words have their numbers in a vocabulary, in each spacing."""

    read: ReadTerm
    spellings: tuple[tuple[int, ...], ...]


def compile_phrase(read: ReadTerm, vocabulary: Vocabulary) -> Phrase:
    """Enter a term's words into the vocabulary."""
    return Phrase(read, tuple(tuple(vocabulary.add(word) for word in spelling) for spelling in read.spellings))


@dataclass(frozen=True, slots=True)
class Search:
    """A passage whose tokens have these hits, searched for one term after the other.

    ``adjacent``: nothing but spaces, quotes and dashes between a phrase's words, and no spelling variants (exceptions).
    """

    passage: Passage
    hits: Sequence[Mapping[int, Hit]]
    adjacent: bool = False

    def find(self, phrase: Phrase) -> list[Spot]:
        """Find a term: at each place the surest spot, of those the shortest."""
        best: dict[int, Spot] = {}
        for spelling in phrase.spellings:
            for first in (place for place, hit in enumerate(self.hits) if spelling[0] in hit):
                for spot in self._from(phrase, spelling, first):
                    if first not in best or _order(spot) < _order(best[first]):
                        best[first] = spot
        return [best[first] for first in sorted(best)]

    def _from(self, phrase: Phrase, spelling: Sequence[int], first: int) -> Iterator[Spot]:
        """Follow a spelling's words from its first on, through every step that is allowed."""
        ends: list[tuple[int, tuple[Hit, ...], bool]] = [(first, (self.hits[first][spelling[0]],), False)]
        for number in spelling[1:]:
            ends = [
                (place, (*met, self.hits[place][number]), middle or through)
                for last, met, middle in ends
                for place, through in self._next(phrase, last)
                if number in self.hits[place] and not self.hits[place][number].joined and not (middle and through)
            ]
        for last, met, _ in ends:
            how = max((hit.how for hit in met), key=_RANK.__getitem__)
            if not (self.adjacent and how is How.VARIANT):
                yield Spot(phrase.read.term, first, last, how, weak=len(met) == 1 and met[0].weak)

    def _next(self, phrase: Phrase, last: int) -> Iterator[tuple[int, bool]]:
        """List the tokens that may be a phrase's next word after ``last``, and whether a middle name was passed."""
        passed = 0
        while passed <= MOST_FILLERS and self._continues(last, last + 1 + passed):
            place = last + 1 + passed
            yield place, False
            if phrase.read.is_name and not self.adjacent:
                if self._is_middle_name(place) and self._continues(last, place + 1):
                    yield place + 1, True
                return
            if self.adjacent or self.passage.tokens[place].key not in _FILLER_KEYS:
                return
            passed += 1

    def _continues(self, last: int, place: int) -> bool:
        """Tell whether a token goes on, after nothing but soft signs, in the sentence of another."""
        tokens, sentence = self.passage.tokens, self.passage.sentence
        return place < len(tokens) and tokens[place].adjoins and sentence[place] == sentence[last]

    def _is_middle_name(self, place: int) -> bool:
        """Tell a word that may be an unlisted middle name: no function word, no particle or article, no number."""
        token = self.passage.tokens[place]
        if token.script is Script.LATIN:
            return token.spelt[:1].isupper()
        plain = token.script is Script.ARABIC and not token.prefix and not is_listed(token.spelt, "function_words")
        return plain and not token.key.startswith(("ال", "وال", "بال", "لل"))


def _order(spot: Spot) -> tuple[int, bool, int]:
    return (_RANK[spot.how], spot.weak, spot.last)
