"""The states of the sources that are this process's: kept at hand, and written so that quiet polls cost no disk.

What a poll published or changed is written before the poll ends. One that found nothing is noted, and such notes are
written together every few seconds; a crash before that means that some sources are asked a little early. Notes of one
source are a minute apart, so that a folder is not written every two seconds. Does not know what a poll is.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.ports import Sighting, SourceState, SourceStore

WRITTEN_EVERY: Final = timedelta(seconds=5)
QUIET_FOR: Final = timedelta(minutes=1)
"""How old the written state of a source in which nothing happens may get."""


class States:
    """States as they are now; the store's may lag behind by some seconds. Safe to use from many threads."""

    def __init__(self, store: SourceStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[str, SourceState] = {}
        self._noted: dict[str, SourceState] = {}
        self._kept_at: dict[str, datetime] = {}
        self._written_at: datetime | None = None

    def of(self, source: str) -> SourceState:
        """Return a source's state.

        Raises:
            Unavailable: the store cannot be read.
        """
        known = self._known.get(source)
        if known is None:
            known = self._known[source] = self._store.source(source)
        return known

    def remember(
        self, state: SourceState, sightings: Sequence[Sighting], now: datetime, forget_before: datetime | None
    ) -> None:
        """Write what a poll came to before returning.

        Raises:
            Unavailable: the store cannot be written; the state stays what it was.
        """
        with self._lock:  # a note that is being written now is older, and must not be written after this
            self._noted.pop(state.id, None)
        self._store.remember(state, sightings, forget_before)
        with self._lock:
            if state.id in self._known:  # else it was let go of meanwhile
                self._known[state.id], self._kept_at[state.id] = state, now

    def note(self, state: SourceState, now: datetime) -> None:
        """Keep what a quiet poll came to, and write what is noted if it is time.

        Raises:
            Unavailable: the store cannot be written.
        """
        with self._lock:
            if state.id in self._known:
                self._known[state.id] = state
                if _has_passed(QUIET_FOR, self._kept_at.get(state.id), now):
                    self._noted[state.id] = state
        self.write_in_time(now)

    def write_in_time(self, now: datetime) -> None:
        """Write what is noted, every few seconds.

        Raises:
            Unavailable: as of `write`.
        """
        if self._noted and _has_passed(WRITTEN_EVERY, self._written_at, now):
            self.write(now)

    def write(self, now: datetime) -> None:
        """Write what is noted.

        Raises:
            Unavailable: the store cannot be written.
        """
        with self._lock:
            self._store.note(list(self._noted.values()))
            self._kept_at |= dict.fromkeys(self._noted, now)
            self._noted.clear()
            self._written_at = now

    def forget(self, sources: Iterable[str]) -> None:
        """Let go of sources that are another's now, whose notes would come too late."""
        with self._lock:
            for source in sources:
                for kept in (self._known, self._noted, self._kept_at):
                    kept.pop(source, None)


def _has_passed(span: timedelta, since: datetime | None, now: datetime) -> bool:
    """Tell whether a span has passed, or the clock was turned back."""
    return since is None or not timedelta() <= now - since < span
