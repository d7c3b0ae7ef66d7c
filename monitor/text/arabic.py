"""How one written Arabic word may be read: particles, article, body, possessive; and when two spellings are one.

Hides the closed list of particles and the vetoes of arabic orthography: hamza, final ى, vowel marks. The text's word
is taken apart here; the term's family is made in `families`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from monitor.text.folding import HAMZA_SEAT, fold
from monitor.text.frequencies import uses
from monitor.text.lexicon import is_listed, letter_names, plurals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNDOTTED: Final = "ی"
"""A final ي that may stand for ى: Persian letters, and the Egyptian habit where an article shows it."""

SHADDA: Final = "\u0651"
_VOWELS: Final = frozenset("\u064e\u064f\u0650\u0652")

ENCLITICS: Final = ("هما", "كما", "ها", "هم", "هن", "كم", "كن", "نا", "ني", "ه", "ك")
"""Possessive and object pronouns. ي is not among them: it is the nisba's and the construct plural's letter too."""

_JOINTS: Final = ("", "و", "ف")
_PARTICLES: Final = tuple((joint, particle) for joint in _JOINTS for particle in ("", "ب", "ل", "ك", "س"))
_BEFORE_ARTICLE: Final = tuple((joint, particle) for joint in _JOINTS for particle in ("", "ب", "ك"))
_HOUSE: Final = "آل"
_LEAST_AFTER_LETTER: Final = 3
_LEAST_AFTER_ARTICLE: Final = 2
_LEAST_WITH_HAMZA: Final = 5
_HAMZAS: Final = frozenset("أإآ")
_PRESENT: Final = frozenset("يتنا")
_ARTICLELESS: Final = "الله الذي التي الذين الان الي المانيا البانيا الياس الهام اليزابيث الكسندر الكسي الاسكا"
_NO_ARTICLE: Final = frozenset(_ARTICLELESS.split())


@dataclass(frozen=True, slots=True)
class Cut:
    """One way to take a word apart: ``joint`` (و ف), ``particle`` (ب ل ك س), article, ``body``, ``enclitic``.

    ``body`` is as spelt and begins at letter ``place`` of the word; a negative one counts letters of a cut-off prefix.
    """

    joint: str
    particle: str
    article: bool
    body: str
    enclitic: str
    place: int


def cuts(spelt: str, prefix: str = "") -> list[Cut]:
    """Take a word apart in every way that the closed list of particles allows, the least cut first.

    One-letter particles need three letters after them, the article two, the article with a particle three. Words of
    the list ``own_words`` are never cut.
    """
    whole = prefix + spelt
    found = [
        Cut(cut.joint, cut.particle, cut.article, body, enclitic, cut.place - len(prefix))
        for cut in _proclitics(whole, fixed=len(prefix))
        for body, enclitic in _enclitics(cut)
    ]
    return sorted(found, key=lambda cut: len(cut.joint + cut.particle + cut.enclitic) + cut.article)


def has_article(spelt: str) -> bool:
    """Tell whether a word as spelt begins with the article (أل, إل, آل and words like الله do not)."""
    long_enough = len(spelt) >= len("ال") + _LEAST_AFTER_ARTICLE
    return spelt.startswith("ال") and long_enough and fold(spelt).text not in _NO_ARTICLE


def agree(form: str, body: str, *, cut: bool = False, strict: bool = False) -> bool:
    """Tell whether two spellings with one key are one word, by the letters that folding made equal.

    A hamza on either side may be missing, but أ is not إ. Final ى is not ي (على, علي), but in words of five letters
    and more, and where the writer leaves it undotted. After a one-letter particle (``cut``) a word shorter than five
    letters must show its hamza (فاسد is not ف+أسد). ``strict`` wants it always.
    """
    for ours, theirs in zip(form, body, strict=True):
        if ours != theirs and ours in _HAMZAS and theirs in _HAMZAS:
            return False
    if form[0] in _HAMZAS and body[0] == "ا" and (strict or (cut and len(form) < _LEAST_WITH_HAMZA)):
        return False
    last = (form[-1], body[-1])
    if last == ("ا", "أ"):  # خطأ is no accusative of خط
        return False
    if last == ("ى", "ي"):
        return len(form) >= _LEAST_WITH_HAMZA
    return last != ("ي", "ى")


def marks_agree(form: Sequence[str], body: Sequence[str]) -> bool:
    """Tell whether vowel marks allow two words to be one: they count where both sides carry them.

    The last letter's vowel is its case and does not count; a shadda does, once both words are marked at all.
    """
    if not any(form) or not any(body):
        return True
    last = len(form) - 1
    return not any(
        _shadda_differs(ours, theirs, place) or (place < last and _vowel_differs(ours, theirs))
        for place, (ours, theirs) in enumerate(zip(form, body, strict=True))
    )


def seat_hamza(word: str) -> str:
    """Write a final ء as it stands before an ending: قضاء, قضائي."""
    return word[:-1] + HAMZA_SEAT if word.endswith("ء") else word


def _shadda_differs(ours: str, theirs: str, place: int) -> bool:
    """A shadda on the first letter is the article's. Where the text marks a letter without one, it has none."""
    if SHADDA in theirs:
        return place > 0 and SHADDA not in ours
    return SHADDA in ours and bool(theirs)


def _vowel_differs(ours: str, theirs: str) -> bool:
    vowels = (set(ours) & _VOWELS, set(theirs) & _VOWELS)
    return all(vowels) and vowels[0] != vowels[1]


def _proclitics(whole: str, fixed: int) -> Iterator[Cut]:
    """Take particles off, at least ``fixed`` letters of them (those that stand apart from the word)."""
    key = fold(whole).text
    if not fixed and is_listed(whole, "own_words"):
        yield Cut("", "", False, whole, "", 0)  # noqa: FBT003 - no article
        return
    for joint, particle in _PARTICLES:
        off = len(joint + particle)
        body = whole[off:]
        if off < fixed or not body or not whole.startswith(joint + particle):
            continue
        if (off <= fixed or _may_stand(body)) and (particle != "س" or body[0] in _PRESENT):
            yield Cut(joint, particle, False, body, "", off)  # noqa: FBT003 - no article
    for joint, particle, off in _articles(whole, fixed):
        body = whole[off:]
        long_enough = len(body) >= _LEAST_AFTER_ARTICLE if not (joint or particle) else _may_stand(body)
        if off >= fixed and (long_enough or (body and off == fixed)) and (fixed or key not in _NO_ARTICLE):
            yield Cut(joint, particle, True, body, "", off)  # noqa: FBT003 - the article


def _articles(whole: str, fixed: int) -> Iterator[tuple[str, str, int]]:
    """Find the article at the head of a word: its joint, its particle, and where the body begins.

    After a ل or لل that stands apart (لـ«القاعدة») the article keeps its ا.
    """
    for joint, particle in _BEFORE_ARTICLE:
        if whole.startswith(joint + particle + "ال"):
            yield joint, particle, len(joint + particle) + 2
    for joint in _JOINTS:
        if fixed > len(joint) and whole[len(joint) : fixed] in {"ل", "لل"} and whole.startswith("ال", fixed):
            yield joint, "ل", fixed + 2
        if whole.startswith(joint + "لل"):
            yield joint, "ل", len(joint) + 2
            yield joint, "ل", len(joint) + 1  # للاذقية: ل + ال + لاذقية


def _may_stand(body: str) -> bool:
    """Tell what may stand behind a particle: three letters, or a shorter word that is listed."""
    return _is_long(body) or body == _HOUSE or is_listed(body, "function_words") or body in _letters()


def _is_long(body: str) -> bool:
    return len(body) >= _LEAST_AFTER_LETTER or (len(body) > 1 and fold(body).text in plurals())


@cache
def _letters() -> frozenset[str]:
    """Collect the names of letters, before which a particle may stand (لإف بي آي)."""
    return frozenset(name for names in letter_names().values() for name in names)


def _is_rarer(bare: str) -> bool:
    """Tell قاعده, a misspelt قاعدة, from مظاهره, his مظاهر: people write the word without ة less often than with it."""
    plain = fold(bare).text
    return uses(plain) <= uses(plain + "ة")


def _enclitics(cut: Cut) -> Iterator[tuple[str, str]]:
    body = cut.body
    yield body, ""
    if body.endswith("ه") and len(body) >= _LEAST_AFTER_LETTER and (cut.article or _is_rarer(body[:-1])):
        yield body[:-1] + "ة", ""
    if cut.article:
        return
    for enclitic in ENCLITICS:
        if body.endswith(enclitic) and _is_long(body[: -len(enclitic)]):
            yield body[: -len(enclitic)], enclitic
