"""The dead letters that people work on. Implements `ports.DeadStore`; does not publish them again."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Final, Literal

from sqlalchemy import select, update
from sqlalchemy.dialects.sqlite import insert

from monitor.model import DeadLetter
from monitor.ports import FiledLetter
from monitor.store.schema import dead
from monitor.store.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sqlalchemy import ColumnElement, Connection, RowMapping

_LETTER: Final = [field.name for field in fields(DeadLetter)]


class FiledTables(Tables):
    """Dead letters."""

    def file_dead(self, letter: DeadLetter) -> None:
        """Keep a dead letter; one of the same record and stage is kept once."""
        row: dict[str, Any] = asdict(letter) | {"state": "kept"}
        with self.database.writing() as connection:
            connection.execute(insert(dead).values(row).on_conflict_do_nothing())

    def dead_letters(self) -> list[FiledLetter]:
        """Every dead letter, oldest first."""
        with self.database.reading() as connection:
            return list(read_letters(connection))

    def dead_letter(self, number: int) -> FiledLetter | None:
        """One of them; None when there is no such number."""
        with self.database.reading() as connection:
            row = connection.execute(select(dead).where(dead.c.id == number)).mappings().one_or_none()
        return _filed(row) if row else None

    def mark_dead(self, number: int, state: Literal["retried", "dropped"]) -> bool:
        """Say what was done about a kept letter; False when it is not there or no longer kept."""
        kept = update(dead).where(dead.c.id == number, dead.c.state == "kept")
        with self.database.writing() as connection:
            return connection.execute(kept.values(state=state)).rowcount == 1


def read_letters(connection: Connection, *wanted: ColumnElement[bool]) -> Iterator[FiledLetter]:
    """Read dead letters, oldest first."""
    return map(_filed, connection.execute(select(dead).where(*wanted).order_by(dead.c.id)).mappings())


def _filed(row: RowMapping) -> FiledLetter:
    letter = DeadLetter(**{name: row[name] for name in _LETTER})
    return FiledLetter(id=row["id"], state=row["state"], letter=letter)
