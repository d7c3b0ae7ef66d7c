"""One spelling for what readers take as the same letters, with the way back to the text as published.

Hides Unicode: presentation forms, vowel marks, tatweel, invisible and bidi marks, Persian and Kurdish letters, digits
of any script, accents and case. It knows letters, not words: what a folded word may mean is `tokens` and `arabic`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

TATWEEL: Final = "\u0640"
HAMZA_SEAT: Final = "ئ"
"""The key of ؤ and ئ: مسؤولين and مسئولين are one word, but سئل is not سيل."""

_REMEMBERED: Final = 8192  # more characters than a newsroom's scripts use, fewer than hostile text can hold
_ZERO_WIDTH_SPACE: Final = "\u200b"
_LETTERS_AROUND_ZWSP: Final = 3
_COMPOSING: Final = frozenset("\u0653\u0654\u0655")
_CONTEXTUAL: Final = re.compile(f"[{_ZERO_WIDTH_SPACE}{''.join(sorted(_COMPOSING))}]")
"""Characters that fold by what stands around them."""
_MARK_BLOCKS: Final = (
    *((0x0300, 0x036F), (0x0483, 0x0489), (0x0591, 0x05C7), (0x0610, 0x061A), (0x064B, 0x065F), (0x0670, 0x0670)),
    *((0x06D6, 0x06ED), (0x08CA, 0x08FF), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F)),
)
_SAME_LETTER: Final = {
    original: key
    for key, originals in {
        "ا": "أإآٱ",
        HAMZA_SEAT: "ؤئ",
        "ي": "ىیېێۍۑ",
        "ك": "کڪګݣ",
        "ه": "ہەھۀ",
        "ة": "ۃ",
        "ب": "پ",
        "ج": "چژ",
        "ف": "ڤڥ",
        "غ": "گ",
        "ر": "ڕ",
        "ل": "ڵ",
        "و": "ۆۇۈۋۊ",
    }.items()
    for original in originals
}


_PLAIN: Final = re.compile("[\u0621-\u063a\u0641-\u064a]+")
"""Letters that fold one by one, all of them Arabic's own."""

_PLAIN_KEYS: Final = str.maketrans("أإآؤىئ", "ااائيئ")


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in folded letters, each of which knows where it stood.

    ``text`` is for comparing. ``spelt`` has the same length and shows each of its letters as written (hamza, final ى,
    case), without marks: it serves the vetoes that need the original. ``origin[i]`` is the place of letter ``i`` in
    the original; it never falls.
    """

    text: str
    spelt: str = field(repr=False)
    origin: tuple[int, ...] = field(repr=False)
    _ends: tuple[int, ...] = field(repr=False)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Map a half-open span of ``text`` to the original's code points, each letter with all its marks."""
        if start >= end:
            place = self.origin[start] if start < len(self.origin) else (self._ends[-1] if self._ends else 0)
            return place, place
        return self.origin[start], self._ends[end - 1]


def fold(text: str) -> Folded:
    """Fold a text for comparing: compatibility forms, marks, invisible characters, letter variants, digits, case.

    Kept apart, because they tell words apart: ة and ه, final ء, ئ and ي. ``spelt`` keeps what folding loses. A
    zero-width space is a space only where at least three letters stand on both sides (measured in news text).
    """
    found = list(map(_LETTERS.__getitem__, text))
    if set(map(len, found)) == {1}:  # letter by letter, as most texts without marks
        folded, shown = zip(*(pair for (pair,) in found), strict=True)
        return Folded("".join(folded), "".join(shown), tuple(range(len(text))), tuple(range(1, len(text) + 1)))
    keys: list[str] = []
    spelt: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for place, char in enumerate(text):
        letters = found[place]
        if not letters and char == _ZERO_WIDTH_SPACE and _separates(text, place):
            letters = ((" ", " "),)
        if letters:
            for key, written in letters:
                keys.append(key)
                spelt.append(written)
                starts.append(place)
                ends.append(place + 1)
        elif keys and is_mark(char):
            ends[-1] = place + 1
            if char in _COMPOSING and place and not is_mark(text[place - 1]):
                keys[-1], spelt[-1] = _compose(keys[-1], spelt[-1], char)
    return Folded("".join(keys), "".join(spelt), tuple(starts), tuple(ends))


def fold_text(text: str) -> str:
    """Fold a text for comparing, without the way back."""
    return fold(text).text if _CONTEXTUAL.search(text) else text.translate(_KEYS)


def fold_word(word: str) -> str:
    """Fold a word for comparing, without the way back."""
    return plain_key(word) if _PLAIN.fullmatch(word) else fold_text(word)


def plain_key(word: str) -> str:
    """Fold a word that is known to have nothing but plain letters."""
    return word.translate(_PLAIN_KEYS)


@lru_cache(maxsize=_REMEMBERED)
def is_mark(char: str) -> bool:
    """Tell a mark that sits on a letter: vowel marks, tanwin, shadda, superscript alef, accents."""
    return unicodedata.category(char) in {"Mn", "Me"} and any(low <= ord(char) <= high for low, high in _MARK_BLOCKS)


class _Letters(dict[str, tuple[tuple[str, str], ...]]):
    """What characters fold to, each found out when it is first met; all are forgotten when they are too many."""

    def __missing__(self, char: str) -> tuple[tuple[str, str], ...]:
        """Fold a character."""
        if len(self) >= _REMEMBERED:
            self.clear()
        found = self[char] = _letters(char)
        return found


_LETTERS: Final = _Letters()


class _Keys(dict[int, str]):
    """The same for `str.translate`: keys by code point."""

    def __missing__(self, code: int) -> str:
        """Fold a character."""
        if len(self) >= _REMEMBERED:
            self.clear()
        found = self[code] = "".join(key for key, _ in _LETTERS[chr(code)])
        return found


_KEYS: Final = _Keys()


def _letters(char: str) -> tuple[tuple[str, str], ...]:
    """Fold one character to pairs (key, as written): none for what is dropped, several for ligatures."""
    if char == TATWEEL or is_mark(char) or unicodedata.category(char) == "Cf":
        return ()
    written = unicodedata.normalize("NFKC", char)
    if written[0] == " " and len(written) > 1:  # the isolated forms of marks decompose to a space and the mark
        written = written[1:]
    kept = (one for one in written if one != TATWEEL and not is_mark(one))
    return tuple(pair for one in kept for pair in _pairs(one))


def _pairs(char: str) -> list[tuple[str, str]]:
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return [(str(digit), str(digit))]
    if char in _SAME_LETTER:
        return [(_SAME_LETTER[char], char)]
    key = "".join(one for one in unicodedata.normalize("NFKD", char.casefold()) if not is_mark(one))
    key = unicodedata.normalize("NFC", key) or char
    return [(key, char)] if len(key) == 1 else [(one, one) for one in key]


def _compose(key: str, written: str, mark: str) -> tuple[str, str]:
    """Join a letter and a following madda or hamza mark, as ؤ may be written in two code points."""
    joined = unicodedata.normalize("NFC", ("ي" if written == "ى" else written) + mark)
    return (_SAME_LETTER.get(joined, key), joined) if len(joined) == 1 else (key, written)


def _separates(text: str, place: int) -> bool:
    """Tell whether letters enough stand on both sides, marks not counted."""
    reach = 3 * _LETTERS_AROUND_ZWSP
    sides = text[max(0, place - reach) : place][::-1], text[place + 1 : place + 1 + reach]
    letters = ("".join(char for char in side if not is_mark(char))[:_LETTERS_AROUND_ZWSP] for side in sides)
    return all(len(side) == _LETTERS_AROUND_ZWSP and side.isalpha() for side in letters)
