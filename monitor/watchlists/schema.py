"""The shape of a watchlist file: its keys, and the language of `match` turned into expressions.

Hides YAML from the engines. Every fault is reported with its place and a remedy, all of a file at once. Reads no files
(`loading`) and matches nothing (`matching`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date  # noqa: TC003 - pydantic resolves the annotation at run time
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field, field_validator

from monitor.documents import Document, Path_, Strict, did_you_mean
from monitor.matching.expressions import AtLeast, Clause, Has, Kind, Near, Only, Term, TermSet, Where, Without
from monitor.model import Severity, Status
from monitor.text.folding import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.errors import Problem

Texts = tuple[str, ...]


class OnlyEntry(Strict):
    """``only:`` which articles a watchlist looks at."""

    source: Texts = ()
    lang: Texts = ()
    tier: tuple[int, ...] = ()

    @field_validator("source", "lang", "tier", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    def compiled(self) -> Only:
        """Return it as the engines take it."""
        return Only(frozenset(self.source), frozenset(self.lang), frozenset(self.tier))


class Examples(Strict):
    """Texts that must alert and texts that must not."""

    alert: Texts = ()
    quiet: Texts = ()


class ConceptEntry(Strict):
    """A named, reusable set of terms."""

    any: Any = None
    except_: Any = Field(default=None, alias="except")


class WatchlistEntry(Strict):
    """One watchlist; ``match``, ``terms`` and ``except`` are read by `Reader`."""

    id: str | None = None
    name: str = Field(min_length=1)
    severity: Severity = Severity.MEDIUM
    owner: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    status: Status = Status.LIVE
    expires: date | None = None
    only: OnlyEntry = OnlyEntry()
    match: Any = None
    terms: Any = None
    except_: Any = Field(default=None, alias="except")
    examples: Examples = Examples()

    @property
    def key(self) -> str:
        """The id as written, else made of the name, letters of any script kept."""
        return self.id or re.sub(r"[\W_]+", "-", self.name.casefold()).strip("-")


class File(Strict):
    """A watchlist file."""

    version: int = Field(ge=1, le=1)
    concepts: dict[str, ConceptEntry] = Field(default_factory=dict)
    watchlists: tuple[WatchlistEntry, ...] = ()


# --- The language of match ---------------------------------------------------------------------------------------

_BESIDE: Final[dict[str, frozenset[str]]] = {
    "any": frozenset({"except", "in"}),
    "all": frozenset({"in"}),
    "near": frozenset({"within", "ordered", "in"}),
    "at_least": frozenset({"of", "in"}),
    "none": frozenset({"in"}),
}
_KINDS: Final = {"name": Kind.NAME, "exact": Kind.EXACT}
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Concept:
    """Where a concept stands, for those who use it."""

    document: Document
    path: Path_


@dataclass(slots=True)
class Reader:
    """Reads expressions of one document; what is wrong gathers in ``problems``.

    ``concepts`` are all that may be used, from whichever file.
    """

    document: Document
    concepts: Mapping[str, Concept]
    problems: list[Problem] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def watchlist(self, entry: WatchlistEntry, path: Path_) -> Clause | None:
        """Read what a watchlist asks for."""
        if (entry.match is None) == (entry.terms is None):
            self._wrong(path, "a watchlist has either match: or terms: (the short form: any of these)")
            return None
        if entry.terms is not None:
            return self._has({"any": entry.terms, "except": entry.except_}, path, Where.ARTICLE, key="terms")
        if entry.except_ is not None:
            message = "except: stands beside terms:, any: or in a concept; a match takes none: inside all:"
            self._wrong((*path, "except"), message, at_key=True)
        return self.clause(entry.match, (*path, "match"), Where.ARTICLE)

    def clause(self, value: Any, path: Path_, where: Where, *, in_all: bool = False) -> Clause | None:
        """Read a clause: a term, a set of terms, or logic over clauses."""
        if not isinstance(value, dict) or set(value) & set(_KINDS):
            terms = self.members([value], path, single=True)
            return Has(terms, where) if terms else None
        head = self._head(value, path)
        if head is None:
            return None
        where = self._where(value, path, where)
        if head == "any" and not any(map(_is_logic, _items(value["any"]))):
            return self._has(value, path, where)
        if head == "near":
            return self._near(value, path, where)
        if head == "none":
            return self._without(value, path, where, in_all=in_all)
        return self._logic(head, value, path, where)

    def members(self, values: Any, path: Path_, *, single: bool = False) -> TermSet | None:
        """Read terms, concepts and nested sets into one set; None when something is wrong in it."""
        if not single and (not isinstance(values, list) or not values):
            self._wrong(path, "this should be a list of terms, one a line, each after '- '")
            return None
        terms: list[Term] = []
        sets: list[TermSet] = []
        before = len(self.problems)
        for index, value in enumerate(values):
            place = path if single else (*path, index)
            if isinstance(value, str) and value.startswith("$"):
                sets += filter(None, [self.concept(value[1:], place)])
            elif isinstance(value, dict) and not set(value) & set(_KINDS):
                sets += filter(None, [self._nested(value, place)])
            else:
                terms += self._terms(value, place)
        self._warn_repeats(terms, path)
        if [problem for problem in self.problems[before:] if problem.level == "error"]:
            return None
        return TermSet(_label(terms, sets), tuple(terms), tuple(sets))

    def concept(self, name: str, path: Path_) -> TermSet | None:
        """Read a concept where it is used, so that its own exceptions come with it."""
        if name in self._open:
            circle = " → ".join(f"${each}" for each in [*self._open[self._open.index(name) :], name])
            self._wrong(path, f"concepts go in a circle: {circle}")
            return None
        if name not in self.concepts:
            self._wrong(path, f"no concept is called ${name}{did_you_mean(name, self.concepts)}")
            return None
        found = self.concepts[name]
        inner = Reader(found.document, self.concepts, self.problems, [*self._open, name])
        entry = _at(found.document, found.path)
        read = inner.set_of(entry, found.path)
        return TermSet(f"${name}", read.terms, read.sets, read.exceptions) if read else None

    def set_of(self, value: Mapping[str, Any], path: Path_, *, key: str = "any") -> TermSet | None:
        """Read a mapping of ``any`` (or ``terms``) and ``except``."""
        if value.get("any") is None:
            self._wrong(path, "a set of terms has any: with a list of terms")
            return None
        positive = self.members(value["any"], (*path, key))
        exceptions = self._exceptions(value.get("except"), (*path, "except"))
        if positive is None or exceptions is None:
            return None
        return TermSet(positive.label, positive.terms, positive.sets, exceptions)

    # -- clauses

    def _has(self, value: Mapping[str, Any], path: Path_, where: Where, *, key: str = "any") -> Has | None:
        terms = self.set_of(value, path, key=key)
        return Has(terms, where) if terms else None

    def _near(self, value: Mapping[str, Any], path: Path_, where: Where) -> Near | None:
        operands: list[TermSet | None] = []
        items = value["near"]
        if not isinstance(items, list) or len(items) < 2:  # noqa: PLR2004 - near one thing is near nothing
            self._wrong((*path, "near"), "near: takes a list of at least two terms, concepts or sets")
            return None
        for index, item in enumerate(items):
            place = (*path, "near", index)
            if _is_logic(item):
                self._wrong(
                    place, "near: takes terms, concepts and any: of them; all:, near: and none: stand outside it"
                )
                operands.append(None)
            else:
                operands.append(self.members([item], place, single=True))
        within = self._within(value, path)
        ordered = self._flag(value.get("ordered", "false"), (*path, "ordered"))
        if within is None or ordered is None:
            return None
        found = tuple(operand for operand in operands if operand)
        if len(found) < len(operands):
            return None
        return Near(" near ".join(operand.label for operand in found), found, within, ordered, where)

    def _without(self, value: Mapping[str, Any], path: Path_, where: Where, *, in_all: bool) -> Without | None:
        if not in_all:
            self._wrong(
                (*path, "none"), "none: stands inside all: only; say there what must be found as well", at_key=True
            )
            return None
        if "in" not in value:
            message = "none: looks at the whole article; one passing word anywhere silences this watchlist (in: title?)"
            self.problems.append(self.document.problem((*path, "none"), message, level="warning", at_key=True))
        clauses = self._clauses(value["none"], (*path, "none"), where)
        return Without(f"none of {_names(clauses)}", clauses) if clauses else None

    def _logic(self, head: str, value: Mapping[str, Any], path: Path_, where: Where) -> AtLeast | None:
        if head == "at_least":
            if "of" not in value:
                self._wrong(path, "at_least: N needs of: with a list of clauses")
                return None
            clauses = self._clauses(value["of"], (*path, "of"), where)
            count = self._count(value["at_least"], (*path, "at_least"), len(clauses or ()))
        else:
            clauses = self._clauses(value[head], (*path, head), where, in_all=head == "all")
            count = len(clauses or ()) if head == "all" else 1
        if not clauses or count is None:
            return None
        if all(isinstance(clause, Without) for clause in clauses):
            self._wrong((*path, head), "nothing here must be found: add a clause beside none:", at_key=True)
            return None
        return AtLeast(f"{head} of {_names(clauses)}", count, clauses)

    def _clauses(self, values: Any, path: Path_, where: Where, *, in_all: bool = False) -> tuple[Clause, ...] | None:
        if not isinstance(values, list) or not values:
            self._wrong(path, "this should be a list of clauses, one a line, each after '- '")
            return None
        clauses = [self.clause(value, (*path, index), where, in_all=in_all) for index, value in enumerate(values)]
        found = tuple(clause for clause in clauses if clause)
        return found if len(found) == len(clauses) else None

    def _head(self, value: Mapping[str, Any], path: Path_) -> str | None:
        heads = [key for key in value if key in _BESIDE]
        if len(heads) != 1:
            known = ["near", "any", "all", "at_least", "name", "exact"]
            stray = next((key for key in value if key not in _BESIDE), None)
            hint = did_you_mean(stray, known) if stray and not heads else ""
            found = f"both {heads[0]}: and {heads[1]}:" if heads else f"{stray!r}" if stray else "nothing"
            message = f"a clause has one of near, any, all, at_least or none, here is {found}{hint}"
            self._wrong((*path, stray) if stray and not heads else path, message, at_key=True)
            return None
        allowed = _BESIDE[heads[0]] | {heads[0]}
        for key in value:
            if key not in allowed:
                message = f"{key!r} does not go with {heads[0]}:{did_you_mean(key, sorted(allowed))}"
                self._wrong((*path, key), message, at_key=True)
                return None
        return heads[0]

    # -- sets

    def _nested(self, value: Mapping[str, Any], path: Path_) -> TermSet | None:
        if set(value) - {"any", "except"}:
            self._wrong(path, "among terms may stand a term, $concept, {name: …}, {exact: …} or any: with except:")
            return None
        return self.set_of(value, path)

    def _terms(self, value: Any, path: Path_) -> Iterator[Term]:
        if isinstance(value, dict):
            key = next(iter(value))
            if len(value) > 1 or key not in _KINDS:
                self._wrong(path, "write {name: …} or {exact: …}, with nothing beside it")
                return
            inner = value[key]
            for index, text in enumerate(inner) if isinstance(inner, list) else [(None, inner)]:
                place = (*path, key) if index is None else (*path, key, index)
                yield from self._term(text, place, _KINDS[key])
        else:
            yield from self._term(value, path, Kind.PLAIN)

    def _term(self, value: Any, path: Path_, kind: Kind) -> Iterator[Term]:
        if value is None or value == "":
            self._wrong(path, "empty term; write a word after '- ', or remove the line")
        elif not isinstance(value, str):
            self._wrong(path, "a term is a word or a phrase; one a line, each after '- '")
        elif not any(map(str.isalnum, fold(value).text)):
            self._wrong(path, f"term {value!r} has no letter and no digit")
        else:
            yield Term(value.strip(), kind)

    def _exceptions(self, values: Any, path: Path_) -> tuple[Term, ...] | None:
        if values is None:
            return ()
        if not isinstance(values, list) or not values:
            self._wrong(path, "except: takes a list of terms, one a line, each after '- '")
            return None
        before = len(self.problems)
        terms = tuple(term for index, value in enumerate(values) for term in self._terms(value, (*path, index)))
        return terms if len(self.problems) == before else None

    def _warn_repeats(self, terms: list[Term], path: Path_) -> None:
        known: set[tuple[str, Kind]] = set()
        for term in terms:
            key = (fold(term.text).text, term.kind)
            if key in known:
                message = f"term {term.text!r} stands here twice (up to spelling)"
                self.problems.append(self.document.problem(path, message, level="warning"))
            known.add(key)

    # -- values

    def _where(self, value: Mapping[str, Any], path: Path_, outer: Where) -> Where:
        if "in" not in value:
            return outer
        try:
            where = Where(str(value["in"]))
        except ValueError:
            where = Where.ARTICLE
        if where is Where.ARTICLE:
            self._wrong((*path, "in"), "in: is title, lead (the first paragraph) or text")
        return where

    def _within(self, value: Mapping[str, Any], path: Path_) -> int | Literal["sentence", "paragraph"] | None:
        given = value.get("within", "paragraph")
        if given in {"sentence", "paragraph"}:
            return "sentence" if given == "sentence" else "paragraph"
        if isinstance(given, str) and given.isascii() and given.isdigit():
            return int(given)
        self._wrong((*path, "within"), "within: is a number of words, sentence or paragraph")
        return None

    def _flag(self, given: Any, path: Path_) -> bool | None:
        if given in {"true", "false"}:
            return bool(given == "true")
        self._wrong(path, "this should be true or false")
        return None

    def _count(self, given: Any, path: Path_, clauses: int) -> int | None:
        if isinstance(given, str) and given.isascii() and given.isdigit() and 1 <= int(given) <= max(clauses, 1):
            return int(given)
        self._wrong(path, f"at_least: is a number from 1 to the number of clauses ({clauses})")
        return None

    def _wrong(self, path: Path_, message: str, *, at_key: bool = False) -> None:
        problem = self.document.problem(path, message, at_key=at_key)
        if problem not in self.problems:
            self.problems.append(problem)


def _is_logic(value: Any) -> bool:
    """Whether a value is logic over clauses rather than a set of terms."""
    if not isinstance(value, dict) or set(value) & set(_KINDS):
        return False
    return bool(set(value) & {"near", "all", "at_least", "none", "in"}) or any(map(_is_logic, _items(value.get("any"))))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _at(document: Document, path: Path_) -> Any:
    value: Any = document.data
    for step in path:
        value = value[step]
    return value


def _label(terms: list[Term], sets: list[TermSet]) -> str:
    names = [each.label for each in sets] + [term.text for term in terms]
    return " | ".join([*names[:_SHOWN], "…"] if len(names) > _SHOWN else names)


def _names(clauses: tuple[Clause, ...] | None) -> str:
    return ", ".join(clause.label for clause in clauses or ())
