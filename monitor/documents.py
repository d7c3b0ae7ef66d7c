"""YAML files whose every value knows its line and column, and models that report what is wrong with them there.

Hides ruamel.yaml and pydantic's error format. Scalars are read as the text that is written (``no`` is "no", 012 is
"012"), plain ``null`` and nothing as None; the models turn text into numbers, dates and durations. Aliases, tags and
duplicate keys are refused. What the values mean is not known here.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from monitor.errors import Problem, Problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ruamel.yaml.events import Event

    from monitor.errors import Level

MAX_BYTES: Final = 5_000_000
MAX_DEPTH: Final = 50

Path_ = tuple[str | int, ...]
"""Where a value stands inside a document: keys and indices from the root."""

Tree = dict[str, Any] | list[Any] | str | None


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: ``data`` made of dicts, lists, text and None, and the place of each value and key."""

    file: Path
    data: Tree
    values: dict[Path_, tuple[int, int]] = field(repr=False)
    keys: dict[Path_, tuple[int, int]] = field(repr=False)

    def problem(
        self, path: Iterable[str | int], message: str, *, level: Level = "error", at_key: bool = False
    ) -> Problem:
        """Say what is wrong at ``path``, or at the nearest value above it that stands in the file."""
        steps = tuple(path)
        places = (self.keys, self.values) if at_key else (self.values,)
        while steps and not any(steps in known for known in places):
            steps = steps[:-1]
        line, column = next((known[steps] for known in places if steps in known), (1, 1))
        return Problem(self.file, line, column, level, message)


def load_document(file: Path) -> Document:
    """Read and parse a file.

    Raises:
        Problems: it is missing, unreadable, not UTF-8, too large, or no YAML that we accept.
    """
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise Problems([Problem(file, 1, 1, "error", "no such file")]) from None
    except OSError as error:
        raise Problems([Problem(file, 1, 1, "error", f"cannot be read: {error.strerror}")]) from error
    if len(raw) > MAX_BYTES:
        raise Problems([Problem(file, 1, 1, "error", f"larger than {MAX_BYTES // 1_000_000} MB; split it")])
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or raw[:200].count(b"\0") > 20:  # noqa: PLR2004 - every second or so
        raise Problems([Problem(file, 1, 1, "error", "the file is UTF-16; save it as UTF-8")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig")
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise Problems([Problem(file, *_place(before, len(before)), "error", message)]) from error
    return parse_document(file, text)


def parse_document(file: Path, text: str) -> Document:
    """Parse text that stands (or would stand) in ``file``.

    Raises:
        Problems: it is no YAML that we accept.
    """
    # libyaml is twenty times as fast where it is installed, and may see more in tabs and line ends than YAML 1.2.
    # Whatever it does not take is left to the parser in Python, whose complaints we know.
    if _suits_libyaml(text):
        with suppress(YAMLError):
            return built(file, text, pure=False)
    try:
        return built(file, text, pure=True)
    except MarkedYAMLError as error:
        raise Problems([_syntax(file, text, error)]) from error
    except ReaderError as error:
        code = error.character if isinstance(error.character, int) else ord(error.character)
        message = f"a control character (U+{code:04X}) that no text holds; delete it"
        raise Problems([Problem(file, *_place(text, error.position), "error", message)]) from error
    except YAMLError as error:
        raise Problems([Problem(file, 1, 1, "error", f"not valid YAML: {error}")]) from error


def lines_within(text: str) -> tuple[frozenset[int], frozenset[int]]:
    """Find the lines that go on with a value of the line above: in quotes, blocks or brackets; and in plain text.

    Of text that is no YAML, as far as it can be read.
    """
    quoted: set[int] = set()
    plain: set[int] = set()
    begun: list[int | None] = []
    with suppress(YAMLError):
        for event in YAML(typ="safe", pure=not _suits_libyaml(text)).parse(text):
            if isinstance(event, CollectionStartEvent):
                begun.append(event.start_mark.line if event.flow_style else None)
            elif isinstance(event, CollectionEndEvent):
                first = begun.pop()
                quoted.update(range(first + 2, event.end_mark.line + 2) if first is not None else ())
            elif isinstance(event, ScalarEvent):
                is_block = event.style in {"|", ">"}
                last = event.end_mark.line + (0 if is_block else 1)
                (plain if event.implicit[0] else quoted).update(range(event.start_mark.line + 2, last + 1))
    return frozenset(quoted), frozenset(plain)


HAS_LIBYAML: Final = find_spec("_ruamel_yaml") is not None
_PECULIAR: Final = re.compile(r"[\t\x85\u2028\u2029\ufeff]|\r(?!\n)|^\.\.\.", re.MULTILINE)


def _suits_libyaml(text: str) -> bool:
    return HAS_LIBYAML and not _PECULIAR.search(text)


def _place(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, position - before.rfind("\n")


# --- What the parser complains of ------------------------------------------------------------------------------------

_SYNTAX: Final = (
    ("while scanning a quoted scalar", "a quote is opened here and never closed; close it, or take it out", True),
    (
        "while parsing a flow sequence",
        "a bracket is opened here and not closed; close it, or quote the item in which it stands open",
        True,
    ),
    (
        "while parsing a flow mapping",
        "a brace is opened here and not closed; close it, or quote the value in which it stands open",
        True,
    ),
    (
        "while parsing a flow node",
        "a value is missing here, or a bracket is never closed; write it, or close it",
        False,
    ),
    ("mapping values are not allowed", "a ':' too many; text with ': ' in it needs quotes", False),
    (
        "could not find expected ':'",
        "a key without ':', or text that goes on in a line of too small an indent; write 'key: value'",
        True,
    ),
    ("while parsing a block mapping", "the indent fits no line above; keys of one thing stand in one column", False),
    ("while parsing a block collection", "the indent fits no line above; items of one list stand in one column", False),
    ("sequence entries are not allowed", "a list cannot begin here; begin it in a line of its own", False),
    ("while scanning a double-quoted scalar", "a backslash that says nothing; write \\\\, or use single quotes", False),
    ("while scanning an anchor", "'&' cannot begin text in YAML; write it in quotes", True),
    ("while scanning an alias", "'*' cannot begin text in YAML; write it in quotes", True),
    ("a tag", "'!' cannot begin text in YAML; write it in quotes", True),
    ("an tag", "'!' cannot begin text in YAML; write it in quotes", True),
    ("while parsing a node", "'!' cannot begin text in YAML; write it in quotes", True),
    ("while scanning a block scalar", "nothing but a line end follows | and >; text that begins so needs quotes", True),
    ("directive", "'%' cannot begin a line in YAML; write the value in quotes", True),
    ("expected '<document start>'", "this fits nothing above; mind its indent, and the ': ' behind its key", False),
    ("character '\\t' that cannot start", "a tab as indent, which YAML refuses; use spaces", False),
    ("cannot start any token", "{!r} cannot begin text in YAML; write it in quotes", False),
)
"""What YAML's parser says, what people understand, and whether the place where it began tells more than its end."""

_UNSEEN: Final = re.compile("[\u00a0\u061c\u1680\u2000-\u200f\u202a-\u202f\u205f-\u2069\u3000\ufeff]")
_CONFLICT: Final = re.compile(r"(?:<{7}|={7}|>{7}|\|{7})(?= |$)", re.MULTILINE)
_SPACED_COLON: Final = re.compile(rf"[\s-]*[\w-]+:{_UNSEEN.pattern}")
_WIDE_COLON: Final = re.compile(r"^[\s-]*[\w-]+(?P<colon>[：﹕∶׃])", re.MULTILINE)


def _syntax(file: Path, text: str, error: MarkedYAMLError) -> Problem:
    said = " ".join(filter(None, [error.problem, error.context])) or "no valid YAML"
    known = next(((words, begun) for sign, words, begun in _SYNTAX if sign in said), None)
    marks = (error.context_mark, error.problem_mark) if known and known[1] else (error.problem_mark, error.context_mark)
    mark = marks[0] or marks[1]
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if cause := _cause(text, line):
        return Problem(file, *cause[0], "error", cause[1])
    words = known[0] if known else said
    if mark and "{!r}" in words:
        words = words.format((text.split("\n")[mark.line] + " ")[mark.column])
    if "while parsing a block" in said and text.split("\n")[line - 1][: column - 1].strip(" -"):
        words = "text behind a closing quote or bracket; put quotes around all of it, or around nothing"
    if "mapping values are not allowed" in said:
        line, column, words = _colon_too_many(text, line, column, words)
    return Problem(file, line, column, "error", f"not valid YAML: {words}")


def _colon_too_many(text: str, line: int, column: int, words: str) -> tuple[int, int, str]:
    """Tell a second ':' in a line from a line that goes on with the text of the one above."""
    lines = text.split("\n")
    if re.search(r":\s", lines[line - 1][: column - 1]):
        return line, column, words
    above = next((number for number in range(line - 1, 0, -1) if lines[number - 1].strip(" \r")), line)
    margin = len(lines[above - 1]) - len(lines[above - 1].lstrip(" -")) + 1
    if not re.search(r":(\s|$)", lines[above - 1]):
        return above, margin, "a key without ':', so the lines below are read as more of it; write 'key: value'"
    deeper = len(lines[line - 1]) - len(lines[line - 1].lstrip(" ")) + 1
    return line, deeper, "this line is deeper than the one above and goes on with its text; keys stand in one column"


def _cause(text: str, line: int) -> tuple[tuple[int, int], str] | None:
    """Find what nobody sees, or means to write, in the line that the parser stumbles over or in the one before it."""
    if found := _CONFLICT.search(text):
        return _place(text, found.start()), "a conflict marker of git; resolve the conflict and remove it"
    lines = text.split("\n")
    for number in (line, line - 1):
        here = lines[number - 1] if 0 < number <= len(lines) else ""
        margin = len(here) - len(here.lstrip(" -\t" + _BLANKS))
        if unseen := _UNSEEN.search(here, 0, margin):
            return (number, unseen.start() + 1), f"{invisible(unseen[0])} in the indent; use spaces"
        if spaced := _SPACED_COLON.match(here):
            return (number, spaced.end()), f"{invisible(spaced[0][-1])} behind a ':'; write a space"
        if wide := _WIDE_COLON.match(here):
            return (number, wide.start("colon") + 1), f"{wide['colon']!r} is no colon to YAML; write ': '"
    return None


_BLANKS: Final = "".join(chr(code) for code in range(0x80, 0xFFFF) if _UNSEEN.match(chr(code)))


def invisible(letter: str) -> str:
    """Name a character that nobody sees: ``an invisible character (U+200F)``."""
    return f"an invisible character (U+{ord(letter):04X})"


# --- From events to a document ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come; without ``path`` what stands in it does not count."""

    data: list[Any] | dict[str, Any]
    path: Path_ | None
    key: str | None = None
    has_key: bool = False
    behind_key: tuple[int, int] = (1, 1)


def built(file: Path, text: str, *, pure: bool) -> Document:
    """Build a document of the events that one of the two parsers sees.

    Raises:
        Problems: duplicate keys, keys that are no text, aliases, anchors, tags, nesting without end, a second document.
        YAMLError: the text is no YAML.
    """
    builder = _Builder(file, text.split("\n"))
    for event in YAML(typ="safe", pure=pure).parse(text):
        builder.take(event)
    if builder.problems:
        raise Problems(builder.problems)
    return Document(file, builder.data, builder.values, builder.keys)


class _Builder:
    """Takes events one by one; what is refused is collected, and its value left out."""

    def __init__(self, file: Path, lines: list[str]) -> None:
        self.data: Tree = None
        self.values: dict[Path_, tuple[int, int]] = {}
        self.keys: dict[Path_, tuple[int, int]] = {}
        self.problems: list[Problem] = []
        self._file = file
        self._lines = lines
        self._open: list[_Open] = []
        self._documents = 0

    def take(self, event: Event) -> None:
        """Take the next event.

        Raises:
            Problems: it makes no sense to go on.
        """
        if isinstance(event, CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, NodeEvent):
            self._refuse(event)
            top = self._open[-1] if self._open else None
            if top is not None and isinstance(top.data, dict) and not top.has_key:
                self._key(event, top)
            else:
                self._value(event, top)
        elif isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._tell(event, "a second document begins here (---); put it into a file of its own")
                raise Problems(self.problems)

    def _tell(self, event: Event, message: str) -> None:
        mark = event.start_mark
        self.problems.append(Problem(self._file, mark.line + 1, mark.column + 1, "error", message))

    def _refuse(self, event: NodeEvent) -> None:
        quotes = "text that begins with {} needs quotes"
        if isinstance(event, AliasEvent):
            remedy = f"name a concept and use it as $name, or write it out; {quotes.format('*')}"
            self._tell(event, f"alias *{event.anchor} is not allowed; {remedy}")
        elif event.anchor:
            self._tell(event, f"anchor &{event.anchor} is not allowed; take it out; {quotes.format('&')}")
        elif tag := getattr(event, "tag", None):
            written = str(tag).replace("tag:yaml.org,2002:", "!!")
            self._tell(event, f"tag {written} is not allowed; remove it; {quotes.format('!')}")
        if isinstance(event, CollectionStartEvent) and len(self._open) >= MAX_DEPTH:
            self._tell(event, f"nested more than {MAX_DEPTH} levels deep; a file of ours needs fewer than ten")
            raise Problems(self.problems)

    def _key(self, event: NodeEvent, top: _Open) -> None:
        top.has_key, top.key = True, None
        if not isinstance(event, ScalarEvent):
            if not isinstance(event, AliasEvent):
                self._tell(event, "a key must be plain text; text in brackets or braces needs quotes")
                self._open.append(_Open([] if isinstance(event, SequenceStartEvent) else {}, None))
            return
        key = str(event.value)
        bare = key.strip(_BLANKS + " ")
        if key != bare and (unseen := _UNSEEN.search(key)):
            self._tell(event, f"{invisible(unseen[0])} at an end of the key {bare!r}; delete it")
        top.behind_key = (event.end_mark.line + 1, event.end_mark.column + 2)
        if key in top.data and top.path is not None:
            first = self.keys[(*top.path, key)][0]
            self._tell(event, f"key {key!r} stands here twice (first in line {first}); keep one, or join them")
            return
        top.key = key
        if top.path is not None:
            self.keys[(*top.path, key)] = (event.start_mark.line + 1, event.start_mark.column + 1)

    def _value(self, event: NodeEvent, top: _Open | None) -> None:
        path = self._step(top)
        data: Any = None
        if isinstance(event, CollectionStartEvent):
            data = [] if isinstance(event, SequenceStartEvent) else {}
        elif isinstance(event, ScalarEvent) and not (event.implicit[0] and event.value in _NOTHING):
            data = str(event.value)
            self._look_below(event)
        if path is not None:
            # The parsers disagree on where an empty value of a key stands: it stands behind its key.
            is_empty = isinstance(event, ScalarEvent) and event.start_mark.index == event.end_mark.index
            behind_key = top is not None and isinstance(top.data, dict) and is_empty
            here = (event.start_mark.line + 1, event.start_mark.column + 1)
            self.values[path] = top.behind_key if top is not None and behind_key else here
        if top is None:
            self.data = data
        elif isinstance(top.data, list):
            top.data.append(data)
        elif top.key is not None:
            top.data[top.key] = data
        if isinstance(event, CollectionStartEvent):
            self._open.append(_Open(data, path))

    def _look_below(self, event: ScalarEvent) -> None:
        """Refuse an item that is so deep that it goes on with the text of the one above."""
        first, last = event.start_mark.line, event.end_mark.line
        if event.implicit[0] and first != last:
            for number in range(first + 1, min(last + 1, len(self._lines))):
                margin = len(self._lines[number]) - len(self._lines[number].lstrip())
                if self._lines[number].startswith("- ", margin):
                    message = f"this line goes on with the text of line {first + 1}; give both dashes the same indent"
                    self.problems.append(Problem(self._file, number + 1, margin + 1, "error", message))

    @staticmethod
    def _step(top: _Open | None) -> Path_ | None:
        """Give the path of a value that comes now, and expect a key behind it."""
        if top is None:
            return ()
        top.has_key = False
        if top.path is None:
            return None
        if isinstance(top.data, list):
            return (*top.path, len(top.data))
        return (*top.path, top.key) if top.key is not None else None


_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})
"""Plain scalars that stand for nothing (YAML 1.2, core schema)."""


# --- Models ------------------------------------------------------------------------------------------------------


class Strict(BaseModel):
    """A frozen model that reports each unknown key with the nearest known one."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, data: object) -> object:
        if isinstance(data, dict):
            known = {field.alias or name for name, field in cls.model_fields.items()}
            unknown = [str(key) for key in data if key not in known]
            if unknown:
                raise PydanticCustomError("unknown_keys", "unknown keys", {"keys": unknown, "known": sorted(known)})
        return data


M = TypeVar("M", bound=BaseModel)


def validate(
    document: Document, model: type[M], data: Tree = None, *, context: Mapping[str, object] | None = None
) -> M:
    """Read a document into a model.

    ``data`` replaces the document's own, in the same shape (after expansion of variables, say).

    Raises:
        Problems: with the place of each fault.
    """
    value = document.data if data is None else data
    if value is None:
        value = {}
    try:
        return model.model_validate(value, context=dict(context or {}))
    except ValidationError as error:
        raise Problems(_problems(document, error)) from error


def _problems(document: Document, error: ValidationError) -> Iterable[Problem]:
    for fault in error.errors(include_url=False, include_input=False):
        path = _standing(document, fault["loc"])
        if fault["type"] == "unknown_keys":
            context = fault["ctx"]
            for key in context["keys"]:
                message = f"unknown key {key!r}{did_you_mean(key, context['known'])}"
                yield document.problem((*path, key), message, at_key=True)
        elif fault["type"] == "missing":
            yield document.problem(path, f"key {str(fault['loc'][-1])!r} is missing")
        else:
            yield document.problem(path, _plain(fault["msg"]) + _likely_cause(document, path))


def _likely_cause(document: Document, path: Path_) -> str:
    """Name what looks right to people and is something else to YAML, where a value that is wrong holds it."""
    value: Any = document.data
    for step in path:
        value = value[step]
    words = [value] if isinstance(value, str) else list(value or ())
    text = "\n".join(word for word in words if isinstance(word, str))
    if comma := re.search("[،؛]", text):
        return f"; «{comma[0]}» separates nothing in YAML, write each in a line of its own"
    if quote := re.search("[“”„‘’«»]", text):
        return f"; {quote[0]} is no quote to YAML, write straight ones"
    if unseen := _UNSEEN.search(text):
        return f"; {invisible(unseen[0])} stands in it, delete it"
    return "; a dash without its space makes no item, write '- '" if re.search(r"^-\w", text, re.MULTILINE) else ""


def _standing(document: Document, location: Iterable[str | int]) -> Path_:
    """Keep of pydantic's location the steps that exist in the file (it adds names of union branches)."""
    path: Path_ = ()
    for step in location:
        if (*path, step) in document.values:
            path = (*path, step)
    return path


def _plain(message: str) -> str:
    message = re.sub(r"^(Value error|Assertion failed), ", "", message)
    message = re.sub(r" or instance of \w+$", "", message.replace("Input should be", "this should be"))
    message = re.sub(r"a valid boolean.*", "true or false", message)
    message = re.sub(r"a valid integer.*", "a whole number, in the digits 0 to 9", message)
    return message.replace("a valid dictionary", "a mapping (key: value)").replace("a valid tuple", "a list")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the nearest known word, else all when they are few, or nothing."""
    choices = list(known)
    best = process.extractOne(word, choices, scorer=DamerauLevenshtein.normalized_similarity, processor=None)
    if best and best[1] >= 0.6:  # noqa: PLR2004 - two slips in five letters
        return f"; did you mean {best[0]!r}?"
    return f"; known here: {', '.join(choices)}" if 0 < len(choices) <= 20 else ""  # noqa: PLR2004


# --- Durations ---------------------------------------------------------------------------------------------------

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION: Final = re.compile(r"(?:\d+[smhdw])+", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Read ``30s``, ``5m``, ``12h``, ``7d``, ``2w`` or a run of them (``1h30m``).

    Raises:
        ValueError: it is none.
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration; write it like 30s, 5m, 12h, 7d")
    parts = re.findall(r"(\d+)([smhdw])", text)
    try:
        return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
    except OverflowError:
        raise ValueError(f"{text!r} is too long a duration") from None


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""A duration in a model, spelt as `parse_duration` reads it."""
