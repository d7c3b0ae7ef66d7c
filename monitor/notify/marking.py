"""Lines of an article as a message shows them: what was found marked, cleaned, and cut far from every mark.

Hides how overlapping marks are joined, and how much of a long line is shown. Does not choose which lines are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.notify.display import clean, cut, cut_front, direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.model import Evidence
    from monitor.notify.display import Direction

    Span = tuple[int, int]

NO_HEADLINE: Final = "(no headline)"
_LINE_LENGTH: Final = 300  # of a sentence without marks, of one marked span
_CONTEXT: Final = 160  # shown on each side of marked words
_MARKS: Final = 20  # shown of one line
_PASSAGE: Final = 1_200  # characters of one line, its marks included


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a line; ``marked`` when it is what the watchlist looked for."""

    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of an article, cleaned and cut, with the way it runs."""

    parts: tuple[Part, ...]
    direction: Direction

    def __str__(self) -> str:
        """Return the line without marks."""
        return "".join(part.text for part in self.parts)


def headline(title: str, evidence: Iterable[Evidence] = (), length: int = _LINE_LENGTH) -> Line:
    """Make a headline, with the marks of what was found in it."""
    return _line(title, _spans(one for one in evidence if one.field == "title"), length)


def sentences(evidence: Iterable[Evidence]) -> tuple[Line, ...]:
    """Make each sentence in which something was found, once, with the marks of every clause in it."""
    found: dict[tuple[str, int, str], list[Span]] = {}
    for one in evidence:
        found.setdefault((one.field, one.quote_start, one.quote), []).extend(_spans([one], one.quote_start))
    return tuple(_line(quote, spans, _LINE_LENGTH) for (_, _, quote), spans in found.items())


def _spans(evidence: Iterable[Evidence], origin: int = 0) -> list[Span]:
    found = (found for one in evidence for found in one.mentions or (one,))
    return [(found.start - origin, found.end - origin) for found in found]


def _line(text: str, spans: Iterable[Span], length: int) -> Line:
    parts = tuple(Part(text=text, marked=marked) for text, marked in _visible([*_stretches(text, spans)], length))
    return Line(parts=parts or (Part(text=NO_HEADLINE),), direction=direction(clean(text)))


def _stretches(text: str, spans: Iterable[Span]) -> Iterator[tuple[str, bool]]:
    """Divide a text at its marks: all of it, in order, each stretch with whether it is marked."""
    at = 0
    for start, end in _joined(text, spans):
        yield text[at:start], False
        yield text[start:end], True
        at = end
    yield text[at:], False


def _joined(text: str, spans: Iterable[Span]) -> list[Span]:
    """Sort spans, keep them within the text, and join those with nothing but spaces between them."""
    joined: list[Span] = []
    for start, end in sorted((max(start, 0), min(end, len(text))) for start, end in spans):
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif start < end:
            joined.append((start, end))
    return joined[:_MARKS]


def _visible(stretches: list[tuple[str, bool]], length: int) -> Iterator[tuple[str, bool]]:
    """Clean the stretches of a line, and cut what is far from every mark."""
    last, room = len(stretches) - 1, _PASSAGE
    for index, (text, marked) in enumerate(stretches):
        shown = clean(text)
        if marked or last == 0:
            shown = cut(shown, length)
        elif index == 0:
            shown = cut_front(shown, _CONTEXT)
        elif index == last:
            shown = cut(shown, _CONTEXT)
        elif len(shown) > 2 * _CONTEXT:
            shown = f"{cut(shown, _CONTEXT)} {cut_front(shown, _CONTEXT)}"
        shown = shown.lstrip() if index == 0 else shown
        shown = cut(shown.rstrip() if index == last else shown, room)
        room -= len(shown)
        if shown:
            yield shown, marked
        if not room:
            return
