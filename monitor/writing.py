"""Sources written into the file that people write: nothing else of it changes, not a comment, not a line end.

The text is only ever inserted into, and what comes out is read by our own loader before it is believed: all that stood
there must still be there, and what is new behind it. A file in which that cannot be done (a list in brackets that is
not empty, say) is left alone. Does not open files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from monitor.documents import parse_document
from monitor.errors import Problems

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.documents import Document

Entry = dict[str, str]
"""A source as it is written: keys and values, in order."""

_KEY: Final = "sources"
_INDENT: Final = "  "
_NOTHING: Final = re.compile(r"[ \t]*(?:\[[ \t]*\]|null|Null|NULL|~)")
_DASH: Final = re.compile(r"([ ]*)-(?=\s|$)")
_UNTOLD: Final = re.compile(r"\s*(?:#.*)?|\.\.\..*")
"""A line without a value: blank, a comment, the end of the document."""
_NUMBER: Final = re.compile(r"[-+]?[\d_.,:eExXoO]+")
"""What is text to us and a number to other programs that read YAML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The whole text with the entries in it; ``lines`` are theirs, the first of them is the file's ``number``-th."""

    text: str
    lines: tuple[str, ...]
    number: int


def entry_lines(entry: Mapping[str, str], indent: str = _INDENT) -> tuple[str, ...]:
    """Write an entry as it stands in a list in block style."""
    dashes = [f"{indent}- ", *[f"{indent}  "] * (len(entry) - 1)]
    return tuple(f"{dash}{key}: {_scalar(value)}" for dash, (key, value) in zip(dashes, entry.items(), strict=True))


def with_sources(file: Path, text: str, entries: Sequence[Entry]) -> Written | None:
    """Insert entries behind the last one of the text that stands in ``file``; None where that cannot be done.

    Raises:
        Problems: the text is no YAML that we accept.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    body = text.removeprefix(mark)
    document = parse_document(file, body)
    lines = body.split("\n")
    place = _place(document, lines)
    if place is None:
        return None
    end = "\r" if any(line.endswith("\r") for line in lines[:-1]) else ""
    new = [*place.before, *(line for entry in entries for line in entry_lines(entry, place.indent))]
    written = Written(
        text=mark + _inserted(lines, place.at, new, end),
        lines=tuple(new[len(place.before) :]),
        number=place.at + len(place.before) + 1,
    )
    return written if _is_right(document, written.text.removeprefix(mark), entries) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Before which line entries go, how deep, and what has to stand before them."""

    at: int
    indent: str
    before: tuple[str, ...] = ()


def _place(document: Document, lines: list[str]) -> _Place | None:
    """Find where entries go; what they stand in is made ready in ``lines``."""
    sources = document.data.get(_KEY) if isinstance(document.data, dict) else None
    if (_KEY,) not in document.keys:
        return _Place(at=_told(lines, len(lines), any_comment=True), indent=_INDENT, before=(f"{_KEY}:",))
    line, column = document.keys[_KEY,]
    if sources is None or sources == []:
        return _emptied(document, lines, line - 1, " " * (column - 1) + _INDENT)
    if not isinstance(sources, list):
        return None
    dash = _dash(lines, document.values[_KEY, len(sources) - 1][0] - 1)
    if dash is None:
        return None
    behind = [number - 1 for path, (number, _) in document.keys.items() if len(path) == 1 and number > line]
    return _Place(at=_told(lines, min(behind, default=len(lines)), deeper=dash), indent=dash)


def _emptied(document: Document, lines: list[str], number: int, indent: str) -> _Place | None:
    """Take away what says that there are no sources: ``[]``, ``null``."""
    _, colon, rest = lines[number].partition(":")
    if document.values[_KEY,][0] - 1 != number or not colon:
        return None
    kept = _NOTHING.sub("", rest, count=1) if _NOTHING.match(rest) else rest
    lines[number] = lines[number].removesuffix(rest) + kept
    return _Place(at=number + 1, indent=indent)


def _dash(lines: Sequence[str], number: int) -> str | None:
    """Return how deep the dash of an item stands whose value begins in a line; None for one in brackets."""
    for line in (lines[number], *reversed(lines[:number])):
        if dash := _DASH.match(line):
            return dash[1]
        if not _UNTOLD.fullmatch(line) and line is not lines[number]:
            return None
    return None


def _told(lines: Sequence[str], end: int, *, deeper: str = "", any_comment: bool = False) -> int:
    """Return the number behind the last line that says something; comments deeper than a dash belong to its item."""
    at = end
    while at and _UNTOLD.fullmatch(lines[at - 1]) and not (any_comment and lines[at - 1].lstrip().startswith("#")):
        at -= 1
    while at < end and lines[at].startswith(f"{deeper} ") and lines[at].lstrip().startswith("#"):
        at += 1
    return at


def _inserted(lines: Sequence[str], at: int, new: Sequence[str], end: str) -> str:
    """Join the lines again, the new ones before line ``at``; a last line without an end leaves the text without one."""
    if at < len(lines):
        return "\n".join([*lines[:at], *(line + end for line in new), *lines[at:]])
    *above, last = lines
    return "\n".join([*above, *(f"{line}{end}" for line in [last, *new[:-1]]), new[-1]])


def _is_right(before: Document, text: str, entries: Sequence[Entry]) -> bool:
    """Whether the text says all that it said, and the entries behind that."""
    try:
        after = parse_document(before.file, text).data
    except Problems:
        return False
    said: dict[str, Any] = before.data if isinstance(before.data, dict) else {}
    return after == {**said, _KEY: [*(said.get(_KEY) or []), *entries]}


# --- Scalars ---------------------------------------------------------------------------------------------------------


def _scalar(value: str) -> str:
    """Write a value as it is, if YAML reads it so, else in quotes."""
    return value if _reads_so(value) else f"""'{value.replace("'", "''")}'"""


def _reads_so(value: str) -> bool:
    try:
        read = parse_document(Path(), f"- key: {value}\n  next: one\n").data
    except Problems:
        return False
    return read == [{"key": value, "next": "one"}] and not _NUMBER.fullmatch(value)
