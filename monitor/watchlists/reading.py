"""Expressions as analysts write them, read from a document's tree into `matching.expressions`.

Hides the grammar (docs/watchlists.md): terms, ``$concepts``, ``any``, ``all``, ``near``, ``none``, ``at_least``, ``in``
and ``except``. Each fault is collected with its place and reading goes on behind it, so that one look shows them all.
Files, ids and everything of a watchlist that is no expression are `loading`'s affair.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from monitor.documents import did_you_mean
from monitor.matching import spellings
from monitor.matching.expressions import AtLeast, Clause, Has, Kind, Near, Term, TermSet, Where, Without
from monitor.text.arabic import has_article
from monitor.text.tokens import Script, tokenize
from monitor.watchlists.schema import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from monitor.documents import Document, Path_, Tree
    from monitor.errors import Level, Problem

Units = Literal["sentence", "paragraph"]

_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "any": ("except", "in"),
    "all": ("in",),
    "near": ("within", "ordered", "in"),
    "none": ("in", "within"),
    "at_least": ("of", "in"),
    "name": (),
    "exact": (),
}
"""The word that begins each kind of expression, and what may stand beside it."""

_ENTRY: Final = frozenset(field.alias or name for name, field in Entry.model_fields.items())
_CONCEPT: Final = re.compile(r"[^\W\d][\w-]*")
_SWITCH: Final = {"true": True, "yes": True, "false": False, "no": False}
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A value of a document, and where it stands."""

    document: Document
    path: Path_ = ()

    @property
    def value(self) -> Tree:
        """What stands here."""
        value: Any = self.document.data
        for step in self.path:
            value = value[step]
        found: Tree = value
        return found

    def __truediv__(self, step: str | int) -> Place:
        """Go to a key's value or an item of the value here."""
        return Place(self.document, (*self.path, step))

    def __contains__(self, key: str) -> bool:
        """Tell whether the value here is a mapping with this key."""
        value = self.value
        return isinstance(value, dict) and key in value

    def __str__(self) -> str:
        """``file:line``, for messages that point from one place to another."""
        here = self.document.problem(self.path, "")
        return f"{here.file}:{here.line}"

    def problem(self, message: str, *, level: Level = "error", at_key: bool = False) -> Problem:
        """Say what is wrong here."""
        return self.document.problem(self.path, message, level=level, at_key=at_key)

    def items(self) -> list[Place]:
        """Return the places of a list's items; none when the value here is no list."""
        value = self.value
        return [self / index for index in range(len(value))] if isinstance(value, list) else []

    def listed(self) -> list[Place]:
        """Return a list's items, or the single value that stands for a list of one."""
        return self.items() if isinstance(self.value, list) else [self]


@dataclass(slots=True)
class Reader:
    """Reads expressions that share ``concepts`` and ``aliases``; ``problems`` grows as it goes.

    What a method returns may be used only if no error is among the problems: a faulty part is left out of it.
    ``written`` are the terms, each once where it stands; ``used`` the concepts that something refers to.
    """

    concepts: Mapping[str, Place]
    aliases: Mapping[str, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    written: list[tuple[Place, Term]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    _groups: list[tuple[str, ...]] = field(default_factory=list)
    _known: dict[str, TermSet] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def read_aliases(self) -> None:
        """Read the spellings of names; terms that are read later have them."""
        first: dict[str, Place] = {}
        for name, place in self.aliases.items():
            group = [self._spelling(item, first) for item in self._items(place)]
            if len(group) == 1:
                self._tell(place, "one spelling alone is no alias; add another, or take the group out", key=True)
            self._groups.append(tuple(filter(None, group)))
            if not name.strip():
                self._tell(place, "aliases: gives each group a name, such as its usual spelling", key=True)

    def _spelling(self, place: Place, first: dict[str, Place]) -> str:
        """Read one spelling: a single Arabic word; its article is left out."""
        text = place.value.strip() if isinstance(place.value, str) else ""
        words = tokenize(text)
        if len(words) != 1 or words[0].script is not Script.ARABIC or words[0].prefix:
            message = f"an alias is one Arabic word; {_shown(place.value)} is none (several words: a concept with any:)"
            self._tell(place, message)
            return ""
        bare = words[0].spelt.removeprefix("ال") if has_article(words[0].spelt) else words[0].spelt
        if first.setdefault(bare, place) != place:
            self._tell(place, f"«{text}» stands twice among the aliases (first in {first[bare]}); join the groups")
        return bare

    def read_concepts(self) -> None:
        """Read every concept, so that those which nobody uses are checked too."""
        for name, place in self.concepts.items():
            if not _CONCEPT.fullmatch(name):
                self._tell(place, f"a concept's name is one word that begins with a letter; {name!r} is not", key=True)
            self._concept(name, place)

    def read_watchlist(self, place: Place) -> Clause:
        """Read what a watchlist asks: its ``match``, or the short form ``terms`` with ``except``."""
        misspelt = isinstance(place.value, dict) and any(key not in _ENTRY for key in place.value)
        if ("match" in place) == ("terms" in place) and ("match" in place or not misspelt):
            both = "match: and terms: exclude each other; keep one" if "match" in place else None
            self._tell(place, both or "a watchlist needs terms: (any of these) or match: (an expression)")
        if "match" in place:
            if "except" in place and "terms" not in place:
                self._tell(
                    place / "except", "except: belongs to terms:; with match: it goes on the any: that it limits"
                )
            return _clause(self._node(place / "match", None), None)
        return _clause(self._any(place, None, "terms"), None) if "terms" in place else Has(TermSet(""))

    def _tell(self, place: Place, message: str, *, level: Level = "error", key: bool = False) -> None:
        self.problems.append(place.problem(message, level=level, at_key=key))

    # --- Any expression --------------------------------------------------------------------------------------------

    def _node(self, place: Place, where: Where | None) -> TermSet | Clause:
        """Read an expression: sets of terms stay sets, so that they can nest and be operands of ``near``."""
        value = place.value
        if isinstance(value, dict):
            return self._mapping(place, where)
        if isinstance(value, list):
            self._tell(place, "a list needs a word above it that says how its items join: any: or all:")
            return TermSet("")
        if value is None and isinstance(place.path[-1], str):
            self._tell(place, f"{place.path[-1]}: has nothing below it", key=True)
            return TermSet("")
        return self._word(place)

    def _mapping(self, place: Place, where: Where | None) -> TermSet | Clause:
        readers: dict[str, Callable[[Place, Where | None], TermSet | Clause]] = {
            "any": self._any,
            "all": self._all,
            "near": self._near,
            "none": self._none,
            "at_least": self._at_least,
        }
        kind = self._kind(place)
        if kind in readers:
            return readers[kind](place, self._where(place, where))
        return self._terms(place / kind, Kind(kind)) if kind else TermSet("")

    def _kind(self, place: Place) -> str | None:
        """Find the one word that begins the expression, and tell what does not belong beside it."""
        keys = list(place.value or ())
        kinds = [key for key in keys if key in _KEYS]
        if len(kinds) > 1:
            both = " and ".join(f"{kind}:" for kind in kinds)
            self._tell(place, f"{both} stand side by side; make each an item of its own (- {kinds[0]}: …) below all:")
            return None
        kind = kinds[0] if kinds else None
        for key in keys:
            if key != kind and key not in _KEYS.get(kind or "", ()):
                self._tell(place / key, _stray(key, kind), key=True)
        if not keys:
            self._tell(place, "an expression is missing here")
        return kind

    def _where(self, place: Place, outer: Where | None) -> Where | None:
        if "in" not in place:
            return outer
        choice = place / "in"
        known = [where.value for where in Where if where is not Where.ARTICLE]
        if choice.value not in known:
            self._tell(choice, f"in: is one of {', '.join(known)}; {_shown(choice.value)} is none of them")
            return outer
        if outer is not None:
            self._tell(choice, f"in: stands inside another in: ({outer}); keep one of them")
        return Where(str(choice.value))

    def _items(self, place: Place, fewest: int = 1) -> list[Place]:
        items = place.items()
        name = place.path[-1]
        if place.value is not None and not isinstance(place.value, list):
            self._tell(place, f"{name}: takes a list: each item in a line of its own behind '- '")
        elif not items:
            self._tell(place, f"{name}: is empty; put at least {'one item' if fewest == 1 else 'two items'} below it")
        elif len(items) < fewest:
            self._tell(place, f"{name}: needs at least two items; a single one stands without {name}:")
        return items

    # --- Logic -----------------------------------------------------------------------------------------------------

    def _clauses(self, place: Place, where: Where | None) -> tuple[Clause, ...]:
        return tuple(_clause(self._node(item, where), where) for item in self._items(place))

    def _all(self, place: Place, where: Where | None) -> Clause:
        clauses = self._clauses(place / "all", where)
        if clauses and all(isinstance(clause, Without) for clause in clauses):
            self._tell(
                place, "all: holds nothing but none:, so nearly every article would alert; add what must be there"
            )
        return AtLeast(f"all: {_joined(clauses, ' + ')}", len(clauses), clauses)

    def _none(self, place: Place, where: Where | None) -> Clause:
        if place.path[-2:-1] != ("all",):
            self._tell(place, "none: takes away from something: make it an item of all:, beside what must be there")
        elif where is None and "within" not in place:
            message = (
                "none: looks at the whole article, so one passing word silences it; consider within: sentence or "
                "paragraph, or in: title, lead or text"
            )
            self._tell(place / "none", message, level="warning", key=True)
        clauses = self._clauses(place / "none", where)
        within = self._within(place / "within") if "within" in place else None
        if within is not None and not all(isinstance(clause, Has) for clause in clauses):
            self._tell(place / "none", "none: with within: takes sets of terms; put logic in a none: of its own")
        return Without(f"none: {_joined(clauses, ' | ')}", clauses, within)

    def _at_least(self, place: Place, where: Where | None) -> Clause:
        given = place / "at_least"
        count = _number(given)
        if count is None:
            self._tell(given, f"at_least: is a number from 1; {_shown(given.value)} is none")
        if "of" not in place:
            self._tell(place, "at_least: needs of: with the clauses to count")
            return AtLeast("", 1, ())
        clauses = self._clauses(place / "of", where)
        if clauses and (count or 0) > len(clauses):
            self._tell(given, f"at_least: {count} can never hold, of: has only {len(clauses)}")
        return AtLeast(f"at least {count} of: {_joined(clauses, ' + ')}", count or 1, clauses)

    def _near(self, place: Place, where: Where | None) -> Clause:
        operands = [self._operand(item) for item in self._items(place / "near", fewest=2)]
        within = self._within(place / "within") if "within" in place else "paragraph"
        ordered = self._switch(place / "ordered") if "ordered" in place else False
        label = f"near: {_joined(operands, ' + ')}"
        return Near(label, tuple(operands), within, ordered, where or Where.ARTICLE)

    def _operand(self, place: Place) -> TermSet:
        node = self._node(place, None)
        if isinstance(node, TermSet):
            return node
        message = "near: joins sets of terms: a term, $concept, any:, name: or exact:, without in:; put logic around it"
        self._tell(place, message)
        return TermSet("")

    def _within(self, place: Place) -> int | Units:
        value = place.value
        if isinstance(value, str) and value in {"sentence", "paragraph"}:
            return "sentence" if value == "sentence" else "paragraph"
        count = _number(place, least=0)
        if count is None:
            self._tell(place, f"within: is a number of words from 0, sentence or paragraph; {_shown(value)} is none")
        return count or 0

    def _switch(self, place: Place) -> bool:
        value = str(place.value).lower()
        if value not in _SWITCH:
            self._tell(place, f"{place.path[-1]}: is true or false; {_shown(place.value)} is neither")
        return _SWITCH.get(value, False)

    # --- Sets of terms ---------------------------------------------------------------------------------------------

    def _any(self, place: Place, where: Where | None, key: str = "any") -> TermSet | Clause:
        """Read a list of alternatives: a set of terms, unless logic is among them or ``in`` stands on it."""
        items = self._items(place / key)
        nodes = [self._node(item, where) for item in items]
        exceptions = self._exceptions(place / "except") if "except" in place else ()
        sets = [node for node in nodes if isinstance(node, TermSet)]
        if len(sets) < len(nodes):
            if exceptions:
                self._tell(
                    place / "except", "except: stands on terms, and this any: holds logic; put it on an any: of terms"
                )
            return AtLeast(f"any: {_joined(nodes, ' | ')}", 1, tuple(_clause(node, where) for node in nodes))
        self._lint(items, place)
        joined = _union(sets, exceptions)
        return Has(joined, where or Where.ARTICLE) if "in" in place else joined

    def _terms(self, place: Place, kind: Kind) -> TermSet:
        items = self._items(place) if isinstance(place.value, list) else [place]
        return _union([self._word(item, kind) for item in items], ())

    def _word(self, place: Place, kind: Kind = Kind.PLAIN) -> TermSet:
        value = place.value
        if isinstance(value, (dict, list)):
            self._tell(place, f"{kind}: takes terms, as text; this is an expression")
            return TermSet("")
        text = " ".join((value or "").split())
        if not text:
            self._tell(place, "an empty term; write it, or take the line out (a term that begins with # needs quotes)")
        elif text.startswith("$") and text[1:2].isalpha():
            return self._reference(place, text, kind)
        elif not any(one.isalnum() for one in text):
            self._tell(place, f"«{text}» holds no letter and no digit, so no text could match it; write a word")
        term = Term(text, kind, () if kind is Kind.EXACT else spellings(text, self._groups))
        self.written.append((place, term))
        return TermSet(text, (term,))

    def _exceptions(self, place: Place) -> tuple[Term, ...]:
        found: list[Term] = []
        for item in self._items(place):
            if isinstance(item.value, dict) and self._kind(item) not in {"name", "exact"}:
                self._tell(item, "an exception is a term, name: or exact:; it is no expression")
            elif isinstance(item.value, str) and item.value.startswith("$"):
                self._tell(item, f"an exception is written out, term by term; {item.value} is a concept")
            else:
                node = self._node(item, None)
                found += node.terms if isinstance(node, TermSet) else ()
        return tuple(found)

    def _lint(self, items: Iterable[Place], place: Place) -> None:
        """Warn of terms that say nothing new, and of those which their own exception takes away."""
        first: dict[tuple[Kind, str], Place] = {}
        for word, kind, text in _words(items):
            if first.setdefault((kind, text), word) != word:
                message = f"«{text}» repeats {first[kind, text]}; take one out"
                self._tell(word, message, level="warning")
        exceptions = (place / "except").items() if "except" in place else []
        for word, kind, text in _words(exceptions):
            if (kind, text) in first:
                message = f"«{text}» is a term of this set ({first[kind, text]}); the exception leaves nothing of it"
                self._tell(word, message, level="warning")

    # --- Concepts --------------------------------------------------------------------------------------------------

    def _reference(self, place: Place, text: str, kind: Kind) -> TermSet:
        name = text[1:]
        self.used.add(name)
        if not _CONCEPT.fullmatch(name):
            self._tell(place, f"«{text}» is no term and no concept; a concept ($name) stands alone in its line")
        elif kind is not Kind.PLAIN:
            self._tell(place, f"{kind}: takes terms; {text} brings its own kinds, write it without {kind}:")
        elif name in self._open:
            circle = " → ".join(f"${one}" for one in [*self._open[self._open.index(name) :], name])
            self._tell(place, f"concepts run in a circle: {circle}; take one of them out")
        elif name not in self.concepts:
            near = did_you_mean(text, [f"${known}" for known in self.concepts])
            self._tell(place, f"no concept is called {text}{near or '; define it under concepts:'}")
        else:
            return self._concept(name, self.concepts[name])
        return TermSet(text)

    def _concept(self, name: str, place: Place) -> TermSet:
        if name not in self._known:
            self._open.append(name)
            self._known[name] = replace(self._definition(place), label=f"${name}")
            self._open.pop()
        return self._known[name]

    def _definition(self, place: Place) -> TermSet:
        if not isinstance(place.value, dict):
            self._tell(place, "a concept is a mapping: any: with the terms below it, and except: if need be")
            return TermSet("")
        node = self._node(place, None)
        if isinstance(node, TermSet):
            return node
        self._tell(
            place, "a concept is a set of terms; all:, near:, at_least:, none: and in: belong into a watchlist's match:"
        )
        return TermSet("")


# --- Pure parts ------------------------------------------------------------------------------------------------------


def _clause(node: TermSet | Clause, where: Where | None) -> Clause:
    return Has(node, where or Where.ARTICLE) if isinstance(node, TermSet) else node


def _union(sets: Sequence[TermSet], exceptions: tuple[Term, ...]) -> TermSet:
    """Join sets into one. Concepts stay sets of their own, by name; so do exceptions, which reach no further."""
    kept = [one for one in sets if one.label.startswith("$") or one.exceptions]
    loose = [one for one in sets if one not in kept]
    return TermSet(
        label=_joined(sets, " | "),
        terms=tuple(term for one in loose for term in one.terms),
        sets=(*kept, *(inner for one in loose for inner in one.sets)),
        exceptions=exceptions,
    )


def _joined(parts: Sequence[TermSet | Clause], mark: str) -> str:
    """Name a whole by its first parts."""
    labels = [part.label for part in parts]
    return mark.join([*labels[:_SHOWN], *(["…"] if len(labels) > _SHOWN else [])])


def _words(items: Iterable[Place]) -> Iterator[tuple[Place, Kind, str]]:
    """Yield each term and concept that stands directly in a list, as written, spaces evened."""
    for item in items:
        if isinstance(item.value, str):
            yield item, Kind.PLAIN, " ".join(item.value.split())
        for kind in (Kind.NAME, Kind.EXACT):
            for word in (item / kind).listed() if kind in item else ():
                if isinstance(word.value, str):
                    yield word, kind, " ".join(word.value.split())


def _number(place: Place, least: int = 1) -> int | None:
    value = place.value
    number = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,6}", value, re.ASCII) else -1
    return number if number >= least else None


def _stray(key: str, kind: str | None) -> str:
    """Say what to do about a key that does not belong to an expression."""
    if kind and key == "except":
        return f"except: does not go with {kind}:; it stands on any:, terms: and concepts, beside the terms it limits"
    if kind:
        near = did_you_mean(key, _KEYS[kind]) or f"; {kind}: stands alone"
        return f"unknown key {key!r} beside {kind}:{near}"
    near = did_you_mean(key, _KEYS)
    return f"unknown key {key!r}{near} (a term with ': ' in it needs quotes)"


def _shown(value: Tree) -> str:
    return repr(value) if isinstance(value, str) else "nothing" if value is None else "this"
