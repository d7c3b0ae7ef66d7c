"""Which words of the terms a token of a text satisfies, and how surely.

Hides the index of forms, the cache of tokens seen, and spelling variants. It sees one token at a time; order and
neighbours are `phrases`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from monitor.matching.terms import Article, Reading, Word
from monitor.model import How
from monitor.text import latin
from monitor.text.arabic import ENCLITICS, UNDOTTED, Cut, cuts, marks_agree
from monitor.text.frequencies import uses
from monitor.text.lexicon import key
from monitor.text.names import are_variants, is_tabled, skeleton
from monitor.text.tokens import Script, Token, has_tanwin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.text.forms import Form

K = TypeVar("K")
V = TypeVar("V")

MOST_REMEMBERED: Final = 20_000
"""Distinct tokens kept analysed; then all are forgotten. Plain words are kept by the engine, as chunks."""

_HEAD: Final = 3
"""Letters by which most words are seen not to be among the forms: those that a body begins with, final ة also as ه.

A form of two letters is its own head."""

LONGEST_WORD: Final = 40
"""Letters of the longest word that is taken apart; a longer run is noise."""

_BLOCK: Final = 8192
"""Numbers made at a time: they lie side by side in memory, which is where an article's sets of them are looked up."""

_JOINTS: Final = ("", "و", "ف")
_BEFORE_BODY: Final = tuple(
    joint + particle for joint in _JOINTS for particle in ("", "ب", "ل", "ك", "س", "ال", "بال", "كال", "لل")
)
_NO_PROCLITIC: Final = ("",)
_PROCLITICS: Final = {
    first: tuple(one for one in _BEFORE_BODY if one.startswith(first) or first.startswith(one))
    for first in sorted({one[:length] for one in _BEFORE_BODY if one for length in (1, 2)})
}
"""What may stand before a body, by the first two letters of the word, or by its first where no two are listed."""

_ENDINGS: Final = {
    last: tuple((one, instead) for one, instead in (("ه", "ة"), *((one, "") for one in ENCLITICS)) if one[-1] == last)
    for last in sorted({one[-1] for one in ENCLITICS})
}
"""What may stand behind a body, by its last letter, and what the body then ends with."""

_RANK: Final = {how: rank for rank, how in enumerate(How)}


@dataclass(frozen=True, slots=True)
class Hit:
    """A token satisfies a word: how surely, whether it proves too little alone, whether و or ف stands before it."""

    how: How
    weak: bool = False
    joined: bool = False

    @property
    def order(self) -> tuple[bool, int, bool]:
        """Sort the better hit first."""
        return (self.joined, _RANK[self.how], self.weak)


class Vocabulary:
    """All words of the compiled terms. Words are added, then tokens looked up; both may go on in turn."""

    def __init__(self) -> None:
        self._ids: dict[Word, int] = {}
        self._numbers: list[int] = []
        self._commonness: list[float] = []
        self._forms: dict[str, tuple[tuple[int, Word, Form], ...]] = {}
        self._heads: set[str] = set()
        self._names: dict[str, tuple[tuple[int, Word, str, tuple[str, ...]], ...]] = {}
        self._plain: dict[tuple[Script, str], tuple[tuple[int, Word], ...]] = {}
        self._seen: dict[tuple[object, ...], Mapping[int, Hit]] = {}

    def __len__(self) -> int:
        """Count the words; numbers run from 0."""
        return len(self._ids)

    def copy(self) -> Vocabulary:
        """Return one that may grow apart: the same words by the same numbers, and nothing shared that changes."""
        other = Vocabulary()
        other._ids, other._commonness, other._numbers = self._ids.copy(), self._commonness.copy(), self._numbers.copy()
        other._forms, other._heads = self._forms.copy(), self._heads.copy()
        other._names, other._plain = self._names.copy(), self._plain.copy()
        return other

    def add(self, word: Word) -> int:
        """Register a word and return its number; the same word has the same number."""
        if word in self._ids:
            return self._ids[word]
        if len(self._ids) == len(self._numbers):
            self._numbers += range(len(self._ids), len(self._ids) + _BLOCK)
        number = self._ids[word] = self._numbers[len(self._ids)]
        self._commonness.append(_commonness(word))
        self._seen.clear()
        if word.script is Script.ARABIC:
            for form in word.forms:
                plain = form.key
                _append(self._forms, plain, (number, word, form))
                self._heads.update((plain[:_HEAD], plain[:_HEAD].replace("ة", "ه")))
                if word.varies and form.how is How.EXACT:
                    _append(self._names, skeleton(plain), (number, word, plain, form.marks))
        elif word.script is Script.LATIN:
            for plain in _latin_keys(key(word.spelt)):
                _append(self._plain, (word.script, plain), (number, word))
        else:
            _append(self._plain, (word.script, key(word.spelt)), (number, word))
        return number

    def commonness(self, number: int) -> float:
        """Estimate a word's uses in a billion words, for choosing anchors: a poor guess costs time, never a match."""
        return self._commonness[number]

    def hits_of_word(self, word: str, plain: str, *, undotted: bool) -> Mapping[int, Hit]:
        """Find the words that a plain Arabic word satisfies, folded to ``plain``."""
        if len(word) > LONGEST_WORD or not self.may_hit(plain):
            return {}
        spelt = _undotted(word) if undotted else word
        return self._look_up(Token(plain, word, 0, len(word), Script.ARABIC), spelt)

    def may_hit(self, plain: str) -> bool:
        """Tell, for a folded Arabic word, whether `hits` is worth asking: quick, and never wrongly False."""
        forms, names, heads = self._forms, self._names, self._heads
        for proclitic in _PROCLITICS.get(plain[:2]) or _PROCLITICS.get(plain[0], _NO_PROCLITIC):
            start = len(proclitic)
            is_head = plain[start : start + _HEAD] in heads or plain[start : start + _HEAD - 1] in heads
            if not (is_head or names) or not plain.startswith(proclitic):
                continue
            body = plain[start:]
            if not body:
                continue
            if names and skeleton(body) in names:
                return True
            if not is_head:
                continue
            if body in forms:
                return True
            for ending, instead in _ENDINGS.get(body[-1], ()):
                if body.endswith(ending) and body[: -len(ending)] + instead in forms:
                    return True
        return False

    def hits(self, token: Token, *, undotted: bool = False) -> Mapping[int, Hit]:
        """Find the words that a token satisfies. ``undotted``: its article writes final ي as ى."""
        spelt = _undotted(token.spelt) if undotted else token.spelt
        seen = (spelt, token.prefix, token.marks)
        found = self._seen.get(seen)
        if found is None:
            if len(self._seen) >= MOST_REMEMBERED:
                self._seen.clear()
            found = self._seen[seen] = self._look_up(token, spelt)
        return found

    def _look_up(self, token: Token, spelt: str) -> Mapping[int, Hit]:
        if len(spelt) > LONGEST_WORD:
            return {}
        if token.script is Script.LATIN:
            found = self._latin(token)
        elif token.script is Script.ARABIC:
            if not (self.may_hit(token.key) or (token.prefix and self.may_hit(key(token.prefix) + token.key))):
                return {}
            found = self._arabic(token, cuts(spelt, token.prefix))
        else:
            numbers = self._plain.get((token.script, token.key), ())
            found = ((number, Hit(How.EXACT)) for number, word in numbers if word.needs <= set(token.prefix))
        best: dict[int, Hit] = {}
        for number, hit in found:
            if number not in best or hit.order < best[number].order:
                best[number] = hit
        return best

    def _latin(self, token: Token) -> Iterator[tuple[int, Hit]]:
        for place, plain in enumerate(_latin_keys(token.key)):
            for number, word in self._plain.get((Script.LATIN, plain), ()):
                how = _latin_how(token, word, place)
                if how is not None and word.needs <= set(token.prefix):
                    yield number, Hit(how, joined=token.prefix in {"و", "ف"} - word.needs)

    def _arabic(self, token: Token, ways: list[Cut]) -> Iterator[tuple[int, Hit]]:
        tanwin = has_tanwin(token)
        found: set[int] = set()
        for cut in ways:
            marks = _marks_of(token, cut)
            for number, word, form in self._forms.get(key(cut.body), ()):
                if _allows(word, cut, tanwin=tanwin) and form.admits(cut, marks):
                    found.add(number)
                    how = How.INFLECTED if cut.enclitic and form.how is How.EXACT else form.how
                    yield number, Hit(how, form.is_weak(marks), bool(cut.joint) and cut.joint not in word.needs)
        yield from self._variants(token, ways, found, tanwin=tanwin)

    def _variants(self, token: Token, ways: list[Cut], found: set[int], *, tanwin: bool) -> Iterator[tuple[int, Hit]]:
        if not self._names or any(is_tabled(key(cut.body)) for cut in ways if cut.particle or cut.enclitic):
            return  # بأيدينا is a word with its particles, and not بايدن
        for cut in ways:
            body = key(cut.body)
            for number, word, name, marks in self._names.get(skeleton(body), ()) if not cut.enclitic else ():
                if name == body and not marks_agree(marks, _marks_of(token, cut)):
                    continue
                if number not in found and _allows(word, cut, tanwin=tanwin) and _may_be(name, body, cut, word):
                    yield number, Hit(How.VARIANT, joined=bool(cut.joint) and cut.joint not in word.needs)


def _undotted(spelt: str) -> str:
    """Mark a final ى that may stand for ي."""
    return spelt[:-1] + UNDOTTED if spelt.endswith("ى") else spelt


def _commonness(word: Word) -> float:
    """Add up the uses of a word's forms, with and without the article; of other scripts nothing is known."""
    return sum(uses(plain) + uses("ال" + plain) for plain in {form.key for form in word.forms})


def _append(index: dict[K, tuple[V, ...]], place: K, entry: V) -> None:
    index[place] = (*index.get(place, ()), entry)


def _allows(word: Word, cut: Cut, *, tanwin: bool) -> bool:
    """Tell whether a word's article, particles and marks go with this way to read the token."""
    if word.article is not Article.FREE and cut.article != (word.article is Article.REQUIRED):
        return False
    return word.needs <= {cut.joint, cut.particle} and not (word.is_name and tanwin)


def _may_be(name: str, body: str, cut: Cut, word: Word) -> bool:
    """Tell another spelling of a name, which may be another hamza only (أردوغان, إردوغان), but not ى for ي."""
    if name == body:
        return not (cut.body.endswith("ى") or word.spelt.endswith("ى"))
    return are_variants(name, body)


def _marks_of(token: Token, cut: Cut) -> tuple[str, ...]:
    """Take the marks that stand on a body's letters."""
    if not token.marks:
        return ()
    start = max(cut.place, 0)
    marks = token.marks[start : start + len(cut.body)]
    return marks if len(marks) == len(cut.body) else ()


def _latin_keys(plain: str) -> tuple[str, str, str]:
    """Give what a word is found by: itself, its stem, its spelling as a name."""
    bare = latin.without_possessive(plain)
    return (bare, "~" + latin.stem(bare), "=" + latin.name_key(bare))


def _latin_how(token: Token, word: Word, place: int) -> How | None:
    if word.reading is Reading.ACRONYM:
        return How.EXACT if place == 0 and latin.without_possessive(token.spelt) == word.spelt else None
    if place == 0:
        return How.EXACT
    if place == 1:
        return How.INFLECTED if word.reading is Reading.LATIN and not latin.is_acronym(token.spelt) else None
    return How.VARIANT if word.reading is Reading.LATIN_NAME else None
