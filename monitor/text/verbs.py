"""The verbs of a verbal noun, and the verbal noun of a verb: forms II to X by their shape, form I of three letters.

Hides conjugation (third persons, past and present, as headlines have them). Shapes decide, not roots: a noun that only
looks like a verbal noun is in ``not_verbal``, or its "verbs" are words that nobody writes, and not looked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from monitor.model import How
from monitor.text.arabic import SHADDA
from monitor.text.folding import HAMZA_SEAT
from monitor.text.forms import Form, form, split_marks
from monitor.text.frequencies import article_share, uses
from monitor.text.lexicon import is_listed, key, third_form, verbs

if TYPE_CHECKING:
    from collections.abc import Iterator

_WEAK: Final = frozenset("اويىءأإآئؤة")
_FATHA: Final = "\u064e"
_DAMMA: Final = "\u064f"
_KASRA: Final = "\u0650"
_SUKUN: Final = "\u0652"
_SHORTEST: Final = 3
_PREFIXES: Final = ("ي", "ت", "ن")
_RESEATED: Final = {"ي": "و", "ئ": "أ"}
"""What the second root letter but one of a verbal noun is in its verb."""

_REDONE: Final = {"ى": "ي", "أ": "ؤ"}
"""What a verb's last letter is in its verbal noun, in forms V and VI."""

_PERSONS: Final = {"ي": ("", "ون", "وا", "ان", "ا", "و"), "ت": ("", "ان", "ا"), "ن": ("",)}
"""The endings of the present behind each prefix: he and they, she, we."""

_OFTEN: Final = 2
"""Times that form I must come as often as form IV for their common present to be doubtful (يضرب, إضراب)."""

_NOUN_SHARE: Final = 0.05
"""Share of uses with ال from which on a past of form III is a noun as well (الحاكم)."""


@dataclass(frozen=True, slots=True)
class Stem:
    """A verb: its past (he did) and its present without the prefix.

    ``passive``: its past (it was done), where that is spelt otherwise. ``damma``: the vowel of the present's prefix
    (forms II to IV). ``geminate``: form II. ``noun_like``: the past is a noun too (حاكم), or in form II another verb's.
    ``doubtful``: prefixes with which the present is more likely another verb's.
    """

    past: str
    present: str
    passive: str = ""
    damma: bool = False
    geminate: bool = False
    noun_like: bool = False
    doubtful: str = ""


def stems(noun: str) -> list[Stem]:
    """Find the verbs of which a noun, without article and marks, has the shape of the verbal noun."""
    if is_listed(noun, "not_verbal"):
        return []
    listed = third_form().get(key(noun))
    if listed and noun in listed[1]:
        return [_of_third(listed[0])]
    return [stem for shape in _SHAPES for stem in shape(noun) if _is_written(noun, stem)]


def _is_written(noun: str, stem: Stem) -> bool:
    """Tell a verb from what a shape alone would make of a name: people write the noun, or the verb, or both.

    Where noun and verb look the same (تعاون), what is written must be one of them for sure: تعلن is of إعلان.
    """
    past, present = key(stem.past), key(stem.present)
    persons = (past + "ت", past + "وا", *(prefix + present for prefix in _PREFIXES))
    alone = () if key(noun) == past else (key(noun),)
    return any(map(uses, (*alone, "ال" + key(noun), *persons)))


def siblings(noun: str) -> list[str]:
    """List the other verbal nouns of a listed verb: محاصرة beside حصار."""
    _, nouns = third_form().get(key(noun), ("", ()))
    return [one for one in nouns if one != noun] if noun in nouns else []


def conjugate(stem: Stem, how: How) -> Iterator[Form]:
    """Write the third persons of a verb, and "we"."""
    for past in filter(None, (stem.past, stem.passive)):
        for ending in ("", "ت", "ا", "وا", "تا", "ن"):
            if word := _join_past(past, ending):
                found = form(word, how, bound=ending not in {"وا", "ن"} and not word.endswith("ى"), noun=False)
                if stem.geminate:
                    yield from _in_both_voices(found, weak=stem.noun_like)
                    continue
                noun = stem.noun_like and ending in {"", "ا"} and past is stem.past
                yield replace(found, weak=True) if noun else _weaken(found, SHADDA)
        yield form(past[:-1] + "ا" if past.endswith("ى") else past + "و", how, free=False, noun=False)
    for prefix in _PREFIXES:
        for ending in _PERSONS[prefix]:
            present = stem.present[:-1] if stem.present[-1] in "يى" and ending[:1] == "و" else stem.present
            word = prefix + (_DAMMA if stem.damma else "") + present + ending
            found = form(word, how, noun=False, present=True, free=ending != "و", bound=ending != "وا")
            yield replace(found, weak=True, proof=(0, _DAMMA)) if prefix in stem.doubtful else found


def is_verb(word: str) -> bool:
    """Tell a third person of a listed verb, or of a derived form, from any other word without article and particle."""
    if key(word) in _listed_persons():
        return True
    return any(len(noun) > _SHORTEST + 1 and not noun.endswith("ة") for noun in verbal_nouns(word))


@cache
def _listed_persons() -> frozenset[str]:
    stems_listed = (Stem(past, present[1:]) for past, present in verbs())
    return frozenset(one.key for stem in stems_listed for one in conjugate(stem, How.INFLECTED) if one.free)


def verbal_nouns(verb: str) -> list[str]:
    """Find the verbal nouns of whose verbs this word (marks count) is a third person; a word that takes ال is none."""
    letters, marks = split_marks(verb)
    marked = any(SHADDA in mark for mark in marks)
    if not marked and uses("ال" + key(letters)):
        return []
    found = []
    for noun in dict.fromkeys(_candidates(letters, marked=marked)):
        forms = [one for stem in stems(noun) for one in conjugate(stem, How.INFLECTED)]
        if any(one.spelt == letters and one.free and not (one.weak and not marked) for one in forms):
            found.append(noun)
    written = [noun for noun in found if any(map(uses, (key(noun), "ال" + key(noun))))] or found
    return list(dict.fromkeys(one for noun in written for one in (noun, *siblings(noun))))


def _weaken(found: Form, mark: str, *, always: bool = False) -> Form:
    """Call three letters weak, and their dual, unless the text shows the mark that tells them apart."""
    if len(found.spelt.removesuffix("ا")) > _SHORTEST and not always:
        return found
    place = next((place for place, marks in enumerate(found.marks) if mark in marks), None)
    return replace(found, weak=True, proof=None if place is None else (place, mark))


def _in_both_voices(found: Form, *, weak: bool) -> Iterator[Form]:
    """Vowel the past of form II, سَلَّم and سُلِّم, so that سُلَّم (a ladder) is neither."""
    active = (_FATHA, _FATHA + SHADDA, *found.marks[2:])
    passive = (_DAMMA, _KASRA + SHADDA, *found.marks[2:])
    yield _weaken(replace(found, marks=active), SHADDA, always=weak)
    yield _weaken(replace(found, marks=passive), _KASRA, always=weak)


def _join_past(past: str, ending: str) -> str:
    if not past.endswith("ى") or not ending:
        return past + ending
    return past[:-1] + ("ي" if ending in {"ا", "ن"} else "") + ending


def _strong(letters: str) -> bool:
    return not any(letter in _WEAK for letter in letters)


def _consonants(letters: str) -> bool:
    """Admit و and ي as root letters, but no ا and no bare hamza."""
    return not any(letter in "اىءة" for letter in letters)


def _first(noun: str) -> Iterator[Stem]:
    if len(noun) == 3 and _strong(noun):  # noqa: PLR2004 - three root letters
        yield Stem(noun, noun)


def _second(noun: str) -> Iterator[Stem]:
    if len(noun) != 5 or noun[0] != "ت" or noun[3] != "ي" or not _consonants(noun[1:3]):  # noqa: PLR2004 - تفعيل
        return
    one, two, three = noun[1], noun[2] + SHADDA, noun[4]
    if three == "ة":  # تصفية
        yield _geminate(one + two + "ى", one + two + "ي")
    elif _consonants(three):
        yield _geminate(one + two + three, one + two + three)


def _geminate(past: str, present: str) -> Stem:
    """Make form II; تسلم is more likely form V, and يرحل form I."""
    first = is_listed(past.replace(SHADDA, ""), "first_form")
    short = len(past) == _SHORTEST + len(SHADDA)
    return Stem(
        past,
        present,
        damma=True,
        geminate=True,
        noun_like=first,
        doubtful="".join(_PREFIXES) if first else "ت" if short else "",
    )


def _third(noun: str) -> Iterator[Stem]:
    if len(noun) == 6 and noun[0] == "م" and noun[2] == "ا" and noun[5] == "ة" and _consonants(noun[3:5]):  # noqa: PLR2004 - مفاعلة
        yield _of_third(noun[1:5])
    elif len(noun) == 6 and noun[0] == "م" and noun[2] + noun[4] == "اا" and noun[5] == "ة" and _consonants(noun[3]):  # noqa: PLR2004 - مقاضاة
        yield _of_third(noun[1:4] + "ى")


def _of_third(past: str) -> Stem:
    """Make form III. Its past may be a noun, and its present with ت form VI's past, where people write that verb."""
    present = past[:-1] + HAMZA_SEAT if past.endswith("أ") else past
    return Stem(
        past,
        present[:-1] + "ي" if present.endswith("ى") else present,
        passive=f"{past[0]}و{past[2:]}",
        damma=True,
        noun_like=article_share(key(past)) >= _NOUN_SHARE,
        doubtful="ت" if uses("يت" + key(present)) else "",
    )


def _vowelless(stem: Stem) -> Stem:
    """Make form IV, whose first root letter has no vowel (أجْلى, not أجّل), unless the root is doubled or آ has it."""
    vowelled = stem.past.endswith(SHADDA) or stem.past[0] == "آ"
    past = stem.past if vowelled else stem.past[:2] + _SUKUN + stem.past[2:]
    return replace(stem, past=past, damma=True)


def _beside_first(stem: Stem) -> Stem:
    """Doubt the present of form IV where it is form I's too, and people write that more: يخرج is of خرج, not أخرج."""
    fourth = key(stem.past)
    first = fourth[1:]
    same = key(stem.present) == first and first[0] != "و"
    often = sum(map(uses, (first, first + "ت"))) >= _OFTEN * sum(map(uses, (fourth, fourth + "ت"))) > 0
    return replace(stem, doubtful="".join(_PREFIXES)) if same and often else stem


def _fifth(noun: str) -> Iterator[Stem]:
    if len(noun) == 4 and noun[0] == "ت" and _consonants(noun[1:]):  # noqa: PLR2004 - تفعّل, تصدّي
        word = noun[:2] + noun[2] + SHADDA + _undone(noun[3])
        yield Stem(word, word)


def _sixth(noun: str) -> Iterator[Stem]:
    if len(noun) == 5 and noun[0] == "ت" and noun[2] == "ا" and _consonants(noun[1] + noun[3:]):  # noqa: PLR2004 - تفاعل, تفادي
        word = noun[:-1] + _undone(noun[-1])
        yield Stem(word, word)


def _undone(last: str) -> str:
    """Give the verb's last letter: in forms V and VI ى where the noun ends with ي, أ where it ends with ؤ."""
    return {"ي": "ى", "ؤ": "أ"}.get(last, last)


def _fourth(noun: str) -> Iterator[Stem]:
    if len(noun) != 5 or noun[0] not in "إا" or noun[1] == "ت":  # noqa: PLR2004 - إفعال and إفالة have five letters
        return
    if noun[2] == "ا" and noun[4] == "ة":  # إقالة
        yield Stem("أ" + noun[1:4], noun[1] + "ي" + noun[3], passive=f"أ{noun[1]}ي{noun[3]}", damma=True)
    elif noun[3] == "ا" and noun[0] == "إ":
        made = [*_long("أ" + noun[1:], weak_at=1)]
        if noun[1] == "ي":
            both = [*(made if noun[2] != "و" else ()), *_of_hamza(noun)]  # no root begins with two و
            made = [stem for stem in both if uses("ي" + key(stem.present))] or both
        yield from (_beside_first(_vowelless(stem)) for stem in made)


def _of_hamza(noun: str) -> Iterator[Stem]:
    """Make form IV of a root that begins with a hamza: إيواء, آوى, يؤوي."""
    middle, last = noun[2], noun[4]
    past, present = ("ى", "ي") if last == "ء" else (last, last)
    yield Stem(f"آ{middle}{past}", f"ؤ{middle}{present}")


def _seventh_to_tenth(noun: str) -> Iterator[Stem]:
    if noun[:1] != "ا" or len(noun) < 5:  # noqa: PLR2004 - اتفاق is the shortest
        return
    if noun.startswith("است") and len(noun) == 7 and noun[4] == "ا" and noun[6] == "ة":  # noqa: PLR2004 - استقالة
        yield Stem(noun[:6], noun[1:4] + "ي" + noun[5], passive=f"{noun[:4]}ي{noun[5]}")
    elif noun[-2] == "ا" and _has_infix(noun):
        yield from _long(noun, weak_at=3 if noun.startswith("است") and len(noun) == 7 else 0)  # noqa: PLR2004 - استفعال


def _has_infix(noun: str) -> bool:
    """Tell انفعال, افتعال (اصطدام, ازدياد), اتفاق, استفعال by the letter that makes the form."""
    if len(noun) == 5:  # noqa: PLR2004 - اتفاق
        return noun[1] in "تدط"
    if len(noun) == 6:  # noqa: PLR2004 - انفعال, افتعال
        return noun[1] == "ن" or noun[2] in "تدط"
    return len(noun) == 7 and noun.startswith("است")  # noqa: PLR2004 - استفعال


def _long(noun: str, weak_at: int) -> Iterator[Stem]:
    """Take the long vowel before the last letter out.

    انسحاب, انسحب; إنهاء, أنهى; إرجاء, أرجأ; اجتياح, اجتاح, اجتيح; احتلال, احتلّ; استئناف, استأنف.
    """
    head, last = noun[:-2], noun[-1]
    if weak_at and head[weak_at] in _RESEATED:  # إيفاد, أوفد; استيراد, استورد; استئناف, استأنف
        head = head[:weak_at] + _RESEATED[head[weak_at]] + head[weak_at + 1 :]
    if last == "ء":  # إنهاء is of أنهى, إرجاء of أرجأ: people write أنهت and أرجأت
        both = Stem(head + "ى", head[1:] + "ي"), Stem(head + "أ", head[1:] + HAMZA_SEAT)
        yield from [stem for stem in both if uses(key(_join_past(stem.past, "ت")))] or both
    elif head[-1] == "ي":
        yield Stem(head[:-1] + "ا" + last, head[1:-1] + "ا" + last, passive=head + last)
    else:
        strong = head + (SHADDA if head[-1] == last else last)
        yield Stem(strong, strong[1:])


def _four_letters(noun: str) -> Iterator[Stem]:
    if len(noun) == 5 and noun[-1] == "ة" and noun[0] not in "متأإ" and noun[2] not in "وي" and _consonants(noun[:4]):  # noqa: PLR2004 - سيطرة
        yield Stem(noun[:4], noun[:4])


_SHAPES: Final = (_first, _second, _third, _fourth, _fifth, _sixth, _seventh_to_tenth, _four_letters)


def _candidates(verb: str, *, marked: bool) -> Iterator[str]:
    """Guess the verbal nouns of a verb; `verbal_nouns` keeps those whose verb it really is."""
    for past in _pasts(verb):
        if len(past) == _SHORTEST:
            noun = f"ت{past[:2]}ية" if past[-1] in "ىي" else f"ت{past[:2]}ي{past[2]}"
            if marked or (past != verb and uses(key(noun))):  # يدرّب, without its mark
                yield noun
        if past[0] in "اأآ":
            yield from _long_nouns(past)
        if key(past) in third_form():
            yield from third_form()[key(past)][1]
        if len(past) == _SHORTEST + 1 and past[1] in "او":
            yield f"م{past[0]}ا{past[2]}{'ا' if past[-1] in 'ىي' else past[3]}ة"
        if past[0] == "ت":
            yield from (past[:-1] + last for last in (past[-1], *_REDONE.get(past[-1], "")))
            yield past + "ي"
        if len(past) == _SHORTEST + 1:
            yield past + "ة"


def _long_nouns(past: str) -> Iterator[str]:
    """Guess the verbal nouns of forms IV and VII to X, by all that `_long` undoes."""
    if past[0] == "آ":  # آوى, إيواء
        past = "أي" + past[1:]
    head = ("إ" if past[0] == "أ" else "ا") + past[1:]
    for one in (head, head[:1] + "ي" + head[2:], head[:3] + "ي" + head[4:]):  # أوقف, إيقاف; استولى, استيلاء
        yield one[:-1] + ("اء" if one[-1] in "ىيأئ" else "ا" + one[-1])
    yield head[:-3] + "ئ" + head[-2] + "ا" + head[-1]
    yield head[:-2] + "يا" + head[-1]
    yield head + "ا" + head[-1]
    yield head + "ة"


def _pasts(verb: str) -> Iterator[str]:
    """Undo the persons: ينسحبون, انسحبت, انسحبوا are of انسحب. A present of form IV and of form I look the same."""
    for ending in ("", "ون", "وا", "ان", "تا", "ت", "ا"):
        body = verb.removesuffix(ending) if ending else verb
        if not verb.endswith(ending) or len(body) < _SHORTEST:
            continue
        if body[0] in "يتن" and len(body) > _SHORTEST:
            yield from _of_present(body[1:], dropped=ending[:1] == "و")
        if body[0] != "ي":
            yield body
            if body[-2] == "ي":  # أقيل is of أقال
                yield f"{body[:-2]}ا{body[-1]}"
            if ending in {"ت", "تا", "وا"}:  # استولت is of استولى
                yield body + "ى"


def _of_present(stem: str, *, dropped: bool) -> Iterator[str]:
    """Give the pasts that a present without its prefix may have; ``dropped``: a last ي may be gone before و."""
    for one in (stem, stem + "ي") if dropped else (stem,):
        yield from (one, "ا" + one, "أ" + one)
        if one[0] == "ؤ":  # يؤوي is of آوى
            yield "آ" + one[1:]
        if one[-2:-1] == "ي":  # يستعيد is of استعاد
            yield from (head + one[:-2] + "ا" + one[-1] for head in ("ا", "أ"))
