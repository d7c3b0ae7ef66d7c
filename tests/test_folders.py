import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.ingest.folders import (
    AT_ONCE,
    MAX_BYTES,
    Contents,
    FileItems,
    Glance,
    Memory,
    Stamp,
    Steady,
    compare,
    list_folder,
    read_file,
)
from monitor.ingest.identity import Item
from monitor.ingest.pages import read_page

SECOND = timedelta(seconds=1)
PAGE = Path(__file__).parent / "data" / "articles" / "page.html"
LINE = '{"id": "7", "title": "عنوان", "text": "نص", "url": "https://e.org/7", "published": "2026-11-20", "lang": "ar"}'


def write(file: Path, content: str | bytes = "نص") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def read(file: Path) -> FileItems:
    return read_file(file.parent, file.name, read_page)


def only(file: Path) -> Item:
    found = read(file)
    assert found.problems == ()
    return found.items[0]


# --- Looking ---


def test_the_files_of_all_subfolders_are_listed_by_relative_path(tmp_path: Path) -> None:
    for name in ("b.txt", "a.html", "sub/deep/c.JSON", "sub/d.jsonl", "e.htm"):
        write(tmp_path / name)
    assert list(list_folder(tmp_path)) == ["a.html", "b.txt", "e.htm", "sub/d.jsonl", "sub/deep/c.JSON"]


@pytest.mark.parametrize("name", [".a.txt", ".hidden/a.txt", "a.txt.part", "a.txt.tmp", "a.md", "a", "a.txt~"])
def test_other_files_are_ignored(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    assert list_folder(tmp_path) == {}


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "in", tmp_path / "out"
    write(outside / "secret.txt")
    inside = write(folder / "sub" / "a.txt")
    (folder / "file.txt").symlink_to(outside / "secret.txt")
    (folder / "folder").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    (folder / "dangling.txt").symlink_to(outside / "nothing.txt")
    (folder / "inside.txt").symlink_to(inside)
    assert list(list_folder(folder)) == ["inside.txt", "sub/a.txt"]


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    assert list_folder(tmp_path) == {}


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list_folder(tmp_path / "none")


# --- Standing still ---


def test_a_file_is_ready_when_it_has_stood_still_since_it_was_first_seen(now: datetime) -> None:
    listed = {"a.txt": Stamp(10, 1)}
    first = compare(listed, Memory(), now, SECOND)
    assert first == Glance({}, {"a.txt": Steady(listed["a.txt"], now)}, {})
    soon = compare(listed, Memory(unread=first.unread), now + SECOND / 2, SECOND)
    assert soon == first
    later = compare(listed, Memory(unread=soon.unread), now + SECOND, SECOND)
    assert later == Glance(listed, {}, {})


@pytest.mark.parametrize("changed", [Stamp(11, 1), Stamp(10, 2), Stamp(9, 1)], ids=["longer", "touched", "shorter"])
def test_a_file_that_moves_waits_anew(now: datetime, changed: Stamp) -> None:
    memory = Memory(unread={"a.txt": Steady(Stamp(10, 1), now)})
    glance = compare({"a.txt": changed}, memory, now + SECOND, SECOND)
    assert glance.unread == {"a.txt": Steady(changed, now + SECOND)}
    assert glance.ready == {}


def test_a_file_is_not_read_twice_unless_it_changes(now: datetime) -> None:
    contents = Contents(Stamp(10, 1), frozenset({"a.txt"}))
    memory = Memory(read={"a.txt": contents})
    assert compare({"a.txt": Stamp(10, 1)}, memory, now, SECOND) == Glance({}, {}, {"a.txt": contents})
    changed = compare({"a.txt": Stamp(12, 3)}, memory, now, SECOND)
    assert changed == Glance({}, {"a.txt": Steady(Stamp(12, 3), now)}, {})


def test_a_file_that_is_gone_is_forgotten(now: datetime) -> None:
    memory = Memory(read={"a.txt": Contents(Stamp(1, 1))}, unread={"b.txt": Steady(Stamp(1, 1), now)})
    assert compare({}, memory, now, SECOND) == Glance({}, {}, {})


def test_a_large_archive_is_ready_in_pieces(now: datetime) -> None:
    listed = {f"{number}.txt": Stamp(1, 1) for number in range(AT_ONCE + 5)}
    first = compare(listed, Memory(), now, timedelta(0))
    assert (len(first.ready), len(first.unread)) == (AT_ONCE, 5)
    rest = Memory(unread=first.unread, read={path: Contents(stamp) for path, stamp in first.ready.items()})
    assert len(compare(listed, rest, now, timedelta(0)).ready) == 5


# --- Reading ---


@pytest.mark.parametrize(
    ("content", "text", "published"),
    [
        ("date 2026-01-28 وصل الرئيس.\n\nوقال.", "وصل الرئيس.\n\nوقال.", "2026-01-28"),
        (" \n date 2026-01-28\nوصل الرئيس.", "وصل الرئيس.", "2026-01-28"),
        ("وصل الرئيس.\ndate 2026-01-28 ", "وصل الرئيس.\ndate 2026-01-28 ", None),
        ("date 2026-13-45 وصل.", "date 2026-13-45 وصل.", None),
        ("date 2026-01-28وصل.", "date 2026-01-28وصل.", None),
        ("\ufeffdate 2026-01-28 وصل.", "وصل.", "2026-01-28"),
        ("one\r\n\r\ntwo", "one\n\ntwo", None),
        ("a\x00b\x1bc", "a b c", None),
    ],
)
def test_a_text_file_may_begin_with_its_date_and_the_rest_is_text(
    tmp_path: Path, content: str, text: str, published: str | None
) -> None:
    item = only(write(tmp_path / "a.txt", content))
    assert (item.key, item.title, item.text) == ("a.txt", "", text)
    assert item.published == (datetime.fromisoformat(published).replace(tzinfo=UTC) if published else None)


def test_a_text_file_may_be_windows_1256(tmp_path: Path) -> None:
    assert only(write(tmp_path / "a.txt", "وصل الوزير إلى دمشق".encode("cp1256"))).text == "وصل الوزير إلى دمشق"


def test_a_page_is_read_in_the_character_set_that_it_declares(tmp_path: Path) -> None:
    markup = PAGE.read_text("utf-8")
    item = only(write(tmp_path / "a.html", markup))
    assert item.title == "افتتاح جسر جديد على الفرات"
    assert item.url == "https://river.example.org/bridge"
    declared = markup.replace("charset=utf-8", "charset=windows-1256").encode("windows-1256")
    assert only(write(tmp_path / "b.htm", declared)).content_hash == item.content_hash


def test_a_json_file_is_known_by_its_path_and_a_json_line_by_its_id(tmp_path: Path) -> None:
    fields = {
        "title": "عنوان",
        "text": "نص",
        "url": "https://e.org/7",
        "published": datetime(2026, 11, 20, tzinfo=UTC),
        "lang": "ar",
    }
    assert only(write(tmp_path / "a.json", LINE)) == Item.of(key="a.json", **fields)  # type: ignore[arg-type] # a mix
    assert only(write(tmp_path / "a.jsonl", LINE)) == Item.of(key="7", **fields)  # type: ignore[arg-type] # a mix


def test_a_json_line_without_an_id_is_known_by_its_url_and_else_by_its_words(tmp_path: Path) -> None:
    lines = ['{"text": "a", "url": "https://e.org/a"}', '{"text": "b"}', "", '{"id": 12, "text": "c"}']
    items = read(write(tmp_path / "a.jsonl", "\n".join(lines))).items
    assert [item.key for item in items] == ["https://e.org/a", items[1].content_hash, "12"]


@pytest.mark.parametrize(
    ("date", "published"),
    [
        ("2026-11-20T10:00:00+03:00", datetime(2026, 11, 20, 7, tzinfo=UTC)),
        ("2026-11-20T10:00:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T10:00:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("last week", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_dates_are_instants_and_a_bad_one_is_none(tmp_path: Path, date: str, published: datetime | None) -> None:
    assert only(write(tmp_path / "a.json", json.dumps({"text": "x", "published": date}))).published == published


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", "", "no text"),
        ("a.txt", "date 2026-01-28 ", "no text"),
        ("a.txt", b"\xd8\xff\xfe\x00\x01", "neither UTF-8 nor windows-1256"),
        ("a.txt", b"x" * (MAX_BYTES + 1), "larger than 5 MB"),
        ("a.html", "<html></html>", "no text"),
        ("a.json", "{", "not valid JSON"),
        ("a.json", "[" * 100_000, "not valid JSON"),
        ("a.json", "[1]", "not an object"),
        ("a.json", '{"title": " "}', 'neither "text" nor "title"'),
        ("a.json", '{"text": 5}', '"text" is no text'),
    ],
)
def test_what_cannot_be_read_is_a_problem_of_that_file(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    file = write(tmp_path / name, content)
    found = read(file)
    assert found.items == ()
    assert str(found.problems[0]).startswith(f"{file}:1:1: error: ")
    assert reason in found.problems[0].message


def test_a_bad_line_is_told_with_its_number_and_the_others_are_read(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.jsonl", f"{LINE}\n{{\n\n{LINE}\nnull\n"))
    assert len(found.items) == 2
    assert [problem.line for problem in found.problems] == [2, 5]


def test_a_file_that_went_away_is_a_problem(tmp_path: Path) -> None:
    assert "No such file" in read(tmp_path / "a.txt").problems[0].message
