from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.text.folding import fold, fold_text
from monitor.text.sentences import HEADLINE_LIMIT, headline, paragraphs, sentences

texts = st.text() | st.text(alphabet="اأإآىيةهؤئءبمسـ\u064b\u0651\u0654\u200b\u200fﷺﻻکگ. \n؟12١٢aÉß", max_size=60)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("مُحَمَّد", "محمد"),
        ("الـقـاعـدة", "القاعدة"),
        ("أإآٱا", "ااااا"),
        ("مسؤول مسئول", "مسئول مسئول"),
        ("سئل سيل", "سئل سيل"),
        ("على", "علي"),
        ("قاعدة قاعده", "قاعدة قاعده"),
        ("بناء", "بناء"),
        ("کرکوک ایران", "كركوك ايران"),
        ("پوتین چاد گوگل", "بوتين جاد غوغل"),
        ("ﺑﺸﺎﺭ ﻻ", "بشار لا"),
        ("١٧ ۱۷", "17 17"),
        ("و\u0654", "ئ"),
        ("ا\u0653ب", "اب"),
        ("مح\u200dمد\u200f", "محمد"),
        ("محمد\u200bأحمد", "محمد احمد"),
        ("مح\u200bمد", "محمد"),
        ("Élysée e\u0301 STRASSE ß", "elysee e strasse ss"),
        ("АСАД ё", "асад е"),
        ("\ufe76ب", "ب"),
        ("\u064e", ""),
    ],
)
def test_letters_that_readers_take_as_one_are_one(text: str, folded: str) -> None:
    assert fold(text).text == folded


def test_the_spelling_keeps_what_folding_loses() -> None:
    folded = fold("إلى عَلَى مسؤول US")
    assert folded.spelt == "إلى على مسؤول US"
    assert len(folded.spelt) == len(folded.text)


def test_a_span_holds_all_marks_of_its_letters() -> None:
    text = "قال مُحَمَّدٌ اليوم"
    folded = fold(text)
    at = folded.text.index("محمد")
    start, end = folded.span(at, at + 4)
    assert text[start:end] == "مُحَمَّدٌ"


def test_a_span_of_half_a_ligature_is_the_ligature() -> None:
    assert fold("aﻻb").span(1, 2) == fold("aﻻb").span(2, 3) == (1, 2)


def test_an_empty_span_stands_where_its_letter_would() -> None:
    folded = fold("اب")
    assert (folded.span(1, 1), folded.span(2, 2), fold("").span(0, 0)) == ((1, 1), (2, 2), (0, 0))


@given(texts)
def test_without_the_way_back_a_text_folds_to_the_same(text: str) -> None:
    assert fold_text(text) == fold(text).text


@given(texts)
@example("\u0654")
def test_every_letter_knows_its_place_and_places_never_fall(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.spelt) == len(folded.origin)
    assert list(folded.origin) == sorted(folded.origin)
    for place in range(len(folded.text)):
        start, end = folded.span(place, place + 1)
        assert 0 <= folded.origin[place] == start < end <= len(text)


@given(texts)
def test_folding_twice_changes_nothing(text: str) -> None:
    once = fold(text).text
    assert fold(once).text == once


# --- Sentences


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("وصل الوفد. ثم غادر؟ نعم! انتهى…", ["وصل الوفد.", "ثم غادر؟", "نعم!", "انتهى…"]),
        ("وصل الوفد.ثم غادر", ["وصل الوفد.", "ثم غادر"]),
        ("قال «انتهى.» ثم غادر", ["قال «انتهى.»", "ثم غادر"]),
        ("ارتفع 3.5 بالمئة", ["ارتفع 3.5 بالمئة"]),
        ("قال د. محمد ذلك", ["قال د. محمد ذلك"]),
        ("Mr. Smith and J. Doe of the U.S. Army left. They ran.", None),
        ("See example.com/a.b now. Then go.", ["See example.com/a.b now.", "Then go."]),
        ("ارتفع 95.\u200f56 بالمئة", ["ارتفع 95.\u200f56 بالمئة"]),
        ("اردو جملہ۔ دوسرا", ["اردو جملہ۔", "دوسرا"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_end_where_readers_stop(text: str, found: list[str] | None) -> None:
    expected = ["Mr. Smith and J. Doe of the U.S. Army left.", "They ran."] if found is None else found
    assert [text[start:end] for start, end in sentences(text)] == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("فقرة أولى\n\nفقرة ثانية", ["فقرة أولى", "فقرة ثانية"]),
        ("فقرة أولى.\nفقرة ثانية.", ["فقرة أولى.", "فقرة ثانية."]),
        ("سطر يلتف في وسط الكلام\nويمضي في السطر التالي له", ["سطر يلتف في وسط الكلام\nويمضي في السطر التالي له"]),
        ("عنوان\nوهذا نص طويل جدا يتبع العنوان القصير", ["عنوان", "وهذا نص طويل جدا يتبع العنوان القصير"]),
        ("أول\r\n \t\r\nثان", ["أول", "ثان"]),
        ("فقرة تنتهي هنا\u2029وتبدأ أخرى هنا", ["فقرة تنتهي هنا", "وتبدأ أخرى هنا"]),
        ("صفحة تنتهي هنا\fوتبدأ أخرى هنا", ["صفحة تنتهي هنا", "وتبدأ أخرى هنا"]),
        ("سطر ينتهي هنا\u2028ويمضي هنا", ["سطر ينتهي هنا\u2028ويمضي هنا"]),
        ("سطر ينتهي هنا\u2028\u2028وتبدأ فقرة", ["سطر ينتهي هنا", "وتبدأ فقرة"]),
        ("\n\n", []),
    ],
)
def test_paragraphs_end_at_blank_lines_and_after_sentences_but_not_where_lines_wrap(
    text: str, found: list[str]
) -> None:
    assert [text[start:end] for start, end in paragraphs(text)] == found


@given(texts)
def test_sentences_lie_in_paragraphs_and_leave_no_letter_out(text: str) -> None:
    outer, inner = paragraphs(text), sentences(text)
    assert all(any(start <= first and last <= end for start, end in outer) for first, last in inner)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(inner))
    inside = "".join(text[start:end] for start, end in inner)
    assert [char for char in inside if char.isalnum()] == [char for char in text if char.isalnum()]


def test_a_headline_is_the_first_sentence_on_one_line() -> None:
    assert headline("وصل الوفد الكبير\nإلى العاصمة. ثم غادر") == "وصل الوفد الكبير إلى العاصمة."
    assert headline("") == ""


@given(texts | st.text(alphabet="ab ،.", min_size=100, max_size=300), st.integers(1, HEADLINE_LIMIT))
def test_a_headline_is_cut_at_a_word(text: str, limit: int) -> None:
    line = headline(text, limit)
    whole = " ".join(text[slice(*next(iter(sentences(text)), (0, 0)))].split())
    assert len(line) <= limit
    assert whole.startswith(line)
    assert "\n" not in line
