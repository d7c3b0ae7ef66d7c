"""The rules of the embedded log (what every bus promises is in tests/contract/test_bus.py)."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor.bus.embedded import EmbeddedBus, connect
from monitor.errors import HeldElsewhere, Unavailable
from monitor.ports import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
DAY = timedelta(days=1)
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
AT_ONCE = timedelta(0)
NOBODY = 65534


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "var" / "bus.db"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bus(file: Path, clock: Clock) -> Iterator[EmbeddedBus]:
    opened = EmbeddedBus(file, clock=clock)
    yield opened
    opened.close()


def record(value: str, size: int = 0) -> Outgoing:
    return Outgoing(key="k", value=value.encode().ljust(size))


def contents(bus: EmbeddedBus, topic: str = "articles") -> list[str]:
    return [one.value.decode().strip() for one in bus.read(topic)]


def read_all(bus: EmbeddedBus, group: str, topic: str = "articles") -> None:
    with bus.consume(topic, group) as consumer:
        while batch := consumer.poll(AT_ONCE):
            batch.done()


def pragma(file: Path, name: str) -> int:
    with closing(connect(file)) as connection:
        value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
        return value


# --- Durability ----------------------------------------------------------------------------------------------------


def test_every_connection_is_durable_and_patient(file: Path) -> None:
    opened: list[sqlite3.Connection] = []

    def spying(path: Path) -> sqlite3.Connection:
        opened.append(connect(path))
        return opened[-1]

    bus = EmbeddedBus(file, connect=spying)
    bus.publish("articles", [record("one")])
    replay = bus.read("articles")
    read_all(bus, "matcher")
    assert len(list(replay)) == 1
    assert opened
    for connection in opened:
        settings = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "auto_vacuum")
        }
        full, incremental = 2, 2
        assert settings == {
            "journal_mode": "wal",
            "synchronous": full,
            "foreign_keys": 1,
            "busy_timeout": 10_000,
            "auto_vacuum": incremental,
        }
    bus.close()


def test_every_write_takes_the_write_lock_before_it_reads(file: Path) -> None:
    statements: list[str] = []

    def tracing(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.set_trace_callback(statements.append)
        return connection

    with closing(EmbeddedBus(file, connect=tracing)) as bus:
        bus.publish("articles", [record("one")])
        read_all(bus, "matcher")
        bus.trim("articles", MONDAY + 1000 * DAY)
    inside = False
    for statement in statements:
        if statement.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            inside = statement.rstrip(";") == "BEGIN IMMEDIATE"
            assert inside or not statement.startswith("BEGIN")
        elif statement.startswith(("INSERT", "UPDATE", "DELETE", "CREATE", "PRAGMA incremental_vacuum")):
            assert inside, statement
    assert sum(statement.startswith(("INSERT", "UPDATE", "DELETE")) for statement in statements) >= 4


APPENDING = """
import sys
from pathlib import Path
from monitor.bus.embedded import EmbeddedBus
from monitor.ports import Outgoing
bus = EmbeddedBus(Path(sys.argv[1]))
number = 0
while True:
    bus.publish("articles", [Outgoing(key="k", value=f"{sys.argv[2]}-{number}".encode())])
    print(f"{sys.argv[2]}-{number}", flush=True)
    number += 1
"""


def child(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_what_was_acknowledged_survives_a_kill_in_the_middle_of_appending(file: Path) -> None:
    acknowledged: list[str] = []
    for life in range(5):
        with child(APPENDING, str(file), str(life)) as process:
            assert process.stdout
            acknowledged += [process.stdout.readline().strip() for _ in range(20)]
            process.send_signal(signal.SIGKILL)
            acknowledged += process.stdout.read().split()
    with closing(EmbeddedBus(file)) as bus:
        kept = contents(bus)
    assert [value for value in kept if value in set(acknowledged)] == acknowledged
    assert len(kept) - len(acknowledged) <= 5, "at most the record in flight of each life stands beside them"


def test_many_processes_may_make_the_log_and_append_at_once(file: Path) -> None:
    code = APPENDING.replace("while True:", "while number < 25:")
    children = [child(code, str(file), str(number)) for number in range(4)]
    for process in children:
        process.communicate(timeout=60)
        assert process.returncode == 0
    with closing(EmbeddedBus(file)) as bus:
        kept = contents(bus)
    for number in range(4):
        assert [value for value in kept if value.startswith(f"{number}-")] == [f"{number}-{one}" for one in range(25)]


def test_a_full_disk_loses_nothing_acknowledged_and_publishing_resumes(file: Path) -> None:
    pages = 100

    def small(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    with closing(EmbeddedBus(file, connect=small)) as bus:
        acknowledged: list[str] = []

        def fill() -> None:
            while True:
                pair = [f"{len(acknowledged)}", f"{len(acknowledged) + 1}"]
                bus.publish("articles", [record(value, 10_000) for value in pair])
                acknowledged.extend(pair)

        for _attempt in range(2):
            with pytest.raises(Unavailable, match="disk is full; free some space"):
                fill()
        assert acknowledged
        assert contents(bus) == acknowledged, "all of a publish or none"
        assert bus.trim("articles", MONDAY + 1000 * DAY) == len(acknowledged)
        bus.publish("articles", [record("resumed", 10_000)])
        assert contents(bus) == ["resumed"]
    assert pragma(file, "integrity_check") == "ok"  # type: ignore[comparison-overlap]  # this one answers in words


# --- Order and time ------------------------------------------------------------------------------------------------


def test_offsets_go_on_when_retention_has_emptied_the_log(file: Path, clock: Clock) -> None:
    with closing(EmbeddedBus(file, clock=clock)) as bus:
        bus.publish("articles", [record("one"), record("two")])
        last = [one.offset for one in bus.read("articles")][-1]
        assert bus.trim("articles", MONDAY + DAY) == 2
    with closing(EmbeddedBus(file, clock=clock)) as bus:
        bus.publish("articles", [record("three")])
        assert next(bus.read("articles")).offset > last


def test_bus_time_never_runs_backwards(bus: EmbeddedBus, clock: Clock) -> None:
    bus.publish("articles", [record("one")])
    clock.now -= DAY
    bus.publish("articles", [record("two")])
    assert [one.at for one in bus.read("articles")] == [MONDAY, MONDAY]
    assert list(bus.read("articles", until=MONDAY)) == []


def test_append_time_is_kept_to_the_microsecond(bus: EmbeddedBus, clock: Clock) -> None:
    clock.now = MONDAY + timedelta(microseconds=123_457)
    bus.publish("articles", [record("one")])
    assert [one.at for one in bus.read("articles", since=clock.now)] == [clock.now]


def test_a_batch_ends_when_it_holds_four_megabytes(bus: EmbeddedBus) -> None:
    bus.publish("articles", [record(str(number), 1_500_000) for number in range(7)])
    with bus.consume("articles", "matcher") as consumer:
        sizes = []
        while batch := consumer.poll(AT_ONCE):
            sizes.append(len(batch.records))
    assert sizes == [3, 3, 1]


# --- Retention -----------------------------------------------------------------------------------------------------


def test_retention_waits_for_the_slowest_group(bus: EmbeddedBus) -> None:
    bus.publish("articles", [record("one"), record("two")])
    read_all(bus, "matcher")
    with bus.consume("articles", "archiver"):
        pass  # it exists, and has read nothing
    assert bus.trim("articles", MONDAY + DAY) == 0
    read_all(bus, "archiver")
    bus.publish("articles", [record("three")])
    assert bus.trim("articles", MONDAY + DAY) == 2
    assert contents(bus) == ["three"]


def test_retention_of_a_topic_that_nobody_reads_goes_by_age_alone(bus: EmbeddedBus, clock: Clock) -> None:
    bus.publish("dead", [record("old")])
    bus.publish("articles", [record("another topic's")])
    clock.now += DAY
    bus.publish("dead", [record("new")])
    assert bus.trim("dead", MONDAY + DAY) == 1
    assert contents(bus, "dead") == ["new"]
    assert contents(bus, "articles") == ["another topic's"]


def test_retention_gives_the_room_back(bus: EmbeddedBus, file: Path) -> None:
    bus.publish("articles", [record(str(number), 2_000) for number in range(1_200)])
    before = pragma(file, "page_count")
    assert bus.trim("articles", MONDAY + DAY) == 1_200
    assert pragma(file, "freelist_count") == 0
    assert pragma(file, "page_count") < before / 10


# --- Holding -------------------------------------------------------------------------------------------------------

HOLDING = """
import signal, sys
from pathlib import Path
from monitor.bus.embedded import EmbeddedBus
consumer = EmbeddedBus(Path(sys.argv[1])).consume("articles", "matcher")
print("held", flush=True)
signal.pause()
"""


def test_a_second_holder_is_told_who_holds_until_that_one_dies(bus: EmbeddedBus, file: Path) -> None:
    with child(HOLDING, str(file)) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(HeldElsewhere) as caught:
            bus.consume("articles", "matcher")
        assert str(holder.pid) in caught.value.holder
        assert "-c" in caught.value.holder, "the command"
        with bus.consume("matches", "notifier"):
            pass  # another group is free
        holder.send_signal(signal.SIGKILL)
    with bus.consume("articles", "matcher") as consumer:
        assert consumer.poll(AT_ONCE) is None
        assert str(os.getpid()) in file.with_name("bus.db.matcher.lock").read_text("utf-8")


# --- What is not there, or not ours --------------------------------------------------------------------------------


def test_the_folder_is_made_for_this_user_alone(bus: EmbeddedBus, file: Path) -> None:
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert contents(bus) == []


def refusal(file: Path) -> str:
    """Open the log, expect one clear line, and that nothing was touched."""
    before = file.read_bytes() if file.is_file() else None
    with pytest.raises(Unavailable) as caught:
        EmbeddedBus(file).close()
    assert (file.read_bytes() if file.is_file() else None) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_two_levels_away_is_not_made(tmp_path: Path) -> None:
    assert f"the folder {tmp_path}/a is not there" in refusal(tmp_path / "a" / "b" / "bus.db")
    assert not (tmp_path / "a").exists()


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    assert str(tmp_path / "var") in refusal(tmp_path / "var" / "bus.db")


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may write anywhere, so be nobody for a moment."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "with a log in it"])
def test_a_read_only_folder_is_told(filled: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if filled:
            EmbeddedBus(folder / "bus.db").close()
        folder.chmod(0o555)
        with without_privileges():
            message = refusal(folder / "bus.db")
        folder.chmod(0o755)
    assert name in message
    assert "let this user write" in message


def ours(file: Path) -> None:
    """A log with two thousand records, its write-ahead log folded in."""
    with closing(EmbeddedBus(file)) as bus:
        bus.publish("articles", [record(str(number), 100) for number in range(2_000)])


def text(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("not a database at all\n" * 500)


def foreign(file: Path) -> None:
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE somebody_elses (thing)")
        connection.commit()


def truncated(file: Path) -> None:
    ours(file)
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)


def overwritten(file: Path) -> None:
    ours(file)
    with file.open("r+b") as opened:
        opened.seek(8 * 4096)
        opened.write(b"\xa5" * 4096)


def newer(file: Path) -> None:
    ours(file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 2")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (text, "is no log of monitor"),
        (foreign, "is a database of something else"),
        (truncated, "is damaged"),
        (overwritten, "is damaged"),
        (newer, "newer monitor"),
    ],
)
def test_a_file_that_is_not_a_sound_log_is_refused_and_left_alone(
    file: Path, damage: Callable[[Path], None], reason: str
) -> None:
    damage(file)
    assert reason in refusal(file)


def test_damage_that_is_met_later_is_told_as_damage(file: Path) -> None:
    ours(file)
    with closing(EmbeddedBus(file)) as bus:
        with file.open("r+b") as opened:
            opened.seek(4096)
            opened.write(b"\xa5" * (file.stat().st_size - 4096))
        with pytest.raises(Unavailable, match="is damaged"):
            contents(bus)
