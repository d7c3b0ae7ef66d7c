"""What the parts of the store share: one database."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.store.database import Database


class Tables:
    """Some tables of a database, and what may be done with them."""

    def __init__(self, database: Database) -> None:
        self.database = database
