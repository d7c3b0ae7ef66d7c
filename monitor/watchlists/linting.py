"""What can be wrong in watchlists beyond their shape: examples that do not do what they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.errors import Problem, Problems
from monitor.matching import compile_watchlists
from monitor.matching.expressions import Only
from monitor.model import Article, Header
from monitor.text.sentences import headline
from monitor.watchlists.loading import load_watchlists

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.watchlists.loading import Example


def check_watchlists(path: Path) -> list[Problem]:
    """Return all that is wrong at ``path`` (a file or a folder), sorted by place; none of it is raised."""
    try:
        loaded = load_watchlists(path)
    except Problems as error:
        return list(error.problems)
    failing = (problem for example in loaded.examples for problem in _failing(example))
    return sorted({*loaded.warnings, *failing})


def _failing(example: Example) -> Iterator[Problem]:
    # An example speaks of the words alone: where and when the watchlist looks is not its subject.
    watchlist = replace(example.watchlist, only=Only(), expires=None)
    found = compile_watchlists([watchlist]).match(_article(example.text), datetime.now(UTC))
    if example.alerts and not found:
        yield example.document.problem(example.path, f"this example should alert {watchlist.header.id!r} and does not")
    if found and not example.alerts:
        spans = ", ".join(f"«{item.text}»" for item in found[0].evidence)
        message = f"this example should be quiet and alerts {watchlist.header.id!r} by {spans}"
        yield example.document.problem(example.path, message)


def _article(text: str) -> Article:
    header = Header(
        id="example",
        source="example",
        title=headline(text),
        titled=False,
        content_hash="",
        first_seen=datetime.now(UTC),
    )
    return Article(header=header, text=text)
