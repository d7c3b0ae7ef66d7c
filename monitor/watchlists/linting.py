"""Whether watchlists do what their owners say: their own examples, and what else a reviewer should hear of.

Hides how an example becomes an article and how a failing one is explained. What a file may hold at all is found by
`loading`; how terms match is `matching`'s affair.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.errors import Problem, Problems
from monitor.matching import compile_watchlists
from monitor.matching.expressions import AtLeast, Clause, Has, Near, Only, Watchlist, Without
from monitor.model import Article, Header, Match
from monitor.text.sentences import headline
from monitor.watchlists.loading import load_watchlists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from monitor.watchlists.loading import Loaded


def _wall_clock() -> datetime:
    return datetime.now(UTC)


def check_watchlists(path: Path, clock: Callable[[], datetime] = _wall_clock) -> list[Problem]:
    """Return all that is wrong at ``path`` (a file or a folder), sorted by place; none of it is raised.

    A set that cannot be loaded has those problems only; its examples are not tried.
    """
    try:
        loaded = load_watchlists(path)
    except Problems as error:
        return list(error.problems)
    now = clock()
    return sorted({*loaded.warnings, *_expired(loaded, now), *_failing(loaded, now)})


def _expired(loaded: Loaded, now: datetime) -> Iterator[Problem]:
    for watchlist in loaded.watchlists:
        if watchlist.expires and watchlist.expires < now.date():
            message = f"watchlist {watchlist.header.id!r} expired on {watchlist.expires}: it alerts nobody; renew it"
            place = loaded.places[watchlist.header.id] / "expires"
            yield place.problem(f"{message}, or take it out", level="warning")


# --- Examples --------------------------------------------------------------------------------------------------------


def _failing(loaded: Loaded, now: datetime) -> Iterator[Problem]:
    watchlists = {watchlist.header.id: watchlist for watchlist in loaded.watchlists}
    for example in loaded.examples:
        watchlist = watchlists[example.watchlist]
        found = _match(watchlist, watchlist.clause, example.text, now)
        if example.alerts and not found:
            why = _missing(watchlist, example.text, now)
            yield example.place.problem(f"this example should alert {example.watchlist!r} and does not: {why}")
        elif found and not example.alerts:
            why = ", ".join(f"«{one.text}» ({one.clause})" for one in found.evidence)
            yield example.place.problem(f"this example should not alert {example.watchlist!r} and does, by {why}")


def _match(watchlist: Watchlist, clause: Clause, text: str, now: datetime) -> Match | None:
    """Hold a text against a clause.

    An example shows what words do, so it has no source, language, tier or day. Its first sentence is its title too, so
    that ``in: title`` can be shown.
    """
    alone = replace(watchlist, clause=clause, only=Only(), expires=None)
    header = Header(id="example", source="example", title=headline(text), content_hash="", first_seen=now)
    return next(iter(compile_watchlists([alone]).match(Article(header=header, text=text), now)), None)


def _missing(watchlist: Watchlist, text: str, now: datetime) -> str:
    """Say which parts of a watchlist a text holds, and which it lacks."""
    there, lacking = [], []
    for part in _parts(watchlist.clause):
        found = _match(watchlist, part, text, now)
        there += [f"«{one.text}»" for one in found.evidence] if found else []
        lacking += [] if found else [part.label]
    held = ", ".join(there)
    if lacking:
        return f"it has {held or 'nothing of it'}, but no {' and no '.join(lacking)}"
    return f"it has {held}, but not in the way that {watchlist.clause.label} asks"


def _parts(clause: Clause) -> Iterable[Clause]:
    """Return what must be there for a clause to hold; one look deep, which is where most examples fail."""
    if isinstance(clause, Near):
        return [Has(operand, clause.where) for operand in clause.operands]
    if isinstance(clause, AtLeast) and clause.count > 1:
        return [part for part in clause.clauses if not isinstance(part, Without)]
    return [clause]
