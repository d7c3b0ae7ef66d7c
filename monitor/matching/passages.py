"""A field of an article cut for matching: its tokens, and the sentence and paragraph of each."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal, Protocol, overload

from monitor.text.sentences import MAY_END, paragraphs, sentences
from monitor.text.tokens import Token, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.text.sentences import Span

LEAD_WORDS: Final = 80
"""The lead is the first paragraph, at most so many words of it (docs/watchlists.md, line 7)."""


class Tokens(Protocol):
    """The tokens of a passage, and of each the little that is asked for most, perhaps without making it."""

    def __len__(self) -> int:
        """Count the tokens."""

    @overload
    def __getitem__(self, place: int) -> Token: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Token]: ...

    def __iter__(self) -> Iterator[Token]:
        """Go through the tokens."""

    def start(self, place: int) -> int:
        """Find where a token starts."""

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Find where a token starts and where another ends."""

    def sign(self, place: int) -> str:
        """Tell the sign before a token."""

    def first(self, start: int) -> int:
        """Find the first token that does not start before a place of the text."""


class MadeTokens(tuple[Token, ...]):
    """Tokens that are all made."""

    __slots__ = ()

    def start(self, place: int) -> int:
        """Find where a token starts."""
        return self[place].start

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Find where a token starts and where another ends."""
        return self[first].start, self[last].end

    def sign(self, place: int) -> str:
        """Tell the sign before a token."""
        return self[place].sign

    def first(self, start: int) -> int:
        """Find the first token that does not start before a place of the text."""
        return bisect_left(self, start, key=attrgetter("start"))


@dataclass(frozen=True)
class Passage:
    """A title or a text, cut when it is asked for. ``sentence[i]`` and ``paragraph[i]`` are numbers for token ``i``.

    ``undotted``: it writes a final ي as ى (فى, التى), as Egyptian papers do.
    """

    field: Literal["title", "text"]
    text: str
    tokens: Tokens
    undotted: bool

    @cached_property
    def sentence(self) -> Sequence[int]:
        """The sentence of each token; the numbers never fall."""
        return self._numbered(self._sentence_starts)

    @cached_property
    def paragraph(self) -> Sequence[int]:
        """The paragraph of each token; the numbers never fall. A title is one, whatever line breaks are in it."""
        starts = [0] if self.field == "title" else [start for start, _ in self._paragraphs]
        return self._numbered(starts)

    def is_sentence(self, first: int, last: int) -> bool:
        """Tell whether two tokens stand in one sentence; where nothing between them could end one, nothing is cut."""
        start, end = self.tokens.start(first), self.tokens.start(last)
        return not MAY_END.search(self.text, start, end) or self.sentence[first] == self.sentence[last]

    @property
    def lead(self) -> int:
        """Count the tokens of the lead."""
        return min(LEAD_WORDS, bisect_right(self.paragraph, 0))

    def quote(self, start: int, end: int) -> Span:
        """Find the sentence around a span, or the run of sentences that it reaches over."""
        around = [one for one in self._around(start, end) if one[0] < end and start < one[1]]
        return (around[0][0], around[-1][1]) if around else (start, end)

    def _around(self, start: int, end: int) -> list[Span]:
        """Cut the paragraphs that a span touches into sentences, each once."""
        inside = tuple(one for one in self._paragraphs if one[0] < end and start < one[1])
        if inside not in self._cut:
            self._cut[inside] = sentences(self.text, inside)
        return self._cut[inside]

    def _numbered(self, starts: Sequence[int]) -> Sequence[int]:
        firsts = [0, *map(self.tokens.first, starts[1:]), len(self.tokens)]
        found: list[int] = []
        for number, (first, end) in enumerate(pairwise(firsts)):
            found += [number] * (end - first)
        return found

    @cached_property
    def _cut(self) -> dict[tuple[Span, ...], list[Span]]:
        return {}

    @cached_property
    def _paragraphs(self) -> list[Span]:
        return paragraphs(self.text)

    @cached_property
    def _sentence_starts(self) -> list[int]:
        return [start for start, _ in sentences(self.text, self._paragraphs)]


UNDOTTING: Final = frozenset({"فى", "وفى", "التى", "الذى", "اللى"})
"""Words that nobody writes with ى who does not write every final ي so."""


def read_passage(field: Literal["title", "text"], text: str) -> Passage:
    """Cut a field into tokens."""
    tokens = MadeTokens(tokenize(text))
    return Passage(field, text, tokens, any(token.spelt in UNDOTTING for token in tokens))
