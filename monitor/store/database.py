"""One database file: opening it, its transactions, and what the world may do to it.

Hides SQLite's modes and error codes and when a migration runs. Knows nothing of what the tables mean.

WAL with synchronous=FULL survives a power cut; every write transaction begins IMMEDIATE, because one that begins with
a read fails at once, whatever the busy time-out, when another writer came in between.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import URL, Column, MetaData, String, Table, create_engine, event, inspect, select

from monitor.errors import Unavailable
from monitor.store.schema import REVISION, metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
    from sqlalchemy.pool import ConnectionPoolEntry

_PRAGMAS: Final = ("busy_timeout = 30000", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")
_VERSION: Final = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
"""Where Alembic keeps the revision."""
_WORLD: Final = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space and start again",
    sqlite3.SQLITE_READONLY: "it cannot be written; check the rights of the file and its folder",
    sqlite3.SQLITE_PERM: "it cannot be written; check the rights of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that its folder is there and can be written",
    sqlite3.SQLITE_BUSY: "another program keeps it locked; stop that one first",
    sqlite3.SQLITE_LOCKED: "another program keeps it locked; stop that one first",
    sqlite3.SQLITE_PROTOCOL: "another program keeps it locked; stop that one first",
    sqlite3.SQLITE_IOERR: "the disk does not read or write; check it, then start again",
    sqlite3.SQLITE_CORRUPT: "it is damaged; put it aside and restore a copy, or start with a new one",
    sqlite3.SQLITE_NOTADB: "it is no database; name another file in store:, or move this one away",
}
"""What each of SQLite's primary result codes means to a person; any other code is a bug of ours."""


class Database:
    """An open database. Safe to use from many threads; each transaction has a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._reader = engine.execution_options(begin="BEGIN")
        self._writer = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._turn = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Begin a transaction that sees one moment and writes nothing."""
        with self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Begin a transaction that no other writer can come between; it commits unless an exception passes."""
        # Our own threads take turns: SQLite lets those who wait look now and then, and some never meet it free.
        with self._turn, self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Let go of the file. Closing twice is harmless."""
        self._writer.dispose()


def open_database(path: Path) -> Database:
    """Open the database at ``path`` with its tables up to date; make it, and a folder for our user alone, if need be.

    Raises:
        Unavailable: it cannot be made, read or written, is not ours, or was written by a newer monitor.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"{path}: its folder cannot be made: {error.strerror}") from error
    database = Database(_engine(path))
    try:
        _refuse_foreign(path)
        _migrate(database, path)
    except BaseException:
        database.close()
        raise
    return database


def _engine(path: Path) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)), max_overflow=-1)

    @event.listens_for(engine, "connect")
    def set_modes(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we begin, not the driver: it would not begin before a read
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        statement = connection.get_execution_options()["begin"]
        if statement == "BEGIN":  # it cannot fail, and takes SQLAlchemy longer than the read that follows
            connection.connection.cursor().execute(statement)
        else:
            connection.exec_driver_sql(statement)

    @event.listens_for(engine, "handle_error")
    def translate(context: ExceptionContext) -> None:
        code = getattr(context.original_exception, "sqlite_errorcode", None)
        message = _WORLD.get(code & 0xFF) if code is not None else None
        if message:
            raise Unavailable(f"{path}: {message} ({context.original_exception})") from context.original_exception

    return engine


def _refuse_foreign(path: Path) -> None:
    """Refuse another program's database before our connections change its mode; damage is told by those."""
    if not path.exists():
        return
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if tables and _VERSION.name not in tables:
            raise Unavailable(f"{path}: it is another program's database; name another file in store:")


def _migrate(database: Database, path: Path) -> None:
    """Make the tables, or bring them up to date. Alembic is imported only when it has work."""
    with database.reading() as connection:
        if _revision(connection, path) == REVISION:
            return
    with database.writing() as connection:
        found = _revision(connection, path)
        if found is None:
            _create(connection)
        elif found != REVISION:
            _upgrade(connection)


def _revision(connection: Connection, path: Path) -> str | None:
    """Read which revision the tables are of; None when there are none at all."""
    known = inspect(connection).has_table(_VERSION.name)
    found = connection.scalar(select(_VERSION.c.version_num)) if known else None
    if found is not None and found > REVISION:
        raise Unavailable(
            f"{path}: it was written by a newer monitor (revision {found}, not {REVISION}); upgrade monitor"
        )
    return None if found is None else str(found)


def _create(connection: Connection) -> None:
    """Make all tables as they are now; a new store needs no migration."""
    metadata.create_all(connection)
    _VERSION.create(connection)
    connection.execute(_VERSION.insert().values(version_num=REVISION))


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, REVISION)
