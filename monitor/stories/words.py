"""What one word contributes to a story: how rare it is, whether it names, counts or dates something.

Hides the spellings of one word, the lists behind names and numerals, and that a raw word is read once. A word is read
without its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import log10
from typing import TYPE_CHECKING, Final

from monitor.text.arabic import cuts
from monitor.text.folding import plain_key
from monitor.text.frequencies import uses
from monitor.text.lexicon import aliases, gentilics, is_listed, key
from monitor.text.names import skeleton
from monitor.text.tokens import Script, cut_chunk, plain_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.text.arabic import Cut
    from monitor.text.tokens import Token

RAREST: Final = 4.0
"""The rarity of words that come less than a thousand times in a billion: the table tells no finer."""

_REMEMBERED: Final = 1 << 16  # raw words; a day's news has about as many

_COMMON: Final = 7.0
"""Zipf scale of the words that say nothing."""

_UNLISTED: Final = 200.0
"""Uses of a word that the table leaves out."""

_ENDINGS: Final = ("ات", "ون", "ين", "ان", "ية", "ة", "ه", "ي", "ا")
_LEAST_STEM: Final = 3
_LEAST_LATIN: Final = 4
_LIKELIER: Final = 3
"""Times that a word must be used without its first letter for that to be a particle."""

_NUMERALS: Final = {
    word: str(number)
    for number, words in {
        2: "ثانية",
        3: "ثالث ثالثة ثلاثة ثلاث",
        4: "رابع رابعة اربعة اربع",
        5: "خامس خامسة خمسة خمس",
        6: "سادس سادسة ستة ست",
        7: "سابع سابعة سبعة سبع",
        8: "ثامن ثامنة ثمانية ثماني",
        9: "تاسع تاسعة تسعة تسع",
        10: "عاشر عاشرة عشرة",
    }.items()
    for word in words.split()
}
"""First and second are left out: they begin too many phrases."""

_WEEKDAYS: Final = frozenset(["سبت", "احد", "اثنين", "ثلاثاء", "اربعاء", "خميس", "جمعة"])
_LOSSES: Final = "قتل قتيل قتيلا قتلي مقتل مصرع جرح جريح جريحا جرحي شهيد شهداء استشهاد ضحية ضحايا لقوا"
_LOSS: Final = frozenset(_LOSSES.split())
_MONTH_NAMES: Final = """
يناير فبراير مارس ابريل مايو يونيو يوليو اغسطس سبتمبر اكتوبر نوفمبر ديسمبر
كانون شباط اذار نيسان ايار حزيران تموز اب ايلول تشرين محرم صفر ربيع جمادي رجب شعبان رمضان شوال
"""
_MONTHS: Final = frozenset(_MONTH_NAMES.split())
_TODAY: Final = "اليوم"
_GOD: Final = "الله"
_SERVANT: Final = "عبد"
_YEARS: Final = (range(1400, 1500), range(1900, 2100))


@dataclass(frozen=True, slots=True)
class Reading:
    """A word as stories see it: its ``stem`` (empty where it says nothing) and ``rarity``, from 0 to ``RAREST``.

    ``place``, ``person`` and ``weekday`` are keys of what it may name, ``number`` of what it counts; else empty.
    ``loss``: it speaks of dead or wounded, whose number grows; ``month``: it may name one; ``today``: it is اليوم;
    ``defined``: it has an article.
    """

    stem: str = ""
    rarity: float = 0.0
    place: str = ""
    person: str = ""
    weekday: str = ""
    number: str = ""
    loss: bool = False
    month: bool = False
    today: bool = False
    defined: bool = False


_NOTHING: Final = Reading()


@lru_cache(maxsize=_REMEMBERED)
def plain(raw: str) -> tuple[str, ...]:
    """Fold the words of what stands between white space."""
    if word := plain_word(raw):
        return (plain_key(word[2]),)
    return tuple(token.key for token in cut_chunk(raw).tokens)


@lru_cache(maxsize=_REMEMBERED)
def read(raw: str) -> tuple[Reading, ...]:
    """Read the words of what stands between white space."""
    return tuple(_read(token) for token in cut_chunk(raw).tokens)


def _read(token: Token) -> Reading:
    """Read a token; an address says nothing."""
    if token.script is Script.ARABIC:
        return _arabic(token.spelt)
    if token.script is Script.NUMBER and not _is_year(token.key):
        return Reading(number=token.key)
    if token.script is Script.LATIN and len(token.key) >= _LEAST_LATIN:
        return Reading(stem=token.key, rarity=min(len(token.key) / 2, RAREST))  # long words are seldom common ones
    return _NOTHING


def _arabic(spelt: str) -> Reading:
    if is_listed(spelt, "function_words"):
        return _NOTHING
    if spelt == _TODAY:
        return Reading(today=True)
    found = cuts(spelt)
    keys = [key(cut.body) for cut in found]
    if number := next((_NUMERALS[one] for one in keys if one in _NUMERALS), ""):
        return Reading(number=number)
    body = _body(found)
    if key(body) in _WEEKDAYS and body != spelt:  # أحد is one of many, الأحد is Sunday
        return Reading(weekday=key(body))
    if is_listed(body, "function_words"):
        return _NOTHING
    rarity = _rarity(key(spelt), found)
    stem = _stem(key(body))
    return Reading(
        stem=f"~{skeleton(stem)}" if rarity >= RAREST else stem,  # rare names are spelt in several ways
        rarity=rarity,
        place=next((name for cut in found if (name := _place(cut.body))), ""),
        person=next((name for cut in found if (name := _person(cut.body))), ""),
        loss=not _LOSS.isdisjoint(keys),
        month=not _MONTHS.isdisjoint(keys),
        defined=any(cut.article for cut in found),
    )


def _body(found: Sequence[Cut]) -> str:
    """Take the article off, and particles where the rest is the likelier word."""
    with_article = [cut.body for cut in found if cut.article and len(cut.body) >= _LEAST_STEM]
    if with_article:
        return max(with_article, key=lambda body: uses(key(body)))
    best = found[0].body
    for cut in found[1:]:
        if len(cut.body) >= _LEAST_STEM and uses(key(cut.body)) > _LIKELIER * max(uses(key(best)), 1):
            best = cut.body
    return best


def _rarity(whole: str, found: Sequence[Cut]) -> float:
    """Tell how rare a word is, by its most common reading."""
    bodies = [key(cut.body) for cut in found]
    articled = ["ال" + key(cut.body) for cut in found if cut.article]
    most = max(map(uses, (whole, *bodies, *articled))) or _UNLISTED
    return min(max(_COMMON - log10(most), 0.0), RAREST)


def _stem(whole: str) -> str:
    """Take one ending off: stories are told in other numbers and genders, and a wrong stem is wrong on both sides."""
    ending = next((one for one in _ENDINGS if whole.endswith(one) and len(whole) - len(one) >= _LEAST_STEM), "")
    return whole.removesuffix(ending)


def _place(body: str) -> str:
    """Name the place of a place, its adjective or its people; سوريا and سورية share the adjective."""
    families = gentilics().get(key(body))
    if families:
        return skeleton(key(families[0][:2][-1]))
    return _canonical(body) if is_listed(body, "places") and body != _GOD else ""


def _person(body: str) -> str:
    """Name a person by one of the names; عبد العزيز may stand in one word or in two."""
    if not is_listed(body, "given_names", "foreign_names"):
        return ""
    name = body.removeprefix(_SERVANT).removeprefix("ال")
    return _canonical(name) if name else ""


def _canonical(body: str) -> str:
    """Give one key to all spellings of a name."""
    return skeleton(key(aliases().get(key(body), (body,))[0]))


def _is_year(digits: str) -> bool:
    return len(digits) == len("2026") and digits.isdecimal() and any(int(digits) in years for years in _YEARS)
