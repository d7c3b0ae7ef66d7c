"""The forms of a noun or adjective: number, gender, construct, nisba, broken plurals; and the singular of a plural.

Hides the shapes of words. Forms are written from the singular, never cut from the text's word, so each ending is tied
to the shape that takes it (measured in news text). Lists go before patterns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.model import How
from monitor.text.arabic import agree, seat_hamza
from monitor.text.forms import Form, form
from monitor.text.frequencies import article_share, uses
from monitor.text.lexicon import gentilics, is_listed, key, plurals, singulars

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONG: Final = frozenset("اويىءأإآئؤة")
_ADJECTIVE: Final = 0.05
"""Share of uses with ال from which on a word is no construct, and is an adjective."""

_MUCH: Final = 3
"""Times that people must write a singular as often as what looks like its dual."""

_THREE, _FOUR, _FIVE = 3, 4, 5


def decline(noun: str) -> Iterator[Form]:
    """Write the forms of a singular without article."""
    if noun.endswith("ة"):
        yield from _feminine(noun[:-1])
    elif noun.endswith("ي") and len(noun) >= _FOUR:
        yield from _nisba(noun, How.INFLECTED)
    else:
        yield from _masculine(noun)
    for plural, sure_hamza in _plurals(noun):
        yield from _broken(plural, sure_hamza=sure_hamza)


def lemmas(word: str) -> tuple[str, ...]:
    """Find the singulars, without ending, of which a word, without article, may be a form; itself where it is none."""
    listed = tuple(singular for plural, singular in singulars().get(key(word), ()) if agree(plural, word))
    if listed:
        return (*listed, word) if _has_sound_plural(word) else listed  # مزارع: farms, a farmer
    if key(word) in plurals() or is_listed(word, "own_words"):
        return (word,)
    found = tuple(_accusatives(word)) or tuple(_sound_singulars(word))
    if not found and not _has_sound_plural(word):
        found = tuple(filter(is_written, _pattern_singulars(word)))
    return found or tuple(_without_ending(word)) or (word,)


def kin(word: str) -> tuple[str, ...]:
    """List the country, adjective and people that a word of ``gentilics`` stands for, or its adjective in ية."""
    families = gentilics().get(key(word)) or (gentilics().get(key(word[:-1]), ()) if word.endswith("ية") else ())
    return tuple(dict.fromkeys(one for family in families for one in family))


def nisba(noun: str) -> str | None:
    """Write the adjective of a noun; None where none is made (عملة has no عملية)."""
    if noun.endswith("ة"):
        stem = noun[:-1]
        return None if len(stem) <= _THREE or stem.endswith("ي") else stem + "ي"
    stem = noun.removesuffix("يا") if noun.endswith("يا") else noun.removesuffix("ا")
    return seat_hamza(stem) + "ي" if len(stem) >= _THREE and not stem.endswith(("ي", "ى", "و")) else None


def closed(base: str) -> Iterator[Form]:
    """Write what a word with ال may become and still be that name, الحوثيون (docs/watchlists.md, line 2)."""
    yield form(base, How.EXACT, bound=False)
    if base.endswith("ي") and len(base) >= _THREE:
        endings: tuple[str, ...] = ("ون", "ين", "ان")
        if len(base) >= _FOUR:
            yield form(base[:-1] + "ين", How.INFLECTED, bound=False)  # الحوثين, as often misspelt
    else:
        endings = ("ون", "ين") if base.startswith("م") and len(base) >= _FOUR and not base.endswith("ة") else ()
    for ending in endings:
        yield form(base + ending, How.INFLECTED, bound=False)


def _feminine(stem: str) -> Iterator[Form]:
    yield form(stem + "ة", How.INFLECTED, bound=False)
    yield form(stem + "ت", How.INFLECTED, free=False)
    yield form(stem + "ات", How.INFLECTED)
    for ending in ("تان", "تين"):
        yield form(stem + ending, How.INFLECTED, bound=False)
    for ending in ("تا", "تي"):
        yield _construct(stem + ending)
    if stem.endswith("ي") and len(stem) >= _FOUR:
        yield from _nisba(stem, How.INFLECTED)
    elif (adjective := nisba(stem + "ة")) and not _is_third(stem):
        yield from _nisba(adjective, How.DERIVED)


def _is_third(stem: str) -> bool:
    """Tell مفاوضة, verbal noun of form III: مفاوضي is of مفاوض."""
    return len(stem) == _FIVE and stem[0] == "م" and stem[2] == "ا"


def _nisba(word: str, how: How) -> Iterator[Form]:
    yield form(word, how)
    for ending in ("ة", "ون", "ين", "ان", "ات", "ا", "تان", "تين"):
        yield form(word + ending, how, bound=ending == "ات")
    if not is_written(word[:-1]) or key(word) in gentilics():
        yield form(word[:-1] + "ين", how, bound=False)  # الحوثين, as often misspelt; but ميزانين are scales
    yield form(word + "ت", how, free=False)
    for ending in ("و", "ي", "تا", "تي"):
        yield _construct(word + ending, how)


def _masculine(noun: str) -> Iterator[Form]:
    yield form(noun, How.INFLECTED)
    if noun.endswith("ى"):  # مستشفى, مستشفاه, مستشفيات
        yield form(noun[:-1] + "ا", How.INFLECTED, free=False)
        for ending in ("يات", "يان", "يين"):
            yield form(noun[:-1] + ending, How.INFLECTED)
        return
    stem = noun.removesuffix("ا")
    if noun.endswith("ء"):
        yield form(seat_hamza(noun), How.INFLECTED, free=False)
    if len(noun) >= _FOUR:
        yield form(stem + "ات", How.INFLECTED)
    if stem == noun:
        yield form(noun + "ا", How.INFLECTED)
        many = len(noun) >= _FOUR  # زيتون is no plural of زيت
        for ending in ("ان", "ين", "ون") if many else ("ان", "ين"):
            yield form(noun + ending, How.INFLECTED, bound=False)
        for ending in ("ا", "و", "ي") if many else ("ا", "ي"):
            yield _construct(noun + ending)
        if _is_person(noun) and key(noun + "ة") not in plurals():  # قبيلة has its قبائل, and is not of قبيل
            yield from _feminine_of(noun)
    if adjective := nisba(noun):
        yield from _nisba(adjective, How.DERIVED)


def _feminine_of(noun: str) -> Iterator[Form]:
    if not (_is_third(noun) and uses(key(noun + "ة")) > uses(key(noun))):  # مراقبة is what مراقبون do
        yield form(noun + "ة", How.INFLECTED, bound=False)
        yield form(noun + "ت", How.INFLECTED, free=False)
    for ending in ("تان", "تين"):
        yield form(noun + ending, How.INFLECTED, bound=False)


def _is_person(noun: str) -> bool:
    """Tell the shapes that take a feminine: participles, فعيل (وزير), فاعل (ناشط)."""
    if len(noun) < _FOUR:
        return False
    return noun[0] == "م" or (len(noun) == _FOUR and (noun[2] == "ي" or noun[1] == "ا"))


def _construct(word: str, how: How = How.INFLECTED) -> Form:
    """Write what stands before another noun or a pronoun only (a dual or plural without its ن)."""
    return form(word, how)


def _broken(plural: str, *, sure_hamza: bool) -> Iterator[Form]:
    written = form(plural, How.INFLECTED, bound=not plural.endswith(("ة", "ى")))
    yield _sure(written) if sure_hamza else written
    if plural.endswith("ة"):
        yield form(plural[:-1] + "ت", How.INFLECTED, free=False)
    elif plural.endswith("ى"):
        yield form(plural[:-1] + "ا", How.INFLECTED, free=False)
    elif plural.endswith("ء"):
        yield form(seat_hamza(plural), How.INFLECTED, free=False)
    elif plural.endswith("ون") and len(plural) > _FOUR:  # بنون, but not قرون
        yield from (form(plural[:-2] + end, How.INFLECTED) for end in ("ين", "و", "ي"))
    elif not plural.endswith(("ا", "ات", "ون")):
        tanwin = form(plural + "ا", How.INFLECTED, bound=False)
        yield _sure(tanwin) if sure_hamza else tanwin


def _sure(written: Form) -> Form:
    return Form(written.spelt, written.how, bound=written.bound, sure_hamza=True)


def _plurals(noun: str) -> Iterator[tuple[str, bool]]:
    """Give the broken plurals: those listed, else those that people write of the patterns that proved right."""
    listed = [plural for singular, plural in plurals().get(key(noun), ()) if agree(singular, noun)]
    if listed or key(noun) in singulars():
        yield from ((plural, False) for plural in listed)
        return
    stem = noun.removesuffix("ة")
    feminine = stem != noun
    if noun[0] == "م" and _has_sound_plural(noun):  # مدرس has مدرسون, and مدارس is of مدرسة
        return
    for pattern in (_three_letters, _four_letters, _five_letters):
        yield from (pair for pair in pattern(stem, feminine) if is_written(pair[0]))


def _three_letters(stem: str, feminine: bool) -> Iterator[tuple[str, bool]]:  # noqa: FBT001 - gender is a fact of the stem
    if len(stem) != _THREE or feminine:
        return
    one, two, three = tuple(stem)
    if not {one, three} & _LONG and (two in "وي" or two not in _LONG):  # سوق, جيل; خبر, حكم
        yield f"أ{one}{two}ا{three}", True


def _four_letters(stem: str, feminine: bool) -> Iterator[tuple[str, bool]]:  # noqa: FBT001 - gender is a fact of the stem
    if len(stem) != _FOUR or stem[0] == "ت":
        return
    one, two, three, four = tuple(stem)
    if three == "ي" and not {one, two, four} & _LONG:
        yield (f"{one}{two}ائ{four}", False) if feminine else (f"{one}{two}{four}اء", False)  # رهينة; سفير
    elif three == "ا" and not {one, two, four} & _LONG and not feminine:  # حزام, سلاح
        yield f"أ{one}{two}{four}ة", True
    elif two == "ا" and not {one, three} & set("اويى"):  # قاعدة, شارع
        yield f"{one}وا{three}{four}", False
    elif not set(stem) & _LONG:  # معبر, خندق
        yield f"{one}{two}ا{three}{four}", False


def _five_letters(stem: str, feminine: bool) -> Iterator[tuple[str, bool]]:  # noqa: FBT001 - gender is a fact of the stem
    if len(stem) != _FIVE or feminine or stem[3] not in "ويا" or stem[0] == "ت":  # تكليف has no تكاليف
        return
    one, two, three, _, five = tuple(stem)
    if two == "ا" and stem[3] == "و":  # صاروخ
        yield f"{one}وا{three}ي{five}", False
    elif not {one, two, three, five} & _LONG:  # مشروع, صندوق, تقرير
        yield f"{one}{two}ا{three}ي{five}", False


def _accusatives(word: str) -> Iterator[str]:
    """Undo the ا of the accusative: شهورا, but not كندا."""
    if len(word) >= _FOUR and word[-1] == "ا" and _is_likelier(word[:-1], word) and not article_share(key(word)):
        yield from lemmas(word[:-1])


def _sound_singulars(word: str) -> Iterator[str]:
    """Undo ات, ون, ين and the dual where the rest has the shape of a word that takes them."""
    if word.endswith(("تان", "تين")) and (len(word) > _FIVE or _is_likelier(word[:-3] + "ة", word[:-2])):
        yield word[:-3] + "ة"
    elif word.endswith("ان") and len(word) >= _FIVE:
        if is_written(word[:-2]) and uses(key(word[:-2] + "ين")) >= uses(key(word)):  # حزبان, but not دوران
            yield word[:-2]
    elif word.endswith("ات") and len(word) >= _FIVE:
        yield from _of_at(word[:-2])
    elif word.endswith(("ون", "ين")) and len(word) > _FIVE - 1:
        stem = word[:-2]
        nisba_like = stem.endswith("ي") and len(stem) >= _THREE
        participle = len(stem) >= _FOUR and (stem[0] == "م" or stem[1] == "ا")
        if nisba_like or participle:
            yield stem
    elif word.endswith("ية") and len(word) > _FIVE:
        yield word[:-1]


def _of_at(stem: str) -> Iterator[str]:
    """Find what has its plural in ات: مطار, عقوبة, both of كتيب and كتيبة, by which of them people write with ال."""
    common = {stem + "ة": uses("ال" + key(stem + "ة")), stem: uses("ال" + key(stem)) if len(stem) >= _FOUR else 0.0}
    most = max(common.values())
    if _is_third(stem):
        yield stem + "ة"
    elif _has_sound_plural(stem):  # مدرسات, whom their masculine finds too
        yield from (stem, stem + "ة")
    elif most:
        yield from (one for one, times in common.items() if times * 2 >= most)
    else:
        yield stem if len(stem) >= _FOUR and stem[-2] in "اي" and stem[1] != "ا" else stem + "ة"


def _without_ending(word: str) -> Iterator[str]:
    """Undo the dual and the construct, where people write what is left more often."""
    stem, last = word[:-1], word[-1]
    if len(word) < _FOUR:
        return
    if word.endswith("ين") and len(word) >= _FIVE and _is_likelier(word[:-2], word, _MUCH):  # هجومين
        yield word[:-2]
    elif word.endswith(("تا", "تي")) and _is_likelier(word[:-2] + "ة", word):  # قاعدتا
        yield word[:-2] + "ة"
    elif _is_construct(stem, word) or (last == "ة" and _is_adjective(stem, word)):
        yield stem


def _is_construct(stem: str, word: str) -> bool:
    """Tell مراقبو, which takes no ال, from the adjective مصرفي."""
    return word[-1] in "وي" and _has_sound_plural(stem) and article_share(key(word)) < _ADJECTIVE


def _is_adjective(stem: str, feminine: str) -> bool:
    """Tell سريع and سريعة from قبيل beside قبيلة: both take ال."""
    often = min(article_share(key(stem)), article_share(key(feminine)))
    return _is_person(stem) and not _is_third(stem) and often >= _ADJECTIVE


def _is_likelier(stem: str, word: str, times: float = 1) -> bool:
    return is_written(stem) and uses(key(stem)) > times * uses(key(word))


def _has_sound_plural(word: str) -> bool:
    return is_written(word + "ون") and is_written(word + "ين")


def is_written(word: str) -> bool:
    """Tell a word that the table of common words knows, with the article or without."""
    return any(map(uses, (key(word), "ال" + key(word))))


def _pattern_singulars(word: str) -> Iterator[str]:
    if len(word) == _FIVE and word[1:3] == "وا":  # قواعد
        yield from (f"{word[0]}ا{word[3:]}ة", f"{word[0]}ا{word[3:]}")
    elif len(word) == _FIVE and word[2:4] == "ائ":  # رهائن
        yield f"{word[:2]}ي{word[4]}ة"
    elif len(word) == _FIVE and word.startswith("م") and word[2] == "ا" and word[3] not in _LONG:  # معابر
        yield from (word[:2] + word[3:], word[:2] + word[3:] + "ة")
    elif len(word) == _FIVE and word.endswith("اء") and not set(word[:3]) & _LONG:  # سفراء
        yield f"{word[:2]}ي{word[2]}"
    elif len(word) == _FIVE + 1 and word[1:3] == "وا" and word[4] == "ي":  # صواريخ
        yield f"{word[0]}ا{word[3]}و{word[5]}"
    elif len(word) == _FIVE + 1 and word[2] == "ا" and word[4] == "ي" and word[0] == "م":  # مشاريع
        yield f"{word[:2]}{word[3]}و{word[5]}"
