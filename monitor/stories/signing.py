"""The signature of an article: what is enough to tell whether another one tells the same story.

Hides shingles and their MinHash, datelines, and how much of a text is its opening. The same article has the same
signature in every process; what two signatures have in common is `relating`'s affair.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import chain, pairwise
from math import log
from struct import pack
from typing import TYPE_CHECKING, Final

from rensa import RMinHash

from monitor.model import Signature
from monitor.stories.words import Reading, plain, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.model import Article, Evidence, Match

OPENING: Final = 80
"""Words of the text that, with the title, say what it is about. Mixed articles are what they open with."""

_HEAD: Final = 25
"""Words of the text that name whom and where it is about."""

_KEPT: Final = 48
"""Words of an opening that are kept, those that say most."""

_FIGURES: Final = 16
_NAMES: Final = 24
_LONGEST_WORD: Final = 24
_LONGEST_RAW: Final = 256  # characters between white space that are looked at and remembered
_AROUND: Final = 3
"""Words within which a number belongs to a word of loss."""

_SHINGLE: Final = 5
_SHORT: Final = 20
"""Words below which shingles are shorter, that one changed word may not break them all."""

_SLOTS: Final = 64
_SEED: Final = 1
_DATELINE: Final = re.compile(r"\A[^.،:؛\n–—-]{1,40}?\s?[-–—]\s?(?:[^.،:؛\n–—-]{1,25}:)?")
"""Agency, reporter and city before a dash, as newspapers put them before the first sentence."""


def sign_matches(article: Article, matches: Sequence[Match]) -> list[Match]:
    """Give an article's matches their signatures, which differ in the words of their evidence only."""
    if not matches:
        return []
    signature = sign(article)
    return [replace(match, signature=replace(signature, terms=_terms(match.evidence))) for match in matches]


def sign(article: Article, evidence: Iterable[Evidence] = ()) -> Signature:
    """Sign an article's version, with the words of its evidence."""
    title = _readings(article.header.title) if article.header.titled else []
    opening = title + _readings(_DATELINE.sub("", article.text, count=1), OPENING)
    head = opening[: len(title) + _HEAD]
    losses, numbers = _numbers(opening)
    return Signature(
        method=RMinHash.ALGORITHM_VERSION,
        sketch=_sketch([word for raw in article.text.split() for word in plain(raw[:_LONGEST_RAW])]),
        words=_words(opening),
        length=len(opening),
        places=_distinct(one.place for one in head),
        people=_distinct(one.person for one in head),
        names=_distinct(chain.from_iterable((one.place, one.person) for one in opening)),
        numbers=_distinct(numbers, _FIGURES),
        losses=_distinct(losses, _FIGURES),
        weekdays=_distinct(one.weekday for one in opening),
        today=_is_of_today(opening),
        terms=_terms(evidence),
    )


def _readings(text: str, most: int | None = None) -> list[Reading]:
    """Read the words of a text, up to so many, leaving dates out: agencies put them into everything."""
    found = [reading for raw in text.split(maxsplit=most or -1)[:most] for reading in read(raw[:_LONGEST_RAW])]
    return [one for place, one in enumerate(found) if not _is_of_date(found, place)][:most]


def _is_of_date(readings: Sequence[Reading], place: int) -> bool:
    """Tell the day and the month of a date, which stand next to each other."""
    one = readings[place]
    if not (one.number or one.month):
        return False
    around = (*readings[max(place - 1, 0) : place], *readings[place + 1 : place + 2])
    return any(near.month if one.number else near.number for near in around)


def _sketch(keys: Sequence[str]) -> bytes:
    width = min(_SHINGLE, 1 + len(keys) // (_SHORT // _SHINGLE))
    found = RMinHash(num_perm=_SLOTS, seed=_SEED)
    found.update([" ".join(keys[place : place + width]) for place in range(max(len(keys) - width + 1, 1))])
    return pack(f"<{_SLOTS}I", *found.digest())


def _words(readings: Iterable[Reading]) -> dict[str, int]:
    """Weigh the stems: the square of the rarity, more for what is repeated."""
    readings = [one for one in readings if one.stem]
    counts = Counter(one.stem for one in readings)
    rarity = {one.stem: one.rarity for one in readings}
    said = {stem[:_LONGEST_WORD]: round(10 * (1 + log(count)) * rarity[stem] ** 2) for stem, count in counts.items()}
    return dict(sorted(said.items(), key=lambda pair: (-pair[1], pair[0]))[:_KEPT])


def _numbers(readings: Sequence[Reading]) -> tuple[list[str], list[str]]:
    """Part the numbers of dead and wounded from all others."""
    losses: list[str] = []
    numbers: list[str] = []
    for place, one in enumerate(readings):
        if one.number:
            around = readings[max(place - _AROUND, 0) : place + _AROUND + 1]
            (losses if any(near.loss for near in around) else numbers).append(one.number)
    return losses, numbers


def _is_of_today(opening: Sequence[Reading]) -> bool:
    """Tell a report of the day on which it is written; اليوم الوطني and اليوم الثاني are other days."""
    return any(one.today and not after.defined for one, after in pairwise((*opening, Reading())))


def _terms(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    mentions = {mention.text for one in evidence for mention in one.mentions}
    return _distinct(sorted(reading.stem for text in mentions for reading in _readings(text)))


def _distinct(some: Iterable[str], most: int = _NAMES) -> tuple[str, ...]:
    """Keep what is there once each, in order."""
    return tuple(dict.fromkeys(one[:_LONGEST_WORD] for one in some if one))[:most]
