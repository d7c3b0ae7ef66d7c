from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import How
from monitor.text import latin
from monitor.text.arabic import agree, cuts, has_article, marks_agree
from monitor.text.families import closed_family, family
from monitor.text.lexicon import is_listed, key, plurals
from monitor.text.names import are_variants, distance, is_ordinary, skeleton


def spelt(word: str) -> set[str]:
    return {form.spelt for form in family(word)}


@pytest.mark.parametrize(
    ("word", "body", "article"),
    [
        ("وبالأسلحة", "أسلحة", True),
        ("للبنان", "لبنان", False),
        ("للاذقية", "لاذقية", True),
        ("لتسليمه", "تسليم", False),
        ("وسيعلن", "يعلن", False),
        ("فالقاعدة", "قاعدة", True),
        ("قاعده", "قاعدة", False),
        ("كإيران", "إيران", False),
    ],
)
def test_a_word_is_taken_apart_by_the_closed_list(word: str, body: str, article: bool) -> None:
    assert (body, article) in {(cut.body, cut.article) for cut in cuts(word)}


@pytest.mark.parametrize("word", ["والد", "كتاب", "فروسية", "لسان"])
def test_words_that_begin_like_a_particle_stand_whole(word: str) -> None:
    assert {cut.body.replace("ة", "ه") for cut in cuts(word)} == {word.replace("ة", "ه")}


def test_the_least_cut_comes_first() -> None:
    assert cuts("بالقاعدة")[0].body == "بالقاعدة"


def test_a_cut_off_particle_is_always_taken() -> None:
    assert {cut.particle for cut in cuts("قسد", "ل")} == {"ل"}


def test_a_cut_off_particle_leaves_the_article_its_letter() -> None:
    assert ("ل", True, "قاعدة") in {(cut.particle, cut.article, cut.body) for cut in cuts("القاعدة", "ل")}
    assert ("و", "ل", True, "قاعدة") in {
        (cut.joint, cut.particle, cut.article, cut.body) for cut in cuts("القاعدة", "ول")
    }


@pytest.mark.parametrize(
    ("word", "has"), [("الأسد", True), ("ألمانيا", False), ("إلهام", False), ("الله", False), ("الم", False)]
)
def test_the_article_is_told_from_its_look_alikes(word: str, has: bool) -> None:
    assert has_article(word) is has


@pytest.mark.parametrize(
    ("form", "body", "same"),
    [
        ("إيران", "ايران", True),
        ("إعداد", "أعداد", False),
        ("علي", "على", False),
        ("على", "علي", False),
        ("علي", "علی", True),
        ("مستشفى", "مستشفي", True),
        ("مسؤول", "مسئول", True),
    ],
)
def test_letters_as_written_may_forbid(form: str, body: str, same: bool) -> None:
    assert agree(form, body) is same


def test_a_short_word_after_a_particle_must_show_its_hamza() -> None:
    assert not agree("أسد", "اسد", cut=True)
    assert agree("أسد", "أسد", cut=True)
    assert agree("إيران", "ايران", cut=True)


def test_marks_count_where_both_sides_carry_them() -> None:
    assert marks_agree(("", "\u0651", ""), ())
    assert marks_agree(("", "\u0651", ""), ("\u064e", "\u0651\u064e", "\u064f"))
    assert not marks_agree(("", "\u0651", ""), ("", "\u064e", ""))
    assert not marks_agree(("\u064f", "", ""), ("\u064e", "", ""))


# --- Families


@pytest.mark.parametrize(
    ("word", "has", "has_not"),
    [
        ("قاعدة", "قواعد قاعدتا قاعدتي قاعدتان قاعدات", "قائد قاعة"),
        ("وزير", "وزراء وزيرة وزيري وزيران وزيرات", "وزارة تزوير"),
        ("مقاتل", "مقاتلو مقاتلين مقاتلون مقاتلة", "مقال قتال"),
        ("تسليم", "سلمت سلموا يسلم يسلمون", "يتسلم إسلام سليم أسلم"),
        ("انسحاب", "انسحب ينسحبون انسحبت", "سحب"),
        ("إقالة", "أقال يقيل أقالت", "استقال قال"),
        ("استيلاء", "استولى يستولي استولت استولوا", "ولي"),
        ("سوريا", "سوري سورية سوريين", "سور"),
        ("روسي", "روس روسية روسيا", "دروس"),
        ("حزب", "أحزاب حزبي حزبين", "حرب"),
        ("مدرسة", "مدارس مدرستان", "مدرس"),
    ],
)
def test_a_family_has_its_members_and_no_others(word: str, has: str, has_not: str) -> None:
    assert set(has.split()) <= spelt(word)
    assert not set(has_not.split()) & spelt(word)


def test_listed_plurals_work_both_ways() -> None:
    pairs = sorted((one, many) for rows in plurals().values() for one, many in rows)
    assert not [(one, many) for one, many in pairs if many not in spelt(one) or one not in spelt(many)]


@pytest.mark.parametrize(
    ("noun", "verb"),
    [
        ("تسليم", "سلّم"),
        ("انسحاب", "انسحب"),
        ("اعتقال", "اعتقلت"),
        ("استخدام", "استخدموا"),
        ("إعلان", "أعلن"),
        ("تفاوض", "يتفاوضون"),
        ("انتهاء", "انتهى"),
        ("استقالة", "استقال"),
        ("احتلال", "احتلت"),
        ("سيطرة", "سيطر"),
    ],
)
def test_verbal_noun_and_verb_find_each_other(noun: str, verb: str) -> None:
    assert key(verb) in {form.key for form in family(noun)}
    assert noun in spelt(verb)


@pytest.mark.parametrize(
    ("word", "form", "marks"),
    [
        ("مَدرسة", "مدرستان", ("\u064e", "", "", "", "", "", "")),
        ("مَدرسة", "مدارس", ()),
        ("مُدرِّسات", "مدرس", ("\u064f", "", "\u0650\u0651", "")),
        ("مِصر", "مصرية", ("\u0650", "", "", "", "")),
        ("قَتْل", "قتلت", ()),
    ],
)
def test_a_written_word_gives_its_marks_to_the_forms_that_only_end_otherwise(
    word: str, form: str, marks: tuple[str, ...]
) -> None:
    found = {one.marks for one in family(word) if one.spelt == form}
    assert found == {marks}


def test_a_closed_family_keeps_the_marks_of_its_name() -> None:
    assert {one.marks[0] for one in closed_family("حُوثيّ")} == {"\u064f"}


def test_form_two_is_vowelled_in_both_voices() -> None:
    vowels = {one.marks for one in family("تسليم") if one.spelt == "سلم"}
    assert vowels == {("\u064e", "\u064e\u0651", ""), ("\u064f", "\u0650\u0651", "")}


def test_how_a_form_was_made_is_on_it() -> None:
    how = {form.spelt: form.how for form in family("تسليم")}
    assert (how["تسليم"], how["تسليمات"], how["يسلم"]) == (How.EXACT, How.INFLECTED, How.DERIVED)


def test_a_closed_family_has_no_broken_plural_nisba_or_feminine() -> None:
    assert {form.spelt for form in closed_family("حوثي")} == {"حوثي", "حوثيون", "حوثيين", "حوثيان", "حوثين"}
    assert {form.spelt for form in closed_family("أسد")} == {"أسد"}


def test_a_list_knows_a_final_alef_maqsura() -> None:
    assert is_listed("على", "function_words")
    assert not is_listed("على", "given_names")
    assert is_listed("علي", "given_names")
    assert is_listed("ابراهيم", "given_names")


@given(st.text(alphabet="ابتسلمنهوييةىءأإآؤئكفرقدع", min_size=1, max_size=12))
def test_any_word_has_a_family_that_it_belongs_to(word: str) -> None:
    forms = family(word)
    assert forms[0].spelt == word
    assert forms[0].how is How.EXACT
    assert all(form.spelt for form in forms)
    assert cuts(word)


# --- Names


@pytest.mark.parametrize(
    ("name", "other"),
    [("ترامب", "ترمب"), ("نتنياهو", "نتانياهو"), ("غورباتشوف", "جورباتشوف"), ("غوغل", "جوجل"), ("لافروف", "لافرووف")],
)
def test_spellings_of_one_name_are_variants(name: str, other: str) -> None:
    assert are_variants(name, other)
    assert skeleton(name) == skeleton(other)


@pytest.mark.parametrize(
    ("name", "other"), [("بوتين", "بوتان"), ("ترامب", "ترام"), ("كوري", "سوري"), ("حسن", "حسين"), ("عدن", "مدن")]
)
def test_other_names_and_words_are_none(name: str, other: str) -> None:
    assert not are_variants(name, other)


@pytest.mark.parametrize(
    "word",
    ["زار", "زارت", "يلتقي", "ينفي", "استقبل", "انسحبت", "تسليم", "وزير", "قرب", "سوري", "مع", "وعلي", "لدمشق"],
)
def test_listed_words_verbs_and_verbal_nouns_are_ordinary(word: str) -> None:
    assert is_ordinary(word)


@pytest.mark.parametrize("word", ["حسين", "جعفر", "طلعت", "دياب", "يزيد", "توفيق", "كمال", "وحيد", "مخلوف", "حميدي"])
def test_names_are_not_ordinary_though_they_look_like_words(word: str) -> None:
    assert not is_ordinary(word)


@given(*[st.text(alphabet="ابتسجغقكوييهعرل", min_size=1, max_size=9)] * 2)
def test_distance_is_zero_for_equal_names_only(one: str, other: str) -> None:
    assert distance(one, one) == 0
    assert (distance(one, other) > 0) is (one != other)


# --- Other scripts


def test_capitals_of_up_to_five_letters_are_acronyms() -> None:
    assert latin.is_acronym("SDF")
    assert not any(map(latin.is_acronym, ["Sdf", "A", "UNESCO"]))


def test_english_words_share_a_stem() -> None:
    assert latin.stem("extradited") == latin.stem("extradites")
    assert latin.stem("port") != latin.stem("portal")
    assert latin.stem("assad's") == latin.stem("assad")
