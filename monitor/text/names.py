"""Whether two different spellings may be one name: letters that newspapers interchange, weighted.

Hides the costs and limits, measured on pairs of transliterations (their knee: more tolerance more than doubles the
different names that are accepted), and which words are no names. Whose spelling may vary is the matcher's affair.
"""

from __future__ import annotations

import re
from typing import Final

from rapidfuzz.distance import OSA

from monitor.text.frequencies import article_share, uses
from monitor.text.lexicon import gentilics, is_listed, key, plurals, singulars
from monitor.text.verbs import is_verb, stems

_LIMITS: Final = {3: 0.3, 4: 0.5, 5: 1.0, 6: 1.1, 7: 1.1}
_LONGEST_LIMIT: Final = 1.5
_KNOWN_LIMIT: Final = 0.3
_COMMON_LIMIT: Final = 0.4
_ONE_SPELLING: Final = ("given_names", "places", "acronyms")
_VERBAL_NOUN: Final = 5
"""Letters from which on a verbal noun's shape is seldom a name's."""

_FURTHEST: Final = 3
"""No pair within the limits is more edits apart."""

_SUBSTITUTIONS: Final = {
    frozenset(pair): cost
    for cost, pairs in {
        0.3: "جغ ةه ةا ئي ئو ئء",
        0.4: "غق قك جق جك تط تث سص زس",
        0.5: "سش خك دض ظز ذز ثس حه خه فو هي",
        0.6: "اي يو اع اه جي غك",
        0.75: "او",
    }.items()
    for pair in pairs.split()
}
_INSIDE: Final = {"ي": 0.4, "و": 0.4, "ا": 0.5, "ه": 0.7, "ع": 0.8}
_AT_END: Final = {"ي": 0.5, "و": 0.7, "ا": 0.6, "ه": 0.4}
_BEFORE: Final = {("ا", "ي"): 0.35, ("ت", "ش"): 0.5, ("ت", "س"): 0.6, ("د", "ج"): 0.4}
_DOUBLED: Final = 0.3
_COMMON: Final = 10_000.0
"""Uses in a billion words from which on a spelling is established: two such spellings are two names."""

_SEEN: Final = 3_000.0
_ARTICLED: Final = 0.3

_OTHER: Final = 1.4
"""Any other letter: more than the limit of every length, so that vowels alone may add up to it."""

_FIRST_CLASS: Final = 0.3
_FIRST_FREE: Final = frozenset("غقكجفو")
"""Transliterations differ in these at the head of a word as often as within it."""

_FIRST_OTHER: Final = 1.6
_AGAIN: Final = 0.1
_CLASSES: Final = str.maketrans("غقكطثصزشظذضحخو", "جججتتسسسسسدههف")
_STOPS: Final = re.compile("ت(?=[شس])|د(?=ج)")
_SKELETON: Final = str.maketrans("غقكطثصزشظذض", "جججتتسسسسسد", "اويءعهفئةحخ")


def skeleton(plain: str) -> str:
    """Reduce a folded word to what variants of one name share: the class of its first letter, and of its consonants.

    A stop before a letter that may contain it (تش, تس, دج) is part of that.
    """
    plain = _STOPS.sub("", plain)
    first, rest = plain[0].translate(_CLASSES), plain[1:].translate(_SKELETON)
    return first + "".join(letter for place, letter in enumerate(rest) if rest[place - 1 : place] != letter)


def are_variants(ours: str, theirs: str) -> bool:
    """Tell whether a term's name and another folded word may be one name. Equal words are not asked about.

    A name of the region, a text's word that is a word of the language, or two common words leave little room; a name of
    the region and a word of the language none.
    """
    known = is_listed(ours, *_ONE_SPELLING), _is_known(theirs)
    if all(known) or OSA.distance(ours, theirs, score_cutoff=_FURTHEST) > _FURTHEST:
        return False
    shorter = min(len(ours), len(theirs))
    limit = _LIMITS.get(shorter, _LONGEST_LIMIT if shorter > max(_LIMITS) else 0.0)
    if min(uses(ours), uses(theirs)) >= _COMMON:
        limit = min(limit, _COMMON_LIMIT)
    if any(known):
        limit = min(limit, _KNOWN_LIMIT)
    return distance(ours, theirs) <= limit + 1e-9


def distance(ours: str, theirs: str) -> float:
    """Sum the costs of the cheapest edits from one folded name to the other.

    A substitution made throughout a word (غوغل, جوجل) is paid once, and a little for each further time.
    """
    best = _edits(ours, theirs)
    for letter in {one for one in ours if ours.count(one) > 1}:
        for other in set(theirs) - {letter}:
            if frozenset((letter, other)) in _SUBSTITUTIONS:
                paid = _swap(letter, other, first=ours[0] == letter) + _AGAIN * (ours.count(letter) - 1)
                best = min(best, paid + _edits(ours.replace(letter, other), theirs))
    return best


def is_ordinary(word: str) -> bool:
    """Tell a word of the language from what may be a name that nobody listed: listed words, verbs, verbal nouns."""
    if is_listed(word, "given_names"):
        return False
    if is_tabled(key(word)) or is_listed(word, "function_words", "common_words") or is_verb(word):
        return True
    if len(word) >= _VERBAL_NOUN and stems(word):
        return True
    return word[0] in "وفبلك" and is_listed(word[1:], *_ONE_SPELLING, "foreign_names")


def _is_known(plain: str) -> bool:
    return (
        is_tabled(plain)
        or (plain.endswith("ي") and is_tabled(plain[:-1]))
        or _takes_article(plain)
        or is_listed(plain, *_ONE_SPELLING, "own_words", "function_words", "common_words")
    )


def _takes_article(plain: str) -> bool:
    """Tell what is seen with the article often enough to be no name."""
    return uses(plain) >= _SEEN and article_share(plain) >= _ARTICLED


def is_tabled(plain: str) -> bool:
    """Tell a folded word that is listed with its plurals, or with its people."""
    return any(plain in table for table in (plurals(), singulars(), gentilics()))


def _edits(ours: str, theirs: str) -> float:
    """Weighted Damerau-Levenshtein distance (adjacent transpositions), rows over ``ours``."""
    before: list[float] = []
    row = [0.0]
    for column in range(len(theirs)):
        row.append(row[-1] + _gap(theirs, column))
    for line, letter in enumerate(ours):
        above, row = row, [row[0] + _gap(ours, line)]
        for column, other in enumerate(theirs):
            cost = min(
                above[column] + _swap(letter, other, first=line == 0 and column == 0),
                above[column + 1] + _gap(ours, line),
                row[column] + _gap(theirs, column),
            )
            if line and column and letter == theirs[column - 1] and other == ours[line - 1]:
                cost = min(cost, before[column - 1] + 1)
            row.append(cost)
        before = above
    return row[-1]


def _swap(letter: str, other: str, *, first: bool) -> float:
    if letter == other:
        return 0.0
    cost = _SUBSTITUTIONS.get(frozenset((letter, other)))
    if cost is None:
        return _FIRST_OTHER if first else _OTHER
    return cost + _FIRST_CLASS if first and not {letter, other} <= _FIRST_FREE else cost


def _gap(word: str, place: int) -> float:
    """Price a letter that one spelling has and the other has not."""
    letter = word[place]
    if place == 0:
        return _BEFORE.get((letter, word[1:2]), _FIRST_OTHER) if letter in "تد" else _FIRST_OTHER
    if place == len(word) - 1:
        return _AT_END.get(letter, _OTHER)
    if letter == word[place - 1]:
        return _DOUBLED
    return _BEFORE.get((letter, word[place + 1]), _INSIDE.get(letter, _OTHER))
