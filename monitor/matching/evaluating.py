"""What a clause finds in one article, as docs/watchlists.md states it: mentions, windows, the best reading.

Hides how sets are subtracted, windows measured and readings scored. Which clauses are worth it for which article is the
`engine`'s affair.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise, permutations
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from monitor.matching.expressions import AtLeast, Has, Near, Where, Without
from monitor.matching.passages import read_passage
from monitor.matching.phrases import Search
from monitor.model import Evidence, How, Mention

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from monitor.matching.expressions import Clause, Term, TermSet
    from monitor.matching.passages import Passage
    from monitor.matching.phrases import Phrase, Read, Spot
    from monitor.model import Article

SCORES: Final = {How.EXACT: 100, How.INFLECTED: 95, How.DERIVED: 85, How.VARIANT: 75}
TITLE_BONUS: Final = 5
BEST: Final = 100

_RANK: Final = {how: rank for rank, how in enumerate(How)}
_first: Final = attrgetter("first")


def read_article(article: Article) -> Iterator[Passage]:
    """Cut the title, unless it is only the text's first sentence, and the text."""
    if article.header.titled:
        yield read_passage("title", article.header.title)
    yield read_passage("text", article.text)


def score(evidence: Sequence[Evidence]) -> int:
    """Score a reading: its weakest clause, and a little more when a clause holds in the title (docs/watchlists.md)."""
    weakest = min((SCORES[one.how] for one in evidence), default=BEST)
    return min(BEST, weakest + TITLE_BONUS * any(one.field == "title" for one in evidence))


# --- One article --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Window:
    """Spots of one passage, one after the other, that satisfy a clause together, and the words in the gaps between."""

    read: Read
    spots: tuple[Spot, ...]
    gaps: int

    @property
    def first(self) -> int:
        return self.spots[0].first

    @property
    def last(self) -> int:
        return self.spots[-1].last

    @property
    def how(self) -> How:
        return max([spot.how for spot in self.spots], key=_RANK.__getitem__)

    @property
    def order(self) -> tuple[int, int, int, int]:
        """Sort the tightest window first, of those the earliest, the surest, the shortest."""
        return (self.gaps, self.first, _RANK[self.how], self.last)


Reading = tuple[Evidence, ...]
Shade = frozenset[tuple[str, int]]
"""Tokens, each as (field, number), whose mentions do not count: a `none` with `within` has taken them away."""

_NO_SHADE: Final[Shade] = frozenset()


class Reader:
    """Evaluates clauses over one article; None is "does not hold", a reading its evidence."""

    def __init__(self, phrases: Mapping[Term, Phrase], reads: Sequence[Read]) -> None:
        self._phrases = phrases
        self._reads = reads
        self._mentions: dict[tuple[int, int], Sequence[Spot]] = {}
        self._searches = {id(read): (Search(read), Search(read, adjacent=True)) for read in reads}

    def evaluate(self, clause: Clause, shade: Shade = _NO_SHADE) -> Reading | None:
        """Find the best reading of a clause from the mentions that stand outside the shade; a `none` sees them all."""
        match clause:
            case Has():
                return self._has(clause, shade)
            case Near():
                return self._near(clause, shade)
            case Without(clauses=clauses, within=None):
                return None if any(self.evaluate(one) is not None for one in clauses) else ()
            case Without():
                return ()
            case AtLeast(count=count, clauses=clauses):
                return self._at_least(count, clauses, shade.union(*map(self.shade, clauses)))

    def shade(self, clause: Clause) -> Shade:
        """Collect the tokens around the mentions of a `none` with `within`; no other clause casts a shade."""
        if not isinstance(clause, Without) or clause.within is None:
            return _NO_SHADE
        spots = [pair for one in clause.clauses if isinstance(one, Has) for pair in self._spots(one)]
        return frozenset(
            (read.passage.field, place)
            for read in self._reads
            for place in _around([spot for other, spot in spots if other is read], read.passage, clause.within)
        )

    def _at_least(self, count: int, clauses: Sequence[Clause], shade: Shade) -> Reading | None:
        """Take the ``count`` best clauses that hold; in the order in which they are written."""
        held = [(place, found) for place, one in enumerate(clauses) if (found := self.evaluate(one, shade)) is not None]
        if len(held) < count:
            return None
        best = sorted(held, key=lambda pair: (-score(pair[1]), pair[0]))[:count]
        return tuple(item for _, found in sorted(best) for item in found)

    def _has(self, clause: Has, shade: Shade) -> Reading | None:
        """Take the surest mention, of those one in the title, of those the earliest."""
        choice = [
            (SCORES[spot.how] + TITLE_BONUS * in_title, in_title, -spot.first, _Window(read, (spot,), 0))
            for read, spot in self._spots(clause, shade)
            for in_title in (read.passage.field == "title",)
        ]
        if not choice:
            return None
        *_, best = max(choice, key=lambda one: (min(one[0], BEST), *one[1:3]))
        return (_evidence(clause.label, best),)

    def _spots(self, clause: Has, shade: Shade = _NO_SHADE) -> Iterator[tuple[Read, Spot]]:
        """List the mentions that satisfy a clause."""
        for read, limit in self._places(clause.where):
            for spot in _outside(shade, self.mentions(clause.terms, read), read):
                if not spot.weak and spot.last < limit:
                    yield read, spot

    def _near(self, clause: Near, shade: Shade) -> Reading | None:
        windows = [
            window for read, limit in self._places(clause.where) for window in self._windows(clause, read, limit, shade)
        ]
        return (_evidence(clause.label, _best(windows)),) if windows else None

    def _places(self, where: Where) -> Iterator[tuple[Read, int]]:
        """List the passages that a clause looks at, each with the number of its tokens that count."""
        for read in self._reads:
            passage = read.passage
            if where is Where.ARTICLE or where.value == passage.field:
                yield read, len(passage.tokens)
            elif where is Where.LEAD and passage.field == "text":
                yield read, passage.lead

    # --- Sets

    def watched(self, clause: Clause) -> Iterator[str]:
        """Name what of a clause stands in the article, wherever: each term, or the concept that it belongs to."""
        match clause:
            case Has(terms=terms):
                yield from self._watched(terms)
            case Near(operands=operands):
                for operand in operands:
                    yield from self._watched(operand)
            case AtLeast(clauses=clauses):
                for one in clauses:
                    yield from self.watched(one)
            case Without():
                return

    def _watched(self, terms: TermSet) -> Iterator[str]:
        """Name what is mentioned of a set; what a concept calls by different words is one thing."""
        spots = [spot for read in self._reads for spot in self.mentions(terms, read) if not spot.weak]
        if terms.label.startswith("$"):
            if spots:
                yield terms.label
            return
        own = {term.text for term in terms.terms}
        yield from (spot.term.text for spot in spots if spot.term.text in own)
        for nested in terms.sets:
            yield from self._watched(nested)

    def found(self, terms: TermSet) -> list[tuple[Spot, Evidence]]:
        """List every mention of a set in the article, the weak ones too, each with itself as evidence."""
        return [
            (spot, _evidence(terms.label, _Window(read, (spot,), 0)))
            for read in self._reads
            for spot in self.mentions(terms, read)
        ]

    def mentions(self, terms: TermSet, read: Read) -> Sequence[Spot]:
        """Find the mentions of a set in a passage, in order, without what its exceptions take away."""
        if len(terms.terms) == 1 and not (terms.sets or terms.exceptions):
            return self._find(terms.terms[0], read)
        place = (id(terms), id(read))
        if place not in self._mentions:
            positive = [spot for term in terms.terms for spot in self._find(term, read)]
            positive += [spot for nested in terms.sets for spot in self.mentions(nested, read)]
            excepted = (
                [spot for term in terms.exceptions for spot in self._find(term, read, adjacent=True)]
                if positive
                else []
            )
            kept = _without(positive, excepted)
            self._mentions[place] = sorted(kept, key=lambda spot: (spot.first, spot.last, _RANK[spot.how]))
        return self._mentions[place]

    def _find(self, term: Term, read: Read, *, adjacent: bool = False) -> Sequence[Spot]:
        return self._searches[id(read)][adjacent].find(self._phrases[term])

    # --- Windows

    def _windows(self, clause: Near, read: Read, limit: int, shade: Shade) -> Iterator[_Window]:
        """Find the tightest window of each paragraph or sentence that holds all operands."""
        mentions: list[Sequence[Spot]] = []
        for one in clause.operands:
            spots = self.mentions(one, read)
            mentions.append(_outside(shade, spots, read) if shade else spots)
            if not mentions[-1]:
                return
        units = read.passage.sentence if clause.within == "sentence" else read.passage.paragraph
        most = clause.within if isinstance(clause.within, int) else len(units)
        operands = [_by_unit(spots, limit, units) for spots in mentions]
        for unit in sorted(set(operands[0]).intersection(*operands[1:])):
            windows = [
                _Window(read, spots, gaps)
                for gaps, spots in _chains([spots[unit] for spots in operands], ordered=clause.ordered)
                if gaps <= most
            ]
            if windows:
                yield _best(windows)


def _best(windows: Sequence[_Window]) -> _Window:
    return windows[0] if len(windows) == 1 else min(windows, key=lambda one: one.order)


def _chains(operands: Sequence[Sequence[Spot]], *, ordered: bool) -> Iterator[tuple[int, tuple[Spot, ...]]]:
    """Give the tightest way through one mention of each operand, for each order that they may have in the text."""
    if max(map(len, operands)) == 1:
        chain = [spots[0] for spots in operands]
        if not ordered:
            chain.sort(key=_first)
        steps = [spot.first - before.last - 1 for before, spot in pairwise(chain)]
        if min(steps) >= 0:
            yield sum(steps), tuple(chain)
        return
    for order in (operands,) if ordered else permutations(operands):
        if found := _tightest(order):
            yield found


def _outside(shade: Shade, spots: Sequence[Spot], read: Read) -> Sequence[Spot]:
    """Keep the mentions none of whose words lies in the shade."""
    if not shade:
        return spots
    field = read.passage.field
    return [spot for spot in spots if shade.isdisjoint((field, place) for place in range(spot.first, spot.last + 1))]


def _around(spots: Sequence[Spot], passage: Passage, within: int | str) -> Iterator[int]:
    """List, each once, the tokens from which a mention is ``within``: so many words between, or in the same unit."""
    units = passage.sentence if within == "sentence" else passage.paragraph
    reach = within + 1 if isinstance(within, int) else len(units)
    stretches = {
        (
            max(spot.first - reach, bisect_left(units, units[spot.first])),
            min(spot.last + reach + 1, bisect_right(units, units[spot.last])),
        )
        for spot in spots
    }
    done = 0
    for first, end in sorted(stretches):
        yield from range(max(first, done), end)
        done = max(done, end)


def _by_unit(spots: Iterable[Spot], limit: int, units: Sequence[int]) -> dict[int, list[Spot]]:
    """Group the mentions that end before a limit by the sentence or paragraph that holds the whole of them."""
    found: dict[int, list[Spot]] = defaultdict(list)
    for spot in spots:
        if spot.last < limit:
            unit = units[spot.first]
            if spot.first == spot.last or unit == units[spot.last]:
                found[unit].append(spot)
    return found


def _without(positive: Sequence[Spot], excepted: Sequence[Spot]) -> list[Spot]:
    """Drop the mentions that overlap an exception, unless a longer mention covers that exception."""
    if not excepted:
        return list(positive)
    furthest: dict[int, int] = {}
    for spot in positive:
        furthest[spot.first] = max(spot.last, furthest.get(spot.first, -1))
    reach = max((last - first for first, last in furthest.items()), default=0)
    taken = {
        place
        for spot in excepted
        if not _is_covered(spot, furthest, reach)
        for place in range(spot.first, spot.last + 1)
    }
    return [spot for spot in positive if taken.isdisjoint(range(spot.first, spot.last + 1))]


def _is_covered(excepted: Spot, furthest: Mapping[int, int], reach: int) -> bool:
    """Tell whether a longer mention covers an exception; ``furthest`` gives the last token of the longest from each."""
    length = excepted.last - excepted.first
    return any(
        furthest.get(first, -1) >= excepted.last and furthest[first] - first > length
        for first in range(max(excepted.first - reach, 0), excepted.first + 1)
    )


def _tightest(order: Sequence[Sequence[Spot]]) -> tuple[int, tuple[Spot, ...]] | None:
    """Choose one spot of each list, one after the other in the text, with the fewest words between them.

    From the last list to the first: for each spot the best way to go on from it.
    """
    onward: list[tuple[Spot, int, tuple[Spot, ...]]] = [(spot, 0, (spot,)) for spot in order[-1]]
    for spots in reversed(order[:-1]):
        starts = [spot.first for spot, _, _ in onward]
        onward = [(spot, *best) for spot in spots if (best := _step(spot, onward, starts)) is not None]
    chains = [(gaps, chain) for _, gaps, chain in onward]
    return (
        min(chains, key=lambda one: (one[0], one[1][0].first, *(_RANK[spot.how] for spot in one[1])))
        if chains
        else None
    )


def _step(
    spot: Spot, onward: Sequence[tuple[Spot, int, tuple[Spot, ...]]], starts: Sequence[int]
) -> tuple[int, tuple[Spot, ...]] | None:
    best: tuple[int, tuple[Spot, ...]] | None = None
    for place in range(bisect_left(starts, spot.last + 1), len(onward)):
        following, gaps, chain = onward[place]
        between = following.first - spot.last - 1
        if best is not None and between > best[0]:
            break
        if best is None or between + gaps < best[0]:
            best = (between + gaps, (spot, *chain))
    return best


def _evidence(label: str, window: _Window) -> Evidence:
    passage = window.read.passage
    mentions = tuple([_mention(spot, passage) for spot in window.spots])
    start, end = mentions[0].start, mentions[-1].end
    quoted = slice(*passage.quote(start, end))
    return Evidence(
        clause=label,
        field=passage.field,
        text=passage.text[start:end],
        start=start,
        end=end,
        how=window.how,
        quote=passage.text[quoted],
        quote_start=quoted.start,
        mentions=mentions,
    )


def _mention(spot: Spot, passage: Passage) -> Mention:
    start, end = passage.tokens.span(spot.first, spot.last)
    return Mention(term=spot.term.text, text=passage.text[start:end], start=start, end=end, how=spot.how)
