"""Where a term's words stand together in a passage: in order, within a sentence, little between them.

Hides fillers, middle names and the ways to space a phrase (design §6, rule 3). One term is looked for at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.matching.vocabulary import Hit, Vocabulary
from monitor.model import How
from monitor.text.lexicon import key, words
from monitor.text.tokens import Script

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from monitor.matching.expressions import Term
    from monitor.matching.passages import Passage
    from monitor.matching.terms import ReadTerm

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


def find(phrase: Phrase, passage: Passage, hits: Sequence[Mapping[int, Hit]], *, adjacent: bool = False) -> list[Spot]:
    """Find a term in a passage whose tokens have these hits: at each place the surest spot, then the shortest.

    ``adjacent``: nothing but spaces and quotes between the words, and no spelling variants (exceptions).
    """
    best: dict[int, Spot] = {}
    for spelling in phrase.spellings:
        for first in (place for place, hit in enumerate(hits) if spelling[0] in hit):
            for spot in _from(phrase, spelling, first, passage, hits, adjacent=adjacent):
                if first not in best or _order(spot) < _order(best[first]):
                    best[first] = spot
    return [best[first] for first in sorted(best)]


def _order(spot: Spot) -> tuple[int, bool, int]:
    return (_RANK[spot.how], spot.weak, spot.last)


def _from(
    phrase: Phrase,
    spelling: Sequence[int],
    first: int,
    passage: Passage,
    hits: Sequence[Mapping[int, Hit]],
    *,
    adjacent: bool,
) -> Iterator[Spot]:
    """Follow a spelling's words from its first on, through every step that is allowed."""
    ends: list[tuple[int, tuple[Hit, ...], bool]] = [(first, (hits[first][spelling[0]],), False)]
    for number in spelling[1:]:
        ends = [
            (place, (*met, hits[place][number]), middle or through)
            for last, met, middle in ends
            for place, through in _next(phrase, passage, last, adjacent=adjacent)
            if number in hits[place] and not hits[place][number].joined and not (middle and through)
        ]
    for last, met, _ in ends:
        how = max((hit.how for hit in met), key=_RANK.__getitem__)
        if not (adjacent and how is How.VARIANT):
            weak = len(met) == 1 and met[0].weak
            yield Spot(phrase.read.term, first, last, how, weak)


def _next(phrase: Phrase, passage: Passage, last: int, *, adjacent: bool) -> Iterator[tuple[int, bool]]:
    """List the tokens that may be a phrase's next word after ``last``, and whether a middle name was passed."""
    for place in range(last + 1, min(last + 2 + MOST_FILLERS, len(passage.tokens))):
        if not passage.tokens[place].adjoins or passage.sentence[place] != passage.sentence[last]:
            return
        yield place, False
        if adjacent:
            return
        if phrase.read.is_name:
            after = place + 1
            if _is_middle_name(passage, place) and after < len(passage.tokens) and passage.tokens[after].adjoins:
                yield after, True
            return
        if passage.tokens[place].key not in _FILLER_KEYS:
            return


def _is_middle_name(passage: Passage, place: int) -> bool:
    """Tell a word that may be an unlisted middle name: no function word, no particle or article before it, no number."""
    token = passage.tokens[place]
    if token.script is Script.LATIN:
        return token.spelt[:1].isupper()
    plain = token.script is Script.ARABIC and not token.prefix and token.key not in words("function_words")
    return plain and not token.key.startswith(("ال", "وال", "بال", "لل"))
