"""The outer shape of a watchlist file: the keys of a file and of a watchlist, all but its expressions.

Hides ids made of names and how dates are spelt. What ``match``, ``terms``, ``except`` and ``concepts`` hold is left as
it stands in the file; `reading` understands it.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, field_validator

from monitor.documents import Strict, did_you_mean
from monitor.model import Severity, Status

VERSION: Final = "1"
_ID: Final = re.compile(r"\w(?:[\w.-]*\w)?")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TATWEEL: Final = "\u0640"


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _lower(value: object) -> object:
    return [one.lower() if isinstance(one, str) else one for one in value] if isinstance(value, list) else value


def _day(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value) if _DATE.fullmatch(value) else _no_day(value)
    except ValueError:
        return _no_day(value)


def _no_day(value: str) -> date:
    raise ValueError(f"{value!r} is no date; write it like 2027-06-30")


def _severity(value: object) -> object:
    return _word_of(value, Severity, "severity")


def _status(value: object) -> object:
    return _word_of(value, Status, "status")


def _word_of(value: object, words: type[Severity | Status], what: str) -> object:
    known = [str(word) for word in words]
    if value not in known:
        near = did_you_mean(value, known) if isinstance(value, str) else f"; known here: {', '.join(known)}"
        raise ValueError(f"{value or 'nothing'!r} is no {what}{near}")
    return value


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list)]


class Admitted(Strict):
    """``only``: the articles that a watchlist looks at; an absent key admits all."""

    source: Texts = ()
    """Of these sources only."""
    lang: Annotated[tuple[str, ...], BeforeValidator(_lower), BeforeValidator(_as_list)] = ()
    """In these languages only."""
    tier: Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_as_list)] = ()
    """Of these tiers only."""


class Examples(Strict):
    """Texts that must alert, and texts that must not; `linting` holds the watchlist to them."""

    alert: Texts = ()
    """Texts that must alert."""
    quiet: Texts = ()
    """Texts that must not."""


class Entry(Strict):
    """One watchlist. Its expressions (``match``, or ``terms`` with ``except``) are not looked into here."""

    id: str | None = None
    """Its stable key; the name in lower case with hyphens, unless it says so."""
    name: str | None = None
    """What people call it."""
    severity: Annotated[Severity, BeforeValidator(_severity)] = Severity.MEDIUM
    """How grave a match is."""
    owner: str | None = None
    """Whose it is, for routes."""
    labels: dict[str, str] = Field(default_factory=dict)
    """For routes."""
    status: Annotated[Status, BeforeValidator(_status)] = Status.LIVE
    """`shadow`: recorded, nobody is told."""
    expires: Annotated[date | None, BeforeValidator(_day)] = None
    """The last day on which it alerts."""
    only: Admitted = Admitted()
    """The articles that it looks at."""
    match: Any = None
    """An expression."""
    terms: Any = None
    """The short form: any of these."""
    exceptions: Any = Field(default=None, alias="except")
    """Beside terms: a mention that overlaps one of these does not count."""
    examples: Examples = Examples()
    """Texts that it is held to."""

    @field_validator("id")
    @classmethod
    def _usable_id(cls, value: str | None) -> str | None:
        if value is not None and not _ID.fullmatch(value):
            raise ValueError(f"an id is made of letters, digits, '-', '_' and '.'; {value!r} is not")
        return value

    @property
    def key(self) -> str:
        """The id as given, else the slug of the name; empty when neither gives one."""
        return self.id or slug(self.name or "")


class File(Strict):
    """One watchlist file."""

    version: str = VERSION
    """Of the language."""
    aliases: dict[str, Any] = Field(default_factory=dict)
    """Groups of spellings of one name, each under a name for people; where a term has one of them, all count."""
    concepts: dict[str, Any] = Field(default_factory=dict)
    """Named sets of terms, used as `$name`."""
    watchlists: tuple[Entry, ...] = ()
    """What is watched for."""

    @field_validator("version")
    @classmethod
    def _known_version(cls, value: str) -> str:
        if value != VERSION:
            raise ValueError(f"version {value!r} is not known to this monitor; write version: {VERSION}, or upgrade it")
        return value


def slug(name: str) -> str:
    """Make an id of a name: lower case, letters of every script kept, marks dropped, all else a hyphen."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    letters = "".join(one for one in plain if one != _TATWEEL and unicodedata.category(one)[0] not in {"M", "C"})
    return re.sub(r"[\W_]+", "-", letters).strip("-")
