"""A field of an article cut for matching: its tokens, and the sentence and paragraph of each."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from monitor.text.sentences import paragraphs, sentences
from monitor.text.tokens import Token, tokenize

if TYPE_CHECKING:
    from monitor.text.sentences import Span

LEAD_WORDS: Final = 80
"""The lead is the first paragraph, at most so many words of it (docs/watchlists.md, line 7)."""

_UNDOTTING: Final = frozenset({"فى", "وفى", "التى", "الذى", "اللى"})


@dataclass(frozen=True, slots=True)
class Passage:
    """A title or a text. ``sentence[i]`` and ``paragraph[i]`` are numbers for token ``i``.

    ``undotted``: it writes a final ي as ى (فى, التى), as Egyptian papers do.
    """

    field: Literal["title", "text"]
    text: str
    tokens: tuple[Token, ...]
    sentence: tuple[int, ...]
    paragraph: tuple[int, ...]
    sentence_spans: tuple[Span, ...]
    undotted: bool

    @property
    def lead(self) -> int:
        """Count the tokens of the lead."""
        return min(LEAD_WORDS, sum(number == 0 for number in self.paragraph))

    def quote(self, start: int, end: int) -> Span:
        """Find the sentence around a span, or the run of sentences that it reaches over."""
        starts = [span[0] for span in self.sentence_spans]
        first = max(bisect_right(starts, start) - 1, 0)
        last = max(bisect_right(starts, end - 1) - 1, first)
        return min(starts[first], start), max(self.sentence_spans[last][1], end)


def read_passage(field: Literal["title", "text"], text: str) -> Passage:
    """Cut a field. A title is one paragraph, whatever line breaks are in it."""
    tokens = tuple(tokenize(text))
    sentence_spans = tuple(sentences(text))
    paragraph_spans = [(0, len(text))] if field == "title" else paragraphs(text)
    return Passage(
        field,
        text,
        tokens,
        _numbers(tokens, sentence_spans),
        _numbers(tokens, tuple(paragraph_spans)),
        sentence_spans,
        any(token.spelt in _UNDOTTING for token in tokens),
    )


def _numbers(tokens: tuple[Token, ...], spans: tuple[Span, ...]) -> tuple[int, ...]:
    starts = [start for start, _ in spans]
    return tuple(max(bisect_right(starts, token.start) - 1, 0) for token in tokens)
