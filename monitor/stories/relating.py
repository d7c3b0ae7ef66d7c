"""Whether two articles tell the same story, and why; and the keys by which a store finds those worth asking about.

Hides the measures and their limits. An article is what it opens with: two tell the same when their openings say the
same rare words, the sooner after each other the fewer. Reports made from one template (weather, closing prices, case
counts, cables) say the same words about other numbers, days, places or people, and are other stories.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import combinations
from math import sqrt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from monitor.model import Signature
    from monitor.ports import Signed

WINDOW: Final = timedelta(days=4)
"""Copies further apart are printed again, and are news again."""

_EDITED: Final = timedelta(days=3)
_DAY: Final = timedelta(days=1)

_ALIKE: Final = 0.44
"""Likeness from which on two openings tell the same."""

_A_DAY: Final = 0.12
"""What a day between two articles takes off their likeness."""

_SAME_FIGURES: Final = 0.12
_HALF: Final = 0.5
_OTHER_WEEKDAY: Final = 0.15
_OTHER_TERMS: Final = 0.12

_COPIED: Final = 0.5
"""Share of shingles from which on one text is copied from the other."""

_REPRINT: Final = 0.8
"""Share of shingles from which on a text is printed as it stood, with a today that was yesterday."""

_SAME_OPENING: Final = 0.35
"""Likeness below which a copied text is told as something else: a column of briefs, another text's last paragraphs."""

_ORDINARY: Final = 90
"""What a word says at most that is a term of both: it is why both are here."""

_FLASH: Final = 40
"""Words of an opening, with its title, up to which it is a flash."""

_BAND: Final = 16
"""Bytes of the sketch, four of its slots, that make a key."""

_PAIRED: Final = 10
"""Words that say most, of which any two make a key."""


class Because(StrEnum):
    """Why two articles tell the same story, or do not."""

    COPY = "copy"
    EDIT = "re-edit"
    FLASH = "flash"
    FAR = "too far apart"
    METHOD = "signed by another version"
    NUMBERS = "other numbers"
    WEEKDAY = "another day's report"
    PLACE = "another place"
    PERSON = "other people"
    OPENING = "another opening"


_SAME: Final = frozenset({Because.COPY, Because.EDIT, Because.FLASH})
_TEMPLATE: Final = frozenset({Because.NUMBERS, Because.WEEKDAY, Because.PLACE, Because.PERSON})


@dataclass(frozen=True, slots=True)
class Relation:
    """What two articles are to each other; ``likeness`` ranks stories that an article might belong to."""

    because: Because
    likeness: float = 0.0

    @property
    def same(self) -> bool:
        """Whether they tell the same story."""
        return self.because in _SAME

    @property
    def told_apart(self) -> bool:
        """Whether something that both say, a number, a day, a name, is another."""
        return self.because in _TEMPLATE


def relate(new: Signed, known: Signed) -> Relation:
    """Say what two articles of one watchlist are to each other; the order of the two does not matter."""
    one, other = new.signature, known.signature
    apart = abs(new.at - known.at)
    if one.method != other.method:
        return Relation(Because.METHOD)
    if apart > WINDOW:
        return Relation(Because.FAR)
    shared = _shared_slots(one.sketch, other.sketch)
    if held := _template(one, other, apart, shared):
        return Relation(held)
    return _by_opening(one, other, apart, shared)


def keys(signature: Signature) -> tuple[str, ...]:
    """Return what an index files an article under: articles of one story have a key in common."""
    return (*_bands(signature), *_pairs(signature))


def _bands(signature: Signature) -> Iterator[str]:
    for start in range(0, len(signature.sketch), _BAND):
        yield f"{start} {signature.sketch[start : start + _BAND].hex()}"


def _pairs(signature: Signature) -> Iterator[str]:
    """Pair the words that say most, but not two that are looked for: all articles of a watchlist have those."""
    most = sorted(signature.words, key=lambda word: (-signature.words[word], word))[:_PAIRED]
    for pair in combinations(sorted(most), 2):
        if not set(pair) <= set(signature.terms):
            yield " ".join(pair)


# --- Templates -------------------------------------------------------------------------------------------------------


def _template(one: Signature, other: Signature, apart: timedelta, shared: float) -> Because | None:
    """Say which slot is filled otherwise, if one is. A slot counts where both have something in it."""
    if _disjoint(one.numbers, other.numbers) or (apart > _DAY and _disjoint(one.losses, other.losses)):
        return Because.NUMBERS
    if apart >= _DAY and (_disjoint(one.weekdays, other.weekdays) or (one.today and other.today and shared < _REPRINT)):
        return Because.WEEKDAY
    if _missing(one.places, other) and _missing(other.places, one):
        return Because.PLACE
    if _missing(one.people, other) and _missing(other.people, one):
        return Because.PERSON
    return None


def _disjoint(some: Collection[str], others: Collection[str]) -> bool:
    return bool(some and others) and set(some).isdisjoint(others)


def _missing(named: Collection[str], other: Signature) -> bool:
    """Tell whether a head names what the other opening does not."""
    return not set(named) <= set(other.names)


# --- Likeness --------------------------------------------------------------------------------------------------------


def _by_opening(one: Signature, other: Signature, apart: timedelta, shared: float) -> Relation:
    alike = _likeness(one, other)
    likeness = alike + _figures(one, other) - _A_DAY * (apart / _DAY)
    if shared >= _COPIED and alike >= _SAME_OPENING:
        return Relation(Because.COPY, max(likeness, _ALIKE))
    if likeness < _ALIKE:
        return Relation(Because.OPENING, likeness)
    if apart > _EDITED:
        return Relation(Because.FAR, likeness)
    return Relation(Because.FLASH if min(one.length, other.length) <= _FLASH else Because.EDIT, likeness)


def _likeness(one: Signature, other: Signature) -> float:
    """Return the cosine of what two openings say."""
    terms = set(one.terms) & set(other.terms)
    ours, theirs = (_said(signature.words, terms) for signature in (one, other))
    shared = sum(ours[word] * theirs[word] for word in ours.keys() & theirs.keys())
    return shared / sqrt(_square(ours) * _square(theirs)) if shared else 0.0


def _said(words: dict[str, int], terms: set[str]) -> dict[str, int]:
    return words | {word: min(words[word], _ORDINARY) for word in terms & words.keys()} if terms else words


def _square(words: dict[str, int]) -> int:
    return sum(said * said for said in words.values())


def _figures(one: Signature, other: Signature) -> float:
    """Weigh what else agrees or not: numbers, weekdays, the watchlist's terms."""
    found = 0.0
    if _agree((*one.numbers, *one.losses), (*other.numbers, *other.losses)):
        found += _SAME_FIGURES
    if _disjoint(one.weekdays, other.weekdays):
        found -= _OTHER_WEEKDAY
    if _disjoint(one.terms, other.terms):
        found -= _OTHER_TERMS
    return found


def _agree(some: Collection[str], others: Collection[str]) -> bool:
    """Tell whether half of the fewer numbers are among the others."""
    fewer = min(len(set(some)), len(set(others)))
    return fewer > 0 and len(set(some) & set(others)) >= _HALF * fewer


def _shared_slots(one: bytes, other: bytes) -> float:
    """Estimate the share of shingles that two texts have in common."""
    ours, theirs = memoryview(one).cast("I"), memoryview(other).cast("I")
    return sum(slot == its for slot, its in zip(ours, theirs, strict=True)) / max(len(ours), 1)
