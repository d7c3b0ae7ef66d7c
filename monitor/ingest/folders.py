"""Folders of files into items: which files stand still, and what is in them.

``*.txt``, ``*.html``, ``*.htm``, ``*.json`` and ``*.jsonl`` are read, in subfolders too; names that begin with a dot or
end in ``.part`` or ``.tmp`` are not, nor is a link that leads out of the folder. Knows nothing of what was seen in
earlier runs, and reads no clock.
"""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import ParseError, Problem
from monitor.ingest.decoding import declared_encoding, decode
from monitor.ingest.identity import Item
from monitor.ingest.pages import MAX_TEXT, Page, clean, instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime, timedelta

MAX_BYTES: Final = 5_000_000
AT_ONCE: Final = 2_000
SUFFIXES: Final = frozenset({".txt", ".html", ".htm", ".json", ".jsonl"})
_DATE: Final = re.compile(r"\s*date (\d{4}-\d\d-\d\d)\s")


# --- Looking ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file as a glance shows it."""

    size: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Steady:
    """Since when a file has been seen to stand still."""

    stamp: Stamp
    since: datetime


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file held when it was read: the keys of its items, and what was wrong with it."""

    stamp: Stamp
    keys: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of a folder between two looks, by path; lost with the process, and then all is read again."""

    unread: Mapping[str, Steady] = field(default_factory=dict)
    read: Mapping[str, Contents] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Glance:
    """What a look at a folder showed: which files are ready to be read, and which have to stand still a while yet."""

    ready: Mapping[str, Stamp]
    unread: Mapping[str, Steady]
    kept: Mapping[str, Contents]


def list_folder(folder: Path, suffixes: Iterable[str] = SUFFIXES) -> dict[str, Stamp]:
    """List a folder's files by path relative to it, with forward slashes, in order.

    Raises:
        OSError: the folder is not there or cannot be read.
    """
    root = folder.resolve(strict=True)
    endings = tuple(suffixes)
    found: dict[str, Stamp] = {}
    for directory, folders, names in os.walk(root, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.startswith(".") or not name.lower().endswith(endings):
                continue
            file = Path(directory, name)
            stamp = _stamp(file, root)
            if stamp:
                found[file.relative_to(root).as_posix()] = stamp
    return dict(sorted(found.items()))


def _raise(error: OSError) -> None:
    raise error


def _stamp(file: Path, root: Path) -> Stamp | None:
    """Glance at a file; None when it is gone meanwhile, no regular file, or a link that leads out."""
    try:
        if file.is_symlink() and not file.resolve(strict=True).is_relative_to(root):
            return None
        status = file.stat()
    except (OSError, RuntimeError):
        return None
    return Stamp(status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def compare(listed: Mapping[str, Stamp], memory: Memory, now: datetime, settle: timedelta) -> Glance:
    """Tell which files have changed since they were read and have stood still for ``settle`` since we first saw so.

    A file's own time is not trusted to say how long ago it was written: copying sets it, and its clock may be another.
    At most `AT_ONCE` files are ready at a time, so that a large archive is published in pieces.
    """
    kept = {path: memory.read[path] for path, stamp in listed.items() if _is_same(memory.read.get(path), stamp)}
    unread = {
        path: before if _is_same(before := memory.unread.get(path), stamp) and before else Steady(stamp, now)
        for path, stamp in listed.items()
        if path not in kept
    }
    still = ((path, steady.stamp) for path, steady in unread.items() if now - steady.since >= settle)
    ready = dict(islice(still, AT_ONCE))
    return Glance(ready, {path: steady for path, steady in unread.items() if path not in ready}, kept)


def _is_same(known: Steady | Contents | None, stamp: Stamp) -> bool:
    return known is not None and known.stamp == stamp


# --- Reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileItems:
    """The items of one file, and what could not be read in it."""

    items: tuple[Item, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_file(folder: Path, path: str, extract: Callable[[str], Page]) -> FileItems:
    """Read one file. ``extract`` takes the article out of HTML: `pages.read_page`, or the same where it can be killed.

    Raises:
        CancelledError: ``extract``'s.
    """
    if not _is_utf8(path):
        shown = path.encode("utf-8", "backslashreplace").decode()
        return FileItems((), (_problem(folder / shown, "its name is not UTF-8; rename it"),))
    file = folder / path
    try:
        return read_data(file, file.read_bytes(), extract, key=path)
    except OSError as error:
        return FileItems(problems=(_problem(file, f"cannot be read: {error.strerror}"),))


def read_data(file: Path, data: bytes, extract: Callable[[str], Page], *, key: str = "") -> FileItems:
    """Read the bytes of a file, whose suffix says what they are; ``key`` is what its article is known by."""
    if len(data) > MAX_BYTES:
        return FileItems(problems=(_problem(file, f"larger than {MAX_BYTES // 1_000_000} MB"),))
    try:
        return _items(file, key or file.name, data, extract)
    except ParseError as error:
        return FileItems(problems=(_problem(file, error.reason),))


def _problem(file: Path, reason: str, line: int = 1) -> Problem:
    return Problem(file, line, 1, "error", reason)


def _items(file: Path, path: str, data: bytes, extract: Callable[[str], Page]) -> FileItems:
    match file.suffix.lower():
        case ".txt":
            return FileItems((_text_item(path, decode(data)),))
        case ".json":
            return FileItems((_json_item(decode(data), key=path),))
        case ".jsonl":
            return _lines(file, data)
        case _:
            return FileItems((_page_item(path, extract(decode(data, declared_encoding(data)))),))


def _text_item(path: str, text: str) -> Item:
    """Read a text file: a date at its very beginning is taken off, all the rest is text."""
    text = clean(text.replace("\r\n", "\n"))
    found = _DATE.match(text)
    published = instant(found[1]) if found else None
    if found and published:
        text = text[found.end() :]
    if not text.strip():
        raise ParseError("there is no text in it", retryable=False)
    return Item.of(key=path, title="", text=text[:MAX_TEXT], published=published)


def _page_item(path: str, page: Page) -> Item:
    return Item.of(key=path, title=page.title, text=page.text, url=page.url, published=page.published)


def _lines(file: Path, data: bytes) -> FileItems:
    items, problems = [], []
    for number, line in enumerate(data.split(b"\n"), start=1):
        try:
            if line.strip():
                items.append(_json_item(decode(line)))
        except ParseError as error:
            problems.append(_problem(file, error.reason, number))
    return FileItems(tuple(items), tuple(problems))


def _json_item(line: str, *, key: str | None = None) -> Item:
    return item_of(parse_object(line), key=key)


def item_of(value: Mapping[str, Any], *, key: str | None = None) -> Item:
    """Read an article from a JSON object; its key is the given one, else its id, its URL, the hash of its words.

    Raises:
        ParseError: it holds no article.
    """
    fields = text_fields(value, ("id", "url", "title", "text", "published", "lang"))
    title, text = clean(fields.get("title", "")), clean(fields.get("text", ""))[:MAX_TEXT]
    if not title.strip() and not text.strip():
        raise ParseError('it has neither "text" nor "title"', retryable=False)
    url = fields.get("url")
    return Item.of(
        key=key or fields.get("id") or url,
        title=title if title.strip() else "",
        text=text,
        url=url,
        published=instant(fields.get("published")),
        lang=fields.get("lang"),
    )


def parse_object(line: str) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        ParseError: it is none.
    """
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"not valid JSON: {error}", retryable=False) from None
    if not isinstance(value, dict):
        raise ParseError('not an object such as {"id": …, "title": …, "text": …}', retryable=False)
    return value


def text_fields(value: Mapping[str, Any], keys: Iterable[str]) -> dict[str, str]:
    """Take these keys of an object, as far as they are there and not empty.

    Raises:
        ParseError: one of them is no text that can be stored.
    """
    fields = {key: value[key] for key in keys if value.get(key) is not None}
    for key, found in fields.items():
        if not isinstance(found, str) and not (key == "id" and type(found) is int):
            raise ParseError(f'"{key}" is no text', retryable=False)
        if key not in {"title", "text"} and not _is_utf8(str(found)):
            raise ParseError(f'"{key}" holds half a character (a lone surrogate)', retryable=False)
    return {key: str(found) for key, found in fields.items() if found != ""}


def _is_utf8(text: str) -> bool:
    """Whether text can be stored: a lone surrogate, as of a file name in another encoding, cannot."""
    return text == text.encode("utf-8", "replace").decode()
