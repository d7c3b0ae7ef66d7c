"""Routes that ask for what no alert has: a watchlist, an owner, a label or a source that is not there.

What a file may hold at all is found by `settings`. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.documents import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from monitor.documents import Document, Path_
    from monitor.errors import Problem
    from monitor.model import WatchlistHeader
    from monitor.settings import Route, RouteMatch

_Asked = tuple["Path_", str, tuple[str, ...], set[str]]
"""What a route asks for: where it says so, what there is none of, the values, and those that there are."""


def check_routes(
    document: Document, tree: Route, watchlists: Collection[WatchlistHeader], sources: Collection[str]
) -> Iterator[Problem]:
    """Warn of each name in a route that no alert will ever have; ``document`` is the file of the routes."""
    for path, route in _walk(tree, ("route",)):
        for key, none, names, known in _asked(route.match, watchlists, sources):
            for name in names:
                if name not in known:
                    message = f"{none} {name!r}, so nothing comes here for it{did_you_mean(name, sorted(known))}"
                    yield document.problem((*path, "match", *key), message, level="warning")


def _asked(match: RouteMatch, watchlists: Collection[WatchlistHeader], sources: Collection[str]) -> Iterator[_Asked]:
    yield ("watchlist",), "no watchlist is called", match.watchlist, {one.id for one in watchlists}
    yield ("owner",), "no watchlist belongs to", match.owner, {one.owner for one in watchlists if one.owner}
    yield ("source",), "no source is called", match.source, set(sources)
    for name, values in match.labels.items():
        known = {one.labels[name] for one in watchlists if name in one.labels}
        yield ("labels", name), f"no watchlist has the label {name}", values, known


def _walk(route: Route, path: Path_) -> Iterator[tuple[Path_, Route]]:
    yield path, route
    for index, child in enumerate(route.routes):
        yield from _walk(child, (*path, "routes", index))
