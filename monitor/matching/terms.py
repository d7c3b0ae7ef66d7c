"""How a term is read before any text is seen: which words it has, how freely each may vary, how else it may be spaced.

Hides what makes a name a name, an acronym an acronym, and the ways to write one phrase (عبدالله, بسوريا). Texts are not
known here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from itertools import chain, groupby, islice, takewhile
from typing import TYPE_CHECKING, Final

from monitor.matching.expressions import Kind
from monitor.model import How
from monitor.text import latin
from monitor.text.arabic import cuts, has_article
from monitor.text.families import alone, closed_family, family
from monitor.text.letters import acronyms, is_letter, spelt_out
from monitor.text.lexicon import aliases, gentilics, is_listed, key
from monitor.text.tokens import Script, Token, has_tanwin, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.matching.expressions import Term
    from monitor.text.forms import Form

MOST_SPELLINGS: Final = 32
"""Ways to space one phrase that are looked for; a phrase of many compounds would have more than anybody writes."""


class Article(StrEnum):
    """What a word asks about ال before it."""

    FREE = "free"
    REQUIRED = "required"
    REFUSED = "refused"


class Reading(StrEnum):
    """How a word was taken, in words for people."""

    FAMILY = "whole family"
    NAME = "name, spelling may vary"
    FIXED_NAME = "name, one spelling"
    CLOSED = "with ال"
    EXACT = "as written"
    ACRONYM = "acronym"
    LETTER = "name of a letter"
    NUMBER = "number"
    LATIN = "word and its endings"
    LATIN_NAME = "name"


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a term: the forms to find, and what must hold around them.

    ``needs``: particles that must stand before it. ``varies``: other spellings of a name count. ``is_name``: no tanwin.
    ``sign``: what joins it to the word before it, when that is more than a space or dash (24/7, أ.ش.أ).
    ``listed``: those of the forms that are spellings from a list.
    """

    spelt: str
    script: Script
    reading: Reading
    forms: tuple[Form, ...] = ()
    article: Article = Article.FREE
    varies: bool = False
    is_name: bool = False
    needs: frozenset[str] = frozenset()
    sign: str = ""
    listed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ReadTerm:
    """A term's words, in each spacing that counts; the first is as written.

    ``is_name``: one middle name may stand in it.
    """

    term: Term
    spellings: tuple[tuple[Word, ...], ...]
    is_name: bool


@lru_cache(maxsize=65536)
def read_term(term: Term) -> ReadTerm:
    """Read a term by docs/watchlists.md, lines 1 to 4; a term without any word has no spelling."""
    tokens = tokenize(term.text)
    if not tokens:
        return ReadTerm(term, (), is_name=False)
    names = _name_places(tokens, term.kind)
    single = len(tokens) == 1
    lettered = term.kind is not Kind.EXACT
    spelt_out = _letter_places(tokens) if lettered else frozenset()
    words = (
        _letter(token.spelt, (token.spelt,))
        if place in spelt_out
        else _read_word(token, term, named=place in names, single=single)
        for place, token in enumerate(tokens)
    )
    as_written = tuple(words) if single else tuple(map(_in_phrase, words, tokens))
    distinct = tuple(dict.fromkeys(islice(_spacings(as_written, lettered=lettered), MOST_SPELLINGS)))
    return ReadTerm(term, distinct, is_name=term.kind is Kind.NAME and len(tokens) > 1)


def describe(term: Term) -> str:
    """Say in one line how a term is read, and which forms of it are looked for."""
    read = read_term(term)
    if not read.spellings:
        return "no word in it"
    said = [f"{word.spelt}: {word.reading}{_forms(word)}" for word in read.spellings[0]]
    others = dict.fromkeys(" ".join(word.spelt for word in spelling) for spelling in read.spellings[1:])
    return " · ".join([*said, *([f"also spaced {', '.join(others)}"] if others else [])])


def _forms(word: Word) -> str:
    spelt = list(dict.fromkeys(one.spelt for one in word.forms if one.free and one.spelt != word.spelt))
    return f" ({', '.join(spelt)})" if spelt else ""


# --- Words --------------------------------------------------------------------------------------------------------


def _name_places(tokens: Sequence[Token], kind: Kind) -> frozenset[int]:
    """Find the words of a plain term that are names: listed ones, and what stands right after a given name."""
    if kind is not Kind.PLAIN:
        return frozenset(range(len(tokens))) if kind is Kind.NAME else frozenset()
    found: set[int] = set()
    chained = False
    for place, token in enumerate(tokens):
        listed = is_listed(token.spelt, "given_names", "foreign_names") or (token.spelt in _KUNYA and len(tokens) > 1)
        function = is_listed(token.spelt, "function_words")
        if listed or (chained and not function and token.script is Script.ARABIC):
            found.add(place)
        chained = place in found
    return frozenset(found)


def _letter_places(tokens: Sequence[Token]) -> frozenset[int]:
    """Find runs of letters' names: two and more that are an acronym, or one before a number (إس-400)."""
    found: set[int] = set()
    for first, last in _runs(tokens):
        before_number = last < len(tokens) and tokens[last].script is Script.NUMBER
        if (last - first > 1 or before_number) and acronyms(tuple(one.spelt for one in tokens[first:last])):
            found.update(range(first, last))
    return frozenset(found)


def _runs(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """List the longest runs of letters' names."""
    place = 0
    for is_name, some in groupby(tokens, key=lambda one: one.script is Script.ARABIC and is_letter(one.spelt)):
        length = len(list(some))
        if is_name:
            yield place, place + length
        place += length


def _letter(spelt: str, names: tuple[str, ...], sign: str = "") -> Word:
    """Read the name of a letter: as written, or as any of the letter's names."""
    forms = tuple(form for name in names for form in alone(name))
    return Word(spelt, Script.ARABIC, Reading.LETTER, forms, sign=sign)


def _in_phrase(word: Word, token: Token) -> Word:
    """Hold a phrase's word to the sign before it, and to a particle that is set apart from it (و«الجزيرة»)."""
    needs = word.needs | frozenset(token.prefix.removesuffix("ال"))
    return replace(word, sign=token.sign, needs=needs) if token.sign or needs != word.needs else word


def _read_word(token: Token, term: Term, *, named: bool, single: bool) -> Word:
    if token.script in {Script.NUMBER, Script.ADDRESS}:
        return Word(token.spelt, token.script, Reading.NUMBER)
    if token.script is Script.LATIN:
        return _read_latin(token, term.kind)
    return _read_arabic(token, term, named=named, single=single)


def _read_latin(token: Token, kind: Kind) -> Word:
    if latin.is_acronym(token.spelt):
        return Word(token.spelt, token.script, Reading.ACRONYM)
    reading = {Kind.PLAIN: Reading.LATIN, Kind.NAME: Reading.LATIN_NAME, Kind.EXACT: Reading.EXACT}[kind]
    return Word(token.spelt, token.script, reading)


def _read_arabic(token: Token, term: Term, *, named: bool, single: bool) -> Word:
    spelt, kind = _with_marks(token), term.kind
    needs, base, articled = _taken_apart(token, spelt, single=single)
    strict = Article.REQUIRED if articled else Article.REFUSED
    loose = strict if single else Article.FREE
    if is_listed(token.spelt, "acronyms"):
        article = Article.FREE if is_listed("ال" + token.spelt, "acronyms") else loose  # ناتو is الناتو
        return Word(
            token.spelt, token.script, Reading.ACRONYM, alone(base), article, is_name=not has_tanwin(token), needs=needs
        )
    if kind is Kind.EXACT:
        return Word(token.spelt, token.script, Reading.EXACT, alone(base), strict, needs=needs)
    if is_listed(token.spelt, "function_words"):
        return Word(
            token.spelt, token.script, Reading.EXACT, alone(spelt), Article.FREE if token.prefix else Article.REFUSED
        )
    if named or (is_listed(token.spelt, "places") and token.key not in gentilics()):
        return _with_aliases(_read_name(token, base, loose, needs, kind), base, term.aliases)
    closed = single and articled and token.key not in gentilics()
    return _with_aliases(_read_family(token, base, needs, closed=closed), base, term.aliases)


def spellings(text: str, groups: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Choose of groups of spellings, without article, those that have a word of a text."""
    words = {token.key.removeprefix("ال") for token in tokenize(text)}
    return tuple(group for group in groups if not words.isdisjoint(map(key, group)))


def _with_aliases(word: Word, base: str, own: Sequence[tuple[str, ...]]) -> Word:
    """Add the listed spellings of a name, which rules of letters do not join."""
    known = {form.spelt for form in word.forms}
    groups = (aliases().get(key(base), ()), *(group for group in own if key(base) in map(key, group)))
    others = [one for one in dict.fromkeys(chain.from_iterable(groups)) if one not in known]
    forms = (*word.forms, *(replace(alone(one)[0], how=How.VARIANT) for one in others))
    return replace(word, forms=forms, listed=frozenset(others)) if others else word


def _read_family(token: Token, base: str, needs: frozenset[str], *, closed: bool) -> Word:
    if closed:
        return Word(token.spelt, token.script, Reading.CLOSED, closed_family(base), Article.REQUIRED)
    return Word(token.spelt, token.script, Reading.FAMILY, family(base), Article.FREE, needs=needs)


def _read_name(token: Token, base: str, article: Article, needs: frozenset[str], kind: Kind) -> Word:
    native = is_listed(token.spelt, "places", "given_names")
    fixed = native or (kind is Kind.PLAIN and not is_listed(token.spelt, "foreign_names"))
    reading = Reading.FIXED_NAME if fixed else Reading.NAME
    forms = (*_kunya(token, base), *_hamza_seats(base))
    varies = not fixed or (kind is Kind.NAME and is_listed(token.spelt, "given_names"))
    return Word(token.spelt, token.script, reading, forms, article, varies, is_name=not has_tanwin(token), needs=needs)


def _hamza_seats(base: str) -> tuple[Form, ...]:
    """Write a name's hamza as newspapers do without it, and with it: عائشة, عايشة; نايف, نائف."""
    others = {base.replace("ئ", "ي"), base.replace("ؤ", "و"), base.replace("اي", "ائ")} - {base}
    return tuple(replace(one, how=How.VARIANT) for other in sorted(others) for one in alone(other))


_KUNYA: Final = ("أبو", "أبي", "أبا", "ابو", "ابي", "ابا")
_SON: Final = ("ابن", "بن", "إبن")


def _kunya(token: Token, base: str) -> tuple[Form, ...]:
    """Write أبو in all its cases, and ابن with and without its ا."""
    written = _KUNYA[:3] if token.spelt in _KUNYA else _SON[:2] if token.spelt in _SON else ()
    if not written:
        return alone(base)
    cases = (one for case in written for one in alone(case))
    return tuple(replace(one, how=How.EXACT if one.key == token.key else How.INFLECTED) for one in cases)


def _with_marks(token: Token) -> str:
    if not token.marks:
        return token.spelt
    return "".join(letter + marks for letter, marks in zip(token.spelt, token.marks, strict=True))


def _taken_apart(token: Token, spelt: str, *, single: bool) -> tuple[frozenset[str], str, bool]:
    """Part a word into the particles that it insists on, its base, and whether it has the article.

    From a term only article forms are cut (وال, بال, لل); one-letter particles are part of its word.
    """
    if has_article(token.spelt):
        return frozenset(), _cut_front(token, spelt, 2), True
    if token.prefix.endswith(("ال", "لل")):
        return frozenset(), spelt, True
    articled = [cut for cut in cuts(token.spelt) if cut.article and not cut.enclitic and len(cut.body) > 2]  # noqa: PLR2004
    if single or not articled or not _is_joined_article(articled[0].body, token):
        return frozenset(), spelt, False
    cut = articled[0]
    return frozenset(cut.joint + cut.particle), _cut_front(token, spelt, cut.place), True


def _is_joined_article(body: str, token: Token) -> bool:
    """Tell والدفاع from a word that begins like one (والد is among the own words, فالديز is a name)."""
    return len(body) > 3 and not is_listed(token.spelt, "own_words") and not body.startswith("ا")  # noqa: PLR2004


def _cut_front(token: Token, spelt: str, letters: int) -> str:
    if not token.marks:
        return spelt[letters:]
    pairs = zip(token.spelt[letters:], token.marks[letters:], strict=True)
    return "".join(letter + marks for letter, marks in pairs)


# --- Spacings -----------------------------------------------------------------------------------------------------

_ATTACHED: Final = {"في": "ب", "إلى": "ل"}
_LEAST_JOINED: Final = 2


def _spacings(spelling: tuple[Word, ...], *, lettered: bool) -> Iterator[tuple[Word, ...]]:
    """Write a phrase in every spacing: pairs joined, compounds parted, في and إلى as particles.

    ``lettered``: acronyms also by the names of their letters.
    """
    if not spelling:
        yield ()
        return
    for taken, head in _heads(spelling, lettered=lettered):
        for rest in _spacings(spelling[taken:], lettered=lettered):
            yield (*head, *rest)


def _heads(spelling: tuple[Word, ...], *, lettered: bool) -> Iterator[tuple[int, tuple[Word, ...]]]:
    first, following = spelling[0], spelling[1:2]
    run = tuple(takewhile(lambda one: one.reading is Reading.LETTER, spelling))
    if run:
        yield len(run), run
        yield from ((len(run), words) for words in _as_acronym(run))
        return
    yield 1, (first,)
    if following and not following[0].sign:
        yield from ((2, (joined,)) for joined in _joined(first, following[0]))
        if first.spelt in _ATTACHED and first.script is following[0].script:
            needs = following[0].needs | {_ATTACHED[first.spelt]}
            yield 2, (replace(following[0], needs=needs, sign=first.sign),)
    yield from ((1, parted) for parted in _parted(first))
    if lettered and (first.reading is Reading.ACRONYM or (following and following[0].script is Script.NUMBER)):
        yield from ((1, letters) for letters in _spelt_out(first.spelt, first.sign))


def _as_acronym(run: tuple[Word, ...]) -> Iterator[tuple[Word, ...]]:
    """Write names of letters as the acronym, and by the other names of its letters."""
    for acronym in acronyms(tuple(one.spelt for one in run)):
        yield (Word(acronym, Script.LATIN, Reading.ACRONYM, sign=run[0].sign),)
        yield from _spelt_out(acronym, run[0].sign)


def _spelt_out(acronym: str, sign: str) -> Iterator[tuple[Word, ...]]:
    """Write an acronym by the names of its letters, with spaces or dots between."""
    names = spelt_out(acronym)
    if names:
        yield tuple(_letter(some[0], some, "." if place else sign) for place, some in enumerate(names))


def _joined(first: Word, second: Word) -> Iterator[Word]:
    """Write two words as one, where writers do: after the head of a compound, and before an article."""
    if not (first.script is second.script is Script.ARABIC) or first.reading is Reading.ACRONYM:
        return
    head = is_listed(first.spelt, "compound_heads")
    function = any(is_listed(one.spelt, "function_words") for one in (first, second))
    if function or min(len(first.spelt), len(second.spelt)) < _LEAST_JOINED:
        return
    if not head and not has_article(second.spelt) and second.spelt != "الله":
        return
    heads = [one.spelt for one in first.forms] if first.spelt in _KUNYA else [first.spelt]
    for one in heads:
        forms = alone(one + second.spelt)
        whole = Word(one + second.spelt, Script.ARABIC, first.reading, forms, Article.FREE, is_name=first.is_name)
        yield replace(whole, sign=first.sign)


def _parted(word: Word) -> Iterator[tuple[Word, ...]]:
    """Part a compound written as one word after its head: بورسعيد, بور سعيد."""
    if word.script is not Script.ARABIC or word.reading in {Reading.ACRONYM, Reading.CLOSED}:
        return
    for letters in (2, 3):
        head, rest = word.spelt[:letters], word.spelt[letters:]
        if is_listed(head, "compound_heads") and len(rest) > _LEAST_JOINED:
            parts = (head, rest.removeprefix("ال") if has_article(rest) else rest)
            yield tuple(
                Word(one, Script.ARABIC, word.reading, alone(one), Article.FREE, is_name=word.is_name, sign=sign)
                for one, sign in zip(parts, (word.sign, ""), strict=True)
            )
