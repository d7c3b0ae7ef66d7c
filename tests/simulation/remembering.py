"""A `SourceStore` in dictionaries, for speed; the contract suite holds it to what the real one does."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from monitor.ports import Sighting, SourceState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class DictionaryStore:
    """Sources and sightings, found by what they are asked by."""

    def __init__(self) -> None:
        self._states: dict[str, SourceState] = {}
        self._seen: dict[str, dict[str, Sighting]] = defaultdict(dict)
        self._by_article: dict[str, dict[tuple[str, str], Sighting]] = defaultdict(dict)
        self._by_words: dict[tuple[str, str], set[str]] = defaultdict(set)

    def sources(self) -> list[SourceState]:
        """Every source ever polled, by id."""
        return [self._states[source] for source in sorted(self._states)]

    def source(self, source: str) -> SourceState:
        """One source; a fresh state when it was never polled."""
        return self._states.get(source) or SourceState(id=source)

    def sightings(self, source: str, keys: Sequence[str] | None = None) -> dict[str, Sighting]:
        """What the source listed so far, by key: all, or of these keys."""
        seen = self._seen[source]
        return dict(seen) if keys is None else {key: seen[key] for key in keys if key in seen}

    def echoes(self, source: str, words: Sequence[str], titles: Sequence[str]) -> dict[str, Sighting]:
        """What the source listed so far with one of these content hashes or folded headlines, by key."""
        keys = {key for value in (*words, *titles) for key in self._by_words[source, value]}
        return {key: self._seen[source][key] for key in keys}

    def versions(self, articles: Sequence[str]) -> dict[str, list[Sighting]]:
        """All sightings of these article ids, in any source, oldest first."""
        found = {article: list(self._by_article[article].values()) for article in articles if self._by_article[article]}
        return {article: sorted(seen, key=_age) for article, seen in found.items()}

    def remember(
        self, state: SourceState, sightings: Sequence[Sighting], forget_before: datetime | None = None
    ) -> None:
        """Write a poll's outcome."""
        self._states[state.id] = state
        seen = self._seen[state.id]
        for sighting in sightings:
            self._forget(self._seen[sighting.source].get(sighting.key))
            self._seen[sighting.source][sighting.key] = sighting
            self._by_article[sighting.article][sighting.source, sighting.key] = sighting
            for value in _words(sighting):
                self._by_words[sighting.source, value].add(sighting.key)
        for one in [one for one in seen.values() if forget_before and one.listed < forget_before]:
            self._forget(one)
            del seen[one.key]

    def note(self, states: Sequence[SourceState]) -> None:
        """Write the states of sources that listed nothing else."""
        self._states |= {state.id: state for state in states}

    def _forget(self, sighting: Sighting | None) -> None:
        if sighting:
            del self._by_article[sighting.article][sighting.source, sighting.key]
            for value in _words(sighting):
                self._by_words[sighting.source, value].discard(sighting.key)


def _age(sighting: Sighting) -> tuple[datetime, int]:
    return sighting.first_seen, sighting.revision


def _words(sighting: Sighting) -> list[str]:
    return [value for value in (sighting.content_hash, sighting.title) if value is not None]
