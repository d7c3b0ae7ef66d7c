"""Folders of files into items: which files stand still, and what is in them.

``*.txt``, ``*.html``, ``*.json`` and ``*.jsonl`` are read, in subfolders too; names that begin with a dot or end in
``.part`` or ``.tmp`` are not, nor is a link that leads out of the folder. Also reads archives for backtests, by the
same code. Knows nothing of what was seen before.
"""

from __future__ import annotations

import gzip
import lzma
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from monitor.errors import ParseError, Unavailable
from monitor.ingest.identity import Item, content_hash
from monitor.ingest.pages import Page, read_page
from monitor.model import Article, Header, stable_hash
from monitor.text.sentences import headline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_BYTES: Final = 5_000_000
SUFFIXES: Final = frozenset({".txt", ".html", ".htm", ".json", ".jsonl"})
_DATE_LINE: Final = re.compile(r"\s*date (\d{4})-(\d\d)-(\d\d)\s")


@dataclass(frozen=True, slots=True)
class Look:
    """A file as a glance shows it; ``path`` is relative to the folder, with forward slashes."""

    path: str
    size: int
    changed: datetime


def look_at(folder: Path) -> list[Look]:
    """List a folder's files, sorted by path.

    Raises:
        OSError: the folder is not there or cannot be read.
    """
    if not folder.is_dir():
        raise FileNotFoundError(2, "no such folder", str(folder))
    root = folder.resolve()
    return sorted(_looks(folder, root), key=lambda look: look.path)


def _looks(folder: Path, root: Path) -> Iterator[Look]:
    for file in folder.rglob("*"):
        relative = file.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        if hidden or file.suffix.lower() not in SUFFIXES or not file.is_file():
            continue
        if file.resolve().is_relative_to(root):
            status = file.stat()
            yield Look(relative.as_posix(), status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def stands_still(look: Look, before: Look | None, since: datetime | None, now: datetime, settle: timedelta) -> bool:
    """Whether a file's size and time have not moved for ``settle``: by its own clock, or by what we saw ``since``."""
    by_its_clock = now - look.changed >= settle
    by_ours = before == look and since is not None and now - since >= settle
    return by_its_clock or by_ours


def read_file(folder: Path, look: Look, extract: Callable[[bytes], Page | None] = read_page) -> list[Item]:
    """Read the items of one file. ``extract`` turns HTML into text; a service passes one that can be killed.

    Raises:
        ParseError: it cannot be read; the message begins with its path, and its line where there is one.
    """
    if look.size > MAX_BYTES:
        raise ParseError(f"{look.path}: larger than {MAX_BYTES // 1_000_000} MB", retryable=False)
    try:
        data = (folder / look.path).read_bytes()
    except OSError as error:
        raise ParseError(f"{look.path}: {error.strerror}") from error
    suffix = Path(look.path).suffix.lower()
    if suffix == ".txt":
        return [_text_item(look.path, _decode(data, look.path))]
    if suffix == ".json":
        return [_json_item(data, look.path, look.path)]
    if suffix == ".jsonl":
        return _lines(data, look.path)
    return [_page_item(data, look.path, extract)]


def _decode(data: bytes, path: str) -> str:
    for encoding in ("utf-8-sig", "windows-1256"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise ParseError(f"{path}: is neither UTF-8 nor windows-1256 text", retryable=False)


def _text_item(path: str, text: str) -> Item:
    published = None
    if (found := _DATE_LINE.match(text)) is not None:
        published = _instant("-".join(found.groups()))
        text = text[found.end() :] if published else text
    if not text.strip():
        raise ParseError(f"{path}: is empty", retryable=False)
    return Item(key=path, text=text, published=published)


def _page_item(data: bytes, path: str, extract: Callable[[bytes], Page | None]) -> Item:
    try:
        page = extract(data)
    except ParseError as error:
        raise ParseError(f"{path}: {error.reason}", retryable=False) from error
    if page is None:
        raise ParseError(f"{path}: no text found in it", retryable=False)
    return Item(key=path, title=page.title, text=page.text, published=_instant(page.date))


def _lines(data: bytes, path: str) -> list[Item]:
    lines = enumerate(data.splitlines(), start=1)
    return [_json_item(line, f"{path}:{number}", None) for number, line in lines if line.strip()]


def _json_item(data: bytes, place: str, key: str | None) -> Item:
    fields = _fields(data, place)
    text, title = fields.get("text", ""), fields.get("title", "")
    if not (text or title).strip():
        raise ParseError(f'{place}: needs "text" or "title"', retryable=False)
    name = key or fields.get("id") or fields.get("url") or stable_hash(title, text)
    return Item(
        key=name,
        title=" ".join(title.split()),
        text=text or title,
        url=fields.get("url"),
        published=_instant(fields.get("published")),
        lang=fields.get("lang"),
    )


def _fields(data: bytes, place: str) -> dict[str, str]:
    try:
        value: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ParseError(f"{place}: not valid JSON: {error}", retryable=False) from error
    if not isinstance(value, dict):
        raise ParseError(f'{place}: should be an object like {{"title": …, "text": …}}', retryable=False)
    fields = {name: value[name] for name in ("id", "url", "title", "text", "published", "lang") if value.get(name)}
    if wrong := [name for name, field in fields.items() if not isinstance(field, str | int)]:
        raise ParseError(f"{place}: {wrong[0]!r} should be text", retryable=False)
    return {name: str(field) for name, field in fields.items()}


def _instant(text: str | None) -> datetime | None:
    """Read an ISO date or instant; dates are evidence, so a bad one is none."""
    try:
        instant = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return instant.replace(tzinfo=UTC) if instant and instant.tzinfo is None else instant and instant.astimezone(UTC)


# --- Archives --------------------------------------------------------------------------------------------------------


def read_articles(where: Path | None, now: datetime) -> Iterator[Article]:
    """Read what a backtest replays: JSONL (``.xz``, ``.gz`` too), a folder, or standard input (None).

    The given id is used as it is; a folder's articles are known by their relative paths.

    Raises:
        ParseError: at the first thing that cannot be read, with file and line.
        Unavailable: there is no such file.
    """
    if where is not None and where.is_dir():
        for look in look_at(where):
            for item in read_file(where, look):
                yield _article(item, now)
        return
    try:
        with _open(where) as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield _article(_json_item(line, f"{where or '<stdin>'}:{number}", None), now)
    except OSError as error:
        raise Unavailable(f"{where}: {error.strerror or error}") from error
    except (EOFError, lzma.LZMAError) as error:
        raise Unavailable(f"{where}: is cut off or damaged ({error})") from error


def _open(where: Path | None) -> IO[bytes]:
    if where is None:
        return sys.stdin.buffer
    if where.suffix == ".xz":
        return lzma.open(where)
    return gzip.open(where) if where.suffix == ".gz" else where.open("rb")  # type: ignore[return-value] # GzipFile reads like a file


def _article(item: Item, now: datetime) -> Article:
    header = Header(
        id=item.key,
        source="backtest",
        title=item.title or headline(item.text),
        titled=bool(item.title),
        url=item.url,
        lang=item.lang,
        published=item.published,
        content_hash=content_hash(item),
        first_seen=now,
    )
    return Article(header=header, text=item.text)
