"""What only those who poll can tell of a sources file: one address polled twice, a selector that selects nothing ever.

What a file may hold at all is found by `settings`. Asks nobody: an address that answers nothing is not found here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.documents import load_document
from monitor.ingest.identity import canonical_url
from monitor.ingest.listings import selector_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from monitor.documents import Document
    from monitor.errors import Problem
    from monitor.settings import Source


def check_sources(file: Path, sources: Sequence[Source]) -> list[Problem]:
    """Return what is wrong with the sources that were read from ``file``.

    Raises:
        Problems: the file has gone, or is broken, meanwhile.
    """
    document = load_document(file)
    return [*_repeated(document, sources), *_unselecting(document, sources)]


def place_of(source: Source) -> tuple[str, str] | None:
    """Return what two sources share that poll the same thing; None for a folder. A page may be listed in two ways."""
    return (same_address(source.address), source.items or "") if source.address else None


def same_address(url: str) -> str:
    """Write an address as all of its spellings share it; also a front page, which may be a feed."""
    return canonical_url(url) or url.rstrip("/").lower()


def _repeated(document: Document, sources: Sequence[Source]) -> Iterator[Problem]:
    first: dict[tuple[str, str], Source] = {}
    for index, source in enumerate(sources):
        place = place_of(source)
        if place and (other := first.setdefault(place, source)) is not source:
            message = f"{source.id!r} polls what {other.id!r} polls already; take one of them out"
            yield document.problem(("sources", index, _key(source)), message, level="warning")


def _key(source: Source) -> str:
    return "url" if source.url else "sitemap" if source.sitemap else "page"


def _unselecting(document: Document, sources: Sequence[Source]) -> Iterator[Problem]:
    for index, source in enumerate(sources):
        if source.items is not None and (fault := selector_fault(source.items)):
            yield document.problem(("sources", index, "items"), fault)
