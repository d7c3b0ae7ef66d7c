"""Where sentences and paragraphs of a published text begin and end, and the headline of a text without title.

Hides line wrapping, abbreviations and full stops without a space after them. Spans are half-open, count code points of
the text as given, hold no white space at their edges, and never overlap. Words are `tokens`'s affair.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Span = tuple[int, int]

HEADLINE_LIMIT: Final = 120

_AFTER_STOP: Final = "\"'»”’›)]}\u200e\u200f"
_STOPS: Final = frozenset(".!?؟…۔")
_STOP: Final = re.compile(rf"[.!?؟…۔]+[{re.escape(_AFTER_STOP)}]*")
_LINE_ENDS: Final = r"\n\r\u2028\u2029\x0b\x0c\x85"
MAY_END: Final = re.compile(f"[{''.join(sorted(_STOPS))}{_LINE_ENDS}]")
"""What stands wherever a sentence or a paragraph ends."""

_PARAGRAPH_ENDS: Final = frozenset("\u2029\x0c")
_LINE: Final = re.compile(f"[^{_LINE_ENDS}]+")
_WORD_BEFORE: Final = re.compile(r"[^\W_]+$")
_ABBREVIATED: Final = """
mr mrs ms dr prof st gen lt col capt sgt maj adm sen rep gov pres hon rev jr sr vs inc ltd co corp
jan feb mar apr jun jul aug sep sept oct nov dec fig approx
"""
_ABBREVIATIONS: Final = frozenset(_ABBREVIATED.split())


def sentences(text: str, within: Sequence[Span] | None = None) -> list[Span]:
    """Find the sentences: ended by . ! ? ؟ … ۔ with the quotes and brackets that close there, or by their paragraph.

    A full stop ends none inside a number or a web address, after a single letter (د. , J. , U.S.) and after a listed
    English abbreviation, unless the paragraph ends with it. ``within``: the text's paragraphs, where they are known.
    """
    found = []
    for start, end in paragraphs(text) if within is None else within:
        begin = start
        for stop in _STOP.finditer(text, start, end):
            if _ends_sentence(text, stop, end):
                found.append(_trim(text, begin, stop.end()))
                begin = stop.end()
        found.append(_trim(text, begin, end))
    return [(start, end) for start, end in found if start < end]


def paragraphs(text: str) -> list[Span]:
    """Find the paragraphs: a blank line, a form feed and U+2029 always end one.

    A single line break ends one after the end of a sentence, and after a line shorter than half the longest line of
    its block (a heading, a list item). Any other is the wrapping of running text.
    """
    return [span for block in _blocks(text) for span in _split(text, block)]


def headline(text: str, limit: int = HEADLINE_LIMIT) -> str:
    """Take the first sentence, on one line, cut at a word to ``limit`` characters."""
    first = next(iter(sentences(text)), (0, 0))
    line = " ".join(text[slice(*first)].split())
    if len(line) <= limit:
        return line
    return line[: limit + 1].rpartition(" ")[0].rstrip(" ،,؛;:-–—") or line[:limit]


def _blocks(text: str) -> Iterator[list[Span]]:
    """Group the lines between blank ones."""
    block: list[Span] = []
    previous = 0
    for line in _LINE.finditer(text):
        start, end = _trim(text, *line.span())
        if block and (start == end or _is_blank(text[previous : line.start()])):
            yield block
            block = []
        if start < end:
            block.append((start, end))
        previous = line.end()
    if block:
        yield block


def _is_blank(between: str) -> bool:
    """Tell whether line breaks leave a line blank, or say themselves that a paragraph ends."""
    return len(between.replace("\r\n", "\n")) > 1 or between in _PARAGRAPH_ENDS


def _split(text: str, block: list[Span]) -> Iterator[Span]:
    longest = max(end - start for start, end in block)
    begin: int | None = None
    for start, end in block:
        begin = start if begin is None else begin
        if end != block[-1][1] and ((end - start) * 2 < longest or _closes(text, start, end)):
            yield begin, end
            begin = None
    if begin is not None:
        yield begin, block[-1][1]


def _closes(text: str, start: int, end: int) -> bool:
    """Tell whether a line ends with the end of a sentence."""
    return text[start:end].rstrip(_AFTER_STOP)[-1:] in _STOPS


def _ends_sentence(text: str, stop: re.Match[str], end: int) -> bool:
    marks = stop[0].rstrip("\u200e\u200f")
    after = text[stop.end() : min(stop.end() + 1, end)]
    if not after or marks != ".":
        return True
    pair = text[max(0, stop.start() - 2) : stop.start()]
    if after.isspace() and len(pair) == len("..") and pair.isalpha() and not pair[1].isascii():
        return True  # most stops of an Arabic text: no single letter before it, no English abbreviation
    before = _WORD_BEFORE.search(text, max(0, stop.start() - 20), stop.start())
    word = before[0] if before else ""
    if after.isspace():
        return not (len(word) == 1 and word.isalpha()) and word.lower() not in _ABBREVIATIONS
    return not (after.isascii() and after.isalnum() and word[-1:].isascii()) and len(word) != 1


def _trim(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
