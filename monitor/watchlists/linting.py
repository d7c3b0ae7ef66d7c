"""Whether watchlists do what their owners say: their own examples, and what else a reviewer should hear of.

What a file may hold at all is found by `loading`; how examples are tried is `examples`' affair.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from monitor.clock import wall_clock
from monitor.errors import Problem, Problems
from monitor.matching import matches_itself
from monitor.matching.expressions import Kind
from monitor.matching.terms import Reading, read_term
from monitor.watchlists.examples import try_examples
from monitor.watchlists.loading import load_watchlists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from monitor.documents import Path_
    from monitor.matching.expressions import Term
    from monitor.watchlists.loading import Loaded
    from monitor.watchlists.reading import Place


def check_watchlists(
    path: Path, clock: Callable[[], datetime] = wall_clock, *, with_notes: bool = False
) -> list[Problem]:
    """Return all that is wrong at ``path`` (a file or a folder), sorted by place; none of it is raised.

    A set that cannot be loaded has those problems only; its examples are not tried. Notes tell how terms are read.
    """
    try:
        loaded = load_watchlists(path)
    except Problems as error:
        return list(error.problems)
    return lint_watchlists(loaded, clock(), with_notes=with_notes)


def lint_watchlists(loaded: Loaded, now: datetime, *, with_notes: bool) -> list[Problem]:
    """Return what is wrong with watchlists that can be loaded, sorted by place."""
    notes = _readings(loaded) if with_notes else ()
    return sorted({*loaded.warnings, *_unfindable(loaded), *_expired(loaded, now), *_failing(loaded, now), *notes})


_READINGS: Final = {
    "as names": frozenset({Reading.NAME, Reading.FIXED_NAME}),
    "with ال, as that name only": frozenset({Reading.CLOSED}),
    "as acronyms": frozenset({Reading.ACRONYM, Reading.LETTER}),
}
"""How a plain term may be read otherwise than as whole families: in words, and what one of its words then is."""


def _readings(loaded: Loaded) -> Iterator[Problem]:
    """Note for each watchlist and concept which plain terms are not read as whole families.

    Names may be spelt otherwise and have no family (docs/watchlists.md, lines 2 and 4), so their owner should know.
    """
    of: dict[tuple[Path, Path_], dict[str, list[tuple[Place, Term]]]] = defaultdict(lambda: defaultdict(list))
    for place, term in loaded.terms:
        if "except" not in place.path and (how := _how_read(term)):
            of[place.document.file, place.path[:2]][how].append((place, term))
    for found in of.values():
        told = [f"{how}: {_texts(found[how])}" for how in _READINGS if how in found]
        first = min((place for some in found.values() for place, _ in some), key=lambda one: one.problem("").line)
        yield first.problem(f"read {'; '.join(told)}; write name: or exact: to say otherwise", level="note")


def _texts(terms: Sequence[tuple[Place, Term]]) -> str:
    return ", ".join(dict.fromkeys(f"«{term.text}»" for _, term in terms))


def _how_read(term: Term) -> str | None:
    spellings = read_term(term).spellings if term.kind is Kind.PLAIN else ()
    readings = {word.reading for word in spellings[0]} if spellings else set()
    return next((how for how, some in _READINGS.items() if readings & some), None)


def _unfindable(loaded: Loaded) -> Iterator[Problem]:
    fits: dict[Term, bool] = {}
    for place, term in loaded.terms:
        if term not in fits:
            fits[term] = matches_itself(term)
        if not fits[term]:
            message = f"«{term.text}» is not found even where just that is written; write its words alone, or exact:"
            yield place.problem(message, level="warning")


def _expired(loaded: Loaded, now: datetime) -> Iterator[Problem]:
    for watchlist in loaded.watchlists:
        if watchlist.expires and watchlist.expires < now.date():
            message = f"watchlist {watchlist.header.id!r} expired on {watchlist.expires}: it alerts nobody; renew it"
            place = loaded.places[watchlist.header.id] / "expires"
            yield place.problem(f"{message}, or take it out", level="warning")


def _failing(loaded: Loaded, now: datetime) -> Iterator[Problem]:
    for tried in try_examples(loaded, now):
        if tried.fault:
            yield tried.example.place.problem(tried.fault)
