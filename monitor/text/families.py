"""The family of a term's word: every form of it that a text may hold, whichever member the analyst wrote.

Joins nouns, verbs and lists. How a text's word is taken apart is `arabic`; which words vary in spelling is `names`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from monitor.model import How
from monitor.text.arabic import SHADDA
from monitor.text.forms import Form, derived, form, split_marks
from monitor.text.lexicon import is_listed, key, plurals, singulars
from monitor.text.nouns import closed, decline, is_written, kin, lemmas, nisba
from monitor.text.verbs import conjugate, siblings, stems, verbal_nouns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ENDINGS: Final = frozenset(["", "ة", "ي", "ية", "ا", "يا", "ى", "ء", "ت", "ات", "تان", "تين", "ان", "ون", "ين"])
_LEAST_SHARED: Final = 2
_ROOT: Final = 3
_RANK: Final = {how: rank for rank, how in enumerate(How)}


@lru_cache(maxsize=4096)
def family(word: str) -> tuple[Form, ...]:
    """Write the whole family of a word without article: number, gender, possessive, nisba, verb and verbal noun.

    Each form once, with the surest way to it. A form that is a word or a given name of its own (``own_words``) is
    left out, unless it was written.
    """
    letters, marks = split_marks(word)
    if not any(marks):
        word = _with_listed_marks(letters)
    relatives = _relatives(word, letters)
    best: dict[tuple[str, bool, bool, bool, tuple[str, ...]], Form] = {}
    for one in (form(word, How.EXACT, present=letters[0] in "يتن"), *_members(word, letters)):
        if one.spelt not in relatives and (_is_own(one.spelt) or _is_plural_of_own(one.spelt, relatives)):
            continue
        place = (one.spelt, one.free, one.bound, one.noun, one.marks)
        if place not in best or (_RANK[one.how], one.weak) < (_RANK[best[place].how], best[place].weak):
            best[place] = one
    return tuple(best.values())


@lru_cache(maxsize=4096)
def closed_family(base: str) -> tuple[Form, ...]:
    """Write what stays the same name with its article: الحوثي and الحوثيون, never a broken plural or a feminine."""
    letters, marks = split_marks(base)
    return tuple(_keep_marks(closed(letters), letters, marks))


def alone(word: str) -> tuple[Form, ...]:
    """Take a word as written: particles and orthography are all that may differ."""
    return (form(word, How.EXACT, bound=False),)


def _members(word: str, letters: str) -> Iterator[Form]:
    marks = split_marks(word)[1]
    relatives = kin(letters)
    if relatives:
        for relative in relatives:
            yield from _keep_marks(_of_people(relative), letters, marks)
        return
    nouns = _nouns_of(word, letters)
    for noun in nouns:
        yield from (derived(one, How.DERIVED) for one in decline(noun))
        yield from (one for stem in stems(noun) for one in conjugate(stem, How.INFLECTED))
    if nouns and not _is_noun_too(letters):
        return
    for lemma in lemmas(letters):
        yield from _keep_marks(decline(lemma), letters, marks)
        if lemma != letters and (adjective := nisba(letters)) and is_written(adjective):  # حدودي is of حدود
            yield from (derived(one, How.DERIVED) for one in decline(adjective))
        for noun in siblings(lemma):
            yield from decline(noun)
        yield from (one for stem in stems(lemma) for one in conjugate(stem, How.DERIVED))


def _keep_marks(forms: Iterable[Form], letters: str, marks: tuple[str, ...]) -> Iterator[Form]:
    """Give a written word's marks to the forms that only end otherwise (مَدرسة, مَدرستان, not مدارس).

    The vowel before an ending is the ending's.
    """
    marked = any(marks)
    for one in forms:
        pairs = zip(letters, one.spelt, strict=False) if marked else ()
        shared = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
        if shared < _LEAST_SHARED or letters[shared:] not in _ENDINGS:
            yield one
            continue
        kept = marks if one.spelt == letters else (*marks[: shared - 1], SHADDA * (SHADDA in marks[shared - 1]))
        yield replace(one, marks=(*kept, *[""] * (len(one.spelt) - len(kept))))


def _relatives(word: str, letters: str) -> frozenset[str]:
    """Collect the members that are known to be of the family, though they are words of their own too."""
    singular = lemmas(letters)
    listed = [plural for one in singular for _, plural in plurals().get(key(one), ())]
    return frozenset((letters, *singular, *listed, *kin(letters), *_nouns_of(word, letters)))


def _nouns_of(word: str, letters: str) -> list[str]:
    return [] if _is_noun(word, letters) else verbal_nouns(word)


def _with_listed_marks(letters: str) -> str:
    """Write a country's name with the marks that it has in its list: اليَمَن is not the word اليُمن."""
    listed = (relative.removeprefix("ال") for relative in kin(letters))
    return next((one for one in listed if split_marks(one)[0] == letters), letters)


def _of_people(relative: str) -> Iterator[Form]:
    bare = relative.removeprefix("ال")
    if bare.endswith("ي"):
        yield from (derived(one, How.DERIVED) for one in decline(bare))
    else:
        yield form(bare, How.DERIVED)
        if not bare.endswith(("ا", "ة")):
            yield form(bare + "ا", How.DERIVED, bound=False)


def _is_noun(word: str, letters: str) -> bool:
    """Tell what is no verb: a listed noun, a verbal noun's shape.

    Three letters with shadda are form II, though, and استقال has the shape of استلام.
    """
    listed = any(key(letters) in table for table in (plurals(), singulars()))
    verb_too = (SHADDA in word and len(letters) == _ROOT) or (letters.startswith("است") and len(letters) == 2 * _ROOT)
    return listed or (bool(stems(letters)) and not verb_too)


def _is_noun_too(letters: str) -> bool:
    """Tell تعاون and مقاتل, verb and noun in one, from انسحب and يسلم, which are verbs only."""
    noun_shaped = bool(stems(letters)) and len(letters) > _ROOT
    return noun_shaped or (letters[0] not in "ياأ" and not letters.endswith(("وا", "ت")))


def _is_plural_of_own(spelt: str, relatives: frozenset[str]) -> bool:
    """Tell طائرات, plural of طائرة, from the family of طائر."""
    singular = spelt[:-2] + "ة"
    return spelt.endswith("ات") and singular not in relatives and is_listed(singular, "own_words")


def _is_own(spelt: str) -> bool:
    return is_listed(spelt, "own_words", "given_names", "function_words")
