"""The words of a text and where they stand, cut where letters, digits and scripts meet.

Hides spaces that are missing, hashtags, handles, web addresses, dotted acronyms and particles that tatweel or a quote
cuts off from their word. What a word means is not known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from monitor.text.folding import TATWEEL, Folded, fold, is_mark, plain_key

if TYPE_CHECKING:
    from collections.abc import Iterator


_TANWIN: Final = frozenset("\u064b\u064c\u064d")


class Script(StrEnum):
    """What a token is made of, as far as its reading depends on it."""

    ARABIC = "arabic"
    LATIN = "latin"  # and every other script with letters
    NUMBER = "number"
    ADDRESS = "address"  # handles, web and mail addresses: one token, whatever words are in it


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number or an address.

    ``key`` is folded; ``spelt`` has the letters as written, ``marks`` those on each letter (empty where none are).
    ``prefix`` is a particle cut off before it (لـ«قسد»). ``sign`` is what stands between it and the token before,
    spaces, quotes, brackets and dashes left out. ``start`` and ``end`` are half-open code points of the original.
    """

    key: str
    spelt: str
    start: int
    end: int
    script: Script
    prefix: str = ""
    sign: str = ""
    marks: tuple[str, ...] = field(default=(), repr=False)


_PARTICLES: Final = "و ف ب ل ك ال وال فال بال كال وبال لل ولل فلل وب ول وك فب فل"
CUT_PARTICLES: Final = frozenset(_PARTICLES.split())
"""Particles that a writer may set apart from their word by tatweel, or before a quote, a digit or a Latin letter."""

_ARABIC: Final = "ء-يٮ-ۓەۮۯۺ-ۿݐ-ݿ"
_OTHER: Final = rf"[^\W\d_{_ARABIC}]"
_TOKEN: Final = re.compile(
    rf"(?P<address>(?:https?://|www\.)\S+|\w[\w.+-]{{0,63}}@\w[\w-]{{0,62}}\.[\w.-]{{0,99}}\w|@\w+)"
    rf"|(?P<number>\d+(?:[.,٫٬]\d+)*)"
    rf"|(?P<arabic>[{_ARABIC}]+)"
    rf"|(?P<dotted>(?<!\w)[a-z](?:\.[a-z])+(?!\w))"
    rf"|(?P<latin>{_OTHER}+(?:['’]{_OTHER}+)*)"
)
_SOFT: Final = re.compile(r"[\s_#*\-‐‑‒–—―\"'«»“”„‘’‚‹›()\[\]{}<>]+")
_ONE_SIGN: Final = str.maketrans("،؛؟٪⁄", ",;?%/")
"""Signs that writers of Arabic and of other scripts write differently."""

_OPENERS: Final = "\"'«“„‘‹([{"
_GROUPED: Final = re.compile(r"\d{1,3}(?:[,٬]\d{3})+(?:[.٫]\d+)?")


# Most chunks are one word in letters that fold one by one, with soft and closing signs: cut without `fold`.
_LETTERS: Final = "\u0621-\u063a\u0641-\u064a"
_VOWELS: Final = "\u064b-\u0652"
_BEFORE: Final = r"""([("«“\-]?)"""
_BEHIND: Final = r"""([)"»”.,:؛،؟!/\-]{0,3})"""
_PLAIN: Final = re.compile(f"{_BEFORE}([{_LETTERS}]+){_BEHIND}")
_VOWELLED: Final = re.compile(f"{_BEFORE}([{_LETTERS}][{_LETTERS}{_VOWELS}]*){_BEHIND}")
_VOWELLED_LETTER: Final = re.compile(f"([{_LETTERS}])([{_VOWELS}]*)")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A token's place in the folded text."""

    start: int
    end: int
    script: Script
    sign: str
    prefix: str = ""


def tokenize(text: str) -> list[Token]:
    """Cut a text into tokens, in order, none overlapping another."""
    return list(cut_chunk(text).tokens)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of text between white space: its tokens, placed from its own start.

    ``trail`` is the sign after the last token. ``dangling``: that is a particle cut off from what follows (لـ قسد).
    """

    tokens: tuple[Token, ...]
    trail: str
    dangling: bool


def cut_chunk(text: str) -> Chunk:
    """Cut a stretch of text into tokens.

    White space parts tokens and is no sign, so the tokens of a text are those of its chunks one after the other, each
    first one with the signs since the token before it; a dangling particle alone must be seen with what follows.
    """
    if plain := plain_word(text):
        token = Token(plain_key(plain[2]), plain[2], *plain.span(2), Script.ARABIC)
        return Chunk((token,), _sign(plain[3]), dangling=False)
    if vowelled := _vowelled_word(text):
        return vowelled
    folded = fold(text)
    pieces = list(_pieces(text, folded))
    end = pieces[-1].end if pieces else 0
    trail = _sign(folded.text[end:])
    found = _TOKEN.match(folded.text, pieces[-1].start) if pieces and not trail else None
    dangling = found is not None and found.end() == end and _is_cut(text, folded, found)
    return Chunk(tuple(_token(text, folded, piece) for piece in pieces), trail, dangling)


def plain_word(text: str) -> re.Match[str] | None:
    """Tell what most chunks are: one Arabic word (group 2) in letters that fold one by one, signs before and after it.

    A word that may be a cut-off particle is not told.
    """
    found = _PLAIN.fullmatch(text)
    return None if found is None or found[2] in CUT_PARTICLES else found


def _vowelled_word(text: str) -> Chunk | None:
    """Cut what many other chunks are: such a word with marks on its letters."""
    found = _VOWELLED.fullmatch(text)
    if found is None:
        return None
    pairs: list[tuple[str, str]] = _VOWELLED_LETTER.findall(found[2])
    word = "".join(letter for letter, _ in pairs)
    if word in CUT_PARTICLES:
        return None
    token = Token(plain_key(word), word, *found.span(2), Script.ARABIC, marks=tuple(marks for _, marks in pairs))
    return Chunk((token,), _sign(found[3]), dangling=False)


def has_tanwin(token: Token) -> bool:
    """Tell whether a word carries tanwin, as names do not."""
    return any(not _TANWIN.isdisjoint(marks) for marks in token.marks)


def _pieces(text: str, folded: Folded) -> Iterator[_Piece]:
    """Find the tokens, each cut-off particle given to the word after it when that is near."""
    cut: _Piece | None = None
    end = 0
    for found in _TOKEN.finditer(folded.text):
        script = Script.LATIN if found.lastgroup == "dotted" else Script(found.lastgroup or "")
        piece = _Piece(*found.span(), script, _sign(folded.text[end : found.start()]))
        end = found.end()
        if cut and not piece.sign:
            yield replace(piece, sign=cut.sign, prefix=folded.spelt[cut.start : cut.end])
            cut = None
            continue
        if cut:
            yield cut
        cut = piece if _is_cut(text, folded, found) else None
        if not cut:
            yield piece
    if cut:
        yield cut


def _sign(between: str) -> str:
    """Take spaces, quotes, brackets and dashes out, which part words without breaking a phrase."""
    return _SOFT.sub("", between).translate(_ONE_SIGN) if between not in {"", " "} else ""


def _is_cut(text: str, folded: Folded, found: re.Match[str]) -> bool:
    """Tell whether a particle was set apart on purpose: by tatweel, or by what follows without a space."""
    if folded.spelt[slice(*found.span())] not in CUT_PARTICLES:
        return False
    after = folded.span(*found.span())[1]
    following = text[after : after + 1]
    return bool(following) and (
        following in TATWEEL + _OPENERS or following.isdecimal() or (following.isascii() and following.isalpha())
    )


def _token(text: str, folded: Folded, piece: _Piece) -> Token:
    start, end = piece.start, piece.end
    key, spelt = folded.text[start:end], folded.spelt[start:end]
    if piece.script is Script.NUMBER:
        key = spelt = _number(key)
    elif piece.script is Script.LATIN:
        key, spelt = (one.replace(".", "").replace("’", "'") for one in (key, spelt))
    begin, finish = folded.span(start, end)
    marked = piece.script is Script.ARABIC and finish - begin > end - start
    marks = tuple(_marks(text, folded, start, end)) if marked else ()
    return Token(key, spelt, begin, finish, piece.script, piece.prefix, piece.sign, marks if any(marks) else ())


def _number(digits: str) -> str:
    if _GROUPED.fullmatch(digits):
        digits = re.sub("[,٬]", "", digits)
    return digits.replace("٫", ".")


def _marks(text: str, folded: Folded, start: int, end: int) -> Iterator[str]:
    for place in range(start, end):
        begin, finish = folded.span(place, place + 1)
        yield "".join(char for char in text[begin + 1 : finish] if is_mark(char))
