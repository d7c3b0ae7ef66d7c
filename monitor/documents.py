"""YAML files whose every value knows its line and column, and models that report what is wrong with them there.

Hides ruamel.yaml and pydantic's error format. Scalars are read as the text that is written (``no`` is "no", 012 is
"012"), plain ``null`` and nothing as None; the models turn text into numbers, dates and durations. Aliases, tags and
duplicate keys are refused. What the values mean is not known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from monitor.errors import Problem, Problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

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
        self, path: Iterable[str | int], message: str, *, level: str = "error", at_key: bool = False
    ) -> Problem:
        """Say what is wrong at ``path``, or at the nearest value above it that stands in the file."""
        steps = tuple(path)
        places = (self.keys, self.values) if at_key else (self.values,)
        while steps and not any(steps in known for known in places):
            steps = steps[:-1]
        line, column = next((known[steps] for known in places if steps in known), (1, 1))
        return Problem(self.file, line, column, "warning" if level == "warning" else "error", message)


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
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise Problems([Problem(file, line, column, "error", message)]) from error
    return parse_document(file, text)


def parse_document(file: Path, text: str) -> Document:
    """Parse text that stands (or would stand) in ``file``.

    Raises:
        Problems: it is no YAML that we accept.
    """
    document = Document(file, None, {}, {})
    try:
        _refuse(file, text)
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        raise Problems([_syntax(file, error)]) from error
    except YAMLError as error:
        line, column = _reader_place(text, getattr(error, "position", None))
        message = f"not valid YAML: {getattr(error, 'reason', error)}"
        raise Problems([Problem(file, line, column, "error", message)]) from error
    problems: list[Problem] = []
    data = _convert(document, root, (), problems) if root is not None else None
    if problems:
        raise Problems(problems)
    return Document(file, data, document.values, document.keys)


_SYNTAX: Final = (
    ("while scanning a quoted scalar", "a quote is opened here and never closed", True),
    ("while parsing a flow sequence", "a bracket is opened here and not closed, or an item in it needs quotes", True),
    ("while parsing a flow mapping", "a brace is opened here and not closed, or a value in it needs quotes", True),
    ("while parsing a flow node", "a bracket or brace is opened and never closed", False),
    ("expected a single document", "a second document begins here (---); put it into a file of its own", False),
    (
        "mapping values are not allowed",
        "a ':' too many: text with ': ' in it needs quotes, or an indent is wrong",
        False,
    ),
    ("could not find expected ':'", "a key without ':', or text that goes on in a line of too small an indent", True),
    ("while parsing a block mapping", "the indent fits no line above; keys of one thing stand in one column", False),
    ("while parsing a block collection", "the indent fits no line above; items of one list stand in one column", False),
    ("character '\\t' that cannot start", "a tab as indent, which YAML refuses; use spaces", False),
    ("cannot start any token", "this cannot begin a value; write it in quotes", False),
)
"""What YAML's parser says, what people understand, and whether the place where it began tells more than its end."""


def _syntax(file: Path, error: MarkedYAMLError) -> Problem:
    said = " ".join(filter(None, [error.problem, error.context])) or "no valid YAML"
    known = next(((words, begun) for sign, words, begun in _SYNTAX if sign in said), None)
    marks = (error.context_mark, error.problem_mark) if known and known[1] else (error.problem_mark, error.context_mark)
    mark = marks[0] or marks[1]
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem(file, line, column, "error", f"not valid YAML: {known[0] if known else said}")


def _reader_place(text: str, position: int | None) -> tuple[int, int]:
    before = text[:position] if isinstance(position, int) else ""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _refuse(file: Path, text: str) -> None:
    """Refuse, event by event, what must not reach the composer: aliases, tags, nesting without end."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        message = None
        if isinstance(event, AliasEvent):
            message = f"alias *{event.anchor} is not allowed; write it out, or name a concept and use it as $name"
        elif isinstance(event, (ScalarEvent, CollectionStartEvent)) and (tag := getattr(event, "tag", None)):
            message = f"tag {tag} is not allowed; remove it"
        elif depth > MAX_DEPTH:
            message = f"nested more than {MAX_DEPTH} levels deep"
        if message:
            mark = event.start_mark
            raise Problems([Problem(file, mark.line + 1, mark.column + 1, "error", message)])


def _convert(document: Document, node: Node, path: Path_, problems: list[Problem]) -> Tree:
    document.values[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, ScalarNode):
        return None if str(node.tag).endswith(":null") else str(node.value)
    if isinstance(node, SequenceNode):
        return [_convert(document, child, (*path, index), problems) for index, child in enumerate(node.value)]
    assert isinstance(node, MappingNode)  # noqa: S101 - the composer makes no other node
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if not isinstance(key_node, ScalarNode):
            problems.append(Problem(document.file, *place, "error", "a key must be plain text"))
            continue
        key = str(key_node.value)
        if key in mapping:
            first = document.keys[(*path, key)][0]
            problems.append(
                Problem(document.file, *place, "error", f"key {key!r} stands here twice (first in line {first})")
            )
            continue
        document.keys[(*path, key)] = place
        mapping[key] = _convert(document, value_node, (*path, key), problems)
    return mapping


# --- Models ------------------------------------------------------------------------------------------------------


class Strict(BaseModel):
    """A frozen model that reports each unknown key with the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True)

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
            yield document.problem(path, _plain(fault["msg"]))


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
