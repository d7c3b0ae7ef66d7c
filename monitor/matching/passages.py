"""A field of an article cut for matching: its tokens, and the sentence and paragraph of each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, overload

from monitor.text.sentences import paragraphs, sentences
from monitor.text.tokens import Token, tokenize

if TYPE_CHECKING:
    from monitor.text.sentences import Span

LEAD_WORDS: Final = 80
"""The lead is the first paragraph, at most so many words of it (docs/watchlists.md, line 7)."""


@dataclass(frozen=True)
class Passage:
    """A title or a text, cut when it is asked for. ``sentence[i]`` and ``paragraph[i]`` are numbers for token ``i``.

    ``undotted``: it writes a final ي as ى (فى, التى), as Egyptian papers do. ``start`` finds where a token starts, if
    there is a quicker way than to ask the token.
    """

    field: Literal["title", "text"]
    text: str
    tokens: Sequence[Token]
    undotted: bool
    start: Callable[[int], int] | None = None

    @cached_property
    def sentence(self) -> Sequence[int]:
        """The sentence of each token; the numbers never fall."""
        return self._numbered(self._sentence_starts)

    @cached_property
    def paragraph(self) -> Sequence[int]:
        """The paragraph of each token; the numbers never fall. A title is one, whatever line breaks are in it."""
        starts = [0] if self.field == "title" else [start for start, _ in self._paragraphs]
        return self._numbered(starts)

    @property
    def lead(self) -> int:
        """Count the tokens of the lead."""
        return min(LEAD_WORDS, bisect_right(self.paragraph, 0))

    def quote(self, start: int, end: int) -> Span:
        """Find the sentence around a span, or the run of sentences that it reaches over."""
        starts = self._sentence_starts
        first = max(bisect_right(starts, start) - 1, 0)
        last = max(bisect_right(starts, end - 1) - 1, first)
        return min(starts[first], start), max(self._sentences[last][1], end)

    def _numbered(self, starts: Sequence[int]) -> Sequence[int]:
        return Numbers(len(self.tokens), self.start or (lambda place: self.tokens[place].start), starts)

    @cached_property
    def _paragraphs(self) -> list[Span]:
        return paragraphs(self.text)

    @cached_property
    def _sentences(self) -> list[Span]:
        return sentences(self.text, self._paragraphs)

    @cached_property
    def _sentence_starts(self) -> list[int]:
        return [start for start, _ in self._sentences]


class Numbers(Sequence[int]):
    """The unit of each token, found when it is asked for: the last one that starts at the token or before it."""

    def __init__(self, count: int, start: Callable[[int], int], starts: Sequence[int]) -> None:
        self._count, self._start, self._starts = count, start, starts
        self._known: dict[int, int] = {}

    def __len__(self) -> int:
        """Count the tokens."""
        return self._count

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> list[int]: ...
    def __getitem__(self, place: int | slice) -> int | list[int]:
        """Number the unit of a token, or of some."""
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(self._count))]
        known = self._known.get(place)
        if known is None:
            if not 0 <= place < self._count:
                raise IndexError(place)
            known = self._known[place] = max(bisect_right(self._starts, self._start(place)) - 1, 0)
        return known


UNDOTTING: Final = frozenset({"فى", "وفى", "التى", "الذى", "اللى"})
"""Words that nobody writes with ى who does not write every final ي so."""


def read_passage(field: Literal["title", "text"], text: str) -> Passage:
    """Cut a field into tokens."""
    tokens = tuple(tokenize(text))
    return Passage(field, text, tokens, any(token.spelt in UNDOTTING for token in tokens))
