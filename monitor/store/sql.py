"""The store in an SQL database: `ports.SourceStore`, `ports.AlertStore` and `ports.DeadStore` over one file.

Each part's tables have a module of their own; what SQLite needs is in `database`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from monitor.store.database import open_database
from monitor.store.decided import DecidedTables
from monitor.store.filed import FiledTables
from monitor.store.found import FoundTables
from monitor.store.owed import OwedTables
from monitor.store.polled import PolledTables
from monitor.store.recorded import RecordedTables
from monitor.store.reported import ReportedTables
from monitor.store.silenced import SilencedTables

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class SqlStore(
    PolledTables,
    RecordedTables,
    DecidedTables,
    OwedTables,
    SilencedTables,
    ReportedTables,
    FoundTables,
    FiledTables,
):
    """Everything that is remembered, in one database. Safe to use from many threads."""

    def close(self) -> None:
        """Let go of the database. Closing twice is harmless."""
        self.database.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def open_store(address: str) -> SqlStore:
    """Open the store at ``sqlite:PATH``, made or brought up to date if need be.

    Raises:
        Unavailable: it cannot be opened, is not ours, or was written by a newer monitor.
    """
    _, _, path = address.partition(":")
    return SqlStore(open_database(Path(path)))
