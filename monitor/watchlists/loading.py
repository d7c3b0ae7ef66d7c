"""Watchlist files on disk, made into the watchlists that an engine takes, all or nothing.

Hides which files of a folder count and that they share their concepts. Whether the watchlists do what their owners mean
is `linting`'s affair.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from monitor.codec import to_json
from monitor.documents import Document, load_document, validate
from monitor.errors import Problem, Problems
from monitor.matching import ENGINE_VERSION
from monitor.matching.expressions import Clause, Only, Term, Watchlist
from monitor.model import WatchlistHeader, stable_hash
from monitor.text.frequencies import TABLE_VERSION
from monitor.watchlists.reading import Place, Reader
from monitor.watchlists.schema import Entry, File
from monitor.watchlists.traps import find_traps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SUFFIXES: Final = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A text that its owner says a watchlist must alert on, or (``alerts`` False) must stay quiet on."""

    watchlist: str
    text: str
    alerts: bool
    place: Place = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """One consistent set of watchlists. ``places`` tells where each stands, by id; ``terms`` where each term does."""

    watchlists: tuple[Watchlist, ...]
    examples: tuple[Example, ...] = ()
    warnings: tuple[Problem, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict, repr=False)
    terms: tuple[tuple[Place, Term], ...] = field(default=(), repr=False)


def load_watchlists(path: Path) -> Loaded:
    """Load the watchlists of a file, or of all ``*.yaml`` and ``*.yml`` directly in a folder.

    They share concepts and aliases.

    Raises:
        Problems: nothing can be used; holds every error and warning found, over all files.
    """
    problems: list[Problem] = []
    traps: list[Problem] = []
    documents = _documents(path, traps)
    entries = [found for document in documents for found in _entries(document, problems)]
    concepts, aliases = (_named(documents, key, what, problems) for key, what in _SHARED.items())
    reader = Reader(concepts, aliases, problems)
    reader.read_aliases()
    reader.read_concepts()
    clauses = [reader.read_watchlist(place) for document in documents for place in _mappings(document)]
    places = _places(entries, problems)
    if not problems and not entries:
        problems.append(documents[0].problem((), "no watchlist stands here; add one below watchlists:"))
    problems = _by_name(problems, traps)
    if any(problem.level == "error" for problem in problems):
        raise Problems(problems)
    problems += _unused(reader)
    return Loaded(
        watchlists=tuple(_watchlist(entry, clause) for (_, entry), clause in zip(entries, clauses, strict=True)),
        examples=tuple(example for place, entry in entries for example in _examples(place, entry)),
        warnings=tuple(sorted(set(problems))),
        places=places,
        terms=tuple(reader.written),
    )


# --- Files -----------------------------------------------------------------------------------------------------------


def files_of(path: Path) -> list[Path]:
    """List the watchlist files that a path stands for."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and not file.name.startswith("."))


def _documents(path: Path, traps: list[Problem]) -> list[Document]:
    """Read all files; without one of them the concepts of the others would seem unknown, so all must be readable.

    ``traps`` are the mistakes that have a name of their own.
    """
    try:
        files = files_of(path)
    except OSError as error:
        raise Problems([Problem(path, 1, 1, "error", f"cannot be read: {error.strerror}")]) from error
    if not files:
        raise Problems([Problem(path, 1, 1, "error", "no *.yaml file stands in this folder")])
    documents: list[Document] = []
    problems: list[Problem] = []
    for file in files:
        named = _traps(file)
        traps.extend(named)
        try:
            documents.append(load_document(file))
        except Problems as error:
            # A parser's complaint about what has a name is only hard to understand.
            mistakes = [problem for problem in named if problem.level == "error"]
            problems.extend(mistakes or error.problems)
    problems += [fault for document in documents for fault in _shape_faults(document)]
    if problems:
        raise Problems(problems)
    return documents


def _traps(file: Path) -> list[Problem]:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, ValueError):
        return []  # loading it will say so
    return [Problem(file, trap.line, trap.column, trap.level, trap.message) for trap in find_traps(text)]


def _by_name(problems: Sequence[Problem], traps: Sequence[Problem]) -> list[Problem]:
    """Where a mistake has a name, drop what else is said about its line; of an error, about its whole file."""
    wrong = {problem.file for problem in traps if problem.level == "error"}
    lines = {(problem.file, problem.line) for problem in traps}
    problems = [problem for problem in problems if problem.file not in wrong]
    return [*traps, *(problem for problem in problems if (problem.file, problem.line) not in lines)]


def _shape_faults(document: Document) -> Iterator[Problem]:
    if document.data is None:
        yield document.problem((), "the file is empty; a watchlist file has watchlists:, and concepts: if need be")
    elif not isinstance(document.data, dict):
        yield document.problem((), "a watchlist file is a mapping with watchlists:, and concepts: if need be")


# --- From documents to watchlists ------------------------------------------------------------------------------------


def _entries(document: Document, problems: list[Problem]) -> list[tuple[Place, Entry]]:
    try:
        file = validate(document, File)
    except Problems as error:
        problems.extend(error.problems)
        return []
    return [(Place(document, ("watchlists", index)), entry) for index, entry in enumerate(file.watchlists)]


def _mappings(document: Document) -> list[Place]:
    """Return the watchlists that can be looked into, whether or not the rest of the file holds."""
    root = Place(document)
    places = (root / "watchlists").items() if "watchlists" in root else []
    return [place for place in places if isinstance(place.value, dict)]


_SHARED: Final = {"concepts": "concept", "aliases": "alias"}
"""What all files share by name: the key, and what one of them is called."""


def _named(documents: Sequence[Document], key: str, what: str, problems: list[Problem]) -> dict[str, Place]:
    """Collect what stands by name below a key of any file."""
    found: dict[str, Place] = {}
    for root in map(Place, documents):
        names = (root / key).value if key in root else None
        for name in names if isinstance(names, dict) else ():
            place = root / key / name
            if found.setdefault(name, place) != place:
                message = f"{what} {name!r} stands twice (first in {found[name]}); rename one or join them"
                problems.append(place.problem(message, at_key=True))
    return found


def _unused(reader: Reader) -> Iterator[Problem]:
    for name, place in reader.concepts.items():
        if name not in reader.used:
            message = f"concept {name!r} is used nowhere; use it as ${name}, or take it out"
            yield place.problem(message, level="warning", at_key=True)


def _places(entries: Sequence[tuple[Place, Entry]], problems: list[Problem]) -> dict[str, Place]:
    """Give each watchlist its id, once."""
    places: dict[str, Place] = {}
    for place, entry in entries:
        if not entry.key:
            what = "name: gives no id; add id:" if entry.name else "a watchlist needs a name:"
            problems.append((place / "name" if entry.name else place).problem(what))
        elif places.setdefault(entry.key, place) != place:
            message = f"watchlist id {entry.key!r} stands twice (first in {places[entry.key]}); ids are unique"
            problems.append((place / ("id" if entry.id else "name")).problem(message))
    return places


def _watchlist(entry: Entry, clause: Clause) -> Watchlist:
    only = Only(frozenset(entry.only.source), frozenset(entry.only.lang), frozenset(entry.only.tier))
    header = WatchlistHeader(
        id=entry.key,
        name=entry.name or entry.key,
        severity=entry.severity,
        owner=entry.owner,
        labels=entry.labels,
        status=entry.status,
        revision=_revision(entry, clause),
    )
    return Watchlist(header, clause, only, entry.expires)


def _revision(entry: Entry, clause: Clause) -> str:
    """Hash all that decides a match, so that a match tells by which wording of the watchlist it came about."""
    only = [sorted(entry.only.source), sorted(entry.only.lang), sorted(entry.only.tier)]
    decisive = to_json([entry.key, clause, only, entry.expires]).decode()
    return stable_hash(decisive, ENGINE_VERSION, TABLE_VERSION)


def _examples(place: Place, entry: Entry) -> Iterator[Example]:
    examples = place / "examples"
    for key, texts in (("alert", entry.examples.alert), ("quiet", entry.examples.quiet)):
        for text, where in zip(texts, (examples / key).listed() if texts else (), strict=True):
            yield Example(watchlist=entry.key, text=text, alerts=key == "alert", place=where)
