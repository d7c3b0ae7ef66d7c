"""Articles from files, as a backtest looks at them: a JSONL file (``.xz``, ``.gz`` too), a folder, standard input.

The given words are used as they are, so that a place in them is the same place in the file's own. What cannot be read
is told with its place, and the rest goes on. Nothing is held in memory but one line or one file of a folder.
"""

from __future__ import annotations

import gzip
import lzma
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

from monitor.errors import ParseError, Problem, Problems, Unavailable
from monitor.ingest.decoding import decode
from monitor.ingest.folders import SUFFIXES, item_of, list_folder, parse_object, read_data, read_file, text_fields
from monitor.ingest.pages import clean, instant, read_page
from monitor.model import Article, Header
from monitor.text.sentences import headline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from monitor.ingest.identity import Item

MAX_LINE: Final = 5_000_000
"""Bytes of one line."""

_PACKED: Final = {".xz": lzma.open, ".gz": gzip.open}
_LINES: Final = (".jsonl", *(f".jsonl{packed}" for packed in _PACKED))
_ONE_ARTICLE: Final = (".txt", ".html", ".htm")
_HALF: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Given:
    """An article, and its id and words as they stand in the file: what is told of it has to fit those.

    The article's own words have spaces for characters that cannot be stored; here only halves of characters, which no
    output could hold, are replaced. Both are of one length, as far as the article goes.
    """

    article: Article
    id: str | int
    fields: dict[str, str]

    @classmethod
    def of(cls, article: Article) -> Self:
        """Take an article as it was published."""
        return cls(article, article.header.id, {"title": article.header.title, "text": article.text})


def read_articles(where: Path | None, now: datetime, tell: Callable[[Problem], None]) -> Iterator[Article]:
    """Read articles like `read_given`, and forget what they were in the file."""
    return (given.article for given in read_given(where, now, tell))


def read_given(
    where: Path | None,
    now: datetime,
    tell: Callable[[Problem], None],
    watch: Callable[[IO[bytes], int], IO[bytes]] = lambda stream, _: stream,
) -> Iterator[Given]:
    """Read the articles of a file or a folder, or of standard input as JSONL (None).

    The given id is used as it is; without one it is the URL, else the hash of the words. In a folder it is the path
    relative to it. ``now`` is when they count as first seen, where they do not say. ``tell`` hears of each line or file
    that cannot be read. ``watch`` may wrap a file, given its size in bytes, to see how far it is read.

    Raises:
        Unavailable: there is no such file or folder, or nothing of it can be read.
    """
    problems = articles = 0

    def hear(problem: Problem) -> None:
        nonlocal problems
        problems += 1
        tell(problem)

    for given in _read(where, now, hear, watch):
        articles += 1
        yield given
    if problems and not articles:
        raise Unavailable(f"{where or '<stdin>'}: no article could be read")


def read_article(file: Path, data: bytes | None, now: datetime) -> Article:
    """Read one article: a file as of a folder, or ``data`` as if it stood in ``file``.

    Raises:
        Problems: there is none in it.
    """
    found = read_data(file, data, read_page) if data is not None else read_file(file.parent, file.name, read_page)
    if not found.items:
        raise Problems(found.problems or [Problem(file, 1, 1, "error", "there is no article in it")])
    return _article(found.items[0], now)


def _read(
    where: Path | None, now: datetime, tell: Callable[[Problem], None], watch: Callable[[IO[bytes], int], IO[bytes]]
) -> Iterator[Given]:
    if where is None:
        yield from _read_lines(Path("<stdin>"), sys.stdin.buffer, now, tell)
    elif where.is_dir():
        yield from _read_folder(where, now, tell)
    elif where.name.lower().endswith(_ONE_ARTICLE):
        yield from _read_file(where.parent, where.name, now, tell)
    else:
        yield from _read_archive(where, now, tell, watch)


def _read_folder(folder: Path, now: datetime, tell: Callable[[Problem], None]) -> Iterator[Given]:
    try:
        paths = list(list_folder(folder, (*SUFFIXES, *_LINES)))
    except OSError as error:
        raise Unavailable(f"{folder}: {error.strerror}") from error
    for path in paths:
        if path.lower().endswith(_LINES):
            try:
                yield from _read_archive(folder / path, now, tell)
            except Unavailable as error:
                tell(Problem(folder / path, 1, 1, "error", str(error).removeprefix(f"{folder / path}: ")))
        else:
            yield from _read_file(folder, path, now, tell)


def _read_file(folder: Path, path: str, now: datetime, tell: Callable[[Problem], None]) -> Iterator[Given]:
    found = read_file(folder, path, read_page)
    for problem in found.problems:
        tell(problem)
    yield from (Given.of(_article(item, now)) for item in found.items)


def _read_archive(
    file: Path,
    now: datetime,
    tell: Callable[[Problem], None],
    watch: Callable[[IO[bytes], int], IO[bytes]] = lambda stream, _: stream,
) -> Iterator[Given]:
    try:
        raw = file.open("rb")
    except OSError as error:
        raise Unavailable(f"{file}: {error.strerror}") from error
    with raw, _unpacked(file, watch(raw, file.stat().st_size)) as stream:
        yield from _read_lines(file, stream, now, tell)


def _unpacked(file: Path, raw: IO[bytes]) -> IO[bytes]:
    opened: Any = _PACKED.get(file.suffix.lower())
    stream: IO[bytes] = opened(raw, "rb") if opened else raw
    return stream


def _read_lines(file: Path, stream: IO[bytes], now: datetime, tell: Callable[[Problem], None]) -> Iterator[Given]:
    number = 0
    try:
        while line := stream.readline(MAX_LINE + 1):
            number += 1
            try:
                given = _read_line(line, stream, now)
            except ParseError as error:
                tell(Problem(file, number, 1, "error", error.reason))
            else:
                yield from [given] if given else []
    except (OSError, EOFError, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or error
        if not number:
            raise Unavailable(f"{file}: {reason}") from error
        tell(Problem(file, number + 1, 1, "error", f"cannot be read from here on: {reason}"))


def _read_line(line: bytes, stream: IO[bytes], now: datetime) -> Given | None:
    if len(line) > MAX_LINE:
        while line and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE)
        raise ParseError(f"longer than {MAX_LINE // 1_000_000} MB", retryable=False)
    if not line.strip():
        return None
    value = parse_object(decode(line))
    more = text_fields(value, ("source", "first_seen"))
    tier = value.get("tier")
    if tier is not None and type(tier) is not int:
        raise ParseError('"tier" is no number', retryable=False)
    seen = instant(more.get("first_seen")) or now
    article = _article(item_of(value), seen, clean(more.get("source", "")), tier)
    fields = {field: _HALF.sub("\ufffd", value.get(field) or "") for field in ("title", "text")}
    return Given(article, value["id"] if value.get("id") not in {None, ""} else article.header.id, fields)


def _article(item: Item, now: datetime, source: str = "", tier: int | None = None) -> Article:
    header = Header(
        id=item.key,
        source=source,
        title=item.title or headline(item.text),
        titled=bool(item.title),
        url=item.url,
        lang=item.lang,
        tier=tier,
        published=item.published,
        content_hash=item.content_hash,
        first_seen=now,
    )
    return Article(header=header, text=item.text)
