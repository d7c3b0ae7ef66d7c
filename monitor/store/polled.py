"""What the poller remembers: the state of each source, and what each listed. Implements `ports.SourceStore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BindParameter, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from monitor.ports import Sighting, SourceState
from monitor.store.schema import seen, sources
from monitor.store.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Result, Table
    from sqlalchemy.dialects.sqlite import Insert

_AT_ONCE: Final = 1_000
"""Values asked for in one statement: databases bound the number of its parameters."""

# Statements are made once: making one takes as long as running it.
_WANTED: Final[BindParameter[Any]] = bindparam("wanted", expanding=True)
_SOURCES: Final = select(sources).order_by(sources.c.id)
_SOURCE: Final = select(sources).where(sources.c.id == bindparam("source"))
_SEEN: Final = select(seen).where(seen.c.source == bindparam("source"))
_SEEN_BY: Final = {name: _SEEN.where(seen.c[name].in_(_WANTED)) for name in ("key", "content_hash", "title")}
_VERSIONS: Final = select(seen).where(seen.c.article.in_(_WANTED)).order_by(seen.c.first_seen, seen.c.revision)
_FORGET: Final = delete(seen).where(seen.c.source == bindparam("of"), seen.c.listed < bindparam("before"))


def _replacing(table: Table) -> Insert:
    """Insert rows, or overwrite those of the same primary key."""
    statement = insert(table)
    rest = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
    return statement.on_conflict_do_update(index_elements=table.primary_key, set_=rest)


_REPLACE_SOURCES: Final = _replacing(sources)
_REPLACE_SEEN: Final = _replacing(seen)


class PolledTables(Tables):
    """Sources and sightings."""

    def sources(self) -> list[SourceState]:
        """Every source ever polled, by id."""
        with self.database.reading() as connection:
            return [SourceState(**row) for row in connection.execute(_SOURCES).mappings()]

    def source(self, source: str) -> SourceState:
        """One source; a fresh state when it was never polled."""
        with self.database.reading() as connection:
            row = connection.execute(_SOURCE, {"source": source}).mappings().one_or_none()
        return SourceState(**row) if row else SourceState(id=source)

    def sightings(self, source: str, keys: Sequence[str] | None = None) -> dict[str, Sighting]:
        """What the source listed so far, by key: all, or of these keys."""
        with self.database.reading() as connection:
            if keys is None:
                return _by_key(connection.execute(_SEEN, {"source": source}))
            return _seen_by(connection, "key", source, keys)

    def echoes(self, source: str, words: Sequence[str], titles: Sequence[str]) -> dict[str, Sighting]:
        """What the source listed so far with one of these content hashes or folded headlines, by key."""
        with self.database.reading() as connection:
            same_words = _seen_by(connection, "content_hash", source, words)
            return same_words | _seen_by(connection, "title", source, titles)

    def versions(self, articles: Sequence[str]) -> dict[str, list[Sighting]]:
        """All sightings of these article ids, in any source, oldest first."""
        found: dict[str, list[Sighting]] = {}
        if not articles:
            return found
        with self.database.reading() as connection:
            for wanted in _portions(articles):
                for row in connection.execute(_VERSIONS, {"wanted": wanted}).mappings():
                    sighting = Sighting(**row)
                    found.setdefault(sighting.article, []).append(sighting)
        return found

    def remember(
        self, state: SourceState, sightings: Sequence[Sighting], forget_before: datetime | None = None
    ) -> None:
        """Write a poll's outcome in one transaction, and forget what the source stopped listing."""
        with self.database.writing() as connection:
            connection.execute(_REPLACE_SOURCES, _row(state))
            if sightings:
                connection.execute(_REPLACE_SEEN, list(map(_row, sightings)))
            if forget_before:
                connection.execute(_FORGET, {"of": state.id, "before": forget_before})

    def note(self, states: Sequence[SourceState]) -> None:
        """Write the states of polls that found nothing, in one transaction."""
        if states:
            with self.database.writing() as connection:
                connection.execute(_REPLACE_SOURCES, list(map(_row, states)))


def _portions(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))


def _seen_by(connection: Connection, column: str, source: str, values: Sequence[str]) -> dict[str, Sighting]:
    found: dict[str, Sighting] = {}
    for wanted in _portions(values):
        found |= _by_key(connection.execute(_SEEN_BY[column], {"source": source, "wanted": wanted}))
    return found


def _by_key(rows: Result[Any]) -> dict[str, Sighting]:
    return {row["key"]: Sighting(**row) for row in rows.mappings()}


def _row(record: SourceState | Sighting) -> dict[str, Any]:
    """Write a record as its row; unlike `asdict`, without copying what cannot change."""
    return {name: getattr(record, name) for name in record.__slots__}
