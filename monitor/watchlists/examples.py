"""The examples that stand beside a watchlist, held against it as articles.

Hides how an example becomes an article and how a failing one is explained. All watchlists are compiled once, together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Final

from monitor.matching import compile_watchlists
from monitor.matching.explaining import explain
from monitor.matching.expressions import AtLeast, Only, Watchlist, Without
from monitor.model import Article, Header
from monitor.text.sentences import headline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from monitor.matching.explaining import Seen
    from monitor.matching.expressions import Clause
    from monitor.model import Evidence
    from monitor.watchlists.loading import Example, Loaded

_SHOWN: Final = 3
"""Parts of a watchlist that are named when an example lacks more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An example held against its watchlist; ``fault`` says why it is not as its owner says, or is empty.

    ``marks`` are the places in a failing example's text where the watchlist found something. ``took`` is in seconds.
    """

    example: Example
    fault: str = ""
    marks: tuple[tuple[int, int], ...] = ()
    took: float = 0.0


def try_examples(loaded: Loaded, now: datetime, timer: Callable[[], float] = perf_counter) -> Iterator[Tried]:
    """Hold every example against its watchlist, in the order of the files."""
    tried = {example.watchlist for example in loaded.examples}
    watchlists = {one.header.id: _words_alone(one) for one in loaded.watchlists if one.header.id in tried}
    matcher = compile_watchlists(list(watchlists.values()))
    for example in loaded.examples:
        begun = timer()
        watchlist, article = watchlists[example.watchlist], _article(example.text, now)
        found = matcher.open(article).evaluate(watchlist.clause)
        if example.alerts == (found is not None):
            yield Tried(example=example, took=timer() - begun)
        else:
            seen = explain(watchlist, article, now).seen
            evidence = list(_found(watchlist.clause, seen))
            marks = tuple(sorted({(one.start, one.end) for one in evidence if one.field == "text"}))
            fault = _missed(example, evidence, seen) if found is None else _caught(example, found)
            yield Tried(example=example, fault=fault, marks=marks, took=timer() - begun)


def _words_alone(watchlist: Watchlist) -> Watchlist:
    """Let go of all but words: an example has no source, no language, no tier and no day."""
    return replace(watchlist, only=Only(), expires=None)


def _article(text: str, now: datetime) -> Article:
    """Make an article of an example. Its first sentence is its title too, so that ``in: title`` can be shown."""
    header = Header(id="example", source="example", title=headline(text), content_hash="", first_seen=now)
    return Article(header=header, text=text)


def _caught(example: Example, found: Iterable[Evidence]) -> str:
    why = ", ".join(f"«{one.text}» ({one.clause})" for one in found)
    return f"this example should not alert {example.watchlist!r} and does, by {why}"


def _missed(example: Example, evidence: Iterable[Evidence], seen: Seen) -> str:
    """Say which parts of a watchlist a text holds, and which it lacks."""
    held = ", ".join(dict.fromkeys(f"«{one.text}»" for one in evidence))
    lacking = " and ".join(islice(_lacking(seen), _SHOWN))
    join = ", but " if lacking.startswith("no ") else ": "
    why = f"it has {held}{join}{lacking}" if held else f"it has {lacking}"
    return f"this example should alert {example.watchlist!r} and does not: {why}"


def _found(clause: Clause, seen: Seen) -> Iterator[Evidence]:
    """Give what the parts that ask for something found; a `none` asks for nothing."""
    if isinstance(clause, AtLeast):
        for inner, part in zip(clause.clauses, seen.parts, strict=True):
            yield from _found(inner, part)
    elif not isinstance(clause, Without):
        for part in seen.parts or (seen,):
            yield from part.saw


def _lacking(seen: Seen) -> Iterator[str]:
    """Give the reason of each part that fails, and of a part that is not there what comes nearest to it."""
    failing = [part for part in seen.parts if not part.holds]
    if seen.note or not (failing or seen.misses):
        yield seen.note or f"no {seen.label}"
    elif failing:
        for part in failing:
            yield from _lacking(part)
    else:
        nearest = seen.misses[0]
        yield f"no {seen.label} (nearest is «{nearest.text}»: {nearest.why})"
