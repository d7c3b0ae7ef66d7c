"""Whether watchlists do what their owners say: their own examples, and what else a reviewer should hear of.

What a file may hold at all is found by `loading`; how examples are tried is `examples`' affair.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.errors import Problem, Problems
from monitor.watchlists.examples import try_examples
from monitor.watchlists.loading import load_watchlists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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


def _failing(loaded: Loaded, now: datetime) -> Iterator[Problem]:
    for tried in try_examples(loaded, now):
        if tried.fault:
            yield tried.example.place.problem(tried.fault)
