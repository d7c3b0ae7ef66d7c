"""Acronyms that Arabic spells by the names of their letters: إف بي آي is FBI, إس-400 is S-400.

Hides which names a letter has, and which of them are words of their own. Where such a run stands in a term is the
matcher's affair.
"""

from __future__ import annotations

from functools import cache
from itertools import islice, product
from typing import TYPE_CHECKING, Final

from monitor.text.lexicon import key, letter_names

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_READINGS: Final = 4
"""Acronyms that one run of names is read as; بي is B and P."""

_WORDS: Final = frozenset(["أي", "أو", "او", "في", "إن", "أن", "ان", "أم", "ال", "أل"])
"""Names that are frequent words too. A letter has them where they are its usual name, beside letters that do not."""


def is_letter(word: str) -> bool:
    """Tell the name of a letter."""
    return bool(_letters(word))


def acronyms(words: tuple[str, ...]) -> tuple[str, ...]:
    """Read names of letters as acronyms, the likeliest first; nothing where one is no name, or all are other words."""
    letters = [_letters(word) for word in words]
    if not all(letters) or _WORDS.issuperset(words):
        return ()
    return tuple("".join(some) for some in islice(product(*letters), MOST_READINGS))


def spelt_out(acronym: str) -> tuple[tuple[str, ...], ...]:
    """Give the names of each letter of an acronym; nothing where it has other signs, or all would be other words."""
    names = [letter_names().get(letter, ()) for letter in acronym]
    if not all(names) or _WORDS.issuperset(some[0] for some in names):
        return ()
    return tuple((some[0], *(one for one in some[1:] if one not in _WORDS)) for some in names)


def _letters(word: str) -> tuple[str, ...]:
    """Find the letters of a name: those of which it is the usual name, as spelt or else without its hamza, or all."""
    for usual in (_usual(), _folded(1), _folded(None)):
        if found := usual.get(word) or usual.get(key(word)):
            return found
    return ()


@cache
def _usual() -> dict[str, tuple[str, ...]]:
    return _by_name((names[0], letter) for letter, names in letter_names().items())


@cache
def _folded(most: int | None) -> dict[str, tuple[str, ...]]:
    return _by_name((key(name), letter) for letter, names in letter_names().items() for name in names[:most])


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, letter in pairs:
        if letter not in found.get(name, ()):
            found[name] = (*found.get(name, ()), letter)
    return found
