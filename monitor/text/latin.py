"""Words in letters other than Arabic: what counts as one word in them.

Hides the English stemmer and the treatment of capitals. Other languages in Latin letters are stemmed as if they were
English, which mostly leaves them alone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import snowballstemmer

_ENGLISH: Final = snowballstemmer.stemmer("english")
_LONGEST_ACRONYM: Final = 5


def is_acronym(spelt: str) -> bool:
    """Tell capitals of two to five letters (US, IS, SDF): they match case and have no other forms."""
    return 1 < len(spelt) <= _LONGEST_ACRONYM and spelt.isalpha() and spelt.isupper()


def without_possessive(word: str) -> str:
    """Take 's or a final apostrophe off."""
    return word.removesuffix("'s").removesuffix("'S").removesuffix("'")


@lru_cache(maxsize=65536)
def stem(key: str) -> str:
    """Reduce a folded English word to its Snowball stem."""
    return str(_ENGLISH.stemWord(without_possessive(key)))


def name_key(key: str) -> str:
    """Fold what spellings of one name differ in: doubled letters, y for i (Zelensky, Zelenskyy)."""
    letters = without_possessive(key).replace("y", "i")
    return "".join(letter for place, letter in enumerate(letters) if letters[place - 1 : place] != letter)
