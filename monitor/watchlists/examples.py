"""The examples that stand beside a watchlist, held against it as articles.

Hides how an example becomes an article and how a failing one is explained.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from monitor.matching import Matcher, compile_watchlists
from monitor.matching.expressions import AtLeast, Clause, Has, Near, Only, Watchlist, Without
from monitor.model import Article, Header, Match
from monitor.text.sentences import headline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from monitor.watchlists.loading import Example, Loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An example held against its watchlist; ``fault`` says why it is not as its owner says, or is empty."""

    example: Example
    fault: str


def try_examples(loaded: Loaded, now: datetime) -> Iterator[Tried]:
    """Hold every example against its watchlist, in the order of the files."""
    watchlists = {watchlist.header.id: watchlist for watchlist in loaded.watchlists}
    for name, examples in groupby(loaded.examples, key=lambda example: example.watchlist):
        watchlist = watchlists[name]
        matcher = _matcher(watchlist, watchlist.clause)
        for example in examples:
            yield Tried(example=example, fault=_fault(watchlist, example, _match(matcher, example.text, now), now))


def _fault(watchlist: Watchlist, example: Example, found: Match | None, now: datetime) -> str:
    if example.alerts and not found:
        why = _missing(watchlist, example.text, now)
        return f"this example should alert {example.watchlist!r} and does not: {why}"
    if found and not example.alerts:
        why = ", ".join(f"«{one.text}» ({one.clause})" for one in found.evidence)
        return f"this example should not alert {example.watchlist!r} and does, by {why}"
    return ""


def _matcher(watchlist: Watchlist, clause: Clause) -> Matcher:
    """Compile a clause alone: an example shows what words do, so it has no source, language, tier or day."""
    return compile_watchlists([replace(watchlist, clause=clause, only=Only(), expires=None)])


def _match(matcher: Matcher, text: str, now: datetime) -> Match | None:
    """Hold a text against a clause. Its first sentence is its title too, so that ``in: title`` can be shown."""
    header = Header(id="example", source="example", title=headline(text), content_hash="", first_seen=now)
    return next(iter(matcher.match(Article(header=header, text=text), now)), None)


def _missing(watchlist: Watchlist, text: str, now: datetime) -> str:
    """Say which parts of a watchlist a text holds, and which it lacks."""
    there, lacking = [], []
    for part in _parts(watchlist.clause):
        found = _match(_matcher(watchlist, part), text, now)
        there += [f"«{one.text}»" for one in found.evidence] if found else []
        lacking += [] if found else [part.label]
    held = ", ".join(there)
    if lacking:
        return f"it has {held}, but no {' and no '.join(lacking)}" if held else f"it has no {' and no '.join(lacking)}"
    return f"it has {held}, but not in the way that {watchlist.clause.label} asks"


def _parts(clause: Clause) -> Iterable[Clause]:
    """Return what must be there for a clause to hold; one look deep, which is where most examples fail."""
    if isinstance(clause, Near):
        return [Has(operand, clause.where) for operand in clause.operands]
    if isinstance(clause, AtLeast) and clause.count > 1:
        return [part for part in clause.clauses if not isinstance(part, Without)]
    return [clause]
