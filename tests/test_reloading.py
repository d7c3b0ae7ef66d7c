"""Changed files: when they are taken over, what is kept when they are wrong, what reaches the running service."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.errors import Problems
from monitor.reloading import LOCKED_FOR, QUIET, Following, Setup, Watch, changes, is_locked, load_setup, look
from tests.installation import ALERTS, SOURCES, WATCHLISTS, Installation

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TICK = timedelta(milliseconds=500)
OLD, NEW, NEWER = ((("a", 1, 1, number),) for number in (1, 2, 3))
STILL = Watch(OLD, OLD, NOW)
GOOD = "watchlists: [{{name: {}, terms: [x]}}]"


# --- When: pure ------------------------------------------------------------------------------------------------------


def test_files_that_stand_still_are_not_loaded() -> None:
    assert look(STILL, OLD, NOW + QUIET * 9, locked=False, asked=False) == (STILL, False)


def test_a_change_is_loaded_once_when_it_has_stood_still_for_a_second() -> None:
    watch, due = look(STILL, NEW, NOW + TICK, locked=False, asked=False)
    assert not due
    watch, due = look(watch, NEW, NOW + TICK + QUIET - TICK / 2, locked=False, asked=False)
    assert not due
    watch, due = look(watch, NEW, NOW + TICK + QUIET, locked=False, asked=False)
    assert due
    assert look(watch, NEW, NOW + QUIET * 9, locked=False, asked=False) == (watch, False)


def test_files_that_go_on_changing_are_waited_for() -> None:
    watch, _ = look(STILL, NEW, NOW, locked=False, asked=False)
    watch, due = look(watch, NEWER, NOW + QUIET, locked=False, asked=False)
    assert not due
    assert look(watch, NEWER, NOW + QUIET * 2, locked=False, asked=False)[1]


def test_a_change_undone_at_once_is_none() -> None:
    watch, _ = look(STILL, NEW, NOW, locked=False, asked=False)
    watch, _ = look(watch, OLD, NOW + TICK, locked=False, asked=False)
    assert not look(watch, OLD, NOW + QUIET * 9, locked=False, asked=False)[1]


def test_while_git_is_at_work_nothing_is_loaded() -> None:
    watch, _ = look(STILL, NEW, NOW, locked=True, asked=False)
    watch, due = look(watch, NEW, NOW + QUIET, locked=True, asked=False)
    assert not due
    assert look(watch, NEW, NOW + QUIET + TICK, locked=False, asked=False)[1]


def test_who_asks_is_not_kept_waiting() -> None:
    watch, due = look(STILL, NEW, NOW, locked=True, asked=True)
    assert due
    assert not look(watch, NEW, NOW + QUIET, locked=False, asked=False)[1]


# --- What ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "desk", watchlists=GOOD.format("one"))


class Follower:
    """A setup that is looked at often enough, in a time of its own."""

    def __init__(self, desk: Installation) -> None:
        self.now = datetime.now(UTC)
        self.file = desk.folder / "monitor.yaml"
        self.following = Following(self.load(), self.load, self.now)

    def load(self) -> Setup:
        return load_setup(self.file, {}, matching=True)

    def wait(self) -> Setup | Problems | None:
        """Look until the files have been quiet for long enough; return what came of it first."""
        for _ in range(4):
            self.now += QUIET / 2
            if came := self.following.refresh(self.now):
                return came
        return None

    @property
    def names(self) -> list[str]:
        watchlists = self.following.current.watchlists
        assert watchlists
        return [one.header.name for one in watchlists.watchlists]


@pytest.fixture
def follower(desk: Installation) -> Follower:
    return Follower(desk)


def test_nothing_is_loaded_while_the_files_stand_still(follower: Follower) -> None:
    assert follower.wait() is None
    assert follower.names == ["one"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("watchlists.yaml", GOOD.format("two")),
        ("sources.yaml", SOURCES + "  - {id: more, folder: inbox}\n"),
        ("alerts.yaml", ALERTS.replace("terminal: true, ", "")),
    ],
)
def test_a_change_of_any_file_is_taken_over(desk: Installation, follower: Follower, file: str, text: str) -> None:
    before = follower.following.current
    desk.write(file, text)
    after = follower.wait()
    assert isinstance(after, Setup)
    assert changes(before, after)
    assert follower.wait() is None


def test_a_file_put_in_place_of_another_is_noticed_though_time_and_size_are_the_same(
    desk: Installation, follower: Follower
) -> None:
    stat = (desk.folder / "watchlists.yaml").stat()
    desk.write("new", GOOD.format("two"))
    os.utime(desk.folder / "new", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (desk.folder / "new").replace(desk.folder / "watchlists.yaml")
    assert isinstance(follower.wait(), Setup)
    assert follower.names == ["two"]


@pytest.mark.parametrize("text", ["watchlists: [", "", "# all gone\n", "watchlists: []\n", None])
def test_what_is_wrong_leaves_the_last_good_set_and_is_told_once(
    desk: Installation, follower: Follower, text: str | None
) -> None:
    if text is None:
        (desk.folder / "watchlists.yaml").unlink()
    else:
        desk.write("watchlists.yaml", text)
    problems = follower.wait()
    assert isinstance(problems, Problems)
    assert problems.problems[0].file == desk.folder / "watchlists.yaml"
    assert follower.names == ["one"]
    assert follower.wait() is None
    desk.write("watchlists.yaml", GOOD.format("three"))
    assert isinstance(follower.wait(), Setup)
    assert follower.names == ["three"]


def test_a_file_added_to_a_folder_is_taken_over(desk: Installation) -> None:
    (desk.folder / "lists").mkdir()
    desk.write("lists/a.yaml", GOOD.format("one"))
    main = (desk.folder / "monitor.yaml").read_text("utf-8")
    desk.write("monitor.yaml", main.replace("watchlists.yaml", "lists"))
    follower = Follower(desk)
    desk.write("lists/b.yaml", GOOD.format("two"))
    assert isinstance(follower.wait(), Setup)
    assert follower.names == ["one", "two"]


def test_files_that_are_named_anew_are_followed_from_then_on(desk: Installation, follower: Follower) -> None:
    main = (desk.folder / "monitor.yaml").read_text("utf-8")
    desk.write("other.yaml", GOOD.format("two"))
    desk.write("monitor.yaml", main.replace("watchlists.yaml", "other.yaml"))
    assert isinstance(follower.wait(), Setup)
    desk.write("other.yaml", GOOD.format("three"))
    assert isinstance(follower.wait(), Setup)
    assert follower.names == ["three"]


def test_gits_lock_is_seen_from_any_depth_and_not_waited_for_for_ever(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    lists = tmp_path / "desk" / "lists"
    lists.mkdir(parents=True)
    assert not is_locked(lists / "a.yaml", NOW)
    (tmp_path / ".git" / "index.lock").touch()
    now = datetime.now(UTC)
    assert is_locked(lists / "a.yaml", now)
    assert is_locked(lists, now)
    assert not is_locked(lists, now + LOCKED_FOR + QUIET)


def test_gits_lock_is_seen_in_a_linked_work_tree(tmp_path: Path) -> None:
    (tmp_path / "git").mkdir()
    (tmp_path / "git" / "index.lock").touch()
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / ".git").write_text(f"gitdir: {tmp_path}/git\n", "utf-8")
    assert is_locked(tmp_path / "tree" / "a.yaml", datetime.now(UTC))


def test_what_changed_is_named(follower: Follower, desk: Installation) -> None:
    before = follower.following.current
    assert changes(before, before) == {}
    desk.write("watchlists.yaml", WATCHLISTS)
    desk.write("sources.yaml", SOURCES.replace("inbox,", "post,"))
    after = follower.load()
    moved = replace(after, settings=replace(after.settings, bus="sqlite:/elsewhere"))
    assert changes(before, moved) == {
        "added": ["tartus"],
        "removed": ["one"],
        "sources_added": ["post"],
        "sources_removed": ["inbox"],
        "needs_restart": ["bus"],
    }


# --- The running service ---------------------------------------------------------------------------------------------

SECOND_INBOX = SOURCES + "  - {id: second, folder: second, settle: 0s}\n"
SHIP = "رست سفينة شحن في ميناء طرطوس صباح اليوم."


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Installation, subprocess.Popen[str]]]:
    desk = Installation(tmp_path / "desk", sources=SOURCES.replace("settle", "interval: 1s, settle"))
    process = desk.start("run")
    try:
        heard(process, "watching")
        yield desk, process
    finally:
        process.terminate()
        process.communicate(timeout=10)


def heard(process: subprocess.Popen[str], words: str) -> str:
    """Read what the service prints until it says these words."""
    assert process.stdout
    for line in process.stdout:
        if words in line:
            return line
    raise AssertionError(f"{words!r} was never printed: {process.stderr and process.stderr.read()}")


def test_a_running_service_takes_watchlists_sources_and_alerts_over(
    running: tuple[Installation, subprocess.Popen[str]],
) -> None:
    desk, process = running
    begun = time.monotonic()
    (desk.folder / "second").mkdir()
    desk.write("watchlists.yaml", WATCHLISTS.replace("Tartus", "Renamed"))
    desk.write("sources.yaml", SECOND_INBOX)
    desk.write("alerts.yaml", ALERTS.replace("outbox", "elsewhere"))
    (desk.folder / "second" / "ship.txt").write_text(SHIP, "utf-8")
    assert "Renamed" in heard(process, "first report")
    assert time.monotonic() - begun < 10
    mails = desk.folder / "elsewhere"
    while not (mails.is_dir() and any(mails.glob("*.eml"))):
        assert time.monotonic() - begun < 20
    process.send_signal(signal.SIGHUP)
    assert process.poll() is None


def test_a_running_service_keeps_what_was_good_and_tells(
    running: tuple[Installation, subprocess.Popen[str]],
) -> None:
    desk, process = running
    desk.write("watchlists.yaml", "watchlists: [")
    assert "watchlists.yaml:1:" in heard(process, "watchlists.yaml:1:")
    desk.put("ship.txt", SHIP)
    assert "Tartus" in heard(process, "first report")
