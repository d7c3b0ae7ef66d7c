"""Watchlist files into compiled watchlists: a file or a folder, whole or not at all.

Hides the files, the resolution of concepts across them, revisions, and the watch over changes. Does not know when to
look again (the caller does) and runs no examples (`linting`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.documents import Document, Path_, load_document, validate
from monitor.errors import Problem, Problems
from monitor.matching import ENGINE_VERSION
from monitor.matching.expressions import Watchlist
from monitor.model import WatchlistHeader, stable_hash
from monitor.watchlists.schema import Concept, File, Reader, WatchlistEntry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.matching.expressions import Clause

SUFFIXES: Final = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class Example:
    """A text of a watchlist's own ``examples``, and where it stands."""

    watchlist: Watchlist
    text: str
    alerts: bool
    document: Document
    path: Path_


@dataclass(frozen=True, slots=True)
class Loaded:
    """A whole, valid set of watchlists."""

    watchlists: tuple[Watchlist, ...]
    examples: tuple[Example, ...]
    warnings: tuple[Problem, ...]


def load_watchlists(path: Path) -> Loaded:
    """Read a file, or all ``*.yaml`` and ``*.yml`` files of a folder as one set.

    Raises:
        Problems: everything that is wrong, in every file.
    """
    problems: list[Problem] = []
    files = [_read(file, problems) for file in _files(path)]
    if not files:
        raise Problems([Problem(path, 1, 1, "error", "the folder has no .yaml file; add one with watchlists")])
    read = [each for each in files if each]
    concepts = _concepts(read, problems)
    loaded: list[tuple[Watchlist, WatchlistEntry, Document, Path_]] = []
    for document, file in read:
        _check_concepts(document, file, concepts, problems)
        for index, entry in enumerate(file.watchlists):
            place: Path_ = ("watchlists", index)
            reader = Reader(document, concepts, problems)
            if clause := reader.watchlist(entry, place):
                loaded.append((_watchlist(entry, clause), entry, document, place))
    _check_ids(loaded, problems)
    if any(problem.level == "error" for problem in problems):
        raise Problems(problems)
    examples = tuple(example for each in loaded for example in _examples(*each))
    return Loaded(tuple(watchlist for watchlist, *_ in loaded), examples, tuple(sorted(set(problems))))


class Watched:
    """Watchlists of a running service: ``current`` is always a whole, valid set.

    Raises:
        Problems: there is no valid set to begin with.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._signature = _signature(path)
        self.current = load_watchlists(path)

    def refresh(self) -> Problems | Loaded | None:
        """Look whether the files changed: the new set, taken over whole; or what is wrong, told once a change; or None."""
        signature = _signature(self._path)
        if signature == self._signature:
            return None
        self._signature = signature
        try:
            self.current = load_watchlists(self._path)
        except Problems as problems:
            return problems
        return self.current


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and not file.name.startswith("."))
    return [path]


def _signature(path: Path) -> tuple[tuple[str, int, int], ...]:
    return tuple(_stamps(path))


def _stamps(path: Path) -> Iterator[tuple[str, int, int]]:
    try:
        for file in _files(path):
            status = file.stat()
            yield (file.name, status.st_mtime_ns, status.st_size)
    except OSError as error:
        yield (str(error), 0, 0)


def _read(file: Path, problems: list[Problem]) -> tuple[Document, File] | None:
    try:
        document = load_document(file)
        return document, validate(document, File)
    except Problems as error:
        problems.extend(error.problems)
        return None


def _concepts(files: Sequence[tuple[Document, File]], problems: list[Problem]) -> dict[str, Concept]:
    concepts: dict[str, Concept] = {}
    for document, file in files:
        for name in file.concepts:
            path: Path_ = ("concepts", name)
            if name in concepts:
                message = f"concept {name!r} stands in {concepts[name].document.file} as well; names are unique"
                problems.append(document.problem(path, message, at_key=True))
            concepts.setdefault(name, Concept(document, path))
    return concepts


def _check_concepts(document: Document, file: File, concepts: dict[str, Concept], problems: list[Problem]) -> None:
    for name in file.concepts:
        Reader(document, concepts, problems).concept(name, ("concepts", name))


def _check_ids(loaded: Sequence[tuple[Watchlist, WatchlistEntry, Document, Path_]], problems: list[Problem]) -> None:
    seen: dict[str, str] = {}
    for watchlist, _, document, path in loaded:
        key = watchlist.header.id
        if key in seen:
            message = f"watchlist {key!r} stands in {seen[key]} as well; give one of them another id"
            problems.append(document.problem((*path, "id"), message))
        line = document.values[path][0]
        seen.setdefault(key, f"{document.file.name}:{line}")


def _watchlist(entry: WatchlistEntry, clause: Clause) -> Watchlist:
    only = entry.only.compiled()
    admitted = (sorted(only.sources), sorted(only.langs), sorted(only.tiers))
    header = WatchlistHeader(
        id=entry.key,
        name=entry.name,
        severity=entry.severity,
        owner=entry.owner,
        labels=entry.labels,
        status=entry.status,
        revision=stable_hash(ENGINE_VERSION, repr(clause), repr(admitted), str(entry.expires)),
    )
    return Watchlist(header, clause, only, entry.expires)


def _examples(watchlist: Watchlist, entry: WatchlistEntry, document: Document, path: Path_) -> Iterator[Example]:
    for index, text in enumerate(entry.examples.alert):
        yield Example(watchlist, text, True, document, (*path, "examples", "alert", index))  # noqa: FBT003 - a field
    for index, text in enumerate(entry.examples.quiet):
        yield Example(watchlist, text, False, document, (*path, "examples", "quiet", index))  # noqa: FBT003 - a field
