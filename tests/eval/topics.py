"""Watchlists of eight topics against judged articles, beside the same watchlists read with other ideas of a word.

The others are what a search engine makes of the file: words equal as written, folded, by light10 stems, and by those
with one edit allowed; phrases adjacent, `near` as an unordered span with slop, `except` as a span that is not counted.
"""

from __future__ import annotations

import json
import lzma
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise, product
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from rapidfuzz.distance import Levenshtein

from monitor.matching import compile_watchlists
from monitor.matching.expressions import AtLeast, Has, Near, Without
from monitor.model import Article, Header
from monitor.text.tokens import tokenize
from monitor.watchlists.loading import load_watchlists
from tests.eval.light10 import normalized, stem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from monitor.matching.expressions import Clause, Term, TermSet

HERE: Final = Path(__file__).parent
NOW: Final = datetime(2026, 5, 4, tzinfo=UTC)
RESAMPLES: Final = 1_000
LEVEL: Final = 0.95
OURS: Final = "monitor"
RIVAL: Final = "light10+1"

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Scores:
    """What each reading of a topic's watchlist found of the judged articles, in their order."""

    articles: Sequence[Article]
    labels: Sequence[bool]
    found: Mapping[str, Sequence[bool]]

    def f1(self, who: str, some: Iterable[int] | None = None) -> float:
        """Return the F1 over the judged articles, or over some of them."""
        places = range(len(self.labels)) if some is None else some
        found = self.found[who]
        pairs = [(self.labels[place], found[place]) for place in places]
        hits = sum(label and hit for label, hit in pairs)
        return 2 * hits / max(sum(label + hit for label, hit in pairs), 1)

    def resampled(self, random: Random) -> list[tuple[float, float]]:
        """Draw the judged articles again and again: our F1 and the rival's each time."""
        count = len(self.labels)
        draws = ([random.randrange(count) for _ in range(count)] for _ in range(RESAMPLES))
        return [(self.f1(OURS, draw), self.f1(RIVAL, draw)) for draw in draws]

    def row(self) -> dict[str, float]:
        """Return the figures of a topic."""
        return {who: self.f1(who) for who in self.found} | _intervals(self.resampled(Random(1)))

    def errors(self) -> Iterator[str]:
        """Say which articles we judge otherwise than labelled."""
        for article, label, found in zip(self.articles, self.labels, self.found[OURS], strict=True):
            if label != found:
                yield f"{'missed' if label else 'wrong '} {article.header.id}"


def mean(judged: Mapping[str, Scores]) -> dict[str, float]:
    """Return the means over the topics, each topic drawn again by itself."""
    count = len(judged)
    readings = next(iter(judged.values())).found
    draws = zip(*(scores.resampled(Random(place)) for place, scores in enumerate(judged.values())), strict=True)
    means = [(sum(ours for ours, _ in draw) / count, sum(rival for _, rival in draw) / count) for draw in draws]
    return {who: sum(one.f1(who) for one in judged.values()) / count for who in readings} | _intervals(means)


def judge(shared: Path, labels_file: Path, watchlists_file: Path) -> dict[str, Scores]:
    """Hold the judged articles against each topic's watchlist."""
    labels = _labels(labels_file)
    articles = _articles(shared, {article for labelled in labels.values() for article in labelled})
    watchlists = {one.header.id: one for one in load_watchlists(watchlists_file).watchlists}
    searches = {who: _Search(articles.values(), key, fuzzy=who == RIVAL) for who, key in READINGS.items()}
    judged = {}
    for topic, labelled in labels.items():
        matcher, clause = compile_watchlists([watchlists[topic]]), watchlists[topic].clause
        some = [articles[one] for one in labelled]
        found = {who: [search.holds(clause, one.header.id) for one in some] for who, search in searches.items()}
        found[OURS] = [bool(matcher.match(one, NOW)) for one in some]
        judged[topic] = Scores(some, list(labelled.values()), found)
    return judged


def _labels(file: Path) -> dict[str, dict[str, bool]]:
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for line in file.read_text("utf-8").splitlines():
        read = json.loads(line)
        if read["label"] != "?":
            found[read["topic"]][read["id"]] = bool(read["label"])
    return found


def _articles(shared: Path, wanted: set[str]) -> dict[str, Article]:
    found = {}
    with lzma.open(shared / "corpus/saudinewsnet.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            read = json.loads(line)
            if read["id"] in wanted:
                header = Header(
                    id=read["id"], source=read["source"], title=read["title"], content_hash="", first_seen=NOW
                )
                found[read["id"]] = Article(header=header, text=read["text"])
    return found


def _intervals(draws: Sequence[tuple[float, float]]) -> dict[str, float]:
    ours, difference = sorted(one for one, _ in draws), sorted(one - rival for one, rival in draws)
    cut = int(len(draws) * (1 - LEVEL) / 2)
    return {
        "low": ours[cut],
        "high": ours[-cut - 1],
        "ahead by": sum(difference) / len(difference),
        "at least": difference[cut],
        "at most": difference[-cut - 1],
    }


# --- Other ideas of a word ------------------------------------------------------------------------------------------


def _as_written(word: str) -> str:
    return word.casefold()


READINGS: Final[dict[str, Callable[[str], str]]] = {
    "exact": _as_written,
    "folded": normalized,
    "light10": stem,
    RIVAL: stem,
}


class _Search:
    """Articles as a search engine sees them: the places of each key in each field."""

    def __init__(self, articles: Iterable[Article], key: Callable[[str], str], *, fuzzy: bool) -> None:
        self._key, self._fuzzy = key, fuzzy
        self._fields = {one.header.id: [self._places(one.header.title), self._places(one.text)] for one in articles}
        self._keys = sorted({key for fields in self._fields.values() for field in fields for key in field})
        self._alike = lru_cache(maxsize=None)(self._alike_keys)

    def holds(self, clause: Clause, article: str) -> bool:
        """Tell whether an article satisfies a clause."""
        match clause:
            case Has(terms=terms):
                return any(self._mentions(terms, field) for field in self._fields[article])
            case Near():
                return any(self._near(clause, field) for field in self._fields[article])
            case Without(clauses=clauses):
                return not any(self.holds(one, article) for one in clauses)
            case AtLeast(count=count, clauses=clauses):
                return sum(self.holds(one, article) for one in clauses) >= count

    def _places(self, text: str) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for place, token in enumerate(tokenize(text)):
            found[self._key(token.spelt)].append(place)
        return found

    def _alike_keys(self, key: str) -> list[str]:
        if not self._fuzzy:
            return [key]
        return [one for one in self._keys if Levenshtein.distance(key, one, score_cutoff=1) <= 1]

    def _mentions(self, terms: TermSet, field: Mapping[str, list[int]]) -> list[Span]:
        found = [span for term in terms.terms for span in self._phrase(term, field)]
        found += [span for nested in terms.sets for span in self._mentions(nested, field)]
        if not found:
            return []
        taken = [span for term in terms.exceptions for span in self._phrase(term, field)]
        return [one for one in found if not any(one[0] <= other[1] and other[0] <= one[1] for other in taken)]

    def _phrase(self, term: Term, field: Mapping[str, list[int]]) -> list[Span]:
        words = [self._key(token.spelt) for token in tokenize(term.text)]
        places = [{place for one in self._alike(word) for place in field.get(one, ())} for word in words]
        last = len(words) - 1
        return [
            (first, first + last)
            for first in sorted(places[0])
            if all(first + step in places[step] for step in range(1, last + 1))
        ]

    def _near(self, clause: Near, field: Mapping[str, list[int]]) -> bool:
        operands = [self._mentions(one, field) for one in clause.operands]
        if not all(operands) or not isinstance(clause.within, int):
            return False
        first, *others = operands
        reach = clause.within + sum(max(last - start + 1 for start, last in spans) for spans in operands)
        return any(
            _gaps((span, *chosen)) <= clause.within
            for span in first
            for chosen in product(*([one for one in spans if abs(one[0] - span[0]) <= reach] for spans in others))
        )


def _gaps(spans: Sequence[Span]) -> float:
    """Count the words between spans; those that share a word do not go together."""
    ordered = sorted(spans)
    if any(one[1] >= other[0] for one, other in pairwise(ordered)):
        return float("inf")
    return ordered[-1][1] - ordered[0][0] + 1 - sum(last - first + 1 for first, last in spans)
