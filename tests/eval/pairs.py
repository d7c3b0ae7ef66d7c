"""Word pairs that another hand labelled: may this word of a text count as that term?"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from monitor.matching import compile_watchlists
from monitor.matching.expressions import Has, Kind, Term, TermSet, Watchlist
from monitor.model import Article, Header, WatchlistHeader
from tests.eval.light10 import normalized, stem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    Judge = Callable[[str, str], bool]

NOW: Final = datetime(2026, 5, 4, tzinfo=UTC)
RATIO: Final = 85


@dataclass(frozen=True, slots=True)
class Pair:
    """A term as it may stand in a watchlist (``name:`` or ``exact:`` before it), a text, whether it should count."""

    kind: str
    term: str
    text: str
    counts: bool


def read_pairs(folder: Path, file: str, prefixes: Mapping[str, str] | None = None) -> list[Pair]:
    """Read a table; ``prefixes`` says how the terms of a kind are written."""
    with (folder / file).open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    before = prefixes or {}
    return [Pair(row["kind"], before.get(row["kind"], "") + row["a"], row["b"], row["label"] == "1") for row in rows]


def engine(term: str, text: str) -> bool:
    """Ask the engine."""
    kind, _, word = term.rpartition(":")
    clause = Has(TermSet("t", (Term(word, Kind(kind or "plain")),)))
    header = Header(id="a", source="s", title="", content_hash="", first_seen=NOW, titled=False)
    matcher = compile_watchlists([Watchlist(WatchlistHeader(id="w", name="w"), clause)])
    return bool(matcher.match(Article(header=header, text=text), NOW))


def folded(term: str, text: str) -> bool:
    """Ask for equal words in Lucene's normal form."""
    return normalized(_bare(term)) == normalized(text)


def stemmed(term: str, text: str) -> bool:
    """Ask for equal light10 stems, word by word."""
    return _stems(term) == _stems(text)


def fuzzy(term: str, text: str) -> bool:
    """Ask for light10 stems at most one edit apart, as fuzziness 1 does."""
    ours, theirs = _stems(term), _stems(text)
    if len(ours) != len(theirs):
        return False
    return all(Levenshtein.distance(one, other) <= 1 for one, other in zip(ours, theirs, strict=True))


def alike(term: str, text: str) -> bool:
    """Ask rapidfuzz whether the words look alike."""
    return fuzz.ratio(normalized(_bare(term)), normalized(text)) >= RATIO


JUDGES: Final = {"monitor": engine, "folded": folded, "light10": stemmed, "light10+1": fuzzy, "ratio>=85": alike}


def right(pairs: Iterable[Pair], judge: Judge) -> float:
    """Return the share of pairs that are judged as labelled."""
    judged = [judge(pair.term, pair.text) == pair.counts for pair in pairs]
    return sum(judged) / len(judged)


def accepted(pairs: Iterable[Pair], judge: Judge) -> float:
    """Return the share of pairs that are taken for one."""
    judged = [judge(pair.term, pair.text) for pair in pairs]
    return sum(judged) / len(judged)


def f1(pairs: Sequence[Pair], judge: Judge) -> float:
    """Return the F1 of the pairs that are taken for one."""
    found = [pair for pair in pairs if judge(pair.term, pair.text)]
    hits = sum(pair.counts for pair in found)
    return 2 * hits / max(len(found) + sum(pair.counts for pair in pairs), 1)


def by_kind(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    """Group pairs by stratum."""
    found: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        found[pair.kind].append(pair)
    return dict(sorted(found.items()))


def _bare(term: str) -> str:
    return term.rpartition(":")[2]


def _stems(words: str) -> list[str]:
    return [stem(word) for word in _bare(words).split()]
