"""A durable log in one SQLite file, for one machine: one partition a topic, one consumer a group.

Hides SQLite: write-ahead log with full synchronisation, so that what `publish` returned from survives a power cut;
``BEGIN IMMEDIATE`` for every write, because a read that turns into a write fails at once in WAL mode whatever the busy
time-out; ``AUTOINCREMENT``, because offsets would otherwise start again when retention empties the log. A group is held
by a lock on a file beside the log, which the kernel releases on death. Does not work on network file systems (WAL needs
shared memory), and decides nothing about how long records are kept: `trim` is told.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import sys
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock, Timeout

from monitor.errors import HeldElsewhere, Lost, Unavailable
from monitor.ports import SHARDS, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from monitor.ports import Gap, Outgoing

APPLICATION_ID: Final = 0x6D6F6E31
"""What makes a SQLite file a log of ours ("mon1"), in its header."""
VERSION: Final = 1
BATCH_RECORDS: Final = 500
BATCH_BYTES: Final = 4_000_000
LOOK_EVERY: Final = timedelta(milliseconds=100)
BUSY: Final = timedelta(seconds=10)
CHECKED_UP_TO: Final = 64 * 1024 * 1024
"""A larger log is not read through when it is opened; damage is then found when it is met."""

_now: Final = partial(datetime.now, UTC)
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS records (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        topic TEXT NOT NULL, key TEXT NOT NULL, headers TEXT NOT NULL,
        at INTEGER NOT NULL, -- microseconds since 1970
        value BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX IF NOT EXISTS records_by_topic ON records (topic, position)",
    "CREATE INDEX IF NOT EXISTS records_by_time ON records (topic, at)",
    """CREATE TABLE IF NOT EXISTS groups (
        topic TEXT NOT NULL, name TEXT NOT NULL,
        done INTEGER NOT NULL, -- the last position that was committed; 0 before the first
        PRIMARY KEY (topic, name)
    ) STRICT, WITHOUT ROWID""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)


def connect(file: Path) -> sqlite3.Connection:
    """Open a connection as every connection to the log must be: durable, patient, in explicit transactions."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=BUSY.total_seconds())
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


class EmbeddedBus:
    """The log at ``file``, made with its folder (mode 0700) when it is not there yet.

    ``connect`` opens every connection; ``clock`` gives the time of appending.

    Raises:
        Unavailable: the folder cannot be written, or the file is damaged or no log of ours; it is left as it is.
    """

    def __init__(
        self,
        file: Path,
        *,
        connect: Callable[[Path], sqlite3.Connection] = connect,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._file, self._connect, self._clock = file, connect, clock
        self._idle: list[sqlite3.Connection] = []
        self._turn = threading.Lock()
        self._appended = threading.Condition()
        self._closed = False
        with _world(file):
            _make_folder(file.parent)
            with FileLock(f"{file}.lock", timeout=BUSY.total_seconds()):  # two stages may make the log at once
                _inspect(file)
                with self._writing() as connection:
                    for statement in _SCHEMA:
                        connection.execute(statement)

    def publish(self, topic: str, records: Iterable[Outgoing]) -> None:
        """Append in one transaction: all of the records or none."""
        rows = [(topic, record.key, record.value, json.dumps(dict(record.headers))) for record in records]
        with self._writing() as connection:
            # Bus time never runs backwards, whatever the clock does: `read` between two instants depends on it.
            latest = _value(connection, "SELECT max(at) FROM records WHERE topic = ?", topic) or 0
            at = max(_microseconds(self._clock()), latest)
            connection.executemany(
                f"INSERT INTO records (topic, key, value, headers, at) VALUES (?, ?, ?, ?, {at})",  # noqa: S608 - a number
                rows,
            )
        with self._appended:
            self._appended.notify_all()

    def consume(self, topic: str, group: str) -> EmbeddedConsumer:
        """Hold the group until the consumer is closed, or the process ends."""
        with _world(self._file):
            lock = _hold(self._file, group)
        try:
            with self._writing() as connection:
                connection.execute("INSERT OR IGNORE INTO groups VALUES (?, ?, 0)", (topic, group))
                done = _value(connection, "SELECT done FROM groups WHERE topic = ? AND name = ?", topic, group)
        except BaseException:
            lock.release()
            raise
        return EmbeddedConsumer(self, topic, group, lock, done)

    def read(self, topic: str, since: datetime | None = None, until: datetime | None = None) -> Iterator[Record]:
        """Replay in pages, so that nobody who appends waits for a slow reader."""
        first = "SELECT min(position) FROM records WHERE topic = ? AND at >= ?"
        last = "SELECT max(position) FROM records WHERE topic = ? AND at < ?"
        with self._reading() as connection:
            start = _value(connection, first, topic, _microseconds(since or _EPOCH))
            end = _value(connection, last, topic, _microseconds(until or datetime.max.replace(tzinfo=UTC)))
        return self._pages(topic, start, end) if start and end else iter(())

    def own(self, group: str) -> frozenset[int]:  # noqa: ARG002 - on one machine there is one poller
        """Return all shards: there is one poller on one machine."""
        return frozenset(range(SHARDS))

    def trim(self, topic: str, before: datetime) -> int:
        """Drop what is older and read by every group of the topic, and give the room back to the file system."""
        dropped = 0
        while some := self._trim_some(topic, before):
            dropped += some
            self._give_back()
        return dropped

    def close(self) -> None:
        """Close every connection; one that is in use is closed by its user."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def after(self, topic: str, position: int, through: int = sys.maxsize) -> list[Record]:
        """Return the records that follow ``position``: at most 500, and about 4 MB."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT topic, position, key, value, headers, at FROM records "
                "WHERE topic = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?",
                (topic, position, through, BATCH_RECORDS),
            )
            with closing(rows):  # an open cursor is a read transaction, which keeps the write-ahead log from shrinking
                return list(_up_to_size(map(_record, rows)))

    def commit(self, topic: str, group: str, position: int) -> None:
        """Move a group forward; it never goes back."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE groups SET done = max(done, ?) WHERE topic = ? AND name = ?", (position, topic, group)
            )

    def wait_for_more(self, seconds: float) -> None:
        """Return when this process appended something, or it is time to look for what others did."""
        with self._appended:
            self._appended.wait(min(seconds, LOOK_EVERY.total_seconds()))

    def _pages(self, topic: str, start: int, end: int) -> Iterator[Record]:
        position = start - 1
        while page := self.after(topic, position, through=end):
            yield from page
            position = page[-1].offset

    def _trim_some(self, topic: str, before: datetime) -> int:
        """Drop one batch: those who append wait for one batch at most."""
        with self._writing() as connection:
            slowest = _value(connection, "SELECT min(done) FROM groups WHERE topic = ?", topic)
            return connection.execute(
                "DELETE FROM records WHERE position IN (SELECT position FROM records "
                "WHERE topic = ? AND at < ? AND position <= coalesce(?, position) ORDER BY at LIMIT ?)",
                (topic, _microseconds(before), slowest, BATCH_RECORDS),
            ).rowcount

    def _give_back(self) -> None:
        """Let the file shrink by the pages that are free; only a script steps this pragma through all of them."""
        with self._reading() as connection, _undone_on_error(connection):
            connection.executescript("BEGIN IMMEDIATE; PRAGMA incremental_vacuum; COMMIT")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection. The pool is a list, whose ends threads may use at the same time."""
        with _world(self._file):
            if self._closed:
                raise Unavailable(f"{self._file} is closed")
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect(self._file)
            try:
                yield connection
            finally:
                connection.close() if self._closed else self._idle.append(connection)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        # Our own threads take turns: SQLite lets those who wait look now and then, and some never meet it free.
        with self._turn, self._reading() as connection, _undone_on_error(connection):
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")


@dataclass(frozen=True, slots=True)
class EmbeddedBatch:
    """Records of the one partition; retention waits for the slowest group, so there is never a gap."""

    consumer: EmbeddedConsumer
    records: Sequence[Record]
    gaps: Sequence[Gap] = field(default=())

    def done(self) -> None:
        """Commit through the last record."""
        self.consumer.commit(self.records[-1].offset)


class EmbeddedConsumer:
    """The one consumer of a group."""

    def __init__(self, bus: EmbeddedBus, topic: str, group: str, lock: FileLock, done: int) -> None:
        self._bus, self._topic, self._group, self._lock = bus, topic, group, lock
        self._position = done

    def poll(self, wait: timedelta) -> EmbeddedBatch | None:
        """Look until something is there or ``wait`` is over."""
        deadline = time.monotonic() + wait.total_seconds()
        while not (records := self._bus.after(self._topic, self._position)):
            if (left := deadline - time.monotonic()) <= 0:
                return None
            self._bus.wait_for_more(left)
        self._position = records[-1].offset
        return EmbeddedBatch(self, records)

    def commit(self, position: int) -> None:
        """Move the group forward, unless it was let go of.

        Raises:
            Lost: this consumer is closed; another may have the group by now.
        """
        if not self._lock.is_locked:
            raise Lost(f"group {self._group!r} was let go of before its batch of {self._topic!r} was done")
        self._bus.commit(self._topic, self._group, position)

    def close(self) -> None:
        """Let go of the group."""
        self._lock.release()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the group."""
        self.close()


def _make_folder(folder: Path) -> None:
    """Make one level, not a tree: a mistyped path should be told, not created."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError:
        raise Unavailable(f"the folder {folder.parent} is not there; create it, or correct `bus:`") from None


def _inspect(file: Path) -> None:
    """Refuse what is not a sound log of ours, before anything is written to it."""
    if not file.exists() or not file.stat().st_size:
        return
    with closing(sqlite3.connect(file, isolation_level=None, timeout=BUSY.total_seconds())) as connection:
        tables = _value(connection, "SELECT count(*) FROM sqlite_schema")
        if tables and _value(connection, "PRAGMA application_id") != APPLICATION_ID:
            raise Unavailable(f"{file} is a database of something else; name another file in `bus:`")
        if (version := _value(connection, "PRAGMA user_version")) > VERSION:
            raise Unavailable(f"{file} was written by a newer monitor (log version {version}); upgrade this one")
        if file.stat().st_size <= CHECKED_UP_TO and _value(connection, "PRAGMA quick_check(1)") != "ok":
            raise Unavailable(f"{file} {_REMEDIES['SQLITE_CORRUPT']}")


def _hold(file: Path, group: str) -> FileLock:
    """Take the group's lock, which dies with this process, and write into it who has it."""
    holder = file.with_name(f"{file.name}.{group}.lock")
    lock = FileLock(holder, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        by = holder.read_text("utf-8", "replace") or "another process"
        raise HeldElsewhere(f"group {group!r} of {file}", by) from None
    holder.write_text(f"process {os.getpid()} ({' '.join(sys.argv)})", "utf-8", "backslashreplace")
    return lock


_REMEDIES: Final = {
    "SQLITE_FULL": "cannot grow, the disk is full; free some space, nothing that was acknowledged is lost",
    "SQLITE_READONLY": "cannot be written; let this user write the file and its folder",
    "SQLITE_CANTOPEN": "cannot be opened; let this user write its folder",
    "SQLITE_PERM": "cannot be opened; let this user write its folder",
    "SQLITE_CORRUPT": "is damaged; put a sound copy in its place, or move it away to start an empty log",
    "SQLITE_NOTADB": "is no log of monitor; move it away, or name another file in `bus:`",
    "SQLITE_BUSY": f"was locked by another program for {BUSY.seconds} s; end that one",
    "SQLITE_IOERR": "cannot be read or written, the disk fails; look into the system's log",
}


@contextmanager
def _world(file: Path) -> Iterator[None]:
    """Translate what the disk does to us into one line that says what to do; our own mistakes stay what they are."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        remedy = next((text for fault, text in _REMEDIES.items() if name.startswith(fault)), None)
        if remedy is None:
            raise
        raise Unavailable(f"{file} {remedy}") from error
    except Timeout as error:
        raise Unavailable(f"{file} {_REMEDIES['SQLITE_BUSY']}") from error
    except OSError as error:
        remedy = "free some space" if error.errno == errno.ENOSPC else "let this user write there"
        raise Unavailable(f"{error.filename or file}: {error.strerror}; {remedy}") from error


@contextmanager
def _undone_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    finally:
        if connection.in_transaction:  # SQLite itself rolls back when the disk is full
            connection.execute("ROLLBACK")


def _value(connection: sqlite3.Connection, query: str, *values: str | int) -> Any:  # noqa: ANN401 - a column's value
    return connection.execute(query, values).fetchone()[0]


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _record(row: tuple[str, int, str, bytes, str, int]) -> Record:
    topic, position, key, value, headers, at = row
    return Record(
        topic=topic,
        partition=0,
        offset=position,
        key=key,
        value=value,
        headers=json.loads(headers),
        at=_EPOCH + at * _MICROSECOND,
    )


def _up_to_size(records: Iterable[Record]) -> Iterator[Record]:
    size = 0
    for record in records:
        yield record
        size += len(record.value)
        if size >= BATCH_BYTES:
            return
