"""What the poller remembers: the state of each source, and what each listed. Implements `ports.SourceStore`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from monitor.ports import Sighting, SourceState
from monitor.store.schema import seen, sources
from monitor.store.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Connection, Table

_AT_ONCE: Final = 1_000
"""Articles asked for in one statement: databases bound the number of its parameters."""


class PolledTables(Tables):
    """Sources and sightings."""

    def sources(self) -> list[SourceState]:
        """Every source ever polled, by id."""
        with self.database.reading() as connection:
            return [SourceState(**row) for row in connection.execute(select(sources).order_by(sources.c.id)).mappings()]

    def source(self, source: str) -> SourceState:
        """One source; a fresh state when it was never polled."""
        with self.database.reading() as connection:
            row = connection.execute(select(sources).where(sources.c.id == source)).mappings().one_or_none()
        return SourceState(**row) if row else SourceState(id=source)

    def sightings(self, source: str) -> dict[str, Sighting]:
        """What the source listed so far, by key."""
        with self.database.reading() as connection:
            rows = connection.execute(select(seen).where(seen.c.source == source)).mappings()
            return {row["key"]: Sighting(**row) for row in rows}

    def versions(self, articles: Sequence[str]) -> dict[str, list[Sighting]]:
        """All sightings of these article ids, in any source, oldest first."""
        found: dict[str, list[Sighting]] = {}
        with self.database.reading() as connection:
            for start in range(0, len(articles), _AT_ONCE):
                wanted = seen.c.article.in_(articles[start : start + _AT_ONCE])
                oldest_first = select(seen).where(wanted).order_by(seen.c.first_seen, seen.c.revision)
                for row in connection.execute(oldest_first).mappings():
                    found.setdefault(row["article"], []).append(Sighting(**row))
        return found

    def remember(self, state: SourceState, sightings: Sequence[Sighting], forget_before: datetime) -> None:
        """Write a poll's outcome in one transaction, and forget what the source stopped listing."""
        gone = delete(seen).where(seen.c.source == state.id, seen.c.listed < forget_before)
        with self.database.writing() as connection:
            _replace(connection, sources, [asdict(state)])
            _replace(connection, seen, [asdict(sighting) for sighting in sightings])
            connection.execute(gone)


def _replace(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows, or overwrite those of the same primary key."""
    if not rows:
        return
    statement = insert(table)
    rest = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
    connection.execute(statement.on_conflict_do_update(index_elements=table.primary_key, set_=rest), rows)
